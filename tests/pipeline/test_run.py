import json
import os
import signal
import time

import pytest

from artifacts.errors import InputError
from artifacts.layout import METADATA
from commands.signals import Interrupted
from pipeline import run
from pipeline.metadata import MetadataStore

pytestmark = pytest.mark.usefixtures("keep_signals")


@pytest.fixture
def config(raw, write):
    return write(raw)


@pytest.fixture
def toys(toy, monkeypatch):
    """toys(*toys) makes them the pipeline of every config."""
    return lambda *ones: monkeypatch.setattr(run, "create_pipeline", lambda config: [one.node for one in ones])


@pytest.fixture
def chain(toy, toys):
    """A -> B -> C."""
    nodes = toy("A"), toy("B", inputs=["A"]), toy("C", inputs=["B"])
    toys(*nodes)
    return nodes


def _everything(folder):
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def _lines(capsys):
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")]


def test_runs_then_all_is_cached(config, chain, capsys):
    assert run.main(["--config", config]) == 0
    assert "3 of 3 components executed, 0 cached" in capsys.readouterr().out
    assert run.main(["--config", config]) == 0
    assert "all 3 components were cached" in capsys.readouterr().out
    assert run.main(["--config", config, "--no_cache"]) == 0
    assert "3 of 3 components executed, 0 cached" in capsys.readouterr().out
    assert [len(node.calls) for node in chain] == [2, 2, 2]


def test_the_summary_tells_what_was_done(config, chain, tmp_path):
    file = tmp_path / "summary.json"
    assert run.main(["--config", config, "--to", "B", "--summary", str(file)]) == 0
    first = json.loads(file.read_text())
    assert [step["name"] for step in first["components"]] == ["A", "B"]
    assert {step["status"] for step in first["components"]} == {"executed"}
    assert all(os.path.isdir(path) for step in first["components"] for path in step["outputs"].values())
    assert first["complete"] is True
    assert (first["pushed"], first["served_model"], first["not_pushed"], first["report"]) == (None, None, [], None)
    assert run.main(["--config", config, "--from", "B", "--summary", str(file)]) == 0  # its own may be replaced
    again = json.loads(file.read_text())["components"]
    assert [step["status"] for step in again] == ["taken", "cached", "executed"]
    assert again[0]["outputs"] == first["components"][0]["outputs"]


def test_the_summary_of_an_interrupted_run_tells_what_it_did_before(config, toy, toys, tmp_path):
    def act(context):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    toys(toy("A"), toy("B", act))
    file = tmp_path / "summary.json"
    assert run.main(["--config", config, "--summary", str(file)]) == 130
    summary = json.loads(file.read_text())
    assert [step["name"] for step in summary["components"]] == ["A"] and summary["complete"] is False


@pytest.mark.parametrize("name", ["notes.txt", "config"])
def test_the_summary_replaces_nothing_else(name, config, chain, tmp_path, capsys):
    path = tmp_path / name if name != "config" else config
    (tmp_path / "notes.txt").write_text("mine")
    assert run.main(["--config", config, "--summary", str(path)]) == 2
    assert f"error: --summary {path}: " in capsys.readouterr().err
    assert (tmp_path / "notes.txt").read_text() == "mine" and not chain[0].calls


@pytest.mark.parametrize(("pushed", "code"), [(True, 0), (None, 0), (False, 3)])
def test_a_run_without_a_pushed_model_has_an_exit_code_of_its_own(pushed, code, config, chain, monkeypatch):
    monkeypatch.setattr(run, "run_pipeline", lambda *of: pushed)
    assert run.main(["--config", config]) == code


