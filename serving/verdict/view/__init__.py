"""A verdict to look at: its JSON with pictures, and an HTML report that holds everything."""
