"""Which face examples a batch holds.

The order is a pure function of the seed and the place in the stream, so that a resumed run goes on exactly where it
stopped. The stream is counted in turns. A turn is two rows of a batch, one real and one fake.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from artifacts.errors import InputError
from model.losses import FAKE, REAL
from model.record_index import RecordIndex

# (turn, label), int64 scalars, to a position in the index, int64 scalar.
Order = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def batch_order(index: RecordIndex, seed: int, pairing: bool) -> Order:
    """Choose the order in which training visits the examples.

    Args:
        index: of the training examples.
        seed: of the recipe.
        pairing: put the real and the fake of one identity into one turn, if there are such pairs.

    Returns:
        A function of (turn, label), made of TensorFlow operations, that returns the position of an example in `index`.

    Raises:
        InputError: a class is empty.
    """
    partners = _find_partners(index)
    if pairing and partners.flat:
        return _paired_order(index, seed, partners)
    return _shuffled_order(index, seed)


def _shuffled_order(index: RecordIndex, seed: int, salt: int = 0) -> Order:
    """Each class in an order that is shuffled anew in every pass through it."""
    by_class = []
    for label, name in ((REAL, "real"), (FAKE, "fake")):
        positions = (index.label == label).nonzero()[0]
        if not len(positions):
            raise InputError(f"{index.files[0]} and the other training files: no {name} face to train on")
        by_class.append(tf.constant(positions, tf.int64))

    def of_class(turn: tf.Tensor, label: int) -> tf.Tensor:
        positions = by_class[label]
        count = tf.size(positions, tf.int64)
        key = tf.stack([tf.constant(2 * seed + label, tf.int64), (turn // count) ^ (salt << 60)])
        return tf.gather(positions, tf.random.experimental.index_shuffle(turn % count, key, count - 1))

    return lambda turn, label: tf.where(label == REAL, of_class(turn, REAL), of_class(turn, FAKE))


def _paired_order(index: RecordIndex, seed: int, partners: "_Partners") -> Order:
    """Like `_shuffled_order`, but the real and the fake of a turn share an identity wherever such a pair exists.

    A fake beside its original differs in little but the manipulation. In even turns the real leads: it is the next in
    its class's order, and the fake is drawn from those of the same identity. In odd turns the fake leads. So both
    classes are visited completely. The partner of an example without any comes from another order of the other class.
    """
    leaders, others = _shuffled_order(index, seed), _shuffled_order(index, seed, salt=1)
    first, number, flat = (tf.constant(column, tf.int64) for column in partners)

    def draw(turn: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        leading = turn % 2
        leader = leaders(turn // 2, leading)
        # Uniform over all of int64, so that the bias of the remainder is negligible.
        drawn = tf.random.stateless_uniform([], tf.stack([seed, turn]), None, None, tf.int64)
        its_number = tf.gather(number, leader)
        chosen = tf.gather(first, leader) + drawn % tf.maximum(its_number, 1)
        partner = tf.cond(its_number > 0, lambda: tf.gather(flat, chosen), lambda: others(turn // 2, 1 - leading))
        return tf.where(label == leading, leader, partner)

    return draw


class _Partners(NamedTuple):
    """Of each example the examples of the other class and the same identity: `flat[first : first + number]`."""

    first: list[int]
    number: list[int]
    flat: list[int]


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
