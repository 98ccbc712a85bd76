"""Count face examples, rejects and pixels on Beam.

All figures are sums of integers, so that they are the same on any number of workers.
"""

import collections
import glob
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence

import tensorflow as tf

from artifacts import crop_decoding, face_examples
from artifacts.errors import InputError
from artifacts.layout import DATASET_REPORT
from artifacts.manifest import SPLITS, read_manifest
from artifacts.rejects import read_rejects
from artifacts.statistics import DatasetReport, GroupStatistics, SharedIdentities, Statistics
from components.beam import beam, pipeline_options

Counts = collections.Counter[str]
FileKey = tuple[str, str, int]  # data set, method, label
GroupKey = tuple[str, str, str, int]  # split, data set, method, label
RejectCounts = dict[str, dict[str, int]]  # scope -> reason -> count


def compute(videos_dir: str, examples_dir: str, rejects_dir: str, beam_args: Sequence[str]) -> Statistics:
    """Return the statistics of the artifacts `videos`, `examples` and `rejects`.

    Raises:
        InputError: a TFRecord file is damaged, or an image in it cannot be decoded.
    """
    faces = _count_faces_of_splits(examples_dir, beam_args)
    listed: collections.Counter[GroupKey] = collections.Counter()
    splits_of_person: dict[str, dict[str, set[str]]] = {}  # data set -> person -> splits
    for split in SPLITS:
        for video in read_manifest(videos_dir, split):
            listed[split, video.dataset, video.method, video.label] += 1
            for person in video.identities:
                splits_of_person.setdefault(video.dataset, {}).setdefault(person, set()).add(split)
    rejects = count_rejects(rejects_dir)
    groups = [
        _group(key, listed[key], faces.get(key, Counts()), rejects.get(key, {})) for key in sorted({*listed, *faces})
    ]
    return {
        "groups": groups,
        "sources": _read_report(videos_dir),
        "shared_identities": _shared_identities(splits_of_person),
    }


def _count_faces_of_splits(examples_dir: str, beam_args: Sequence[str]) -> dict[GroupKey, Counts]:
    files = {}
    for split in SPLITS:
        try:
            files[split] = face_examples.find_files(examples_dir, split)
        except InputError:
            files[split] = []  # a split without a video: ExampleValidator decides whether that is an error
    try:
        return count_faces(files, beam_args)
    except Exception as error:  # Beam wraps whatever a worker raised
        if "InputError" in repr(error):
            raise InputError(str(error).split("InputError:")[-1].split(" [while running")[0].strip()) from error
        raise


def count_faces(files: Mapping[str, Sequence[str]], beam_args: Sequence[str]) -> dict[GroupKey, Counts]:
    """Run `file_statistics` over the TFRecord files of each split on Beam, and sum the counts of each group."""
    found: dict[GroupKey, Counts] = {}
    with tempfile.TemporaryDirectory(prefix="statistics-") as folder:
        with beam.Pipeline(options=pipeline_options(beam_args)) as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create([(split, path) for split in files for path in files[split]])
                | "Spread" >> beam.Reshuffle()
                | "Count" >> beam.FlatMap(_count_one)
                | "Merge" >> beam.CombinePerKey(_merge)
                | "Format" >> beam.Map(lambda row: json.dumps([list(row[0]), dict(row[1])]))
                | "Write" >> beam.io.WriteToText(os.path.join(folder, "counts"))
            )
        for path in glob.glob(os.path.join(folder, "counts*")):
            with open(path) as stream:
                for (split, dataset, method, label), counts in map(json.loads, stream):
                    found[split, dataset, method, label] = Counts(counts)
    return found


def _count_one(split_and_path: tuple[str, str]) -> Iterator[tuple[GroupKey, Counts]]:
    split, path = split_and_path
    for key, counts in file_statistics(path).items():
        yield (split, *key), counts


def _merge(parts: Iterable[Counts]) -> Counts:
    total = Counts()
    for counts in parts:
        total.update(counts)
    return total


def file_statistics(path: str) -> dict[FileKey, Counts]:
    """Count what is in one TFRecord file.

    Returns:
        For each data set, method and label: `faces`, `frames_with_face`, `videos_with_face`; sums over the faces:
        `pixel_sum` and `pixels` (of 0-255 values), `box_side` (mean of width and height in pixels), `flat` (crops of
        one colour), `scored` and `score_ppm` (sum of scores in millionths); and the counts `size:<h>x<w>` and
        `format:<name>`.

    Raises:
        InputError: the file is truncated or damaged, or an image in it cannot be decoded.
    """
    counts_of: dict[FileKey, Counts] = {}
    videos: dict[FileKey, set[bytes]] = {}
    last_frame = None  # the faces of a frame follow one another
    for number, record in enumerate(face_examples.read_records(path)):
        try:
            example = face_examples.parse(record)
        except tf.errors.OpError as error:
            raise InputError(f"{path}: record {number}: {error.message}") from error
        try:
            image = crop_decoding.decode_image(example["image/encoded"]).numpy()
        except tf.errors.OpError as error:
            raise InputError(f"{path}: record {number}: the picture {crop_decoding.why_refused(error)}") from error
        dataset, method, image_format = (_text(example[name]) for name in ("dataset", "method", "image/format"))
        key = (dataset, method, int(example["label"]))
        counts = counts_of.setdefault(key, Counts())
        video_id = example["video_id"].numpy()
        frame = (video_id, int(example["frame/index"]))
        videos.setdefault(key, set()).add(video_id)
        counts["faces"] += 1
        counts["frames_with_face"] += int(frame != last_frame)
        last_frame = frame
        counts["pixel_sum"] += int(image.sum(dtype="int64"))
        counts["pixels"] += image.size
        counts["box_side"] += round(float(example["face/box"][2] + example["face/box"][3]) / 2)
        counts["flat"] += int(image.min() == image.max())
        score = float(example["face/score"])
        if score == score:  # NaN: a crop that was made elsewhere
            counts["scored"] += 1
            counts["score_ppm"] += round(score * 1e6)
        counts[f"size:{image.shape[0]}x{image.shape[1]}"] += 1
        counts[f"format:{image_format}"] += 1
    for key, ids in videos.items():  # a video is in one file only
        counts_of[key]["videos_with_face"] += len(ids)
    return counts_of


def _text(tensor: tf.Tensor) -> str:
    return str(tensor.numpy().decode())


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
    with open(path) as stream:
        datasets: dict[str, DatasetReport] = json.load(stream)["datasets"]
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
