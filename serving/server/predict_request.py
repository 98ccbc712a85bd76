"""TensorFlow Serving's JSON: a predict request as tensors, and tensors as its answer."""

import binascii
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from starlette.responses import Response

from serving.server import crop_lists
from serving.server.crop_lists import CROP
from serving.server.refusals import Refusal, json_response
from serving.server.server_limits import ServerLimits

SIGNATURES = {"serving_default": "image_bytes", "crops": "crops", "heat_maps": "crops"}  # name -> its only input
LARGE = 1 << 20  # bytes; a smaller text takes at most 30 MB as Python objects
_B64 = 'Binary values are sent as {"b64": "<base64>"}'


@dataclass(frozen=True)
class PredictRequest:
    """What a client asks for.

    Attributes:
        signature: one of `SIGNATURES`.
        by_row: the row format (`instances`), else columns (`inputs`).
        pictures: the encoded pictures, if the signature takes these.
        crops: uint8 [n, 256, 256, 3], if it takes these; otherwise None.
    """

    signature: str
    by_row: bool
    pictures: Sequence[bytes] = ()
    crops: np.ndarray | None = None


def parse(body: bytes, limits: ServerLimits) -> PredictRequest:
    """Parse the body of a predict request.

    Raises:
        Refusal: 400, it is malformed; 413, it has too many faces.
    """
    text, lists = _small(body, limits)
    try:
        document = orjson.loads(text)
    except ValueError as error:
        raise Refusal(400, f"JSON Parse error: the request's body is not JSON: {error}") from None
    del text
    if not isinstance(document, dict):
        raise Refusal(400, "The body must be a JSON object with 'instances' or 'inputs'")
    signature = document.get("signature_name", "serving_default") or "serving_default"
    if not isinstance(signature, str):
        raise Refusal(400, "'signature_name' key must be a string value")
    if signature not in SIGNATURES:
        raise Refusal(400, f'Serving signature name: "{signature[:80]}" not found; there are: {", ".join(SIGNATURES)}')
    if ("instances" in document) == ("inputs" in document):
        raise Refusal(400, "Expecting either 'instances' (rows) or 'inputs' (columns), and not both")
    by_row = "instances" in document
    name = SIGNATURES[signature]
    values = _rows(document["instances"], name, limits) if by_row else _column(document["inputs"], name, limits)
    if name == "image_bytes":
        return PredictRequest(signature, by_row, pictures=[_bytes(value, n) for n, value in enumerate(values)])
    crops = np.empty((len(values), *CROP), np.uint8)
    for number, value in enumerate(values):
        crops[number] = _crop_of_list(value, lists, number) if lists is not None else _crop(value, number)
    return PredictRequest(signature, by_row, crops=crops)


def _small(body: bytes, limits: ServerLimits) -> tuple[bytes, list[memoryview] | None]:
    """The text of a request that may be built as Python objects.

    An empty list or object takes thirty times its two characters in memory, a key or a short text as much, and all of
    it is built before anything else runs. So what there may be is counted before.

    Returns:
        The text, and the crops that were cut out of it; None if they are still in it.

    Raises:
        Refusal: 413, there is too much of anything.
    """
    lists = None
    few = 16 * limits.max_crops + 256
    if len(body) > LARGE:
        cut = crop_lists.cut_out(body, few)
        if cut is None:
            raise _too_many(limits)
        body, lists = cut
        if max(body.count(sign) for sign in (b",", b"[", b":", b'"')) > few:
            raise _too_many(limits)
    if body.count(b"{") > 2 * limits.max_crops + 8 or body.count(b"[") > 1000 + len(body) // 8:
        raise _too_many(limits)
    return body, lists


def _too_many(limits: ServerLimits) -> Refusal:
    return Refusal(
        413,
        f"The JSON has too many objects, lists, keys or values; {limits.max_crops} faces are allowed in a request",
    )


