"""Photo paths: what answers, explains and keeps photos, and the frames of a camera."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.responses import Response

from lineament.core.errors import UsageError
from lineament.serving.collecting import keep
from lineament.serving.desk import TOP, base64_text, said
from lineament.serving.live import live
from lineament.serving.problems import shown
from lineament.serving.rooms import Rooms, send_json
from lineament.serving.schemas import (
    OF_WORK,
    Kept,
    SaidAnswers,
    SaidExplanation,
    collection_body,
    photo_bodies,
    refusals,
)
from lineament.serving.shelf import Served
from lineament.serving.uploads import uploads

JPEG = "image/jpeg"
MOST_TOP = 1000

Model = Annotated[str | None, Query(description="The model's name; the first where it is absent.")]
Top = Annotated[int, Query(ge=1, le=MOST_TOP, description="Classes per photo.")]
OfClass = Annotated[
    str | None, Query(alias="class", description="Whose evidence; that of the answer.")
]


def add_photo_paths(app: FastAPI, rooms: Rooms) -> None:
    """Add the paths that take photos."""
    _add_answers(app, rooms)
    _add_collection(app, rooms)


def _add_answers(app: FastAPI, rooms: Rooms) -> None:
    @app.post(
        "/v1/predict",
        summary="Answer photos.",
        tags=["photos"],
        responses={
            200: {"model": SaidAnswers, "description": "Answers, in the order of the photos."},
            **refusals(OF_WORK),
        },
        openapi_extra=photo_bodies(rooms.config.max_photos),
    )
    async def predict(request: Request, model: Model = None, top: Top = TOP) -> Response:
        served = rooms.shelf.find(model)
        async with uploads(request, rooms.config, rooms.desk.admission) as brought:
            _require_no_fields(brought.fields)
            found = await rooms.desk.answers(served, brought.photos)
        answers = [said(served, answer, top=top) for answer in found]
        return send_json({**_by(served), "answers": answers})

    @app.post(
        "/v1/explain",
        summary="Answer a photo, and show what spoke for the answer.",
        tags=["photos"],
        responses={
            200: {
                "model": SaidExplanation,
                "content": {JPEG: {"schema": {"type": "string", "format": "binary"}}},
                "description": "As JSON; the picture alone where `Accept` asks for image/jpeg.",
            },
            **refusals(OF_WORK),
        },
        openapi_extra=photo_bodies(1),
    )
    async def explain(request: Request, model: Model = None, of_class: OfClass = None) -> Response:
        served = rooms.shelf.find(model)
        async with uploads(request, rooms.config, rooms.desk.admission) as brought:
            _require_no_fields(brought.fields)
            if len(brought.photos) != 1:
                raise UsageError(
                    f"{len(brought.photos)} photos were sent, and one is explained at a time.",
                    fix="Send one request per photo.",
                )
            answer, of, picture = await rooms.desk.explain(served, brought.photos[0], of_class)
        if JPEG in request.headers.get("accept", ""):
            return Response(picture, media_type=JPEG)
        return send_json(
            {
                **_by(served),
                "answer": said(served, answer),
                "shown_class": of,
                "overlay_jpeg_base64": base64_text(picture),
            }
        )


def _add_collection(app: FastAPI, rooms: Rooms) -> None:
    @app.post(
        "/v1/collection",
        status_code=201,
        summary="Keep a photo with its true class, where somebody agreed to it.",
        tags=["collection"],
        responses={201: {"model": Kept, "description": "It is kept."}, **refusals((*OF_WORK, 409))},
        openapi_extra=collection_body(),
    )
    async def collect(request: Request) -> Response:
        async with uploads(request, rooms.config, rooms.desk.admission) as brought:
            kept, kind = await keep(rooms.collection, brought, rooms.shelf, rooms.desk)
        rooms.metrics.kept(kind)
        return send_json({"kept": kept}, status=201)

    @app.websocket("/v1/live")
    async def frames(socket: WebSocket) -> None:
        await live(socket, shelf=rooms.shelf, desk=rooms.desk, metrics=rooms.metrics)


def _require_no_fields(fields: Mapping[str, str]) -> None:
    if fields:
        raise UsageError(
            "The form has parts that are no photos.",
            at=sorted(map(shown, fields)),
            fix="Give the model and other choices as parameters, such as `?model=NAME`.",
        )


def _by(served: Served) -> dict[str, object]:
    return {"model": served.name, "sha256": served.sha256}
