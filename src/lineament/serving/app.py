"""The application: the paths, put together and guarded."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from lineament.core.errors import LineamentError, UsageError
from lineament.core.version import __version__
from lineament.serving.description import api_description
from lineament.serving.fact_paths import add_fact_paths
from lineament.serving.file_paths import add_file_paths
from lineament.serving.guards import Guards
from lineament.serving.photo_paths import add_photo_paths
from lineament.serving.problems import ProblemError, shown
from lineament.serving.rooms import Rooms, send_problem

ABOUT = (
    "Photos in, calibrated answers out. A photo that is too unlike the training photos is answered "
    '"unknown". Errors are problem details (RFC 9457) with the words of the command line.'
)

log = logging.getLogger("lineament.serving")


def make_app(rooms: Rooms) -> ASGIApp:
    """Put the service together, as an ASGI server runs it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        rooms.desk.close()

    app = FastAPI(
        title="Lineament",
        version=__version__,
        description=ABOUT,
        docs_url=None,  # they ask a network for their files
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
    )
    _add_problems(app)
    add_photo_paths(app, rooms)
    add_fact_paths(app, rooms)
    add_file_paths(app)
    app.openapi = lambda: api_description(app, rooms.config)  # type: ignore[method-assign]  # as FastAPI's documentation does
    return Guards(app, config=rooms.config, metrics=rooms.metrics)


def _add_problems(app: FastAPI) -> None:
    async def known(_: Request, error: Exception) -> Response:
        assert isinstance(error, LineamentError)  # what it is registered for
        return send_problem(error)

    async def of_path(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # what it is registered for
        made = ProblemError(
            error.status_code,
            f"{request.method} {shown(request.url.path)} is not known here.",
            fix="`/docs` lists the paths.",
            headers=dict(error.headers or {}),
        )
        return send_problem(made)

    async def of_query(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # what it is registered for
        places = [f"{'.'.join(map(str, e['loc'][1:]))} ({e['msg']})" for e in error.errors()]
        return send_problem(
            UsageError(
                "The request's parameters cannot be.",
                at=places,
                fix="`/docs` lists the parameters.",
            )
        )

    async def bug(_: Request, error: Exception) -> Response:
        log.error("a bug", exc_info=error)
        return send_problem(
            ProblemError(500, "This is a bug of the service.", fix="Its log says more.")
        )

    app.add_exception_handler(LineamentError, known)
    app.add_exception_handler(HTTPException, of_path)
    app.add_exception_handler(RequestValidationError, of_query)
    app.add_exception_handler(Exception, bug)
