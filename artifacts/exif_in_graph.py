"""`artifacts.exif_orientation` as TensorFlow operations, for graphs that decode pictures; the rules are there."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from artifacts import exif_orientation as exif


def upright_jpeg(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Turn a picture as the metadata of its JPEG ask.

    Args:
        image: uint8 [height, width, 3], as stored.
        encoded: string scalar, the file that it was decoded from.
    """
    return _turned_upright(image, _of_tiff(_find(encoded, 2, _jpeg_segment)))


def upright_png(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Turn a picture as the metadata of its PNG ask; see `upright_jpeg`."""
    return _turned_upright(image, _of_tiff(_find(encoded, len(exif.PNG), _png_chunk)))


def upright_webp(image: tf.Tensor, encoded: tf.Tensor) -> tf.Tensor:
    """Turn a picture as the metadata of its WebP ask; see `upright_jpeg`."""
    return tf.cond(
        _holds(encoded, 8, exif.EXTENDED_WEBP),
        lambda: _turned_upright(image, _of_tiff(_find(encoded, 12, _webp_chunk))),
        lambda: image,
    )


def _turned_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn and mirror a picture: `exif_orientation.turned_upright`."""

    def transposed() -> tf.Tensor:
        # By the places of the pixels: TensorFlow complains on standard error about a graph that transposes integers.
        height, width = tf.unstack(tf.shape(image)[:2])
        places = width * tf.range(height)[None, :] + tf.range(width)[:, None]
        return tf.gather(tf.reshape(image, [-1, 3]), places)

    def turned() -> tf.Tensor:
        is_transposed, is_mirrored, is_upside_down = (
            _is_one_of(orientation, of) for of in (exif.TRANSPOSED, exif.MIRRORED, exif.UPSIDE_DOWN)
        )
        stored = tf.cond(is_transposed, transposed, lambda: image)
        return tf.reverse(stored, tf.where([is_upside_down, is_mirrored])[:, 0])

    return tf.ensure_shape(tf.cond(tf.equal(orientation, exif.UPRIGHT), lambda: image, turned), [None, None, 3])


class _Segment(NamedTuple):
    """A part of a file.

    Attributes:
        has_exif: boolean scalar.
        is_last: no EXIF comes after it, boolean scalar.
        start: of what it holds, int64 scalar.
        length: of what it holds, int64 scalar.
        next: where the next part begins, int64 scalar.
    """

    has_exif: tf.Tensor
    is_last: tf.Tensor
    start: tf.Tensor
    length: tf.Tensor
    next: tf.Tensor


def _find(encoded: tf.Tensor, start: int, segment_at: Callable[[tf.Tensor, tf.Tensor], _Segment]) -> tf.Tensor:
    """Go from part to part; return the EXIF metadata, string scalar, empty if there is none."""

    def step(at: tf.Tensor, found: tf.Tensor, more: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        segment = segment_at(encoded, at)
        found = tf.cond(segment.has_exif, lambda: _part(encoded, segment.start, segment.length), lambda: found)
        return segment.next, found, ~(segment.has_exif | segment.is_last)

    state = (tf.constant(start, tf.int64), tf.constant(b""), tf.constant(True))
    _, found, _ = tf.while_loop(
        lambda at, found, more: more, step, state, maximum_iterations=exif.MAX_SEGMENTS, parallel_iterations=1
    )
    return found


def _jpeg_segment(encoded: tf.Tensor, at: tf.Tensor) -> _Segment:
    head = _bytes(encoded, at, 4)
    marker, length = head[1], _number(head[2:4], is_little=False)
    is_fill = tf.equal(marker, exif.FILL)
    is_over = (head[0] != 0xFF) | (at + 1 >= _size(encoded)) | _is_one_of(marker, (exif.SCAN, exif.END))
    is_last = is_over | (~is_fill & (length < 2))
    has_exif = ~is_last & tf.equal(marker, exif.APP1) & _holds(encoded, at + 4, exif.PREFIX)
    return _Segment(has_exif, is_last, at + 4, length - 2, at + tf.where(is_fill, tf.constant(1, tf.int64), 2 + length))


def _png_chunk(encoded: tf.Tensor, at: tf.Tensor) -> _Segment:
    length = _number(_bytes(encoded, at, 4), is_little=False)
    is_last = (at + 8 > _size(encoded)) | _holds(encoded, at + 4, b"IDAT")
    return _Segment(_holds(encoded, at + 4, b"eXIf"), is_last, at + 8, length, at + 12 + length)


def _webp_chunk(encoded: tf.Tensor, at: tf.Tensor) -> _Segment:
    length = _number(_bytes(encoded, at + 4, 4), is_little=True)
    is_last = at + 4 > _size(encoded)
    return _Segment(_holds(encoded, at, b"EXIF"), is_last, at + 8, length, at + 8 + length + length % 2)


def _of_tiff(tiff: tf.Tensor) -> tf.Tensor:
    """Return the orientation that metadata ask for, int64 scalar."""
    return tf.cond(_size(tiff) > 0, lambda: _of_directory(tiff), lambda: tf.constant(exif.UPRIGHT, tf.int64))


def _of_directory(tiff: tf.Tensor) -> tf.Tensor:
    start = tf.where(_holds(tiff, 0, exif.PREFIX), tf.constant(len(exif.PREFIX), tf.int64), 0)
    tiff = _part(tiff, start, _size(tiff))
    is_little, is_big = _holds(tiff, 0, b"II*\0"), _holds(tiff, 0, b"MM\0*")
    directory = _number(_bytes(tiff, 4, 4), is_little)
    fitting = tf.maximum((_size(tiff) - directory - 2) // exif.ENTRY, 0)
    count = tf.minimum(_number(_bytes(tiff, directory, 2), is_little), fitting)
    read = tf.io.decode_raw(_part(tiff, directory + 2, exif.ENTRY * count), tf.uint8)
    entries = tf.cast(tf.reshape(read, [-1, exif.ENTRY]), tf.int64)
    entries = tf.concat([entries, tf.zeros([1, exif.ENTRY], tf.int64)], 0)  # so that there always is one
    entry = entries[tf.argmax(tf.equal(_number(entries[:, :2], is_little), exif.ORIENTATION_TAG))]
    tag, kind, orientation = (_number(entry[k : k + 2], is_little) for k in (0, 2, 8))
    is_one_short = tf.equal(kind, exif.SHORT) & tf.equal(_number(entry[4:8], is_little), 1)
    is_known = (is_little | is_big) & tf.equal(tag, exif.ORIENTATION_TAG) & is_one_short
    return tf.where(is_known & _is_one_of(orientation, tuple(exif.ORIENTATIONS)), orientation, exif.UPRIGHT)


def _size(encoded: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(encoded), tf.int64)


def _part(encoded: tf.Tensor, at: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Cut out a part, string scalar; what is beyond the end is left out."""
    return tf.strings.substr(encoded, tf.minimum(at, _size(encoded)), length)


def _bytes(encoded: tf.Tensor, at: tf.Tensor | int, count: int) -> tf.Tensor:
    """Read bytes, int64 [count]; beyond the end they are 0."""
    part = _part(encoded, tf.cast(at, tf.int64), tf.constant(count, tf.int64))
    return tf.cast(tf.io.decode_raw(part, tf.uint8, fixed_length=count), tf.int64)


def _holds(encoded: tf.Tensor, at: tf.Tensor | int, expected: bytes) -> tf.Tensor:
    part = _part(encoded, tf.cast(at, tf.int64), tf.constant(len(expected), tf.int64))
    return tf.equal(part, tf.constant(expected))


def _number(read: tf.Tensor, is_little: tf.Tensor | bool) -> tf.Tensor:
    """Join bytes, int64 [..., n], to unsigned numbers, int64 [...]."""
    powers = [256**k for k in range(read.shape[-1])]
    of_big, of_little = tf.constant(powers[::-1], tf.int64), tf.constant(powers, tf.int64)
    return tf.reduce_sum(read * tf.where(is_little, of_little, of_big), axis=-1)


def _is_one_of(value: tf.Tensor, choices: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(value, tf.constant(choices, tf.int64)))
