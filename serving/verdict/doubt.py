"""Which faces are doubtful: they may be no face at all, or show too little of one for a verdict to rest on.

The detector finds faces in blurred skylines, banners and masks. What tells these from people, measured in nine clips
of 10 to 30 s with 16, 32 and 64 frames, and in 334 pictures of DFDC: people are found in 80 % and more of the frames
between their first and their last, or are scored at 0.99 and more. A blurred skyline was found in 48 to 65 %, and
scored at 0.90 to 0.95; a mask, a toy and a banner scored at 0.82 to 0.88. The score alone would not do: of 322 faces
that were found in the pictures 18 score below 0.98, one below 0.88, and a dark face of a clip scores at 0.90 to 0.93,
but is found in 88 to 93 % of the frames. Sharpness tells nothing: people at the back of a hall are as blurred as the
skyline.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from serving.verdict.verdict_json import FrameScore
from serving.verdict.verdict_options import VerdictOptions

SURE = 0.98  # the detector's score from which on it does not matter how steadily a face is found

Doubt = Literal["too_small", "doubtful_face", "unsteady_face", "too_few_frames"]


def doubt_of(
    frames: Sequence[FrameScore], size: float, examined: Sequence[int], kind: str | None, options: VerdictOptions
) -> Doubt | None:
    """Why a face is doubtful, or None; that it may be no face comes first.

    Args:
        frames: of the face, in their order, at least one.
        size: of the face, pixels.
        examined: rising indices of all frames of the file that were searched.
        kind: of the file; a crop is a face because the user says so.
        options: the limits.
    """
    score = detector_score(frames)
    if score < options.min_score:
        return "doubtful_face"
    is_video = kind == "video"
    if is_video and score < SURE and steadiness([frame.index for frame in frames], examined) < options.min_steady:
        return "unsteady_face"
    if kind != "crop" and size < options.min_face:
        return "too_small"
    if is_video and len(frames) < options.min_frames:
        return "too_few_frames"
    return None


def is_surely_a_face(frames: Sequence[FrameScore]) -> bool:
    """Whether the detector is so sure of a face that it does not matter how steadily it is found."""
    return detector_score(frames) >= SURE


def detector_score(frames: Sequence[FrameScore]) -> float:
    """The detector's confidence in a face: the median of its frames."""
    return float(np.median([frame.detector_score for frame in frames]))


def steadiness(seen: Sequence[int], examined: Sequence[int]) -> float:
    """In what share of the frames between its first and its last a face was found.

    Args:
        seen: rising indices of the frames that show it.
        examined: rising indices of all frames that were searched, those of `seen` among them.
    """
    between = [index for index in examined if seen[0] <= index <= seen[-1]]
    return len(seen) / len(between)
