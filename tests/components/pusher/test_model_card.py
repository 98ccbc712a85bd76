"""The card says what the artifacts say, and nothing where they say nothing."""

import json

import pytest

from components.pusher.model_card import FIGURES, make_card


def figure(value, low=None, high=None, reason=None):
    return {"value": value, "low": low, "high": high, "reason": reason}


def part(auc, real, fake, **more):
    logit = dict.fromkeys(FIGURES, figure(0.5, 0.4, 0.6)) | {"auc": auc, "balanced_acc": figure(0.1)}
    return {"real": real, "fake": fake, "logit": logit, "center_similarity": {}} | more


@pytest.fixture
def artifacts(tmp_path):
    group = {"dataset": "d", "method": "df", "label": 1, "videos": 9, "videos_with_face": 7, "faces": 70, "sizes": {}}
    contents = {
        "model": {
            "recipe.json": {"name": "paper", "steps": 10},
            "calibration.json": {"frame": 1.5, "video": 2.0},
        },
        "statistics": {
            "statistics.json": {
                "groups": [group | {"split": split} for split in ("test", "train", "val")],
                "sources": {},
            }
        },
        "evaluation": {
            "metrics.json": {
                "video": {
                    "datasets": {"d": part(figure(0.9, 0.8, 1.0), 3, 6, methods={"df": part(figure(0.7), 3, 2)})}
                },
                "frame": {"datasets": {"d": part(figure(None, reason="only fake examples"), 0, 60, methods={})}},
                "caveats": {"d": "made up"},
            }
        },
    }
    for folder, files in contents.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_text(json.dumps(content))
    return {folder: str(tmp_path / folder) for folder in contents}


def test_it_tells_what_the_artifacts_tell(artifacts):
    card = make_card(artifacts["model"], artifacts["statistics"], artifacts["evaluation"])
    assert (card["name"], card["recipe"]) == ("paper", {"steps": 10})
    assert card["trained_on"] == [{"dataset": "d", "method": "df", "label": 1, "videos": 7, "faces": 70}]
    assert card["calibration"] == {"frame": 1.5, "video": 2.0} and card["caveats"] == {"d": "made up"}
    rows = [(row["dataset"], row["method"], row["level"], row["real"], row["fake"]) for row in card["tested_on"]]
    assert rows == [("d", None, "video", 3, 6), ("d", "df", "video", 3, 2), ("d", None, "frame", 0, 60)]
    assert [row["auc"] for row in card["tested_on"]] == [
        figure(0.9, 0.8, 1.0), figure(0.7), figure(None, reason="only fake examples"),
    ]  # fmt: skip
    assert set(card["tested_on"][0]) == {"dataset", "method", "level", "real", "fake", *FIGURES}
    json.dumps(card, allow_nan=False)


def test_what_is_not_known_is_empty(tmp_path):
    card = make_card(str(tmp_path))
    assert card.pop("date")
    assert card == {
        "name": None, "recipe": {}, "trained_on": [], "calibration": None, "logit": None, "preprocessing": None,
        "tested_on": [],
        "caveats": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    "weights, told", [("random", "random"), ("imagenet", "imagenet"), ("/home/me/runs/model.keras", "model.keras")]
)
def test_a_card_tells_no_path(weights, told, tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps({"name": "paper", "initial_weights": weights}))
    assert make_card(str(tmp_path))["recipe"]["initial_weights"] == told
