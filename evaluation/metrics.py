"""All figures per data set and per manipulation method, at frame and at video level, with intervals and coverage."""

import numpy as np

from artifacts.errors import InputError
from evaluation import figures, intervals
from evaluation.video_scores import encode, in_group, videos_of

SCORES = {"logit": 1, "center_similarity": -1}  # and their direction towards fake
OUTCOMES = ("judged", "no_face", "undecoded")
NO_FACE = ("left_out", "real", "fake")
_BEYOND = float(np.finfo(np.float64).max)  # no score is higher


def evaluate(
    columns,
    validation=None,
    manifest=None,
    *,
    video_rule="mean_logit",
    no_face="left_out",
    resamples=1000,
    seed=0,
    temperature=None,
):
    """Judge predictions at both levels.

    Args:
        columns: of the split to judge, one row per frame; see `artifacts.predictions`.
        validation: the same of the validation split, which fixes the thresholds; None if there is none.
        manifest: every video listed in the split, as dicts or objects with `video_id, dataset, method, label` and
            `outcome`: "judged", "no_face" or "undecoded"; None if it is not known.
        video_rule: how frames are joined; see `evaluation.video_scores`.
        no_face: what a listed video without a face counts as at video level: "left_out", or "real" or "fake", then with a
            probability of 0 or 1 and with scores below or above every other and every threshold, tied among
            themselves. Videos that could not be decoded are never judged; the coverage counts them.
        resamples, seed: of the intervals; see `evaluation.intervals`.
        temperature: {"frame": T, "video": T} of the model's calibration; None for 1.

    Returns:
        A dict for JSON: the options above; `bootstrap` with the `resamples` asked for and the `fewest` made for a group;
        `thresholds` per level and score (a similarity below its threshold is called fake); and
        `frame`, `video`: {"all": group, "datasets": {name: group | {"methods": {name: group}}}}. A method's group has its
        fakes and the reals of its data set, the form of the paper's Table 1. A group has the numbers of `real` and
        `fake` rows, `coverage` (numbers of videos, None without a manifest), `resamples`, and per score
        {key of `figures.KEYS`: {"value", "low", "high", "reason"}}.

    Raises:
        ValueError: an unknown option.
        InputError: predictions that contradict each other or the manifest, or miss videos of it that have a face.
    """
    if no_face not in NO_FACE:
        raise ValueError(f"no_face must be one of {NO_FACE}. Received: {no_face!r}")
    if no_face != "left_out" and manifest is None:
        raise ValueError(
            f"no_face={no_face!r} needs the manifest, which tells the videos without a face. Received: None"
        )
    videos = videos_of(columns, video_rule, temperature)
    listed = None if manifest is None else _listed(manifest, videos)
    thresholds = _thresholds(validation, video_rule, temperature)
    judged = videos if no_face == "left_out" else _with_faceless(videos, listed, no_face)
    rows = _rank(columns, encode(columns["video_id"])[0], videos["label"], thresholds["frame"])
    found = {"frame": _Level(videos, rows, listed, resamples, seed).figures()}
    each = np.arange(len(judged["label"]), dtype=np.int32)
    rows = _rank(judged, each, judged["label"], thresholds["video"])
    found["video"] = _Level(judged, rows, listed, resamples, seed).figures()
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
        **found,
    }


def _resamples_of(level):
    yield level["all"]["resamples"]
    for group in level["datasets"].values():
        yield group["resamples"]
        yield from (of_method["resamples"] for of_method in group["methods"].values())


def _rank(columns, unit, label, thresholds):
    """The rows by each score, as `figures.Rows`; `unit` is each row's video, `label` that of each video."""
    probability = {"logit": columns["fake_probability"]}
    return {
        name: figures.rank(unit, label == 1, columns[name], probability.get(name), thresholds[name], sign)
        for name, sign in SCORES.items()
    }


def _thresholds(validation, rule, temperature):
    """The best thresholds on the validation split, per level and score, and why there is none."""
    result, reason = {level: dict.fromkeys(SCORES) for level in ("frame", "video")}, None
    if validation is None:
        reason = "there are no predictions of a validation split"
    elif not len(validation["label"]):
        reason = "the validation split holds no face"
    elif np.ptp(validation["label"]) == 0:
        reason = f"the validation split holds only {'fakes' if validation['label'][0] else 'reals'}"
    else:
        for level, columns in (("frame", validation), ("video", videos_of(validation, rule, temperature))):
            for name, sign in SCORES.items():
                best = figures.best_threshold(columns["label"], sign * columns[name])
                result[level][name] = None if best is None else sign * best
                if best is None:
                    reason = f"on the validation split, {figures.NOT_FINITE}"
    return result | {"reason": reason}


