"""The checks: each is a generator of the anomalies of one kind in the statistics."""

import collections
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from artifacts.manifest import LABELS
from artifacts.statistics import GroupStatistics, Statistics
from artifacts.words import counted
from components.example_validator.schema import Schema

EXPECTED_REASONS = ("no_face", "smaller_faces")  # of frames, parts and notes: common, and no sign of damage
NAMED = 3  # people that an anomaly names


@dataclass(frozen=True)
class Anomaly:
    """Something that does not fit the schema.

    Attributes:
        severity: an "error" stops the run, a "warning" does not.
        where: data set, method and split.
        what: is wrong.
        cure: what to do about it.
    """

    severity: Literal["error", "warning"]
    where: str
    what: str
    cure: str


def find_anomalies(statistics: Statistics, schema: Schema) -> list[Anomaly]:
    """Return every anomaly of the statistics, errors first."""
    found = [
        *_too_few_videos(statistics, schema),
        *_datasets_with_one_class(statistics),
        *_shared_identities(statistics),
        *_reject_rates(statistics, schema),
        *_detection_differences(statistics, schema),
        *_outcome_differences(statistics, schema),
        *_crops(statistics, schema),
        *_labels(statistics),
        *_incomplete_sources(statistics),
        *_damaged_files(statistics),
    ]
    return sorted(found, key=lambda anomaly: anomaly.severity)


def _too_few_videos(statistics: Statistics, schema: Schema) -> Iterator[Anomaly]:
    videos: collections.Counter[tuple[str, int]] = collections.Counter()
    for group in statistics["groups"]:
        videos[group["split"], group["label"]] += group["videos_with_face"]
    for split in schema.required_splits:
        needed = schema.min_videos_per_class.get(split, 1)
        for label, name in LABELS.items():
            if videos[split, label] < needed:
                yield Anomaly(
                    "error",
                    f"split {split}",
                    f"{counted(videos[split, label], f'{name} video')} with a face; the schema asks for {needed}",
                    "add data, change the split fractions or split files, or lower min_videos_per_class in a schema "
                    "of your own, which schema_file names",
                )


def _datasets_with_one_class(statistics: Statistics) -> Iterator[Anomaly]:
    videos: collections.Counter[tuple[str, str, int]] = collections.Counter()
    for group in statistics["groups"]:
        videos[group["dataset"], group["split"], group["label"]] += group["videos_with_face"]
    for dataset, split in sorted({(dataset, split) for dataset, split, _ in videos}):
        for label, name in LABELS.items():
            other = videos[dataset, split, 1 - label]
            if other and not videos[dataset, split, label]:
                yield Anomaly(
                    "warning",
                    f"{dataset}, split {split}",
                    f"no {name} video with a face beside {other} of the other class: it has no AUC of its own",
                    "add data if this data set is to be evaluated on its own",
                )


def _shared_identities(statistics: Statistics) -> Iterator[Anomaly]:
    for dataset, rows in statistics["shared_identities"].items():
        source = statistics["sources"].get(dataset, {})
        by_protocol = {frozenset(pair) for pair in source.get("shared_identities", [])}
        for row in rows:
            splits, people = row["splits"], row["identities"]
            pairs = {frozenset((a, b)) for a in splits for b in splits if a != b}
            where = f"{dataset}, splits {' and '.join(splits)}"
            named = ", ".join(people[:NAMED]) + (", ..." if len(people) > NAMED else "")
            what = f"share {len(people)} identities ({named})"
            if pairs <= by_protocol:
                yield Anomaly(
                    "warning",
                    where,
                    f"{what}, as this data set's official protocol does",
                    'set "disjoint": true for this data set to keep these people out of training',
                )
            else:
                yield Anomaly(
                    "error",
                    where,
                    what,
                    "split by identity: leave the split to VideoExampleGen, or correct the CSV's split column",
                )


def _reject_rates(statistics: Statistics, schema: Schema) -> Iterator[Anomaly]:
    videos: collections.Counter[str] = collections.Counter()
    lost: collections.Counter[str] = collections.Counter()
    reasons: dict[str, collections.Counter[str]] = {}
    for group in statistics["groups"]:
        dataset = group["dataset"]
        videos[dataset] += group["videos"]
        lost[dataset] += group["videos"] - group["videos_with_face"]
        reasons.setdefault(dataset, collections.Counter()).update(group["rejects"].get("video", {}))
    for dataset, count in lost.items():
        if not count:
            continue
        rate = count / videos[dataset]
        why = ", ".join(f"{reason} {n}" for reason, n in reasons[dataset].most_common())
        yield Anomaly(
            "error" if rate > schema.max_video_reject_rate else "warning",
            dataset,
            f"{count} of {counted(videos[dataset], 'video')} ({rate:.1%}) gave no face: "
            f"{why or 'the rejects do not say why'}",
            "the rejects name the files; fix them, or raise max_video_reject_rate",
        )


