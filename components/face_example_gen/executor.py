"""FaceExampleGen: its executor."""

import collections
import glob
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace

from artifacts.digests import examples_digest
from artifacts.errors import InputError
from artifacts.layout import MANIFEST, PLAN, split_dir
from artifacts.manifest import SPLITS, Video, read_manifest
from artifacts.preprocessing import Preprocessing
from artifacts.regular_files import read_json
from artifacts.words import counted, noun
from artifacts.writing import remove_partial, write_json
from components.base import Context
from components.beam import beam, pipeline_options, running, starting, threads_per_process
from components.face_example_gen import shard_progress
from components.face_example_gen.component import FaceExampleGenParameters
from components.face_example_gen.shards import ExtractFaces, ShardSummary, deal, rejects_name, shard_name
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
    videos = [
        replace(video, uri=os.path.abspath(video.uri))  # a worker's working folder may be another
        for split in SPLITS
        for video in read_manifest(videos_dir, split)
    ]
    if not videos:
        raise InputError(f"{videos_dir}: the manifests name no video")
    print(f"FaceExampleGen: {_amount(videos, parameters.frames)}", flush=True)
    try:
        _claim(examples_dir, parameters, videos)
        finished = _finished(examples_dir, rejects_dir)
        if finished is not None:  # all but the last step of the run was done
            print("FaceExampleGen: an earlier run has extracted them all", flush=True)
            return _conclude(examples_dir, rejects_dir, finished)
        options = pipeline_options(context.beam_args)
        with shard_progress.shown(examples_dir, len(videos), starting(options)), running(options) as pipeline:
            dealt = pipeline | "Videos" >> beam.Create(deal(videos, parameters.shards))
            threads = threads_per_process(options)
            _ = dealt | "ExtractFaces" >> ExtractFaces(examples_dir, rejects_dir, parameters, threads)
        shards = _read_summaries(examples_dir, rejects_dir, videos, parameters.shards)
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
    return _conclude(examples_dir, rejects_dir, shards)


def _amount(videos: Sequence[Video], frames: int) -> str:
    """Say how much there is to do: "3 videos, 32 frames each, 440 crops"."""
    kinds = collections.Counter(video.kind for video in videos)
    each = {"video": f", {counted(frames, 'frame')} each"}
    return ", ".join(counted(number, noun({kind})) + each.get(kind, "") for kind, number in sorted(kinds.items()))


def _conclude(examples_dir: str, rejects_dir: str, shards: Sequence[ShardSummary]) -> dict[str, int]:
    """Tidy up, and return the numbers of videos, faces and rejects."""
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
    has_shards = bool(glob.glob(os.path.join(glob.escape(examples_dir), "Split-*", "*.tfrecord")))
    # A plan alone is what remains of a run that failed before its first shard.
    if has_shards and not (os.path.exists(path) and read_json(path, "Give an empty folder, or empty this one") == plan):
        raise InputError(
            f"{examples_dir}: holds face examples of other videos or parameters. Give an empty folder, or empty this "
            "one"
        )
    write_json(path, plan)


def _finished(examples_dir: str, rejects_dir: str) -> list[ShardSummary] | None:
    """Return the shards of a manifest that an earlier run has written here, if all their files are there; else None."""
    path = os.path.join(examples_dir, MANIFEST)
    try:
        shards: list[ShardSummary] = read_json(path)["files"]
        for shard in shards:
            name = shard["file"]
            if examples_digest(os.path.join(examples_dir, name)) != shard["digest"]:
                return None
            os.stat(os.path.join(rejects_dir, rejects_name(shard["split"], name)))
    except (OSError, InputError, KeyError, TypeError):
        return None
    return shards


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


def _read_summaries(examples_dir: str, rejects_dir: str, videos: Sequence[Video], shards: int) -> list[ShardSummary]:
    """Read what the workers say about each shard that was dealt.

    Raises:
        InputError: a shard has no summary or not its files, or other videos than were dealt: no worker has failed, but
            they do not see the same disk.
    """
    dealt = collections.Counter(key for key, _ in deal(videos, shards))
    summaries: list[ShardSummary] = []
    for (split, shard), count in sorted(dealt.items()):
        path = os.path.join(split_dir(examples_dir, split), shard_name("shard", shard, shards, "json"))
        try:
            summary: ShardSummary = read_json(path)
            faces = os.path.join(examples_dir, summary["file"])
            rejects = os.path.join(rejects_dir, rejects_name(split, faces))
            missing = next((name for name in (faces, rejects) if not os.path.exists(name)), None)
            whole = missing is None and os.path.getsize(faces) == summary["bytes"] and summary["videos"] == count
        except (InputError, KeyError, TypeError) as error:
            if os.path.exists(path):
                raise InputError(f"{error}: delete it, and run again") from error
            missing, whole = path, False
        if not whole:
            raise InputError(
                f"{missing or path}: {'is missing' if missing else 'does not fit its videos or its faces'}, though no "
                "worker failed: the workers write to another disk. Give folders that all of them share with this "
                "machine, under one path"
            )
        summaries.append(summary)
    return summaries


def _remove_notes(examples_dir: str) -> None:
    """Remove the shards' summaries, which the manifest holds, and the notes of their progress."""
    for path in _summary_paths(examples_dir, ".json*"):
        os.remove(path)
