"""The four outcomes of a verdict, and the rule that decides between fake, real and unsure."""

from typing import Final, Literal

Outcome = Literal["fake", "real", "unsure", "cannot_judge"]
FAKE: Final = "fake"
REAL: Final = "real"
UNSURE: Final = "unsure"
CANNOT_JUDGE: Final = "cannot_judge"

WORDS: dict[Outcome, str] = {
    FAKE: "likely fake",
    REAL: "likely real",
    UNSURE: "unsure",
    CANNOT_JUDGE: "cannot judge",
}


def decide(fake_probability: float, interval: tuple[float, float] | None, threshold: float) -> Outcome:
    """Decide by the threshold; unsure where it lies within the interval of the probability."""
    if interval is not None and interval[0] < threshold <= interval[1]:
        return UNSURE
    return FAKE if fake_probability >= threshold else REAL
