"""Whatever a command prints, the terminal stays the user's."""

import argparse
import logging
import os
import pty
import subprocess
import sys

import pytest
from tqdm import tqdm

from commands import progress
from commands.terminal import GuardedStream, guard_terminal, unguarded


def test_prints_errors_of_argparse_logs_and_tracebacks_are_guarded(capsys):
    guard_terminal()
    guard_terminal()
    assert not isinstance(unguarded(sys.stdout), GuardedStream)
    print("a\x1b[2J\u202e\tb\nc")
    with pytest.raises(SystemExit):
        argparse.ArgumentParser().parse_args(["\x1b]0;x\x07"])
    logging.StreamHandler().emit(logging.makeLogRecord({"msg": "\x1b[31m"}))
    try:
        raise ValueError("\x1b[5m")
    except ValueError:
        sys.excepthook(*sys.exc_info())
    done = capsys.readouterr()
    assert done.out == "a\\x1b[2J\\u202e\tb\nc\n"
    assert "\x1b" not in done.err and all(text in done.err for text in (r"\x1b]0;x\x07", r"\x1b[31m", r"\x1b[5m"))


def test_bars_still_move_the_cursor_and_lines_stand_above_them(capsys, monkeypatch):
    guard_terminal()
    monkeypatch.setattr(unguarded(sys.stderr), "isatty", lambda: True, raising=False)
    with progress.bar(total=2, desc="files") as bar:
        bar.update()
        cleared = []
        monkeypatch.setattr(tqdm, "clear", lambda self, **_: cleared.append(self))
        progress.print_above("a\x1bb", sys.stdout)
        progress.print_above("c", sys.stderr)
    done = capsys.readouterr()
    assert "\rfiles" in done.err and done.out == "a\\x1bb\n" and len(cleared) == 2


@pytest.mark.parametrize("flush", [True, False])
def test_what_nobody_reads_is_thrown_away_and_the_work_goes_on(flush, tmp_path):
    code = f"""
from commands.terminal import guard_terminal
guard_terminal()
for _ in range(20_000):
    print("a line", flush={flush})
open({str(tmp_path / "done")!r}, "w")
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == (b"", 0)
    process.stderr.close()
    assert (tmp_path / "done").exists()


COMMANDS = ("pipeline.run", "pipeline.lineage", "pipeline.config", "components.video_example_gen", "serving.predict")


@pytest.mark.slow
@pytest.mark.parametrize("command", [*COMMANDS, "serving.server", "model.train", "model.export"])
def test_a_wrong_argument_is_shown_harmlessly_by_every_command(command):
    name = "\x1b]0;x\x07\u202e"
    given = {
        "pipeline.run": ["--config", name],
        "pipeline.lineage": [name],
        "pipeline.config": ["--check", name],
        "components.video_example_gen": ["--videos=x", "--datasets=[]", f"--{name}"],
        "serving.predict": [name],
        "model.export": ["--model", name, "--out", "x"],
    }
    parent, child = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", command, *given.get(command, [f"--{name}"])], stdout=child, stderr=child, check=False
    )
    os.close(child)
    printed = b""
    try:
        while piece := os.read(parent, 1 << 16):
            printed += piece
    except OSError:  # the other side is closed
        pass
    os.close(parent)
    assert process.returncode == 2 and rb"\x1b]0;x\x07" in printed
    assert b"\x1b" not in printed and "\u202e".encode() not in printed
