"""The orientation is read as browsers read it, by bytes and in a graph alike; whatever is damaged means upright."""

import io
import random
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from artifacts import exif_in_graph
from artifacts.exif_orientation import orientation_of, turned_upright
from tests.fixtures import pictures

SMALL = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
JPEG, PNG = pictures.by_pillow(SMALL, "JPEG"), pictures.by_pillow(SMALL, "PNG")
NAMED = np.arange(6, dtype=np.uint8).reshape(2, 3, 1) * np.ones(3, np.uint8)  # every pixel another one


def jpeg(tiff):
    return pictures.in_jpeg(JPEG, pictures.exif_segment(tiff))


def carriers(tiff):
    """The metadata in a file of each format."""
    return [
        jpeg(tiff),
        pictures.in_png(PNG, pictures.chunk(b"eXIf", tiff)),
        pictures.by_pillow(SMALL, "WEBP", exif=b"Exif\0\0" + tiff),
    ]


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([None, None, 3], tf.uint8)])
def upright_in_graph(encoded, image):
    ways = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"RIFF", "webp"))
    for magic, name in ways:
        upright = getattr(exif_in_graph, f"upright_{name}")
        if tf.strings.substr(encoded, 0, tf.minimum(len(magic), tf.strings.length(encoded))) == magic:
            image = upright(image, encoded)
    return image


def agreed(encoded):
    """The orientation, after both ways were found to say the same."""
    orientation = orientation_of(encoded)
    turned = upright_in_graph(tf.constant(encoded), tf.constant(NAMED)).numpy()
    assert np.array_equal(turned, turned_upright(NAMED, orientation)), encoded
    return orientation


@pytest.mark.slow
@pytest.mark.parametrize("order", ["II", "MM"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_in_every_format_and_byte_order(orientation, order):
    assert [agreed(one) for one in carriers(pictures.tiff_of(orientation, order))] == 3 * [orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_is_what_pillow_does(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.open(io.BytesIO(pictures.by_pillow(SMALL, "PNG", exif=exif)))
    assert np.array_equal(turned_upright(SMALL, orientation), np.asarray(ImageOps.exif_transpose(stored)))


@pytest.mark.parametrize(
    "tiff",
    [
        b"",
        b"II*\0",
        pictures.tiff_of(0),
        pictures.tiff_of(9),
        pictures.tiff_of(262),
        pictures.tiff_of(6, tag=0x0113),
        pictures.tiff_of(6, kind=4),
        pictures.tiff_of(6, count=2),
        pictures.tiff_of(6)[:-9],
        b"IM" + pictures.tiff_of(6)[2:],
        pictures.tiff_of(6)[:2] + b"+" + pictures.tiff_of(6)[3:],
        pictures.tiff_of(6)[:4] + struct.pack("<I", 0xFFFFFFF0) + pictures.tiff_of(6)[8:],
    ],
)
def test_what_is_missing_damaged_or_unknown_means_upright(tiff):
    assert [agreed(one) for one in carriers(tiff)] == 3 * [1]


def test_the_first_entry_and_the_first_metadata_count():
    tiff = pictures.tiff_of(6, before=0)
    twice = tiff[:8] + struct.pack("<H", 2) + tiff[10:22] + pictures.tiff_of(3, before=0)[10:22]
    assert agreed(jpeg(twice)) == 6
    segments = [pictures.exif_segment(pictures.tiff_of(k)) for k in (8, 3)]
    assert agreed(pictures.in_jpeg(JPEG, *segments)) == 8
    assert agreed(jpeg(pictures.tiff_of(7, "MM", before=30, offset=60))) == 7


def test_in_a_jpeg_only_app1_before_the_scan_counts():
    exif = pictures.exif_segment(pictures.tiff_of(6))
    scan = JPEG.index(b"\xff\xda")
    assert agreed(JPEG[:scan] + exif + JPEG[scan:]) == 6
    assert agreed(JPEG + exif) == 1
    assert agreed(JPEG[:scan] + JPEG[scan : scan + 20] + exif + JPEG[scan + 20 :]) == 1
    assert agreed(pictures.in_jpeg(JPEG, b"\xff\xe2" + exif[2:])) == 1
    assert agreed(pictures.in_jpeg(JPEG, pictures.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), exif)) == 6
    assert agreed(pictures.in_jpeg(JPEG, b"\xff\xff\xff", exif)) == 6


def test_in_a_png_only_what_comes_before_the_pixels_counts():
    exif = pictures.chunk(b"eXIf", pictures.tiff_of(6))
    assert agreed(pictures.in_png(PNG, pictures.chunk(b"tEXt", b"a\0b"), exif)) == 6
    assert agreed(PNG[:-12] + exif + PNG[-12:]) == 1


def test_a_file_of_endless_segments_ends():
    exif = pictures.exif_segment(pictures.tiff_of(6))
    assert agreed(pictures.in_jpeg(JPEG, 900 * pictures.segment(0xE2, b""), exif)) == 6
    assert agreed(pictures.in_jpeg(JPEG, 1000 * pictures.segment(0xE2, b""), exif)) == 1


def test_both_ways_agree_on_damaged_files():
    rng = random.Random(0)
    whole = [one for k in (3, 6) for order in ("II", "MM") for one in carriers(pictures.tiff_of(k, order))]
    found = []
    for number in range(600):
        data = bytearray(whole[number % len(whole)])
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(min(90, len(data)))] = rng.choice([0, 1, 3, 8, 255, rng.randrange(256)])
        found.append(agreed(bytes(data[: rng.randrange(len(data))] if number % 4 == 0 else data)))
    assert set(found) >= {1, 3, 6}