def _rows(instances: Any, name: str, limits: ServerLimits) -> list[Any]:
    """The value of each row, from `instances`."""
    if not isinstance(instances, list):
        raise Refusal(400, "'instances' must be a list")
    _check_count(instances, limits)
    if not instances:
        raise Refusal(400, "No values in 'instances' array")
    named = _is_named(instances[0])
    values = []
    for number, one in enumerate(instances):
        if _is_named(one) != named:
            raise Refusal(400, f"'instances' must hold only objects or only values; item {number} is of another kind")
        if named and set(one) != {name}:
            raise Refusal(
                400, f"Failed to process element {number} of 'instances' list: its keys must be equal to: {name}"
            )
        values.append(one[name] if named else one)
    return values


def _column(inputs: Any, name: str, limits: ServerLimits) -> list[Any]:
    """The value of each row, from `inputs`."""
    if _is_named(inputs):
        if name not in inputs:
            raise Refusal(400, f"Missing named input: {name} in 'inputs' object")
        inputs = inputs[name]
    if not isinstance(inputs, list):
        raise Refusal(400, f"'inputs' must be a list of values for {name}, or an object with it")
    _check_count(inputs, limits)
    return inputs


def _check_count(values: Sequence[Any], limits: ServerLimits) -> None:
    if len(values) > limits.max_crops:
        raise Refusal(413, f"{len(values)} faces; {limits.max_crops} are allowed in a request")


def _is_named(value: Any) -> bool:
    """Whether it is an object of named tensors; {"b64": ...} is not, but a value."""
    return isinstance(value, dict) and not (len(value) == 1 and isinstance(value.get("b64"), str))


def _bytes(value: Any, number: int) -> bytes:
    """The bytes of a picture."""
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict) or not isinstance(value.get("b64"), str) or len(value) != 1:
        raise Refusal(400, f"Element {number} is not a picture. {_B64}")
    text: str = value["b64"]
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        pass
    try:  # TensorFlow Serving also accepts white space and missing padding
        text = "".join(text.split()).rstrip("=")
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        raise Refusal(400, f"Element {number}: unable to base64 decode") from None


def _crop_of_list(value: Any, lists: list[memoryview], number: int) -> np.ndarray:
    """A crop that was cut out of the text, uint8 [256, 256, 3]; in its place is a list with its number."""
    crop = crop_lists.pixels(lists[value[0]]) if type(value) is list and len(value) == 1 else None
    if crop is None:
        raise _no_crop(number)
    return crop


def _no_crop(number: int) -> Refusal:
    return Refusal(400, f"Element {number} is not a crop: a list of whole numbers 0 to 255 of shape {list(CROP)}")


def _crop(value: Any, number: int) -> np.ndarray:
    """Nested lists as uint8 [256, 256, 3].

    They are checked before numpy sees them, which would give each item the room of the longest text among them.
    """
    refused = _no_crop(number)
    values = [value]
    for length in CROP:
        if not all(type(one) is list and len(one) == length for one in values):
            raise refused
        values = list(itertools.chain.from_iterable(values))
    if set(map(type, values)) != {int}:  # and not bool, which is an int for `isinstance`
        raise refused
    try:
        return np.frombuffer(bytes(values), np.uint8).reshape(CROP)
    except (ValueError, OverflowError):  # beyond 0 to 255
        raise refused from None


def answer(outputs: dict[str, np.ndarray], by_row: bool) -> Response:
    """The answer; a single output goes without its name.

    Args:
        outputs: name -> array with a row for each face.
        by_row: in the row format.
    """
    if len(outputs) == 1:
        (values,) = outputs.values()
        return json_response({"predictions": list(values)} if by_row else {"outputs": values})
    if by_row:
        count = len(next(iter(outputs.values())))
        rows = [{name: values[row] for name, values in outputs.items()} for row in range(count)]
        return json_response({"predictions": rows})
    return json_response({"outputs": outputs})
