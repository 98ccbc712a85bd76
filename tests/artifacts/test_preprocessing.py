"""How faces become crops: kept with the faces, kept with the model, and compared where the two meet."""

import json
from dataclasses import replace

import pytest

from artifacts import preprocessing
from artifacts.errors import InputError
from artifacts.preprocessing import MIN_FACE_SIZES, Preprocessing, read_of_examples, require_same_geometry
from faces import detector

TIGHT = Preprocessing(crop_margin=0.8, crop_lift=0.12, min_face_size=28.2)


def test_it_survives_a_file(tmp_path):
    path = str(tmp_path / "new" / "preprocessing.json")
    assert preprocessing.read(path) is None
    preprocessing.write(TIGHT, path)
    assert preprocessing.read(path) == TIGHT


def test_unknown_fields_are_ignored_and_missing_ones_are_as_before_they_existed():
    assert Preprocessing.of_dict({"crop_margin": 1.0, "shards": 16}) == Preprocessing(crop_margin=1.0)


@pytest.mark.parametrize("content, expected", [({"files": []}, None), ({"preprocessing": TIGHT.as_dict()}, TIGHT)])
def test_examples_tell_in_their_manifest(content, expected, tmp_path):
    assert read_of_examples(str(tmp_path)) is None
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    assert read_of_examples(str(tmp_path)) == expected


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest\.json: damaged"):
        read_of_examples(str(tmp_path))


@pytest.mark.parametrize(
    "content, told",
    [
        ("[1]", "not a JSON object"),
        ('{"preprocessing": {"crop_margin": "wide"}}', "crop_margin: not a value"),
        ('{"preprocessing": {"video_rule": "best"}}', "video_rule: not a value"),
        ('{"preprocessing": 3}', "preprocessing: not a value"),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_named(content, told, tmp_path):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=told):
        read_of_examples(str(tmp_path))


@pytest.mark.parametrize(
    "field, value",
    [
        ("crop_margin", -1), ("crop_margin", 1e9), ("crop_lift", 3), ("crop_size", 0), ("crop_size", 256.5),
        ("crop_size", "256"), ("min_face_size", 0), ("min_face_size", 40), ("detect_every", 0), ("min_face", -1),
        ("ready_crops", 1), ("min_face", None),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_type_sign_or_size_is_named(field, value, tmp_path):
    path = tmp_path / "preprocessing.json"
    path.write_text(json.dumps(TIGHT.as_dict() | {field: value}))
    with pytest.raises(InputError, match=rf"preprocessing\.json: {field}: not a value"):
        preprocessing.read(str(path))


def test_an_unknown_key_beside_a_model_is_named(tmp_path):
    path = tmp_path / "preprocessing.json"
    path.write_text(json.dumps({"crop_margins": 1.0}))
    with pytest.raises(InputError, match=r"preprocessing\.json: crop_margins: unknown key"):
        preprocessing.read(str(path))


def test_the_sizes_are_those_of_the_detector():
    assert tuple(MIN_FACE_SIZES) == tuple(detector.MIN_FACE_SIZES)


@pytest.mark.parametrize("field, value", [("crop_margin", 1.3), ("crop_lift", 0.0), ("crop_size", 224)])
def test_another_geometry_is_refused_with_both_sides_and_the_cure(field, value):
    with pytest.raises(InputError) as refused:
        require_same_geometry(replace(TIGHT, **{field: value}), "data/E", TIGHT, "models/M")
    told = f"their {field} is {value:g}, the model's {getattr(TIGHT, field):g}"
    for part in ("data/E: ", "models/M", told, f"with --{field}={getattr(TIGHT, field):g}"):
        assert part in str(refused.value)


@pytest.mark.parametrize(
    "faces, model", [(None, TIGHT), (TIGHT, None), (TIGHT, TIGHT), (replace(TIGHT, min_face_size=20), TIGHT)]
)
def test_what_cannot_be_compared_or_lies_alike_passes(faces, model):
    require_same_geometry(faces, "E", model, "M")
