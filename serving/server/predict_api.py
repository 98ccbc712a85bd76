"""TensorFlow Serving's REST protocol: predict, metadata and status of a model and its versions."""

import asyncio
import time

import numpy as np
from starlette.exceptions import HTTPException
from starlette.routing import Route

from model.recipes import CROP_SIZE
from model.served import SERVED
from serving.server import predict_request
from serving.server.batching import NotFinite, QueueFull
from serving.server.gate import Gone, read_body
from serving.server.refusals import Refusal, json_response


def routes(state):
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
    """Answers for one model."""

    def __init__(self, state):
        self.state, self.limits = state, state.options.limits

    async def predict(self, request):
        """POST /v1/models/<name>[/versions/<n>]:predict."""
        deadline = time.monotonic() + self.limits.request_timeout
        self._check_name(request)
        version = self.state.models.find(_version(request))
        if self.state.batcher.full:
            raise _busy(1.0)
        body = await read_body(request)
        asked, crops = await self._in_pool(self._prepare, body)
        del body
        if asked.signature not in version.model.signatures:
            raise Refusal(
                400,
                f'Serving signature name: "{asked.signature}" not found: version {version.number} was exported without',
            )
        maps = asked.signature == "heat_maps"
        if maps and len(crops) > self.limits.max_batch:
            raise Refusal(413, f"{len(crops)} faces; {self.limits.max_batch} heat maps are allowed in a request")
        outputs = await self._judged(request, version.model, crops, "heat_maps" if maps else "predict", deadline)
        if maps:  # megabytes of text
            return await self._in_pool(predict_request.answer, outputs, asked.by_row)
        return predict_request.answer(outputs, asked.by_row)

    def _prepare(self, body):
        asked = predict_request.parse(body, self.limits)
        return asked, asked.crops if asked.pictures is None else self.state.decoder(asked.pictures)

    async def _judged(self, request, model, crops, method, deadline):
        """The model's outputs; whoever hangs up meanwhile is not judged."""
        if not len(crops):
            return _nothing(model, method)
        try:
            work = self.state.batcher.submit(model, crops, method, deadline)
        except QueueFull as full:
            raise _busy(full.seconds) from None
        outcome = asyncio.wrap_future(work.future)
        gone = asyncio.ensure_future(request.receive())  # the body is read: only the end of the connection can come
        try:
            await asyncio.wait({outcome, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not outcome.done():
                raise Gone
            return outcome.result()
        except TimeoutError:
            raise Refusal(504, "The model did not come to this request in time", retry_after=5) from None
        except NotFinite:
            raise Refusal(500, "The model's answer holds what is not a number") from None
        finally:
            gone.cancel()
            outcome.cancel()

    async def metadata(self, request):
        """GET /v1/models/<name>[/versions/<n>]/metadata."""
        self._check_name(request)
        version = self.state.models.find(_version(request))
        return json_response(
            {
                "model_spec": {
                    "name": self.state.options.model_name, "signature_name": "", "version": str(version.number)
                },
                "metadata": {"signature_def": {"signature_def": version.signatures}},
            }
        )  # fmt: skip

    async def status(self, request):
        """GET /v1/models/<name>[/versions/<n>]."""
        if request.url.path.endswith(":predict"):  # it fits this route, too
            raise HTTPException(405, headers={"Allow": "POST"})
        self._check_name(request)
        versions = self.state.models.status(_version(request))
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

    def _check_name(self, request):
        name, ours = request.path_params["name"], self.state.options.model_name
        if name != ours:
            raise Refusal(404, f"Model {name[:80]} is not served here; {ours} is")

    async def _in_pool(self, function, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.state.pool, function, *arguments)


def _version(request):
    """The number in the address, or None; not Starlette's `int`, which fails at thousands of digits."""
    text = request.path_params.get("version")
    if text is not None and not (text.isdecimal() and len(text) < 20):
        raise HTTPException(404)
    return text and int(text)


def _busy(seconds):
    return Refusal(429, "Too many faces wait for the model. Try again later", retry_after=seconds)


def _nothing(model, method):
    if method == "heat_maps":
        return {"heat_map": np.zeros((0, CROP_SIZE, CROP_SIZE), np.float32)}
    return {name: np.zeros((0, 0) if name == "embedding" else (0,), np.float32) for name in SERVED}
