import pytest

from evaluation.report.evidence import FEW, Evidence, warning_of


@pytest.mark.parametrize(
    ("evidence", "low", "high", "short"),
    [
        (Evidence(30, 30, 30, 30), 0.9, 0.99, None),
        (Evidence(30, 29, 30, 29), 0.9, 0.99, "few videos"),
        (Evidence(29, 30, 29, 30), 0.9, 0.99, "few videos"),
        (Evidence(960, 32, 30, 1), 0.9, 0.99, "few videos"),  # 32 frames of one video are no 32 videos
        (Evidence(30, 30, 30, 30), 0.8, 0.95, "wide interval"),
        (Evidence(30, 30, 30, 30), None, None, "no interval"),
        (Evidence(30, 1, 30, 1), None, None, "few videos"),
    ],
)
def test_warns_of_what_proves_little(evidence, low, high, short):
    warning = warning_of(evidence, low, high)
    assert (warning and warning.short) == short


def test_the_note_counts_the_videos():
    note = warning_of(Evidence(96_000, 32, 3_000, 1), 0.9, 0.95).note
    assert note.startswith("3,000 real and 1 fake video:") and str(FEW) in note
