"""Tables as people have them: separated by commas, semicolons, tabs or bars, with or without Excel's `sep=` line."""

import csv
import io
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from artifacts.errors import InputError
from components.video_example_gen.dataset_files import read_text

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class Table(NamedTuple):
    """A table with a header.

    Attributes:
        header: names of the columns, in lower case.
        rows: (number of the line, cells) of each row that is not empty; as many cells as the header has.
        separator: what is between two cells.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]
    separator: str


def read_table(path: str, needed: Collection[str], use: str) -> Table:
    """Read a table; the separator is the one with which the first line names the needed columns.

    Args:
        path: the file; UTF-8 or, with a byte order mark, UTF-16. Names in it that are not UTF-8 stay as they are.
        needed: columns that must be there.
        use: what the first line should be, for the message.

    Raises:
        InputError: the file cannot be read, a needed column is missing, or a row has more or fewer cells than the first
            line; names file and line.
    """
    text = read_text(path, any_bytes=True)
    given = re.match(r'"?sep=(.)"?\r?\n', text, re.IGNORECASE)  # Excel's own line
    skipped = 1 if given else 0
    body = text[given.end() :] if given else text
    first = body.partition("\n")[0]
    separator = given[1] if given else separator_of(first, needed)
    header = _names(first, separator)
    lacking = [name for name in needed if name not in header]
    if lacking:
        found = ", ".join(header) if first.strip() else "nothing"
        raise InputError(
            f"{path}:{1 + skipped}: the first line must name the columns, and {' and '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} missing; it names {found}, separated by "
            f"{SEPARATORS.get(separator, repr(separator))}. Use {use}"
        )
    reader = csv.reader(io.StringIO(body), delimiter=separator, skipinitialspace=True)
    rows = []
    try:
        next(reader)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                line = reader.line_num + skipped
                _check_length(f"{path}:{line}", cells, header, separator)
                rows.append((line, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num + skipped}: is not a table ({error})") from error
    return Table(header, rows, separator)


def separator_of(line: str, needed: Collection[str]) -> str:
    """Return the separator with which a line names the needed columns; else the one that is there most often."""
    for separator in SEPARATORS:
        if set(needed) <= set(_names(line, separator)):
            return separator
    return max(SEPARATORS, key=line.count)


def _names(line: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in cells]


def _check_length(where: str, cells: Sequence[str], header: Sequence[str], separator: str) -> None:
    if len(cells) == len(header):
        return
    what = f"{where}: {len(cells)} cells in a table of {len(header)} columns"
    name = SEPARATORS.get(separator, repr(separator))
    whole = separator.join(cells)
    other = next((s for s in SEPARATORS if s != separator and len(_names(whole, s)) == len(header)), None)
    if other and len(header) > 1:
        raise InputError(f"{what}: it seems separated by {SEPARATORS[other]}, and the first line by {name}; use one")
    raise InputError(f"{what}, separated by {name}; quote cells that contain {name}")
