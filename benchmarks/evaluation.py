"""Time and memory of the evaluation of millions of prediction rows, beside the same figures of one array.

    python -m benchmarks.evaluation

Made-up predictions of three data sets with six methods, 32 frames a video, as Parquet files like the Evaluator's. Each
contender runs in a process of its own; its memory is the peak of the resident set, libraries included. Ours computes
all figures of every data set and method at both levels, with intervals; scikit-learn gets one array of all rows and
computes three figures without intervals. TensorFlow Model Analysis is not compared: it cannot be installed with
TensorFlow 2.21.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import common

if TYPE_CHECKING:
    import numpy as np

FRAMES = 32  # a video
FILES = 16
METHODS = {"celeb_df": ("fake",), "dfdc": ("fake",), "ffpp": ("df", "ff", "fs", "nt")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = common.parser("evaluation", __doc__)
    parser.add_argument("--rows", type=_rows, default=20_000_000, help="frames in all (default: %(default)s)")
    options = parser.parse_args(arguments)
    rows, resamples = (20_000, 50) if options.quick else (options.rows, 1000)
    figures: dict[str, Any] = {"rows": rows, "resamples": resamples}
    with tempfile.TemporaryDirectory(prefix="evaluation-") as folder:
        size = write_predictions(folder, rows)
        print(f"{rows:,} rows in {FILES} files, {size / 2**20:,.0f} MiB on disk\n")
        print(f"{'':44} {'seconds':>8} {'peak MiB':>9} {'frame AUC':>10}")
        for name, (label, _) in CONTENDERS.items():
            seconds, mib, auc = common.in_own_process(_measure, name, folder, resamples, what=name)
            print(f"{label:44} {seconds:8.1f} {mib:9.0f} {auc:10.6f}")
            figures[name] = {"seconds": seconds, "peak_mib": mib, "frame_auc": auc}
    ratios = {
        "evaluation_memory_to_scikit_learn": figures["all_figures"]["peak_mib"] / figures["scikit_learn"]["peak_mib"],
        "values_time_to_scikit_learn": figures["values"]["seconds"] / figures["scikit_learn"]["seconds"],
    }
    for name, ratio in ratios.items():
        print(f"{name:36} {ratio:8.3f}")
    common.write_json(options.json, ratios, figures)
    return 0


def _rows(text: str) -> int:
    count = int(text.replace(",", "").replace("_", ""))
    if count < 20_000:
        raise argparse.ArgumentTypeError(f"at least 20,000 rows, so that each method has videos. Received: {text}")
    return count


def write_predictions(folder: str, rows: int) -> int:
    """Write predictions of a test split, videos of all methods in each file, and return their size in bytes."""
    import numpy as np

    from artifacts import predictions

    kinds = [(dataset, method) for dataset, methods in METHODS.items() for method in ("real", *methods)]
    rng = np.random.default_rng(0)
    videos = rows // FRAMES
    for number in range(FILES):
        path = os.path.join(folder, predictions.file_name("test", number, FILES))
        with predictions.writer(path, {}) as write:
            mine = np.arange(number, videos, FILES)
            for start in range(0, len(mine), 1000):
                write(_columns(mine[start : start + 1000], kinds, rng))
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def _columns(
    videos: "np.ndarray", kinds: Sequence[tuple[str, str]], rng: "np.random.Generator"
) -> dict[str, "np.ndarray"]:
    """Return rows of some videos, int [n]: each video has an effect of its own, which its method shifts."""
    import numpy as np

    kind = np.repeat(videos % len(kinds), FRAMES)
    dataset, method = (np.array([name[part] for name in kinds], object) for part in (0, 1))
    effect = rng.normal(np.array([0 if name[1] == "real" else 1.5 for name in kinds])[videos % len(kinds)], 1.5)
    logit = (np.repeat(effect, FRAMES) + rng.normal(size=len(kind))).astype(np.float32)
    video_id = np.array(["/".join((*kinds[video % len(kinds)], f"{video:07}.mp4")) for video in videos], object)
    return {
        "video_id": np.repeat(video_id, FRAMES),
        "dataset": dataset[kind],
        "method": method[kind],
        "label": (method[kind] != "real").astype(np.int8),
        "frame_index": np.tile(np.arange(FRAMES, dtype=np.int32) * 9, len(videos)),
        "track": np.zeros(len(kind), np.int32),
        "logit": logit,
        "center_similarity": np.tanh(0.2 - 0.3 * logit),
        "fake_probability": (1 / (1 + np.exp(0.7 - logit))).astype(np.float32),
        "offset": np.zeros(len(kind), np.int64),
    }


def all_figures(folder: str, resamples: int) -> float:
    """Compute all figures, groups and intervals."""
    from artifacts.predictions import read_predictions
    from evaluation.metrics import evaluate

    metrics = evaluate(read_predictions(folder, "test"), resamples=resamples)
    auc = metrics["frame"]["all"]["logit"]["auc"]["value"]
    assert auc is not None
    return auc


def values(folder: str, resamples: int) -> float:
    """Compute the same without intervals."""
    return all_figures(folder, 0)


def scikit_learn(folder: str, resamples: int) -> float:
    """Compute AUC, AP and ROC of all rows by scikit-learn."""
    import numpy as np
    import pyarrow.parquet
    from sklearn import metrics

    paths = sorted(entry.path for entry in os.scandir(folder))
    tables = [pyarrow.parquet.read_table(path, columns=["label", "logit"]) for path in paths]
    label, logit = (np.concatenate([table[name].to_numpy() for table in tables]) for name in ("label", "logit"))
    del tables
    metrics.average_precision_score(label, logit)
    metrics.roc_curve(label, logit)
    return float(metrics.roc_auc_score(label, logit))


CONTENDERS: dict[str, tuple[str, Callable[[str, int], float]]] = {
    "all_figures": ("ours: all figures, groups and intervals", all_figures),
    "values": ("ours: the same without intervals", values),
    "scikit_learn": ("scikit-learn: AUC, AP, ROC of all rows", scikit_learn),
}


def _measure(name: str, folder: str, resamples: int) -> tuple[float, float, float]:
    """Return (seconds, peak MiB, frame AUC) of a contender, in a process of its own."""
    began = time.perf_counter()
    auc = CONTENDERS[name][1](folder, resamples)
    return time.perf_counter() - began, common.resident("VmHWM"), auc


if __name__ == "__main__":
    sys.exit(main())
