"""The command line of the command."""

import pytest

from artifacts.errors import InputError
from faces.decoder import MAX_PIXELS, Limits
from serving.predict_options import parse_options
from serving.verdict.output_paths import OutputPaths
from serving.verdict.verdict_options import RENAMED, VerdictOptions


def test_by_default():
    options = parse_options(["a.mp4", "b/"])
    assert (options.paths, options.model, options.kind, options.annotate) == (["a.mp4", "b/"], None, "auto", None)
    assert options.outputs == OutputPaths() and options.verdict == VerdictOptions()
    assert options.limits == Limits(MAX_PIXELS, None)


def test_every_option_arrives():
    given = "--model=m --kind crop --json - --csv=a.csv --report=a.html --annotate=out --quiet"
    given += " --max_seconds=1.5 --max_pixels 100 --min_face=8 --video_rule=max_logit -- -a.png"
    options = parse_options(given.split())
    assert (options.paths, options.model, options.kind, options.annotate) == (["-a.png"], "m", "crop", "out")
    assert options.outputs == OutputPaths("-", "a.csv", "a.html", True) and options.limits == Limits(100, 1.5)
    assert options.verdict == VerdictOptions(min_face=8, video_rule="max_logit")


@pytest.mark.parametrize("name", ["[a].mp4", '{"a"}.png', "12:30.mp4", "'a.png", "a,b.png", "null"])
def test_names_of_files_are_taken_as_they_are(name):
    assert parse_options([name]).paths == [name]


@pytest.mark.parametrize(
    "argument, words",
    [
        ("--max_seconds=0", "must be greater than 0"),
        ("--max_seconds=nan", "must be a finite number"),
        ("--max_pixels=x", "must be a whole number"),
        ("--threshold=2", "must be less than 1"),
    ],
)
def test_a_wrong_value_is_named(argument, words):
    with pytest.raises(InputError, match=f"{argument.split('=')[0]}: {words}"):
        parse_options(["a.mp4", argument])


@pytest.mark.parametrize("argument", ["--kind=film", "--frame=3"])
def test_what_is_no_option_ends_with_2(argument, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_options(["a.mp4", argument])
    assert ended.value.code == 2 and argument.split("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("old, new", RENAMED.items())
def test_an_option_by_its_former_name_is_told_the_present_one(old, new, capsys):
    assert new in VerdictOptions.model_fields
    with pytest.raises(SystemExit) as ended:
        parse_options(["a.mp4", f"--{old}=1"])
    assert ended.value.code == 2 and f"--{old} is now called --{new}" in capsys.readouterr().err
