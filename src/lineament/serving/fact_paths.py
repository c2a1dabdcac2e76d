"""Fact paths: which models there are, what the service allows, and how it is."""

from fastapi import FastAPI
from fastapi.responses import Response

from lineament.core.version import __version__
from lineament.serving.metrics import MEDIA_TYPE
from lineament.serving.problems import ProblemError
from lineament.serving.rooms import Rooms, send_json
from lineament.serving.schemas import OF_EVERY, Models, Service, Sign, refusals


def add_fact_paths(app: FastAPI, rooms: Rooms) -> None:
    """Add the paths that say what the service is and how it is."""
    every = refusals(OF_EVERY)

    @app.get(
        "/v1/models",
        summary="The models that are served.",
        tags=["models"],
        responses={200: {"model": Models, "description": "The models."}, **every},
    )
    async def models() -> Response:
        return send_json({"models": [served.summary for served in rooms.shelf.models]})

    @app.get(
        "/v1/models/{name}",
        summary="The whole card of a model.",
        tags=["models"],
        responses={
            200: {
                "content": {"application/json": {"schema": {"type": "object"}}},
                "description": "The card.",
            },
            **refusals((*OF_EVERY, 404)),
        },
    )
    async def card(name: str) -> Response:
        return send_json(rooms.shelf.find(name).card)

    @app.get(
        "/v1/service",
        summary="What the service is and allows; needs no token.",
        tags=["service"],
        responses={200: {"model": Service, "description": "What it is."}, **every},
    )
    async def service() -> Response:
        return send_json(
            {
                "name": "Lineament",
                "version": __version__,
                "needs_token": rooms.config.token is not None,
                "collects": rooms.collection is not None,
                "limits": {
                    "max_bytes": rooms.config.max_bytes,
                    "max_pixels": rooms.config.max_pixels,
                    "max_photos": rooms.config.max_photos,
                },
                "default_model": rooms.shelf.default,
            }
        )

    @app.get(
        "/healthz",
        summary="Whether the process lives.",
        tags=["service"],
        responses={200: {"model": Sign, "description": "Yes."}, **every},
    )
    async def health() -> Response:
        return send_json({"status": "lives"})

    @app.get(
        "/readyz",
        summary="Whether photos can be sent now.",
        tags=["service"],
        responses={200: {"model": Sign, "description": "Yes."}, **refusals((*OF_EVERY, 503))},
    )
    async def readiness() -> Response:
        if rooms.desk.admission.photos > rooms.config.queue:
            raise ProblemError(
                503,
                "As many photos wait as may.",
                fix="Ask another instance, or come again.",
                headers={"retry-after": str(rooms.desk.admission.retry_after_s())},
            )
        return send_json({"status": "ready"})

    @app.get(
        "/metrics",
        summary="Counts and times, for Prometheus.",
        tags=["service"],
        responses={
            200: {
                "content": {"text/plain": {"schema": {"type": "string"}}},
                "description": "Metrics.",
            },
            **every,
        },
    )
    async def measured() -> Response:
        text = rooms.metrics.text(
            rooms.shelf.models,
            waiting=rooms.desk.admission.photos,
            held_bytes=rooms.desk.admission.bytes,
        )
        return Response(text, media_type=MEDIA_TYPE)
