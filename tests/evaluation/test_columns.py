import numpy as np
import pyarrow
import pytest

from artifacts.predictions import TEXTS
from evaluation.columns import encode, groups_of, in_group, plain_texts, take


def _encoded(columns):
    return {name: pyarrow.array(v).dictionary_encode() if name in TEXTS else v for name, v in columns.items()}


@pytest.fixture
def columns(made):
    """Six rows of two data sets; the method df occurs in both."""
    return made.columns(
        [
            ("b", "real", "0", 0.0),
            ("a", "df", "0", 1.0),
            ("a", "real", "0", 2.0),
            ("b", "df", "0", 3.0),
            ("a", "nt", "0", 4.0),
            ("a", "df", "1", 5.0),
        ]
    )


def test_encode():
    codes, names = encode(np.array(["b", "a", "b", "é"], object))
    assert codes.tolist() == [1, 0, 1, 2] and names.tolist() == ["a", "b", "é"]
    codes, names = encode(pyarrow.DictionaryArray.from_arrays(np.array([2, 0, 2], np.int32), ["c", "never", "a"]))
    assert codes.tolist() == [0, 1, 0] and names.tolist() == ["a", "c"]
    codes, names = encode(np.array([], object))
    assert codes.tolist() == [] and names.tolist() == []


@pytest.mark.parametrize("rows", [[], [0], [4, 1]])
def test_taken_rows_keep_their_order_and_their_encoding(columns, rows):
    rows = np.array(rows, np.int64)
    plain, encoded = take(columns, rows), take(_encoded(columns), rows)
    for name, values in columns.items():
        assert plain[name].tolist() == values[rows].tolist()
    assert all(isinstance(encoded[name], pyarrow.DictionaryArray) == (name in TEXTS) for name in columns)
    decoded = plain_texts(encoded)
    assert {name: values.tolist() for name, values in decoded.items()} == {n: v.tolist() for n, v in plain.items()}
    assert all(decoded[name].dtype == object for name in TEXTS) and plain_texts(plain) == plain


@pytest.mark.parametrize("prepare", [dict, _encoded])
@pytest.mark.parametrize(
    ("group", "rows"),
    [
        ((), [0, 1, 2, 3, 4, 5]),
        (("a",), [1, 2, 4, 5]),
        (("a", "df"), [1, 2, 5]),
        (("b", "df"), [0, 3]),
        (("b", "nt"), [0]),
        (("c",), []),
        ((None, "df"), [0, 1, 2, 3, 5]),
    ],
)
def test_a_methods_group_has_the_reals_of_its_data_set(columns, prepare, group, rows):
    inside = in_group(prepare(columns), *group)
    assert inside.dtype == bool and np.flatnonzero(inside).tolist() == rows


@pytest.mark.parametrize("prepare", [dict, _encoded])
def test_groups_are_numbered_in_alphabetical_order(columns, prepare):
    groups = groups_of(prepare(columns))
    names = [f"{dataset} {method}" for dataset, method in zip(columns["dataset"], columns["method"], strict=True)]
    assert [names[row] for row in np.argsort(groups, kind="stable")] == sorted(names)
    assert len(set(groups.tolist())) == len(set(names))
