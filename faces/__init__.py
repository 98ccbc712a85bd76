"""A video or picture in, aligned faces out."""
