"""What a picture will cost is known before it is decoded."""

import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from artifacts.exif_orientation import PNG
from serving.server.picture_headers import HeaderError, inspect


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_pixels_are_those_of_the_header(kind, made):
    data = made.encode(noise(31, 47), kind)
    assert inspect(data) == (31 * 47, data)


def test_a_bomb_is_known_by_its_header(made):
    assert inspect(made.png_of(60_000, 60_000))[0] == 3_600_000_000
    assert (
        inspect(struct.pack("<2sIIIIiiHH", b"BM", 54, 0, 54, 40, 50_000, -40_000, 1, 24) + bytes(24))[0]
        == 2_000_000_000
    )
    assert inspect(b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b";")[0] == 65_535**2


def test_of_a_gif_all_pictures_count():
    images = [Image.fromarray(noise(20, 30) // 2 + 60 * k) for k in range(3)]
    stream = io.BytesIO()
    images[0].save(stream, "GIF", save_all=True, append_images=images[1:])
    assert inspect(stream.getvalue())[0] == 3 * 20 * 30
    picture = b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\x02\x01\x00\x00"
    small = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    assert inspect(small + 50 * picture + b";")[0] == 50 * 60_000**2
    with pytest.raises(HeaderError):
        inspect(small + picture + b"?" + picture)


def test_texts_that_grow_are_left_out_and_the_pixels_stay(made):
    chunk = made.png_chunk
    bomb = zlib.compress(bytes(1 << 24), 9)
    header, rest = (
        cv2.imencode(".png", noise(9, 9))[1].tobytes()[:33],
        cv2.imencode(".png", noise(9, 9))[1].tobytes()[33:],
    )
    texts = chunk(b"zTXt", b"k\0\0" + bomb), chunk(b"iTXt", b"k\0\1\0\0\0" + bomb), chunk(b"iCCP", b"p\0\0" + bomb)
    pixels, cleaned = inspect(header + b"".join(texts) + rest)
    assert pixels == 81 and cleaned == header + rest
    plain = header + chunk(b"tEXt", b"Comment\0hello") + rest
    assert inspect(plain) == (81, plain)


def test_a_jpeg_of_a_thousand_scans_is_refused(made):
    data = made.encode(noise(16, 16), "JPEG", progressive=True)
    assert inspect(data)[0] == 256
    scan = data[data.index(b"\xff\xda") : -2]
    with pytest.raises(HeaderError, match="scans"):
        inspect(data[:-2] + 200 * scan + data[-2:])


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "is empty"),
        (b"hello", "is not a JPEG"),
        (b"RIFF\x1a\0\0\0WEBPVP8L", "is not a JPEG"),
        (PNG, "damaged header"),
        (b"\xff\xd8\xff", "damaged header"),
        (b"GIF89a", "damaged header"),
        (b"BM", "damaged header"),
    ],
)
def test_other_files_are_refused_with_a_reason(data, message):
    with pytest.raises(HeaderError, match=message):
        inspect(data)


def test_noise_is_refused_or_measured_never_more(made):
    rng = random.Random(0)
    for number in range(800):
        data = bytearray(made.encode(noise(8, 8), ("PNG", "JPEG", "GIF", "BMP")[number % 4]))
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            pixels, _ = inspect(bytes(data[: rng.randrange(len(data))] if number % 3 == 0 else data))
            assert pixels > 0
        except HeaderError as error:
            assert str(error)
