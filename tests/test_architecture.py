"""What holds for the whole source tree: the direction of imports, and what a source file may not contain."""

import ast
import graphlib
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from components import base
from pipeline import fingerprint

REPOSITORY = Path(__file__).parents[1]
# Room -> the rooms it may import. A component may also import its own folder, `components.base` and `components.beam`.
ROOMS = {
    "artifacts": set(),
    "commands": {"artifacts"},
    "model": {"artifacts", "commands"},
    "faces": {"artifacts", "commands", "model"},
    "evaluation": {"artifacts", "commands", "model"},
    "components": {"artifacts", "commands", "model", "faces", "evaluation"},
    "serving": {"artifacts", "commands", "model", "faces", "evaluation"},
    "pipeline": {"artifacts", "commands", "model", "evaluation", "components"},
}
SHARED_BY_COMPONENTS = {"components.base", "components.beam"}
OUTSIDE = {"benchmarks", "tests"}  # no room imports these
MAX_LINES = 400
# Put together here, so that this file does not hold what it looks for.
MACHINE_PATHS = tuple(f"/{name}/" for name in ("work", "root", "tmp"))
REGISTRIES = tuple(".".join(parts) for parts in (
    ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("proxy", "golang"), ("conda", "anaconda"),
    ("crates", "io"), ("huggingface", "co"),
))  # fmt: skip


def _sources():
    """All files that are the project's: those that git has, and those that it would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:  # an export without git
        hidden = {
            p for p in REPOSITORY.rglob("*") if any(part.startswith(".") for part in p.relative_to(REPOSITORY).parts)
        }
        return sorted(p for p in REPOSITORY.rglob("*") if p.is_file() and p not in hidden)
    return sorted(path for name in listed.stdout.split("\0") if name and (path := REPOSITORY / name).is_file())


SOURCES = _sources()
PYTHON = [path for path in SOURCES if path.suffix == ".py"]


def _name(path):
    return str(path.relative_to(REPOSITORY))


def _imports(path):
    """(line, module) of every import, wherever in the file; a relative one as ".module"."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def test_there_is_something_to_look_at():
    names = {_name(path) for path in PYTHON}
    assert {"pipeline/run.py", "components/base.py", "model/losses.py", "tests/test_architecture.py"} <= names


def forbidden(importer, imported):
    """Why a module of one room must not import a module, or None.

    Args:
        importer: dotted name of the importing module, such as "faces.decoder".
        imported: dotted name of the imported module.
    """
    room, other = importer.split(".")[0], imported.split(".")[0]
    if other not in ROOMS.keys() | OUTSIDE:
        return None  # a library
    if other != room:
        return None if other in ROOMS[room] else f"{room} must not import {other}"
    if room == "components" and importer not in SHARED_BY_COMPONENTS:
        own = ".".join(importer.split(".")[:2])
        if not (imported == own or imported.startswith(f"{own}.") or imported in SHARED_BY_COMPONENTS):
            return "a component must not import another"
    return None


