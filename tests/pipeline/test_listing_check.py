"""A run stops after listing, and a dry run tells it, where the list of videos shows that the run would be in vain."""

from pathlib import Path

import pytest

from artifacts.manifest import Video
from components.example_validator.schema import DEFAULT_SCHEMA, load_schema
from pipeline import run
from pipeline.config import load_config
from pipeline.listing_check import count_videos, problems

pytestmark = pytest.mark.usefixtures("keep_signals")
EVERYTHING = ("VideoExampleGen", "ExampleValidator", "Trainer", "Evaluator")


def _videos(**per_split):
    """count_videos of one data set; split=(reals, df, nt)."""
    return [
        Video(f"mine/{method}/{split}{k}", "x.mp4", "mine", method, int(method != "real"), split)
        for split, counts in per_split.items()
        for method, count in zip(("real", "df", "nt"), counts, strict=True)
        for k in range(count)
    ]


def _found(write, raw, components=EVERYTHING, thresholds=(), **per_split):
    raw["components"]["Evaluator"] = {"thresholds": list(thresholds)}
    return problems(count_videos(_videos(**per_split)), load_config(write(raw)), components)


def test_a_complete_list_has_no_problem(raw, write):
    whole = {"train": (2, 1, 1), "val": (1, 1, 0), "test": (1, 1, 1)}
    thresholds = [{"min": 0.5}, {"dataset": "mine", "method": "df", "min": 0.5}, {"metric": "acc", "min": 0.5}]
    assert _found(write, raw, thresholds=thresholds, **whole) == []


@pytest.mark.parametrize(
    ("per_split", "words"),
    [
        (
            {"train": (2, 2, 0), "test": (1, 1, 0)},
            "val has 0 real and 0 fake videos, and the packaged schema asks",
        ),
        ({"train": (2, 2, 0), "val": (1, 1, 0), "test": (3, 0, 0)}, "split test has 3 real and 0 fake videos"),
        ({"train": (1, 9, 0), "val": (1, 1, 0), "test": (1, 1, 0)}, "split train has 1 real and 9 fake videos"),
    ],
)
def test_a_split_without_a_class_is_told_with_counts(raw, write, per_split, words):
    (sentence,) = _found(write, raw, **per_split)
    assert words in sentence and "schema_file" in sentence
    assert _found(write, raw, components=("VideoExampleGen", "FaceExampleGen"), **per_split) == []


@pytest.mark.parametrize(
    ("threshold", "test", "words"),
    [
        ({"dataset": "mine", "method": "nt"}, (5, 5, 0), "AUC of mine nt cannot be computed from 5 real and 0 fake"),
        ({"dataset": "mine", "metric": "balanced_acc"}, (0, 5, 5), "from 0 real and 10 fake test videos"),
    ],
)
def test_a_threshold_without_test_videos_is_told(raw, write, threshold, test, words):
    schema = _schema_without(raw, write)
    raw["components"]["ExampleValidator"] = {"schema_file": schema}
    (sentence,) = _found(write, raw, thresholds=[threshold | {"min": 0.5}], train=(2, 2, 2), test=test)
    assert sentence.startswith("components.Evaluator.thresholds.0: ") and words in sentence


def _schema_without(raw, write):
    """A schema of the user's own that asks for training videos alone."""
    path = Path(write(raw)).with_name("schema.json")
    own = load_schema(DEFAULT_SCHEMA).model_copy(update={"required_splits": ["train"]})
    path.write_text(own.model_dump_json())
    return str(path)


def test_accuracy_of_one_class_can_be_computed(raw, write):
    raw["components"]["ExampleValidator"] = {"schema_file": _schema_without(raw, write)}
    assert _found(write, raw, thresholds=[{"metric": "acc", "min": 0.5}], train=(2, 2, 0), test=(3, 0, 0)) == []


def test_the_run_ends_after_listing(raw, write, tmp_path, capsys):
    config = write(raw)
    assert run.main(["--config", config]) == 2
    told = capsys.readouterr()
    assert "[done  ] VideoExampleGen" in told.out and "FaceExampleGen" not in told.out
    assert "error: components.VideoExampleGen: split" in told.err and "of each" in told.err


def test_a_dry_run_lists_and_tells_the_same(raw, write, tmp_path, capsys):
    config = write(raw)
    before = sorted(tmp_path.rglob("*"))
    assert run.main(["--config", config, "--dry_run"]) == 2
    told = capsys.readouterr()
    assert "mine (folder): 2 videos in" in told.out and "dry run: nothing was executed" in told.out
    assert told.err.count("error: components.VideoExampleGen: split") == 3
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_does_not_make_the_sample(sample_config, tmp_path, capsys):
    assert run.main(["--config", sample_config, "--dry_run"]) == 0
    assert "sample (sample): 6 real clips and 24 fakes would be made" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()
