"""Import TensorFlow without what its libraries write to standard error before any log level applies."""

import logging
import os
import sys
import tempfile
from types import ModuleType

from commands.memory_limits import check_memory_limits


def import_tensorflow() -> ModuleType:
    """Import TensorFlow and return it; if the import fails, show what it wrote.

    Raises:
        InputError: this process may not take the memory that TensorFlow needs.
    """
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    check_memory_limits()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")  # as `faces` needs it before the first operation
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as hidden:
        os.dup2(hidden.fileno(), 2)
        try:
            import tensorflow
        except Exception:  # but not an interruption, of which the import knows nothing
            hidden.seek(0)
            os.write(stderr, hidden.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
    logging.getLogger("absl").setLevel(logging.WARNING)  # MirroredStrategy's list of devices, which the trainer reports
    logging.getLogger("tensorflow").setLevel(logging.WARNING)
    module: ModuleType = tensorflow
    return module
