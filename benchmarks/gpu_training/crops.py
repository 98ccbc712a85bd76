"""The face crops on the machine with the GPU: packed by `pack`, unpacked here, held in the GPU's memory."""

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

if TYPE_CHECKING:
    import torch

SOURCE, CROP = 224, 256  # sides of the pictures as they come, and aligned
INDEX, INITIAL = "index.npz", "lite0.npz"


def unpack(folder: str, part: int, workers: int = 16) -> int:
    """Decode and align one part, as the project's own extraction does.

    Writes `source-<part>.npy` and `aligned-<part>.npy` beside `part-<part>.bin`, uint8 [n, side, side, 3].

    Args:
        folder: of the pack.
        part: its number.
        workers: processes.

    Returns:
        How many crops it holds.
    """
    with np.load(os.path.join(folder, INDEX)) as index:
        count = int((index["part"] == part).sum())
    for name, side in (("source", SOURCE), ("aligned", CROP)):
        path = os.path.join(folder, f"{name}-{part}.npy")
        np.lib.format.open_memmap(path, "w+", np.uint8, (count, side, side, 3)).flush()
    pieces = np.array_split(np.arange(count), workers)
    # Not forked: OpenCV's threads do not survive that.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_unpack_piece, [folder] * workers, [part] * workers, pieces))
    return count


def decode(encoded: np.ndarray) -> np.ndarray:
    """Decode the bytes of a picture, uint8 [n], to BGR uint8 [height, width, 3].

    Raises:
        ValueError: they are not a picture.
    """
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("not a picture that OpenCV can decode")
    return np.asarray(picture)


def _unpack_piece(folder: str, part: int, piece: np.ndarray) -> None:
    cv2.setNumThreads(1)
    with np.load(os.path.join(folder, INDEX)) as index:
        rows = np.flatnonzero(index["part"] == part)
        start, length, matrix = index["start"][rows], index["length"][rows], index["to_crop"][rows]
    packed = np.memmap(os.path.join(folder, f"part-{part}.bin"), np.uint8, "r")
    source, aligned = (
        np.load(os.path.join(folder, f"{name}-{part}.npy"), mmap_mode="r+") for name in ("source", "aligned")
    )
    for k in piece:
        image = decode(np.asarray(packed[start[k] : start[k] + length[k]]))[:, :, ::-1]
        source[k] = image
        aligned[k] = cv2.warpAffine(image, matrix[k].astype(np.float64), (CROP, CROP), flags=cv2.INTER_LINEAR)


class Crops:
    """The crops of some parts.

    Args:
        folder: of the pack.
        parts: their numbers; all by default.

    Attributes:
        label: 0 or 1, [n].
        original: name of each crop's original, str [n].
        split: "train", "val", "test" or "spare", str [n].
        found: where the detector sees a face, boolean [n].
        to_source: maps from pixels of the aligned crop to pixels of the source, float32 [n, 2, 3].
    """

    def __init__(self, folder: str, parts: Sequence[int] | None = None) -> None:
        with np.load(os.path.join(folder, INDEX)) as index:
            self.folder = folder
            self.parts = sorted(np.unique(index["part"]).tolist()) if parts is None else list(parts)
            rows = np.concatenate([np.flatnonzero(index["part"] == part) for part in self.parts])
            self.label, self.original = index["label"][rows].astype(int), index["original"][rows]
            self.split, self.found = index["split"][rows], index["found"][rows]
            self.to_source = index["to_source"][rows].astype(np.float32)

    def load(self, kind: Literal["source", "aligned"], device: str) -> "torch.Tensor":
        """Return all pixels, uint8 [n, side, side, 3], on the device."""
        import torch

        return torch.cat([torch.from_numpy(self.pixels(kind, part)).to(device) for part in self.parts])

    def pixels(self, kind: Literal["source", "aligned"], part: int) -> np.ndarray:
        """Return the pixels of one part, uint8 [n, side, side, 3]."""
        return np.asarray(np.load(os.path.join(self.folder, f"{kind}-{part}.npy")))

    def rows(self, split: str, found_only: bool = True) -> np.ndarray:
        """Return the positions of a split, by default of those with a face."""
        chosen = self.split == split
        return np.flatnonzero(chosen & self.found if found_only else chosen)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Decode and align one part of a pack.")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--part", type=int, required=True)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    print(f"part {options.part}: {unpack(options.folder, options.part, options.workers)} crops")


if __name__ == "__main__":
    main()
