"""A FlinkRunner that cannot start is refused in one line, by the commands that users type."""

import json

import pytest
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.utils.subprocess_server import JavaJarServer

from artifacts.errors import InputError
from components.base import main
from components.beam import check_engine, pipeline_options
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


@pytest.fixture
def no_jar(tmp_path, monkeypatch):
    """Java is there, and the jar is at an address that cannot be reached; returns the addresses that were asked."""
    (tmp_path / "java").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = []

    def refuse(url):
        asked.append(url)
        try:
            raise OSError("no network\nand more")
        except OSError as error:
            raise RuntimeError(f"Unable to fetch {url} {'and so on ' * 60}") from error

    monkeypatch.setattr(FlinkJarJobServer, "path_to_jar", lambda self: "https://maven.invalid/a/job-server-2.jar")
    monkeypatch.setattr(JavaJarServer, "local_jar", refuse)
    return asked


def test_a_jar_that_cannot_be_fetched_is_named_and_its_cure_comes_first(no_jar):
    with pytest.raises(InputError) as caught:
        pipeline_options([FLINK])
    told = str(caught.value)
    assert told.startswith("beam: runner FlinkRunner: its job server job-server-2.jar cannot be fetched. Give --flink_")
    assert told.endswith("(no network)") and len(told) < 250 and len(no_jar) == 1


def test_a_dry_run_fetches_nothing_and_says_what_the_run_would_fetch(no_jar, capsys):
    check_engine([FLINK], fetch=False)
    assert no_jar == [] and "would fetch https://maven.invalid/a/job-server-2.jar" in capsys.readouterr().err


def test_a_misspelt_option_is_named_before_the_jar_is_fetched(no_jar):
    with pytest.raises(InputError, match="--flink_mastr=localhost:1; did you mean --flink_master?"):
        check_engine([FLINK, "--flink_mastr=localhost:1"])
    assert no_jar == []
