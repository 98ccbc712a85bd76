"""TensorFlow Serving's JSON, both formats, and what is refused."""

import base64
import json
import random
import tracemalloc

import numpy as np
import pytest

from serving.server.predict_request import answer, parse
from serving.server.refusals import Refusal
from serving.server.server_limits import ServerLimits

DATA = bytes(range(250, 256)) + b"picture"
PICTURE = {"b64": base64.b64encode(DATA).decode()}
LIMITS = ServerLimits(max_crops=3)
CROPS = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3)).tolist()


def asked(**document):
    return parse(json.dumps(document).encode(), LIMITS)


@pytest.mark.parametrize(
    "document, by_row",
    [
        ({"instances": [PICTURE, PICTURE]}, True),
        ({"instances": [{"image_bytes": PICTURE}, {"image_bytes": PICTURE}]}, True),
        ({"instances": [PICTURE, PICTURE], "signature_name": "serving_default"}, True),
        ({"inputs": [PICTURE, PICTURE]}, False),
        ({"inputs": {"image_bytes": [PICTURE, PICTURE]}, "signature_name": ""}, False),
    ],
)
def test_pictures_in_every_form(document, by_row):
    request = asked(**document)
    assert request.pictures == [DATA, DATA] and request.crops is None
    assert request.by_row == by_row and request.signature == "serving_default"


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["crops", "heat_maps"])
@pytest.mark.parametrize(
    "values",
    [
        {"instances": CROPS},
        {"instances": [{"crops": c} for c in CROPS]},
        {"inputs": CROPS},
        {"inputs": {"crops": CROPS}},
    ],
)  # fmt: skip
def test_crops_in_every_form(signature, values):
    request = asked(signature_name=signature, **values)
    assert request.crops.dtype == np.uint8 and request.crops.tolist() == CROPS
    assert request.signature == signature and request.by_row == ("instances" in values)


def test_base64_as_others_write_it():
    text = PICTURE["b64"]
    for variant in (text.rstrip("="), text[:5] + "\n" + text[5:] + "\r\n", text):
        assert asked(instances=[{"b64": variant}]).pictures == [DATA]
    for variant in ("*" + text, text[:-1] + "ä", "A"):
        with pytest.raises(Refusal, match="Element 0: unable to base64 decode"):
            asked(instances=[{"b64": variant}])


def test_columns_may_be_empty_and_rows_may_not():
    assert asked(inputs=[]).pictures == []
    assert asked(inputs=[], signature_name="crops").crops.shape == (0, 256, 256, 3)
    with pytest.raises(Refusal, match="No values in 'instances' array"):
        asked(instances=[])


@pytest.mark.parametrize(
    "document, message",
    [
        ({}, "Expecting either 'instances'"),
        ({"instances": [PICTURE], "inputs": [PICTURE]}, "Expecting either"),
        ({"instances": PICTURE}, "'instances' must be a list"),
        ({"inputs": PICTURE}, "'inputs' must be a list"),
        ({"inputs": "x"}, "'inputs' must be a list"),
        ({"inputs": {"crops": [PICTURE]}}, "Missing named input: image_bytes"),
        ({"instances": [{"crops": PICTURE}]}, "keys must be equal to: image_bytes"),
        ({"instances": [{"image_bytes": PICTURE, "more": 1}]}, "keys must be equal to"),
        ({"instances": [PICTURE, {"image_bytes": PICTURE}]}, "item 1 is of another kind"),
        ({"instances": [[PICTURE]]}, "Element 0 is not a picture. Binary values are sent as"),
        ({"instances": [None]}, "Element 0 is not a picture"),
        ({"instances": [{"image_bytes": {"b64": 3}}]}, "Element 0 is not a picture"),
        ({"instances": [PICTURE], "signature_name": 3}, "must be a string value"),
        ({"instances": [PICTURE], "signature_name": "other"}, '"other" not found; there are: serving_default, crops'),
        ({"instances": [PICTURE], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"instances": [[[1, 2], [3]]], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"instances": [np.full((256, 256, 3), 256).tolist()], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"instances": [np.full((256, 256, 3), -1).tolist()], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"instances": [np.full((256, 256, 3), 1.0).tolist()], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"instances": [np.zeros((256, 255, 3), int).tolist()], "signature_name": "crops"}, "Element 0 is not a crop"),
        (
            {"instances": [np.full((256, 256, 3), 2**64 - 1).tolist()], "signature_name": "crops"},
            "Element 0 is not a crop",
        ),
        ({"instances": [np.full((256, 256, 3), True).tolist()], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"instances": [np.full((256, 256, 3), "7").tolist()], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"instances": [["x" * 1000] + [""] * 200_000], "signature_name": "crops"}, "Element 0 is not a crop"),
        ({"inputs": ["x" * 256], "signature_name": "heat_maps"}, "Element 0 is not a crop"),
    ],
)
def test_what_is_wrong_is_said(document, message):
    with pytest.raises(Refusal, match=message) as refused:
        asked(**document)
    assert refused.value.code == 400


