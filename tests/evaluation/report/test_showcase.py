import os

import numpy as np
import pytest

from artifacts.errors import InputError
from artifacts.face_examples import find_files
from artifacts.predictions import read_predictions
from components.evaluator.inference import write_predictions
from evaluation.report.showcase import BATCH, choose, show


def test_hits_in_turns_of_methods_and_the_worst_mistakes(made):
    rows = [
        ("d", "real", "a", -9.0),  # 0: the surest real
        ("d", "real", "a", -8.0),  # the same video
        ("d", "real", "b", -1.0),
        ("d", "df", "a", 5.0),  # 3
        ("d", "df", "b", 4.0),
        ("d", "nt", "a", 0.5),  # 5: weak, but the surest of its method
        ("d", "nt", "b", -7.0),  # 6: the worst mistake
        ("d", "real", "c", 2.0),  # 7
        ("e", "df", "a", -0.1),  # 8: another data set without a hit
    ]
    assert choose(made.columns(rows), 3) == {0: "hit", 3: "hit", 5: "hit", 6: "mistake", 7: "mistake", 8: "mistake"}
    second = choose(made.columns(rows), 5)
    assert second[2] == second[4] == "hit" and 4 not in choose(made.columns(rows), 4), (
        "in the second turn, too, reals first"
    )
    assert choose(made.columns(rows), 1) == {0: "hit", 6: "mistake", 8: "mistake"}
    assert choose(made.columns(rows), 0) == {}


def test_the_choice_among_equal_scores_is_stable(made):
    rows = [("d", "df", str(k), 1.0) for k in range(5)]
    assert choose(made.columns(rows), 2) == {0: "hit", 1: "hit"}


@pytest.mark.slow
def test_faces_with_their_heat_maps(made, model_dir, tmp_path):
    """More than one batch of them; `Tiny` sees what is red."""
    greys = [made.face(8 * k, f"v{k}", k, method=("real", "df")[k % 2]) for k in range(BATCH + 3)]
    files = find_files(str(made.write_examples(tmp_path / "examples", greys)), "test")
    folder = str(tmp_path / "predictions")
    os.makedirs(folder)
    write_predictions(files, "test", str(model_dir), folder, ["--runner=FnApiRunner"])
    columns = read_predictions(folder, "test")
    chosen = dict.fromkeys(range(len(greys)), "mistake")
    shown = show(chosen, files, folder, columns, str(model_dir / "Format-Serving"))
    assert sorted(face["frame_index"] for face in shown) == list(range(len(greys)))
    for face in shown:
        assert (face["crop"] == 8 * face["frame_index"]).all() and face["kind"] == "mistake"
        assert face["heat"] == pytest.approx(8 * face["frame_index"] / 255)
        assert (face["label"], face["method"]) == ((0, "real"), (1, "df"))[face["frame_index"] % 2]


def test_a_model_without_heat_maps_says_so(made, tmp_path):
    old = made.save_model(tmp_path / "old", "crops")
    with pytest.raises(InputError, match="no signature 'heat_maps', only"):
        show({0: "hit"}, [], str(tmp_path), made.columns([("d", "df", "a", 1.0)]), str(old))


def test_probabilities_of_both_classes_are_hits(made):
    columns = made.columns([("d", "real", "a", -3.0), ("d", "df", "a", 3.0)])
    assert set(choose(columns, 2).values()) == {"hit"} and np.isfinite(columns["logit"]).all()
