"""File paths: the page, the page of the API, and the API's description, all from memory."""

from collections.abc import Callable, Mapping

from fastapi import FastAPI
from fastapi.responses import Response

from lineament.serving.api_page import api_page_files
from lineament.serving.page_files import INDEX, media_type, page_files
from lineament.serving.rooms import send_json


def add_file_paths(app: FastAPI) -> None:
    """Add the page, the page of the API, and the API's description."""
    _add_files(app, api_page_files())
    found = page_files()
    _add_files(
        app,
        {
            **{f"/page/{name}": (data, media_type(name)) for name, data in found.items()},
            "/": (found[INDEX], media_type(INDEX)),
        },
    )

    @app.get("/openapi.json", include_in_schema=False)
    async def description() -> Response:
        return send_json(app.openapi())


def _add_files(app: FastAPI, files: Mapping[str, tuple[bytes, str]]) -> None:
    """Serve files from memory: no path of a request meets a disk."""
    for path, (data, kind) in files.items():
        app.add_api_route(path, _sends(data, kind), include_in_schema=False)


def _sends(data: bytes, kind: str) -> Callable[[], Response]:
    def send() -> Response:
        return Response(data, headers={"content-type": kind, "cache-control": "no-cache"})

    return send