def _detection_differences(statistics: Statistics, schema: Schema) -> Iterator[Anomaly]:
    frames: collections.Counter[tuple[str, int]] = collections.Counter()
    with_face: collections.Counter[tuple[str, int]] = collections.Counter()
    for group in statistics["groups"]:
        frames[group["dataset"], group["label"]] += group["frames"]
        with_face[group["dataset"], group["label"]] += group["frames_with_face"]
    for dataset in sorted({dataset for dataset, _ in frames}):
        if min(frames[dataset, 0], frames[dataset, 1]) < max(schema.min_frames_for_rates, 1):
            continue
        real, fake = (with_face[dataset, label] / frames[dataset, label] for label in (0, 1))
        if abs(real - fake) > schema.max_detection_rate_difference:
            yield Anomaly(
                "error",
                dataset,
                f"faces are found in {real:.1%} of real and {fake:.1%} of fake frames, more than "
                f"{schema.max_detection_rate_difference:.1%} apart: a model could learn that instead of the forgery",
                "look at the rejects of both classes; raise max_detection_rate_difference only if you know why",
            )


def _outcome_differences(statistics: Statistics, schema: Schema) -> Iterator[Anomaly]:
    """Compare how often each reject or note occurs. The rule is the same for real and fake; its outcome may not be."""
    videos: collections.Counter[tuple[str, int]] = collections.Counter()
    frames: collections.Counter[tuple[str, int]] = collections.Counter()
    found: dict[str, collections.Counter[tuple[int, str, str]]] = {}  # data set -> (label, scope, reason) -> count
    for group in statistics["groups"]:
        dataset, label = group["dataset"], group["label"]
        videos[dataset, label] += group["videos"]
        frames[dataset, label] += group["frames"]
        for scope, reasons in group["rejects"].items():
            for reason, count in reasons.items():
                found.setdefault(dataset, collections.Counter())[label, scope, reason] += count
    for dataset, counts in sorted(found.items()):
        if min(videos[dataset, label] for label in LABELS) < max(schema.min_videos_for_outcomes, 1):
            continue
        for scope, reason in sorted({(scope, reason) for _, scope, reason in counts}):
            unit, totals = ("frame", frames) if scope == "frame" else ("video", videos)
            real, fake = (counts[label, scope, reason] / max(totals[dataset, label], 1) for label in LABELS)
            if abs(real - fake) > schema.max_outcome_difference:
                yield Anomaly(
                    "warning",
                    dataset,
                    f"{scope} {reason}: {real:.1%} of real and {fake:.1%} of fake {unit}s, more than "
                    f"{schema.max_outcome_difference:.1%} apart",
                    "look at the rejects of both classes: do they come from different cameras, sizes or encoders?",
                )


def _crops(statistics: Statistics, schema: Schema) -> Iterator[Anomaly]:
    low, high = schema.mean_pixel_range
    for group in statistics["groups"]:
        where, mean = _where(group), group["mean_pixel"]
        if not group["faces"] or mean is None:
            continue
        for size in set(group["sizes"]) - {schema.crop_size}:
            what = f"{counted(group['sizes'][size], 'crop')} of {size}, not {schema.crop_size}"
            yield Anomaly("error", where, what, "extract again")
        for name in set(group["formats"]) - set(schema.image_formats):
            what = f"{counted(group['formats'][name], 'crop')} stored as {name!r}, which is not lossless"
            yield Anomaly("error", where, what, "extract again, or add the format to image_formats")
        if not low <= mean <= high:
            what = f"the mean pixel is {mean:.1f}, outside {low} to {high}"
            yield Anomaly("error", where, what, "look at the crops: are they black, or scaled to 0-1?")
        if group["flat_crops"] / group["faces"] > schema.max_flat_crop_rate:
            what = f"{counted(group['flat_crops'], 'crop')} of one single colour"
            yield Anomaly("error", where, what, "look at these videos")


def _labels(statistics: Statistics) -> Iterator[Anomaly]:
    labels: dict[tuple[str, str], set[int]] = {}
    for group in statistics["groups"]:
        labels.setdefault((group["dataset"], group["method"]), set()).add(group["label"])
        if group["label"] not in LABELS:
            what = f"label {group['label']} is neither 0 (real) nor 1 (fake)"
            yield Anomaly("error", _where(group), what, "extract again")
        if group["faces"] and not group["videos"]:
            what = "has faces of videos that the manifest does not name"
            yield Anomaly("error", _where(group), what, "extract again")
    for (dataset, method), found in sorted(labels.items()):
        if len(found) > 1:
            where = f"{dataset}, method {method}"
            yield Anomaly("error", where, "holds real and fake videos", "give them different methods")


def _incomplete_sources(statistics: Statistics) -> Iterator[Anomaly]:
    for name, source in statistics["sources"].items():
        for key, names, noun, what in (
            ("missing", source.get("missing", ()), "video", "named by its lists and missing"),
            ("unlisted", source.get("unlisted", ()), "file", "in its folders and not used"),
            ("left_out", source.get("left_out", ()), "video", "left out of all splits"),
        ):
            if names:
                cure = f"statistics.json names them all, under sources.{name}.{key}"
                yield Anomaly("warning", name, f"{counted(len(names), noun)} {what}", cure)


def _damaged_files(statistics: Statistics) -> Iterator[Anomaly]:
    for group in statistics["groups"]:
        for scope in ("part", "frame", "note"):
            for reason, count in group["rejects"].get(scope, {}).items():
                if reason not in EXPECTED_REASONS:
                    what = counted(count, "note" if scope == "note" else f"{scope} reject")
                    yield Anomaly("warning", _where(group), f"{what}: {reason}", "the rejects name the files")


def _where(group: GroupStatistics) -> str:
    return f"{group['dataset']}/{group['method']}, split {group['split']}"
