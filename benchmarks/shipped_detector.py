r"""Put a trained detector into the package: weights of half precision, and a card with its verdicts on real clips.

    python -m benchmarks.shipped_detector --model=M --statistics=S --evaluation=EV --validation=EV_VAL \
        --clips=clips.csv --min_face=80 --out=serving/shipped_detector

CLIPS has the columns path, label (real or fake) and note; the notes stand in the card. What no artifact knows is in
`shipped_detector.json` beside this file. The clips are assessed by the weights as trained, too: where half precision
changes a verdict, nothing is written.
"""

import argparse
import csv
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from typing import Any

from artifacts import layout, preprocessing
from artifacts.errors import InputError
from artifacts.preprocessing import Preprocessing
from commands.quiet import import_tensorflow

ABOUT = os.path.splitext(__file__)[0] + ".json"
VERSION = "1"
Json = dict[str, Any]


def assess(saved_model: str, clips: list[Json], min_face: float) -> list[Json]:
    """Return a row of the card for each clip: what it is, and the verdict on it."""
    from model.served import ServedModel
    from serving.verdict.assessor import Assessor
    from serving.verdict.scores import ScoringModel
    from serving.verdict.verdict_options import VerdictOptions

    model = ScoringModel.of_served(ServedModel(saved_model))
    rows = []
    with Assessor(VerdictOptions(min_face=min_face)) as assessor:
        for clip, assessment in zip(clips, assessor.assess_all([c["path"] for c in clips], model), strict=True):
            verdict = assessment.verdict
            if verdict.fake_probability is None:
                raise InputError(f"{clip['path']}: {verdict.statement}")
            rows.append(
                {
                    "clip": os.path.splitext(os.path.basename(clip["path"]))[0],
                    "label": clip["label"],
                    "note": clip["note"],
                    "verdict": verdict.verdict,
                    "fake_probability": verdict.fake_probability,
                    "interval": verdict.interval,
                    "frames": verdict.judged,
                }
            )
            print(f"{rows[-1]['clip']}: {clip['label']}, {verdict.statement}", flush=True)
    return rows


def count(rows: list[Json]) -> Json:
    """Count right, wrong and unsure verdicts, of reals and of fakes."""
    counted: dict[str, Counter[str]] = {"real": Counter(), "fake": Counter()}
    for row in rows:
        sure = row["verdict"] in ("real", "fake")
        outcome = ("right" if row["verdict"] == row["label"] else "wrong") if sure else "unsure"
        counted[row["label"]][outcome] += 1
    return {label: {name: of[name] for name in ("right", "wrong", "unsure")} for label, of in counted.items()}


def make(options: argparse.Namespace) -> str:
    """Write the detector with its card; returns its folder."""
    from components.pusher.model_card import make_card
    from model.exporting import export_again
    from model.saved_model import PREPROCESSING_ASSET, digest, find_saved_model, read_preprocessing, write_card

    with open(options.clips, newline="") as stream:
        clips = list(csv.DictReader(stream))
    card = make_card(options.model, options.statistics, options.evaluation)
    of_validation = make_card(options.model, None, options.validation)["tested_on"]
    card["validated_on"] = [row for row in of_validation if row["method"] is None]
    with open(ABOUT) as stream:
        card |= json.load(stream)
    with tempfile.TemporaryDirectory() as folder:
        made = os.path.join(folder, VERSION)
        export_again(options.model, made, half_precision=True)
        how = read_preprocessing(options.model) or Preprocessing()
        how = replace(how, min_face=options.min_face)
        preprocessing.write(how, os.path.join(made, PREPROCESSING_ASSET))
        card["preprocessing"] = how.as_dict()
        rows, as_trained = (assess(model, clips, options.min_face) for model in (made, find_saved_model(options.model)))
        changed = [a["clip"] for a, b in zip(rows, as_trained, strict=True) if a["verdict"] != b["verdict"]]
        if changed:
            raise InputError(f"half precision changes the verdict on {', '.join(changed)}")
        differences = [
            abs(a["fake_probability"] - b["fake_probability"]) for a, b in zip(rows, as_trained, strict=True)
        ]
        card["clips"] = {"verdicts": rows, "counts": count(rows), "half_precision_moves_at_most": max(differences)}
        card["digest"] = digest(made)
        write_card(card, made)
        target = os.path.join(options.out, VERSION)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    return target


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Put a trained detector into the package.")
    parser.add_argument("--model", required=True, help="folder that a training wrote")
    parser.add_argument("--statistics", required=True, help="artifact of StatisticsGen on its faces")
    parser.add_argument("--evaluation", required=True, help="artifact of Evaluator on the test split")
    parser.add_argument("--validation", required=True, help="artifact of Evaluator on the validation split")
    parser.add_argument("--clips", required=True, help="CSV of real clips: path, label, note")
    parser.add_argument("--min_face", type=float, required=True, help="smallest face that it is to assess, pixels")
    parser.add_argument("--out", required=True, help="folder in the package")
    options = parser.parse_args()
    import_tensorflow()
    try:
        folder = make(options)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = sum(length for _, length in layout.files_below(folder))
    print(f"{folder}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
