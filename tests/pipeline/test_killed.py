"""A run that is stopped in the middle of an extraction goes on from there, and comes to the same bytes."""

import json
import os
import signal
import subprocess
import time

import pytest

from pipeline.metadata import MetadataStore

pytestmark = pytest.mark.slow  # it runs the pipeline in processes of its own


def _start_until_shards_are_done(start, arguments, root, process_output):
    """Start a run, and return it as soon as the extraction has finished one more shard, with all finished files."""
    before = _finished(root)
    with open(process_output, "w") as stream:
        process = start("pipeline.run", *arguments, stdout=stream, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 300
    while len(done := _finished(root)) <= len(before):
        assert process.poll() is None and time.monotonic() < deadline, process_output.read_text()
        time.sleep(0.01)
    return process, [path.with_name(path.name.replace("shard", "faces")).with_suffix(".tfrecord") for path in done]


def _finished(root):
    """The files that say that a shard is finished."""
    return list(root.glob(".staging/FaceExampleGen-*/examples/Split-*/shard-*-of-*.json"))


def _examples(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }  # fmt: skip


def _stop(number, start, arguments, root, output):
    """Run until the extraction has finished another shard, and send a signal: {a finished shard's file: its inode}."""
    process, finished = _start_until_shards_are_done(start, arguments, root, output)
    os.kill(process.pid, number)
    code = process.wait(timeout=120)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 128 + signal.SIGTERM), output.read_text()
    assert not (root / "FaceExampleGen").exists(), "nothing is half published"
    return {f"{path.parent.name}/{path.name}": path.stat().st_ino for path in finished}


def test_stopped_twice_in_the_middle_of_an_extraction(sample_config, tmp_path, start, execute):
    root, output = tmp_path / "root", tmp_path / "output.txt"
    shards = ("--set", "components.FaceExampleGen.shards=2", "--set", "components.FaceExampleGen.frames=1")
    arguments = ("--config", sample_config, "--to", "FaceExampleGen", *shards)
    written = _stop(signal.SIGKILL, start, arguments, root, output)
    store = MetadataStore(str(root))
    assert store.execution(2).state == "RUNNING"
    more = _stop(signal.SIGTERM, start, arguments, root, output)
    assert "Traceback" not in output.read_text() and "stopped by SIGTERM" in output.read_text()
    assert more.items() > written.items(), "a shard was made a second time, or none was added"

    done = execute("pipeline.run", *arguments)
    assert done.returncode == 0, done.all
    assert "[cached] VideoExampleGen: same inputs, parameters and code as execution 1" in done.stdout
    assert "[run   ] FaceExampleGen: execution 3, of the same work, " in done.stdout
    assert "FaceExampleGen: continues with what an interrupted run left" in done.stdout
    states = [store.execution(number).state for number in (1, 2, 3, 4)]
    assert states == ["COMPLETE", "FAILED", "FAILED", "COMPLETE"] and store.running() == []
    store.close()
    resumed = root / "FaceExampleGen" / "examples" / "4"
    assert [path.name for path in resumed.parent.iterdir()] == ["4"] and not list(root.glob(".staging/*"))
    for name, inode in more.items():
        assert (resumed / name).stat().st_ino == inode, f"{name} was made a second time"

    again = execute("pipeline.run", *arguments, "--no_cache")
    assert again.returncode == 0, again.all
    whole = root / "FaceExampleGen" / "examples" / "6"
    assert _examples(resumed) == _examples(whole), "an uninterrupted run gives the same bytes"
    manifest = json.loads((whole / "manifest.json").read_text())
    assert len(manifest["files"]) == 6 and sum(row["examples"] for row in manifest["files"]) > 20
