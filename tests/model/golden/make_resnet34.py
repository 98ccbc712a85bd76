"""Write resnet34.json: what timm's ResNet-34 makes of one image with weights that anybody can redraw.

    pip install torch==2.13.0 timm==1.0.31 safetensors huggingface_hub pyyaml pillow tqdm  # in its own environment
    python tests/model/golden/make_resnet34.py

The tests draw the same weights by `drawn_weights.py`, write them as a safetensors file and load that; they need no
torch.
"""

import json
import pathlib
import sys
import types

import numpy as np
from drawn_weights import draw_weights  # beside this file

IMAGE_SIZE = 96


def draw_image():
    """A normalised image, float32 [96, 96, 3]."""
    return np.random.default_rng(0).normal(size=(IMAGE_SIZE, IMAGE_SIZE, 3)).astype(np.float32)


def stub_torchvision():
    """timm imports torchvision for its data loading; its networks need none of it."""

    class Named(type):  # its attributes are their own names, as those of an enumeration
        def __getattr__(cls, name):
            return name

    class Anything(types.ModuleType):
        def __getattr__(self, name):
            if name.startswith("__"):
                raise AttributeError(name)
            return Named(name, (), {"__init__": lambda self, *args, **kwargs: None})

    names = ["", ".datasets", ".models", ".ops", ".ops.misc", ".transforms", ".transforms.functional", ".utils"]
    for name in [f"torchvision{part}" for part in names]:
        sys.modules[name] = Anything(name)
        sys.modules[name].__path__ = []
    for name in names[1:]:
        parent, _, child = f"torchvision{name}".rpartition(".")
        setattr(sys.modules[parent], child, sys.modules[f"torchvision{name}"])


def main():
    """Write the file."""
    stub_torchvision()
    import timm
    import torch

    network = timm.create_model("resnet34", pretrained=False, num_classes=0).eval()
    shapes = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    weights = {name: torch.tensor(values) for name, values in draw_weights(shapes).items()}
    missing = network.load_state_dict(weights, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing), missing
    image = torch.tensor(draw_image()).permute(2, 0, 1)[None]
    with torch.no_grad():
        maps = network.forward_features(image)
        feature = network(image)
    path = pathlib.Path(__file__).with_name("resnet34.json")
    golden = {
        "made_by": "make_resnet34.py",
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "feature": feature[0].tolist(),
        "features[0, 1, 2, :64]": maps[0, :64, 1, 2].tolist(),
    }
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
