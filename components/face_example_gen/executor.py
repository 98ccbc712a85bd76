"""FaceExampleGen: the executor."""

import glob
import hashlib
import json
import os
import re

from artifacts.errors import InputError
from artifacts.manifest import SPLITS, read_manifest
from components.base import Context


def execute(context: Context):
    """Extract every video of the manifests.

    Writes `Split-*/faces-*.tfrecord` and `manifest.json` into `examples`, and JSON lines into `rejects`.

    Raises:
        InputError: a manifest that cannot be read, no video at all, or an output that cannot be written.
    """
    from components.beam import beam, pipeline_options  # this and what follows takes seconds to import
    from components.face_example_gen import shard_progress
    from components.face_example_gen.shards import ExtractFaces, deal

    parameters, examples_dir = context.parameters, context.outputs["examples"]
    rejects_dir = context.outputs["rejects"]
    videos = [video for split in SPLITS for video in read_manifest(context.inputs["videos"], split)]
    if not videos:
        raise InputError(f"{context.inputs['videos']}: the manifests name no video")
    manifest_path = os.path.join(examples_dir, "manifest.json")
    print(f"FaceExampleGen: {len(videos)} videos, {parameters.frames} frames each", flush=True)
    try:
        _claim(examples_dir, parameters, videos)
        options = pipeline_options(context.beam_args)
        with shard_progress.shown(examples_dir, len(videos)), beam.Pipeline(options=options) as pipeline:
            dealt = pipeline | "Videos" >> beam.Create(deal(videos, parameters.shards))
            _ = dealt | "ExtractFaces" >> ExtractFaces(examples_dir, rejects_dir, parameters)
        shards = _merge_summaries(examples_dir)
        with open(manifest_path, "w") as stream:
            json.dump({"schema": 1, "files": shards}, stream, indent=1)
    except Exception as error:
        unwritable = _unwritable(error, (examples_dir, rejects_dir))
        if not unwritable:
            raise
        raise InputError(
            f"{unwritable}. Make room or give another pipeline_root; the finished shards are kept and a re-run continues"
        ) from error
    # Notes of the shards, and what a run that was killed had begun to write.
    for folder, pattern in (
        (examples_dir, "Split-*/shard-*.json*"),
        (examples_dir, "Split-*/*.partial"),
        (rejects_dir, "*.partial"),
    ):
        for path in glob.glob(os.path.join(glob.escape(folder), pattern)):
            os.remove(path)
    figures = {key: sum(shard[key] for shard in shards) for key in ("videos", "examples", "rejects")}
    return {"videos": figures["videos"], "faces": figures["examples"], "rejects": figures["rejects"]}


def _claim(examples_dir, parameters, videos):
    """Note what is extracted here, and refuse a folder that holds something else: its shards would be mixed up.

    Raises:
        InputError: names the folder.
    """
    listed = hashlib.blake2b(repr(videos).encode(), digest_size=16).hexdigest()
    plan = {**parameters.model_dump(), "videos": listed}
    path = os.path.join(examples_dir, "plan.json")
    other = bool(glob.glob(os.path.join(glob.escape(examples_dir), "Split-*", "*.tfrecord")))
    if os.path.exists(path):
        with open(path) as stream:
            other = json.load(stream) != plan
    if other:
        raise InputError(
            f"{examples_dir}: holds face examples of other videos or parameters. Give an empty folder, or empty this one"
        )
    with open(path, "w") as stream:
        json.dump(plan, stream, indent=1)


def _unwritable(error, folders):
    """Which output cannot be written and why, or None. Beam wraps what a worker raised: only its text is left."""
    if isinstance(error, OSError):
        return f"{error.filename or folders[0]}: cannot be written ({error.strerror})"
    if "No space left on device" in str(error):
        return f"{folders[0]}: cannot be written (No space left on device)"
    for why, path in re.findall(r"\[Errno \d+\] ([^:]+): '([^']+)'", str(error)):
        if path.startswith(folders):
            return f"{path}: cannot be written ({why})"
    return None


def _merge_summaries(examples_dir):
    paths = sorted(glob.glob(os.path.join(glob.escape(examples_dir), "Split-*", "shard-*.json")))
    summaries = []
    for path in paths:
        with open(path) as stream:
            summaries.append(json.load(stream))
    return summaries
