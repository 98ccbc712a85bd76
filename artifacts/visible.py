"""Text of any origin, such as a file's name, in a form that is safe to show and to store."""

import unicodedata
from typing import Any

from artifacts.errors import InputError

# What a file name holds that is not UTF-8: Python keeps each such byte as one of these.
_FIRST_BYTE, _LAST_BYTE = 0xDC80, 0xDCFF


def printable(text: str, keep: str = "") -> str:
    r"""Escape what could control a terminal or turn a line around: controls, ESC, bidi codes, bytes that are not UTF-8.

    Spaces of all widths stay: names of screenshots hold narrow ones, and Japanese names wide ones.

    Args:
        text: may hold anything.
        keep: characters that are left as they are, for example line feeds.

    Example:
        >>> print(printable("a\x1b[2J\u202egpj.exe"))
        a\x1b[2J\u202egpj.exe
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep or unicodedata.category(c) == "Zs" else _escaped(c) for c in text)


def for_page(value: Any) -> Any:
    """Return what a page may show: text as `printable` has it, also within lists and dicts; all else stays.

    A template's `finalize`; what is markup already stays as well.
    """
    if isinstance(value, str):
        return value if hasattr(value, "__html__") else printable(value, keep="\n\t")
    if isinstance(value, dict):
        return {key: for_page(below) for key, below in value.items()}
    if isinstance(value, list):
        return [for_page(below) for below in value]
    return value


def as_text(name: str) -> str:
    r"""Return a name that UTF-8 can hold: a byte that is not UTF-8 becomes visible as `\xNN`, all else stays.

    Example:
        >>> import os
        >>> print(as_text(os.fsdecode(b"caf\xe9.mp4")))
        caf\xe9.mp4
    """
    if text_is_whole(name):
        return name
    return "".join(_escaped(c) if "\ud800" <= c <= "\udfff" else c for c in name)


def text_is_whole(text: str) -> bool:
    """Tell whether UTF-8 can hold a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def require_text(path: str, what: str) -> None:
    """Make sure that TensorFlow, whose paths are UTF-8, can open a path.

    Args:
        path: of a file or a folder.
        what: names it in the error, such as a flag.

    Raises:
        InputError: its name is not UTF-8.
    """
    if not text_is_whole(path):
        raise InputError(
            f"{what}: {as_text(path)}: its name is not UTF-8, which TensorFlow cannot open. Rename it, or give a link "
            "to it whose name is"
        )


def _escaped(character: str) -> str:
    code = ord(character)
    if _FIRST_BYTE <= code <= _LAST_BYTE:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode()
