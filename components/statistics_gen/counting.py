"""Counts, detection rates and pixel statistics of the face examples, on Beam.

All figures are sums of integers, so that they are the same on any number of workers.
"""

import collections
import glob
import json
import os
import tempfile

import tensorflow as tf

from artifacts import face_examples
from artifacts.errors import InputError
from artifacts.manifest import SPLITS, read_manifest
from components.beam import beam, pipeline_options


def file_statistics(path):
    """Count what is in one TFRecord file.

    Returns:
        A dict (dataset, method, label) -> Counter with `faces`, `frames_with_face`, `videos_with_face`, and sums over the
        faces: `pixel_sum` and `pixels` (of 0-255 values), `box_side` (mean of width and height, pixels), `flat` (crops of
        one colour), `scored` and `score_ppm` (sum of scores in millionths), and counts `size:<h>x<w>` and `format:<name>`.

    Raises:
        ExamplesError: the file is cut or damaged, or an image in it does not decode.
    """
    counters, videos = collections.defaultdict(collections.Counter), collections.defaultdict(set)
    last_frame = None  # a frame's faces follow one another
    for number, record in enumerate(face_examples.read_records(path)):
        try:
            example = face_examples.parse(record)
            image = face_examples.decode_image(example["image/encoded"]).numpy()
        except tf.errors.OpError as error:
            raise face_examples.ExamplesError(f"{path}: record {number}: {error.message}") from error
        key = (*tuple(example[name].numpy().decode() for name in ("dataset", "method")), int(example["label"]))
        videos[key].add(example["video_id"].numpy())
        counter = counters[key]
        counter["faces"] += 1
        frame = (example["video_id"].numpy(), int(example["frame/index"]))
        counter["frames_with_face"] += int(frame != last_frame)
        last_frame = frame
        counter["pixel_sum"] += int(image.sum(dtype="int64"))
        counter["pixels"] += image.size
        counter["box_side"] += round(float(example["face/box"][2] + example["face/box"][3]) / 2)
        counter["flat"] += int(image.min() == image.max())
        score = float(example["face/score"])
        if score == score:  # NaN: a crop that was cut elsewhere
            counter["scored"] += 1
            counter["score_ppm"] += round(score * 1e6)
        counter[f"size:{image.shape[0]}x{image.shape[1]}"] += 1
        counter[f"format:{example['image/format'].numpy().decode()}"] += 1
    for key, ids in videos.items():  # a video lies in one file only
        counters[key]["videos_with_face"] += len(ids)
    return dict(counters)


def _merge(counters):
    total = collections.Counter()
    for counter in counters:
        total.update(counter)
    return total


def count_faces(files, beam_args):
    """Run `file_statistics` over files {split: [paths]} on Beam; return {(split, dataset, method, label): Counter}."""
    found = {}
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
                found |= {tuple(key): collections.Counter(counts) for key, counts in map(json.loads, stream)}
    return found


def _count_one(file):
    split, path = file
    for key, counter in file_statistics(path).items():
        yield (split, *key), counter


def compute(videos_dir, examples_dir, rejects_dir, beam_args):
    """Return the statistics as one JSON-able dict: `groups`, `sources`, `shared_identities`."""
    files = {}
    for split in SPLITS:
        try:
            files[split] = face_examples.find_files(examples_dir, split)
        except face_examples.ExamplesError:
            files[split] = []  # a split without a video; the validator judges that
    try:
        faces = count_faces(files, beam_args)
    except Exception as error:  # Beam wraps whatever a worker raised
        if "ExamplesError" in repr(error) or isinstance(error, face_examples.ExamplesError):
            raise InputError(str(error).split("ExamplesError:")[-1].split(" [while running")[0].strip()) from error
        raise
    listed, people = collections.Counter(), collections.defaultdict(lambda: collections.defaultdict(set))
    for split in SPLITS:
        for video in read_manifest(videos_dir, split):
            listed[split, video.dataset, video.method, video.label] += 1
            for person in video.identities:
                people[video.dataset][person].add(split)
    rejects = count_rejects(rejects_dir)
    groups = []
    for key in sorted(set(listed) | set(faces)):
        groups.append(_group(key, listed[key], faces.get(key, collections.Counter()), rejects.get(key, {})))
    return {
        "groups": groups,
        "sources": _read_report(videos_dir),
        "shared_identities": _shared(people),
    }


def _group(key, videos, faces, rejects):
    """One row: figures of a split, data set, method and label."""
    frame_rejects = sum(rejects.get("frame", {}).values())
    frames, count = faces["frames_with_face"] + frame_rejects, faces["faces"]
    return {
        **dict(zip(("split", "dataset", "method", "label"), key, strict=True)),
        "videos": videos,
        "videos_with_face": faces["videos_with_face"],
        "frames": frames,
        "faces": count,
        "frames_with_face": faces["frames_with_face"],
        "frame_detection_rate": faces["frames_with_face"] / frames if frames else None,
        "video_detection_rate": faces["videos_with_face"] / videos if videos else None,
        "mean_pixel": faces["pixel_sum"] / faces["pixels"] if count else None,
        "mean_box_side": faces["box_side"] / count if count else None,
        "mean_score": faces["score_ppm"] / 1e6 / faces["scored"] if faces["scored"] else None,
        "flat_crops": faces["flat"],
        "sizes": {k.removeprefix("size:"): v for k, v in sorted(faces.items()) if k.startswith("size:")},
        "formats": {k.removeprefix("format:"): v for k, v in sorted(faces.items()) if k.startswith("format:")},
        "rejects": rejects,
    }


def count_rejects(folder):
    """Return {(split, dataset, method, label): {scope: {reason: count}}} of a `rejects` artifact."""
    counts = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.jsonl"))):
        with open(path) as stream:
            for row in map(json.loads, stream):
                key = tuple(row[name] for name in ("split", "dataset", "method", "label"))
                reasons = counts.setdefault(key, {}).setdefault(row["scope"], {})
                reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    return counts


def _read_report(videos_dir):
    path = os.path.join(videos_dir, "report.json")
    if not os.path.exists(path):  # a manifest made by hand
        return {}
    with open(path) as stream:
        return json.load(stream)["datasets"]


def _shared(people):
    """People who are in several splits: data set -> [{"splits": [...], "identities": [...]}]."""
    shared = {}
    for dataset, splits_of in sorted(people.items()):
        by_splits = collections.defaultdict(list)
        for person, splits in splits_of.items():
            if len(splits) > 1:
                by_splits[tuple(s for s in SPLITS if s in splits)].append(person)
        if by_splits:
            shared[dataset] = [{"splits": list(k), "identities": sorted(v)} for k, v in sorted(by_splits.items())]
    return shared
