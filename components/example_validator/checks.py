"""What is looked for in the statistics; each check is a generator of anomalies."""

import collections
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from artifacts.manifest import LABELS


class Schema(BaseModel):
    """What the face examples of a project are expected to be: a file that a person has reviewed."""

    model_config = ConfigDict(extra="forbid")

    crop_size: str = Field(description="height x width of every crop")
    image_formats: list[str] = Field(description="formats that keep every pixel")
    min_videos_per_class: dict[str, int] = Field(description="split -> videos with a face that each class needs")
    required_splits: list[str] = Field(description="splits that must not be empty")
    max_video_reject_rate: float = Field(ge=0, le=1, description="share of a data set's videos that may give no face")
    max_detection_rate_difference: float = Field(ge=0, le=1, description="of frames with a face, real against fake")
    min_frames_for_rates: int = Field(ge=0, description="frames of each class below which rates are not judged")
    max_outcome_difference: float = Field(
        ge=0, le=1, description="of how often each reject or note was given, real against fake; beyond it is a warning"
    )
    min_videos_for_outcomes: int = Field(ge=0, description="videos of each class below which outcomes are not compared")
    mean_pixel_range: tuple[float, float] = Field(description="of the mean of 0-255 values in a group")
    max_flat_crop_rate: float = Field(ge=0, le=1, description="share of crops of one single colour")


@dataclass(frozen=True)
class Anomaly:
    """Something that is not as the schema says. An "error" stops the run, a "warning" does not."""

    severity: str
    where: str
    what: str
    cure: str


def find_anomalies(statistics, schema):
    """Return every `Anomaly` of the statistics, errors first."""
    checks = (
        _empty_classes,
        _shared_identities,
        _reject_rates,
        _detection_differences,
        _outcome_differences,
        _pixels,
        _labels,
        _incomplete_sources,
        _damaged_files,
    )
    found = [anomaly for check in checks for anomaly in check(statistics, schema)]
    return sorted(found, key=lambda anomaly: anomaly.severity)


def _empty_classes(statistics, schema):
    videos = collections.Counter()
    by_dataset = collections.Counter()
    for group in statistics["groups"]:
        videos[group["split"], group["label"]] += group["videos_with_face"]
        by_dataset[group["dataset"], group["split"], group["label"]] += group["videos_with_face"]
    for split in schema.required_splits:
        needed = schema.min_videos_per_class.get(split, 1)
        for label, name in LABELS.items():
            if videos[split, label] < needed:
                yield Anomaly(
                    "error",
                    f"split {split}",
                    f"{videos[split, label]} {name} videos with a face; at least {needed} are needed",
                    "add data, change the split fractions or split files, or lower min_videos_per_class in the schema",
                )
    for dataset, split in sorted({key[:2] for key in by_dataset}):
        for label, name in LABELS.items():
            other = by_dataset[dataset, split, 1 - label]
            if other and not by_dataset[dataset, split, label]:
                yield Anomaly(
                    "warning",
                    f"{dataset}, split {split}",
                    f"no {name} video with a face beside {other} of the other class: it has no AUC of its own",
                    "add data if this data set is to be judged by itself",
                )


def _shared_identities(statistics, schema):
    for dataset, rows in statistics["shared_identities"].items():
        source = statistics["sources"].get(dataset, {})
        by_protocol = {frozenset(pair) for pair in source.get("shared_identities", [])}
        for row in rows:
            splits = row["splits"]
            pairs = {frozenset((a, b)) for a in splits for b in splits if a != b}
            allowed = pairs <= by_protocol
            some = ", ".join(row["identities"][:3])
            yield Anomaly(
                "warning" if allowed else "error",
                f"{dataset}, splits {' and '.join(splits)}",
                f"share {len(row['identities'])} identities ({some}{', ...' if len(row['identities']) > 3 else ''})"
                + (", as this data set's official protocol has it" if allowed else ""),
                "split by identity: leave the split to VideoExampleGen, or mend the CSV's split column"
                if not allowed
                else 'set "disjoint": true for this data set to keep these people out of training',
            )


def _reject_rates(statistics, schema):
    videos, lost = collections.Counter(), collections.Counter()
    reasons = collections.defaultdict(collections.Counter)
    for group in statistics["groups"]:
        videos[group["dataset"]] += group["videos"]
        lost[group["dataset"]] += group["videos"] - group["videos_with_face"]
        reasons[group["dataset"]].update(group["rejects"].get("video", {}))
    for dataset, count in lost.items():
        if not count:
            continue
        rate = count / videos[dataset]
        why = ", ".join(f"{reason} {n}" for reason, n in reasons[dataset].most_common())
        yield Anomaly(
            "error" if rate > schema.max_video_reject_rate else "warning",
            dataset,
            f"{count} of {videos[dataset]} videos ({rate:.1%}) gave no face: {why}",
            "see the rejects for the files; mend them, or raise max_video_reject_rate",
        )


