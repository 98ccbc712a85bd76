import numpy as np
import pytest

from evaluation.report import projections


@pytest.fixture
def embed(made):
    """embed(methods of each data set, videos of each method) returns the embeddings of one model."""

    def make(methods, videos=3, name="m"):
        rng = np.random.default_rng(0)
        columns = made.full_columns(rng, methods, videos=videos, per_video=1)["frame"]
        return {"name": name, "vectors": rng.normal(size=(len(columns["label"]), 4)), "columns": columns}

    return make


def test_a_row_per_model_and_a_panel_per_method(embed):
    found = projections.by_dataset([embed({"a": ("x", "y"), "b": ("z",)}), embed({"a": ("x", "y")}, name="n")])
    assert list(found) == ["a", "b"]
    assert [(row["name"], [panel.title for panel in row["panels"]]) for row in found["a"]] == [
        ("m", ["x", "y"]),
        ("n", ["x", "y"]),
    ]


def test_models_with_one_panel_each_share_a_row(embed):
    found = projections.by_dataset([embed({"a": ("x",)}), embed({"a": ("x",)}, name="n")])
    ((name, panels),) = [(row["name"], row["panels"]) for row in found["a"]]
    assert name is None and [panel.title for panel in panels] == ["m: x", "n: x"]


def test_without_fakes_there_is_no_panel(embed):
    assert projections.by_dataset([embed({"a": ()})]) == {}


def test_at_most_so_many_of_each_group_are_projected(embed, monkeypatch):
    seen = []

    def project(vectors):
        seen.append(len(vectors))
        return np.zeros((len(vectors), 2))

    monkeypatch.setattr(projections.tsne, "project", project)
    projections.by_dataset([embed({"a": ("x", "y")}, videos=projections.PER_GROUP + 5)])
    assert seen == [3 * projections.PER_GROUP]
