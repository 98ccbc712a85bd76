"""What the docs name exists: links, paths, functions, modules, tests, and the flags of every command shown."""

import ast
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DOCS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])
ROOMS = {"artifacts", "benchmarks", "commands", "components", "evaluation", "faces", "model", "pipeline", "serving"}
TOP_LEVEL = ROOMS | {"docs", "tests", ".ci", ".github"}
# Flags of Beam, pip, docker, curl and other programs, which the docs show too.
BEAM_FLAGS = {
    "--runner", "--direct_running_mode", "--direct_num_workers", "--flink_master", "--setup_file", "--parallelism",
    "--environment_type", "--flink_job_server_jar", "--job_endpoint",
}  # fmt: skip
OTHER_FLAGS = {"--upgrade", "--force-reinstall", "--no-deps", "--rm", "--data-binary", "--logdir", "--check"}
PASSED_ON = {"benchmarks.ablation": "model.train"}  # a command that hands unknown flags to another
EARLIER = {"CHANGELOG.md"}  # names what there was before

COMMAND = re.compile(r"python -m (\w+(?:\.\w+)*)(?![\w.])([^\n`|]*)")
FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
CODE = re.compile(r"`([^`\n]+)`")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").replace("\\\n", " ")


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def _commands(path: Path) -> list[tuple[str, set[str]]]:
    """(module, flags) of every `python -m` of this project; what follows a comment sign does not count."""
    found = [(module, rest.split(" #")[0]) for module, rest in COMMAND.findall(_text(path))]
    return [(module, set(FLAG.findall(rest))) for module, rest in found if module.split(".")[0] in ROOMS]


MODULES = sorted({module for path in DOCS for module, _ in _commands(path)})


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\s-]", "", heading.replace("`", "").lower())
    return re.sub(r"\s", "-", kept.strip())


def test_there_is_something_to_look_at():
    names = {_name(path) for path in DOCS}
    assert {"README.md", "BUILD.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/serving.md"} <= names
    assert {"pipeline.run", "model.train", "serving.predict", "serving.server"} <= set(MODULES)


@pytest.mark.parametrize("path", DOCS, ids=_name)
def test_links_resolve(path):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(path)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M) if file.suffix == ".md" else []
        if not file.exists() or (anchor and anchor not in map(_anchor, headings)):
            broken.append(target)
    assert broken == []


def _definitions(file: Path) -> set[str]:
    """Names of all functions, classes and constants in a Python file, methods included."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _is_wrong(code: str, python_files: set[str]) -> bool:
    """Whether a piece of code in the text is a path or `file::name` of this project that does not exist."""
    name, _, definition = code.partition("::")
    if not re.fullmatch(r"[\w./-]+", name):
        return False
    file = REPOSITORY / name
    if definition and name.endswith(".py"):
        return not file.is_file() or definition not in _definitions(file)
    if "/" in name and name.split("/")[0] in TOP_LEVEL:
        return not file.exists()
    return "/" not in name and name.endswith(".py") and name not in python_files


@pytest.mark.parametrize("path", [p for p in DOCS if p.name not in EARLIER], ids=_name)
def test_paths_and_functions_exist(path):
    python_files = {file.name for room in TOP_LEVEL for file in (REPOSITORY / room).rglob("*.py")} | {"setup.py"}
    assert [code for code in CODE.findall(_text(path)) if _is_wrong(code, python_files)] == []


@pytest.mark.parametrize("path", DOCS, ids=_name)
def test_tests_that_are_named_exist(path):
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / "tests").rglob("test_*.py"))
    named = [code for code in CODE.findall(_text(path)) if re.fullmatch(r"test_\w+", code)]
    assert [name for name in named if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("module", MODULES)
def test_modules_that_are_named_exist(module):
    file = REPOSITORY.joinpath(*module.split("."))
    assert file.with_suffix(".py").is_file() or (file / "__main__.py").is_file()


def _flags(module: str) -> set[str]:
    """The flags in a command's `--help`."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    shown = done.stdout + done.stderr
    switches = set(re.findall(r"--\[no\](\w+)", shown))  # of absl
    flags = set(FLAG.findall(shown)) | {f"--{no}{name}" for name in switches for no in ("", "no")}
    return flags | {"--help"} | (BEAM_FLAGS if "Apache Beam" in shown else set())


@pytest.mark.slow
def test_flags_exist():
    """Those of a command shown are its own; those named in the text are of some command."""
    with ThreadPoolExecutor(2) as pool:
        known = dict(zip(MODULES, pool.map(_flags, MODULES), strict=True))
    for module, other in PASSED_ON.items():
        known[module] |= known[other]
    of_any = set().union(*known.values()) | BEAM_FLAGS | OTHER_FLAGS
    wrong = []
    for path in DOCS:
        if path.name in EARLIER:
            continue
        wrong += [(_name(path), module, flags - known[module]) for module, flags in _commands(path)]
        wrong.append((_name(path), "", set(FLAG.findall(_text(path))) - of_any))
    assert [f"{path}: {module} {flag}" for path, module, flags in wrong for flag in sorted(flags)] == []
