"""What Prometheus reads about the server."""

import functools

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serving.server.batching import Batcher, Lane
from serving.server.model_versions import ModelVersions
from serving.server.video_job import CANCELLED, DONE, FAILED
from serving.server.video_queue import VideoQueue

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
FACES = (1, 2, 4, 8, 16, 24, 32, 64, 128)


class ServerMetrics:
    """The metrics of one server.

    Attributes:
        registry: all metrics of the server; further ones may be added.
    """

    def __init__(self) -> None:
        # A time beside each counter, which nobody needs.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        labels = ["route", "method", "code"]
        self._requests = Counter("deepfake_requests", "Requests answered.", labels, registry=registry)
        text = "Time from a request's headers to the end of its answer."
        self._request_seconds = Histogram(
            "deepfake_request_seconds", text, ["route"], buckets=SECONDS, registry=registry
        )
        self._batch_faces = Histogram(
            "deepfake_batch_faces", "Faces in a forward pass.", buckets=FACES, registry=registry
        )
        self._batch_seconds = Histogram(
            "deepfake_batch_seconds", "Time of a forward pass.", buckets=SECONDS, registry=registry
        )
        self._faces = Counter("deepfake_faces", "Faces scored.", registry=registry)
        text = "Model versions that were loaded, and those that were refused."
        self._loads = Counter("deepfake_model_loads", text, ["result"], registry=registry)
        for result in ("success", "failure"):
            self._loads.labels(result)

    def watch(self, models: ModelVersions, batcher: Batcher) -> None:
        """Add metrics that are read from the models and the batcher when they are asked for."""
        version = Gauge("deepfake_model_version", "The version that is served.", registry=self.registry)
        version.set_function(lambda: models.current.number if models.current else 0)
        queue = Gauge("deepfake_queue_faces", "Faces that wait for the model.", ["lane"], registry=self.registry)
        for lane in batcher.waiting:
            queue.labels(lane).set_function(functools.partial(_waiting_faces, batcher, lane))

    def version_changed(self, loaded: bool) -> None:
        """Count a version that was loaded, or refused."""
        self._loads.labels("success" if loaded else "failure").inc()

    def batch_done(self, faces: int, seconds: float) -> None:
        """Count a forward pass."""
        self._batch_faces.observe(faces)
        self._batch_seconds.observe(seconds)
        self._faces.inc(faces)

    def request_done(self, route: str, method: str, code: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, method, code).inc()
        self._request_seconds.labels(route).observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


def _waiting_faces(batcher: Batcher, lane: Lane) -> int:
    return batcher.waiting[lane]


class VideoMetrics:
    """The metrics of uploaded videos.

    Args:
        registry: of the server.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._jobs = Counter("deepfake_videos", "Videos by outcome.", ["outcome"], registry=registry)
        self._seconds = Histogram(
            "deepfake_video_seconds", "Time of the work on a video.", buckets=SECONDS, registry=registry
        )
        text = "Time of one stage of that work."
        self._stage_seconds = Histogram(
            "deepfake_video_stage_seconds", text, ["stage"], buckets=SECONDS, registry=registry
        )
        for outcome in (DONE, FAILED, CANCELLED, "error"):
            self._jobs.labels(outcome)

    def watch(self, queue: VideoQueue) -> None:
        """Add metrics that are read from the queue when they are asked for."""
        for name, text, value in (
            ("waiting", "Videos that wait.", lambda: queue.waiting),
            ("running", "Videos that are being assessed.", lambda: queue.running),
            ("kept", "Videos whose results are kept.", lambda: queue.kept),
            ("kept_bytes", "Bytes of the results that are kept.", lambda: queue.kept_bytes),
        ):
            Gauge(f"deepfake_videos_{name}", text, registry=self._registry).set_function(value)

    def job_done(self, outcome: str, seconds: float) -> None:
        """Count a job that ended."""
        self._jobs.labels(outcome).inc()
        self._seconds.observe(seconds)

    def stage_done(self, stage: str, seconds: float) -> None:
        """Count a stage of a job."""
        self._stage_seconds.labels(stage.replace(" ", "_")).observe(seconds)
