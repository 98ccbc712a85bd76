"""Compute all figures of a report again, from nothing but the scores that its evaluation shipped.

    python -m evaluation.recompute evaluation/scores.parquet
    python -m evaluation.recompute scores.parquet --against metrics.json
    python -m evaluation.recompute scores.parquet --json again.json --report again.html

With --against, every value is compared with the stored one. Where any differs, it is named, and the
command ends with 1.
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from artifacts.errors import InputError
from artifacts.predictions import Columns
from artifacts.regular_files import read_json
from artifacts.words import counted
from artifacts.writing import check_writable, write_json
from commands.output_files import OutputFile, check_outputs
from commands.parser import CommandParser
from commands.terminal import guard_terminal
from evaluation import metrics_table
from evaluation.assembly import metrics_of
from evaluation.blessing import bless
from evaluation.results import Metrics
from evaluation.scores import THIS, Part, Scores
from evaluation.scores_file import read_scores
from evaluation.video_scores import videos_of

SHOWN = 20  # differences that are named
ABSENT = "absent"


def differences(stored: Any, again: Any, tolerance: float = 0.0, place: str = "") -> Iterator[str]:
    """Compare two JSON values.

    Args:
        stored: the one.
        again: the other.
        tolerance: how far two numbers may lie apart.
        place: of the values, for what is yielded.

    Yields:
        For each value that differs, its place and both values.
    """
    if isinstance(stored, dict) and isinstance(again, dict):
        for key in dict.fromkeys([*stored, *again]):
            yield from differences(stored.get(key, ABSENT), again.get(key, ABSENT), tolerance, f"{place}.{key}")
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for number, (one, other) in enumerate(zip(stored, again, strict=True)):
            yield from differences(one, other, tolerance, f"{place}[{number}]")
    elif not _same(stored, again, tolerance):
        yield f"{place.lstrip('.')}: stored {_short(stored)}, recomputed {_short(again)}"


def _same(stored: Any, again: Any, tolerance: float) -> bool:
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (stored, again))
    if numbers:
        return bool(math.isclose(stored, again, rel_tol=0, abs_tol=tolerance))
    return type(stored) is type(again) and bool(stored == again)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns 0, 1 where a value differs, or 2 for what the user can fix."""
    guard_terminal()
    parser = CommandParser(prog="python -m evaluation.recompute", description=__doc__)
    parser.add_argument("scores", help="the scores.parquet of an evaluation")
    parser.add_argument("--against", metavar="METRICS", help="the stored metrics.json, to compare every value with")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        help="how far two numbers may lie apart; other processors may round the last digit otherwise (default: 0)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures, in the form of metrics.json")
    parser.add_argument("--report", metavar="FILE", help="write the report's page, without what needs the faces")
    known = parser.parse_args(arguments)
    try:
        if not (math.isfinite(known.tolerance) and known.tolerance >= 0):
            raise InputError(f"--tolerance: must be 0 or more. Given: {known.tolerance:g}")
        return _recompute(known.scores, known.against, known.tolerance, known.json, known.report)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _recompute(path: str, against: str | None, tolerance: float, target: str | None, report: str | None) -> int:
    outputs = [OutputFile(flag, file, _is_own) for flag, file in (("--json", target), ("--report", report)) if file]
    check_outputs(outputs, [path, *([against] if against else [])])
    for output in outputs:
        check_writable(output.path)
    stored = read_json(against, "Name the metrics.json of the same evaluation", 1 << 30) if against else None
    scores = read_scores(path)
    try:
        metrics = metrics_of(scores)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    _print(scores, metrics)
    if target:
        write_json(target, metrics)
    if report:
        _write_report(report, scores, metrics)
    if stored is None:
        return 0
    found = list(differences(stored, json.loads(json.dumps(metrics)), tolerance))
    if not found:
        print(f"every value is that of {against}")
        return 0
    for line in found[:SHOWN]:
        print(f"differs: {line}")
    left = len(found) - SHOWN
    print(f"{counted(len(found), 'value')} of {against} {'differs' if len(found) == 1 else 'differ'}"
          f"{f'; {left} not shown' if left > 0 else ''}")  # fmt: skip
    return 1


def _is_own(path: str) -> bool:
    """Tell whether a file is an earlier output: figures as JSON, or a report."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        start = stream.read(600)
    return '"video_rule"' in start or "<title>Evaluation on the" in start


def _print(scores: Scores, metrics: Metrics) -> None:
    metrics_table.print_table(metrics)
    if "matrix" in metrics:
        metrics_table.print_matrix(metrics["matrix"])
    blessed, reasons = _blessing(scores, metrics)
    for reason in reasons:
        print(f"{'BLESSED' if blessed else 'NOT_BLESSED'}: {reason}")


def _blessing(scores: Scores, metrics: Metrics) -> tuple[bool, list[str]]:
    return bless(metrics, scores.how.thresholds, metrics.get("comparison"), scores.how.max_drop)


def _write_report(path: str, scores: Scores, metrics: Metrics) -> None:
    from evaluation.report.page import LineageLine, write_report  # draws with Matplotlib

    how, test, val = scores.how, scores.parts[Part(THIS, "test")], scores.parts.get(Part(THIS, "val"))

    def by_video(columns: Columns) -> Any:
        return videos_of(columns, how.video_rule, how.temperature(THIS))

    write_report(
        path,
        metrics,
        test,
        *_blessing(scores, metrics),
        videos=by_video(test),
        validation={} if val is None else {"frame": val, "video": by_video(val)},
        lineage=[LineageLine(name=line["name"], value=line["value"]) for line in how.lineage],
        reproduce=how.reproduce,
    )


if __name__ == "__main__":
    sys.exit(main())
