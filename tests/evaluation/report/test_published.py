import json

import numpy as np
import pytest

from evaluation.report.published import beside, load

# The rows as the paper's text has them, copied a second time.
TABLES = {
    "Table 1": """
MesoNet [5]	0.827	0.853	0.562	0.634	0.611	0.679	0.502	0.596
XceptionNet [6]	0.948	0.986	0.928	0.972	0.903	0.933	0.807	0.835
Li et al. [3]	0.969	0.995	0.972	0.987	0.963	0.990	0.890	0.913
Capsule [7]	0.941	0.960	0.963	0.958	0.972	0.974	0.887	0.948
Feng et al. [16]	0.953	0.991	0.938	0.957	0.921	0.940	0.841	0.902
Kumar et al. [15]	0.960	0.990	0.932	0.962	0.944	0.978	0.832	0.872
Bonettini et al. [10]	0.981	0.992	0.955	0.970	0.973	0.980	0.845	0.863
The paper's method	0.985	0.998	0.974	0.991	0.995	1.000	0.938	0.968""",
    "Table 2": """
MesoNet [5]	0.746	0.818	0.482	0.536
XceptionNet [6]	0.845	0.909	0.788	0.832
Li et al. [3]	0.793	0.861	0.571	0.628
Capsule [7]	0.861	0.933	0.791	0.879
Feng et al. [16]	0.883	0.963	0.814	0.867
Kumar et al. [15]	0.825	0.899	0.792	0.943
Bonettini et al. [10]	0.944	0.967	0.903	0.959
The paper's method	0.962	0.979	0.927	0.968""",
    "Table 3": """
Triplet Loss	0.946	0.925	0.939	0.810
+ Cross-Entropy Loss	0.962	0.933	0.942	0.870
+ Weight-center Loss	0.985	0.974	0.995	0.938""",
}


@pytest.mark.parametrize("name", TABLES)
def test_the_published_figures_are_the_paper_s(name):
    (table,) = (table for table in load()["tables"] if table["name"] == name)
    rows = [
        "\t".join(
            [row["name"] + (f" [{row['reference']}]" if row["reference"] else "")]
            + [f"{value:.3f}" for values in row["values"] for value in values]
        )
        for row in table["rows"]
    ]
    assert "\n".join(rows) == TABLES[name].strip()
    shape = len(table["columns"]), len(table["figures"])
    assert all(np.shape(row["values"]) == shape for row in table["rows"])


def test_the_ablation_ends_in_the_method_itself():
    """Table 3's last row is the ACC of Table 1's last row."""
    first, _, third = load()["tables"]
    assert [acc for acc, _ in first["rows"][-1]["values"]] == [acc for (acc,) in third["rows"][-1]["values"]]


def test_names_its_source():
    assert "Detecting Deepfakes with Multi-Metric Loss" in load()["source"] and "2021" in load()["source"]


@pytest.fixture(scope="module")
def columns(made):
    return made.full_columns(np.random.default_rng(0), videos=4, per_video=2)


def _measured(tables):
    """{(table, row, column, figure): cell} of this run's rows."""
    return {
        (table["name"], row["name"], column, figure): row["cells"][place * len(table["figures"]) + number]
        for table in tables
        for row in table["rows"]
        if row["source"] == "measured"
        for place, column in enumerate(table["columns"])
        for number, figure in enumerate(table["figures"])
    }


def test_each_figure_stands_in_its_column(made, columns):
    metrics = made.metrics(columns)
    cells = _measured(beside(metrics))
    assert len(cells) == 2 * (8 + 4 + 4)
    for level in ("frame", "video"):
        datasets = metrics[level]["datasets"]
        for figure in ("acc", "auc"):
            for method in ("df", "ff", "fs", "nt"):
                expected = datasets["ffpp"]["methods"][method]["logit"][figure]
                assert cells["Table 1", f"This run, {level}s", method, figure]["value"] == expected["value"]
            for key, name in (("dfdc", "dfdc"), ("celeb", "celeb_df")):
                expected = datasets[name]["logit"][figure]
                assert cells["Table 2", f"This run, {level}s", key, figure]["value"] == expected["value"]
        expected = datasets["ffpp"]["methods"]["nt"]["logit"]["acc"]["value"]
        assert cells["Table 3", f"This run, {level}s", "nt", "acc"]["value"] == expected


def test_published_cells_stay_published(made, columns):
    for table, original in zip(beside(made.metrics(columns)), load()["tables"], strict=True):
        for row, published in zip(table["rows"], original["rows"], strict=False):
            values = [value for values in published["values"] for value in values]
            assert [cell["value"] for cell in row["cells"]] == values
            assert {cell["source"] for cell in row["cells"]} == {row["source"]} == {"published"}


