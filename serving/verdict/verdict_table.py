"""Verdicts as lines of text for people, and as rows of CSV for programs."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from artifacts.visible import as_text, printable
from commands.parser import version
from serving.verdict.outcomes import CANNOT_JUDGE, WORDS
from serving.verdict.statement import from_to, percent
from serving.verdict.verdict_json import FaceVerdict, Verdict

HEADER = f"{'verdict':14}{'fake':>13}  {'95 % interval':30}{'frames':>9}  file"
# Columns of the CSV, one row for each face; a file without a face has one row, whose face columns are empty. `low` and
# `high` are the ends of the interval, `face` is the track counted from 1, `threshold` to `min_score` the options in
# force, `notes` the keys of the notes; for the others see `verdict_json`.
FILE_COLUMNS = (
    "file", "kind", "verdict", "fake_probability", "low", "high", "logit", "center_similarity", "reason", "wanted",
    "with_face", "judged", "doubtful", "sha256", "judged_at", "model_digest", "version", "model", "frames_in_file",
    "threshold", "video_rule", "min_face", "min_score", "notes",
)  # fmt: skip
FACE_COLUMNS = (
    "face", "face_verdict", "face_fake_probability", "face_low", "face_high", "face_logit", "face_center_similarity",
    "face_doubtful", "face_reason", "face_size", "face_frames", "face_first_second", "face_last_second",
)  # fmt: skip
# How text begins that a spreadsheet would take for a formula, in full width as well.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Why faces are doubtful, where their keys do not say it well.
REASONS = {"doubtful_face": "may be no face", "unsteady_face": "may be no face: often lost"}

NO_INTERVAL = (
    "a single picture does not show how much the score varies, and the model does not know how much it usually does"
)
NOT_EXAMINED = "not_examined"  # in place of a verdict

Cell = str | int | float | None


def header_of(verdict: Verdict, alone: bool = False) -> list[str]:
    """The lines above all others, from the first verdict: why a model gives no verdicts, and the names of the columns.

    Args:
        verdict: the first one.
        alone: it is the only one; its statement says why.
    """
    why = verdict.model["not_judged"]
    if why is None or alone:
        return [HEADER]
    return [printable(f"Not judged: this model {why}. The scores below are for those who want them."), "", HEADER]


def lines_of(verdict: Verdict, alone: bool = False) -> list[str]:
    """The lines on a file: the figures of the face that decides, each face if there are several, and notes.

    Args:
        verdict: on the file.
        alone: add the statement, as is always done for files that cannot be assessed.
    """
    decisive = verdict.decisive
    frames = f"{len(decisive.frames) if decisive else 0}/{verdict.wanted}"
    lines = [_line(decisive or verdict, frames, verdict.file)]
    by_doubtful = decisive is not None and decisive.doubtful
    if alone or verdict.verdict == CANNOT_JUDGE or by_doubtful:
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
    words = "doubtful" if isinstance(of, FaceVerdict) and of.verdict == CANNOT_JUDGE else WORDS[of.verdict]
    return f"{indent + words:14}{probability:>13}  {bounds:30}{frames:>9}  {what}"


def _about(face: FaceVerdict, kind: str | None) -> str:
    """How large a face is, when it is seen, and why it is doubtful."""
    parts = [f"{face.size:.0f} pixels"]
    if kind == "video":
        parts.append(f"{face.frames[0].timestamp:.1f} to {face.frames[-1].timestamp:.1f} s")
    if face.reason:
        why = REASONS.get(face.reason, face.reason.replace("_", " "))
        parts.append(why if face.verdict == CANNOT_JUDGE else f"doubtful: {why}")
    return f" ({', '.join(parts)})"


def explained(verdicts: Sequence[Verdict]) -> list[str]:
    """Lines below a table on what in it does not explain itself: the counts of frames, and where an interval lacks."""
    decided = [(verdict, verdict.decisive) for verdict in verdicts if verdict.decisive is not None]
    lines = []
    if any(verdict.kind == "video" for verdict, _ in decided):
        lines.append("frames: how many of those examined, evenly spaced over the clip, show the face that decides")
    if any(verdict.kind != "video" and face and face.interval is None for verdict, face in decided):
        lines.append(f"no interval: {NO_INTERVAL}")
    return lines


def rows_of(verdict: Verdict) -> Iterator[dict[str, Cell]]:
    """Yield the CSV rows of a file: `FILE_COLUMNS` and `FACE_COLUMNS`."""
    low, high = verdict.interval or (None, None)
    row = {name: getattr(verdict, name) for name in FILE_COLUMNS if hasattr(verdict, name)} | {"low": low, "high": high}
    row |= {"sha256": verdict.info.get("sha256"), "frames_in_file": verdict.info.get("frames"), "version": version()}
    row |= {"model": verdict.model["name"], "model_digest": verdict.model["digest"], "notes": " ".join(verdict.notes)}
    row |= {name: verdict.parameters[name] for name in ("video_rule", "min_face", "min_score")}
    for face in verdict.faces:
        low, high = face.interval or (None, None)
        frames = face.frames
        values = (
            face.track + 1, face.verdict, face.fake_probability, low, high, face.logit, face.center_similarity,
            "yes" if face.doubtful else "no", face.reason, face.size, len(frames), frames[0].timestamp,
            frames[-1].timestamp,
        )  # fmt: skip
        yield row | dict(zip(FACE_COLUMNS, values, strict=True))
    if not verdict.faces:
        yield row | dict.fromkeys(FACE_COLUMNS)


def write_csv(
    stream: TextIO, verdicts: Iterable[Verdict], line_end: str = "\r\n", not_examined: Sequence[str] = ()
) -> None:
    """Write the header and the rows of all files; no text in them is a formula to a sheet, or controls a terminal.

    Args:
        stream: gets the CSV.
        verdicts: on the files.
        line_end: of each row.
        not_examined: names of the files that an interrupted command left; each has a row that says so.
    """
    columns = [*FILE_COLUMNS, *FACE_COLUMNS]
    writer = csv.DictWriter(stream, columns, lineterminator=line_end)
    # Where the list separator is ";", a sheet would split "a;=1+1.mp4" in two, unless it stands in quotes.
    quoting = csv.DictWriter(stream, columns, lineterminator=line_end, quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    left: list[dict[str, Cell]] = [
        {"file": as_text(name), "verdict": NOT_EXAMINED, "reason": "interrupted"} for name in not_examined
    ]
    for rows in (*map(rows_of, verdicts), left):
        for row in rows:
            cells = {name: harmless(value) for name, value in row.items()}
            splits = any(isinstance(value, str) and ";" in value for value in cells.values())
            (quoting if splits else writer).writerow(cells)


def harmless(cell: Cell) -> Cell:
    """A cell as a spreadsheet may open it: text that it would run as a formula gets an apostrophe in front.

    Control characters are escaped: the file may be shown on a terminal.
    """
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
