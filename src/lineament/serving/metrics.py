"""Metrics: what Prometheus asks for, kept by its own client in a registry of this service."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from lineament.runtime.answers import Answer
from lineament.serving.shelf import Served

MEDIA_TYPE = CONTENT_TYPE_LATEST
# From a small network on a fast machine to the deadline.
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
ANSWERED, UNKNOWN, UNREADABLE = "answered", "unknown", "unreadable"


class Metrics:
    """Counts what happens."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "lineament_requests",
            "Requests, by route, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._request_s = Histogram(
            "lineament_request_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._photos = Counter(
            "lineament_photos",
            "Photos, by model and what became of them.",
            ("model", "outcome"),
            registry=self._registry,
        )
        self._photo_s = Histogram(
            "lineament_photo_seconds",
            "Seconds of one core that a photo took.",
            ("model",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._kept = Counter(
            "lineament_kept_photos", "Photos that were kept.", ("kind",), registry=self._registry
        )
        self._reloads = Counter(
            "lineament_reloads",
            "Models that were to be opened again, by outcome.",
            ("outcome",),
            registry=self._registry,
        )
        self._waiting = Gauge(
            "lineament_waiting_photos",
            "Photos that are answered or wait for it.",
            registry=self._registry,
        )
        self._held = Gauge(
            "lineament_upload_bytes",
            "Bytes of requests that are held in memory.",
            registry=self._registry,
        )
        self._cameras = Gauge(
            "lineament_live_connections", "Cameras that are answered.", registry=self._registry
        )
        self._models = Gauge(
            "lineament_model_info",
            "1 for each model that is served.",
            ("model", "sha256", "engine"),
            registry=self._registry,
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        self._requests.labels(route, method, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def answer(self, model: str, answer: Answer) -> None:
        """Count a photo."""
        outcome = UNREADABLE if answer.error else UNKNOWN if answer.is_unknown else ANSWERED
        self._photos.labels(model, outcome).inc()
        if not answer.error:
            self._photo_s.labels(model).observe(answer.seconds)

    def kept(self, kind: str) -> None:
        """Count a photo that was kept."""
        self._kept.labels(kind).inc()

    def reloaded(self, *, done: int, failed: int) -> None:
        """Count models that were to be exchanged."""
        self._reloads.labels("done").inc(done)
        self._reloads.labels("failed").inc(failed)

    def camera(self, change: int) -> None:
        """Count a camera that comes (1) or goes (-1)."""
        self._cameras.inc(change)

    def text(self, models: list[Served], *, waiting: int, held_bytes: int) -> bytes:
        """All of it, as Prometheus reads it."""
        self._waiting.set(waiting)
        self._held.set(held_bytes)
        self._models.clear()
        for served in models:
            self._models.labels(served.name, served.sha256, served.engine.title).set(1)
        return generate_latest(self._registry)
