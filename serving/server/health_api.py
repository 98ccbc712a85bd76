"""`/healthz`, `/readyz` and `/metrics`: whether the server is alive and ready, and its metrics."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.server.refusals import json_response
from serving.server.server_state import ServerState


def routes(state: ServerState) -> list[BaseRoute]:
    """The routes of this part."""

    async def healthz(request: Request) -> Response:
        return json_response({"status": "alive"})

    async def readyz(request: Request) -> Response:
        current = state.models.current
        if state.stopping:
            return _not_ready("stopping")
        if current is None:
            return _not_ready("no model")
        if state.batcher.full:
            return _not_ready("queue full")
        return json_response({"status": "ready", "version": str(current.number)})

    async def metrics(request: Request) -> Response:
        text, content_type = state.metrics.text()
        return Response(text, headers={"Content-Type": content_type})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


def _not_ready(reason: str) -> Response:
    return json_response({"status": reason, "error": f"Not ready: {reason}"}, 503, {"Retry-After": "1"})
