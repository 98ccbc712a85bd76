"""A clip goes in, a verdict comes out: `predict` is the command, `server` the web server with its `page`."""
