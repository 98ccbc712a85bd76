"""Find the landmarks of face crops with the project's detector.

    python -m benchmarks.gpu_training.landmarks --data=DIR --train A/train.csv --val A/val.csv --out=landmarks.npz

One core takes 60 to 180 crops a second. A crop in which no face is found, even at half the usual size, keeps NaN, and
`pack` marks it.
"""

import argparse
import csv
import os
from collections.abc import Sequence

import numpy as np

from benchmarks.gpu_training.crops import decode

FACE_SIZES = (39.8, 20.0)  # the smallest face to look for, pixels: the usual one, then half of it where none was found
CHUNK = 64


def read_lists(data: str, lists: Sequence[tuple[str, str]]) -> dict[str, np.ndarray]:
    """Read the lists of crops.

    Args:
        data: the folder to which the lists are relative.
        lists: (split, CSV file).

    Returns:
        `path` relative to `data`, `split` and `original`, str [n]; `label`, 0 or 1, [n].
    """
    rows = []
    for split, name in lists:
        with open(os.path.join(data, name), newline="") as stream:
            for row in csv.DictReader(stream):
                path = os.path.join(os.path.dirname(name), row["path"])
                rows.append((path, split, row["original"], row["label"] == "fake"))
    columns = (np.array(column) for column in zip(*rows, strict=True))
    lists_of = dict(zip(("path", "split", "original", "label"), columns, strict=True))
    return lists_of | {"label": lists_of["label"].astype(np.int8)}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Find the landmarks of face crops with the project's detector.")
    parser.add_argument("--data", required=True, help="folder of the crops and their lists")
    parser.add_argument("--train", nargs="+", required=True, help="CSV files, relative to --data")
    parser.add_argument("--val", nargs="+", required=True, help="likewise, for validation")
    parser.add_argument("--out", required=True, help="file to write")
    options = parser.parse_args()
    from faces.detector import MtcnnDetector

    lists = read_lists(
        options.data, [("train", name) for name in options.train] + [("val", name) for name in options.val]
    )
    count = len(lists["path"])
    score, points = np.full(count, np.nan, np.float32), np.full((count, 5, 2), np.nan, np.float32)
    detector = MtcnnDetector()
    for start in range(0, count, CHUNK):
        left = list(range(start, min(start + CHUNK, count)))
        pictures = {place: _read(os.path.join(options.data, lists["path"][place])) for place in left}
        for face_size in FACE_SIZES:
            if not left:
                break
            found = detector.detect(np.stack([pictures[place] for place in left]), face_size)
            for place, faces in zip(left, found, strict=True):
                if faces:
                    face = max(faces, key=lambda each: each.score * each.box[2] * each.box[3])
                    score[place], points[place] = face.score, face.landmarks
            left = [place for place in left if np.isnan(score[place])]
        print(f"{min(start + CHUNK, count)} of {count}", flush=True)
    np.savez(options.out, allow_pickle=False, score=score, landmarks=points, **lists)


def _read(path: str) -> np.ndarray:
    """Read a picture, RGB uint8 [height, width, 3]."""
    return np.ascontiguousarray(decode(np.fromfile(path, np.uint8))[:, :, ::-1])


if __name__ == "__main__":
    main()
