"""No text from outside controls a terminal, and every name can be stored."""

import os

import pytest

from artifacts.visible import as_text, for_page, printable


@pytest.mark.parametrize(
    "text, shown",
    [
        ("clip é 映.mp4", "clip é 映.mp4"),
        ("\x1b]0;title\x07.mp4", r"\x1b]0;title\x07.mp4"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("a\u2066b\u200f", r"a\u2066b\u200f"),
        ("\x9b2J\x85\x7f", r"\x9b2J\x85\x7f"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("3.04\u202fPM 動画\u3000一.mp4", "3.04\u202fPM 動画\u3000一.mp4"),
        ("a\u2028b\u200b", r"a\u2028b\u200b"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_could_control_a_terminal_is_escaped(text, shown):
    assert printable(text) == shown and printable(shown) == shown


def test_some_characters_may_be_kept():
    assert printable("a\n\x1b\tb", keep="\n\t") == "a\n\\x1b\tb"


def test_a_name_that_is_not_utf8_stays_readable_and_nothing_else_changes():
    assert as_text(os.fsdecode(b"caf\xe9 \x1b.mp4")) == "caf\\xe9 \x1b.mp4"
    assert as_text("é\u202e\n") == "é\u202e\n"
    assert as_text("\ud800").encode() == b"\\ud800"


def test_pages_show_no_controls_at_any_depth():
    class Markup(str):
        def __html__(self):
            return self

    given = {"a\x1b": ["\u202e\n", 1, None, {"b": "\x9b"}], "c": Markup("\x1b")}
    assert for_page(given) == {"a\x1b": ["\\u202e\n", 1, None, {"b": "\\x9b"}], "c": "\x1b"}
