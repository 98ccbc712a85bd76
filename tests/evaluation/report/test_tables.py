import json

import numpy as np
import pytest

from evaluation.report import tables


@pytest.fixture
def metrics(made):
    columns = made.full_columns(np.random.default_rng(0), videos=3, per_video=2)
    return json.loads(json.dumps(made.metrics(columns)))


def test_rows_are_methods_then_data_sets_then_all(metrics):
    found = [(dataset, method) for dataset, method, _ in tables.group_rows(metrics["video"])]
    ffpp = [("ffpp", method) for method in ("df", "ff", "fs", "nt", None)]
    assert found == [("celeb_df", "fake"), ("dfdc", "fake"), *ffpp, (None, None)]


def test_a_data_set_without_fakes_has_a_row(made):
    columns = made.full_columns(np.random.default_rng(0), {"a": ()}, videos=2, per_video=1)
    ((dataset, method, group),) = tables.group_rows(made.metrics(columns)["video"])
    assert (dataset, method, group["fake"]) == ("a", None, 0)


def test_a_view_for_each_level_and_score_holds_its_figures(metrics):
    views = {(view["level"], view["score"]): view for view in tables.figures(metrics)}
    assert set(views) == {(x, y) for x in ("video", "frame") for y in ("logit", "center_similarity")}
    for (level, score), view in views.items():
        row = next(row for row in view["rows"] if row["method"] == "nt")
        group = metrics[level]["datasets"]["ffpp"]["methods"]["nt"]
        assert (row["real"], row["fake"]) == (group["real"], group["fake"])
        for cell in row["cells"]:
            assert cell["value"] == group[score][cell["key"]]["value"]
            assert cell["low"] == group[score][cell["key"]]["low"]


def test_reasons_become_numbered_notes(made, metrics):
    group = metrics["video"]["datasets"]["dfdc"]["methods"]["fake"]["logit"]
    group["auc"], group["ap"] = made.figure(None, "only real examples"), made.figure(None, "only real examples")
    group["acc"] = {"value": 0.5, "low": None, "high": None, "reason": "one video only"}
    view = next(view for view in tables.figures(metrics) if (view["level"], view["score"]) == ("video", "logit"))
    row = next(row for row in view["rows"] if row["dataset"] == "dfdc")
    notes = {cell["key"]: cell["note"] for cell in row["cells"]}
    assert notes["auc"] == notes["ap"] == 1 and notes["acc"] == 2 and notes["eer"] is None
    assert view["notes"] == ["only real examples", "one video only"]


def test_coverage_counts_or_says_nothing(metrics):
    rows = tables.coverage(metrics)
    judged = metrics["video"]["datasets"]["dfdc"]["real"] + metrics["video"]["datasets"]["dfdc"]["fake"]
    assert next(row for row in rows if row["dataset"] == "dfdc")["counts"] == [judged + 5, judged + 3, judged, judged]
    groups = [metrics["video"]["all"], *metrics["video"]["datasets"].values()]
    for group in groups:
        group["coverage"] = None
        for of_method in group.get("methods", {}).values():
            of_method["coverage"] = None
    assert tables.coverage(metrics) == []


@pytest.mark.parametrize(
    ("key", "low", "high", "outcome"),
    [
        ("auc", 0.01, 0.02, "better"),
        ("auc", -0.02, -0.01, "worse"),
        ("auc", -0.01, 0.01, "not clearly different"),
        ("auc", 0.0, 0.01, "not clearly different"),
        ("ece", 0.01, 0.02, "worse"),
        ("ece", -0.02, -0.01, "better"),
        ("eer", None, None, "cannot be told"),
    ],
)
def test_the_comparison_is_put_into_words(key, low, high, outcome):
    row = {"dataset": "all", "method": None, "level": "frame", "key": key, "score": "center_similarity"}
    row |= {"ours": 0.5, "last": 0.5, "difference": 0.0, "low": low, "high": high}
    found = tables.comparison([row | {"reason": None if low is not None else "one video"}])
    (shown,) = found["rows"]
    assert shown["outcome"] == outcome and shown["dataset"] is None and "similarity" in shown["figure"]
    assert found["notes"] == ([] if low is not None else ["one video"])


def test_the_matrix_keeps_its_order():
    found = {"models": ["m", "n"], "datasets": ["a", "b"], "auc": [[0.1, None], [0.3, 0.4]], "level": "video"}
    found |= {"low": [[0.0, None], [0.2, None]], "high": [[0.2, None], [0.4, None]]}
    found["reason"] = [[None, "only fake examples"], [None, "one video"]]
    shown = tables.matrix(found)
    assert [[cell["value"] for cell in row["cells"]] for row in shown["rows"]] == found["auc"]
    assert shown["notes"] == ["only fake examples", "one video"] and shown["rows"][1]["cells"][1]["note"] == 2
