"""A service without a socket: requests go straight to the application."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from lineament.serving.app import make_app
from lineament.serving.config import ServeConfig
from lineament.serving.rooms import Rooms
from lineament.serving.server import open_rooms


@dataclasses.dataclass(frozen=True)
class Asked:
    """Who asks a service."""

    rooms: Rooms
    app: Any

    def __call__(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        files: Any = None,
        data: Any = None,
        json: Any = None,
        params: Any = None,
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as to:
                return await to.request(
                    method,
                    path,
                    headers=dict(headers or {}),
                    content=content,
                    files=files,
                    data=data,
                    json=json,
                    params=params,
                )

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self("POST", path, **more)


Opened = Callable[..., Asked]


@pytest.fixture(scope="session")
def opened(small_bundle: Path) -> Opened:
    """Open a service of the small bundle, or of others, with other settings."""

    def open_(*bundles: Path, messages: Path | None = None, **settings: Any) -> Asked:
        # ONNX Runtime alone: an answer is then the same in every process, to the last bit.
        config = ServeConfig(**{"engine": "onnxruntime", **settings})
        rooms = open_rooms(bundles or (small_bundle,), config, messages=messages)
        return Asked(rooms, make_app(rooms))

    return open_


@pytest.fixture(scope="session")
def asked(opened: Opened) -> Asked:
    """A service with the settings of a first run."""
    return opened()
