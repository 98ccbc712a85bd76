"""Decode pictures of faces inside a TensorFlow graph, to the same pixels as `faces.still` does with OpenCV.

Training, evaluation, an exported model and the server decode through this file, and extraction fits crops to their
size with it. Where TensorFlow's operation would give other pixels than OpenCV, the picture is mended or refused.
"""

import contextlib

import tensorflow as tf

from artifacts import exif_in_graph
from artifacts.exif_orientation import JPEG, PNG

# Why a picture is refused; each goes on after its name.
OTHER = "is not a JPEG, PNG, BMP or GIF"
CMYK = "is a JPEG in CMYK: save it in RGB"
ODD_BMP = "is a BMP of a rare kind, neither of 24 or 32 bits nor with a palette of 8 bits: save it as PNG"
PARTIAL_GIF = "is a GIF whose pictures do not fill its screen: save it as PNG"
REFUSED = (OTHER, CMYK, ODD_BMP, PARTIAL_GIF)

BMP, GIF = b"BM", b"GIF8"
# Of the header of a BMP: where its fields are, and what they hold.
HEADER_SIZE, BITS, COMPRESSION, COLOURS, MASKS, SHORTEST_HEADER = 14, 28, 30, 46, 54, 40
NOT_COMPRESSED, WITH_MASKS = 0, 3
USUAL_MASKS = b"\0\0\xff\0\0\xff\0\0\xff\0\0\0"  # red, green, blue: as without masks


# Traced once in a process, which takes a second: each graph that decodes then calls it, instead of holding all its
# branches again. A training or an evaluation has a dozen such graphs.
_of_string = tf.function(input_signature=[tf.TensorSpec([], tf.string, name="encoded")], autograph=False)


@_of_string  # type: ignore[untyped-decorator]  # TensorFlow has no type hints
def decode_image(encoded: tf.Tensor | bytes) -> tf.Tensor:
    """Decode a crop, a string scalar: WebP, or any format of `decode_common`.

    Returns:
        uint8 [height, width, 3], RGB, turned upright.
    """
    is_webp = _starts(encoded, b"WEBP", at=8)
    image = tf.cond(is_webp, lambda: _decode_webp(encoded), lambda: decode_common(encoded))
    return tf.ensure_shape(image, [None, None, 3])


@_of_string  # type: ignore[untyped-decorator]  # TensorFlow has no type hints
def decode_common(encoded: tf.Tensor | bytes) -> tf.Tensor:
    """Decode a JPEG, PNG, BMP or GIF, with operations that every version of TensorFlow has.

    Transparency is dropped (in a GIF it is black), grey becomes RGB, of 16 bits the upper 8 are used, and of an
    animation the first picture.

    Returns:
        uint8 [height, width, 3], RGB, turned upright.

    Raises:
        tf.errors.InvalidArgumentError: it is damaged, or one of `REFUSED`, which the message then holds.
    """
    image = tf.case(
        [
            (_starts(encoded, JPEG), lambda: _decode_jpeg(encoded)),
            (_starts(encoded, BMP), lambda: _decode_bmp(encoded)),
            (_starts(encoded, GIF), lambda: _decode_gif(encoded)),
        ],
        default=lambda: _decode_png(encoded),
    )
    return tf.ensure_shape(image, [None, None, 3])


def why_refused(error: tf.errors.OpError) -> str:
    """Return why a picture could not be decoded, to go on after its name, where the error's message names graphs."""
    message = str(error.message)
    return next((why for why in REFUSED if why in message), "is damaged and cannot be decoded")


def fit_crop(image: tf.Tensor, size: int) -> tf.Tensor:
    """Resize a face that is cut out, by area means if it shrinks, else bilinearly.

    Args:
        image: uint8 [height, width, 3].
        size: side of the crop, pixels.

    Returns:
        uint8 [size, size, 3]; the image itself if it has that size.
    """
    sides = tf.shape(image)[:2]

    def resized() -> tf.Tensor:
        pixels = tf.cond(
            tf.reduce_min(sides) > size,
            lambda: tf.image.resize(image, [size, size], "area"),
            # Antialiasing matters only where one side shrinks and the other does not.
            lambda: tf.image.resize(image, [size, size], antialias=True),
        )
        return tf.saturate_cast(tf.round(pixels), tf.uint8)

    crop = tf.cond(tf.reduce_all(sides == size), lambda: image, resized)
    return tf.ensure_shape(crop, [size, size, 3])


