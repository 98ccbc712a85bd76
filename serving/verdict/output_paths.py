"""Where `python -m serving.predict` writes, checked before the work begins."""

from dataclasses import dataclass

from artifacts.errors import InputError
from artifacts.writing import check_writable

STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class OutputPaths:
    """Where the outputs go; None for those that are not wanted.

    Attributes:
        json, csv: files, or "-" for standard output.
        report: an HTML file.
        quiet: no table and no progress.
    """

    json: str | None = None
    csv: str | None = None
    report: str | None = None
    quiet: bool = False

    def check(self) -> None:
        """Raise `InputError` if a file cannot be written, or if both want standard output."""
        if self.json == self.csv == STANDARD_OUTPUT:
            raise InputError("--json - and --csv -: only one of them can have standard output")
        for path in (self.json, self.csv, self.report):
            if path and path != STANDARD_OUTPUT:
                check_writable(path)