@pytest.mark.parametrize("done_before", [False, True])
def test_dry_run_changes_nothing(config, chain, toy, toys, tmp_path, capsys, done_before):
    if done_before:
        assert run.main(["--config", config]) == 0
        store = MetadataStore(str(tmp_path / "root"))
        store.start_execution("C", "key", {}, {})  # as a killed run leaves it
        store.close()
        half = tmp_path / "root" / "C" / "out" / "4"
        half.mkdir()
        toys(chain[0], toy("B", inputs=["A"], text="new"), chain[2])
        capsys.readouterr()
    before, calls = _everything(tmp_path), [len(node.calls) for node in chain]
    assert run.main(["--config", config, "--dry_run"]) == 0
    assert _everything(tmp_path) == before and [len(node.calls) for node in chain] == calls
    first, second, third, *_ = _lines(capsys)
    assert first.startswith("[cached] A: same inputs" if done_before else "[run   ] A: never run before")
    assert second == (
        "[run   ] B: parameter text changed" if done_before else "[run   ] B: its inputs will come from A"
    )
    assert third == "[run   ] C: its inputs will come from B"


def test_dry_run_with_from(config, chain, capsys):
    assert run.main(["--config", config, "--dry_run", "--from", "B"]) == 0
    assert _lines(capsys)[0] == "[take  ] A: never run: this would fail"
    run.main(["--config", config])
    capsys.readouterr()
    assert run.main(["--config", config, "--dry_run", "--from", "B"]) == 0
    assert _lines(capsys)[0] == "[take  ] A: execution 1"


def test_last_blessed_model(config, toy, toys, judge, capsys):
    def lines(model, *arguments):
        toys(toy("Model", text=model), judge(), toy("After", inputs=["Judge"]))
        assert run.main(["--config", config, *arguments]) == 0
        return _lines(capsys)

    assert lines("A", "--dry_run")[1] == "[run   ] Judge: its inputs will come from Model"
    assert lines("A")[2] == "[run   ] Judge: never run before; baseline: none yet"
    lines("B", "--to", "Model")
    changed = "[run   ] Judge: input Model, baseline changed; baseline: Model/out/1"
    assert lines("B", "--dry_run")[1] == lines("B", "--dry_run", "--from", "Judge")[1] == changed
    assert changed in lines("B", "--from", "Judge", "--to", "Judge")
    assert "[taken ] Judge: execution 5, as it was last made (--from)" in lines("B", "--from", "After")
    for arguments in ([], ["--dry_run"], ["--from", "Judge"]):
        again = lines("B", *arguments)
        assert again[1].startswith("[cached] Judge: same inputs") and again[1].endswith("; baseline: Model/out/1")
        assert again[2].startswith("[cached] After")


