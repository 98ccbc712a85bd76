"""Rows as columns: encoding their texts, taking some of them, and grouping them.

`Columns`, of `artifacts.predictions`, is name -> values of equal length. Two kinds of rows travel in this form:

    faces, one row per frame and track: `video_id, dataset, method, label, frame_index, track, logit,
        center_similarity, fake_probability`, as `artifacts.predictions.read_predictions` returns them;
    videos, one row each: the same without `frame_index` and `track`, with `frames`, as
        `evaluation.video_scores.videos_of` returns them.

A text column is an object array of strings or a `pyarrow.DictionaryArray`; the functions here take both.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow
import pyarrow.compute

from artifacts.predictions import Column, Columns

__all__ = ["Column", "Columns", "encode", "groups_of", "in_group", "plain_texts", "take"]


def encode(texts: Column) -> tuple[np.ndarray, np.ndarray]:
    """Number the texts of a column in their alphabetical order.

    Args:
        texts: strings [n].

    Returns:
        (codes, int32 [n]; the distinct texts in order, object array).
    """
    if not isinstance(texts, pyarrow.DictionaryArray):
        texts = pyarrow.array(texts, pyarrow.string()).dictionary_encode()
    indices, names = texts.indices.to_numpy(), texts.dictionary
    used = np.flatnonzero(np.bincount(indices, minlength=len(names)))
    order = used[pyarrow.compute.sort_indices(names.take(pyarrow.array(used))).to_numpy()]
    code = np.zeros(len(names), np.int32)
    code[order] = np.arange(len(order), dtype=np.int32)
    return code[indices], names.take(pyarrow.array(order)).to_numpy(zero_copy_only=False)


def take(columns: Mapping[str, Column], rows: np.ndarray) -> Columns:
    """Take some rows, int [k], in the order given; encoded texts stay encoded."""
    return {
        name: values.take(pyarrow.array(rows)) if isinstance(values, pyarrow.DictionaryArray) else values[rows]
        for name, values in columns.items()
    }


def plain_texts(columns: Mapping[str, Column]) -> dict[str, np.ndarray]:
    """Replace encoded texts by object arrays of strings; for few rows."""
    return {
        name: np.array(values.to_pylist(), object) if isinstance(values, pyarrow.DictionaryArray) else values
        for name, values in columns.items()
    }


def in_group(columns: Mapping[str, Column], dataset: str | None = None, method: str | None = None) -> np.ndarray:
    """Tell which rows belong to a group: all, a data set, or a method's fakes and the reals of its data set.

    Returns:
        bool [n].
    """
    inside: np.ndarray = np.ones(len(columns["label"]), bool)
    if dataset is not None:
        inside &= _equal(columns["dataset"], dataset)
    if method is not None:
        inside &= (columns["label"] == 0) | _equal(columns["method"], method)
    return inside


def _equal(texts: Column, text: str) -> np.ndarray:
    if not isinstance(texts, pyarrow.DictionaryArray):
        same: np.ndarray = texts == text
        return same
    codes: np.ndarray = texts.indices.to_numpy()
    return np.isin(codes, np.flatnonzero(texts.dictionary.to_numpy(zero_copy_only=False) == text))


def groups_of(columns: Mapping[str, Column]) -> np.ndarray:
    """Return a number for each row's data set and method together, int64 [n]; in alphabetical order of both."""
    (dataset, _), (method, methods) = encode(columns["dataset"]), encode(columns["method"])
    groups: np.ndarray = dataset.astype(np.int64) * len(methods) + method
    return groups
