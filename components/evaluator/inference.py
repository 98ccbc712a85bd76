"""Predictions of a split by a served model, on Beam.

Only paths travel: the worker that gets one streams the file's faces through the model into Parquet under a temporary
name, renamed when it is complete. So memory does not grow with the data, a retry is idempotent, and an interrupted run
continues file by file.
"""

import contextlib
import functools
import json
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np

from commands.quiet import import_tensorflow

tf = import_tensorflow()  # in a worker process, this module is the first to import it

from artifacts import predictions  # noqa: E402
from artifacts.digests import examples_digest  # noqa: E402
from artifacts.errors import InputError  # noqa: E402
from artifacts.predictions import Columns  # noqa: E402
from artifacts.writing import open_fixed  # noqa: E402
from commands import progress  # noqa: E402
from components.beam import beam, pipeline_options, running, starting, threads_per_process  # noqa: E402
from model import scoring  # noqa: E402
from model.saved_model import digest, find_saved_model  # noqa: E402
from model.served import Predict, load_model  # noqa: E402

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


class Job(NamedTuple):
    """One file to predict.

    Attributes:
        records: the TFRecord file.
        target: the Parquet file.
        origin: what its predictions come from; see `origin`.
    """

    records: str
    target: str
    origin: dict[str, str]


def write_predictions(
    files: Sequence[str], split: str, model_dir: str, out_dir: str, beam_args: Sequence[str], batch_size: int = 32
) -> int:
    """Write `predictions-<split>-NNNNN-of-NNNNN.parquet`, one for each file; finished ones are kept.

    Args:
        files: TFRecord files of face examples.
        split: "train", "val" or "test".
        model_dir: a SavedModel of this project, or what holds one; see `model.saved_model.find_saved_model`.
        out_dir: an existing folder; this split's predictions of other files or another model are removed from it.
        beam_args: Beam's arguments, naming a runner; see `components.beam`.
        batch_size: faces per forward pass.

    Returns:
        The number of faces.

    Raises:
        InputError: there is no SavedModel or no face, a file is cut or damaged, a record's label is neither 0 nor 1,
            the model gives NaN, the folder cannot be written, or the workers do not share it.
    """
    # A worker's working folder may be another.
    files, model_dir, out_dir = [os.path.abspath(path) for path in files], *map(os.path.abspath, (model_dir, out_dir))
    options = pipeline_options(beam_args)
    model = digest(find_saved_model(model_dir))
    jobs = [
        Job(path, os.path.join(out_dir, predictions.file_name(split, number, len(files))), origin(path, model))
        for number, path in enumerate(files)
    ]
    finished = _keep_finished(jobs, split, out_dir)
    how = {"model_dir": model_dir, "batch_size": batch_size, "threads": threads_per_process(options)}
    try:
        with _progress(jobs, starting(options)), running(options) as pipeline:
            _ = (
                pipeline
                | "Files" >> beam.Create([job for job in jobs if job.target not in finished])
                | "Spread" >> beam.Reshuffle()
                | "Predict" >> beam.Map(predict_file, **how)
            )
    except Exception as error:  # Beam wraps whatever a worker raised; only its text is left
        reason = re.search(r"InputError: (.*?) ?(\[while running|\n|$)", f"{type(error).__name__}: {error}")
        if not reason:
            raise
        raise InputError(reason[1]) from error
    finally:
        _keep_finished(jobs, split, out_dir)
    for job in jobs:
        if not os.path.exists(job.target):
            raise InputError(
                f"{job.target}: is missing, though no worker failed: the workers write to another disk. Give a folder "
                "that they share with this machine, under one path"
            )
    rows = sum(predictions.row_count(job.target) for job in jobs)
    if not rows:
        where = os.path.dirname(files[0]) if files else "no file"
        raise InputError(f"{where}: the {split} split holds no face. Give it videos, or evaluate another split")
    return rows


