"""A video or picture in, aligned faces out."""

import os

# TensorFlow reads it before its first operation: sessions may have thread pools of their own, see `faces.one_thread`.
os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")
