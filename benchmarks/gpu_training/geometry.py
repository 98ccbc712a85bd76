"""Where landmarks lie in a training crop: the project's template, tighter, in a window that is moved up the picture.

Crops that end at the forehead leave the template's window black above, at any margin. Moved by `LIFT` of its side, so
that the face stands higher in it, the window shows what such crops hold.
"""

import numpy as np

from artifacts.crop_size import CROP_SIZE
from faces.alignment import template

MARGIN, LIFT = 0.8, 0.12


def lifted_template(margin: float = MARGIN, lift: float = LIFT, size: int = CROP_SIZE) -> np.ndarray:
    """Return the places of the landmarks in a crop of that size, float64 [5, 2], pixels."""
    lifted: np.ndarray = template(margin, size) - np.array([0.0, lift * size])
    return lifted


def invert(matrices: np.ndarray) -> np.ndarray:
    """Return the inverses of affine maps, float [n, 2, 3]."""
    whole = np.tile(np.eye(3), (len(matrices), 1, 1))
    whole[:, :2] = matrices
    inverse: np.ndarray = np.linalg.inv(whole)[:, :2]
    return inverse
