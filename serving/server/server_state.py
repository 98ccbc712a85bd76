"""What the parts of a running server share."""

import concurrent.futures
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.default_model import choose_model
from serving.server.batching import Batcher
from serving.server.model_versions import ModelVersions
from serving.server.picture_decoding import PictureDecoder
from serving.server.prometheus import ServerMetrics
from serving.server.server_options import ServerOptions

if TYPE_CHECKING:
    from serving.server.video_api import VideoApi

DECODERS = 2  # threads that parse and decode requests
PATIENCE = 3.0  # seconds for which the end of a thread is waited for


@dataclass
class ServerState:
    """Shared state; `app.state.serving`, and the argument of each part's `routes` and `lifespan`.

    Attributes:
        options: the command line, with the limits.
        models: the versions of the model.
        batcher: scores faces.
        decoder: encoded pictures -> crops.
        metrics: what Prometheus reads; further metrics go into `metrics.registry`.
        pool: threads for short work on requests.
        videos: the answers about videos; None in a server without that part.
        stopping: the server finishes what has begun; nothing new should begin.
        failure: what a part raised when it started, or None.
        stuck: a thread has not ended when the server did.
    """

    options: ServerOptions
    models: ModelVersions
    batcher: Batcher
    decoder: PictureDecoder
    metrics: ServerMetrics
    pool: concurrent.futures.ThreadPoolExecutor
    videos: "VideoApi | None" = None
    stopping: bool = False
    failure: Exception | None = None
    stuck: bool = False

    def close(self) -> None:
        """Finish the work that waits and end all threads; `stuck` tells whether one has not ended in time."""
        self.stuck = not self.models.stop()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.stuck |= not self.batcher.close(PATIENCE)
        for thread in self.pool._threads:
            thread.join(PATIENCE)
            self.stuck |= thread.is_alive()


def open_state(options: ServerOptions) -> ServerState:
    """Load the model and start the threads that serve it.

    Raises:
        InputError: no version of the model works.
    """
    limits, metrics = options.limits, ServerMetrics()
    models = ModelVersions(
        choose_model(options.model)[0], limits.max_batch, metrics.version_changed, options.trial_seconds
    )
    models.load_first()
    batcher = Batcher(limits.max_batch, limits.queue, metrics.batch_done)
    metrics.watch(models, batcher)
    return ServerState(
        options=options,
        models=models,
        batcher=batcher,
        decoder=PictureDecoder(limits.max_crop_pixels),
        metrics=metrics,
        pool=concurrent.futures.ThreadPoolExecutor(DECODERS, "requests"),
    )
