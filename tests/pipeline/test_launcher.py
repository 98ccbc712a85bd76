import os
import shutil
from pathlib import Path

import pytest

from pipeline import fingerprint
from pipeline.launcher import sweep


def _published(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("out.txt"))


def test_miss_then_hit(toy, launch, root):
    a, b = toy("A"), toy("B", inputs=["A"], text="b")
    reasons, launcher = launch(a, b)
    assert reasons == ["miss never run before"] * 2
    assert Path(launcher.outputs["B", "out"].uri, "out.txt").read_text() == "ab"
    assert a.calls[0].beam_args == ("--runner=Toy",)
    reasons, launcher = launch(a, b)
    assert all(reason.startswith("hit same inputs, parameters and code as execution ") for reason in reasons)
    assert len(a.calls) == len(b.calls) == 1
    assert launcher.outputs["B", "out"].uri == str(root / "B" / "out" / "2")
    assert _published(root) == ["A/out/1/out.txt", "B/out/2/out.txt"] and not (root / ".staging" / "A").exists()


def test_hit_and_miss_are_recorded_in_the_run(toy, launch, store):
    launch(toy("A"))
    launch(toy("A"))
    assert store._db.execute("SELECT context, execution, cached FROM Association").fetchall() == [(1, 1, 0), (2, 1, 1)]
    assert store.execution(1).properties == {"length": 1}


def test_changed_parameter(toy, launch):
    launch(toy("A", text="a"))
    assert launch(toy("A", text="x"))[0] == ["miss parameter text changed"]
    assert launch(toy("A", text="a"))[0][0].startswith("hit "), "what was done first is still there"


def test_changed_input(toy, launch):
    b = toy("B", inputs=["A"])
    launch(toy("A", text="a"), b)
    assert launch(toy("A", text="x"), b)[0] == ["miss parameter text changed", "miss input A changed"]


def test_input_made_again_with_the_same_content_is_no_change(toy, launch):
    b = toy("B", inputs=["A"])
    launch(toy("A"), b)
    reasons, _ = launch(toy("A", sources=lambda parameters: "new"), b)
    assert reasons[0] == "miss files of the data sets changed" and reasons[1].startswith("hit ")


def test_changed_code(toy, launch, monkeypatch):
    monkeypatch.setattr(fingerprint, "code_of", lambda module: {"components.toy": "1"})
    launch(toy("A"))
    monkeypatch.setattr(fingerprint, "code_of", lambda module: {"components.toy": "2"})
    assert launch(toy("A"))[0] == ["miss code of components.toy changed"]


def test_changed_library(toy, launch, monkeypatch):
    launch(toy("A", libraries=("numpy",)))
    monkeypatch.setattr(fingerprint, "library_versions", lambda names: {"numpy": "0.1"})
    assert launch(toy("A", libraries=("numpy",)))[0] == ["miss version of numpy changed"]


def test_other_engine_is_a_hit(toy, launch):
    _, launcher = launch(toy("A"))
    launcher.beam_args = ("--runner=Other",)
    assert launcher.decide(toy("A").node).cached


def test_no_cache(toy, launch, root):
    a = toy("A")
    launch(a)
    assert launch(a, no_cache=True)[0] == ["miss the cache is off (--no_cache)"]
    assert len(a.calls) == 2 and _published(root) == ["A/out/1/out.txt", "A/out/2/out.txt"]
    assert "execution 2" in launch(a)[0][0], "the newest is taken"


def test_output_that_is_gone(toy, launch, root):
    a = toy("A")
    launch(a)
    shutil.rmtree(root / "A")
    assert launch(a)[0] == ["miss execution 1 did the same, but its output out is gone"]
    assert launch(a)[0][0].startswith("hit ")


@pytest.mark.parametrize("spoil", ["grow", "remove", "add"])
def test_output_that_was_changed(toy, launch, root, spoil):
    a = toy("A")
    launch(a)
    folder = root / "A" / "out" / "1"
    if spoil == "grow":
        (folder / "out.txt").write_text("longer than it was")
    elif spoil == "remove":
        (folder / "out.txt").unlink()
    else:
        (folder / "more").touch()
    assert launch(a)[0] == ["miss execution 1 did the same, but files of its output out have changed since"]


