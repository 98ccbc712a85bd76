"""What `python -m serving.predict` makes of the verdicts: the table, JSON, CSV, the report and drawn copies."""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TextIO

from artifacts import writing
from artifacts.errors import InputError
from artifacts.visible import printable
from artifacts.words import counted
from commands.output_files import check_existing
from commands.signals import StopSignals
from commands.terminal import unguarded
from serving.verdict import verdict_table
from serving.verdict.annotate import Annotator
from serving.verdict.assessor import Assessment
from serving.verdict.caveats import about, caveats_of
from serving.verdict.input_files import InputFiles
from serving.verdict.outcomes import CANNOT_JUDGE, WORDS
from serving.verdict.output_paths import STANDARD_OUTPUT, OutputPaths
from serving.verdict.stage_bars import StageBars
from serving.verdict.verdict_json import Verdict, verdicts_json
from serving.verdict.view.html_report import HtmlReport, NotInIt, inline
from serving.verdict.view.verdict_view import VerdictView

SHOWN = 5  # names in a line of the terminal; all of them are in JSON and in the report
COUNTED = {**WORDS, CANNOT_JUDGE: "not assessed"}  # what stands after the number of files with an outcome


class Outputs:
    """Takes the assessments one by one and hands each on.

    A context manager.

    Args:
        paths: where the outputs go.
        files: which files are assessed.
        stop: the signals that end the command.
        annotator: draws copies of the files, or None.

    Attributes:
        verdicts: so far.
        interrupted: 0, or the exit code of the signal that ended the command early.
        failed: whether an output could not be written.
    """

    def __init__(
        self,
        paths: OutputPaths,
        files: InputFiles,
        stop: StopSignals,
        annotator: Annotator | None = None,
    ) -> None:
        self._paths, self._files = paths, files
        self._stop, self._annotator = stop, annotator
        self.verdicts: list[Verdict] = []
        self.interrupted, self.failed = 0, False
        self._not_drawn: list[str] = []
        self._table: TextIO | None = None
        if not paths.quiet:
            self._table = sys.stderr if STANDARD_OUTPUT in (paths.json, paths.csv) else sys.stdout
        self._bars = StageBars(len(files.paths), paths.quiet)
        self._report = HtmlReport(paths.report) if paths.report else None

    def __enter__(self) -> "Outputs":
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.close()
        if self._report:
            self._report.close()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is; a `StageProgress`. Raises `KeyboardInterrupt` if the command is to stop."""
        self._stop.check()
        self._bars.stage(stage, done, total)

    def add(self, path: str, assessment: Assessment) -> None:
        """Print the verdict on a file, draw its copy, and add it to the report."""
        verdict, alone = assessment.verdict, len(self._files.paths) == 1
        if not self.verdicts:
            self._print(*verdict_table.header_of(verdict, alone))
        self.verdicts.append(verdict)
        self._print(*verdict_table.lines_of(verdict, alone))
        try:
            self._draw(path, verdict)
            self._add_to_report(assessment.view(inline) if self._report else None)
        except KeyboardInterrupt:
            self._add_to_report(assessment.view())  # its verdict was printed: at least the figures belong in there
            raise
        self._bars.file_done()
        self._stop.check()

    def _draw(self, path: str, verdict: Verdict) -> None:
        """Draw the copy of a file, if copies are wanted."""
        if self._annotator is None or verdict.kind is None:
            return
        self._not_drawn.append(path)  # until it is
        try:
            self._annotator.draw(verdict, path, self.progress, self._note)
        except InputError as error:
            self._note_error(str(error))
        else:
            self._not_drawn.pop()

    def _add_to_report(self, view: VerdictView | None) -> None:
        """Add a file to the report, once; without a report nothing is added."""
        if self._report is None or view is None or self._report.files == len(self.verdicts):
            return
        if not self._attempt(self._report.path, self._report.add, view):
            self._report.close()
            self._report = None

    def on_interrupt(self) -> None:
        """Note that a signal ended the work early."""
        self.interrupted = self._stop.acknowledge()
        print(f"stopped by {signal.Signals(self.interrupted - 128).name}", file=sys.stderr)

    def finish(self) -> None:
        """Write the files and conclude the table; nothing if there is no verdict. A failed output stops no other."""
        if not self.verdicts:
            if self.interrupted and (self._paths.files() or self._annotator):
                print("nothing was assessed, and nothing is written: what an output holds is older", file=sys.stderr)
            return
        try:
            if self._report and self._still_free(self._report.path):
                self._attempt(self._report.path, self._report.write, self._beside())
        except KeyboardInterrupt:
            self.on_interrupt()
        for path, write in ((self._paths.json, self._write_json), (self._paths.csv, self._write_csv)):
            if path and self._still_free(path):
                self._attempt(path, write, path)
        self._conclude()

    def _still_free(self, path: str) -> bool:
        """Whether no file that would be lost has appeared at an output's place since the work began."""
        outputs = [file for file in self._paths.files() if file.path == path]
        return all(self._attempt(path, check_existing, file, self._paths.overwrite) for file in outputs)

    def _attempt(self, path: str, write: Callable[..., None], *arguments: object) -> bool:
        """Write an output; returns whether that went well. If not, the error is printed, and the work goes on."""
        try:
            write(*arguments)
        except InputError as error:
            self._note_error(str(error))
        except OSError as error:
            name = "standard output" if path == STANDARD_OUTPUT else path
            self._note_error(f"{name}: cannot be written ({error.strerror})")
        else:
            return True
        return False

    def _note(self, message: str) -> None:
        self._bars.print(f"note: {message}", sys.stderr)

    def _note_error(self, message: str) -> None:
        self.failed = True
        self._bars.print(f"error: {message}", sys.stderr)

    def _write_json(self, path: str) -> None:
        content = verdicts_json(
            self.verdicts,
            caveats=caveats_of(self.verdicts[0].model),
            problems=self._files.problems,
            interrupted=bool(self.interrupted),
            **self._beside(),
        )
        if path == STANDARD_OUTPUT:
            print(json.dumps(content, indent=1, allow_nan=False))
        else:
            writing.write_json(path, content)

    def _beside(self) -> NotInIt:
        """The names of the files that lack something."""
        not_examined = self._files.paths[len(self.verdicts) :]
        return {"passed_over": self._files.passed_over, "not_examined": not_examined, "not_drawn": self._not_drawn}

    def _write_csv(self, path: str) -> None:
        left = self._beside()["not_examined"]
        if path == STANDARD_OUTPUT:
            if sys.stdout.isatty():
                verdict_table.write_csv(sys.stdout, self.verdicts, "\n", left)
            else:  # a pipe gets every name as it is
                verdict_table.write_csv(unguarded(sys.stdout), self.verdicts, not_examined=left)
            return
        with (
            writing.whole(path) as partial,
            open(partial, "w", encoding="utf-8", newline="") as stream,
        ):
            verdict_table.write_csv(stream, self.verdicts, not_examined=left)

    def _conclude(self) -> None:
        """Below the table: the number of files with each outcome, and what the user must know about the model."""
        counts = Counter(verdict.verdict for verdict in self.verdicts)
        parts = [f"{counts[outcome]} {words}" for outcome, words in COUNTED.items() if counts[outcome]]
        if self.interrupted:
            parts.append(f"interrupted: {len(self._files.paths) - len(self.verdicts)} not examined")
        if self._files.passed_over:
            parts.append(f"{counted(len(self._files.passed_over), 'other file')} passed over")
        self._print("", f"{len(self.verdicts)} file{'s' * (len(self.verdicts) != 1)}: {', '.join(parts)}")
        lacking = self._beside()
        for what, names in (
            ("not examined", lacking["not_examined"]),
            ("no copy drawn of", lacking["not_drawn"]),
            ("passed over", lacking["passed_over"]),
        ):
            if names:
                self._print(printable(f"{what}: {first_of(names)}"))
        model = self.verdicts[0].model
        self._print("", *(explained := verdict_table.explained(self.verdicts)), *[""] * bool(explained))
        self._print(*map(printable, about(model) + caveats_of(model)))

    def _print(self, *lines: str) -> None:
        """Print lines of the table."""
        if self._table is None:
            return
        try:
            for line in lines:
                self._bars.print(line, self._table)
        except BrokenPipeError:  # nobody reads on, as with `| head`; the files are written all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._table.fileno())
            self._table = None


def first_of(names: Sequence[str]) -> str:
    """The first few of some names, and how many there are beside them."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
