"""What the parts of a running server share."""

import concurrent.futures
import dataclasses

from serving.server.batching import Batcher
from serving.server.model_versions import ModelVersions
from serving.server.picture_decoding import Decoder
from serving.server.prometheus import ServerMetrics
from serving.server.server_options import ServerOptions

DECODERS = 2  # threads that parse and decode requests


@dataclasses.dataclass
class ServerState:
    """It is `app.state.serving`, and what each part's `routes(state)` gets.

    Attributes:
        options: the command line; `options.limits` are the `ServerLimits`.
        models: `models.current.model` is the `ServedModel` of new requests, `models.current.number` its version.
        batcher: `batcher.score(model, crops)` judges faces for whoever may block.
        decoder: encoded pictures -> crops.
        metrics: the Prometheus metrics; further ones go into `metrics.registry`.
        pool: threads for short work on requests.
        videos: `serving.server.video_api.Videos`, where there are its routes.
        stopping: the server finishes what it has; nothing new should be begun.
        failure: what a part's lifespan failed with, or None.
    """

    options: ServerOptions
    models: ModelVersions
    batcher: Batcher
    decoder: Decoder
    metrics: ServerMetrics
    pool: concurrent.futures.ThreadPoolExecutor
    videos: object = None
    stopping: bool = False
    failure: Exception | None = None

    def close(self):
        """Finish what waits and end all threads."""
        self.models.stop()
        self.pool.shutdown()
        self.batcher.close()


def open_state(options):
    """Load the model and start what serves it.

    Raises:
        ValueError: no model that works.
    """
    metrics = ServerMetrics()
    models = ModelVersions(options.model, options.limits.max_batch, metrics.version_changed)
    models.load_first()
    batcher = Batcher(options.limits.max_batch, options.limits.queue, metrics.batch_done)
    metrics.watch(models, batcher)
    return ServerState(
        options=options,
        models=models,
        batcher=batcher,
        decoder=Decoder(options.limits.max_crop_pixels),
        metrics=metrics,
        pool=concurrent.futures.ThreadPoolExecutor(DECODERS, "requests"),
    )
