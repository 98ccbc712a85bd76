"""Arithmetic on boxes as in the mtcnn package, in NumPy and float64.

Scores near 1 are often equal to the last bit, and then the order of a sort decides which box stays. To give the
package's boxes, this module sorts as the package does.
"""

import numpy as np


def suppress(rows: np.ndarray, threshold: float, of_smaller: bool = False) -> np.ndarray:
    """Drop every box that a better one of the same frame overlaps by more than `threshold`.

    A box is dropped even if the better one is dropped itself: this is the package's rule, not the usual greedy one.

    Args:
        rows: frame, x1, y1, x2, y2, score and more, float64 [k, 6 or more].
        threshold: share of the intersection in the union, or in the smaller of the two boxes.
        of_smaller: take the share in the smaller box.

    Returns:
        The rows that are left, frame by frame, the best first.
    """
    kept = [rows[:0]]
    for frame in np.unique(rows[:, 0]):
        of_frame = rows[rows[:, 0] == frame]
        of_frame = of_frame[np.argsort(of_frame[:, 5])[::-1]]
        kept.append(of_frame[~_overlapped(of_frame[:, 1:5], threshold, of_smaller)])
    return np.concatenate(kept)


def _overlapped(boxes: np.ndarray, threshold: float, of_smaller: bool, block: int = 512) -> np.ndarray:
    """Tell which boxes are overlapped by an earlier one; in blocks, so that a crowd needs no square matrix.

    Args:
        boxes: x1, y1, x2, y2, float64 [k, 4].
        threshold: see `suppress`.
        of_smaller: see `suppress`.
        block: boxes at a time.

    Returns:
        bool [k].
    """
    found = np.zeros(len(boxes), bool)
    x1, y1, x2, y2 = boxes.T.copy()
    area = (x2 - x1) * (y2 - y1)
    for start in range(0, len(boxes), block):
        part, before = slice(start, start + block), slice(0, start + block)
        shared = np.minimum(x2[part, None], x2[before])
        shared -= np.maximum(x1[part, None], x1[before])
        np.maximum(shared, 0, out=shared)
        height = np.minimum(y2[part, None], y2[before])
        height -= np.maximum(y1[part, None], y1[before])
        shared *= np.maximum(height, 0, out=height)
        whole = np.minimum(area[part, None], area[before])
        if not of_smaller:
            whole = area[part, None] + area[before] - shared
        earlier = np.tri(len(shared), shared.shape[1], start - 1, dtype=bool)
        found[part] = ((shared > threshold * whole) & earlier).any(axis=1)
    return found


def square(rows: np.ndarray) -> np.ndarray:
    """Grow each box to a square around its centre; rows as in `suppress`."""
    corner, sides = rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3]
    side = sides.max(axis=1, keepdims=True)
    corner = corner + 0.5 * sides - 0.5 * side
    return np.column_stack([rows[:, 0], corner, corner + side, rows[:, 5:]])


def adjust(boxes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Move corners by offsets in shares of the sides.

    Args:
        boxes: x1, y1, x2, y2, float64 [k, 4].
        offsets: of the same corners, [k, 4].
    """
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    moved: np.ndarray = boxes + offsets * np.concatenate([sides, sides], axis=1)
    return moved
