"""Where artifacts lie below a pipeline root, and what their folders and files are called."""

import os
from collections.abc import Iterator

# --- below the pipeline root
METADATA = "metadata.sqlite"
STAGING = ".staging"
FINISHED = "finished.json"  # in an execution's folder below STAGING: its work is done and only to be published

# --- `videos`, `examples`, `rejects`
VIDEOS = "videos.jsonl"  # the manifest of one split
DATASET_REPORT = "report.json"  # what VideoExampleGen found, data set by data set
MANIFEST = "manifest.json"  # the TFRecord files of face examples, with counts and digests; written last
PLAN = "plan.json"  # which videos and parameters a folder of face examples is for
RECORDS = "*.tfrecord"

# --- `statistics`, `anomalies`
STATISTICS = "statistics.json"
ANOMALIES = "anomalies.json"

# --- `model`, `model_run`
FORMAT_KERAS = "Format-Keras"
FORMAT_SERVING = "Format-Serving"
KERAS_MODEL = "model.keras"  # in FORMAT_KERAS
SAVED_MODEL = "saved_model.pb"  # in FORMAT_SERVING; a SavedModel is ready once this file is there
EXTRA_ASSETS = "assets.extra"  # in a SavedModel: what travels with it; servers ignore this folder
RECIPE = "recipe.json"
CALIBRATION = "calibration.json"
PREPROCESSING = "preprocessing.json"  # how the faces were cut out from which the model learnt
MODEL_CARD = "model_card.json"
HISTORY = "history.jsonl"

# --- `evaluation`, `blessing`, `infra_blessing`, `pushed_model`
METRICS = "metrics.json"
SCORES = "scores.parquet"  # every score that the metrics are computed from
REPORT = "report.html"
BLESSED, NOT_BLESSED = "BLESSED", "NOT_BLESSED"
INFRA_BLESSED, INFRA_NOT_BLESSED = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
PUSHED = "pushed.json"


def artifact_dir(root: str, component: str, key: str, execution: int) -> str:
    """Return `<pipeline_root>/<Component>/<output key>/<execution id>`."""
    return os.path.join(root, component, key, str(execution))


def staging_dir(root: str, component: str, cache_key: str) -> str:
    """Return the folder in which an execution works until it succeeds.

    It is the same for the same work, so that an interrupted execution can be resumed.
    """
    return os.path.join(root, STAGING, f"{component}-{cache_key[:16]}")


def split_dir(folder: str, split: str) -> str:
    """Return the folder of one split in an artifact: `<folder>/Split-<split>`."""
    return os.path.join(folder, f"Split-{split}")


def keras_model(model_dir: str) -> str:
    """Return the path of the `.keras` file in a `model` artifact."""
    return os.path.join(model_dir, FORMAT_KERAS, KERAS_MODEL)


def serving_model(model_dir: str) -> str:
    """Return the folder of the SavedModel in a `model` artifact."""
    return os.path.join(model_dir, FORMAT_SERVING)


def is_saved_model(folder: str) -> bool:
    """Tell whether a folder is a complete SavedModel."""
    return os.path.isfile(os.path.join(folder, SAVED_MODEL))


def versions(serving_dir: str) -> list[tuple[int, str]]:
    """Return the complete versions in a model server's folder: [(number, path)], newest first.

    A folder that is missing or unreadable has none.
    """
    try:
        numbers = sorted((int(name) for name in os.listdir(serving_dir) if name.isdecimal()), reverse=True)
    except OSError:
        return []
    paths = [(number, os.path.join(serving_dir, str(number))) for number in numbers]
    return [(number, path) for number, path in paths if is_saved_model(path)]


def files_below(folder: str) -> Iterator[tuple[str, int]]:
    """Yield (relative path, size in bytes) of every file below a folder, in sorted order."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            yield os.path.relpath(path, folder), os.path.getsize(path)


def outline(folder: str) -> tuple[int, int]:
    """Return (number of files, sum of their sizes): a cheap check that no file was removed or truncated."""
    sizes = [size for _, size in files_below(folder)]
    return len(sizes), sum(sizes)
