"""Models whose scores are not put into words."""

import pytest

from serving.verdict.reliance import why_not_judged


def card(*rows, **more):
    tested = [
        {"dataset": dataset, "method": method, "level": level, "auc": auc} for dataset, method, level, auc in rows
    ]
    return {"tested_on": tested, **more}


def auc(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (None, "has no card: what it was trained and tested on is not known"),
        ({}, "has no card: what it was trained and tested on is not known"),
        ({"name": "x"}, "was not tested on files that it was not trained on"),
        (card(("a", None, "video", auc(None))), "was not tested on files that it was not trained on"),
        (card(("a", "df", "video", auc(0.99))), "was not tested on files that it was not trained on"),
        (
            card(("sample", None, "video", auc(1.0, 1.0, 1.0)), caveats={"sample": "drawn, no real fakes."}),
            "was tested on 'sample' alone (drawn, no real fakes)",
        ),
        (
            card(("a", None, "video", auc(0.52, 0.41, 0.63))),
            "can hardly be told from guessing on its own test set (AUC 0.52, 0.41 to 0.63)",
        ),
        (card(("a", None, "video", auc(0.55))), "can hardly be told from guessing on its own test set (AUC 0.55)"),
        (
            card(("a", None, "video", auc(0.8, 0.48, 1.0))),  # three videos
            "can hardly be told from guessing on its own test set (AUC 0.80, 0.48 to 1.00)",
        ),
        (
            card(("s", None, "video", auc(1.0)), ("a", None, "video", auc(0.5)), caveats={"s": "drawn"}),
            "can hardly be told from guessing on its own test set (AUC 0.50)",
        ),
        # Videos count, not frames.
        (
            card(("a", None, "frame", auc(0.9)), ("a", None, "video", auc(0.5))),
            "can hardly be told from guessing on its own test set (AUC 0.50)",
        ),
    ],
)
def test_why_it_is_not(of, why):
    assert why_not_judged(of) == why


@pytest.mark.parametrize(
    "of",
    [
        card(("a", None, "video", auc(0.97, 0.95, 0.99))),
        card(("a", None, "frame", auc(0.97, 0.95, 0.99))),
        card(("a", None, "video", auc(0.5)), ("b", None, "video", auc(0.9, 0.8, 0.95))),
        card(("a", None, "video", auc(0.9)), ("s", None, "video", auc(1.0)), caveats={"s": "drawn"}),
        card(("a", None, "video", auc(0.9)), caveats=["of one data set only"]),
    ],
)
def test_what_is_judged(of):
    assert why_not_judged(of) is None