class _Level:
    """Frames, or videos, with all that their figures need.

    Attributes:
        videos: columns; `dataset, method, label` are used.
        rows: score -> `figures.Rows`, whose units these videos are.
        listed: columns of the manifest, or None.
    """

    def __init__(self, videos, rows, listed, resamples, seed):
        self.videos, self.rows, self.listed, self.resamples, self.seed = videos, rows, listed, resamples, seed
        self.kind = encode(videos["dataset"])[0].astype(np.int64) << 32 | encode(videos["method"])[0]
        self.known = {}

    def figures(self):
        """{"all": group, "datasets": {name: group | {"methods": {name: group}}}}."""
        fakes = set()  # of all that is judged or listed
        for table in (self.videos, self.listed or self.videos):
            fakes |= set(zip(table["dataset"], np.where(table["label"] == 1, table["method"], ""), strict=True))
        datasets = {}
        for dataset in sorted({of for of, _ in fakes}):
            methods = sorted(method for of, method in fakes if of == dataset and method)
            of_methods = {method: self._group(dataset, method) for method in methods}
            datasets[dataset] = self._group(dataset) | {"methods": of_methods}
        return {"all": self._group(), "datasets": datasets}

    def _group(self, dataset=None, method=None):
        """Everything, a data set, or a method's fakes and the reals of its data set."""
        inside = in_group(self.videos, dataset, method)
        key = inside.tobytes()
        if key not in self.known:  # a data set with one method is the same group twice; alone in a run, thrice
            rows = {name: of_score.of(inside) for name, of_score in self.rows.items()}
            reals, fakes = rows["logit"].counts()
            found, used = intervals.with_intervals(rows, self.kind[inside], self.resamples, self.seed)
            self.known[key] = {"real": reals, "fake": fakes, "resamples": used} | found
        return self.known[key] | {"coverage": self._coverage(dataset, method, int(inside.sum()))}

    def _coverage(self, dataset, method, judged):
        """Numbers of videos, or None if no manifest tells them."""
        if self.listed is None:
            return None
        outcome = self.listed["outcome"][in_group(self.listed, dataset, method)]
        return {
            "listed": len(outcome),
            "decoded": int(np.sum(outcome != "undecoded")),
            "with_face": int(np.sum(outcome == "judged")),
            "judged": judged,
        }


def _listed(manifest, videos):
    """The manifest as columns, sorted by video; it must say of every video what the predictions say."""
    rows = [row if isinstance(row, dict) else vars(row) for row in manifest]
    listed = {
        name: np.array([row[name] for row in rows], object) for name in ("video_id", "dataset", "method", "outcome")
    }
    listed["label"] = np.array([row["label"] for row in rows], np.int8)
    order = np.argsort(listed["video_id"], kind="stable")
    listed = {name: values[order] for name, values in listed.items()}
    ids = listed["video_id"]
    for twice in ids[1:][ids[1:] == ids[:-1]]:
        raise InputError(f"{twice}: listed twice. A video_id must name one video only: list the videos again")
    for outcome in sorted(set(listed["outcome"]) - set(OUTCOMES)):
        raise ValueError(f"outcome must be one of {OUTCOMES}. Received: {outcome!r}")
    of_id = {video: number for number, video in enumerate(ids)}
    for number, video in enumerate(videos["video_id"]):
        if video not in of_id:
            raise InputError(f"{video}: has predictions but is not listed. Evaluate with the examples' own manifest")
        place = of_id[video]
        for name in ("dataset", "method", "label"):
            if videos[name][number] != listed[name][place]:
                said = f"{listed[name][place]} in the list of videos and {videos[name][number]} in the predictions"
                raise InputError(f"{video}: its {name} is {said}. Evaluate with the examples' own manifest")
        if listed["outcome"][place] != "judged":
            raise InputError(
                f"{video}: has predictions though it counts as {listed['outcome'][place]!r}. Evaluate with the examples' "
                "own manifest"
            )
    lost = sorted(set(ids[listed["outcome"] == "judged"]) - set(videos["video_id"]))
    if lost:
        raise InputError(
            f"{lost[0]}: has faces but no prediction (one of {len(lost)} such videos). No video may drop out without a word: "
            "predict again into an empty folder"
        )
    return listed


def _with_faceless(videos, listed, called):
    """The videos, followed by those without a face, which are called real or fake with full confidence."""
    rows = listed["outcome"] == "no_face"
    count = int(rows.sum())
    sure = 1 if called == "fake" else -1
    added = {name: listed[name][rows] for name in ("video_id", "dataset", "method", "label")}
    added |= {name: np.full(count, sign * sure * _BEYOND) for name, sign in SCORES.items()}
    added |= {"fake_probability": np.full(count, float(sure > 0)), "frames": np.zeros(count, np.int64)}
    return {name: np.concatenate([values, added[name]]) for name, values in videos.items()}
