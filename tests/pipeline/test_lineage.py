import json

import pytest

from components.trainer.component import COMPONENT as TRAINER
from pipeline import lineage
from pipeline.fingerprint import cache_key, key_parts


@pytest.fixture
def made(toy, launch, root):
    """A -> B, and A, B -> C; C's second content than A's."""
    launch(toy("A", text="x"), toy("B", inputs=["A"]), toy("C", inputs=["A", "B"]))
    return root


def _print(capsys, *arguments):
    assert lineage.main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


def test_by_number(made, capsys):
    out = _print(capsys, 1, "--root", made)
    assert out.startswith(f"Statistics 1  {made}/A/out/1\n") and "made by A (execution 1, " in out
    assert 'parameters: {"text": "x"}' in out and "result: length 1" in out and "1 file," in out


def test_as_json(made, capsys):
    found = json.loads(_print(capsys, 3, "--root", made, "--json"))
    assert found["root"] == str(made) and found["artifact"] == 3
    assert [(a["id"], a["execution"]) for a in found["artifacts"]] == [(1, 1), (2, 2), (3, 3)]
    assert all(len(a["digest"]) >= 32 and a["files"] == 1 for a in found["artifacts"])
    first, second, third = found["executions"]
    assert [e["component"] for e in found["executions"]] == ["A", "B", "C"]
    assert (second["inputs"], third["inputs"], third["outputs"]) == ({"A": 1}, {"A": 1, "B": 2}, {"out": 3})
    assert first["parameters"] == first["resolved"] == {"text": "x"} and first["result"] == {"length": 1}
    assert first["version"].startswith("multi-metric-deepfake-detector ") and len(first["code"]["digest"]) == 64
    assert "components.base" in first["code"]["modules"]


def test_the_resolved_recipe_of_a_training_is_kept_and_decides_nothing():
    parts = key_parts(TRAINER, TRAINER.parameters(recipe="lite"), {"examples": "d"})
    assert parts["parameters"]["backbone"] is None and parts["resolved"]["backbone"] == "efficientnetlite0"
    assert parts["resolved"]["validate_every"] == parts["resolved"]["steps"] // 10
    other = parts | {"resolved": {}, "version": "another"}
    assert cache_key(TRAINER, parts) == cache_key(TRAINER, other)


def test_goes_back_to_the_beginning(made, capsys):
    out = _print(capsys, 3, "--root", made)
    heads = [line for line in out.splitlines() if "Statistics" in line]
    assert heads == [
        f"Statistics 3  {made}/C/out/3",
        f"  A: Statistics 1  {made}/A/out/1",
        f"  B: Statistics 2  {made}/B/out/2",
        f"    A: Statistics 1  {made}/A/out/1",
    ]
    assert out.count("made by A") == 1 and "    (see above)" in out


def test_the_last_blessed_model_is_told_from_the_judged_one(toy, launch, judge, root, capsys):
    for model in "AB":
        launch(toy("Model", text=model), judge())
    heads = [line for line in _print(capsys, root / "Judge" / "out" / "4").splitlines() if "Statistics" in line]
    assert heads == [
        f"Statistics 4  {root}/Judge/out/4",
        f"  Model: Statistics 3  {root}/Model/out/3",
        f"  baseline: Statistics 1  {root}/Model/out/1",
    ]


@pytest.mark.parametrize("path", ["B/out/2", "B/out/2/", "B/out/2/out.txt", "B/out/2/../2"])
def test_by_path(made, capsys, path):
    assert _print(capsys, f"{made}/{path}").startswith(f"Statistics 2  {made}/B/out/2\n")


def test_by_path_through_a_link_and_a_relative_one(made, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    assert _print(capsys, "B/out/2").startswith("Statistics 2 ")
    (tmp_path / "link").symlink_to(made / "B" / "out" / "2")
    assert _print(capsys, tmp_path / "link", "--root", made).startswith("Statistics 2 ")


def test_number_of_a_folder_is_not_a_prefix_of_another(toy, launch, root, capsys):
    for number in range(12):
        launch(toy("A", text=str(number)))
    assert _print(capsys, root / "A" / "out" / "1").startswith("Statistics 1 ")
    assert _print(capsys, root / "A" / "out" / "12" / "out.txt").startswith("Statistics 12 ")


def test_by_the_folder_of_a_pushed_model(toy, store, root, tmp_path, capsys):
    for version in ("100", "1000"):
        execution = store.start_execution("Pusher", version, {"parameters": {}, "libraries": {}}, {})
        folder = root / "Pusher" / "pushed_model" / str(execution)
        folder.mkdir(parents=True)
        target = tmp_path / "serving" / version
        target.mkdir(parents=True)
        (folder / "pushed.json").write_text(json.dumps({"pushed": True, "path": str(target)}))
        store.finish(execution, {"pushed_model": ("PushedModel", str(folder), "d", 1, 1)}, {})
    for number, version in ((1, "100"), (2, "1000")):
        for path in (tmp_path / "serving" / version, tmp_path / "serving" / version / "saved_model.pb"):
            assert _print(capsys, path, "--root", root).startswith(f"PushedModel {number} ")
    assert lineage.main([str(tmp_path / "serving"), "--root", str(root)]) == 2
    assert "not an artifact" in capsys.readouterr().err


def test_errors(made, tmp_path, capsys):
    def error(*arguments):
        assert lineage.main([str(a) for a in arguments]) == 2
        return capsys.readouterr().err

    assert error(99, "--root", made) == (
        f"error: 99: not an artifact of {made}. The newest are: 3 (C/out/3), 2 (B/out/2), 1 (A/out/1)\n"
    )
    assert error(made / "A") == f"error: {made}/A: not an artifact of {made}. The newest are: " + (
        "3 (C/out/3), 2 (B/out/2), 1 (A/out/1)\n"
    )
    assert "is not in a pipeline root (there is no metadata.sqlite above it). Name the root with --root" in error(
        tmp_path / "x"
    )
    assert error(1, "--root", tmp_path) == f"error: {tmp_path}: is not a pipeline root (it holds no metadata.sqlite)\n"


def test_empty_lineage(store, root, capsys):
    assert lineage.main(["1", "--root", str(root)]) == 2
    assert "The newest are: none" in capsys.readouterr().err
