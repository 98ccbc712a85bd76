"""The parts of the server, put together."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from serving import page
from serving.server import health_api, openapi_api, predict_api, video_api
from serving.server.allowed_hosts import AllowedHosts, parse_hosts
from serving.server.gate import Gate
from serving.server.refusals import Refusal
from serving.server.server_options import ServerOptions
from serving.server.server_state import ServerState, open_state


class Part(NamedTuple):
    """A part of the server.

    Attributes:
        routes: makes its routes.
        lifespan: opens what they need around the server's life, or None.
    """

    routes: Callable[[ServerState], Sequence[BaseRoute]]
    lifespan: Callable[[ServerState], contextlib.AbstractAsyncContextManager[None]] | None = None


PARTS = (
    Part(predict_api.routes),
    Part(video_api.routes, video_api.lifespan),
    Part(health_api.routes),
    Part(openapi_api.routes),
    Part(lambda state: page.routes()),
)


def create_app(
    options: ServerOptions,
    parts: Sequence[Part] = PARTS,
    answered: Callable[[Scope, Headers, int, int], None] = lambda *request: None,
) -> Starlette:
    """Load the model and build the ASGI application; `app.state.serving` is its `ServerState`.

    Args:
        options: the command line.
        parts: of the server.
        answered: called after each request, see `Gate`.

    Raises:
        InputError: no version of the model works.
    """
    state = open_state(options)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        state.models.watch(options.poll_seconds)
        try:
            async with contextlib.AsyncExitStack() as stack:
                for part in parts:
                    if part.lifespan is not None:
                        await stack.enter_async_context(part.lifespan(state))
                yield
                state.stopping = True
        except Exception as error:
            state.failure = error
            raise
        finally:
            state.close()

    app = Starlette(
        routes=[route for part in parts for route in part.routes(state)],
        middleware=[
            Middleware(
                Gate,
                limits=options.limits,
                token=options.token,
                request_done=state.metrics.request_done,
                hosts=AllowedHosts(parse_hosts(options.allowed_hosts), options.host),
                answered=answered,
            )
        ],
        exception_handlers={Refusal: _leave_to_gate, HTTPException: _leave_to_gate},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.serving = state
    return app


async def _leave_to_gate(request: Request, refusal: Exception) -> Response:
    """Let the gate answer: it knows whether the request's body was read."""
    raise refusal
