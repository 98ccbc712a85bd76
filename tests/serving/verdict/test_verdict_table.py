"""Lines for people, rows for programs."""

import csv
import io

import pytest

from serving.verdict import verdict_table
from serving.verdict.verdict_options import VerdictOptions


@pytest.fixture
def verdict(made):
    """Face 1 is real, face 2 fake, face 3 seen twice."""
    rows = (
        [(0, k, -2.0 + 0.1 * (-1) ** k) for k in range(8)]
        + [(1, k, 2.0) for k in range(8)]
        + [(2, k, 0) for k in (0, 50)]
    )
    found = made.found_of(rows, rejects=[made.reject("note", "hdr", "bright")])
    return made.verdict_of(*found, VerdictOptions())


def test_lines(verdict):
    first, statement, *faces, note = verdict_table.lines_of(verdict, alone=True)
    assert " ".join(first.split()) == "likely fake 88.1 % 88.1 % 8/32 clip.mp4"
    assert statement.strip() == verdict.statement and note.strip() == "note: bright"
    assert faces[0].split("  ")[1].strip() == "likely real" and "8/32" in faces[0]
    assert faces[0].endswith("face 1 (80 pixels, 0.0 to 0.3 s)")
    assert " ".join(faces[2].split()) == "cannot judge - - 2/32 face 3 (80 pixels, 0.0 to 2.0 s, too few frames)"
    places = {line.index("face ") if "face " in line else line.index("clip") for line in (first, *faces)}
    assert places == {verdict_table.HEADER.index("file")}  # the columns stand below each other


def test_a_file_has_the_figures_of_the_face_that_decides(made):
    """The first one may be more of a fake, but nobody knows."""
    rows = [(0, k, 2.5 + 9 * (-1) ** k) for k in range(8)] + [(1, k, 2.0) for k in range(8)]
    verdict = made.verdict_of(*made.found_of(rows), VerdictOptions())
    first, *faces = verdict_table.lines_of(verdict)
    assert first.split()[2:6] == ["88.1", "%", "88.1", "%"] == faces[1].split()[2:6]


def test_one_face_needs_no_line_of_its_own(made):
    lines = verdict_table.lines_of(
        made.verdict_of(*made.found_of([(0, 0, 1.0)], kind="image", wanted=1), VerdictOptions())
    )
    assert [" ".join(line.split()) for line in lines] == ["likely fake 73.1 % - 1/1 clip.mp4"]


def test_why_nothing_is_said_is_always_said(made):
    verdict = made.verdict_of(*made.found_of([], rejects=[made.reject("video", "no_face")]), VerdictOptions())
    assert verdict_table.lines_of(verdict)[1].strip() == verdict.statement


def test_a_name_cannot_steer_the_terminal(made):
    found, scores = made.found_of([])
    odd = made.verdict_of(
        type(found)("\x1b[2Jé\n\udcff.mp4", None, [], [made.reject("video", "empty_file", "x")], 0, {}),
        scores,
        VerdictOptions(),
    )
    assert verdict_table.lines_of(odd)[0].endswith("  \\x1b[2Jé\\n\\udcff.mp4")


def test_rows_are_flat_and_keep_every_digit(verdict):
    stream = io.StringIO(newline="")
    verdict_table.write_csv(stream, [verdict])
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert [row["face"] for row in rows] == ["1", "2", "3"]
    assert list(rows[0]) == [*verdict_table.FILE_COLUMNS, *verdict_table.FACE_COLUMNS]
    for row, face in zip(rows, verdict.faces, strict=True):
        assert row["file"] == "clip.mp4" and float(row["fake_probability"]) == verdict.fake_probability
        assert float(row["low"]) == verdict.interval[0] and row["face_verdict"] == face.verdict
        assert float(row["face_logit"]) == face.logit and int(row["face_frames"]) == len(face.frames)
    assert rows[2]["face_fake_probability"] == rows[2]["face_low"] == "" and rows[2]["face_reason"] == "too_few_frames"
    assert float(rows[2]["face_last_second"]) == 2.0


def test_a_file_without_faces_has_one_row(made):
    verdict = made.verdict_of(*made.found_of([], rejects=[made.reject("video", "no_face")]), VerdictOptions())
    (row,) = verdict_table.rows_of(verdict)
    assert row["reason"] == "no_face" and row["face"] is None and row["fake_probability"] is None
