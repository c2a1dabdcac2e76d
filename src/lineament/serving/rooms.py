"""Rooms: what the paths of the service share, and how they send a document."""

import dataclasses
import json

from starlette.responses import Response

from lineament.artifacts.collection import Collection
from lineament.core.errors import LineamentError
from lineament.serving.config import ServeConfig
from lineament.serving.desk import Desk
from lineament.serving.metrics import Metrics
from lineament.serving.problems import problem_bytes, problem_headers
from lineament.serving.shelf import Shelf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rooms:
    """What a service is made of.

    Attributes:
        config: Limits and guards.
        shelf: The models.
        desk: Answers photos.
        metrics: Counts.
        collection: Where photos are kept that somebody corrects; ``None`` keeps none.
    """

    config: ServeConfig
    shelf: Shelf
    desk: Desk
    metrics: Metrics
    collection: Collection | None


def send_json(document: object, *, status: int = 200) -> Response:
    """An answer."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return Response(text.encode(), status_code=status, media_type="application/json")


def send_problem(error: LineamentError) -> Response:
    """A refusal, or what went wrong."""
    return Response(
        problem_bytes(error), status_code=error.http_status, headers=problem_headers(error)
    )
