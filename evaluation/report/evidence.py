"""What a figure of this run rests on when it stands beside a published one, and whether that is too little."""

from typing import NamedTuple

FEW = 30  # videos of a class; with 30, the 95 % interval of a rate of 0.9 reaches 0.1 to either side
WIDE = 0.1  # of an interval; rows of the paper's tables often lie closer to each other


class Evidence(NamedTuple):
    """What a figure rests on.

    Attributes:
        real, fake: numbers of rows at the figure's level, videos or frames.
        real_videos, fake_videos: numbers of videos that these come from.
    """

    real: int
    fake: int
    real_videos: int
    fake_videos: int


class Caution(NamedTuple):
    """Why a figure must not be read like those around it: `short` stands in the cell, `note` below the table."""

    short: str
    note: str


def warning_of(evidence: Evidence, low: float | None, high: float | None) -> Caution | None:
    """Warn where a figure has too few videos or too wide an interval to be compared; None where it has neither.

    Videos count at both levels: frames of one video are alike, however many there are.

    Args:
        evidence: of the figure.
        low: end of its interval, None if it has none.
        high: its other end.
    """
    real, fake = evidence.real_videos, evidence.fake_videos
    if min(real, fake) < FEW:
        videos = "video" if fake == 1 else "videos"
        return Caution(
            "few videos",
            f"{real:,} real and {fake:,} fake {videos}: with fewer than {FEW} of a class, the difference from a "
            "published figure may be chance",
        )
    if low is None or high is None:
        return Caution("no interval", "it has no interval, so nobody can tell how much of a difference is chance")
    if high - low > WIDE:
        return Caution(
            "wide interval",
            f"its interval is wider than {WIDE:g}: it cannot be told apart from published figures that lie closer",
        )
    return None
