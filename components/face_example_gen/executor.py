"""FaceExampleGen: its executor."""

import glob
import hashlib
import json
import os
import re
from collections.abc import Sequence

from artifacts.errors import InputError
from artifacts.layout import MANIFEST, PLAN
from artifacts.manifest import SPLITS, Video, read_manifest
from artifacts.preprocessing import Preprocessing
from artifacts.writing import remove_partial, write_json
from components.base import Context
from components.beam import beam, pipeline_options
from components.face_example_gen import shard_progress
from components.face_example_gen.component import FaceExampleGenParameters
from components.face_example_gen.shards import ExtractFaces, ShardSummary, deal
from faces.settings import ExtractionSettings


def execute(context: Context) -> dict[str, int]:
    """Extract every video of the manifests.

    Writes `Split-*/faces-*.tfrecord` and `manifest.json` into `examples`, and JSON lines into `rejects`.

    Returns:
        Numbers of videos, faces and rejects.

    Raises:
        InputError: a manifest cannot be read, there is no video, or an output cannot be written.
    """
    parameters, videos_dir = context.parameters, context.inputs["videos"]
    examples_dir, rejects_dir = context.outputs["examples"], context.outputs["rejects"]
    videos = [video for split in SPLITS for video in read_manifest(videos_dir, split)]
    if not videos:
        raise InputError(f"{videos_dir}: the manifests name no video")
    print(f"FaceExampleGen: {len(videos)} videos, {parameters.frames} frames each", flush=True)
    try:
        _claim(examples_dir, parameters, videos)
        options = pipeline_options(context.beam_args)
        with shard_progress.shown(examples_dir, len(videos)), beam.Pipeline(options=options) as pipeline:
            dealt = pipeline | "Videos" >> beam.Create(deal(videos, parameters.shards))
            _ = dealt | "ExtractFaces" >> ExtractFaces(examples_dir, rejects_dir, parameters)
        shards = _read_summaries(examples_dir)
        write_json(
            os.path.join(examples_dir, MANIFEST),
            {"schema": 1, "files": shards, "preprocessing": _preprocessing(parameters, videos).as_dict()},
        )
    except Exception as error:
        unwritable = _unwritable(error, (examples_dir, rejects_dir))
        if not unwritable:
            raise
        cure = "Make room or give another pipeline_root; the finished shards are kept and a re-run continues"
        raise InputError(f"{unwritable}. {cure}") from error
    _remove_notes(examples_dir)
    for folder in (examples_dir, rejects_dir):
        remove_partial(folder)  # of a run that was killed
    return {
        "videos": sum(shard["videos"] for shard in shards),
        "faces": sum(shard["examples"] for shard in shards),
        "rejects": sum(shard["rejects"] for shard in shards),
    }


def _claim(examples_dir: str, parameters: FaceExampleGenParameters, videos: Sequence[Video]) -> None:
    """Note what is extracted here, and refuse a folder that holds something else: its shards would be mixed up.

    Raises:
        InputError: names the folder.
    """
    listed = hashlib.blake2b(repr(videos).encode(), digest_size=16).hexdigest()
    plan = {**parameters.model_dump(), "videos": listed}
    path = os.path.join(examples_dir, PLAN)
    holds_other = bool(glob.glob(os.path.join(glob.escape(examples_dir), "Split-*", "*.tfrecord")))
    if os.path.exists(path):
        with open(path) as stream:
            holds_other = json.load(stream) != plan
    if holds_other:
        raise InputError(
            f"{examples_dir}: holds face examples of other videos or parameters. Give an empty folder, or empty this "
            "one"
        )
    write_json(path, plan)


def _preprocessing(settings: ExtractionSettings, videos: Sequence[Video]) -> Preprocessing:
    ready_crops = any(video.kind == "crop" for video in videos)
    return Preprocessing.of_dict(settings.model_dump() | {"ready_crops": ready_crops})


def _unwritable(error: Exception, folders: tuple[str, ...]) -> str | None:
    """Return which output cannot be written and why, or None if the error is another one.

    Beam wraps what a worker raised, so that only its text is left.
    """
    found = re.search(r"(?:^|InputError: )([^\n]+?: cannot be written \([^)\n]*\))", str(error))
    if found:
        return found[1]
    for why, path in re.findall(r"\[Errno \d+\] ([^:\n]+): '([^']+)'", str(error)):
        if path.startswith(folders):
            return f"{path}: cannot be written ({why})"
    if "No space left on device" in str(error):  # TensorFlow names no file
        return f"{folders[0]}: cannot be written (No space left on device)"
    return None


def _summary_paths(examples_dir: str, ending: str) -> list[str]:
    return sorted(glob.glob(os.path.join(glob.escape(examples_dir), "Split-*", f"shard-*{ending}")))


def _read_summaries(examples_dir: str) -> list[ShardSummary]:
    summaries = []
    for path in _summary_paths(examples_dir, ".json"):
        with open(path) as stream:
            summaries.append(json.load(stream))
    return summaries


def _remove_notes(examples_dir: str) -> None:
    """Remove the shards' summaries, which the manifest holds, and the notes of their progress."""
    for path in _summary_paths(examples_dir, ".json*"):
        os.remove(path)
