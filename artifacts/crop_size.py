"""The size of the face crops that pass between steps."""

CROP_SIZE = 256  # side of a stored face crop in pixels (paper, section 4.1)
