"""Crops in JSON become arrays without becoming lists first."""

import json
import tracemalloc

import numpy as np
import orjson
import pytest

from serving.server import crop_lists, predict_request
from serving.server.crop_lists import cut_out, pixels
from serving.server.predict_request import parse
from serving.server.refusals import Refusal
from serving.server.server_limits import ServerLimits

CROPS = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3)).astype(np.uint8)


@pytest.mark.parametrize("layout", [{}, {"separators": (",", ":")}, {"indent": "\t"}])
def test_a_crop_is_read_however_it_is_laid_out(layout):
    text = json.dumps(CROPS[0].tolist(), **layout).encode()
    np.testing.assert_array_equal(pixels(memoryview(text)), CROPS[0])


GOOD = orjson.dumps(CROPS[0].tolist())


@pytest.mark.parametrize(
    "before, after",
    [
        (b"[[[", b"[["), (b"]]]", b"]]]]"), (b",", b",,"), (b",", b" "), (b"[[[", b"[[[-"), (b"[[[", b"[[[0"),
        (b"[[[", b"[[[1 "), (b"[[[", b"[[[1000"), (b"[[[", b"[[[9999999999"), (b",", b".5,"), (b",", b"e1,"),
        (b",", b"\x00,"), (b",", b"\x0b,"),
        (b"],[", b"],],[,["), (b"[[[", b"[[[\"7\","), (b",", b",n,"), (b",", b",\xd9\xa1,"),
    ],
)  # fmt: skip
def test_whatever_is_no_crop_is_none(before, after):
    assert pixels(memoryview(GOOD.replace(before, after, 1))) is None


@pytest.mark.parametrize("value", [b"256", b"999", b"300"])
def test_numbers_beyond_255_are_none(value):
    text = json.dumps(np.zeros((256, 256, 3), int).tolist()).encode()
    assert pixels(memoryview(text)) is not None and pixels(memoryview(text.replace(b"0", value, 1))) is None


def test_lists_in_lists_are_cut_out_and_nothing_else(monkeypatch):
    body = b'{"a": [[1, [2]], {"b": [3]}], "c": "x", "d": [5, []]}'
    text, lists = cut_out(body, 9)
    assert text == b'{"a": [[0], {"b": [1]}], "c": "x", "d": [5, [2]]}'
    assert [bytes(one) for one in lists] == [b"[1, [2]]", b"[3]", b"[]"]
    monkeypatch.setattr(crop_lists, "CHUNK", 3)
    assert cut_out(body, 9) == (text, lists) == cut_out(body, 3)
    assert cut_out(body, 2) is None


@pytest.mark.parametrize("body", [b"[[", b"]]", b"[]]", b'["["]', b'["a\\"[", 1]', b'{"]": 1}', b"[[]]]["])
def test_brackets_that_do_not_match_or_stand_in_text_are_not_cut(body):
    assert cut_out(body, 9) is None


@pytest.mark.parametrize("large", [0, 1 << 40])
def test_every_form_of_a_request_is_read_alike_whatever_its_size(large, monkeypatch):
    monkeypatch.setattr(predict_request, "LARGE", large)
    lists = CROPS.tolist()
    for form in ({"instances": lists}, {"instances": [{"crops": one} for one in lists]}, {"inputs": lists}):
        asked = parse(orjson.dumps(form | {"signature_name": "crops"}), ServerLimits(max_crops=3))
        np.testing.assert_array_equal(asked.crops, CROPS)
    asked = parse(orjson.dumps({"inputs": {"crops": lists}, "signature_name": "heat_maps"}), ServerLimits(max_crops=3))
    np.testing.assert_array_equal(asked.crops, CROPS)
    with pytest.raises(Refusal, match="4 faces; 3 are allowed"):
        parse(orjson.dumps({"inputs": [*lists, [1]], "signature_name": "crops"}), ServerLimits(max_crops=3))
    for wrong in ([*lists[:1], [[0]]], [[]], [{}], [7], [[["x"]]], ["[[["]):
        with pytest.raises(Refusal) as refused:
            parse(orjson.dumps({"instances": wrong, "signature_name": "crops"}), ServerLimits(max_crops=3))
        assert refused.value.code in (400, 413)


SIZE = 30 << 20
HOSTILE = {
    "keys": lambda: b'{"instances": [], ' + b",".join(b'"%d":1' % number for number in range(2_300_000)) + b"}",
    "texts": lambda: b'{"instances": [' + b",".join([b'"ab"'] * (SIZE // 5)) + b"]}",
    "floats": lambda: b'{"instances": [' + b",".join([b"1.5"] * (SIZE // 4)) + b"]}",
    "numbers in lists": lambda: b'{"instances": [[' + b",".join([b"999"] * (SIZE // 4)) + b"]]}",
    "lists": lambda: b'{"instances": [' + b",".join([b"[]"] * (SIZE // 3)) + b"]}",
    "pixels": lambda: b'{"instances": [[' + b",".join([b"[1,2,3]"] * (SIZE // 8)) + b"]]}",
    "objects": lambda: b'{"instances": [' + b",".join([b"{}"] * (SIZE // 3)) + b"]}",
    "depth": lambda: b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "open": lambda: b"[" * SIZE,
    "keys in a list": lambda: (
        b'{"instances": [[{' + b",".join(b'"%d":1' % number for number in range(2_300_000)) + b"}]]}"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_thirty_hostile_megabytes_take_little_memory(kind):
    body = HOSTILE[kind]()[:-1] + b', "signature_name": "crops"}'
    tracemalloc.start()
    try:
        with pytest.raises(Refusal) as refused:
            parse(body, ServerLimits())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.code in (400, 413) and peak < 3 * SIZE, peak


@pytest.mark.slow
def test_what_may_be_asked_is_read_within_its_own_size():
    lists = orjson.dumps(np.full((40, 256, 256, 3), 255, np.uint8).tolist())
    body = b'{"signature_name": "crops", "instances": ' + lists + b"}"
    tracemalloc.start()
    try:
        assert parse(body, ServerLimits()).crops.shape == (40, 256, 256, 3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(body), peak / len(body)
