"""Where `python -m serving.predict` writes, checked before the work begins."""

from dataclasses import dataclass

from artifacts.errors import InputError
from artifacts.writing import check_writable
from commands.output_files import OutputFile
from serving.verdict.own_outputs import is_csv, is_json, is_report

STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class OutputPaths:
    """Where the outputs go; None for those that are not wanted.

    Attributes:
        json, csv: files, or "-" for standard output.
        report: an HTML file.
        quiet: no table and no progress.
        overwrite: files that this command did not make may be replaced.
    """

    json: str | None = None
    csv: str | None = None
    report: str | None = None
    quiet: bool = False
    overwrite: bool = False

    def files(self) -> list[OutputFile]:
        """The files that are wanted."""
        named = (("--json", self.json, is_json), ("--csv", self.csv, is_csv), ("--report", self.report, is_report))
        return [OutputFile(flag, path, own) for flag, path, own in named if path and path != STANDARD_OUTPUT]

    def check(self) -> None:
        """Raise `InputError` if a file cannot be written, or if both want standard output."""
        if self.json == self.csv == STANDARD_OUTPUT:
            raise InputError("--json - and --csv -: only one of them can have standard output")
        for file in self.files():
            check_writable(file.path)
