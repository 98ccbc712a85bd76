"""VideoExampleGen: its executor."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from artifacts.digests import content_digest
from artifacts.errors import InputError
from artifacts.layout import DATASET_REPORT
from artifacts.manifest import LABELS, SPLITS, Video, write_manifest
from artifacts.statistics import DatasetReport
from artifacts.visible import as_text
from artifacts.words import counted, noun
from artifacts.writing import write_json
from commands import progress
from components.base import Context
from components.video_example_gen import adapters
from components.video_example_gen.component import VideoExampleGenParameters
from components.video_example_gen.listing import Listing
from components.video_example_gen.splits import assign_splits, shared_identities

SHOWN = 3  # ids that a summary shows of a long list; the report has them all


def execute(context: Context) -> dict[str, int]:
    """List all data sets, assign splits, and write the manifests and the report.

    Returns:
        The number of videos of each split, and of missing videos.

    Raises:
        InputError: a data set cannot be used; names the data set, the path or field, and the cure.
    """
    output = context.outputs["videos"]
    videos, reports = list_datasets(context.parameters)
    videos = _with_digests(videos)
    notes = [*_missing_classes(videos), *_same_content(videos)]
    for note in notes:
        print(f"note: {note}")
    write_manifest(output, videos)
    write_json(os.path.join(output, DATASET_REPORT), {"datasets": reports, "notes": notes}, indent=2)
    counts = Counter(video.split for video in videos)
    missing = sum(len(report["missing"]) for report in reports.values())
    return {**{split: counts[split] for split in SPLITS}, "missing": missing}


def list_datasets(parameters: VideoExampleGenParameters) -> tuple[list[Video], dict[str, DatasetReport]]:
    """List all data sets, assign splits, and print what each holds; no file is read, and only the sample is made.

    Returns:
        The videos, without digests, and name -> report.

    Raises:
        InputError: a data set cannot be used; names the data set, the path or field, and the cure.
    """
    videos: list[Video] = []
    reports: dict[str, DatasetReport] = {}
    for index, config in enumerate(parameters.datasets):
        try:
            listing = _list(config, parameters)
        except InputError as error:
            raise InputError(f"datasets.{index} ({config.name}): {error}") from error
        videos += listing.videos
        reports[config.name] = _report(config, listing)
        print(_summary(config.name, reports[config.name], noun({video.kind for video in listing.videos})))
    return videos, reports


def _list(config: adapters.DatasetConfig, parameters: VideoExampleGenParameters) -> Listing:
    """List one data set, and assign splits to the videos that have none."""
    listing = adapters.list_videos(config)
    if listing.missing and not parameters.allow_missing:
        raise InputError(
            f"{config.folder}: {counted(len(listing.missing), 'video')} missing, such as {_few(listing.missing)}; "
            'complete the copy, or set "allow_missing" to true'
        )
    waiting = [video for video in listing.videos if not video.split]
    given = [video for video in listing.videos if video.split]
    if waiting:
        fractions = {split: getattr(parameters.split_fractions, split) for split in listing.to_fill}
        if listing.shared_identities:  # by its own protocol: nobody is kept out of train for being in test
            divided, left_out = assign_splits(waiting, fractions, parameters.seed)
            divided += given
        else:
            divided, left_out = assign_splits(listing.videos, fractions, parameters.seed)
        listing.videos = divided
        listing.left_out |= left_out
    for (a, b), count in shared_identities(listing.videos).items():
        if (a, b) not in listing.shared_identities:
            listing.shared_identities.add((a, b))
            listing.notes.append(
                f"{a} and {b} share {counted(count, 'person', 'people')} according to the data set's own lists"
            )
    return listing


def _report(config: adapters.DatasetConfig, listing: Listing) -> DatasetReport:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for video in listing.videos:
        counts[video.split][video.method] += 1
    return {
        "type": config.type,
        "root": as_text(config.folder),
        "videos": {split: dict(sorted(counts[split].items())) for split in SPLITS},
        "missing": list(map(as_text, listing.missing)),
        "unlisted": listing.unlisted,
        "left_out": {as_text(name): reason for name, reason in listing.left_out.items()},
        "notes": list(map(as_text, listing.notes)),
        "shared_identities": sorted(map(list, listing.shared_identities)),
    }


def _summary(name: str, report: DatasetReport, what: str) -> str:
    """Return a few lines to print; `what` is what there is to count, such as "video"."""
    total = sum(sum(methods.values()) for methods in report["videos"].values())
    lines = [f"{name} ({report['type']}): {counted(total, what)} in {report['root']}"]
    for split, methods in report["videos"].items():
        lines.append(
            f"  {split:5} " + (", ".join(f"{count:,} {method}" for method, count in methods.items()) or "none")
        )
    for state, names in (("missing", report["missing"]), ("unlisted", report["unlisted"])):
        if names:
            lines.append(f"  {state}: {len(names):,}, such as {_few(names)}")
    for reason, count in Counter(report["left_out"].values()).items():
        lines.append(f"  left out: {count:,}, because {reason}")
    lines += [f"  note: {note}" for note in report["notes"]]
    return "\n".join(lines)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _with_digests(videos: Sequence[Video]) -> list[Video]:
    """Return the videos with their digests, read with many threads to hide the latency of a shared disk."""
    with ThreadPoolExecutor(16) as pool:
        digests = pool.map(content_digest, [video.uri for video in videos])
        bar = progress.bar(digests, total=len(videos), desc="digests", unit="file", disable=len(videos) <= 1000)
        return [replace(video, digest=digest) for video, digest in zip(videos, bar, strict=True)]


def _missing_classes(videos: Sequence[Video]) -> list[str]:
    """Say what all data sets together lack."""
    there = {(video.split, video.label) for video in videos}
    return [
        f"{split} has no {name} video"
        for split in SPLITS
        for label, name in LABELS.items()
        if (split, label) not in there
    ]


def _same_content(videos: Sequence[Video]) -> list[str]:
    """Say what all data sets together hold twice."""
    by_digest: defaultdict[str, list[Video]] = defaultdict(list)
    for video in videos:
        by_digest[video.digest].append(video)
    twice = [group for group in by_digest.values() if len({video.split for video in group}) > 1]
    if not twice:
        return []
    first, *_, last = sorted(twice[0], key=lambda video: SPLITS.index(video.split))
    return [
        f"{counted(len(twice), 'file')} in two splits with the same content, such as {first.video_id} and "
        f"{last.video_id}"
    ]
