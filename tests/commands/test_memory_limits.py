"""Limits of memory that a shell set: what is too small is named with its cure, and no limit is raised."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from artifacts.errors import InputError
from commands import memory_limits
from commands.memory_limits import GIB, check_memory_limits

ROOT = Path(__file__).parents[2]


def limited(limit, code):
    """Run Python code under a limit of the shell's `ulimit`, both soft and hard."""
    line = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", sys.executable, "-c", code]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def limit(monkeypatch):
    """limit(data=..., space=...) sets what the process seems to be limited to, bytes."""

    def limit(data=resource.RLIM_INFINITY, space=resource.RLIM_INFINITY):
        given = {resource.RLIMIT_DATA: data, resource.RLIMIT_AS: space}
        monkeypatch.setattr(memory_limits.resource, "getrlimit", lambda number: (given[number], given[number]))

    return limit


@pytest.mark.parametrize("given", [{"data": GIB // 2}, {"space": 2 * GIB}])
def test_what_nothing_runs_with_is_refused_by_name(given, limit):
    limit(**given)
    name = "ulimit -d 524288:" if "data" in given else "ulimit -v 2097152:"
    with pytest.raises(InputError, match=name) as refusal:
        check_memory_limits()
    assert "unlimited" in str(refusal.value)


@pytest.mark.parametrize("given", [{"data": 2 * GIB}, {"space": 5 * GIB}])
def test_what_may_be_too_little_is_noted(given, limit, capsys):
    limit(**given)
    check_memory_limits()
    said = capsys.readouterr().err
    assert said.startswith("note: ulimit -") and "Raise the limit" in said and said.count("\n") == 1


@pytest.mark.parametrize("given", [{}, {"data": 4 * GIB, "space": 16 * GIB}])
def test_what_is_enough_is_not_mentioned(given, limit, capsys):
    limit(**given)
    check_memory_limits()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("given", [3_000_000, 6_000_000, "unlimited"])
def test_the_smaller_of_two_limits_holds(given):
    code = "import resource; from commands.memory_limits import lower_data_limit as lower\n"
    done = limited(f"-d {given}", code + "print(lower(4 << 30), *resource.getrlimit(resource.RLIMIT_DATA))")
    least = min(3_000_000 << 10 if given == 3_000_000 else 4 << 30, 4 << 30)
    assert done.stdout.split() == [str(least)] * 3, done.stderr


def test_a_command_names_the_limit_instead_of_a_crash():
    done = limited("-v 2000000", "import sys; from serving.predict import main; sys.exit(main(['setup.py']))")
    assert done.returncode == 2 and "error: ulimit -v 2000000: this process may take" in done.stderr
    assert "Traceback" not in done.stderr
