"""A model server: TensorFlow Serving's REST protocol, verdicts on videos, and a web page, in one process."""
