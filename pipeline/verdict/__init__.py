"""One clip or picture of a user's: what a model says of it, how sure it is, and what it saw."""
