"""What the runs of the ablation differ in."""

from collections.abc import Iterator, Mapping
from typing import TypedDict


class Setting(TypedDict):
    """One training.

    Attributes:
        name: "in" and "out" tell whether the partner is in the triplets.
        triplet: β of Eq. 1.
        cross_entropy: χ.
        weight_center: weight of the Weight-Center term.
        weight_center_start: share of the steps after which that term begins.
        expander: 1 or 0.
        expander_start: share of the steps after which it begins.
        exclude_partner: 1 leaves the partner out of the triplets, 0 does not.
        paired: whether each fake stands beside its original.
        seed: of the head's first weights, of batches and of mirroring.
        learning_rate: at the start of the cosine.
    """

    name: str
    triplet: float
    cross_entropy: float
    weight_center: float
    weight_center_start: float
    expander: float
    expander_start: float
    exclude_partner: float
    paired: bool
    seed: int
    learning_rate: float


def setting(
    name: str,
    triplet: float = 0.0,
    weight_center: float = 0.0,
    expander: float = 0.0,
    *,
    out: bool = True,
    paired: bool = True,
    cross_entropy: float = 1.0,
    weight_center_start: float = 1 / 3,
) -> Setting:
    """Describe a training but for its seed and learning rate."""
    return {
        "name": name, "triplet": triplet, "cross_entropy": cross_entropy, "weight_center": weight_center,
        "weight_center_start": weight_center_start, "expander": expander, "expander_start": 2 / 3,
        "exclude_partner": float(out), "paired": paired, "seed": 0, "learning_rate": 0.0,
    }  # fmt: skip


MAIN = [
    setting("ce"),
    setting("tri+ce, in", 2.0, out=False),
    setting("tri+ce, out", 2.0),
    setting("tri+ce+wc, in", 2.0, 1.0, out=False),
    setting("tri+ce+wc, out", 2.0, 1.0),
    setting("paper, in", 2.0, 1.0, 1.0, out=False),
    setting("paper, out", 2.0, 1.0, 1.0),
    setting("paper, out, wc .1", 2.0, 0.1, 1.0),
    setting("paper, out, beta .5, wc .1", 0.5, 0.1, 1.0),
    setting("tri+ce, out, beta .5", 0.5),
]
AT_64 = [
    setting("ce+wc", 0.0, 1.0),
    setting("ce+wc .1", 0.0, 0.1),
    setting("paper, out, wc from 0", 2.0, 1.0, 1.0, weight_center_start=0.0),
    setting("tri+ce+exp, out", 2.0, 0.0, 1.0),
    setting("tri, in", 2.0, out=False, cross_entropy=0.0),
    setting("tri, out", 2.0, cross_entropy=0.0),
]
# Runs of a seed see the same batches, paired ones and unpaired ones; those of a kind stand side by side.
UNPAIRED = [
    setting("ce, unpaired", paired=False),
    setting("tri+ce, unpaired", 2.0, paired=False),
    setting("paper, unpaired", 2.0, 1.0, 1.0, paired=False),
    setting("paper, unpaired, beta .5, wc .1", 0.5, 0.1, 1.0, paired=False),
]
UNPAIRED_AT_16 = ("ce, unpaired", "paper, unpaired")

CANDIDATES = {
    "ce": setting("ce"),
    "gentle": setting("paper, out, beta .5, wc .1", 0.5, 0.1, 1.0),
    "paper_out_wc": setting("paper, out, wc .1", 2.0, 0.1, 1.0),
}


def groups(seeds: int, rates: Mapping[int, float]) -> Iterator[tuple[int, list[Setting]]]:
    """Yield (batch size, settings that are trained side by side), seed by seed.

    Args:
        seeds: how many.
        rates: batch size -> learning rate.
    """
    for seed in range(seeds):
        for batch in (64, 16):
            if batch == 64:
                chosen = MAIN + AT_64 + UNPAIRED
            else:
                chosen = MAIN + [each for each in UNPAIRED if each["name"] in UNPAIRED_AT_16]
            yield batch, [{**each, "seed": seed, "learning_rate": rates[batch]} for each in chosen]