@pytest.mark.slow
def test_one_long_text_among_many_takes_no_memory():
    """As an array each item would be as long as the longest: 800 MB."""
    values = [
        ["x" * 1000] + [""] * 200_000,
        [[["x" * 1000, "", ""]] + [["", "", ""]] * 255] + [[["", "", ""]] * 256] * 255,
    ]
    for value in values:
        body = json.dumps({"instances": [value], "signature_name": "crops"}).encode()
        tracemalloc.start()
        with pytest.raises(Refusal, match="Element 0 is not a crop"):
            parse(body, LIMITS)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50 << 20


def test_too_many_faces():
    with pytest.raises(Refusal, match="4 faces; 3 are allowed") as refused:
        asked(instances=[PICTURE] * 4)
    assert refused.value.code == 413


@pytest.mark.parametrize(
    "body, code",
    [
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"[1]", 400),
        (b'{"instances": [NaN]}', 400),
        (b'{"instances": [Infinity]}', 400),
        (b"[" * 100_000, 413),
        (b'{"instances": [' + b"{}," * 100 + b"{}]}", 413),
        (b'{"instances": [' + b"[]," * 5000 + b"[]]}", 413),
        (b'{"instances": [1e999999]}', 400),
    ],
)
def test_malformed_or_growing_json_is_refused(body, code):
    with pytest.raises(Refusal) as refused:
        parse(body, LIMITS)
    assert refused.value.code == code


def test_noise_is_refused_or_understood_never_more():
    rng = random.Random(0)
    good = json.dumps({"signature_name": "serving_default", "instances": [{"image_bytes": PICTURE}]}).encode()
    parsed = 0
    for _ in range(3000):
        body = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(body))
            body[at : at + rng.randrange(3)] = bytes(
                rng.choice(b'{}[]",:0eE-ntf\\ \xff\xc3a') for _ in range(rng.randrange(4))
            )
        try:
            parse(bytes(body), LIMITS)
            parsed += 1
        except Refusal as refused:
            assert refused.code in (400, 413)
    assert 0 < parsed < 3000


def test_answers_in_both_formats():
    outputs = {"logit": np.array([0.1, -2], np.float32), "embedding": np.array([[1, 2], [3, 4.5]], np.float32)}
    rows = json.loads(answer(outputs, by_row=True).body)
    assert rows == {"predictions": [{"logit": 0.1, "embedding": [1, 2]}, {"logit": -2, "embedding": [3, 4.5]}]}
    assert np.float32(rows["predictions"][0]["logit"]) == outputs["logit"][0]
    columns = json.loads(answer(outputs, by_row=False).body)
    assert columns == {"outputs": {"logit": [0.1, -2], "embedding": [[1, 2], [3, 4.5]]}}
    maps = {"heat_map": np.array([[[0.5]], [[1]]], np.float32)}
    assert json.loads(answer(maps, by_row=True).body) == {"predictions": [[[0.5]], [[1]]]}
    assert json.loads(answer(maps, by_row=False).body) == {"outputs": [[[0.5]], [[1]]]}
