"""What Prometheus can ask the server."""

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

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class ServerMetrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self):
        disable_created_metrics()  # a time beside each count, which nobody asks for
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "deepfake_requests", "Requests answered.", ["route", "method", "code"], registry=registry
        )
        self.latency = Histogram(
            "deepfake_request_seconds", "From a request's headers to the end of its answer.",
            ["route"], buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.batches = Histogram(
            "deepfake_batch_faces", "Faces in a forward pass.", buckets=(1, 2, 4, 8, 16, 24, 32, 64, 128), registry=registry
        )  # fmt: skip
        self.passes = Histogram("deepfake_batch_seconds", "Of a forward pass.", buckets=SECONDS, registry=registry)
        self.faces = Counter("deepfake_faces", "Faces judged.", registry=registry)
        self.reloads = Counter(
            "deepfake_model_loads", "Versions that were taken up, and those that were refused.",
            ["result"], registry=registry,
        )  # fmt: skip
        for result in ("success", "failure"):
            self.reloads.labels(result)

    def watch(self, models, batcher):
        """Tell of these from now on."""
        version = Gauge("deepfake_model_version", "The version that is served.", registry=self.registry)
        version.set_function(lambda: models.current.number if models.current else 0)
        queue = Gauge("deepfake_queue_faces", "Faces that wait for the model.", ["lane"], registry=self.registry)
        for lane in batcher.waiting:
            queue.labels(lane).set_function(lambda lane=lane: batcher.waiting[lane])

    def version_changed(self, worked):
        """A version was taken up, or refused."""
        self.reloads.labels("success" if worked else "failure").inc()

    def batch_done(self, faces, seconds):
        """A forward pass ended."""
        self.batches.observe(faces)
        self.passes.observe(seconds)
        self.faces.inc(faces)

    def request_done(self, route, method, code, seconds):
        """A request was answered."""
        self.requests.labels(route, method, code).inc()
        self.latency.labels(route).observe(seconds)

    def text(self):
        """All of them in Prometheus' text format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
