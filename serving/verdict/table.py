"""Verdicts as lines of text, and as rows of a table for programs."""

import csv

from serving.verdict.statement import WORDS, from_to, percent
from serving.verdict.verdict import CANNOT_JUDGE

HEADER = f"{'verdict':14}{'fake':>13}  {'95 % interval':30}{'frames':>9}  file"
# Columns of a row for programs; a file without a face has one row, whose face columns are empty.
FILE_COLUMNS = (
    "file", "kind", "verdict", "fake_probability", "low", "high", "logit", "center_similarity", "reason", "wanted",
    "with_face", "judged",
)  # fmt: skip
FACE_COLUMNS = (
    "face", "face_verdict", "face_fake_probability", "face_low", "face_high", "face_logit", "face_center_similarity",
    "face_reason", "face_size", "face_frames", "face_first_second", "face_last_second",
)  # fmt: skip


def lines_of(verdict, alone=False):
    """What is said of a file: a line with the figures of the face that decides, all faces if there are several, and notes.

    Args:
        alone: say it in words, too; that is always done where it cannot be judged.
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


def _line(of, frames, what, indent=""):
    probability = "-" if of.verdict == CANNOT_JUDGE else percent(of.fake_probability)
    bounds = from_to(of.interval) if of.interval else "-"
    return f"{indent + WORDS[of.verdict]:14}{probability:>13}  {bounds:30}{frames:>9}  {what}"


def _about(face, kind):
    """How large a face is, when it is seen, and why it is not judged."""
    told = [f"{face.size:.0f} pixels"]
    if kind == "video":
        told.append(f"{face.frames[0].timestamp:.1f} to {face.frames[-1].timestamp:.1f} s")
    if face.reason:
        told.append(face.reason.replace("_", " "))
    return f" ({', '.join(told)})"


def printable(text):
    """Without what would steer a terminal: a file may be called anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def rows_of(verdict):
    """Dicts of `FILE_COLUMNS` and `FACE_COLUMNS`, one for each face; None where there is nothing."""
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


def write_csv(stream, verdicts):
    """Write a header and the rows of `rows_of`."""
    writer = csv.DictWriter(stream, [*FILE_COLUMNS, *FACE_COLUMNS])
    writer.writeheader()
    for verdict in verdicts:
        writer.writerows(rows_of(verdict))
