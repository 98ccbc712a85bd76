"""Draw rows so that every group is represented, for what cannot show or process all of them."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from evaluation.columns import Column, encode, groups_of


def draw_evenly(group: np.ndarray, most: int | None = None, each: int | None = None, seed: int = 0) -> np.ndarray:
    """Draw rows of each group, the same ones every time.

    Groups with fewer rows than their share leave the rest to the others. Within a group, one row is drawn from each of
    several equally long stretches, hence from all over its videos.

    Args:
        group: which group each row belongs to, [n].
        most: rows in all; None for as many as `each` allows.
        each: rows of a group at most; None for as many as `most` allows.
        seed: of the draw.

    Returns:
        Ascending row numbers, int64.
    """
    group = np.asarray(group)
    names, sizes = np.unique(group, return_counts=True)
    limits = sizes if each is None else np.minimum(sizes, each)
    random = np.random.default_rng(seed)
    chosen, left = [np.zeros(0, np.int64)], limits.sum() if most is None else most
    for turn, k in enumerate(np.argsort(limits, kind="stable")):  # the smallest first
        share = min(limits[k], left // (len(names) - turn))
        left -= share
        stretches = np.arange(share + 1) * sizes[k] // max(share, 1)
        chosen.append(np.flatnonzero(group == names[k])[random.integers(stretches[:-1], stretches[1:])])
    return np.sort(np.concatenate(chosen))


def rows_of_some_videos(
    columns: Mapping[str, Column], most: int | None = None, each: Literal["label", "method"] = "label"
) -> np.ndarray:
    """Choose all rows of some videos.

    Args:
        columns: one row per face; see `evaluation.columns`.
        most: videos of each group at most, evenly spaced among them; None takes all.
        each: what makes a group: a data set and a label, or a data set, a label and a method.

    Returns:
        Ascending row numbers, int64.
    """
    if most is None:
        return np.arange(len(columns["label"]))
    video, _ = encode(columns["video_id"])
    kind = groups_of(columns) if each == "method" else encode(columns["dataset"])[0]
    codes, first = np.unique(video, return_index=True)
    group = 2 * kind[first] + columns["label"][first]
    chosen = [np.zeros(0, codes.dtype)]
    for name in np.unique(group):
        of_group = codes[group == name]
        chosen.append(of_group[np.linspace(0, len(of_group) - 1, min(most, len(of_group))).astype(int)])
    return np.flatnonzero(np.isin(video, np.concatenate(chosen)))