def _imported_modules(path):
    """(line, module) of every import; `from package import module` counts as an import of both."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                is_module = (REPOSITORY / f"{below.replace('.', '/')}.py").exists() or (
                    REPOSITORY / below.replace(".", "/") / "__init__.py"
                ).exists()
                yield node.lineno, below if is_module else node.module


def _module(path):
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    ours = [path for path in PYTHON if _name(path).split("/")[0] == room]
    assert ours
    wrong = [
        f"{_name(path)}:{line} imports {module}: {why}"
        for path in ours
        for line, module in _imported_modules(path)
        if (why := forbidden(_module(path), module))
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("other", sorted(ROOMS.keys() | OUTSIDE))
def test_every_other_arrow_is_refused(room, other):
    refused = forbidden(f"{room}.one", f"{other}.two") is not None
    if room == other:
        assert refused == (room == "components")
    else:
        assert refused == (other not in ROOMS[room])


def test_the_allowed_arrows_have_no_circle():
    order = graphlib.TopologicalSorter(ROOMS).static_order()
    assert next(iter(order)) == "artifacts"


@pytest.mark.parametrize(
    "statement",
    ["from components.trainer.component import COMPONENT", "import serving.predict", "from pipeline import config"],
)
def test_an_import_within_a_function_counts_too(statement, tmp_path):
    path = tmp_path / "one.py"
    path.write_text(f"def late():\n    {statement}\n")
    ((line, module),) = _imported_modules(path)
    assert line == 2 and forbidden("components.pusher.executor", module)


def test_the_programs_import_each_other_by_their_full_names():
    """The cache's code fingerprint follows absolute imports by statement; others would escape it."""
    ours = [path for path in PYTHON if _name(path).split("/")[0] in ROOMS]
    relative = [f"{_name(p)}:{line}" for p in ours for line, module in _imports(p) if module.startswith(".")]
    dynamic = [
        _name(path) for path in ours if "import_module(" in path.read_text() or "__import__(" in path.read_text()
    ]
    assert relative == [] and dynamic == []


@pytest.mark.parametrize("path", [p for p in SOURCES if _name(p) != "LICENSE"], ids=_name)
def test_no_place_on_one_machine(path):
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        pytest.skip("not text")
    found = [
        f"{_name(path)}:{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        if any(word in line for word in (*MACHINE_PATHS, *REGISTRIES))
    ]
    assert found == []


def test_files_fit_in_a_head():
    lines = {
        _name(path): len(path.read_text().splitlines())
        for path in PYTHON
        if _name(path).split("/")[0] != "tests"
    }  # fmt: skip
    assert lines and {name: count for name, count in lines.items() if count >= MAX_LINES} == {}


def _components():
    """Names of the modules that are run as components: packages with a __main__."""
    names = []
    for module in pkgutil.iter_modules([str(REPOSITORY / "components")]):
        main = REPOSITORY / "components" / module.name / "__main__.py"
        if main.exists():
            names.append(f"components.{module.name}")
    return names


def test_every_component_of_the_pipeline_is_among_them():
    from pipeline.config_schema import Components

    plain = {name.removeprefix("components.").replace("_", "") for name in _components()}
    assert plain == {name.lower() for name in Components.model_fields}


@pytest.mark.parametrize("name", _components())
def test_component_is_a_command(name, capsys):
    component = importlib.import_module(f"{name}.component").COMPONENT
    with pytest.raises(SystemExit) as stopped:
        base.main(component, ["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: python -m {name} ") and " ".join(component.summary.split()[:3]) in text
    for key in (*component.inputs, *component.outputs, *component.parameters.model_fields):
        assert f"--{key} " in text
    assert component.module == component.execute.__module__


@pytest.mark.slow
@pytest.mark.parametrize("name", _components())
def test_component_runs_by_its_name(name):
    done = subprocess.run(
        [sys.executable, "-m", name, "--help"], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0 and done.stdout.startswith(f"usage: python -m {name} "), done.stderr
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", _components())
def test_what_a_component_imports_late(name):
    """Reading the spec imports nothing slow, and the code that it reaches imports what `late_imports` names."""
    code = (
        f"import sys; from {name}.component import COMPONENT as c; "
        "heavy = {'tensorflow', 'keras', 'apache_beam', 'sklearn', 'matplotlib', 'cv2', 'av', *c.late_imports}; "
        "print(c.late_imports, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    component = importlib.import_module(f"{name}.component").COMPONENT
    assert done.stdout == f"{component.late_imports} []\n", done.stderr
    reached = [REPOSITORY / f"{module.replace('.', '/')}.py" for module in fingerprint.code_of(component.module)]
    imported = {module.split(".")[0] for path in reached if path.exists() for _, module in _imports(path)}
    assert set(component.late_imports) <= imported
