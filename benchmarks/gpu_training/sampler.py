"""Which faces make up a batch: a pure function of the seed."""

import numpy as np


class Pairs:
    """Batches of reals, each beside a fake of the same original; all records of a batch are distinct.

    A pass goes over the originals in a new order. An original with several fakes shows another one in each pass.

    Args:
        label: 0 or 1, [n].
        original: the name of the original, str [n].
        batch_size: rows of a batch, even.
        seed: of the order.
        paired: False gives the reals and the fakes of a batch orders of their own.

    Attributes:
        code: a number for each original, integer [n].

    Raises:
        ValueError: there are too few faces for one batch.
    """

    def __init__(
        self, label: np.ndarray, original: np.ndarray, batch_size: int, seed: int, paired: bool = True
    ) -> None:
        self.half, self.paired = batch_size // 2, paired
        self.random = np.random.default_rng([seed, 7])
        names, self.code = np.unique(original, return_inverse=True)
        members: dict[tuple[int, int], list[int]] = {}
        for place, (code, of_class) in enumerate(zip(self.code.tolist(), label.tolist(), strict=True)):
            members.setdefault((code, of_class), []).append(place)
        whole = [code for code in range(len(names)) if (code, 0) in members and (code, 1) in members]
        # By class, the groups that take turns: the faces of one original, or single faces if nothing is paired.
        self.groups = [[members[code, of_class] for code in whole] for of_class in (0, 1)]
        if not paired:
            self.groups = [[[place] for group in groups for place in group] for groups in self.groups]
        available = min(map(len, self.groups))
        if available < self.half:
            raise ValueError(
                f"a batch of {batch_size} needs {self.half} reals and fakes that share originals; there are {available}"
            )
        self.queues: list[list[int]] = [[], []]
        self.passes = 0

    def _next(self, label: int) -> list[int]:
        """Return the groups of one half; a half never spans two passes."""
        if len(self.queues[label]) < self.half:
            self.queues[label] = self.random.permutation(len(self.groups[label])).tolist()
            self.passes += label == 0
        taken, self.queues[label] = self.queues[label][: self.half], self.queues[label][self.half :]
        return taken

    def draw(self) -> np.ndarray:
        """Return the places of the next batch, integer [batch_size]: real, fake, real, fake ..."""
        reals = self._next(0)
        fakes = reals if self.paired else self._next(1)
        number = self.passes - 1
        rows = []
        for label, chosen in enumerate((reals, fakes)):
            groups = [self.groups[label][group] for group in chosen]
            rows.append([group[number % len(group)] for group in groups])
        return np.array(rows).T.reshape(-1)

    def partners(self, places: np.ndarray) -> np.ndarray:
        """Return who of a batch shares an original with whom and has the other label, boolean [n, n]."""
        code, side = self.code[places], np.arange(len(places)) % 2
        mask: np.ndarray = (code[:, None] == code[None, :]) & (side[:, None] != side[None, :])
        return mask
