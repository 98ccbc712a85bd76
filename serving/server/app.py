"""The server's parts put together."""

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from serving import page
from serving.server import health_api, predict_api, video_api
from serving.server.gate import Gate
from serving.server.refusals import Refusal
from serving.server.server_state import open_state


class Part(NamedTuple):
    """A part of the server.

    Attributes:
        routes: function of the `ServerState` that returns a list of routes.
        lifespan: function of the `ServerState` that returns an async context manager around the server's life, or None.
    """

    routes: Callable
    lifespan: Callable | None = None


PARTS = (
    Part(predict_api.routes),
    Part(video_api.routes, video_api.lifespan),
    Part(health_api.routes),
    Part(page.routes),
)


def create_app(options, parts=PARTS):
    """Load the model and build the ASGI application; `app.state.serving` is its `ServerState`.

    Raises:
        ValueError: no model that works.
    """
    state = open_state(options)

    @contextlib.asynccontextmanager
    async def lifespan(app):
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
        middleware=[Middleware(Gate, state=state)],
        exception_handlers={Refusal: _refused, HTTPException: _refused},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.serving = state
    return app


async def _refused(request, problem):
    raise problem  # to the gate, which knows whether the body was read
