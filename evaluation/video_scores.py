"""From frames to videos: what a video's score is, and which rows belong to it.

A video is known by its `video_id`, which holds its data set and method: the same file name under four methods is four
videos. Text columns may be dictionary-encoded, as `predictions.read_predictions` gives them, so that no text is held
per row.
"""

import numpy as np
import pyarrow
import pyarrow.compute
from scipy.special import expit, log_expit

from artifacts.errors import InputError

RULES = ("mean_logit", "median_logit", "mean_probability", "max_logit")


def encode(texts):
    """Number the texts of a column in their alphabetical order.

    Args:
        texts: strings [n], as an array of objects or as a `pyarrow.DictionaryArray`.

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


def videos_of(columns, rule="mean_logit", temperature=None):
    """Aggregate prediction rows to videos.

    A rule joins the frames of one track: the mean or the median of the logits, the highest logit, or the mean of the
    frames' fake probabilities, kept as log-odds so that saturated videos stay in order. The similarities are joined by
    the same rule; in place of the mean probability by their mean, in place of the highest logit by the least similarity.
    Where a video has several tracks, its logit is that of its highest track and its similarity that of its least similar
    one: a video is fake if one of its faces is.

    Args:
        columns: see `artifacts.predictions`; one row per frame and track, in any order.
        rule: of `RULES`.
        temperature: {"frame": T, "video": T}; None for 1.

    Returns:
        Columns, one row per video, in the order of their ids: `video_id, dataset, method` (str objects), `label` (int8),
        `frames` (int64; rows), `logit, center_similarity, fake_probability` (float64). The probability is
        sigmoid(logit / T) with the videos' temperature. One frame whose score is NaN or infinite makes its video's NaN. By the rule "mean_probability" it is the mean of the
        frames' (theirs are divided by the frames' temperature), and the logit is T times its log-odds.

    Raises:
        ValueError: an unknown rule.
        InputError: a video's rows differ in label, data set or method, or a face occurs twice.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {RULES}. Received: {rule!r}")
    video, ids = encode(columns["video_id"])
    track = columns["track"]
    order = np.lexsort((columns["frame_index"], track, video))
    first, begins = _segments(video, track, order, ids, columns["frame_index"])
    one = order[first]  # a row of each video
    result = {"video_id": ids} | _of_videos(columns, video, one, ids)
    result["frames"] = np.diff(np.append(first, len(order)))
    frame_t, video_t = (float(temperature[level]) if temperature else 1.0 for level in ("frame", "video"))
    tracks = np.searchsorted(begins, first)  # the first track of each video
    for name, sign in (("logit", 1), ("center_similarity", -1)):
        score = sign * columns[name][order]
        odd = ~np.isfinite(score)
        score[odd] = 0
        if rule == "mean_probability" and name == "logit":
            joined = video_t * _log_odds(score / np.float64(frame_t), begins)
        else:
            joined = _join(score, begins, rule)
        result[name] = sign * (np.maximum.reduceat(joined, tracks) if len(tracks) else joined)
        result[name][video[order[odd]]] = np.nan
    return result | {"fake_probability": expit(result["logit"] / video_t)}


def in_group(table, dataset=None, method=None):
    """Which rows belong to a group: all, a data set, or a method's fakes and the reals of its data set; bool [n]."""
    inside = np.ones(len(table["label"]), bool)
    if dataset is not None:
        inside &= table["dataset"] == dataset
    if method is not None:
        inside &= (table["label"] == 0) | (table["method"] == method)
    return inside


def _segments(video, track, order, ids, frame_index):
    """Where videos begin, and where tracks begin, in the sorted rows; int64 [videos], [tracks]."""
    new_video = _changes(video[order])
    new_track = new_video | _changes(track[order])
    same = ~(new_track | _changes(frame_index[order]))
    if same.any():
        row = order[np.argmax(same)]
        raise InputError(
            f"{ids[video[row]]}: frame {frame_index[row]}, track {track[row]} is there twice. A face counts once: "
            "predict again into an empty folder"
        )
    return np.flatnonzero(new_video), np.flatnonzero(new_track)


def _changes(values):
    return np.append(True, values[1:] != values[:-1])[: len(values)]


def _of_videos(columns, video, one, ids):
    """Label, data set and method of each video, which all its rows must share."""
    result = {}
    for name in ("label", "dataset", "method"):
        codes, names = (np.asarray(columns[name], np.int8), None) if name == "label" else encode(columns[name])
        of_video = codes[one]
        differs = codes != of_video[video]
        if differs.any():
            row = int(np.argmax(differs))
            values = sorted(
                {str(code if names is None else names[code]) for code in (codes[row], of_video[video[row]])}
            )
            raise InputError(
                f"{ids[video[row]]}: its rows differ in {name}: {' and '.join(values)}. A video_id must name one video "
                "only, over all data sets and methods: list the videos again"
            )
        result[name] = of_video if names is None else names[of_video]
    return {name: result[name] for name in ("dataset", "method", "label")}


def _join(score, begins, rule):
    """One score per track, float64; `score` is sorted by track, `begins` tells where each one starts."""
    if not len(begins):
        return np.empty(0)
    count = np.diff(np.append(begins, len(score)))
    if rule == "max_logit":
        return np.maximum.reduceat(score, begins).astype(np.float64)
    if rule == "median_logit":
        score = score[np.lexsort((score, np.repeat(np.arange(len(begins)), count)))].astype(np.float64)
        return (score[begins + (count - 1) // 2] + score[begins + count // 2]) / 2
    return np.add.reduceat(score, begins, dtype=np.float64) / count


def _log_odds(logit, begins):
    """Log-odds of the mean of sigmoid(logit) per track, float64: exact also where the mean rounds to 0 or 1."""
    if not len(begins):
        return np.empty(0)
    return np.logaddexp.reduceat(log_expit(logit), begins) - np.logaddexp.reduceat(log_expit(-logit), begins)
