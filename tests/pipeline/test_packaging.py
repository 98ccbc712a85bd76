"""What is installed: all that the programs read beside their own code comes with them."""

import fnmatch
import runpy
import subprocess
from pathlib import Path

import pytest
import setuptools
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def packaged(monkeypatch):
    """What setup.py says."""
    said = {}
    monkeypatch.setattr(setuptools, "setup", lambda **options: said.update(options))
    monkeypatch.chdir(REPOSITORY)
    runpy.run_path("setup.py")
    return said


@pytest.mark.parametrize(
    "room",
    sorted(
        path.parent.name for path in REPOSITORY.glob("*/__init__.py") if path.parent.name not in ("benchmarks", "tests")
    ),
)
def test_every_file_of_a_room_is_installed(packaged, room):
    listed = subprocess.run(["git", "ls-files", room], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs git to know which files are the project's")
    files = [Path(line) for line in listed.stdout.splitlines() if (REPOSITORY / line).is_file()]
    assert files
    packages = {package.replace(".", "/") for package in packaged["packages"]}
    patterns = [f"{package}/{glob}" for package, globs in packaged["package_data"].items() for glob in globs]
    for file in files:
        depth = len(file.parts)
        matched = any(fnmatch.fnmatch(str(file), p) and depth == p.count("/") + 1 for p in patterns)
        if file.suffix == ".py":
            assert str(file.parent) in packages, f"{file.parent} has no __init__.py"
        assert file.suffix == ".py" or matched, f"{file}: name it in setup.py's package_data"


def test_parsers_of_forms_that_can_be_made_to_hang_are_not_admitted(packaged):
    """python-multipart looked at every byte of headers of any length until 0.0.27; other faults went with 0.0.31."""
    requirements = {one.name: one for one in map(Requirement, packaged["install_requires"])}
    admitted = requirements["python-multipart"].specifier
    assert "0.0.30" not in admitted and "0.0.31" in admitted
