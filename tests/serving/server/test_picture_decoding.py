"""Pictures become the crops that the model's own signature makes of them."""

import io

import numpy as np
import pytest
from PIL import Image

from model.served import ServedModel
from serving.server.picture_decoding import PictureDecoder
from serving.server.refusals import Refusal


@pytest.fixture(scope="module")
def decoder():
    return PictureDecoder(max_pixels=2_000_000)


@pytest.fixture(scope="module")
def pictures(made):
    """Of every format, size and kind that is taken."""
    rng = np.random.default_rng(1)
    colour = rng.integers(0, 256, (256, 256, 3)).astype(np.uint8)
    large = rng.integers(0, 256, (300, 411, 3)).astype(np.uint8)
    found = [
        made.encode(image, kind) for kind in ("PNG", "JPEG", "GIF", "BMP") for image in (colour, large, colour[:40])
    ]
    found.append(made.encode(colour[..., 0]))  # grey
    found.append(made.encode(np.dstack([colour, colour[..., :1]])))  # with transparency
    stream = io.BytesIO()
    Image.fromarray((colour[..., 0].astype(np.uint16) << 8) + 7).save(stream, "PNG")  # 16 bits
    found.append(stream.getvalue())
    stream = io.BytesIO()
    frames = [Image.fromarray(large // 2 + shift) for shift in (0, 60, 120)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return [*found, stream.getvalue()]


@pytest.mark.slow
def test_crops_are_those_of_the_signature(decoder, pictures, saved):
    model = ServedModel(str(saved["a"]))
    ours = model.predict(decoder(pictures))["logit"]
    theirs = model.signatures["serving_default"](image_bytes=np.array(pictures, object))["logit"].numpy()
    np.testing.assert_array_equal(ours, theirs)
    assert len(set(theirs.tolist())) > 10  # they differ, so an order that is wrong would show


def test_without_loss_they_are_the_pixels(decoder, made):
    crops = np.random.default_rng(2).integers(0, 256, (3, 256, 256, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decoder([made.encode(crop) for crop in crops]), crops)


def test_of_none_there_are_none(decoder):
    assert decoder([]).shape == (0, 256, 256, 3)


def test_a_damaged_one_is_named(decoder, made):
    good = made.encode(np.zeros((64, 64, 3), np.uint8) + np.arange(64, dtype=np.uint8)[:, None])
    for bad, message in ((b"nothing", "Picture 2 is not a JPEG"), (good[:60], "Picture 2 is damaged")):
        with pytest.raises(Refusal, match=message) as refused:
            decoder([good, good, bad, good])
        assert refused.value.code == 400


def test_too_many_pixels_are_not_decoded(decoder, made):
    half = made.encode(np.zeros((1000, 1400, 3), np.uint8))
    assert decoder([half]).shape == (1, 256, 256, 3)
    with pytest.raises(Refusal, match="Pictures 0 to 1 have 2_800_000 pixels; 2_000_000 are allowed") as refused:
        decoder([half, half])
    assert refused.value.code == 413