def origin(path: str, model: str) -> dict[str, str]:
    """Return what predictions come from, as stored with them: the digests of the face examples and of the model."""
    return {"examples": examples_digest(path), "model": model}


def predict_file(job: Job, model_dir: str, batch_size: int, threads: int | None = None) -> None:
    """Write the predictions of one TFRecord file.

    Args:
        job: which file.
        model_dir: a SavedModel of this project, or what holds one; see `model.saved_model.find_saved_model`.
        batch_size: faces per forward pass.
        threads: of TensorFlow, if it has not started to compute in this process. They do not change the figures.

    Raises:
        InputError: see `write_predictions`.
    """
    if threads:
        with contextlib.suppress(RuntimeError):  # TensorFlow has started already
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    records, target, origin = job
    if predictions.is_of(target, origin):  # written by an attempt whose success was not reported
        return
    predict = load_model(model_dir)
    faces, noted = 0, -math.inf
    with predictions.writer(target, origin) as write:
        for columns in score_file(predict, records, batch_size):
            write(columns)
            faces += len(columns["label"])
            if time.monotonic() > noted + 1:
                _note(target, int(columns["offset"][-1]), faces)
                noted = time.monotonic()


def score_file(predict: Predict, path: str, batch_size: int) -> Iterator[Columns]:
    """Yield the columns of `predictions.SCHEMA` of a TFRecord file, batch by batch.

    Raises:
        InputError: the file is cut or damaged, or the model gives NaN.
    """
    end = 0
    for batch in scoring.score_examples(predict, [path], batch_size, (*_KEYS.values(), "record/size"), OUTPUTS):
        for name in OUTPUTS:
            finite = np.isfinite(batch[name])
            if not finite.all():
                row = int(np.argmin(finite))
                raise InputError(
                    f"{path}: the model's {name} is {batch[name][row]} for {batch['video_id'][row]}, frame "
                    f"{batch['frame/index'][row]}: its training diverged. Train again, with a lower learning_rate"
                )
        ends = end + np.cumsum(batch["record/size"], dtype=np.int64)
        columns = {name: batch[key] for name, key in _KEYS.items()} | {name: batch[name] for name in OUTPUTS}
        yield columns | {"offset": ends - batch["record/size"]}
        end = int(ends[-1])


def _keep_finished(jobs: Sequence[Job], split: str, out_dir: str) -> set[str]:
    """Remove everything of the split but the finished files, whose paths are returned."""
    finished = {job.target for job in jobs if predictions.is_of(job.target, job.origin)}
    for name in os.listdir(out_dir):
        path = os.path.join(out_dir, name)
        if name.removeprefix(".").startswith(f"predictions-{split}-") and path not in finished:
            os.remove(path)
    return finished


def _progress(jobs: Sequence[Job], starting: str) -> AbstractContextManager[None]:
    """Show a bar over the bytes of the files, with the number of faces so far, summed over all processes."""
    sizes = {job.target: os.path.getsize(job.records) for job in jobs}
    count = functools.partial(_count, sizes)
    return progress.watched(count, sum(sizes.values()), starting, desc="predicting", unit="B", unit_scale=True)


def _note(target: str, done: int, faces: int) -> None:
    with contextlib.suppress(OSError), open_fixed(f"{target}.progress") as stream:
        json.dump([done, faces], stream)


def _count(sizes: Mapping[str, int]) -> tuple[int, dict[str, int]]:
    """Return (bytes done, {"faces": how many}) over the files that are finished or in progress."""
    done = faces = 0
    for target, size in sizes.items():
        with contextlib.suppress(OSError, ValueError):  # not started, or its note is just being replaced
            if os.path.exists(target):
                done, faces = done + size, faces + predictions.row_count(target)
            else:
                with open(f"{target}.progress") as stream:
                    note = json.load(stream)
                done, faces = done + note[0], faces + note[1]
    return done, {"faces": faces}
