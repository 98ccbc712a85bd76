"""Evaluator: the executor."""

import json
import os

import pyarrow
import pyarrow.parquet
from tqdm import tqdm

from components.base import Context, InputError
from components.evaluator import report
from components.evaluator.blessing import judge
from components.evaluator.metrics import evaluate
from components.evaluator.table import print_table
from model import examples, scoring
from model.export import load_signature


def predict(files, model_dir, batch_size):
    """Score every face of the files with a model's SavedModel; return the columns of `model.scoring`, one row per face.

    Raises:
        InputError: no SavedModel there, or face examples that cannot be used.
    """
    try:
        signature = load_signature(os.path.join(model_dir, "Format-Serving"))
        batches = scoring.score_examples(signature, files, batch_size)
        return scoring.join_batches(tqdm(batches, desc="evaluating", unit="batch", leave=False, disable=None))
    except ValueError as error:
        raise InputError(str(error)) from error


def write_predictions(columns, path):
    """Write one row per face as Parquet: video_id, frame_index, dataset, method, label, logit, center_similarity."""
    table = {name.replace("/", "_"): values for name, values in columns.items()}
    pyarrow.parquet.write_table(pyarrow.table(table), path)


def execute(context: Context):
    """Evaluate on the test split.

    Writes `predictions-test.parquet`, `metrics.json`, `report.html`, and `BLESSED` or `NOT_BLESSED` with the reasons.
    """
    parameters = context.parameters
    try:
        files = examples.find_files(context.inputs["examples"], "test")
    except examples.ExamplesError as error:
        raise InputError(f"nothing to evaluate: {error}") from error
    columns = predict(files, context.inputs["model"], parameters.batch_size)
    if not len(columns["label"]):
        raise InputError(f"{context.inputs['examples']}: the test split holds no face")
    write_predictions(columns, os.path.join(context.outputs["predictions"], "predictions-test.parquet"))
    metrics = evaluate(columns) | {"split": "test", "caveats": parameters.caveats}
    with open(os.path.join(context.outputs["evaluation"], "metrics.json"), "w") as stream:
        json.dump(metrics, stream, indent=1)
    blessed, reasons = judge(metrics, parameters.thresholds)
    verdict = "BLESSED" if blessed else "NOT_BLESSED"
    with open(os.path.join(context.outputs["blessing"], verdict), "w") as stream:
        stream.writelines(f"{reason}\n" for reason in reasons)
    report_path = os.path.join(context.outputs["evaluation"], "report.html")
    report.write_report(report_path, metrics, columns, verdict, reasons)
    print_table(metrics)
    for reason in reasons:
        print(f"{verdict}: {reason}")
    best = metrics["video"]["all"]
    return {"video_auc": best["auc"], "video_acc": best["acc"], "verdict": verdict}
