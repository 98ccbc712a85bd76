"""A FlinkRunner that cannot start is refused in one line, by the commands that users type."""

import json

import pytest
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.utils.subprocess_server import JavaJarServer

from artifacts.errors import InputError
from components.base import main
from components.beam import pipeline_options
from components.face_example_gen.component import COMPONENT
from pipeline import run

FLINK = "--runner=FlinkRunner"


@pytest.fixture
def no_java(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_java")
def test_without_java_the_component_says_so_before_it_reads_anything(tmp_path, capsys):
    folders = [f"--videos={tmp_path}", f"--examples={tmp_path / 'e'}", f"--rejects={tmp_path / 'r'}"]
    assert main(COMPONENT, [*folders, FLINK]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "java: no such program" in told and "install Java" in told


@pytest.mark.usefixtures("no_java", "keep_signals")
def test_without_java_the_run_ends_before_its_first_step(tmp_path, capsys):
    for name in ("real/a.mp4", "fake/b.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True)
        path.touch()
    config = {
        "pipeline_name": "test",
        "pipeline_root": "root",
        "engine": {"runner": "beam", "beam_args": [FLINK]},
        "components": {
            "VideoExampleGen": {"datasets": [{"type": "folder", "name": "mine", "root": "videos"}]},
            "Pusher": {"serving_dir": "serving"},
        },
    }
    (tmp_path / "c.json").write_text(json.dumps(config))
    assert run.main(["--config", str(tmp_path / "c.json")]) == 2
    told = capsys.readouterr()
    assert "VideoExampleGen" not in told.out and "java: no such program" in told.err


def test_a_jar_that_is_not_there_is_named(tmp_path, monkeypatch):
    (tmp_path / "java").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"--flink_job_server_jar=/no/x\.jar: no such file"):
        pipeline_options([FLINK, "--flink_job_server_jar=/no/x.jar"])
    jar = tmp_path / "x.jar"
    jar.touch()
    pipeline_options([FLINK, f"--flink_job_server_jar={jar}"])


def test_a_jar_that_cannot_be_fetched_is_named(tmp_path, monkeypatch):
    (tmp_path / "java").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    def refuse(url):
        raise RuntimeError("no network\nand more")

    monkeypatch.setattr(FlinkJarJobServer, "path_to_jar", lambda self: "https://maven.invalid/a/job-server-2.jar")
    monkeypatch.setattr(JavaJarServer, "local_jar", refuse)
    with pytest.raises(InputError, match=r"job-server-2\.jar cannot be fetched \(no network\).*--flink_job_server_jar"):
        pipeline_options([FLINK])
