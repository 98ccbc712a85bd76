"""Patterns match what `glob` matches, and end."""

import glob
import os

import pytest

from serving.verdict.input_files import find_files
from serving.verdict.patterns import matches


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in ("a.mp4", "B.mp4", ".h.mp4", "d/c.mp4", "d/e/f.mp4", "d/e/g.txt", "d/.i/j.mp4", "k[1].mp4", "l/m.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


PATTERNS = (
    "*", "*.mp4", "**", "**/*", "**/*.mp4", "d/**", "d/**/*.mp4", "d/**/f.mp4", "*/", "**/", "./**/*.mp4",
    "d/../*.mp4", "?.mp4",
    "[aB].mp4", ".*", "d/.*/*", "**/e/**", "**/**/*.mp4", "d/*/*", "absent/*", "a.mp4/*", "k[[]1].mp4",
    "*/*.mp4", "d//e/*",
)  # fmt: skip


@pytest.mark.parametrize("pattern", [*PATTERNS, "{tmp}/**/*.mp4", "{tmp}/*"])
def test_without_links_it_is_glob(pattern, tree):
    pattern = pattern.format(tmp=tree)
    found, expected = list(matches(pattern)), set(glob.glob(pattern, recursive=True))
    assert {os.path.normpath(path) for path in found} == {os.path.normpath(path) for path in expected if path}
    assert [path.endswith("/") for path in found] == [pattern.endswith("/")] * len(found) or pattern == "d/**"


@pytest.mark.parametrize(
    "pattern", ["d/**", "**/*.mp4", "**", "**/**/*", "d/**/one/**/*.mp4", "d/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*"]
)
def test_links_to_the_folder_itself_do_not_multiply(pattern, tree):
    for name in ("one", "two", "three"):
        os.symlink(".", f"d/{name}")
        os.symlink("../..", f"d/e/{name}")
    found = list(matches(pattern))
    assert len(found) < 100


def test_each_file_is_taken_once_by_its_shortest_path(tree):
    os.symlink(".", "d/one")
    os.symlink("../l", "d/other")
    os.symlink("absent", "d/dangling.mp4")
    assert find_files(["d/**"]).paths == ["d/c.mp4", "d/e/f.mp4", "d/other/m.mp4"]
    assert find_files(["d/**", "d", "./d/c.mp4", "d/c.mp4", "d/one/c.mp4"]).paths == [
        "d/c.mp4", "d/e/f.mp4", "d/other/m.mp4",
    ]  # fmt: skip