def _decode_webp(encoded: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_webp(encoded)[0, ..., :3]  # its transparency cannot be dropped by the operation itself
    return exif_in_graph.upright_webp(image, encoded)


def _decode_png(encoded: tf.Tensor) -> tf.Tensor:
    with _refusing(~_starts(encoded, PNG), OTHER):
        image = tf.io.decode_png(encoded, channels=3)
    return exif_in_graph.upright_png(image, encoded)


def _decode_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    with _refusing(tf.io.extract_jpeg_shape(encoded)[2] > 3, CMYK):
        # As libjpeg does by itself, and OpenCV: TensorFlow's default is faster and off by some grey levels.
        image = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
    return exif_in_graph.upright_jpeg(image, encoded)


def _decode_gif(encoded: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_gif(encoded)[0]
    sides = tf.reverse(tf.cast(_fields(encoded, 6, 2, tf.uint16), tf.int32), [0])
    with _refusing(tf.reduce_any(tf.shape(image)[:2] != sides), PARTIAL_GIF):
        return tf.identity(image)


def _decode_bmp(encoded: tf.Tensor) -> tf.Tensor:
    header = tf.cast(_fields(encoded, HEADER_SIZE, 1, tf.int32)[0], tf.int64)
    bits = tf.cast(_fields(encoded, BITS, 1, tf.uint16)[0], tf.int32)
    compression = _fields(encoded, COMPRESSION, 1, tf.int32)[0]
    is_plain = tf.equal(compression, NOT_COMPRESSED) & tf.reduce_any(tf.equal(bits, [8, 24, 32]))
    has_usual_masks = tf.equal(compression, WITH_MASKS) & tf.equal(bits, 32) & _starts(encoded, USUAL_MASKS, MASKS)
    is_usual = (header >= SHORTEST_HEADER) & (is_plain | has_usual_masks)
    with _refusing(~is_usual, ODD_BMP):
        return tf.cond(
            tf.equal(bits, 8),
            lambda: tf.gather(_bmp_palette(encoded, header), tf.cast(tf.io.decode_bmp(encoded)[..., 0], tf.int32)),
            lambda: tf.io.decode_bmp(encoded)[..., :3],
        )


def _bmp_palette(encoded: tf.Tensor, header: tf.Tensor) -> tf.Tensor:
    """Return the colours, uint8 [256, 3]; those that the file lacks are black."""
    named = _fields(encoded, COLOURS, 1, tf.int32)[0]
    count = tf.where((named > 0) & (named < 256), named, 256)
    entries = tf.strings.substr(encoded, HEADER_SIZE + tf.cast(header, tf.int32), 4 * count)
    blue_first = tf.reshape(tf.io.decode_raw(entries, tf.uint8, fixed_length=4 * 256), [256, 4])
    return tf.gather(blue_first, [2, 1, 0], axis=1)


def _refusing(condition: tf.Tensor, why: str) -> contextlib.AbstractContextManager[None]:
    """Refuse a picture if the condition, a boolean scalar, holds; before the operations in the body."""
    held: contextlib.AbstractContextManager[None] = tf.control_dependencies(
        [tf.debugging.Assert(~condition, [f"the picture {why}"])]
    )
    return held


def _starts(encoded: tf.Tensor, expected: bytes, at: int = 0) -> tf.Tensor:
    return tf.equal(_cut(encoded, at, len(expected)), tf.constant(expected))


def _fields(encoded: tf.Tensor, at: int, count: int, dtype: tf.DType) -> tf.Tensor:
    """Read little-endian numbers, `dtype` [count]; beyond the end they are 0."""
    size = count * dtype.size
    return tf.io.decode_raw(_cut(encoded, at, size), dtype, fixed_length=size)


def _cut(encoded: tf.Tensor, at: int, length: int) -> tf.Tensor:
    return tf.strings.substr(encoded, tf.minimum(at, tf.strings.length(encoded)), length)
