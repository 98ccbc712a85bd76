"""VideoExampleGen: the executor."""

import json
import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tqdm import tqdm

from artifacts.digests import content_digest
from artifacts.errors import InputError
from artifacts.manifest import LABELS, SPLITS, write_manifest
from components.video_example_gen import adapters
from components.video_example_gen.splits import assign_splits, shared_identities

SHOWN = 3  # ids that a summary shows of a long list; report.json has them all


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
