"""Crops as nested lists in JSON, read as arrays: as Python objects, 30 MiB of small lists would take half a gigabyte.

Wherever TensorFlow Serving's protocol has a crop, it is a list in a list: `{"instances": [crop, crop]}`,
`{"instances": [{"crops": crop}]}`, `{"inputs": {"crops": [crop]}}`. Such inner lists are cut out of the text, and what
is left is small.
"""

import numpy as np

from artifacts.crop_size import CROP_SIZE

CROP = (CROP_SIZE, CROP_SIZE, 3)
LONGEST = 32 * CROP_SIZE * CROP_SIZE * 3  # bytes of a crop, with white space; every indentation in use is shorter
CHUNK = 1 << 20  # bytes that are looked at together
_OPEN, _CLOSE, _QUOTE = b'[]"'
_ZERO, _NINE = b"09"
_NUMBER = ord("n")  # stands for a number in the form of a crop


def _form(sizes: tuple[int, ...]) -> bytes:
    """The tokens of a nested list, without white space, each number as `n`."""
    inner = _form(sizes[1:]) if len(sizes) > 1 else b"n"
    return b"[" + b",".join([inner] * sizes[0]) + b"]"


_FORM = np.frombuffer(_form(CROP), np.uint8)


def cut_out(body: bytes, most: int) -> tuple[bytes, list[memoryview]] | None:
    """Cut the lists in lists out of JSON.

    Args:
        body: the text. It may be malformed.
        most: lists in lists that there may be.

    Returns:
        The text with `[0]`, `[1]`, ... in their place, and their own texts. None if there are more, if the
        brackets do not match, or if some stand in a string or follow an escaped quote, which no request has.
    """
    if b'\\"' in body:
        return None
    edges = _edges(body, most)
    if edges is None or len(edges) % 2:
        return None
    whole, last = memoryview(body), 0
    kept: list[bytes | memoryview] = []
    lists: list[memoryview] = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        kept += [whole[last:first], b"[%d]" % len(lists)]
        lists.append(whole[first:end])
        last = end
    return b"".join([*kept, whole[last:]]), lists


def _edges(body: bytes, most: int) -> list[int] | None:
    """Where the lists in lists begin and end, in turns; None as for `cut_out`."""
    edges: list[int] = []
    depth = quotes_before = 0
    for start in range(0, len(body), CHUNK):
        text = np.frombuffer(body, np.uint8, min(CHUNK, len(body) - start), start)
        brackets = np.flatnonzero((text == _OPEN) | (text == _CLOSE))
        quotes = np.flatnonzero(text == _QUOTE)
        if ((np.searchsorted(quotes, brackets) + quotes_before) % 2).any():
            return None
        quotes_before += len(quotes)
        opens = text[brackets] == _OPEN
        after = depth + np.cumsum(np.where(opens, 1, -1))
        if len(after):
            depth = int(after[-1])
            if after.min() < 0:
                return None
        at = (opens & (after == 2)) | (~opens & (after == 1))
        if len(edges) + np.count_nonzero(at) > 2 * most:
            return None
        edges += (start + brackets[at] + ~opens[at]).tolist()
    return edges if depth == 0 else None


def pixels(text: memoryview) -> np.ndarray | None:
    """Read one crop.

    Args:
        text: JSON of a nested list.

    Returns:
        uint8 [256, 256, 3]; None if it is anything else than whole numbers from 0 to 255 of that shape.
    """
    if not len(_FORM) <= len(text) <= LONGEST:
        return None
    data = np.frombuffer(text, np.uint8)
    is_digit = (data >= _ZERO) & (data <= _NINE)
    begins = is_digit & ~np.concatenate([[False], is_digit[:-1]])
    is_space = (data == 32) | ((data >= 9) & (data <= 13) & (data != 11) & (data != 12))
    tokens = np.where(begins, np.uint8(_NUMBER), data)[begins | ~(is_digit | is_space)]
    if not np.array_equal(tokens, _FORM):
        return None
    first = np.flatnonzero(begins)
    last = np.flatnonzero(is_digit & ~np.concatenate([is_digit[1:], [False]]))
    length = last - first + 1
    leading = data[first] - _ZERO
    if (length > 3).any() or ((length > 1) & (leading == 0)).any():
        return None
    values = np.zeros(len(first), np.int32)
    for place in range(3):
        there = length > place
        values[there] = 10 * values[there] + (data[first[there] + place] - _ZERO)
    return values.astype(np.uint8).reshape(CROP) if (values <= 255).all() else None
