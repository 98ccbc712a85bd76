import os
import re
import sys

import pytest
from pydantic import Field, ValidationError

from artifacts.errors import InputError
from commands.parameters import Parameters
from components import base
from components.base import Component, main


class _Parameters(Parameters):
    size: int = Field(3, ge=1, description="How large, 100% of it.")
    name: str = Field("x", description="Called so.")
    parts: tuple[float, ...] = Field((), description="Some numbers.")


class _Needed(Parameters):
    target: str = Field(description="Where to.")


def _component(execute=lambda context: None, **fields):
    fields = {"inputs": {"apples": "Videos"}, "outputs": {"juice": "Examples"}, "parameters": _Parameters, **fields}
    return Component(name="Press", module="components.press.component", summary="Press.", execute=execute, **fields)


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "apples").mkdir()
    return [f"--apples={tmp_path}/apples", f"--juice={tmp_path}/juice"]


def test_help_lists_everything(capsys):
    with pytest.raises(SystemExit) as caught:
        main(_component(uses_beam=True), ["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 0 and "python -m components.press " in told
    parameters = (
        "--size INTEGER How large, 100% of it. (default: 3)",
        "--name TEXT Called so. (default: x)",
        "--parts JSON Some numbers. (default: [])",
    )
    for words in (
        "--apples FOLDER input, Videos: manifests of videos, one per split",
        "--juice FOLDER output, Examples: face examples, TFRecords per split",
        "Apache Beam",
        *parameters,
    ):
        assert words in told


def test_help_names_required_parameters_and_no_beam(capsys):
    with pytest.raises(SystemExit):
        main(_component(parameters=_Needed), ["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "--target TEXT Where to. (required)" in told and "Beam" not in told


def test_every_component_has_its_help(capsys):
    from components.evaluator.component import COMPONENT as evaluator
    from components.example_validator.component import COMPONENT as validator
    from components.face_example_gen.component import COMPONENT as faces
    from components.infra_validator.component import COMPONENT as infra_validator
    from components.pusher.component import COMPONENT as pusher
    from components.statistics_gen.component import COMPONENT as statistics
    from components.trainer.component import COMPONENT as trainer

    modules = (infra_validator, pusher, trainer)
    for component in (faces, statistics, validator, evaluator, *modules):
        with pytest.raises(SystemExit):
            main(component, ["--help"])
        told = capsys.readouterr().out
        for name in (*component.inputs, *component.outputs, *component.parameters.model_fields):
            assert f"--{name} " in told, (component.name, name)


def test_executes_with_folders_and_values(folders, tmp_path, capsys):
    seen = []
    component = _component(lambda context: seen.append(context) or {"litres": 2})
    assert main(component, [*folders, "--size=7", "--name=my press", "--parts=[1, 2.5]"]) == 0
    (context,) = seen
    assert context.inputs == {"apples": f"{tmp_path}/apples"} and context.outputs == {"juice": f"{tmp_path}/juice"}
    assert (context.parameters.size, context.parameters.name, context.parameters.parts) == (7, "my press", (1, 2.5))
    assert (tmp_path / "juice").is_dir()
    assert capsys.readouterr().out == f"litres: 2\njuice -> {tmp_path}/juice\n"


def test_executors_get_absolute_folders(tmp_path, monkeypatch, capsys):
    """The working folder of a worker may be another than that of the command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "apples").mkdir()
    seen = []
    component = _component(lambda context: seen.append(context) or {})
    assert main(component, ["--apples=apples", "--juice=juice"]) == 0
    assert (seen[0].inputs, seen[0].outputs) == ({"apples": f"{tmp_path}/apples"}, {"juice": f"{tmp_path}/juice"})
    assert capsys.readouterr().out == "juice -> juice\n"


def test_folders_that_tensorflow_cannot_open_are_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(base, "import_tensorflow", lambda: None)
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    component = _component(lambda context: {}, late_imports=("tensorflow",))
    assert main(component, [f"--apples={odd}", f"--juice={tmp_path}/juice"]) == 2
    assert r"error: --apples: " in (told := capsys.readouterr().err) and r"caf\xe9: its name is not UTF-8" in told
    (tmp_path / "link").symlink_to(odd)
    assert main(component, [f"--apples={tmp_path}/link", f"--juice={tmp_path}/juice"]) == 0


def test_beam_arguments_are_handed_on_with_a_runner_by_default(folders):
    seen = []
    component = _component(lambda context: seen.append(context.beam_args), uses_beam=True)
    main(component, folders)
    main(component, [*folders, "--runner=PortableRunner", "--parallelism=4"])
    assert seen == [("--runner=FnApiRunner",), ("--runner=PortableRunner", "--parallelism=4")]


def test_a_missing_input_folder(tmp_path, capsys):
    assert main(_component(), [f"--apples={tmp_path}/none", f"--juice={tmp_path}/juice"]) == 2
    assert capsys.readouterr().err == f"error: --apples: {tmp_path}/none: no such folder\n"


def test_an_output_below_a_file(folders, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(_component(), [folders[0], f"--juice={tmp_path}/file/juice"]) == 2
    assert f"error: --juice: {tmp_path}/file/juice: cannot be created" in capsys.readouterr().err


def test_an_output_is_no_input(folders, tmp_path, capsys):
    (tmp_path / "link").symlink_to(tmp_path / "apples")
    component = _component(lambda context: pytest.fail("it ran"))
    assert main(component, [folders[0], f"--juice={tmp_path}/link"]) == 2
    assert "link: is also --apples" in capsys.readouterr().err


@pytest.mark.parametrize("left_out", [0, 1])
def test_folders_are_required(folders, left_out, capsys):
    with pytest.raises(SystemExit) as caught:
        main(_component(), [folders[1 - left_out]])
    assert caught.value.code == 2 and ("--apples", "--juice")[left_out] in capsys.readouterr().err


def test_an_optional_input(folders):
    seen = []
    component = _component(lambda context: seen.append(context.inputs), optional_inputs=("apples",))
    assert main(component, folders[1:]) == 0 and seen == [{}]


@pytest.mark.parametrize("argument", ["--sizes=3", "--siz=3", "stray"])
def test_unknown_arguments(folders, argument, capsys):
    with pytest.raises(SystemExit) as caught:
        main(_component(), [*folders, argument])
    assert caught.value.code == 2 and argument.split("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--size=0", '--size: must be greater than or equal to 1. Given: "0"'),
        ("--size=big", '--size: must be a whole number. Given: "big"'),
        ("--parts=[1, x]", "--parts"),
        ("--parts=[1", "--parts: "),
    ],
)
def test_wrong_values_are_named(folders, argument, sentence, capsys):
    ran = []
    assert main(_component(ran.append), [*folders, argument]) == 2
    assert f"error: {sentence}" in capsys.readouterr().err and not ran


def test_the_environment_is_not_read(folders, monkeypatch):
    seen = []
    for name in ("size", "SIZE"):
        monkeypatch.setenv(name, "9")
    assert main(_component(lambda context: seen.append(context.parameters.size)), folders) == 0 and seen == [3]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"inputs": {"apples": "Apples"}}, "Press.apples: unknown artifact type 'Apples'; known: Videos, "),
        ({"outputs": {"juice": "Juice"}}, "Press.juice: unknown artifact type 'Juice'"),
        ({"optional_inputs": ("pears",)}, "Press: optional input 'pears' is not an input: apples"),
    ],
)
def test_a_wrong_spec_is_refused(fields, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        _component(**fields)


def test_late_imports_happen_before_the_work(folders, monkeypatch):
    order = []
    monkeypatch.setattr(base, "import_tensorflow", lambda: order.append("tensorflow"))
    assert main(_component(lambda context: order.append("work"), late_imports=("tensorflow",)), folders) == 0
    assert main(_component(lambda context: order.append("work")), folders) == 0
    assert order == ["tensorflow", "work", "work"]


def test_what_the_user_can_mend_is_one_line(folders, capsys):
    def refuse(context):
        raise InputError("apples/3: is a pear; put in an apple")

    assert main(_component(refuse), folders) == 2
    assert capsys.readouterr().err == "error: apples/3: is a pear; put in an apple\n"


def test_a_bug_is_not_hidden(folders):
    def fail(context):
        raise KeyError("core")

    with pytest.raises(KeyError):
        main(_component(fail), folders)


def test_a_name_of_digits_is_a_name(folders):
    seen = []
    assert main(_component(lambda context: seen.append(context.parameters.name)), [*folders, "--name=2024"]) == 0
    assert seen == ["2024"]


def test_parameters_are_closed_and_frozen():
    with pytest.raises(ValidationError, match="seize"):
        _Parameters(seize=4)
    with pytest.raises(ValidationError):
        _Parameters().size = 4


def test_importing_base_is_cheap():
    """The command lines answer --help at once: no TensorFlow, no Beam."""
    import subprocess

    code = "import sys, components.base; sys.exit(bool({'tensorflow', 'apache_beam'} & set(sys.modules)))"
    root = __file__.rsplit("tests", 1)[0]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
