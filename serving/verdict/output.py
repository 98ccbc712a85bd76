"""What `python -m serving.predict` does with the verdicts: the table, the files, the pictures."""

import json
import os
import signal
import sys
from collections import Counter

from artifacts.errors import InputError
from artifacts.writing import whole
from serving.verdict import table
from serving.verdict.caveats import about, caveats_of
from serving.verdict.progress import Progress
from serving.verdict.verdict import CANNOT_JUDGE, FAKE, REAL, UNSURE
from serving.verdict.view import write_report

COUNTED = ((FAKE, "likely fake"), (REAL, "likely real"), (UNSURE, "unsure"), (CANNOT_JUDGE, "not judged"))


class Output:
    """Takes verdicts from a `Judge` one by one and hands each on.

    Args:
        options: of the command line.
        judge: a `Judge`.
        files: of `find_files`.
        interruption: an `Interruption`.
        annotating: an `Annotating`, or None.

    Attributes:
        verdicts: so far.
        interrupted: 0, or the exit code of the signal that ended it early.
        errors: whether some result could not be written.
    """

    def __init__(self, options, judge, files, interruption, annotating=None):
        self.options, self.judge, self.files, self.annotating = options, judge, files, annotating
        self.interruption = interruption
        self.verdicts, self.interrupted, self.errors = [], 0, False
        for_program = "-" in (options.json, options.csv)
        self._table = None if options.quiet else sys.stderr if for_program else sys.stdout
        self._progress = None

    def run(self):
        """Judge all files and write what is to be written; what is done, too, when it ends early.

        Raises:
            InputError: the model gives what is no number.
        """
        failure = None
        try:
            self._judge()
        except KeyboardInterrupt:  # while the report was written
            self._on_interrupt()
        except Exception as error:
            failure = error
        if self.verdicts:
            for path, write in ((self.options.json, self._write_json), (self.options.csv, self._write_csv)):
                if path == "-":
                    self._attempt("standard output", write, sys.stdout)
                elif path:
                    self._attempt(path, _to_file, path, write)
            self._conclude()
        if failure:
            raise failure

    def _judge(self):
        items, report = self._items(), self.options.report
        if report:
            self._attempt(report, write_report, report, items)
        for _ in items:  # all of them, or those that a report which could not be written has left
            pass

    def _items(self):
        """Yield (verdict, found, heat maps) of each file, as a report takes them; all else is done on the way."""
        options, paths = self.options, self.files.paths
        with Progress(len(paths), options.quiet) as self._progress:
            stage = self._stage
            judged = self.judge.judge_all(paths, kind=options.kind, watch=stage, keep_frames=bool(options.report))
            self._say(table.HEADER)
            try:
                for path, (verdict, found) in zip(paths, judged, strict=True):
                    self.verdicts.append(verdict)
                    self._say(*table.lines_of(verdict, alone=len(paths) == 1))
                    self._annotate(verdict, path)
                    yield verdict, found, self.judge.heat_maps(found, stage) if options.report else {}
                    self._progress.file_done()
                    self.interruption.check()
            except KeyboardInterrupt:
                self._on_interrupt()

    def _stage(self, *of):
        self.interruption.check()
        self._progress.stage(*of)

    def _annotate(self, verdict, path):
        if self.annotating:
            try:
                self.annotating.draw(verdict, path, self._stage)
            except InputError as error:
                self._on_error(error)

    def _attempt(self, name, write, *arguments):
        """Write a result; if that cannot be done, the others are still written."""
        try:
            write(*arguments)
        except InputError as error:
            self._on_error(error)
        except OSError as error:
            self._on_error(f"{name}: cannot be written ({error.strerror})")

    def _write_json(self, stream):
        model = self.verdicts[0].model
        files = []
        for verdict in self.verdicts:
            files.append(verdict.as_dict())
            del files[-1]["model"]  # once is enough
        content = {
            "files": files,
            "model": model,
            "caveats": caveats_of(model),
            "parameters": self.judge.parameters.model_dump(),
            "passed_over": self.files.passed_over,
            "problems": self.files.problems,
            "interrupted": bool(self.interrupted),
        }
        json.dump(content, stream, indent=1, allow_nan=False)
        stream.write("\n")

    def _write_csv(self, stream):
        table.write_csv(stream, self.verdicts)

    def _conclude(self):
        """Below the table: how many there are of each verdict, and what must be known of the model."""
        counts = Counter(verdict.verdict for verdict in self.verdicts)
        told = [f"{counts[key]} {words}" for key, words in COUNTED if counts[key]]
        if self.interrupted:
            told.append(f"interrupted: {len(self.files.paths) - len(self.verdicts)} not looked at")
        if self.files.passed_over:
            told.append(f"{self.files.passed_over} other files passed over")
        self._say("", f"{len(self.verdicts)} file{'s' * (len(self.verdicts) != 1)}: {', '.join(told)}", "")
        model = self.verdicts[0].model
        self._say(*map(table.printable, about(model) + caveats_of(model)))

    def _say(self, *lines):
        try:
            for line in lines:
                if self._table:
                    self._progress.print(line, self._table)
        except BrokenPipeError:  # nobody reads on, as with `| head`; the files are written all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._table.fileno())
            self._table = None

    def _on_interrupt(self):
        self.interrupted = self.interruption.taken()
        print(f"stopped by {signal.Signals(self.interrupted - 128).name}", file=sys.stderr)

    def _on_error(self, error):
        self.errors = True
        self._progress.print(f"error: {error}", sys.stderr)


def _to_file(path, write):
    with (
        whole(path) as beside,
        open(beside, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        write(stream)