@pytest.mark.parametrize("name", ["ffpp", "FaceForensics_c23", "my FF++", "my faces"])
def test_faceforensics_is_known_by_name_or_by_its_methods(made, name):
    columns = made.full_columns(np.random.default_rng(0), {name: ("df", "nt")}, videos=2, per_video=1)
    metrics = made.metrics(columns)
    cells = _measured(beside(metrics))
    expected = metrics["video"]["datasets"][name]["methods"]["df"]["logit"]["auc"]["value"]
    assert cells["Table 1", "This run, videos", "df", "auc"]["value"] == expected
    missing = cells["Table 1", "This run, videos", "ff", "auc"]
    assert missing["value"] is None and missing["reason"] == "this run has no FaceForensics++ fakes of the method ff"
    assert cells["Table 2", "This run, frames", "dfdc", "acc"]["reason"] == "this run has no DFDC data"


def test_another_data_set_with_such_a_method_is_not_taken(made):
    columns = made.full_columns(np.random.default_rng(0), {"dfdc": ("df",), "other": ("gan",)}, videos=2, per_video=1)
    cells = _measured(beside(made.metrics(columns)))
    assert all(cell["value"] is None for key, cell in cells.items() if key[0] != "Table 2")


def test_a_data_set_with_a_caveat_never_stands_beside_the_paper(made):
    columns = made.full_columns(np.random.default_rng(0), {"sample": ("df", "ff", "fs", "nt")}, videos=2, per_video=1)
    cells = _measured(beside(made.metrics(columns, caveats={"sample": "for play"})))
    assert all(cell["value"] is None for cell in cells.values())
    reason = cells["Table 3", "This run, videos", "df", "acc"]["reason"]
    assert "method df" in reason and "only in sample" in reason and "caveat" in reason
    # A plain one beside it is taken, although its name comes later.
    both = made.full_columns(
        np.random.default_rng(0), {"ffpp_sample": ("df",), "ffpp_original": ("df",)}, videos=2, per_video=1
    )
    metrics = made.metrics(both, caveats={"ffpp_sample": "for play"})
    cell = _measured(beside(metrics))["Table 1", "This run, videos", "df", "auc"]
    assert cell["value"] == metrics["video"]["datasets"]["ffpp_original"]["methods"]["df"]["logit"]["auc"]["value"]


def test_what_could_not_be_computed_keeps_its_reason(made, columns):
    metrics = json.loads(json.dumps(made.metrics(columns)))
    metrics["video"]["datasets"]["dfdc"]["logit"]["auc"] = made.figure(None, "only fake examples")
    (table,) = (table for table in beside(metrics) if table["name"] == "Table 2")
    cell = _measured([table])["Table 2", "This run, videos", "dfdc", "auc"]
    assert cell["value"] is None and table["notes"][cell["note"] - 1] == "only fake examples"


def test_a_measured_figure_says_what_it_rests_on(made):
    """One fake video's figure never stands beside published ones without its counts and a warning."""
    columns = made.full_columns(np.random.default_rng(0), {"dfdc": ("fake",)}, videos=40, per_video=2)
    rest = {}
    for level, of_level in columns.items():
        kept = (of_level["label"] == 0) | (of_level["video_id"] == "dfdc/fake/000")
        rest[level] = {name: values[kept] for name, values in of_level.items()}
    (table,) = (table for table in beside(made.metrics(rest)) if table["name"] == "Table 2")
    cells = _measured([table])
    for level, counts in (("videos", (40, 1, 40, 1)), ("frames", (80, 2, 40, 1))):
        cell = cells["Table 2", f"This run, {level}", "dfdc", "auc"]
        assert cell["evidence"] == counts and cell["warning"] == "few videos"
        assert table["notes"][cell["note"] - 1].startswith("40 real and 1 fake video: with fewer than 30 of a class")
    published = [cell for row in table["rows"] if row["source"] == "published" for cell in row["cells"]]
    assert all(cell["warning"] is cell["evidence"] is None for cell in published)


def test_a_wide_interval_is_warned_of_and_a_narrow_one_is_not(made):
    metrics = json.loads(json.dumps(made.metrics(made.full_columns(np.random.default_rng(0), per_video=1))))
    figures = metrics["video"]["datasets"]["dfdc"]["logit"]
    figures["acc"] |= {"value": 0.9, "low": 0.82, "high": 0.95}
    figures["auc"] |= {"value": 0.95, "low": 0.91, "high": 0.97}
    (table,) = (table for table in beside(metrics) if table["name"] == "Table 2")
    cells = _measured([table])
    wide, narrow = (cells["Table 2", "This run, videos", "dfdc", key] for key in ("acc", "auc"))
    assert wide["warning"] == "wide interval" and "wider than 0.1" in table["notes"][wide["note"] - 1]
    assert narrow["warning"] is None and narrow["note"] is None and narrow["evidence"] == (40, 40, 40, 40)
