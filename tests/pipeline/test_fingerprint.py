import sys

import pytest

from commands.parameters import Parameters
from components.base import Component
from components.trainer.component import COMPONENT as TRAINER
from pipeline import fingerprint
from pipeline.config_schema import Engine
from pipeline.engines import beam_args


class _Parameters(Parameters):
    size: int = 1


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A project of our own making: package(**{module: source}) (re)writes its modules."""
    name = f"toy_{tmp_path.name}"
    folder = tmp_path / name
    (folder / "room").mkdir(parents=True)
    for init in (folder, folder / "room"):
        (init / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(fingerprint, "OURS", (name,))

    def write(**modules):
        for module, source in modules.items():
            (folder / f"{module.replace('__', '/')}.py").write_text(source.replace("PKG", name))
        fingerprint.code_of.cache_clear()
        return {
            found.removeprefix(f"{name}."): digest for found, digest in fingerprint.code_of(f"{name}.room.main").items()
        }

    yield write
    fingerprint.code_of.cache_clear()
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]


def test_closure_has_all_first_party_imports_wherever_they_stand(package):
    code = package(
        room__main="import os\nimport numpy\nfrom PKG import direct\ndef f():\n    from PKG.late import thing\n",
        direct="import PKG.transitive as t\n",
        late="if True:\n    from PKG.room import deep\nthing = 1\n",
        transitive="",
        room__deep="",
        room__unused="",
    )
    modules = {"room.main", "direct", "late", "transitive", "room.deep"}
    packages = code.keys() - modules
    assert modules <= code.keys() and "room.unused" not in code
    assert "room" in packages and len(packages) == 2, "an __init__.py is executed too"


def test_importing_in_a_circle_ends(package):
    assert "other" in package(room__main="import PKG.other", other="from PKG.room import main")


def test_changes_with_any_source_of_the_closure(package, tmp_path):
    sources = {
        "room__main": "from PKG import direct",
        "direct": "from PKG import far",
        "far": "x = 1",
        "room__spare": "",
    }
    before = package(**sources)
    assert package(**sources) == before
    assert package(**{**sources, "room__spare": "y = 2"}) == before
    after = package(**{**sources, "far": "x = 2"})
    assert {name for name in before if before[name] != after[name]} == {"far"}


def test_changes_with_the_data_files_beside(package, tmp_path):
    sources = {"room__main": ""}
    before = package(**sources)
    (next(tmp_path.glob("toy_*")) / "room" / "report.html.j2").write_text("a")
    after = package(**sources)
    assert len(after) == len(before) + 1
    (next(tmp_path.glob("toy_*")) / "room" / "report.html.j2").write_text("b")
    assert package(**sources) != after


def test_nothing_is_imported_to_find_out(package):
    package(room__main="from PKG.heavy import thing", heavy="raise RuntimeError('imported')\nthing = 1")


def test_the_trainers_code_is_the_model_and_not_the_pipeline():
    code = fingerprint.code_of("components.trainer.component")
    assert {
        "model.training",
        "model.losses",
        "model.expander",
        "artifacts.face_examples",
        "components.base",
    } <= code.keys()
    assert not any(name.startswith(("pipeline", "components.evaluator")) for name in code)


def _component(**fields):
    fixed = {"name": "Toy", "module": "components.base", "summary": "", "inputs": {}, "outputs": {}}
    return Component(**fixed, parameters=_Parameters, execute=lambda context: None, **fields)


def _key(component, size=1, inputs=()):
    return fingerprint.cache_key(component, fingerprint.key_parts(component, _Parameters(size=size), dict(inputs)))


def test_key_depends_on_parameters_inputs_libraries_and_sources():
    keys = [
        _key(_component()),
        _key(_component(), size=2),
        _key(_component(), inputs={"a": "1"}),
        _key(_component(), inputs={"a": "2"}),
        _key(_component(), inputs={"b": "1"}),
        _key(_component(libraries=("numpy",))),
        _key(_component(sources=lambda parameters: "x")),
        _key(_component(sources=lambda parameters: "y")),
    ]
    assert len(set(keys)) == len(keys)
    assert _key(_component()) == keys[0]
    assert _key(_component(libraries=("no-such-distribution",))) == keys[0]


def test_the_engine_is_not_in_the_key():
    """The parts of a key name every input of a result; the engine must be in none of them."""
    parts = fingerprint.key_parts(TRAINER, TRAINER.parameters(), {"examples": "digest"})
    assert set(parts) == {"parameters", "inputs", "code", "libraries", "sources", *fingerprint.TOLD}
    arguments = beam_args(Engine(runner="multi_process", workers=7))
    assert not any(argument in repr(parts) for argument in arguments) and "workers" not in parts["parameters"]


def test_difference_in_words():
    before = {
        "parameters": {"a": 1, "b": 2},
        "inputs": {"x": "1"},
        "code": {},
        "libraries": {"numpy": "1"},
        "sources": "s",
    }
    assert fingerprint.difference(before, before) == "nothing changed"
    assert fingerprint.difference(before, {**before, "parameters": {"a": 2, "b": 2}}) == "parameter a changed"
    assert fingerprint.difference(before, {**before, "parameters": {"a": 1}}) == "parameter b changed"
    assert fingerprint.difference(before, {**before, "inputs": {"x": "2"}}) == "input x changed"
    assert fingerprint.difference(before, {**before, "libraries": {"numpy": "2"}}) == "version of numpy changed"
    assert fingerprint.difference(before, {**before, "sources": "t"}) == "files of the data sets changed"
    many = fingerprint.difference(before, {**before, "code": dict.fromkeys("edcba", ""), "sources": "t"})
    assert many == "code of a, b, c and 2 more changed; files of the data sets changed"
