"""A run that is killed in the middle of an extraction goes on from there, and comes to the same bytes."""

import json
import os
import signal
import subprocess
import time

import pytest

from pipeline.metadata import MetadataStore


def _start_until_shards_are_done(start, arguments, root, process_output):
    """Start a run, and return it as soon as the extraction has finished a shard, with the finished shards' files."""
    with open(process_output, "w") as stream:
        process = start("pipeline.run", *arguments, stdout=stream, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 300
    while not (done := list(root.glob(".staging/FaceExampleGen-*/examples/Split-*/shard-*-of-*.json"))):
        assert process.poll() is None and time.monotonic() < deadline, process_output.read_text()
        time.sleep(0.01)
    return process, [path.with_name(path.name.replace("shard", "faces")).with_suffix(".tfrecord") for path in done]


def _examples(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_stopped_in_the_middle_of_an_extraction(number, sample_config, tmp_path, start, execute):
    root, output = tmp_path / "root", tmp_path / "output.txt"
    shards = ("--set", "components.FaceExampleGen.shards=2", "--set", "components.FaceExampleGen.frames=1")
    arguments = ("--config", sample_config, "--to", "FaceExampleGen", *shards)
    process, finished = _start_until_shards_are_done(start, arguments, root, output)
    os.kill(process.pid, number)
    code = process.wait(timeout=120)
    written = {f"{path.parent.name}/{path.name}": path.stat().st_ino for path in finished}
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 128 + signal.SIGTERM), output.read_text()
    assert not (root / "FaceExampleGen").exists(), "nothing is half published"
    store = MetadataStore(str(root))
    assert store.execution(2).state == ("RUNNING" if number == signal.SIGKILL else "FAILED")

    done = execute("pipeline.run", *arguments)
    assert done.returncode == 0, done.all
    assert "[cached] VideoExampleGen: same inputs, parameters and code as execution 1" in done.stdout
    assert "[run   ] FaceExampleGen: never run before" in done.stdout
    assert "FaceExampleGen: continues with what an interrupted run left" in done.stdout
    assert [(i, store.execution(i).state) for i in (1, 2, 3)] == [(1, "COMPLETE"), (2, "FAILED"), (3, "COMPLETE")]
    assert store.running() == []
    store.close()
    resumed = root / "FaceExampleGen" / "examples" / "3"
    assert [path.name for path in resumed.parent.iterdir()] == ["3"] and not list(root.glob(".staging/*"))
    for name, inode in written.items():
        assert (resumed / name).stat().st_ino == inode, f"{name} was made a second time"

    if number == signal.SIGTERM:
        assert "Traceback" not in output.read_text() and "stopped by SIGTERM" in output.read_text()
        return
    again = execute("pipeline.run", *arguments, "--no_cache")
    assert again.returncode == 0, again.all
    whole = root / "FaceExampleGen" / "examples" / "5"
    assert _examples(resumed) == _examples(whole), "an uninterrupted run gives the same bytes"
    manifest = json.loads((whole / "manifest.json").read_text())
    assert len(manifest["files"]) == 6 and sum(row["examples"] for row in manifest["files"]) > 20
