import errno
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifacts.errors import InputError
from components.base import Context, main
from components.pusher import executor
from components.pusher.component import COMPONENT, PusherParameters
from components.pusher.executor import push
from model.saved_model import read_card


@pytest.fixture
def model(tmp_path):
    """A `model` artifact with the files of a SavedModel."""
    folder = tmp_path / "model" / "Format-Serving"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


def _tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def run(tmp_path, model):
    def execute(blessing="BLESSED", infra="INFRA_BLESSED", serving=None):
        folders = {"blessing": blessing, "infra_blessing": infra}
        for key, verdict in folders.items():
            shutil.rmtree(tmp_path / key, ignore_errors=True)
            (tmp_path / key).mkdir()
            if verdict:
                (tmp_path / key / verdict).write_text("d video AUC 0.6 is below 0.7\nand so on\n")
        (tmp_path / "pushed").mkdir(exist_ok=True)
        inputs = {key: str(tmp_path / key) for key in ("model", *folders)}
        parameters = PusherParameters(serving_dir=str(serving or tmp_path / "serving"))
        result = COMPONENT.execute(Context(inputs, {"pushed_model": str(tmp_path / "pushed")}, parameters))
        return result, json.loads((tmp_path / "pushed" / "pushed.json").read_text())

    return execute


def test_pushes_a_version_with_every_file(run, tmp_path, capsys):
    before = int(time.time())
    result, outcome = run()
    (version,) = (tmp_path / "serving").iterdir()
    assert before <= int(version.name) <= time.time()
    assert _tree(version) == ["assets.extra/model_card.json", "saved_model.pb", "variables/variables.index"]
    assert read_card(str(version))["date"] == time.strftime("%Y-%m-%d", time.localtime(before))
    assert (version / "saved_model.pb").read_bytes() == b"graph"
    assert outcome == {"pushed": True, "reasons": [], "path": str(version)} and result == {"pushed": str(version)}
    assert f"pushed to {version}" in capsys.readouterr().out


def test_versions_increase_even_within_a_second(model, tmp_path):
    versions = [int(os.path.basename(push(str(model), str(tmp_path / "serving")))) for _ in range(4)]
    assert versions == sorted(set(versions))
    assert sorted(int(p.name) for p in (tmp_path / "serving").iterdir()) == versions  # and nothing hidden is left


def test_a_version_from_the_future_and_other_files_are_respected(model, tmp_path):
    future = int(time.time()) + 10**6
    (tmp_path / "serving" / str(future)).mkdir(parents=True)
    (tmp_path / "serving" / "README").write_text("not a version")
    assert os.path.basename(push(str(model), str(tmp_path / "serving"))) == str(future + 1)


def test_the_graph_comes_last(model, tmp_path, monkeypatch):
    """A server takes saved_model.pb as "ready": whenever it can be seen, the rest is there."""
    seen = []
    rename = os.rename

    def watch(source, target):
        rename(source, target)
        seen.append([name for name in _tree(tmp_path / "serving") if not name.startswith(".")])

    monkeypatch.setattr(executor.os, "rename", watch)
    push(str(model), str(tmp_path / "serving"))
    ready = [any(name.endswith("saved_model.pb") for name in names) for names in seen]
    assert ready[-1] and ready.count(True) == 1
    assert any(name.endswith("variables.index") for name in seen[-2])


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ({"blessing": "NOT_BLESSED"}, ["blessing: d video AUC 0.6 is below 0.7 and so on"]),
        ({"infra": "INFRA_NOT_BLESSED"}, ["infra blessing: d video AUC"]),
        ({"blessing": "NOT_BLESSED", "infra": "INFRA_NOT_BLESSED"}, ["blessing: d video", "infra blessing: d video"]),
        ({"blessing": None}, ["holds no BLESSED"]),
        ({"infra": None}, ["holds no INFRA_BLESSED"]),
    ],
)
def test_not_blessed_is_not_pushed(run, tmp_path, verdicts, words, capsys):
    result, outcome = run(**verdicts)
    assert result == {"pushed": "no"} and outcome["pushed"] is False and len(outcome["reasons"]) == len(words)
    assert all(word in reason for word, reason in zip(words, outcome["reasons"], strict=True))
    assert not (tmp_path / "serving").exists() and f"not pushed: {outcome['reasons'][0]}" in capsys.readouterr().out
    assert COMPONENT.still_holds({"pushed_model": str(tmp_path / "pushed")}) is None


def test_a_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=f"serving_dir: {tmp_path}/file.*cannot be written.*serving_dir to a folder"):
        run(serving=tmp_path / "file" / "serving")
    with pytest.raises(InputError, match=f"{tmp_path}/file: cannot be written"):
        run(serving=tmp_path / "file")


@pytest.mark.parametrize(
    ("step", "word"), [("copytree", ".partial"), ("copyfile", "variables.index"), ("copyfile", "saved_model.pb")]
)
def test_a_push_that_fails_leaves_nothing_behind(run, tmp_path, monkeypatch, step, word):
    copy = getattr(shutil, step)

    def fail(source, target, *more, **named):
        copy(source, target, *more, **named)
        if word in str(target):
            raise OSError(errno.ENOSPC, "No space left on device", target)

    monkeypatch.setattr(executor.shutil, step, fail)
    with pytest.raises(InputError, match="No space left on device"):
        run()
    monkeypatch.undo()
    assert list((tmp_path / "serving").iterdir()) == []
    _, outcome = run()
    assert _tree(tmp_path / "serving" / os.path.basename(outcome["path"])) == [
        "assets.extra/model_card.json",
        "saved_model.pb",
        "variables/variables.index",
    ]


def test_pushes_at_once_get_a_version_each(run, model, tmp_path):
    run()  # makes the model
    serving = tmp_path / "several"
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: push(str(model), str(serving)), range(12)))
    assert len(set(paths)) == 12 and all(os.path.isfile(os.path.join(path, "saved_model.pb")) for path in paths)
    assert sorted(map(str, serving.iterdir())) == sorted(paths), "nothing hidden is left"


def test_a_model_without_a_saved_model(run, model, tmp_path):
    shutil.rmtree(model)
    with pytest.raises(InputError, match="Format-Serving: holds no saved_model.pb"):
        run()
    assert not (tmp_path / "serving").exists()


def test_still_holds_notices_a_deleted_push(run, tmp_path):
    _, outcome = run()
    outputs = {"pushed_model": str(tmp_path / "pushed")}
    assert COMPONENT.still_holds(outputs) is None
    os.remove(os.path.join(outcome["path"], "saved_model.pb"))
    assert COMPONENT.still_holds(outputs) == f"{outcome['path']} is gone"
    shutil.rmtree(outcome["path"])
    assert COMPONENT.still_holds(outputs) == f"{outcome['path']} is gone"


def test_still_holds_notices_that_another_model_is_served_by_now(run, model, tmp_path):
    _, outcome = run()
    newer = push(str(model), os.path.dirname(outcome["path"]))
    found = COMPONENT.still_holds({"pushed_model": str(tmp_path / "pushed")})
    assert found == f"version {os.path.basename(newer)} was pushed since"


def test_the_folder_must_be_given(tmp_path, run, capsys):
    run()
    common = [f"--{key}={tmp_path / key}" for key in ("model", "blessing", "infra_blessing")]
    assert main(COMPONENT, [*common, f"--pushed_model={tmp_path}/pushed"]) == 2
    assert "--serving_dir: is missing" in capsys.readouterr().err
