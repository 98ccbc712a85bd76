"""A verdict in words."""

from dataclasses import replace

import pytest

from serving.verdict import verdict_table
from serving.verdict.drawing_plan import plan_of
from serving.verdict.statement import from_to, percent
from serving.verdict.verdict_options import VerdictOptions


@pytest.fixture
def said(made):
    """said(rows, **of found_of) -> the statement."""

    def said(rows, **fields):
        found, scores = made.found_of(rows, **fields)
        return made.verdict_of(found, scores, VerdictOptions()).statement

    return said


def rows(track, logit, count=8, swing=0.0):
    return [(track, k, logit + swing * (-1) ** k) for k in range(count)]


def test_one_face(said):
    assert said(rows(0, 0.0 + 2)) == (
        "Likely fake: the face is fake with a probability of 88.1 % (95 % interval 88.1 %), based on 8 of 32 frames "
        "examined, evenly spaced over the clip's 250."
    )
    assert said(rows(0, -9.0)).startswith("Likely real: the face is fake with a probability of below 0.1 %")
    assert said(rows(0, 0.1, swing=3.0)).startswith(
        "Unsure: the face is fake with a probability of 52.5 % (95 % interval"
    )


def test_of_several_faces_it_names_the_one_that_decides(said):
    assert said(rows(0, -3.0) + rows(1, 2.0)).startswith(
        "Likely fake: face 2 of 2 is fake with a probability of 88.1 %"
    )
    # The second face may be more of a fake, but nobody knows; the first one is one.
    text = said(rows(0, 2.0) + rows(1, 2.5, swing=9.0))
    assert text.startswith("Likely fake: face 1 of 2 is fake with a probability of 88.1 % (95 % interval 88.1 %")


def test_doubtful_faces_are_counted_apart(said):
    few = rows(1, -3.0, count=2)
    assert said(rows(0, 2.0) + few) == (
        "Likely fake: the face is fake with a probability of 88.1 % (95 % interval 88.1 %), based on 8 of 32 frames "
        "examined, evenly spaced over the clip's 250. There is also 1 doubtful face, which is not counted."
    )
    text = said(rows(0, -2.0) + few + rows(2, -3.0, count=2) + rows(3, 2.0))
    assert text.startswith("Likely fake: face 4 is fake") and text.endswith(
        "There are also 2 doubtful faces, which are not counted."
    )


def test_a_picture_has_no_frames(said):
    assert said([(0, 0, 2.0)], kind="image", wanted=1) == "Likely fake: the face is fake with a probability of 88.1 %."


@pytest.mark.parametrize(
    "rows, fields, text",
    [
        ([], {"rejects": [("video", "no_face", "no face in any chosen frame")]},
         "Cannot judge: no face was found in any of the 32 examined frames."),
        ([], {"kind": "image", "wanted": 1, "rejects": [("video", "no_face", "")]},
         "Cannot judge: no face was found in the picture."),
        ([], {"kind": None, "wanted": 0, "rejects": [("video", "too_long", "its 700.0 s are more than 600 s")]},
         "Cannot judge: its 700.0 s are more than 600 s."),
        (rows(0, 3.0), {"size": 25.0}, "Cannot judge: the face is too small (25 pixels; --min_face asks for 32)."),
        (rows(0, 3.0), {"score": 0.8},
         "Cannot judge: the detector doubts that what it found is a face (it is 80.0 % sure)."),
        (rows(0, 3.0, count=3), {},
         "Cannot judge: too few frames show a face (3 of the 32 examined; --min_frames asks for 4)."),
    ],
)  # fmt: skip
def test_why_it_cannot_be_judged(rows, fields, text, said, made):
    fields = fields | {"rejects": [made.reject(*row) for row in fields.get("rejects", ())]}
    assert said(rows, **fields) == text


def test_a_clip_of_which_every_frame_was_examined(made):
    found, scores = made.found_of(rows(0, 2.0), wanted=8)
    found.info["frames"] = 8
    verdict = made.verdict_of(found, scores, VerdictOptions())
    assert verdict.statement.endswith("based on 8 of 8 frames examined, all that the clip has.")
    del found.info["frames"]
    assert made.verdict_of(found, scores, VerdictOptions()).statement.endswith("based on 8 of 8 frames examined.")


def test_the_count_of_frames_is_one_wherever_it_stands(made):
    """That of the face which decides, although others were judged in more frames."""
    found, scores = made.found_of(rows(0, -3.0, count=23) + rows(1, 2.0))
    verdict = made.verdict_of(found, scores, VerdictOptions())
    assert verdict.judged == 23 and "based on 8 of 32 frames" in verdict.statement
    assert "  8/32  " in verdict_table.lines_of(verdict)[0]
    assert "8 of 32 frames" in plan_of(verdict)["captions"][0]


def test_a_face_whose_number_is_beyond_how_many_there_are(made):
    """Of one between them nothing could be cut out."""
    found, scores = made.found_of(rows(0, -3.0) + rows(2, 2.0))
    assert "face 3 is fake" in made.verdict_of(found, scores, VerdictOptions()).statement


@pytest.mark.parametrize(
    "probability, text",
    [
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (0.0004, "below 0.1 %"),
        (0.9996, "above 99.9 %"),
        (0.5, "50.0 %"),
        (0.999, "99.9 %"),
    ],
)
def test_per_cent_never_round_to_what_is_sure(probability, text):
    assert percent(probability) == text


def test_the_reason_stands_for_itself_where_nobody_says_more(made):
    found, scores = made.found_of([], kind=None, rejects=[made.reject("video", "decoder_crashed")])
    verdict = made.verdict_of(found, scores, VerdictOptions())
    assert verdict.statement == "Cannot judge: decoder crashed."
    assert replace(verdict, statement="").reason == "decoder_crashed"


def test_an_interval_in_words():
    assert from_to((0.2, 0.3)) == "20.0 % to 30.0 %" and from_to((0.9995, 0.9999)) == "above 99.9 %"
