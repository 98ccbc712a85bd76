"""Count face examples, rejects and pixels on Beam.

All figures are sums of integers, so that they are the same on any number of workers.
"""

import collections
import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence

from artifacts import face_examples
from artifacts.errors import InputError
from artifacts.layout import DATASET_REPORT, MANIFEST
from artifacts.manifest import SPLITS, read_manifest
from artifacts.regular_files import read_json
from artifacts.rejects import read_rejects
from artifacts.statistics import DatasetReport, GroupStatistics, SharedIdentities, Statistics
from artifacts.words import counted
from artifacts.writing import write_json
from commands import progress
from components.beam import beam, pipeline_options, running, starting
from components.statistics_gen.file_counts import FileKey, file_statistics

Counts = collections.Counter[str]
GroupKey = tuple[str, str, str, int]  # split, data set, method, label
NOTE = ".progress"  # after the name of a file of counts: how many faces are counted
RejectCounts = dict[str, dict[str, int]]  # scope -> reason -> count


def compute(
    videos_dir: str, examples_dir: str, rejects_dir: str, beam_args: Sequence[str], work_dir: str | None = None
) -> Statistics:
    """Return the statistics of the artifacts `videos`, `examples` and `rejects`.

    Args:
        videos_dir: the artifact `videos`.
        examples_dir: the artifact `examples`.
        rejects_dir: the artifact `rejects`.
        beam_args: of the engine.
        work_dir: a folder that the workers share, for what they count. Default: this machine's folder for temporary
            files.

    Raises:
        InputError: a TFRecord file is damaged or holds another number of faces than its manifest says, an image in it
            cannot be decoded, or the workers do not share the folder.
    """
    faces = _count_faces_of_splits(os.path.abspath(examples_dir), beam_args, work_dir)
    listed: dict[GroupKey, set[str]] = collections.defaultdict(set)
    splits_of_person: dict[str, dict[str, set[str]]] = {}  # data set -> person -> splits
    for split in SPLITS:
        for video in read_manifest(videos_dir, split):
            listed[split, video.dataset, video.method, video.label].add(video.shown_as)
            for person in video.identities:
                splits_of_person.setdefault(video.dataset, {}).setdefault(person, set()).add(split)
    rejects = count_rejects(rejects_dir)
    groups = [
        _group(key, len(listed[key]), faces.get(key, Counts()), rejects.get(key, {}))
        for key in sorted({*listed, *faces})
    ]
    return {
        "groups": groups,
        "sources": _read_report(videos_dir),
        "shared_identities": _shared_identities(splits_of_person),
    }


def _count_faces_of_splits(examples_dir: str, beam_args: Sequence[str], work_dir: str | None) -> dict[GroupKey, Counts]:
    files = {}
    for split in SPLITS:
        try:
            files[split] = face_examples.find_files(examples_dir, split)
        except InputError:
            files[split] = []  # a split without a video: ExampleValidator decides whether that is an error
    expected = _faces_of_manifest(examples_dir)
    for path in expected:
        if not os.path.exists(path):
            raise InputError(f"{path}: is missing, but the manifest.json of these face examples lists it")
    try:
        return count_faces(files, beam_args, expected, work_dir)
    except Exception as error:  # Beam wraps whatever a worker raised
        if "InputError" in repr(error):
            raise InputError(str(error).split("InputError:")[-1].split(" [while running")[0].strip()) from error
        raise


