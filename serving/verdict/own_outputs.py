"""How earlier outputs of `python -m serving.predict` are recognised, so that the same command may be given again."""

import mmap
import os

PROGRAM = "deepfake-predict"
MARK = f"Made by {PROGRAM}"  # in pages and copies; JSON has a field, and the columns of CSV tell
_HEAD = 1 << 12  # bytes


def is_json(path: str) -> bool:
    """Tell whether a file is JSON as `--json` writes it, in this version or before."""
    head = _head(path).lstrip()
    known = (f'"made_by": "{PROGRAM}"'.encode(), b'"files": [')
    return head.startswith(b"{") and head[1:].lstrip().startswith(known)


def is_csv(path: str) -> bool:
    """Tell whether a file is CSV as `--csv` writes it."""
    return _head(path).startswith(b"file,kind,verdict,fake_probability,low,high,")


def is_report(path: str) -> bool:
    """Tell whether a file is a page as `--report` writes it."""
    head = _head(path)
    return head.lstrip().lower().startswith(b"<!doctype html") and MARK.encode() in head


def is_copy(path: str) -> bool:
    """Tell whether a file is a drawn copy: its comment says so, which may stand at either end."""
    with open(path, "rb") as stream:
        if not os.fstat(stream.fileno()).st_size:
            return False
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(MARK.encode()) >= 0


def _head(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(_HEAD)
