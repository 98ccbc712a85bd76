import json

import numpy as np
import pyarrow
import pytest
from sklearn.metrics import roc_auc_score

from artifacts.predictions import TEXTS
from evaluation.matrix import auc_matrix
from evaluation.metrics import evaluate

METHODS = {"ff": ("df", "nt"), "dfdc": ("fake",)}


@pytest.fixture(scope="module")
def models(made):
    """Predictions of two models at both levels; the second was never tested on dfdc."""
    first, second = (made.full_columns(np.random.default_rng(seed), METHODS, videos=10, per_video=3) for seed in (0, 1))
    there = second["video"]["dataset"] == "ff"
    second = {"video": {name: values[there] for name, values in second["video"].items()}}
    return {"trained on ff": first, "trained on dfdc": second}


def _at(models, level):
    return {name: columns[level] for name, columns in models.items() if level in columns}


@pytest.mark.parametrize("level", ["video", "frame"])
def test_against_scikit_learn(models, level):
    found = auc_matrix(_at(models, level), level, resamples=200)
    assert found["datasets"] == ["dfdc", "ff"] and found["level"] == level
    assert found["models"] == list(_at(models, level))
    for number, dataset in enumerate(found["datasets"]):
        columns = models["trained on ff"][level]
        rows = columns["dataset"] == dataset
        auc = roc_auc_score(columns["label"][rows], columns["logit"][rows])
        assert found["auc"][0][number] == pytest.approx(auc)
        assert found["low"][0][number] <= auc <= found["high"][0][number] and found["reason"][0][number] is None
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("level", ["video", "frame"])
def test_a_row_is_what_the_evaluation_of_that_model_says(models, level):
    columns = models["trained on ff"]
    metrics = evaluate(columns["frame"], resamples=200)
    found = auc_matrix({"m": columns[level]}, level, resamples=200)
    for number, dataset in enumerate(found["datasets"]):
        figure = metrics[level]["datasets"][dataset]["logit"]["auc"]
        cell = {part: found[part][0][number] for part in ("auc", "low", "high")}
        assert cell == pytest.approx({"auc": figure["value"], "low": figure["low"], "high": figure["high"]}, abs=1e-6)


def test_what_a_model_was_not_tested_on_is_none_with_a_reason(models):
    found = auc_matrix(_at(models, "video"), resamples=200)
    assert found["auc"][1][0] is found["low"][1][0] is found["high"][1][0] is None
    assert found["reason"][1] == ["no examples", None] and found["auc"][1][1] is not None


def test_one_class_is_none_with_a_reason(models):
    columns = models["trained on ff"]["video"]
    fakes = {name: values[columns["label"] == 1] for name, values in columns.items()}
    found = auc_matrix({"m": fakes}, resamples=200)
    assert found["auc"] == [[None, None]] and found["reason"] == [["only fake examples"] * 2]


def test_dictionary_encoded_columns(models):
    columns = models["trained on ff"]["frame"]
    encoded = {name: pyarrow.array(v).dictionary_encode() if name in TEXTS else v for name, v in columns.items()}
    assert auc_matrix({"m": encoded}, "frame", resamples=200) == auc_matrix({"m": columns}, "frame", resamples=200)


def test_no_model():
    assert auc_matrix({}) == {
        "models": [],
        "datasets": [],
        "level": "video",
        "auc": [],
        "low": [],
        "high": [],
        "reason": [],
    }
