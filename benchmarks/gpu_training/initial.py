"""Write the ImageNet weights of EfficientNet-Lite0 as arrays that the torch network reads.

python -m benchmarks.gpu_training.initial --out=PACK
"""

import argparse
import os

import numpy as np

from benchmarks.gpu_training.crops import INITIAL


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Write the ImageNet weights as arrays for the torch network.")
    parser.add_argument("--out", required=True, help="folder that goes to the machine with the GPU")
    options = parser.parse_args()
    from model.backbones import LITE, create_backbone
    from model.pretrained import initialize

    backbone = create_backbone(LITE, 224)
    initialize(backbone, "imagenet")
    os.makedirs(options.out, exist_ok=True)
    np.savez(os.path.join(options.out, INITIAL), **{v.path: v.numpy() for v in backbone.variables})


if __name__ == "__main__":
    main()
