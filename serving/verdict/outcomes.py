"""The outcomes of a verdict, and the rule that decides between fake, real and unsure."""

from typing import Final, Literal

Outcome = Literal["fake", "real", "unsure", "cannot_judge", "not_judged"]
FAKE: Final = "fake"
REAL: Final = "real"
UNSURE: Final = "unsure"
CANNOT_JUDGE: Final = "cannot_judge"  # the file's fault
NOT_JUDGED: Final = "not_judged"  # the model's

NEAR = 0.05  # of the threshold: no probability is known so well that a word could rest on less

WORDS: dict[Outcome, str] = {
    FAKE: "likely fake",
    REAL: "likely real",
    UNSURE: "unsure",
    CANNOT_JUDGE: "cannot judge",
    NOT_JUDGED: "not judged",
}


def decide(fake_probability: float, interval: tuple[float, float] | None, threshold: float) -> Outcome:
    """Decide by the threshold; unsure where it is `NEAR`, or lies within the interval of the probability."""
    if abs(fake_probability - threshold) < NEAR:
        return UNSURE
    if interval is not None and interval[0] < threshold <= interval[1]:
        return UNSURE
    return FAKE if fake_probability >= threshold else REAL
