"""Which face examples a batch holds.

The order is a pure function of the seed and the step, so that a resumed run goes on exactly where it stopped. A batch
consists of turns. A turn is two rows of the batch, one real and one fake; turns are counted over the whole training.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from artifacts.errors import InputError
from model.losses import FAKE, REAL
from model.record_index import RecordIndex

# What `tf.random.experimental.index_shuffle` begins its keys with. It is arbitrary, but with 0 the first pass of seed 0
# would not be shuffled.
KEY = 498247692

# A step, int64 scalar, to the positions of its batch in the index, int64 [batch_size]: real, fake, real, fake ...
Order = Callable[[tf.Tensor], tf.Tensor]


def batch_order(index: RecordIndex, seed: int, pairing: bool, batch_size: int, of_reals: bool = False) -> Order:
    """Choose the order in which training visits the examples.

    Args:
        index: of the training examples.
        seed: of the recipe.
        pairing: put the real and the fake of one identity into one turn, if there are such pairs.
        batch_size: rows of a batch, even.
        of_reals: both rows of a turn are reals, of which the second is to be made a fake; the examples' fakes, if there
            are any, are not visited.

    Returns:
        A function of the step, made of TensorFlow operations, that returns the positions of its batch in `index`.

    Raises:
        InputError: a class is empty.
    """
    if of_reals:
        return _order_of_reals(index, seed, batch_size)
    partners = _find_partners(index)
    shuffled = _Shuffled(index, seed)
    if pairing and len(partners.flat):
        return _paired_order(index, seed, batch_size, shuffled, partners)

    def draw(step: tf.Tensor) -> tf.Tensor:
        turns = _turns(step, batch_size)
        return tf.reshape(tf.stack([shuffled(turns, REAL), shuffled(turns, FAKE)], axis=1), [batch_size])

    return draw


def _order_of_reals(index: RecordIndex, seed: int, batch_size: int) -> Order:
    shuffled = _Shuffled(index, seed, labels=(REAL,))

    def draw(step: tf.Tensor) -> tf.Tensor:
        return shuffled(step * batch_size + tf.range(batch_size, dtype=tf.int64), REAL)

    return draw


def _turns(step: tf.Tensor, batch_size: int) -> tf.Tensor:
    """Return the turns of a step, int64 [batch_size / 2]."""
    return step * (batch_size // 2) + tf.range(batch_size // 2, dtype=tf.int64)


class _Shuffled:
    """Each class in an order that is shuffled anew in every pass through it.

    Args:
        index: of the training examples.
        seed: of the recipe.
        salt: 0 or 1; gives another order for the same seed.
        labels: the classes that are visited.

    Raises:
        InputError: a class is empty.
    """

    def __init__(self, index: RecordIndex, seed: int, salt: int = 0, labels: Sequence[int] = (REAL, FAKE)) -> None:
        self._seed, self._salt = seed, salt
        self._classes = {}
        for label in labels:
            name = "fake" if label == FAKE else "real"
            positions = (index.label == label).nonzero()[0]
            if not len(positions):
                raise InputError(f"{index.files[0]} and the other training files: no {name} face to train on")
            self._classes[label] = tf.constant(positions, tf.int64)

    def __call__(self, places: tf.Tensor, label: int) -> tf.Tensor:
        """Return the positions in the index of those at some places of a class's order, both int64 [n]."""
        positions = self._classes[label]
        count = tf.size(positions, tf.int64)
        columns = (KEY + self._salt, 2 * self._seed + label, places // count)
        keys = [tf.broadcast_to(tf.cast(column, tf.int64), tf.shape(places)) for column in columns]
        # `tf.random.experimental.index_shuffle` takes one key for all places, and of each column of it 32 bits count.
        shuffled = tf.raw_ops.RandomIndexShuffle(
            index=places % count, seed=tf.stack(keys, axis=1), max_index=count - 1, rounds=4
        )
        return tf.gather(positions, shuffled)


def _paired_order(index: RecordIndex, seed: int, batch_size: int, leaders: _Shuffled, partners: "_Partners") -> Order:
    """Like the shuffled order, but the real and the fake of a turn share an identity wherever such a pair exists.

    A fake beside its original differs in little but the manipulation. In even turns the real leads: it is the next in
    its class's order, and the fake is drawn from those of the same identity. In odd turns the fake leads. So both
    classes are visited completely.

    No example is twice in a batch. A leader that is already there, as a partner, is replaced by a spare. A leader that
    has no partner, or none that is not already there, stands beside a spare. Spares come from another order.
    """
    others = _Shuffled(index, seed, salt=1)
    half = batch_size // 2

    def draw(step: tf.Tensor) -> tf.Tensor:
        turns = _turns(step, batch_size)
        leader = tf.where(turns % 2 == REAL, leaders(turns // 2, REAL), leaders(turns // 2, FAKE))
        # Uniform over all of int64, so that the bias of the remainder is negligible.
        drawn = tf.random.stateless_uniform([half], tf.stack([seed, step]), None, None, tf.int64)
        # Of `batch_size` spares in a row, half at most can be in the batch, and half at most are needed.
        places = step * half + tf.range(batch_size, dtype=tf.int64)
        spares = tf.stack([others(places, REAL), others(places, FAKE)])
        # A few microseconds of Python. Where it depends on what the batch already holds, a graph would need a loop.
        positions = tf.numpy_function(fill, [turns % 2, leader, drawn, spares], tf.int64, stateful=False)
        return tf.ensure_shape(positions, [batch_size])

    def fill(leading: np.ndarray, leader: np.ndarray, drawn: np.ndarray, spares: np.ndarray) -> np.ndarray:
        rows: list[int] = []

        def unused(candidates: list[int]) -> int:
            """Return the first that is not in the batch, or the very first if the class is too small for the batch."""
            return next((candidate for candidate in candidates if candidate not in rows), candidates[0])

        by_class = spares.tolist()
        for label, planned, number in zip(leading.tolist(), leader.tolist(), drawn.tolist(), strict=True):
            first = unused([planned, *by_class[label]])
            second = unused([*partners.of(first, number), *by_class[1 - label]])
            rows += [first, second] if label == REAL else [second, first]
        return np.array(rows, np.int64)

    return draw


class _Partners(NamedTuple):
    """Of each example the examples of the other class and the same identity: `flat[first : first + number]`."""

    first: list[int]
    number: list[int]
    flat: list[int]

    def of(self, example: int, start: int) -> list[int]:
        """All partners of an example, beginning with that of number `start` modulo how many there are."""
        first, number = self.first[example], self.number[example]
        if not number:
            return []
        own = self.flat[first : first + number]
        start %= number
        return own[start:] + own[:start]


def _find_partners(index: RecordIndex) -> _Partners:
    members: dict[tuple[str, int], list[int]] = {}
    for position, (identity, label) in enumerate(zip(index.identity, index.label, strict=True)):
        if identity:
            members.setdefault((identity, label), []).append(position)

    flat: list[int] = []
    spans: dict[tuple[str, int], tuple[int, int]] = {}  # (first, number) in `flat` of those that are someone's partner
    for (identity, label), positions in members.items():
        if (identity, 1 - label) in members:
            spans[identity, label] = (len(flat), len(positions))
            flat += positions

    first, number = [], []
    for identity, label in zip(index.identity, index.label, strict=True):
        start, length = spans.get((identity, 1 - label), (0, 0))
        first.append(start)
        number.append(length)
    return _Partners(first, number, flat)
