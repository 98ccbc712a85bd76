"""The error that a user can fix."""


class InputError(ValueError):
    """Something is wrong that the user can fix: the message names the file or field, what is wrong, and the cure."""
