"""The order of batches, by itself: a function of the seed and the turn alone."""

import numpy as np
import pytest
import tensorflow as tf

from artifacts.errors import InputError
from model.batch_order import batch_order
from model.record_index import RecordIndex


def make_index(labels, identities):
    zeros = np.zeros(len(labels), np.int64)
    return RecordIndex(("a.tfrecord",), zeros, zeros, zeros, np.array(labels), np.array(identities))


def draw(index, turns, seed=0, pairing=True):
    """[(real, fake)] of the first turns."""
    order = batch_order(index, seed, pairing)
    return [tuple(int(order(tf.constant(t, tf.int64), tf.constant(y, tf.int64))) for y in (0, 1)) for t in range(turns)]


INDEX = make_index([0, 1, 0, 1, 1, 0, 1], ["a", "a", "b", "b", "b", "", "c"])


@pytest.mark.parametrize("pairing", [True, False])
def test_each_side_of_a_turn_has_its_class(pairing):
    for real, fake in draw(INDEX, 20, pairing=pairing):
        assert INDEX.label[real] == 0 and INDEX.label[fake] == 1


def test_without_pairing_each_pass_visits_every_example_once():
    drawn = draw(INDEX, 12, pairing=False)
    for turn in range(0, 12, 3):
        assert sorted(real for real, _ in drawn[turn : turn + 3]) == [0, 2, 5]
    for turn in range(0, 12, 4):
        assert sorted(fake for _, fake in drawn[turn : turn + 4]) == [1, 3, 4, 6]


def test_leaders_with_partners_have_one_of_their_own():
    for turn, pair in enumerate(draw(INDEX, 40)):
        leader, partner = pair if turn % 2 == 0 else pair[::-1]
        if INDEX.identity[leader] in ("a", "b"):
            assert INDEX.identity[partner] == INDEX.identity[leader]


def test_any_turn_can_be_drawn_without_those_before():
    order = batch_order(INDEX, 5, True)
    assert int(order(tf.constant(30, tf.int64), tf.constant(1, tf.int64))) == draw(INDEX, 31, seed=5)[30][1]
    assert draw(INDEX, 20, seed=5) != draw(INDEX, 20, seed=6)


@pytest.mark.parametrize("label, missing", [(0, "fake"), (1, "real")])
def test_a_missing_class_is_named(label, missing):
    with pytest.raises(InputError, match=rf"a\.tfrecord and the other training files: no {missing} face to train on"):
        batch_order(make_index([label] * 3, ["a"] * 3), 0, True)
