"""A clip in, a verdict out: the command, the server and its page share one judge."""
