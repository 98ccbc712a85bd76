import copy
import json

import pytest

from artifacts.errors import InputError
from components.base import Context, main
from components.example_validator.component import COMPONENT, ExampleValidatorParameters
from components.example_validator.schema import DEFAULT_SCHEMA
from tests.fixtures.statistics import change


@pytest.fixture
def run(tmp_path):
    def execute(statistics, **parameters):
        for name in ("statistics", "anomalies"):
            (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / "statistics" / "statistics.json").write_text(json.dumps(statistics))
        context = Context(
            {"statistics": str(tmp_path / "statistics")},
            {"anomalies": str(tmp_path / "anomalies")},
            ExampleValidatorParameters(**parameters),
        )
        try:
            return COMPONENT.execute(context)
        finally:
            path = tmp_path / "anomalies" / "anomalies.json"
            execute.written = json.loads(path.read_text()) if path.exists() else None

    return execute


def test_writes_anomalies_and_stops_at_an_error(clean, run, capsys):
    assert run(clean) == {"warnings": 0} and run.written["anomalies"] == []
    assert run.written["schema"]["crop_size"] == "256x256"
    bad = copy.deepcopy(clean)
    change(bad, "test", "df", flat_crops=1)
    bad["sources"]["d"]["missing"] = ["a"]
    with pytest.raises(InputError, match="1 error.*d/df, split test: 1 crop of one single colour"):
        run(bad)
    assert [a["severity"] for a in run.written["anomalies"]] == ["error", "warning"]
    told = capsys.readouterr().out
    assert "error: d/df, split test: 1 crop" in told and "warning: d: 1 video named" in told


def test_warnings_do_not_stop(clean, run):
    clean["sources"]["d"]["missing"] = ["a"]
    assert run(clean) == {"warnings": 1}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"crop_size": 256}, "crop_size"),
        ({"max_video_reject_rate": 1.5}, "max_video_reject_rate"),
        ({"mean_pixel_range": [1]}, "mean_pixel_range"),
        ({"min_videos_per_class": {"train": "many"}}, "min_videos_per_class.train"),
        ({"required_splits": None}, "required_splits"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_bad_schema_file_names_file_and_field(clean, run, tmp_path, fields, words):
    with open(DEFAULT_SCHEMA) as stream:
        written = json.load(stream) | fields
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(written))
    with pytest.raises(InputError, match=f"^{path}: {words}"):
        run(clean, schema_file=str(path))


def test_schema_files_that_cannot_be_read(clean, run, tmp_path):
    with pytest.raises(InputError, match=r"schema_file: .*none.json: cannot be read \(No such file"):
        run(clean, schema_file=str(tmp_path / "none.json"))
    with pytest.raises(InputError, match="none.json"):
        COMPONENT.sources(ExampleValidatorParameters(schema_file=str(tmp_path / "none.json")))
    (tmp_path / "text.json").write_text("no JSON")
    with pytest.raises(InputError, match=r"text.json: .*JSON"):
        run(clean, schema_file=str(tmp_path / "text.json"))
    (tmp_path / "less.json").write_text("{}")
    with pytest.raises(InputError, match=r"less.json: crop_size: is missing"):
        run(clean, schema_file=str(tmp_path / "less.json"))


def test_another_schema_is_another_source(tmp_path):
    own = tmp_path / "schema.json"
    with open(DEFAULT_SCHEMA) as stream:
        own.write_text(stream.read())
    packaged, same = (COMPONENT.sources(ExampleValidatorParameters(schema_file=p)) for p in (None, str(own)))
    own.write_text(own.read_text() + " ")
    assert packaged == same != COMPONENT.sources(ExampleValidatorParameters(schema_file=str(own)))


def test_command_line(clean, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    arguments = [f"--statistics={tmp_path}/in", f"--anomalies={tmp_path}/out"]
    assert main(COMPONENT, arguments) == 2  # no statistics.json there
    assert f"{tmp_path}/in" in capsys.readouterr().err
    (tmp_path / "in" / "statistics.json").write_text(json.dumps(clean))
    assert main(COMPONENT, arguments) == 0 and (tmp_path / "out" / "anomalies.json").exists()
