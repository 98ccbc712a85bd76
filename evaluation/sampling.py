"""Rows drawn so that all groups are shown alike, for what cannot show every row."""

import numpy as np

from evaluation.video_scores import encode


def spread(group, most=None, each=None, seed=0):
    """Draw rows of each group, the same ones every time.

    Groups with fewer rows than their share leave the rest to the others. Within a group the rows are drawn from even
    stretches, hence from all over its videos.

    Args:
        group: which group each row is of, [n].
        most: rows in all; None for as many as `each` lets in.
        each: rows of a group at most; None for as many as `most` lets in.

    Returns:
        Rising row numbers, int64.
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


def groups_of(columns):
    """A number for each row's data set and method together, int64 [n]."""
    (dataset, _), (method, methods) = encode(columns["dataset"]), encode(columns["method"])
    return dataset.astype(np.int64) * len(methods) + method
