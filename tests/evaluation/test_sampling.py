import numpy as np
import pyarrow
import pytest

from evaluation.columns import groups_of
from evaluation.sampling import draw_evenly, rows_of_some_videos


def make_columns(sizes):
    """Columns of groups of so many rows, {(data set, method): size}, mixed."""
    dataset, method = np.repeat(np.array(list(sizes)), list(sizes.values()), axis=0).T
    order = np.random.default_rng(0).permutation(len(dataset))

    def text(values):
        return pyarrow.array(values).dictionary_encode()

    columns = {"dataset": text(dataset[order]), "method": text(method[order])}
    return columns, np.char.add(dataset, method)[order]


@pytest.mark.parametrize(
    "sizes, most, expected",
    [
        ({("a", "real"): 50, ("a", "df"): 60, ("b", "real"): 70}, 30, [10, 10, 10]),
        ({("a", "real"): 4, ("a", "df"): 60, ("b", "real"): 70}, 30, [4, 13, 13]),
        ({("a", "real"): 4, ("a", "df"): 6, ("b", "real"): 70}, 30, [4, 6, 20]),
        ({("a", "real"): 4, ("a", "df"): 6, ("b", "real"): 7}, 30, [4, 6, 7]),
        ({("a", "real"): 9, ("a", "df"): 9, ("b", "real"): 9}, 2, [0, 1, 1]),
    ],
)
def test_methods_are_shown_alike(sizes, most, expected):
    columns, names = make_columns(sizes)
    rows = draw_evenly(groups_of(columns), most)
    assert sorted(set(rows)) == rows.tolist() and len(rows) == min(most, len(names))
    counts = [int(np.sum(names[rows] == dataset + method)) for dataset, method in sizes]
    assert sorted(counts) == sorted(expected) and (min(expected) == 0 or counts == expected)


def test_the_choice_is_spread_and_depends_on_the_seed_alone():
    columns, _ = make_columns({("a", "real"): 1000})
    group = groups_of(columns)
    rows = draw_evenly(group, 100, seed=1)
    assert (rows // 10 == np.arange(100)).all(), "one of each stretch"
    assert (draw_evenly(group, 100, seed=1) == rows).all() and (draw_evenly(group, 100, seed=2) != rows).any()


def test_so_many_of_each_group():
    groups = np.array([5] * 100 + [-1] * 3 + [2] * 20)
    rows = draw_evenly(groups, each=10)
    assert (np.diff(rows) > 0).all() and (rows == draw_evenly(groups, each=10)).all()
    assert {group: int((groups[rows] == group).sum()) for group in (5, -1, 2)} == {5: 10, -1: 3, 2: 10}
    assert draw_evenly(groups, 12, each=10).size == 12 and draw_evenly(np.array([]), each=10).size == 0
    assert draw_evenly(groups, each=1000).tolist() == list(range(123)) == draw_evenly(groups).tolist()


def test_some_videos_of_each_method():
    """Of a label, the many videos of one method would leave none of another."""
    method = np.repeat(["real", "a", "b"], [6, 20, 2]).astype(object)
    columns = {
        "video_id": np.array([f"d/{m}/{k:02}" for k, m in enumerate(method)], object),
        "dataset": np.full(28, "d", object),
        "method": method,
        "label": (method != "real").astype(np.int8),
    }
    rows = rows_of_some_videos(columns, 3, each="method")
    assert sorted(method[rows]) == ["a"] * 3 + ["b"] * 2 + ["real"] * 3
    assert len(rows_of_some_videos(columns, 3)) == 6 and len(rows_of_some_videos(columns, each="method")) == 28