def _detection_differences(statistics, schema):
    frames, faces = collections.Counter(), collections.Counter()
    for group in statistics["groups"]:
        frames[group["dataset"], group["label"]] += group["frames"]
        faces[group["dataset"], group["label"]] += group["frames_with_face"]
    for dataset in sorted({dataset for dataset, _ in frames}):
        if min(frames[dataset, 0], frames[dataset, 1]) < max(schema.min_frames_for_rates, 1):
            continue
        real, fake = (faces[dataset, label] / frames[dataset, label] for label in (0, 1))
        if abs(real - fake) > schema.max_detection_rate_difference:
            yield Anomaly(
                "error",
                dataset,
                f"faces are found in {real:.1%} of real and {fake:.1%} of fake frames, more than "
                f"{schema.max_detection_rate_difference:.1%} apart: a detector could learn that instead of the forgery",
                "look at the rejects of both classes; raise max_detection_rate_difference only if you know why",
            )


def _outcome_differences(statistics, schema):
    """The rule is the same for real and fake, but what it does to them may differ, and could then be learned."""
    whole = collections.Counter()  # videos, and under the scope "frame" frames
    found = collections.defaultdict(collections.Counter)
    for group in statistics["groups"]:
        key = group["dataset"], group["label"]
        whole[(*key, "video")] += group["videos"]
        whole[(*key, "frame")] += group["frames"]
        for scope, reasons in group["rejects"].items():
            for reason, count in reasons.items():
                found[group["dataset"]][group["label"], scope, reason] += count
    for dataset, counts in sorted(found.items()):
        if min(whole[dataset, label, "video"] for label in LABELS) < max(schema.min_videos_for_outcomes, 1):
            continue
        for scope, reason in sorted({key[1:] for key in counts}):
            of = "frame" if scope == "frame" else "video"
            real, fake = (counts[label, scope, reason] / max(whole[dataset, label, of], 1) for label in LABELS)
            if abs(real - fake) > schema.max_outcome_difference:
                yield Anomaly(
                    "warning",
                    dataset,
                    f"{scope} {reason}: {real:.1%} of real and {fake:.1%} of fake {of}s, more than "
                    f"{schema.max_outcome_difference:.1%} apart",
                    "look at the rejects of both classes: do they come from different cameras, sizes or encoders?",
                )


def _pixels(statistics, schema):
    low, high = schema.mean_pixel_range
    for group in statistics["groups"]:
        where = _where(group)
        if not group["faces"]:
            continue
        for size in set(group["sizes"]) - {schema.crop_size}:
            yield Anomaly(
                "error", where, f"{group['sizes'][size]} crops are {size}, not {schema.crop_size}", "extract again"
            )
        for name in set(group["formats"]) - set(schema.image_formats):
            yield Anomaly("error", where, f"{group['formats'][name]} crops are stored as {name!r}, not without loss",
                          "extract again, or name the format in image_formats")  # fmt: skip
        if not low <= group["mean_pixel"] <= high:
            yield Anomaly("error", where, f"the mean pixel is {group['mean_pixel']:.1f}, outside {low} to {high}",
                          "look at the crops: are they black, or scaled to 0-1?")  # fmt: skip
        if group["flat_crops"] / group["faces"] > schema.max_flat_crop_rate:
            yield Anomaly(
                "error", where, f"{group['flat_crops']} crops are of one single colour", "look at these videos"
            )


def _labels(statistics, schema):
    labels = collections.defaultdict(set)
    for group in statistics["groups"]:
        labels[group["dataset"], group["method"]].add(group["label"])
        if group["label"] not in LABELS:
            yield Anomaly(
                "error", _where(group), f"label {group['label']} is neither 0 (real) nor 1 (fake)", "extract again"
            )
        if group["faces"] and not group["videos"]:
            yield Anomaly(
                "error", _where(group), "has faces of videos that the manifest does not name", "extract again"
            )
    for (dataset, method), found in sorted(labels.items()):
        if len(found) > 1:
            yield Anomaly(
                "error", f"{dataset}, method {method}", "holds real and fake videos", "give them other methods"
            )


def _incomplete_sources(statistics, schema):
    for name, source in statistics["sources"].items():
        for key, what in (("missing", "named by its lists and missing"), ("unlisted", "there but named by no list"),
                          ("left_out", "left out of all splits")):  # fmt: skip
            if source.get(key):
                yield Anomaly("warning", name, f"{len(source[key])} videos are {what}",
                              f"statistics.json names them all, under sources.{name}.{key}")  # fmt: skip


def _damaged_files(statistics, schema):
    for group in statistics["groups"]:
        for scope in ("part", "frame", "note"):
            for reason, count in group["rejects"].get(scope, {}).items():
                if reason not in ("no_face", "smaller_faces"):
                    what = "notes" if scope == "note" else f"{scope} rejects"
                    yield Anomaly("warning", _where(group), f"{count} {what}: {reason}", "see the rejects")


def _where(group):
    return f"{group['dataset']}/{group['method']}, split {group['split']}"
