"""A verdict's JSON with pictures."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from evaluation.report.panels import overlay
from serving.verdict.thumbnails import FACE
from serving.verdict.view.verdict_view import verdict_view


@pytest.fixture(scope="module")
def shown(made):
    """The view of the clip, and its pictures by their paths."""
    pictures = {}

    def url(path, data):
        assert path not in pictures
        pictures[path] = data
        return f"at/{path}"

    return verdict_view(*made.clip, url), pictures


def test_is_the_verdict_and_more(shown, made):
    content, _ = shown
    verdict = made.clip[0].as_dict()
    assert {key: content[key] for key in verdict} == verdict
    assert set(content) - set(verdict) == {"made_by", "version", "caveats", "looked_at", "pictures"}
    assert content["looked_at"] == list(made.FRAMES)
    assert json.loads(json.dumps(content, allow_nan=False))["pictures"] == content["pictures"]


def test_names_a_picture_of_each_frame_and_face(shown, made):
    content, pictures = shown
    frames, faces = content["pictures"]["frames"], content["pictures"]["faces"]
    assert frames == {str(index): f"at/frames/{index}.webp" for index in made.FRAMES}
    for face in content["faces"]:
        assert list(faces[str(face["track"])]) == [str(frame["index"]) for frame in face["frames"]]
    assert faces["0"]["12"] == {"face": "at/faces/0/12.webp", "heat": "at/heat/0/12.webp"}
    assert faces["1"]["12"] == {"face": "at/faces/1/12.webp", "heat": None}
    named = [*frames.values(), *(one for of in faces.values() for two in of.values() for one in two.values() if one)]
    assert sorted(named) == sorted(f"at/{path}" for path in pictures)


def _pixels(data):
    image = Image.open(io.BytesIO(data))
    assert image.format == "WEBP"
    return np.asarray(image.convert("RGB")).astype(int)


def test_pictures_show_what_they_name(shown):
    _, pictures = shown
    assert _pixels(pictures["frames/40.webp"]).shape == (240, 320, 3)
    assert abs(_pixels(pictures["frames/40.webp"]) - 200).max() <= 3
    face = _pixels(pictures["faces/2/4.webp"])
    assert face.shape == (FACE, FACE, 3) and abs(face - (120, 20, 90)).max() <= 6


def test_heat_is_laid_over_the_face(shown):
    _, pictures = shown
    crop, heat = np.full((256, 256, 3), (0, 60, 90), np.uint8), np.linspace(0, 1, 256 * 256).reshape(256, 256)
    expected = np.asarray(Image.fromarray(overlay(crop, heat)).resize((FACE, FACE), Image.Resampling.BOX)).astype(int)
    assert np.mean(abs(_pixels(pictures["heat/0/12.webp"]) - expected)) < 4


def test_looks_at_rejected_frames_too_and_does_without_frames(made):
    verdict, found, _ = made.clip
    rejected = [type(found.rejects[0])("", "", "", "", 0, "", "frame", "no_face", "", 90)]
    bare = type(found)(found.file, found.kind, found.examples, rejected, found.wanted, found.info)
    content = verdict_view(verdict, bare, {}, lambda path, data: path)
    assert content["pictures"]["frames"] == {} and content["looked_at"] == [*made.FRAMES, 90]


def test_leaves_the_pictures_out(shown, made):
    verdict, found, _ = made.clip
    assert verdict_view(verdict, found, None) == shown[0] | {"pictures": {"frames": {}, "faces": {}}}


def test_asks_for_heat_maps_in_rising_order_once(made):
    asked = []

    class Heat:
        def get(self, key):
            asked.append(key)

    verdict, found, _ = made.clip
    verdict_view(verdict, found, Heat(), lambda path, data: path)
    assert asked == sorted((example.track, example.frame_index) for example in found.examples)
