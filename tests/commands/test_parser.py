"""Command lines as people type them: dashes, near names, what is unknown before what is missing, the version."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands.parser import CommandParser, underscored

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "pipeline.run", "pipeline.config", "pipeline.lineage", "pipeline.tables",
    "model.train", "model.export", "model.convert", "serving.predict",
    "serving.server",
    "components.video_example_gen", "components.face_example_gen", "components.statistics_gen",
    "components.example_validator", "components.trainer", "components.evaluator", "components.infra_validator",
    "components.pusher", "components.video_example_gen.sample",
)  # fmt: skip


@pytest.fixture
def parser():
    parser = CommandParser(prog="p")
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--dry_run", action="store_true")
    parser.add_argument("--max_upload", type=int)
    parser.add_argument("--model", required=True)
    return parser


@pytest.mark.parametrize("spelling", ["--max-upload=3", "--max_upload=3"])
def test_dashes_do_for_underscores(spelling, parser):
    parsed = parser.parse_args(["--dry-run", spelling, "--model", "a-b", "--", "--max-upload"])
    assert (parsed.dry_run, parsed.max_upload, parsed.model, parsed.paths) == (True, 3, "a-b", ["--max-upload"])


def test_only_names_are_spelt_otherwise():
    given = ["--a-b=c-d", "e-f", "-x-y", "--real-name", "--", "--a-b"]
    assert underscored(given, {"a_b", "real-name"}) == ["--a_b=c-d", "e-f", "-x-y", "--real-name", "--", "--a-b"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--max_uploads=3", "unknown option --max_uploads; did you mean --max_upload?"),
        ("--frame", "unknown option --frame"),
        ("--mod=x", "unknown option --mod; did you mean --model?"),  # and no abbreviation
    ],
)
def test_the_unknown_comes_before_the_missing(given, said, parser, capsys):
    with pytest.raises(SystemExit) as ended:
        parser.parse_args([given])
    assert ended.value.code == 2 and capsys.readouterr().err == f"error: {said} (p --help explains all options)\n"


def test_what_is_passed_on_is_left_alone_unless_it_is_nearly_an_own_name(capsys):
    parser = CommandParser(prog="p", passes_on=True)
    parser.add_argument("--frames")
    parsed, rest = parser.parse_known_args(["--frames=3", "--runner=X", "--direct_num_workers", "2"])
    assert parsed.frames == "3" and rest == ["--runner=X", "--direct_num_workers", "2"]
    with pytest.raises(SystemExit):
        parser.parse_known_args(["--framse=3"])
    assert "unknown option --framse; did you mean --frames?" in capsys.readouterr().err


def test_help_fills_paragraphs_and_lists_and_leaves_commands(monkeypatch):
    monkeypatch.setenv("COLUMNS", "42")
    text = """A sentence that is longer than the line of
the terminal.

examples:
  a command that is far longer than the line of it
  another

codes:
  0    everything went well, and nothing was left
       to do
  130  stopped
"""
    told = CommandParser(prog="p", description=text).format_help()
    assert (
        """
A sentence that is longer than the line
of the terminal.

examples:
  a command that is far longer than the line of it
  another

codes:
  0    everything went well, and nothing
       was left to do
  130  stopped
"""
        in told
    )


def test_help_is_shown_whatever_else_is_given(parser, capsys):
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--nonsense", "--help"])
    assert ended.value.code == 0 and "--dry_run" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_knows_its_version_and_explains_itself_without_tensorflow(command):
    """A blocked import stands for the seconds that it takes."""
    program = (
        "import runpy, sys\n"
        "sys.modules['tensorflow'] = sys.modules['apache_beam'] = sys.modules['keras'] = None\n"
        f"sys.argv = ['x', sys.argv[1]]\nrunpy.run_module({command!r}, run_name='__main__', alter_sys=True)\n"
    )
    for flag, words in (("--version", "multi-metric-deepfake-detector"), ("--help", "--")):
        done = subprocess.run(
            [sys.executable, "-c", program, flag], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0 and words in done.stdout, done.stderr


@pytest.mark.parametrize("module", COMMANDS)
def test_commands_to_copy_stay_lines_of_their_own(module):
    path = ROOT / module.replace(".", "/")
    text = (path / "__main__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    text = ast.get_docstring(ast.parse(text)) or ""
    told = CommandParser(prog="p", description=text).format_help()
    commands = [line.strip() for line in text.splitlines()[1:] if re.match(r" *python -m \S+ (-|\d|\w+/)", line)]
    assert set(commands) <= {line.strip() for line in told.splitlines()}
