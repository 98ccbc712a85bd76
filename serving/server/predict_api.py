"""TensorFlow Serving's REST protocol: predict, metadata and status of a model and its versions."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from artifacts.crop_size import CROP_SIZE
from model.saved_model import SERVED
from model.served import ServedModel
from serving.server import predict_request
from serving.server.batching import Method, NotFinite, Outputs, QueueFull
from serving.server.gate import Gone, read_body
from serving.server.predict_request import PredictRequest
from serving.server.refusals import Refusal, json_response
from serving.server.server_state import ServerState

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def routes(state: ServerState) -> list[BaseRoute]:
    """The routes of this part."""
    api = PredictApi(state)
    model, version = "/v1/models/{name}", "/v1/models/{name}/versions/{version}"
    return [
        Route(model + ":predict", api.predict, methods=["POST"]),
        Route(version + ":predict", api.predict, methods=["POST"]),
        Route(model + "/metadata", api.metadata),
        Route(version + "/metadata", api.metadata),
        Route(model, api.status),
        Route(version, api.status),
    ]


class PredictApi:
    """The answers about one model."""

    def __init__(self, state: ServerState) -> None:
        self._state, self._limits = state, state.options.limits

    async def predict(self, request: Request) -> Response:
        """POST /v1/models/<name>[/versions/<n>]:predict."""
        deadline = time.monotonic() + self._limits.request_timeout
        self._check_name(request)
        version = self._state.models.find(_version(request))
        if self._state.batcher.full:
            raise _busy(1.0)
        body = await read_body(request)
        asked, crops = await self._in_pool(self._prepare, body)
        del body
        if asked.signature not in version.model.signatures:
            message = (
                f'Serving signature name: "{asked.signature}" not found: version {version.number} was exported without'
            )
            raise Refusal(400, message)
        if asked.signature != "heat_maps":
            outputs = await self._score(request, version.model, crops, "predict", deadline)
            return predict_request.answer(outputs, asked.by_row)
        if len(crops) > self._limits.max_batch:
            raise Refusal(413, f"{len(crops)} faces; {self._limits.max_batch} heat maps are allowed in a request")
        outputs = await self._score(request, version.model, crops, "heat_maps", deadline)
        return await self._in_pool(predict_request.answer, outputs, asked.by_row)  # megabytes of text

    def _prepare(self, body: bytes) -> tuple[PredictRequest, np.ndarray]:
        """Parse a request and decode its crops: uint8 [n, 256, 256, 3]."""
        asked = predict_request.parse(body, self._limits)
        return asked, self._state.decoder(asked.pictures) if asked.crops is None else asked.crops

    async def _score(
        self, request: Request, model: ServedModel, crops: np.ndarray, method: Method, deadline: float
    ) -> Outputs:
        """Wait for the model's outputs; the faces of a client that hangs up meanwhile are skipped."""
        if not len(crops):
            return _no_outputs(method)
        try:
            work = self._state.batcher.submit(model, crops, method, deadline)
        except QueueFull as full:
            raise _busy(full.seconds) from None
        outcome = asyncio.wrap_future(work.future)
        gone = asyncio.ensure_future(request.receive())  # the body is read: only the end of the connection can come
        try:
            either: list[asyncio.Future[Any]] = [outcome, gone]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not outcome.done():
                raise Gone
            return outcome.result()
        except TimeoutError:
            raise Refusal(504, "The request's turn at the model did not come in time", retry_after=5) from None
        except NotFinite:
            message = "The model's answer holds NaN or infinity, or a probability outside of 0 to 1"
            raise Refusal(500, message) from None
        finally:
            gone.cancel()
            outcome.cancel()

    async def metadata(self, request: Request) -> Response:
        """GET /v1/models/<name>[/versions/<n>]/metadata."""
        self._check_name(request)
        version = self._state.models.find(_version(request))
        name = self._state.options.model_name
        return json_response(
            {
                "model_spec": {"name": name, "signature_name": "", "version": str(version.number)},
                "metadata": {"signature_def": {"signature_def": version.signatures}},
            }
        )

    async def status(self, request: Request) -> Response:
        """GET /v1/models/<name>[/versions/<n>]."""
        if request.url.path.endswith(":predict"):  # it matches this route, too
            raise HTTPException(405, headers={"Allow": "POST"})
        self._check_name(request)
        versions = self._state.models.status(_version(request))
        return json_response(
            {
                "model_version_status": [
                    {
                        "version": str(number),
                        "state": status.state,
                        "status": {"error_code": status.error_code, "error_message": status.error_message},
                    }
                    for number, status in versions
                ]
            }
        )

    def _check_name(self, request: Request) -> None:
        name, served = request.path_params["name"], self._state.options.model_name
        if name != served:
            raise Refusal(404, f"Model {name[:80]} is not served here; {served} is")

    async def _in_pool(
        self, function: Callable[Arguments, Result], *arguments: Arguments.args, **more: Arguments.kwargs
    ) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._state.pool, lambda: function(*arguments, **more))


def _version(request: Request) -> int | None:
    """The version in the URL, or None; not by Starlette's `int` converter, which fails at thousands of digits."""
    text = request.path_params.get("version")
    if text is None:
        return None
    if not (text.isdecimal() and len(text) < 20):
        raise HTTPException(404)
    return int(text)


def _busy(seconds: float) -> Refusal:
    return Refusal(429, "Too many faces wait for the model. Try again later", retry_after=seconds)


def _no_outputs(method: Method) -> Outputs:
    """The outputs for no faces."""
    if method == "heat_maps":
        return {"heat_map": np.zeros((0, CROP_SIZE, CROP_SIZE), np.float32)}
    return {name: np.zeros((0, 0) if name == "embedding" else (0,), np.float32) for name in SERVED}
