"""Arithmetic on boxes as the mtcnn package does it, in NumPy and float64.

Scores near 1 are often equal to the last bit, and then the order of a sort decides which box stays: to give the package's
boxes, this uses the package's own sort.
"""

import numpy as np


def suppress(rows, threshold, of_smaller=False):
    """Drop every box that a better one of the same frame overlaps by more than `threshold`; the best come first.

    A box goes even where the better one is dropped itself: the package's rule, and not the usual greedy one.

    Args:
        rows: float64 [k, 6 or more]: frame, x1, y1, x2, y2, score.
        threshold: of the intersection by the union, or by the smaller of both areas.
    """
    kept = [rows[:0]]
    for frame in np.unique(rows[:, 0]):
        of_frame = rows[rows[:, 0] == frame]
        of_frame = of_frame[np.argsort(of_frame[:, 5])[::-1]]
        kept.append(of_frame[~_overlapped(of_frame[:, 1:5], threshold, of_smaller)])
    return np.concatenate(kept)


def _overlapped(boxes, threshold, of_smaller, block=512):
    """Which boxes one before them overlaps: [k]; in blocks, so that a crowd needs no square matrix."""
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
        earlier = np.tri(*shared.shape, start - 1, dtype=bool)
        found[part] = ((shared > threshold * whole) & earlier).any(axis=1)
    return found


def square(rows):
    """Grow each box to a square around its centre."""
    corner, sides = rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3]
    side = sides.max(axis=1, keepdims=True)
    corner = corner + 0.5 * sides - 0.5 * side
    return np.column_stack([rows[:, 0], corner, corner + side, rows[:, 5:]])


def adjust(boxes, offsets):
    """Move the corners [k, 4] by offsets in shares of the sides."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + offsets * np.concatenate([sides, sides], axis=1)
