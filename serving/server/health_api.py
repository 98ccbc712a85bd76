"""Alive, ready, and the metrics."""

from starlette.responses import Response
from starlette.routing import Route

from serving.server.refusals import json_response


def routes(state):
    """The routes of this part."""

    async def healthz(request):
        return json_response({"status": "alive"})

    async def readyz(request):
        current = state.models.current
        reason = (
            "stopping"
            if state.stopping
            else "no model"
            if current is None
            else "queue full"
            if state.batcher.full
            else None
        )
        if reason:
            return json_response({"status": reason, "error": f"Not ready: {reason}"}, 503, {"Retry-After": "1"})
        return json_response({"status": "ready", "version": str(current.number)})

    async def metrics(request):
        text, kind = state.metrics.text()
        return Response(text, headers={"Content-Type": kind})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
