"""All figures per data set and per manipulation method, at frame and at video level, with intervals and coverage."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import numpy as np

from artifacts.errors import InputError
from evaluation import figures, intervals
from evaluation.columns import Column, encode, groups_of, in_group
from evaluation.results import Coverage, DatasetGroup, Group, LevelFigures, Metrics, Temperature, Thresholds
from evaluation.video_scores import videos_of
from evaluation.vocabulary import (
    LEVELS,
    NO_FACE_POLICIES,
    OUTCOMES,
    SCORES,
    NoFacePolicy,
    Outcome,
    ScoreName,
    VideoRule,
)

_BEYOND = float(np.finfo(np.float64).max)  # no score is higher


class ListedVideo(TypedDict):
    """A video that a data set lists, and what became of it in the extraction of faces."""

    video_id: str
    dataset: str
    method: str
    label: int
    outcome: Outcome


def evaluate(
    columns: Mapping[str, Column],
    validation: Mapping[str, Column] | None = None,
    listed: Sequence[ListedVideo] | None = None,
    *,
    video_rule: VideoRule = "mean_logit",
    no_face: NoFacePolicy = "left_out",
    resamples: int = 1000,
    seed: int = 0,
    temperature: Temperature | None = None,
) -> Metrics:
    """Compute all figures of a split at both levels.

    Args:
        columns: predictions of the split, one row per face; see `evaluation.columns`.
        validation: the same of the validation split, on which the thresholds are fixed; None if there is none.
        listed: every video that the data sets list in the split; None if it is not known.
        video_rule: how frames are joined; see `evaluation.video_scores`.
        no_face: what a listed video without a face counts as at video level. If "real" or "fake", it has a probability
            of 0 or 1 and scores below or above every other and every threshold, tied among such videos. Videos that
            could not be decoded are never in the figures; the coverage counts them.
        resamples: see `evaluation.intervals`.
        seed: of the resamples.
        temperature: of the model's calibration; None for 1.

    Returns:
        The options above; the thresholds by level and score (a similarity below its threshold is called fake); and the
        figures at both levels. A method's group has its fakes and the reals of its data set, the form of the paper's
        Table 1.

    Raises:
        ValueError: an unknown option.
        InputError: predictions that contradict each other or the list, or lack videos of it that have a face.
    """
    if no_face not in NO_FACE_POLICIES:
        raise ValueError(f"no_face must be one of {tuple(NO_FACE_POLICIES)}. Received: {no_face!r}")
    if no_face != "left_out" and listed is None:
        raise ValueError(f"no_face={no_face!r} needs the list of videos, which says which have no face. Received: None")
    videos = videos_of(columns, video_rule, temperature)
    table = None if listed is None else _check_listed(listed, videos)
    thresholds = _fix_thresholds(validation, video_rule, temperature)
    counted = videos if no_face == "left_out" or table is None else _with_faceless(videos, table, no_face)
    frame_rows = _rank(columns, encode(columns["video_id"])[0], videos["label"], thresholds["frame"])
    each = np.arange(len(counted["label"]), dtype=np.int32)
    video_rows = _rank(counted, each, counted["label"], thresholds["video"])
    found = {
        "frame": _LevelFigures(videos, frame_rows, table, resamples, seed).compute(),
        "video": _LevelFigures(counted, video_rows, table, resamples, seed).compute(),
    }
    return {
        "video_rule": video_rule,
        "no_face": no_face,
        "bootstrap": {
            "resamples": resamples,
            "fewest": min((used for level in found.values() for used in _resamples_of(level) if used), default=0),
            "level": intervals.LEVEL,
            "unit": "video",
            "seed": seed,
        },
        "thresholds": thresholds,
        "temperature": temperature,
        "frame": found["frame"],
        "video": found["video"],
    }


def _resamples_of(level: LevelFigures) -> Iterator[int]:
    yield level["all"]["resamples"]
    for group in level["datasets"].values():
        yield group["resamples"]
        yield from (of_method["resamples"] for of_method in group["methods"].values())


def _rank(
    columns: Mapping[str, Column], unit: np.ndarray, label: np.ndarray, thresholds: Mapping[ScoreName, float | None]
) -> dict[ScoreName, figures.Rows]:
    """Rank the rows by each score; `unit` is each row's video, int32 [n], `label` that of each video, [videos]."""
    return {
        name: figures.rank(
            unit,
            label == 1,
            columns[name],
            columns["fake_probability"] if about.has_probability else None,
            thresholds[name],
            about.sign,
        )
        for name, about in SCORES.items()
    }


def _fix_thresholds(
    validation: Mapping[str, Column] | None, rule: VideoRule, temperature: Temperature | None
) -> Thresholds:
    """Find the best thresholds on the validation split, per level and score, or say why there is none."""
    result: Thresholds = {"frame": dict.fromkeys(SCORES), "video": dict.fromkeys(SCORES), "reason": None}
    if validation is None:
        return result | {"reason": "there are no predictions of a validation split"}
    if not len(validation["label"]):
        return result | {"reason": "the validation split holds no face"}
    if np.ptp(validation["label"]) == 0:
        return result | {"reason": f"the validation split holds only {'fakes' if validation['label'][0] else 'reals'}"}
    by_level = {"frame": validation, "video": videos_of(validation, rule, temperature)}
    for level in LEVELS:
        for name, about in SCORES.items():
            rows = by_level[level]
            best = figures.best_threshold(rows["label"], about.sign * rows[name])
            result[level][name] = None if best is None else about.sign * best
            if best is None:
                result["reason"] = f"on the validation split, {figures.NOT_FINITE}"
    return result


