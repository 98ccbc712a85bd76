import pytest

from artifacts.words import counted, duration, noun, shown


@pytest.mark.parametrize(("number", "text"), [(0, "0 videos"), (1, "1 video"), (2, "2 videos"), (4996, "4,996 videos")])
def test_nouns_agree_with_their_numbers(number, text):
    assert counted(number, "video") == text


def test_a_plural_of_its_own():
    assert counted(1, "person", "people") == "1 person" and counted(3, "person", "people") == "3 people"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (13.646515791104001, "13.65"),
        (0.9940200617283951, "0.994"),
        (1.0, "1"),
        (7, "7"),
        (True, "yes"),
        (None, "None"),
        ("BLESSED", "BLESSED"),
        ({"signatures": ["crops", "heat_maps"], "gap": 0.0}, "signatures crops heat_maps, gap 0"),
    ],
)
def test_figures_are_shown_without_brackets_and_tails(value, text):
    assert shown(value) == text


@pytest.mark.parametrize(("kinds", "text"), [({"crop"}, "crop"), ({"image"}, "picture"), ({"crop", "video"}, "file")])
def test_files_are_called_what_they_are(kinds, text):
    assert noun(kinds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (99, "99 s"), (720, "12 min"), (3599, "1 h 0 min"), (178299, "49 h 32 min")]
)
def test_times_are_told_in_units_that_fit(seconds, text):
    assert duration(seconds) == text
