"""Pack face crops for the machine with the GPU: parts of JPEG bytes as they are, and one index with the geometry.

python -m benchmarks.gpu_training.pack --data=DIR --landmarks=landmarks.npz --held_out_from=B --out=PACK
"""

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np
from skimage.transform import SimilarityTransform

from benchmarks.gpu_training.crops import INDEX
from benchmarks.gpu_training.geometry import invert, lifted_template


def hold_out(
    split: np.ndarray, label: np.ndarray, original: np.ndarray, eligible: np.ndarray, found: np.ndarray, count: int
) -> np.ndarray:
    """Keep one real and one fake of some originals from training, for a test set.

    The originals are the first by the SHA-256 of their names, so that the choice repeats anywhere.

    Args:
        split: as listed, str [n].
        label: 0 or 1, [n].
        original: of each crop, str [n].
        eligible: where originals may be taken from, boolean [n].
        found: where the detector sees a face; such crops are preferred, boolean [n].
        count: how many originals.

    Returns:
        The split with "test" for the chosen crops and "spare" for further crops of the same originals, str [n].
    """
    split = split.astype("U5")
    names = sorted(np.unique(original[eligible]), key=lambda name: hashlib.sha256(name.encode()).digest())
    for name in names[:count]:
        rows = np.flatnonzero(eligible & (original == name))
        split[rows] = "spare"
        for value in (0, 1):
            of_class = rows[label[rows] == value]
            with_face = of_class[found[of_class]]
            split[(with_face if len(with_face) else of_class)[:1]] = "test"
    return split


def maps_to_crop(landmarks: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the similarity of each picture to its aligned crop.

    Args:
        landmarks: float [n, 5, 2], pixels of the picture.
        found: where there are any, boolean [n]. Elsewhere the median of the others stands in.

    Returns:
        float64 [n, 2, 3].
    """
    goal, usual = lifted_template(), np.median(landmarks[found], 0)
    filled = np.where(found[:, None, None], landmarks, usual).astype(np.float64)
    return np.array([SimilarityTransform.from_estimate(own, goal).params[:2] for own in filled])


def pack(data: str, landmarks: str, held_out_from: str, held_out: int, parts: int, out: str) -> dict[str, int]:
    """Write the parts and the index.

    Args:
        data: folder of the crops.
        landmarks: file of `benchmarks.gpu_training.landmarks`.
        held_out_from: folder within `data` whose originals are held out.
        held_out: how many of them.
        parts: number of parts, of about as many bytes each.
        out: folder to write to.

    Returns:
        How many crops each split has.
    """
    with np.load(landmarks) as seen:
        path, label, original, points = (seen[key] for key in ("path", "label", "original", "landmarks"))
        found, listed = np.isfinite(seen["score"]), seen["split"]
    eligible = np.char.startswith(path, held_out_from.rstrip("/") + "/")
    split = hold_out(listed, label, original, eligible, found, held_out)
    maps = maps_to_crop(points, found)
    contents = [Path(data, name).read_bytes() for name in path]
    length = np.array([len(content) for content in contents])
    part = np.minimum(np.cumsum(length) * parts // length.sum(), parts - 1)
    start = np.zeros(len(path), np.int64)
    os.makedirs(out, exist_ok=True)
    for number in range(parts):
        rows = np.flatnonzero(part == number)
        start[rows] = np.cumsum(length[rows]) - length[rows]
        with open(os.path.join(out, f"part-{number}.bin"), "wb") as stream:
            stream.writelines(contents[row] for row in rows)
    np.savez_compressed(
        os.path.join(out, INDEX), path=path, label=label, original=original, split=split, found=found, part=part,
        start=start, length=length, to_crop=maps.astype(np.float32), to_source=invert(maps).astype(np.float32),
    )  # fmt: skip
    return {str(name): int((split == name).sum()) for name in np.unique(split)}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Pack face crops for the machine with the GPU.")
    for name in ("data", "landmarks", "held_out_from", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--held_out", type=int, default=1000, help="originals kept from training (default: 1000)")
    parser.add_argument("--parts", type=int, default=3)
    print(pack(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
