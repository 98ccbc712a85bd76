"""Measure trained weights with Keras on TensorFlow: the same figures, and pictures that were compressed.

    python -m benchmarks.gpu_training.verify --weights=DETECTORS/weights_gentle_s0.npz --data=DIR --pack=PACK

    python -m benchmarks.gpu_training.verify --weights=DETECTORS/weights_gentle_s0.npz --save=gentle.keras

Unlike on the GPU, a picture is compressed before the face is cut out of it, with the landmarks of the clean picture.
"""

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.gpu_training import measures
from benchmarks.gpu_training.crops import CROP, INDEX, decode

if TYPE_CHECKING:
    from model.detector import DeepfakeDetector


def load_detector(path: str, size: int) -> "DeepfakeDetector":
    """Build the project's detector and assign weights by name.

    Args:
        path: of the weights, as `candidates` writes them.
        size: of the network's input, pixels.

    Raises:
        ValueError: the file lacks a weight, or has too many.
    """
    from model.backbones import LITE
    from model.detector import DeepfakeDetector
    from model.recipes import get_recipe

    detector = DeepfakeDetector(get_recipe("paper", backbone=LITE, image_size=size))
    with np.load(path) as file:
        arrays = {name: file[name].astype(np.float32) for name in file.files}
    variables = {v.path: v for v in detector.backbone.variables} | {"real_center": detector.center}
    for name in ("embedding", "classifier"):
        layer = getattr(detector, name)
        variables |= {f"{name}/kernel": layer.kernel, f"{name}/bias": layer.bias}
    if variables.keys() != arrays.keys():
        raise ValueError(f"{path}: other weights than the detector's: {sorted(variables.keys() ^ arrays.keys())[:3]}")
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return detector


def scores_of(detector: "DeepfakeDetector") -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a function of crops [n, 256, 256, 3], 0-255, to (logits, similarities to the centre), float [n]."""

    def outputs(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = [detector(crops[k : k + 32]) for k in range(0, len(crops), 32)]
        logit, similarity = (
            np.concatenate([part[key].numpy() for part in parts]) for key in ("logit", "center_similarity")
        )
        return logit, similarity

    return outputs


def _jpeg(quality: int) -> Callable[[np.ndarray], np.ndarray]:
    def compress(image: np.ndarray) -> np.ndarray:
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return decode(encoded)

    return compress


def _half(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR))


# Of the picture as it came, before the face is cut out.
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "clean": lambda image: image,
    "jpeg75": _jpeg(75),
    "jpeg50": _jpeg(50),
    "half": _half,
    "blur1.5": lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5)),
}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Measure trained weights with Keras on TensorFlow.")
    parser.add_argument("--weights", required=True, help="what candidates wrote")
    parser.add_argument("--data", help="folder of the pictures; without it, nothing is measured")
    parser.add_argument("--pack", help="folder of the packed crops; goes with --data")
    parser.add_argument("--save", metavar="FILE.keras", help="also write the detector, to go on from with model.train")
    parser.add_argument("--size", type=int, default=224, help="of the network's input (default: %(default)s)")
    every = ["val:clean", "test:clean", *(f"val:{name}" for name in CHANGES if name != "clean")]
    parser.add_argument("--what", nargs="+", default=every, help="split:change (default: %(default)s)")
    options = parser.parse_args()
    detector = load_detector(options.weights, options.size)
    if options.save:
        detector.save(options.save)
        print(f"{options.save}: --initial_weights of model.train")
    outputs = scores_of(detector)
    if not options.data:
        return
    with np.load(os.path.join(options.pack, INDEX)) as file:
        index = {name: file[name] for name in ("split", "label", "found", "path", "to_crop")}
    for what in options.what:
        split, name = what.split(":")
        rows = np.flatnonzero((index["split"] == split) & index["found"])
        crops = []
        for path, matrix in zip(index["path"][rows], index["to_crop"][rows].astype(float), strict=True):
            picture = CHANGES[name](decode(np.fromfile(os.path.join(options.data, path), np.uint8)))
            crops.append(cv2.warpAffine(picture, matrix, (CROP, CROP), flags=cv2.INTER_LINEAR)[:, :, ::-1])
        label = index["label"][rows].astype(int)
        logit, similarity = outputs(np.stack(crops))
        print(
            f"{split} {name}: AUC {measures.auc(label, logit):.4f}, by centre {measures.auc(label, -similarity):.4f}, "
            f"ACC {np.mean((logit > 0) == label):.4f}, EER {measures.equal_error_rate(label, logit):.4f}, "
            f"TPR at 1 % {measures.true_positive_rate(label, logit):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
