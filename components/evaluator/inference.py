"""Predictions of a split by a served model, on Beam.

Only paths travel: who gets one streams the file's faces through the model into Parquet under a temporary name, renamed
when whole. So memory does not grow with the data, a retry is idempotent, and an interrupted run goes on file by file.
"""

import contextlib
import functools
import glob
import json
import math
import os
import re
import time

import numpy as np

from commands.quiet import import_tensorflow

tf = import_tensorflow()  # in a worker process it is this module that imports it first

from artifacts import face_examples, predictions  # noqa: E402
from artifacts.digests import content_digest  # noqa: E402
from artifacts.errors import InputError  # noqa: E402
from commands import progress  # noqa: E402
from components.beam import DirectOptions, beam, pipeline_options  # noqa: E402
from model import scoring  # noqa: E402
from model.saved_model import digest, find_saved_model, load_model  # noqa: E402

# Column -> key of the face example.
_KEYS = {
    "video_id": "video_id",
    "dataset": "dataset",
    "method": "method",
    "label": "label",
    "frame_index": "frame/index",
    "track": "face/track",
}
OUTPUTS = ("logit", "center_similarity", "fake_probability")


def write_predictions(files, split, model_dir, out_dir, beam_args, batch_size=32):
    """Write `predictions-<split>-NNNNN-of-NNNNN.parquet`, one for each file; those that are finished are kept.

    Args:
        files: TFRecord files of face examples.
        split: "train", "val" or "test".
        model_dir: a SavedModel of ours, or what holds one; see `model.saved_model.find_saved_model`.
        out_dir: an existing folder; this split's predictions of other files or another model are removed from it.
        beam_args: Beam's arguments, naming a runner; see `components.beam`.
        batch_size: faces per forward pass.

    Returns:
        How many faces there are.

    Raises:
        InputError: no SavedModel there, no face, a file that is cut or damaged, a model that gives NaN, or a folder that
            cannot be written.
    """
    options = pipeline_options(beam_args)
    model = digest(find_saved_model(model_dir))
    jobs = [
        (path, os.path.join(out_dir, predictions.file_name(split, number, len(files))), origin(path, model))
        for number, path in enumerate(files)
    ]
    finished = _keep_finished(jobs, split, out_dir)
    how = {"model_dir": model_dir, "batch_size": batch_size, "threads": threads_per_process(options)}
    try:
        with _progress(jobs), beam.Pipeline(options=options) as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create([job for job in jobs if job[1] not in finished])
                | "Spread" >> beam.Reshuffle()
                | "Predict" >> beam.Map(predict_file, **how)
            )
    except Exception as error:  # Beam wraps whatever a worker raised: its text is left
        reason = re.search(r"InputError: (.*?) ?(\[while running|\n|$)", f"{type(error).__name__}: {error}")
        if not reason:
            raise
        raise InputError(reason[1]) from error
    finally:
        _keep_finished(jobs, split, out_dir)
    rows = sum(predictions.row_count(target) for _, target, _ in jobs)
    if not rows:
        where = os.path.dirname(files[0]) if files else "no file"
        raise InputError(f"{where}: the {split} split holds no face. Give it videos, or evaluate another split")
    return rows


def origin(path, model):
    """What predictions come from, as stored with them: the face examples' digest and the model's."""
    return {"examples": content_digest(path), "model": model}


def threads_per_process(options):
    """How many threads TensorFlow may use, so that Beam's processes of one machine share its cores; None for its choice."""
    direct = options.view_as(DirectOptions)
    if direct.direct_running_mode != "multi_processing":
        return None
    cores = len(os.sched_getaffinity(0))
    return max(1, cores // (direct.direct_num_workers or cores))


def predict_file(job, model_dir, batch_size, threads=None):
    """Write the predictions of one TFRecord file.

    Args:
        job: (path, path of the Parquet file, its origin).
        model_dir: a SavedModel of ours, or what holds one; see `model.saved_model.find_saved_model`.
        batch_size: faces per forward pass.
        threads: of TensorFlow, where it has not begun to work in this process. They do not change the figures.

    Raises:
        InputError: see `write_predictions`.
    """
    if threads:
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    path, target, origin = job
    if predictions.is_of(target, origin):  # written by an attempt whose success was not heard of
        return
    faces, noted = 0, -math.inf
    try:
        with predictions.writer(target, origin) as write:
            for columns in score(load_model(model_dir), path, batch_size):
                write(columns)
                faces += len(columns["label"])
                if time.monotonic() > noted + 1:
                    _note(target, int(columns["offset"][-1]), faces)
                    noted = time.monotonic()
    except face_examples.ExamplesError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        reason = f"{error.filename or target}: cannot be read or written ({error.strerror or error})"
        raise InputError(f"{reason}. Make room; finished files are kept and a re-run goes on") from error


def score(predict, path, batch_size):
    """Yield the columns of `predictions.SCHEMA` of a TFRecord file, batch by batch.

    Raises:
        ExamplesError: the file is cut or damaged.
        InputError: the model gives NaN.
    """
    end = 0
    for batch in scoring.score_examples(predict, [path], batch_size, (*_KEYS.values(), "record/size"), OUTPUTS):
        for name in OUTPUTS:
            if not np.isfinite(batch[name]).all():
                row = int(np.argmin(np.isfinite(batch[name])))
                raise InputError(
                    f"{path}: the model's {name} is {batch[name][row]} for {batch['video_id'][row]}, frame "
                    f"{batch['frame/index'][row]}: its training diverged. Train again, with a lower learning_rate"
                )
        ends = end + np.cumsum(batch["record/size"], dtype=np.int64)
        columns = {name: batch[key] for name, key in _KEYS.items()} | {name: batch[name] for name in OUTPUTS}
        yield columns | {"offset": ends - batch["record/size"]}
        end = int(ends[-1])


def _keep_finished(jobs, split, out_dir):
    """Remove what else there is of the split; return the paths that are finished."""
    finished = {target for _, target, origin in jobs if predictions.is_of(target, origin)}
    for path in glob.glob(os.path.join(glob.escape(out_dir), f"predictions-{glob.escape(split)}-*")):
        if path not in finished:
            os.remove(path)
    return finished


def _progress(jobs):
    """A bar over the bytes of the files, with the faces so far, added up over all processes."""
    sizes = {target: os.path.getsize(path) for path, target, _ in jobs}
    return progress.shown(
        functools.partial(_count, sizes), sum(sizes.values()), desc="predicting", unit="B", unit_scale=True
    )


def _note(target, done, faces):
    with open(f"{target}.progress", "w") as stream:
        json.dump([done, faces], stream)


def _count(sizes):
    """(bytes done, {"faces": how many}) over the files that are finished or under way."""
    done = faces = 0
    for target, size in sizes.items():
        with contextlib.suppress(OSError, ValueError):  # not begun, or its note is just being replaced
            if os.path.exists(target):
                done, faces = done + size, faces + predictions.row_count(target)
            else:
                with open(f"{target}.progress") as stream:
                    note = json.load(stream)
                done, faces = done + note[0], faces + note[1]
    return done, {"faces": faces}
