"""Verdicts as lines of text for people, and as rows of CSV for programs."""

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from serving.verdict.outcomes import CANNOT_JUDGE, WORDS
from serving.verdict.statement import from_to, percent
from serving.verdict.verdict_json import FaceVerdict, Verdict

HEADER = f"{'verdict':14}{'fake':>13}  {'95 % interval':30}{'frames':>9}  file"
# Columns of the CSV, one row for each face; a file without a face has one row, whose face columns are empty. `low` and
# `high` are the ends of the interval, `face` is the track counted from 1; for the others see `verdict_json`.
FILE_COLUMNS = (
    "file", "kind", "verdict", "fake_probability", "low", "high", "logit", "center_similarity", "reason", "wanted",
    "with_face", "judged",
)  # fmt: skip
FACE_COLUMNS = (
    "face", "face_verdict", "face_fake_probability", "face_low", "face_high", "face_logit", "face_center_similarity",
    "face_reason", "face_size", "face_frames", "face_first_second", "face_last_second",
)  # fmt: skip

Cell = str | int | float | None


def lines_of(verdict: Verdict, alone: bool = False) -> list[str]:
    """The lines on a file: the figures of the face that decides, each face if there are several, and notes.

    Args:
        verdict: on the file.
        alone: add the statement, as is always done for files that cannot be assessed.
    """
    frames = f"{verdict.judged}/{verdict.wanted}"
    lines = [_line(verdict.decisive or verdict, frames, verdict.file)]
    if alone or verdict.verdict == CANNOT_JUDGE:
        lines.append(f"    {verdict.statement}")
    if len(verdict.faces) > 1:
        for face in verdict.faces:
            seen = f"{len(face.frames)}/{verdict.wanted}"
            lines.append(_line(face, seen, f"face {face.track + 1}{_about(face, verdict.kind)}", indent="  "))
    lines += [f"    note: {text}" for text in verdict.notes.values()]
    return [printable(line) for line in lines]


def _line(of: Verdict | FaceVerdict, frames: str, what: str, indent: str = "") -> str:
    probability = "-" if of.fake_probability is None else percent(of.fake_probability)
    bounds = from_to(of.interval) if of.interval else "-"
    return f"{indent + WORDS[of.verdict]:14}{probability:>13}  {bounds:30}{frames:>9}  {what}"


def _about(face: FaceVerdict, kind: str | None) -> str:
    """How large a face is, when it is seen, and why it is not assessed."""
    parts = [f"{face.size:.0f} pixels"]
    if kind == "video":
        parts.append(f"{face.frames[0].timestamp:.1f} to {face.frames[-1].timestamp:.1f} s")
    if face.reason:
        parts.append(face.reason.replace("_", " "))
    return f" ({', '.join(parts)})"


def printable(text: str) -> str:
    """Escape characters that could control a terminal: a file may have any name."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def rows_of(verdict: Verdict) -> Iterator[dict[str, Cell]]:
    """Yield the CSV rows of a file: `FILE_COLUMNS` and `FACE_COLUMNS`."""
    low, high = verdict.interval or (None, None)
    names = [name for name in FILE_COLUMNS if name not in ("low", "high")]
    row = {name: getattr(verdict, name) for name in names} | {"low": low, "high": high}
    for face in verdict.faces:
        low, high = face.interval or (None, None)
        frames = face.frames
        values = (
            face.track + 1, face.verdict, face.fake_probability, low, high, face.logit, face.center_similarity,
            face.reason, face.size, len(frames), frames[0].timestamp, frames[-1].timestamp,
        )  # fmt: skip
        yield row | dict(zip(FACE_COLUMNS, values, strict=True))
    if not verdict.faces:
        yield row | dict.fromkeys(FACE_COLUMNS)


def write_csv(stream: TextIO, verdicts: Iterable[Verdict]) -> None:
    """Write the header and the rows of all files."""
    writer = csv.DictWriter(stream, [*FILE_COLUMNS, *FACE_COLUMNS])
    writer.writeheader()
    for verdict in verdicts:
        writer.writerows(rows_of(verdict))
