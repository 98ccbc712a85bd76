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
    assert " ".join(faces[2].split()) == "doubtful - - 2/32 face 3 (80 pixels, 0.0 to 2.0 s, too few frames)"
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
    assert verdict_table.lines_of(odd)[0].endswith("  \\x1b[2Jé\\n\\xff.mp4")


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


@pytest.mark.parametrize("sign", list("=+-@＝＋－＠"))
def test_text_that_a_sheet_would_run_gets_an_apostrophe(sign):
    assert verdict_table.harmless(f"{sign}1+1") == f"'{sign}1+1"
    assert verdict_table.harmless(f"a{sign}1") == f"a{sign}1"


def test_text_of_a_cell_controls_no_terminal():
    assert verdict_table.harmless("\t=1\x1b]0;a\x07\n\u202eb.mp4") == r"\t=1\x1b]0;a\x07\n\u202eb.mp4"


def test_numbers_stay_numbers():
    assert [verdict_table.harmless(value) for value in (-1.5, 3, None)] == [-1.5, 3, None]


def test_a_sheet_that_separates_by_semicolons_does_not_find_a_formula(made):
    found, scores = made.found_of([])
    name = "a;=cmd|'/C calc'!A0;.mp4"
    odd = made.verdict_of(
        type(found)(name, None, [], [made.reject("video", "empty_file", "x")], 0, {}), scores, VerdictOptions()
    )
    stream = io.StringIO(newline="")
    verdict_table.write_csv(stream, [odd])
    by_semicolon = list(csv.reader(io.StringIO(stream.getvalue(), newline=""), delimiter=";"))
    assert not any(cell.startswith("=") for row in by_semicolon for cell in row)
    (row,) = csv.DictReader(io.StringIO(stream.getvalue(), newline=""))
    assert row["file"] == name and row["low"] == ""


def test_a_doubtful_face_that_decides_is_told_with_its_reason_also_among_other_files(made):
    rows = [(0, k, -2.0) for k in range(10)] + [(1, k, 2.0) for k in (0, 20)]
    lines = verdict_table.lines_of(made.verdict_of(*made.found_of(rows), VerdictOptions()))
    assert lines[0].startswith("unsure") and lines[1].strip().startswith("Unsure: only a doubtful face (2) looks fake")
    assert lines[3].strip().startswith("unsure") and lines[3].endswith("s, doubtful: too few frames)")
    row = list(verdict_table.rows_of(made.verdict_of(*made.found_of(rows), VerdictOptions())))[1]
    assert (row["doubtful"], row["face_doubtful"], row["face_reason"]) == (1, "yes", "too_few_frames")
