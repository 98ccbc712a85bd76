import base64
import io

import numpy as np
import pytest
from PIL import Image

from evaluation.report.panels import SIDE, overlay, panels, picture


def _image(uri):
    kind, _, data = uri.partition(";base64,")
    assert kind == "data:image/webp"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def _face(**fields):
    crop = np.full((256, 256, 3), (200, 120, 40), np.uint8)
    usual = {"crop": crop, "heat": np.zeros((256, 256)), "label": 1, "probability": 0.9, "video_id": "d/df/0"}
    return usual | {"frame_index": 3, "dataset": "d", "method": "df", "kind": "hit"} | fields


def test_a_picture_is_small_and_looks_like_the_face():
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.integers(0, 255, (4, 4, 3)), np.ones((64, 64, 1))).astype(np.uint8)
    uri = picture(smooth)
    found = _image(uri)
    assert found.shape == (SIDE, SIDE, 3) and len(uri) < 10_000
    for row in range(4):
        for column in range(4):
            patch = found[48 * row + 16 : 48 * row + 32, 48 * column + 16 : 48 * column + 32].mean(axis=(0, 1))
            assert np.abs(patch - smooth[64 * row + 32, 64 * column + 32]).max() < 12


def test_where_it_is_hot_it_is_bright_and_less_of_the_face_is_left():
    rng = np.random.default_rng(0)
    face = rng.integers(0, 255, (64, 64, 3)).astype(np.uint8)
    heat = np.zeros((64, 64))
    heat[:32] = 1
    found = overlay(face, heat).astype(float)
    hot, cold = found[:32].reshape(-1, 3), found[32:].reshape(-1, 3)
    assert hot.mean() > 1.8 * cold.mean() and (hot.std(axis=0) < 0.5 * cold.std(axis=0)).all()
    heat[:8], heat[8:16], heat[40:] = 7, 1, np.nan
    assert (overlay(face, heat) == found).all()


def test_orders_by_kind_and_sureness():
    faces = [
        _face(probability=0.6, video_id="a"),
        _face(probability=0.02, label=0, method="real", video_id="b"),
        _face(probability=0.3, kind="mistake", video_id="c"),
        _face(dataset="c", video_id="x"),
    ]
    found = panels(faces)
    assert list(found) == ["c", "d"] and found["c"]["mistake"] == []
    assert [panel["video_id"] for panel in found["d"]["hit"]] == ["b", "a"]
    (mistake,) = found["d"]["mistake"]
    assert (mistake["truth"], mistake["called"], mistake["probability"]) == ("fake", "real", 0.3)
    assert found["d"]["hit"][0]["truth"] == "real" and panels([]) == {}


def test_a_dark_map_is_told():
    maps = [np.zeros((256, 256)), np.full((256, 256), np.nan), np.eye(256)]
    found = panels([_face(heat=heat, video_id=str(k)) for k, heat in enumerate(maps)])["d"]["hit"]
    assert [panel["dark"] for panel in found] == [True, True, False]


def test_a_face_of_another_kind_is_an_error():
    with pytest.raises(KeyError, match="odd"):
        panels([_face(kind="odd")])
