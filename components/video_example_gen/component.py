"""VideoExampleGen: the data sets on disk become one manifest of videos per split."""

import hashlib
import json
import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from tqdm import tqdm

from components.base import Component, InputError, Parameters
from components.video_example_gen import adapters
from components.video_example_gen.digests import content_digest
from components.video_example_gen.files import walk
from components.video_example_gen.manifest import LABELS, SPLITS, read_manifest, write_manifest
from components.video_example_gen.splits import assign_splits, shared_identities

SHOWN = 3  # ids that a summary shows of a long list; report.json has them all


class SplitFractions(BaseModel):
    """How much of a data set that has no official splits goes where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(0.8, ge=0, description="share of training videos")
    val: float = Field(0.1, ge=0, description="share of validation videos")
    test: float = Field(0.1, ge=0, description="share of test videos")

    @model_validator(mode="after")
    def _sum(self):
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + val + test is {total:g}; it must be 1")
        return self


class VideoExampleGenParameters(Parameters):
    """What VideoExampleGen can be told."""

    datasets: Annotated[list[adapters.DatasetConfig], Field(min_length=1)] = Field(
        description="the data sets, each with a type, a name and a root"
    )
    split_fractions: SplitFractions = Field(
        SplitFractions(), description="shares of the splits where a data set has no official ones"
    )
    seed: int = Field(0, description="of the division where a data set has no official splits")
    allow_missing: bool = Field(True, description="go on when videos that a data set's lists name are not there")

    @field_validator("datasets")
    @classmethod
    def _names(cls, datasets):
        first = {}
        for index, dataset in enumerate(datasets):
            if first.setdefault(dataset.name, index) != index:
                raise ValueError(f'{first[dataset.name]} and {index} are both called "{dataset.name}"; rename one')
        return datasets


def execute(context):
    """List all data sets, divide them, write the manifests and `report.json`; return counts.

    Raises:
        InputError: a data set cannot be used; names data set, path or field, and the cure.
    """
    parameters, output = context.parameters, context.outputs["videos"]
    videos, reports = [], {}
    for index, config in enumerate(parameters.datasets):
        try:
            listing = _list(config, parameters)
        except InputError as error:
            raise InputError(f"datasets.{index} ({config.name}): {error}") from error
        videos += listing.videos
        reports[config.name] = _report(config, listing)
        print(_summary(config.name, reports[config.name]))
    videos = _with_digests(videos)
    notes = _notes(videos)
    for note in notes:
        print(f"note: {note}")
    write_manifest(output, videos)
    with open(os.path.join(output, "report.json"), "w") as stream:
        json.dump({"datasets": reports, "notes": notes}, stream, indent=2)
    counts = Counter(video.split for video in videos)
    missing = sum(len(report["missing"]) for report in reports.values())
    return {**{split: counts[split] for split in SPLITS}, "missing": missing}


def sources(parameters):
    """Return a fingerprint of all files that the listings depend on: paths, sizes and times, not contents."""
    digest = hashlib.blake2b(digest_size=16)
    for config in parameters.datasets:
        for source in config.sources():
            digest.update(f"{config.name}\n{source}\n".encode())
            for path, status in _statuses(source):
                line = f"{os.path.relpath(path, source)}\t{status.st_size}\t{status.st_mtime_ns}\n"
                digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def still_holds(outputs):
    """Return None, or which video of the manifests is gone (`sources` does not see those of a generated data set)."""
    for split in SPLITS:
        for video in read_manifest(outputs["videos"], split):
            if not os.path.isfile(video.uri):
                return f"{video.uri} is gone"
    return None


def _statuses(source):
    if os.path.isdir(source):
        return ((entry.path, entry.stat()) for entry in walk(source))
    return [(source, os.stat(source))] if os.path.exists(source) else []


def _list(config, parameters):
    """List one data set and divide what has no split yet."""
    listing = adapters.list_videos(config)
    if listing.missing and not parameters.allow_missing:
        raise InputError(
            f"{config.folder}: {len(listing.missing)} videos are missing, as {_few(listing.missing)}; "
            'complete the copy, or set "allow_missing" to true'
        )
    waiting = [video for video in listing.videos if not video.split]
    given = [video for video in listing.videos if video.split]
    if waiting:
        fractions = {split: getattr(parameters.split_fractions, split) for split in listing.to_fill}
        if listing.shared_identities:  # by its own protocol: then nobody is kept out of train for being in test
            divided, left_out = assign_splits(waiting, fractions, parameters.seed)
            divided += given
        else:
            divided, left_out = assign_splits(listing.videos, fractions, parameters.seed)
        listing.videos = divided
        listing.left_out |= left_out
    for (a, b), count in shared_identities(listing.videos).items():
        if (a, b) not in listing.shared_identities:
            listing.shared_identities.add((a, b))
            listing.notes.append(f"{a} and {b} share {count} people, as the data set's own lists have it")
    return listing


def _report(config, listing):
    counts = defaultdict(Counter)
    for video in listing.videos:
        counts[video.split][video.method] += 1
    return {
        "type": config.type,
        "root": config.folder,
        "videos": {split: dict(sorted(counts[split].items())) for split in SPLITS},
        "missing": listing.missing,
        "unlisted": listing.unlisted,
        "left_out": listing.left_out,
        "notes": listing.notes,
        "shared_identities": sorted(map(list, listing.shared_identities)),
    }


def _summary(name, report):
    """A few lines for people."""
    total = sum(sum(methods.values()) for methods in report["videos"].values())
    lines = [f"{name} ({report['type']}): {total} videos in {report['root']}"]
    for split, methods in report["videos"].items():
        lines.append(f"  {split:5} " + (", ".join(f"{count} {method}" for method, count in methods.items()) or "none"))
    lines += [
        f"  {what}: {len(report[what])}, as {_few(report[what])}" for what in ("missing", "unlisted") if report[what]
    ]
    for reason, count in Counter(report["left_out"].values()).items():
        lines.append(f"  left out: {count}, since {reason}")
    return "\n".join([*lines, *(f"  note: {note}" for note in report["notes"])])


def _few(names):
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _with_digests(videos):
    """Read the digests with many threads, which hide the latency of a shared disk."""
    with ThreadPoolExecutor(16) as pool:
        digests = pool.map(content_digest, [video.uri for video in videos])
        bar = tqdm(digests, total=len(videos), desc="digests", unit="file", disable=len(videos) <= 1000)
        return [replace(video, digest=digest) for video, digest in zip(videos, bar, strict=True)]


def _notes(videos):
    """Say what all data sets together lack, or have twice."""
    there = {(video.split, video.label) for video in videos}
    notes = [f"{s} has no {name} video" for s in SPLITS for label, name in LABELS.items() if (s, label) not in there]
    same = defaultdict(list)
    for video in videos:
        same[video.digest].append(video)
    twice = [group for group in same.values() if len({video.split for video in group}) > 1]
    if twice:
        a, *_, b = sorted(twice[0], key=lambda video: SPLITS.index(video.split))
        notes.append(f"{len(twice)} files lie in two splits with the same content, as {a.video_id} and {b.video_id}")
    return notes


COMPONENT = Component(
    name="VideoExampleGen",
    module="components.video_example_gen.component",
    summary="List the videos of one or more data sets, with labels, people and splits.",
    inputs={},
    outputs={"videos": "Videos"},
    parameters=VideoExampleGenParameters,
    execute=execute,
    sources=sources,
    still_holds=still_holds,
)
