"""The command that a run's end offers works in the shell that it is printed to."""

import os
import shutil
import subprocess
import sys

from pipeline import run_summary


def _fake_environment(folder, *names):
    (folder / "bin").mkdir(parents=True)
    for name in names:
        (folder / "bin" / name).symlink_to(sys.executable)
    return str(folder / "bin" / names[0])


def test_the_script_beside_python_is_named_by_its_shortest_path(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", _fake_environment(tmp_path / "my env", "python", "deepfake-predict"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert run_summary.command("deepfake-predict", "serving.predict") == "'my env/bin/deepfake-predict'"
    monkeypatch.setenv("PATH", str(tmp_path / "my env" / "bin"))
    assert run_summary.command("deepfake-predict", "serving.predict") == "deepfake-predict"


def test_a_copy_that_is_not_installed_is_run_by_its_python(tmp_path, monkeypatch):
    python = _fake_environment(tmp_path / "env", "python")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("PATH", os.path.dirname(python))
    assert run_summary.command("deepfake-predict", "serving.predict") == "python -m serving.predict"
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    assert run_summary.command("deepfake-predict", "serving.predict") == "env/bin/python -m serving.predict"


def test_what_is_printed_runs():
    line = run_summary.command("deepfake-predict", "serving.predict") + " --version"
    done = subprocess.run(
        [shutil.which("bash") or "/bin/sh", "-c", line], cwd=os.getcwd(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith("multi-metric-deepfake-detector"), done.stderr
