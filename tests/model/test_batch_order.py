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


def batches(index, steps, batch_size=16, seed=0, pairing=True):
    """The positions of the first batches, int64 [steps, batch_size]."""
    order = batch_order(index, seed, pairing, batch_size)
    drawn = tf.data.Dataset.range(steps).map(order)
    return np.stack([batch.numpy() for batch in drawn])


def draw(index, turns, seed=0, pairing=True):
    """[(real, fake)] of the first turns, two of them a batch."""
    drawn = batches(index, turns // 2, batch_size=4, seed=seed, pairing=pairing)
    return [tuple(row) for row in drawn.reshape(-1, 2).tolist()]


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


def test_a_leader_stands_beside_its_identity_unless_that_is_elsewhere_in_the_batch():
    for batch in batches(INDEX, 40, batch_size=4):
        for turn, pair in enumerate(batch.reshape(-1, 2)):
            leader, partner = pair if turn % 2 == 0 else pair[::-1]
            identity = INDEX.identity[leader]
            if identity in ("a", "b") and INDEX.identity[partner] != identity:
                rest = [other for other in batch if INDEX.label[other] != INDEX.label[leader]]
                assert identity in INDEX.identity[rest]


def test_any_batch_can_be_drawn_without_those_before():
    order = batch_order(INDEX, 5, True, 4)
    assert order(tf.constant(15, tf.int64)).numpy().tolist() == batches(INDEX, 16, 4, seed=5)[15].tolist()
    assert draw(INDEX, 20, seed=5) != draw(INDEX, 20, seed=6)


def one_pair():
    """400 reals and 400 fakes, of which one of each share an identity."""
    return [0] * 400 + [1] * 400, ["pair", *[""] * 399] * 2


def incomplete_dfdc():
    """A part of DFDC without most of its originals: 300 reals and 1,200 fakes, and 240 of these have their original."""
    labels = [0] * 300 + [1] * 1200
    return labels, [f"r{k}" for k in range(300)] + [f"r{k // 2}" if k < 240 else f"absent{k // 5}" for k in range(1200)]


def celeb_df():
    """59 people with 10 reals and 20 fakes each, and 300 reals of nobody."""
    return [0] * 890 + [1] * 1180, [f"id{k % 59}" if k < 590 else "" for k in range(890)] + [
        f"id{k % 59}" for k in range(1180)
    ]


@pytest.mark.parametrize("case", [one_pair, incomplete_dfdc, celeb_df])
def test_the_records_of_a_batch_are_distinct(case):
    index = make_index(*case())
    drawn = batches(index, 300)
    assert [len(set(batch)) for batch in drawn] == [16] * 300
    assert (index.label[drawn] == np.array([0, 1] * 8)).all()
    # Whoever leads beside nobody of its own does so beside anyone: the partners are many, and no neighbours.
    real, fake = drawn.reshape(-1, 2).T
    strangers = index.identity[real] != index.identity[fake]
    assert len(set(zip(real[strangers], fake[strangers], strict=True))) > 0.95 * strangers.sum()


@pytest.mark.parametrize("case", [one_pair, incomplete_dfdc, celeb_df])
def test_a_pass_shows_every_example(case):
    index = make_index(*case())
    for label in (0, 1):
        members = set(np.flatnonzero(index.label == label))
        steps = -(-len(members) // 4)  # four turns a batch are led by that class
        assert set(batches(index, steps).reshape(-1)) >= members


def test_a_class_that_is_smaller_than_its_half_of_a_batch_repeats():
    index = make_index([0, 1, 1, 1, 1, 1], ["a", "a", "a", "b", "b", ""])
    for batch in batches(index, 10, batch_size=8):
        assert set(batch[::2]) == {0} and len(set(batch[1::2])) == 4


@pytest.mark.parametrize("label, missing", [(0, "fake"), (1, "real")])
def test_a_missing_class_is_named(label, missing):
    with pytest.raises(InputError, match=rf"a\.tfrecord and the other training files: no {missing} face to train on"):
        batch_order(make_index([label] * 3, ["a"] * 3), 0, True, 4)


# --- reals alone ------------------------------------------------------------------------------------------------------
def test_of_reals_alone_each_pass_visits_every_real_once():
    index = make_index([0, 0, 1, 0, 0, 1, 0, 0], [""] * 8)
    order = batch_order(index, 3, True, 4, of_reals=True)
    drawn = np.stack([batch.numpy() for batch in tf.data.Dataset.range(6).map(order)]).ravel()
    for turn in drawn.reshape(-1, 6):
        assert sorted(turn) == [0, 1, 3, 4, 6, 7]
    assert drawn[:6].tolist() != drawn[6:12].tolist()


def test_for_reals_alone_no_fakes_are_needed():
    index = make_index([0, 0, 0, 0], [""] * 4)
    order = batch_order(index, 3, False, 4, of_reals=True)
    assert sorted(order(tf.constant(0, tf.int64)).numpy()) == [0, 1, 2, 3]
    with pytest.raises(InputError, match="no real face"):
        batch_order(make_index([1, 1], ["", ""]), 3, False, 2, of_reals=True)
