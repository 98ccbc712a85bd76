"""When each frame is shown, of films whose time stamps are missing, wrong or begin anew."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

USUAL_RATE = 25  # frames a second, of a film that names none
PAUSE = 60  # seconds that a frame may be shown in any film


def reliable(pts: Sequence[int | None], dts: Sequence[int | None]) -> list[int | None]:
    """Choose frames' stamps: of two kinds the one that never errs, else from frame to frame the one that erred less.

    The latter is FFmpeg's `best_effort_timestamp`.

    Args:
        pts: the frames' own stamps, in the order of output; None where there is none.
        dts: those of the packets that put them out, which some containers (AVI) have alone.
    """
    for one, other in ((pts, dts), (dts, pts)):
        if _rises(one) and not _rises(other):
            return list(one)
    chosen: list[int | None] = []
    last_pts = last_dts = float("-inf")
    wrong_pts = wrong_dts = 0
    for own, packets in zip(pts, dts, strict=True):
        if packets is not None:
            wrong_dts += packets <= last_dts
            last_dts = packets
        elif own is not None:
            last_dts = own
        if own is not None:
            wrong_pts += own <= last_pts
            last_pts = own
        elif packets is not None:
            last_pts = packets
        chosen.append(own if own is not None and (packets is None or wrong_pts <= wrong_dts) else packets)
    return chosen


def timeline(stamps: Sequence[int | None], step: int, longest: float = float("inf")) -> tuple[np.ndarray, list[int]]:
    """Lay frames one after the other in time.

    Args:
        stamps: in the order of output, ticks; None where there is none.
        step: how long a frame is shown that has no stamp, in ticks.
        longest: a longer step forward is a jump.

    Returns:
        Ticks from 0, not falling, int64 [frames], and the frames before which the stamps jump.
    """
    ticks, jumps = [0] * len(stamps), []
    least = 0 if any(one != other for one, other in itertools.pairwise(stamps)) else 1  # one stamp for all says nothing
    for k in range(1, len(stamps)):
        one, other = stamps[k - 1], stamps[k]
        distance = step if one is None or other is None else other - one
        if distance < 0 or distance > longest:
            jumps.append(k)
        ticks[k] = ticks[k - 1] + (distance if least <= distance <= longest else step)
    return np.array(ticks, np.int64), jumps


def longest_step(steps: Sequence[float] | np.ndarray, second: float) -> float:
    """Return how long a frame may be shown; what a stamp says beyond that is taken for a mistake.

    One wrong stamp, such as ten hours in a clip of three seconds, would else hide nearly the whole film from a choice
    by time. A step beyond the limit is longer than a minute, than a hundred usual steps, and than all steps of up to a
    minute together.

    Args:
        steps: of a film's frames, those above 0, in any unit and order.
        second: a second, in that unit.
    """
    if not len(steps):
        return float("inf")
    ordered = np.sort(np.asarray(steps, np.float64))
    usual = ordered[(len(ordered) - 1) // 2]
    return float(max(PAUSE * second, 100 * usual, ordered[ordered <= PAUSE * second].sum()))


def frame_step(stamps: Sequence[int | None], stream: Any) -> int:
    """Return how long a frame is shown, in ticks: the usual distance of stamps, else by the frame rate."""
    steps = [b - a for a, b in itertools.pairwise(stamps) if a is not None and b is not None and b > a]
    if steps:
        return max(1, int(np.median(steps)))
    rate = stream.average_rate or stream.guessed_rate or USUAL_RATE
    return max(1, round(1 / (Fraction(rate) * Fraction(stream.time_base))))


def _rises(stamps: Sequence[int | None]) -> bool:
    known = [stamp for stamp in stamps if stamp is not None]
    return bool(known) and all(one < other for one, other in itertools.pairwise(known))
