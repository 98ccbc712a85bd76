import os
import shutil
import signal
from pathlib import Path

import pytest

from artifacts.errors import InputError
from pipeline import fingerprint, integrity
from pipeline.launcher import Launcher, sweep
from pipeline.metadata import MetadataStore


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


@pytest.mark.parametrize(
    "spoil, what",
    [
        ("grow", "out.txt has 6 bytes instead of 1"),
        ("remove", "out.txt is missing"),
        ("change", "out.txt has another content"),
        ("add", "more was added"),
    ],
)
def test_output_that_was_changed(toy, launch, root, spoil, what):
    a = toy("A")
    launch(a)
    path = root / "A" / "out" / "1" / "out.txt"
    if spoil == "grow":
        path.write_text("longer")
    elif spoil == "remove":
        path.unlink()
    elif spoil == "change":  # a byte for a byte, as where labels are swapped
        path.write_text("b")
    else:
        (path.parent / "more").touch()
    assert launch(a)[0] == [f"miss execution 1 did the same, but its output out has changed since: {what}"]
    assert (root / "A" / "out" / "2" / "out.txt").read_text() == "a"


def test_a_copy_with_other_times_is_still_a_hit_and_is_read_once(toy, launch, root, monkeypatch):
    a = toy("A")
    launch(a)
    os.utime(root / "A" / "out" / "1" / "out.txt", (1, 1))
    read = []
    real = integrity.file_digest
    monkeypatch.setattr(integrity, "file_digest", lambda path: (read.append(path), real(path))[1])
    for _ in range(2):
        assert launch(a)[0][0].startswith("hit ")
    assert len(read) == 1


def test_content_that_was_changed_behind_its_time_is_found_by_verify(toy, launch, root):
    a = toy("A")
    launch(a)
    path = root / "A" / "out" / "1" / "out.txt"
    before = path.stat()
    path.write_text("b")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert launch(a)[0][0].startswith("hit ")
    damage = "its output out has changed since: out.txt has another content"
    assert launch(a, verify=True)[0] == [f"miss execution 1 did the same, but {damage}"]
    assert launch(a, verify=True)[0][0].startswith("hit ")


def test_an_artifact_of_an_earlier_version_is_judged_by_number_and_size_or_by_its_digest(toy, launch, store, root):
    a = toy("A")
    launch(a)
    store._db.execute("DELETE FROM File")
    assert launch(a)[0][0].startswith("hit ") and launch(a, verify=True)[0][0].startswith("hit ")
    store._db.execute("DELETE FROM File")
    (root / "A" / "out" / "1" / "out.txt").write_text("b")
    assert launch(a)[0][0].startswith("hit ")
    assert "has changed since: the content of its files" in launch(a, verify=True)[0][0]


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
    end = "was interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    assert launch(toy("A"))[0] == [f"miss execution 1, of the same work, {end}"]
    assert os.listdir(root / "A" / "out" / "2") == ["out.txt"], "what the failed attempt left is not published"


def test_publishing_that_fails_halfway_takes_everything_back(toy, launch, root, store, monkeypatch):
    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "finish", refuse)
    a = toy("A")
    with pytest.raises(OSError):
        launch(a)
    assert not any((root / "A" / "out").iterdir()) and store.execution(1).state == "FAILED"
    monkeypatch.undo()
    assert launch(a)[0] == ["miss execution 1, of the same work, failed"]
    assert len(a.calls) == 1 and _published(root) == ["A/out/2/out.txt"], "the work that was done is published"
    assert store.execution(2).properties == {"length": 1} and list((root / ".staging").iterdir()) == []


def test_a_disk_that_is_full_at_the_commit_loses_no_work(toy, launch, store, root):
    """SQLite itself ends a transaction for which there is no room, so that there is nothing to roll back."""

    def fill(context):
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(200):  # more files than a page has room for their notes
            (Path(context.outputs["out"]) / f"{number:0100}").touch()

    a = toy("A", fill)
    with pytest.raises(InputError, match=r"metadata\.sqlite: cannot be read or written \(database or disk is full\)"):
        launch(a)
    assert not any((root / "A" / "out").iterdir())
    store._db.execute("PRAGMA max_page_count = 100000")
    sweep(store, str(root), [a.component])
    launch(a)
    assert len(a.calls) == 1 and len(_published(root)) == 1 and _published(root)[0].startswith("A/out/")


@pytest.mark.parametrize("resumable", [True, False])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_is_killed_at_the_commit_loses_no_work(toy, launch, root, store, moment, resumable):
    a = toy("A", resumable=resumable)
    child = os.fork()
    if not child:
        mine = MetadataStore(str(root))
        finish = mine.finish

        def die(*arguments):
            if moment == "after":
                finish(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        mine.finish = die
        launcher = Launcher(mine, str(root), mine.start_run("test", {}), ())
        launcher.launch(a.node, launcher.decide(a.node))
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert _published(root) == ["A/out/1/out.txt"]
    sweep(store, str(root), [a.component])
    assert _published(root)[0].startswith(".staging/A-" if moment == "before" else "A/out/1/")
    launch(a)
    assert a.calls == [] and _published(root) == [f"A/out/{2 if moment == 'before' else 1}/out.txt"]


def test_finished_work_that_was_damaged_meanwhile_is_done_again(toy, launch, root, store, monkeypatch):
    a = toy("A")
    with monkeypatch.context() as patched, pytest.raises(OSError):
        patched.setattr(store, "finish", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        launch(a)
    next((root / ".staging").glob("*/out/out.txt")).write_text("spoilt")
    launch(a)
    assert len(a.calls) == 2 and (root / "A" / "out" / "2" / "out.txt").read_text() == "a"


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
    staged = ".staging/A-key/out/out.txt"
    assert _published(root) == [staged, "A/out/1/out.txt"] and store.running() == []
    assert store.execution(number).properties == {"error": "the run was killed"}
    sweep(store, str(root), [toy("A").component])
    assert store.execution(1).state == "COMPLETE"