def test_component_that_knows_better(toy, launch):
    answer = None
    a = toy("A", still_holds=lambda outputs: answer if os.path.isdir(outputs["out"]) else "not called as it should be")
    launch(a)
    assert launch(a)[0][0].startswith("hit ")
    answer = "the shop is closed"
    assert launch(a)[0] == ["miss execution 1 did the same, but the shop is closed"]


def _fail_after_writing(error):
    def act(context):
        Path(context.outputs["out"], "half.txt").write_text("half")
        raise error

    return act


@pytest.mark.parametrize("error", [RuntimeError("no luck"), KeyboardInterrupt(), SystemExit(143)])
def test_failure_publishes_nothing(toy, launch, root, store, error):
    with pytest.raises(type(error)):
        launch(toy("A", _fail_after_writing(error)))
    assert not (root / "A").exists() and store.all_artifacts() == [] and store.running() == []
    failed = store.execution(1)
    assert failed.state == "FAILED" and failed.properties["error"].startswith(type(error).__name__)
    assert launch(toy("A"))[0] == ["miss never run before"]
    assert os.listdir(root / "A" / "out" / "2") == ["out.txt"], "what the failed attempt left is not published"


def test_publishing_that_fails_halfway_takes_everything_back(toy, launch, root, store, monkeypatch):
    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "finish", refuse)
    with pytest.raises(OSError):
        launch(toy("A"))
    assert _published(root) == [] and store.execution(1).state == "FAILED"


@pytest.mark.parametrize("resumable", [True, False])
def test_what_an_interrupted_attempt_left(toy, launch, root, resumable, capsys):
    found = []

    def interrupt_once(context):
        folder = Path(context.outputs["out"])
        found.append(sorted(path.name for path in folder.iterdir()))
        (folder / "half.txt").write_text("half")
        if len(found) == 1:
            raise KeyboardInterrupt

    a = toy("A", interrupt_once, resumable=resumable)
    with pytest.raises(KeyboardInterrupt):
        launch(a)
    assert len(list((root / ".staging").iterdir())) == 1
    launch(a)
    assert found == [[], ["half.txt"] if resumable else []]
    assert ("A: continues with what an interrupted run left" in capsys.readouterr().out) == resumable
    assert list((root / ".staging").iterdir()) == []


def test_half_written_files_of_a_killed_attempt_are_not_published(toy, launch, root):
    names = ("whole.tfrecord", "x.tfrecord.77.partial", "best.partial.weights.h5")

    def interrupt_once(context):
        if len(a.calls) == 1:
            for name in names:
                (Path(context.outputs["out"]) / name).write_text("half")
            raise KeyboardInterrupt

    a = toy("A", interrupt_once, resumable=True)
    with pytest.raises(KeyboardInterrupt):
        launch(a)
    launch(a)
    assert sorted(os.listdir(root / "A" / "out" / "2")) == ["out.txt", "whole.tfrecord"]


def test_what_another_parameter_left_is_not_gone_on_with(toy, launch):
    found = []

    def interrupt(context):
        found.extend(path.name for path in Path(context.outputs["out"]).iterdir())
        Path(context.outputs["out"], "half.txt").write_text("half")
        raise KeyboardInterrupt

    for text in "ab":
        with pytest.raises(KeyboardInterrupt):
            launch(toy("A", interrupt, text=text, resumable=True))
    with pytest.raises(KeyboardInterrupt):
        launch(toy("A", interrupt, text="a", resumable=True), no_cache=True)
    assert found == []


def test_sweep_after_a_killed_run(toy, launch, root, store):
    launch(toy("A"))
    number = store.start_execution("A", "key", {}, {})
    half = root / "A" / "out" / str(number)
    half.mkdir()
    (half / "out.txt").write_text("moved there, and killed before it was recorded")
    sweep(store, str(root), [toy("A").component])
    assert _published(root) == ["A/out/1/out.txt"] and store.running() == []
    assert store.execution(number).properties == {"error": "the run was killed"}
    sweep(store, str(root), [toy("A").component])
    assert store.execution(1).state == "COMPLETE"