class _LevelFigures:
    """Computes the figures of all groups of frames, or of videos.

    Attributes:
        videos: columns, one row per video; `dataset, method, label` are used.
        rows: the ranked rows by each score, whose units these videos are.
        listed: columns of the listed videos, or None.
        resamples: for the intervals.
        seed: of the resamples.
    """

    def __init__(
        self,
        videos: Mapping[str, np.ndarray],
        rows: Mapping[ScoreName, figures.Rows],
        listed: Mapping[str, np.ndarray] | None,
        resamples: int,
        seed: int,
    ) -> None:
        self.videos, self.rows, self.listed, self.resamples, self.seed = videos, rows, listed, resamples, seed
        self._kind = groups_of(videos)
        self._known: dict[bytes, Group] = {}  # which videos are in a group -> its figures, without coverage

    def compute(self) -> LevelFigures:
        """Compute the figures of everything, each data set and each of its methods."""
        fakes: set[tuple[str, str]] = set()  # (data set, method or "" for reals) of all rows and listed videos
        for table in (self.videos, self.listed or self.videos):
            fakes |= set(zip(table["dataset"], np.where(table["label"] == 1, table["method"], ""), strict=True))
        datasets: dict[str, DatasetGroup] = {}
        for dataset in sorted({of for of, _ in fakes}):
            methods = sorted(method for of, method in fakes if of == dataset and method)
            of_methods = {method: self._group(dataset, method) for method in methods}
            datasets[dataset] = {**self._group(dataset), "methods": of_methods}
        return {"all": self._group(), "datasets": datasets}

    def _group(self, dataset: str | None = None, method: str | None = None) -> Group:
        """Compute the figures of everything, a data set, or a method's fakes and the reals of its data set."""
        inside = in_group(self.videos, dataset, method)
        key = inside.tobytes()
        if key not in self._known:  # the group of a data set and that of its only method are the same
            rows = {name: of_score.of(inside) for name, of_score in self.rows.items()}
            reals, fakes = rows["logit"].counts()
            found, used = intervals.with_intervals(rows, self._kind[inside], self.resamples, self.seed)
            self._known[key] = {
                "real": reals,
                "fake": fakes,
                "resamples": used,
                "logit": found["logit"],
                "center_similarity": found["center_similarity"],
                "coverage": None,
            }
        return {**self._known[key], "coverage": self._coverage(dataset, method, int(inside.sum()))}

    def _coverage(self, dataset: str | None, method: str | None, judged: int) -> Coverage | None:
        """Count the videos of a group, of which `judged` are in the figures; None if the list is not known."""
        if self.listed is None:
            return None
        outcome = self.listed["outcome"][in_group(self.listed, dataset, method)]
        return {
            "listed": len(outcome),
            "decoded": int(np.sum(outcome != "undecoded")),
            "with_face": int(np.sum(outcome == "with_face")),
            "judged": judged,
        }


def _check_listed(rows: Sequence[ListedVideo], videos: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the listed videos as columns, sorted by video; they must agree with the videos that have predictions."""
    listed = _as_columns(rows)
    ids, outcome = listed["video_id"], listed["outcome"]
    place_of = {video: place for place, video in enumerate(ids)}
    for number, video in enumerate(videos["video_id"]):
        if video not in place_of:
            raise InputError(f"{video}: has predictions but is not listed. Evaluate with the examples' own `videos`")
        place = place_of[video]
        for name in ("dataset", "method", "label"):
            if videos[name][number] != listed[name][place]:
                both = f"{listed[name][place]} in the list of videos and {videos[name][number]} in the predictions"
                raise InputError(f"{video}: its {name} is {both}. Evaluate with the examples' own `videos`")
        if outcome[place] != "with_face":
            raise InputError(
                f"{video}: has predictions but counts as {outcome[place]!r}. Evaluate with the examples' own `rejects`"
            )
    lost = sorted(set(ids[outcome == "with_face"]) - set(videos["video_id"]))
    if lost:
        raise InputError(
            f"{lost[0]}: has faces but no prediction (one of {len(lost)} such videos). No video may be dropped "
            "silently: predict again into an empty folder"
        )
    return listed


def _as_columns(rows: Sequence[ListedVideo]) -> dict[str, np.ndarray]:
    listed = {
        "video_id": np.array([row["video_id"] for row in rows], object),
        "dataset": np.array([row["dataset"] for row in rows], object),
        "method": np.array([row["method"] for row in rows], object),
        "outcome": np.array([row["outcome"] for row in rows], object),
        "label": np.array([row["label"] for row in rows], np.int8),
    }
    order = np.argsort(listed["video_id"], kind="stable")
    listed = {name: values[order] for name, values in listed.items()}
    ids = listed["video_id"]
    for twice in ids[1:][ids[1:] == ids[:-1]]:
        raise InputError(f"{twice}: is listed twice. A video_id must name one video only: list the videos again")
    for outcome in sorted(set(listed["outcome"]) - set(OUTCOMES)):
        raise ValueError(f"outcome must be one of {OUTCOMES}. Received: {outcome!r}")
    return listed


def _with_faceless(
    videos: Mapping[str, np.ndarray], listed: Mapping[str, np.ndarray], called: NoFacePolicy
) -> dict[str, np.ndarray]:
    """Return the videos, followed by those without a face, which are called real or fake with full confidence."""
    rows = listed["outcome"] == "no_face"
    count = int(rows.sum())
    sure = 1 if called == "fake" else -1
    added = {name: listed[name][rows] for name in ("video_id", "dataset", "method", "label")}
    added |= {name: np.full(count, about.sign * sure * _BEYOND) for name, about in SCORES.items()}
    added |= {"fake_probability": np.full(count, float(sure > 0)), "frames": np.zeros(count, np.int64)}
    return {name: np.concatenate([values, added[name]]) for name, values in videos.items()}