def test_from_and_to(config, chain, toy, toys, capsys):
    assert run.main(["--config", config, "--to", "B"]) == 0
    assert [len(node.calls) for node in chain] == [1, 1, 0]
    changed = toy("A", text="x")
    toys(changed, *chain[1:])
    capsys.readouterr()
    assert run.main(["--config", config, "--from", "B"]) == 0
    taken, cached, executed = _lines(capsys)[:3]
    assert taken == "[taken ] A: execution 1, as it was last made (--from)"
    assert cached.startswith("[cached] B") and executed.startswith("[run   ] C") and not changed.calls
    assert run.main(["--config", config, "--from", "A", "--to", "A"]) == 0
    assert len(changed.calls) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "X"], "error: --from X: no such component; known: A, B, C"),
        (["--to", "b"], "error: --to b: no such component; known: A, B, C"),
        (["--from", "C", "--to", "B"], "error: --from C comes after --to B; the order is A, B, C"),
        (["--from", "B"], "error: --from: A has never run here, so its outputs are missing. Run without --from"),
        (["--config", "none.json"], "error: none.json: cannot be read (No such file or directory)"),
        (["--set", "a"], "error: --set a: write it as path=value"),
        (["--set", "pipline_name=x"], "unknown key; did you mean 'pipeline_name'?"),
    ],
)
def test_what_the_user_can_mend_is_exit_code_2(config, chain, capsys, arguments, message):
    assert run.main(["--config", config, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_from_where_an_earlier_output_is_gone(config, chain, tmp_path, capsys):
    run.main(["--config", config])
    (tmp_path / "root" / "A" / "out" / "1").rename(tmp_path / "away")
    assert run.main(["--config", config, "--from", "B"]) == 2
    assert (
        f"error: --from: A's output out is gone ({tmp_path / 'root' / 'A' / 'out' / '1'}). Run without --from"
        in capsys.readouterr().err
    )


def test_from_where_an_earlier_output_was_changed(config, chain, tmp_path, capsys):
    run.main(["--config", config])
    path = tmp_path / "root" / "A" / "out" / "1" / "out.txt"
    path.write_text("b")
    assert run.main(["--config", config, "--from", "B"]) == 2
    damage = f"has changed since: out.txt has another content ({path.parent}). Run without --from"
    assert f"error: --from: A's output out {damage}" in capsys.readouterr().err
    assert run.main(["--config", config]) == 0
    first, *later = _lines(capsys)
    assert first.startswith("[run   ] A: execution 1 did the same, but its output out has changed since")
    assert sum(line.startswith("[cached]") for line in later) == 2, "it came to the same content again"


def test_verify(config, chain, tmp_path, capsys):
    run.main(["--config", config])
    path = tmp_path / "root" / "B" / "out" / "2" / "out.txt"
    before = path.stat()
    path.write_text("xy")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run.main(["--config", config, "--verify"]) == 0
    assert "[run   ] B: execution 2 did the same, but its output out has changed since" in capsys.readouterr().out


def test_a_damaged_lineage_is_named_and_runs_again_once_it_is_moved_away(config, chain, tmp_path, capsys):
    run.main(["--config", config])
    path = tmp_path / "root" / METADATA
    path.write_bytes(path.read_bytes()[:6000])
    for arguments in ([], ["--dry_run"], ["--from", "B"]):
        assert run.main(["--config", config, *arguments]) == 2
        assert f"error: {path}: damaged (" in capsys.readouterr().err
    path.unlink()
    assert run.main(["--config", config]) == 0
    assert sorted(os.listdir(tmp_path / "root" / "B" / "out")) == ["2", "3"]


def test_errors_of_a_component(config, toy, toys, capsys):
    def act(context):
        raise error

    toys(toy("A", act))
    error = InputError("x.mp4: is no video\nsecond line")
    assert run.main(["--config", config]) == 2
    assert capsys.readouterr().err == "error: x.mp4: is no video\nerror: second line\n"
    error = OSError(28, "No space left on device", "somewhere")
    assert run.main(["--config", config]) == 2
    assert capsys.readouterr().err.startswith("error: somewhere: No space left on device.")
    error = RuntimeError("a bug of ours")
    with pytest.raises(RuntimeError, match="a bug of ours"):
        run.main(["--config", config])

    error = Interrupted(signal.SIGTERM, 7)
    assert run.main(["--config", config]) == 128 + signal.SIGTERM
    assert "Trainer stopped by SIGTERM after step 7" in capsys.readouterr().err


def test_an_input_that_fails_stops_the_run(config, toy, toys):
    def act(context):
        raise InputError("no")

    after = toy("B", inputs=["A"])
    toys(toy("A", act), after)
    assert run.main(["--config", config]) == 2
    assert not after.calls


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("library", ["lets it through", "wraps it, as Beam does"])
def test_signal(config, toy, toys, tmp_path, capsys, number, library):
    def act(context):
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        except BaseException as error:
            if library == "lets it through":
                raise
            raise RuntimeError(repr(error)) from error
        raise AssertionError("was not stopped")

    toys(toy("A", act), after := toy("B"))
    assert run.main(["--config", config]) == 128 + number
    told = capsys.readouterr().err.removeprefix("stopping ...\n")  # where it takes a moment
    assert told == f"stopped by {number.name}; the same command continues from here\n"
    store = MetadataStore(str(tmp_path / "root"))
    assert store.execution(1).state == "FAILED" and not after.calls
    store.close()


def test_two_runs_at_once_in_one_root_are_refused(config, chain, toy, toys, tmp_path, capsys):
    codes = []
    nested = toy("A", lambda context: codes.append(run.main(["--config", config])))
    toys(nested)
    assert run.main(["--config", config]) == 0
    assert codes == [2] and len(nested.calls) == 1
    assert f"pipeline_root: {tmp_path}/root: another run is using it. Wait for it" in capsys.readouterr().err
    assert run.main(["--config", config, "--set", "pipeline_root=other"]) == 0


def test_other_roots_do_not_know_of_each_other(config, chain, capsys):
    run.main(["--config", config])
    run.main(["--config", config, "--set", "pipeline_root=other"])
    assert [len(node.calls) for node in chain] == [2, 2, 2]


def test_a_killed_run_is_swept_by_the_next(config, chain, tmp_path):
    (tmp_path / "root").mkdir()
    store = MetadataStore(str(tmp_path / "root"))
    number = store.start_execution("A", "key", {}, {})
    half = tmp_path / "root" / "A" / "out" / str(number)
    half.mkdir(parents=True)
    assert run.main(["--config", config]) == 0
    assert not half.exists() and store.execution(number).state == "FAILED"
    store.close()


def test_root_that_cannot_be_made_is_told_by_its_field(config, chain, tmp_path, monkeypatch, capsys):
    def refuse(*arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "makedirs", refuse)
    assert run.main(["--config", config]) == 2
    expected = (
        f"error: pipeline_root: {tmp_path}/root: cannot be written (Read-only file system). Give a folder that can"
    )
    assert expected in capsys.readouterr().err


def _dfdc(folder):
    (folder / "part_1").mkdir(parents=True)
    (folder / "part_1" / "a.mp4").touch()
    (folder / "part_1" / "metadata.json").write_text('{"a.mp4": {"label": "REAL", "split": "train"}}')


def _celeb_df(folder):
    for name in ("Celeb-real", "Celeb-synthesis"):
        (folder / name).mkdir(parents=True)


def _faceforensics(folder):
    (folder / "original_sequences").mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "given", "right"),
    [
        (_dfdc, "faceforensics", "dfdc"),
        (_celeb_df, "dfdc", "celeb_df"),
        (_faceforensics, "celeb_df", "faceforensics"),
        (None, "faceforensics", "folder"),
    ],
)
def test_root_of_another_kind_names_the_right_type(raw, write, tmp_path, capsys, make, given, right):
    if make:
        make(tmp_path / "other")
    dataset = {"type": given, "name": "mine", "root": "other" if make else "videos"}
    raw["components"]["VideoExampleGen"]["datasets"] = [dataset]
    assert run.main(["--config", write(raw), "--to", "VideoExampleGen"]) == 2
    error = capsys.readouterr().err
    assert "datasets.0 (mine): root: " in error and f'set "type": "{right}"' in error
    assert not (tmp_path / "root" / "VideoExampleGen").exists()


def test_real_component_through_main(config, tmp_path, capsys):
    assert run.main(["--config", config, "--to", "VideoExampleGen"]) == 0
    manifests = (tmp_path / "root" / "VideoExampleGen" / "videos" / "1").glob("Split-*/videos.jsonl")
    rows = [json.loads(line) for path in manifests for line in path.read_text().splitlines()]
    assert {row["video_id"] for row in rows} == {"mine/real/real/a", "mine/fake/fake/b"}
    (tmp_path / "videos" / "fake" / "c.mp4").touch()
    capsys.readouterr()
    assert run.main(["--config", config, "--to", "VideoExampleGen"]) == 0
    assert _lines(capsys)[0] == "[run   ] VideoExampleGen: files of the data sets changed"
    assert (tmp_path / "root" / METADATA).exists()
