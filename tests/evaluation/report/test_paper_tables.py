"""The paper's tables with several detectors: whose row stands where, and what is said of each."""

import json

import numpy as np
import pytest

from evaluation.report import paper_tables
from evaluation.report.paper_tables import OWN_ROWS, Measured, conditions_of, row_of
from evaluation.report.published import load
from model.recipes import RECIPES, get_recipe
from model.rivals import RIVALS


@pytest.fixture
def measured(made):
    """measured(*recipes) -> evaluated detectors of these recipes, all with the same figures."""
    columns = made.full_columns(np.random.default_rng(0), {"ffpp": ("df", "nt")}, videos=4, per_video=2)
    found = made.metrics(columns)

    def measured(*recipes):
        return [
            Measured(name, name, found, conditions_of(name, found, get_recipe(name).model_dump())) for name in recipes
        ]

    return measured


def names(table):
    return [row["name"] for row in table["rows"]]


def test_every_row_that_a_recipe_stands_for_is_published():
    published = {row["name"] for table in load()["tables"] for row in table["rows"]}
    assert {rival.system for rival in RIVALS.values()} | set(OWN_ROWS.values()) <= published
    assert published - {row_of(name) for name in RECIPES} == {"Feng et al."}


def test_a_detector_follows_the_row_that_it_stands_for(measured):
    first, second, third = paper_tables.tables(measured("cross_entropy", "meso4", "triplet", "paper"))
    at = names(first).index("MesoNet")
    assert names(first)[at + 1 : at + 3] == ["meso4, frames", "meso4, videos"]
    assert names(first)[-6:] == [
        "paper, frames", "paper, videos", "cross_entropy, frames", "cross_entropy, videos",
        "triplet, frames", "triplet, videos",
    ]  # fmt: skip
    assert names(second)[1:3] == ["meso4, frames", "meso4, videos"]
    assert names(third)[:3] == ["Triplet Loss", "triplet, frames", "triplet, videos"]


def test_published_cells_tell_what_is_known_of_their_origin(measured):
    first, *_ = paper_tables.tables(measured("meso4"))
    cells = {row["name"]: row["cells"] for row in first["rows"]}
    note = cells["MesoNet"][2]["note"]
    assert "benchmark's hidden test images" in first["notes"][note - 1] and cells["MesoNet"][0]["note"] is None
    assert cells["XceptionNet"][4]["note"] == note


def test_the_conditions_name_steps_seed_threshold_counts_and_repairs(measured):
    (each,) = measured("meso4")
    lines = dict(each.conditions)
    assert lines["recipe"] == "meso4: 4,000 steps of 76, seed 0"
    assert lines["network"] == "meso4 at 256, from random"
    assert "real and" in lines["tested on ffpp"] and "faces" in lines["tested on ffpp"]
    assert "the probability of a fake; published is that of a real" in lines["otherwise"]
    assert "rule mean_logit" in lines["a video's score"] and "on the validation split" in lines["threshold"]


def test_the_page_is_whole_and_the_same_each_time(measured, tmp_path):
    detectors = measured("meso4", "paper")
    pages = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paper_tables.write(tmp_path / name, detectors, [("data set ffpp", "faceforensics, c23")])
        pages.append((tmp_path / name / "tables.html").read_bytes())
    assert pages[0] == pages[1]
    page = pages[0].decode()
    assert page.count("<table") == 3 and "faceforensics, c23" in page and "Feng et" in page
    found = json.loads((tmp_path / "a" / "tables.json").read_text())
    assert [each["recipe"] for each in found["detectors"]] == ["meso4", "paper"]
    assert found["tables"] == json.loads(json.dumps(paper_tables.tables(detectors)))
