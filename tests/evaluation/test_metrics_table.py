import numpy as np
import pytest

from evaluation.metrics import evaluate
from evaluation.metrics_table import print_matrix, print_table, table_rows

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


def test_table_rows(metrics):
    rows = list(table_rows(metrics))
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
    assert "mean logit" in text and "left out" in text and "30 resamples" in text
    assert "NOTE on a: for play only" in text and "not there" not in text


def test_coverage_and_the_policy_are_told(made, told):
    columns = made.columns([("a", "real", str(k), -1.0 - k) for k in range(3)] + [("a", "df", "0", 1.0)])
    names = ("video_id", "dataset", "method", "label")
    listed = [dict(zip(names, row, strict=True)) for row in zip(*(columns[name] for name in names), strict=True)]
    listed = [row | {"outcome": "with_face"} for row in listed]
    listed += [{"video_id": "a/df/1", "dataset": "a", "method": "df", "label": 1, "outcome": "no_face"}]
    listed += [{"video_id": "a/df/2", "dataset": "a", "method": "df", "label": 1, "outcome": "undecoded"}]
    lines = told(evaluate(columns, listed=listed, resamples=20))
    assert any(line.startswith("a ") and line.endswith(" 4/6") for line in lines)
    assert "left out" in "\n".join(lines)
    lines = told(evaluate(columns, listed=listed, no_face="real", resamples=20))
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
    assert "1,000 resamples (fewer for large groups, down to 50)" in " ".join(" ".join(lines).split())


def test_printed(capsys):
    print_matrix(
        {
            "models": ["m", "longer"], "datasets": ["ff", "dfdc"], "level": "video",
            "auc": [[0.95, 0.6], [None, 1.0]], "low": [[0.9, 0.5], [None, None]], "high": [[0.99, 0.7], [None, None]],
            "reason": [[None, None], ["no examples", "no interval: only one real video"]],
        }
    )  # fmt: skip
    assert capsys.readouterr().out.splitlines() == [
        "",
        "video AUC [95 %]: a row for each model, a column for each data set it was tested on",
        "model                     ff                  dfdc",
        "m      0.9500 [0.900, 0.990] 0.6000 [0.500, 0.700]",
        "longer                  none 1.0000       -       ",
        "none or no interval: no examples: longer on ff",
        "none or no interval: no interval: only one real video: longer on dfdc",
        "",
    ]