def _faces_of_manifest(examples_dir: str) -> dict[str, int]:
    """Return path -> number of faces of each file that the manifest lists; {} if there is none."""
    path = os.path.join(examples_dir, MANIFEST)
    if not os.path.exists(path):
        return {}
    try:
        return {os.path.join(examples_dir, row["file"]): int(row["examples"]) for row in read_json(path)["files"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: damaged ({error}). Extract the faces again") from error


def count_faces(
    files: Mapping[str, Sequence[str]],
    beam_args: Sequence[str],
    expected: Mapping[str, int] | None = None,
    work_dir: str | None = None,
) -> dict[GroupKey, Counts]:
    """Run `file_statistics` over the TFRecord files of each split on Beam, and sum the counts of each group.

    Args:
        files: split -> paths.
        beam_args: of the engine.
        expected: path -> number of faces, where it is known.
        work_dir: see `compute`.

    Raises:
        InputError: see `compute`.
    """
    found: dict[GroupKey, Counts] = {}
    options = pipeline_options(beam_args)
    with tempfile.TemporaryDirectory(prefix=".counts-", dir=work_dir) as folder:
        jobs = [(split, path) for split in files for path in files[split]]
        targets = [os.path.join(folder, f"{number:05d}.json") for number in range(len(jobs))]
        files_of = {target: path for (_, path), target in zip(jobs, targets, strict=True)}
        with _progress(files_of, expected or {}, starting(options)), running(options) as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create([(path, target) for target, path in files_of.items()])
                | "Spread" >> beam.Reshuffle()
                | "Count" >> beam.Map(_count_one)
            )
        for (split, path), target in zip(jobs, targets, strict=True):
            for (dataset, method, label), counts in _read_counts(target, path, (expected or {}).get(path)):
                found.setdefault((split, dataset, method, label), Counts()).update(counts)
    return found


def _count_one(path_and_target: tuple[str, str]) -> None:
    path, target = path_and_target
    groups = file_statistics(path, lambda faces: write_json(target + NOTE, faces))
    write_json(target, [[list(key), dict(counts)] for key, counts in groups.items()])


def _progress(
    files: Mapping[str, str], expected: Mapping[str, int], starting: str
) -> contextlib.AbstractContextManager[None]:
    """Show a bar over the faces, or over the files where nobody knows how many faces they hold.

    Args:
        files: target -> path.
        expected: path -> number of faces.
        starting: what to show until something is counted.
    """
    total = {target: expected.get(path) for target, path in files.items()}
    by_face = None not in total.values()

    def count() -> tuple[int, dict[str, int]]:
        done = 0
        for target, faces in total.items():
            if os.path.exists(target):
                done += faces if by_face and faces else 1
            elif by_face:
                with contextlib.suppress(OSError, InputError):  # not started, or its note is just being replaced
                    done += read_json(target + NOTE)
        return done, {}

    whole = sum(faces or 0 for faces in total.values()) if by_face else len(files)
    return progress.watched(count, whole, starting, desc="counting", unit="face" if by_face else "file")


def _read_counts(target: str, path: str, expected: int | None) -> list[tuple[FileKey, Counts]]:
    """Read what a worker has counted in a file.

    Raises:
        InputError: it is not there, or is another number of faces than expected.
    """
    if not os.path.exists(target):
        raise InputError(
            f"{target}: is missing, though no worker failed: the workers write to another disk. Give a statistics "
            "folder that all of them share with this machine, under one path"
        )
    with open(target) as stream:
        rows = [((dataset, method, label), Counts(counts)) for (dataset, method, label), counts in json.load(stream)]
    faces = sum(counts["faces"] for _, counts in rows)
    if expected is not None and faces != expected:
        raise InputError(
            f"{path}: holds {counted(faces, 'face')}, and manifest.json says {expected}. Extract the faces again, or "
            "copy the whole folder anew"
        )
    return rows


def _group(key: GroupKey, videos: int, counts: Counts, rejects: RejectCounts) -> GroupStatistics:
    split, dataset, method, label = key
    faces, frames_with_face = counts["faces"], counts["frames_with_face"]
    frames = frames_with_face + sum(rejects.get("frame", {}).values())
    return {
        "split": split,
        "dataset": dataset,
        "method": method,
        "label": label,
        "videos": videos,
        "videos_with_face": counts["videos_with_face"],
        "frames": frames,
        "faces": faces,
        "frames_with_face": frames_with_face,
        "frame_detection_rate": frames_with_face / frames if frames else None,
        "video_detection_rate": counts["videos_with_face"] / videos if videos else None,
        "mean_pixel": counts["pixel_sum"] / counts["pixels"] if faces else None,
        "mean_box_side": counts["box_side"] / faces if faces else None,
        "mean_score": counts["score_ppm"] / 1e6 / counts["scored"] if counts["scored"] else None,
        "flat_crops": counts["flat"],
        "sizes": _with_prefix(counts, "size:"),
        "formats": _with_prefix(counts, "format:"),
        "rejects": rejects,
    }


def _with_prefix(counts: Counts, prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in sorted(counts.items()) if name.startswith(prefix)}


def count_rejects(folder: str) -> dict[GroupKey, RejectCounts]:
    """Count the rejects of a `rejects` artifact by group, scope and reason."""
    counts: dict[GroupKey, RejectCounts] = {}
    for reject in read_rejects(folder):
        key = (reject.split, reject.dataset, reject.method, reject.label)
        reasons = counts.setdefault(key, {}).setdefault(reject.scope, {})
        reasons[reject.reason] = reasons.get(reject.reason, 0) + 1
    return counts


def _read_report(videos_dir: str) -> dict[str, DatasetReport]:
    path = os.path.join(videos_dir, DATASET_REPORT)
    if not os.path.exists(path):  # a handmade manifest
        return {}
    try:
        datasets: dict[str, DatasetReport] = read_json(path, "VideoExampleGen writes it", max_bytes=1 << 30)["datasets"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged (no datasets); VideoExampleGen writes it") from error
    return datasets


def _shared_identities(splits_of_person: Mapping[str, Mapping[str, set[str]]]) -> dict[str, list[SharedIdentities]]:
    """Find the people who are in several splits: data set -> who is in the same ones."""
    shared: dict[str, list[SharedIdentities]] = {}
    for dataset, splits_of in sorted(splits_of_person.items()):
        by_splits: dict[tuple[str, ...], list[str]] = {}
        for person, splits in splits_of.items():
            if len(splits) > 1:
                by_splits.setdefault(tuple(split for split in SPLITS if split in splits), []).append(person)
        if by_splits:
            shared[dataset] = [
                {"splits": list(splits), "identities": sorted(people)} for splits, people in sorted(by_splits.items())
            ]
    return shared
