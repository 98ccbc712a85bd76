import numpy as np
import pytest

from evaluation.metrics import evaluate
from evaluation.metrics_table import print_table, rows_of

METHODS = {"a": ("df", "nt"), "b": ("fake",)}


@pytest.fixture(scope="module")
def metrics(made):
    columns = made.full_columns(np.random.default_rng(0), METHODS, videos=6, per_video=3)["frame"]
    return evaluate(columns, columns, resamples=30)


@pytest.fixture
def told(capsys):
    def tell(metrics):
        print_table(metrics)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 120
        return lines

    return tell


def test_rows_of(metrics):
    rows = list(rows_of(metrics))
    assert [row[:2] for row in rows] == [
        ("a", "df"), ("a", "nt"), ("a", "all"), ("b", "fake"), ("b", "all"), ("all", "all"),
    ]  # fmt: skip
    assert rows[1][2] == {level: metrics[level]["datasets"]["a"]["methods"]["nt"] for level in ("video", "frame")}
    assert rows[-1][2]["video"] == metrics["video"]["all"]


def test_figures_stand_under_their_heads(metrics, told):
    lines = told(metrics | {"caveats": {"a": "for play only", "c": "not there"}})
    df = next(line for line in lines if line.split()[:2] == ["a", "df"])
    group = {level: metrics[level]["datasets"]["a"]["methods"]["df"] for level in ("video", "frame")}
    auc = group["video"]["logit"]["auc"]
    values = [group["video"]["logit"][key] for key in ("acc", "acc_val", "eer")]
    values += [
        group["video"]["center_similarity"]["auc"],
        group["frame"]["logit"]["auc"],
        group["frame"]["logit"]["acc"],
    ]
    shown = [
        f"{auc['value']:.4f}",
        f"[{auc['low']:.3f},",
        f"{auc['high']:.3f}]",
        *(f"{v['value']:.4f}" for v in values),
    ]
    assert df.split() == ["a", "df", *shown, "12"]
    text = "\n".join(lines)
    assert "mean_logit" in text and "left out" in text and "30 resamples" in text
    assert "NOTE on a: for play only" in text and "not there" not in text


def test_coverage_and_the_policy_are_told(made, told):
    columns = made.columns([("a", "real", str(k), -1.0 - k) for k in range(3)] + [("a", "df", "0", 1.0)])
    names = ("video_id", "dataset", "method", "label")
    manifest = [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]
    manifest = [row | {"outcome": "judged"} for row in manifest]
    manifest += [{"video_id": "a/df/1", "dataset": "a", "method": "df", "label": 1, "outcome": "no_face"}]
    manifest += [{"video_id": "a/df/2", "dataset": "a", "method": "df", "label": 1, "outcome": "undecoded"}]
    lines = told(evaluate(columns, manifest=manifest, resamples=20))
    assert any(line.startswith("a ") and line.endswith(" 4/6") for line in lines)
    assert "left out" in "\n".join(lines)
    lines = told(evaluate(columns, manifest=manifest, no_face="real", resamples=20))
    assert any(line.startswith("a ") and line.endswith(" 5/6") for line in lines)
    assert "counts as called real" in "\n".join(lines)


def test_why_a_figure_or_an_interval_is_missing(made, told):
    lines = told(evaluate(made.columns([("a", "df", "0", 1.0)]), resamples=20))
    assert any("only fake examples: a df, a all" in line for line in lines)
    assert any("fixed on a validation split (there are no predictions of a validation split)" in line for line in lines)
    assert next(line for line in lines if line.startswith("a ")).split()[2] == "none"
    lines = told(evaluate(made.columns([("a", "df", "0", 1.0), ("a", "real", "0", 0.0)]), resamples=20))
    assert any("only one real video" in line for line in lines)
    assert next(line for line in lines if line.startswith("a ")).split()[2:4] == ["1.0000", "-"]


def test_long_names_and_few_resamples_of_a_large_group(metrics, told):
    name = "a-data-set-with-a-very-long-name"
    datasets = {level: {name: metrics[level]["datasets"]["a"]} for level in ("video", "frame")}
    of_level = {level: metrics[level] | {"datasets": datasets[level]} for level in datasets}
    made = metrics["bootstrap"] | {"resamples": 1000, "fewest": 50}
    lines = told(metrics | of_level | {"bootstrap": made, "caveats": {name: "see " * 60}})
    assert any(line.startswith("a-data-set-wi… df") for line in lines)
    assert "1,000 resamples (large groups fewer, down to 50)" in " ".join(" ".join(lines).split())
