"""The server: listens, exchanges models while it runs, and stops when everybody was answered."""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path

import uvicorn

from lineament.artifacts.collection import Collection
from lineament.core.errors import UsageError
from lineament.core.memory import give_back
from lineament.serving.app import make_app
from lineament.serving.config import ServeConfig
from lineament.serving.connection import PatientProtocol
from lineament.serving.desk import Desk
from lineament.serving.metrics import Metrics
from lineament.serving.rooms import Rooms
from lineament.serving.shelf import Shelf

WATCHED_EVERY_S = 2.0
TIDIED_EVERY_S = 10.0
BACKLOG = 2048
KEEP_ALIVE_S = 15

log = logging.getLogger("lineament.serving")
Say = Callable[[str], None]


def open_rooms(
    paths: Sequence[Path], config: ServeConfig, *, messages: Path | None = None
) -> Rooms:
    """Open the models and all that the service is made of.

    Args:
        paths: Bundles or runs.
        config: Limits and guards.
        messages: A YAML file with a sentence per class, before those of the bundles.

    Raises:
        ArtifactError: A model or the folder of kept photos is absent, damaged or something else.
        GateError: The engine that was asked for answers otherwise than was proved.
        MissingExtraError: The engine that was asked for is not installed.
        UsageError: Two models have one name, or a message is for no class.
    """
    metrics = Metrics()
    return Rooms(
        config=config,
        shelf=Shelf(paths, engine=config.engine, threads=config.threads, messages=messages),
        desk=Desk(config, metrics),
        metrics=metrics,
        collection=Collection.open(Path(config.feedback), max_photos=config.max_kept)
        if config.feedback
        else None,
    )


def serve(rooms: Rooms, *, say: Say, watch: bool = False, access_log: bool = False) -> None:
    """Serve until SIGINT or SIGTERM; what has begun is answered first. SIGHUP opens models again.

    Args:
        rooms: What is served.
        say: Is told the address, and what becomes of the models.
        watch: Also open a model again when its file changes.
        access_log: Whether each request is told.

    Raises:
        UsageError: The address cannot be listened on, or the certificate cannot be used.
    """
    config = rooms.config
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    if access_log:
        logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    listening = _listening(config)
    settings = uvicorn.Config(
        make_app(rooms),
        http=PatientProtocol,
        ws="websockets-sansio",
        ws_max_size=config.max_bytes,
        ws_max_queue=4,
        interface="asgi3",
        lifespan="on",
        log_config=None,
        access_log=access_log,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=config.max_connections,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, int(config.deadline_s)),
        ssl_certfile=config.certificate,
        ssl_keyfile=config.key,
    )
    try:
        settings.load()
    except (OSError, ssl.SSLError) as error:
        listening.close()
        raise UsageError(
            f"The certificate or its key cannot be used ({error}).",
            fix="Name two PEM files that belong together.",
        ) from error
    server = _Server(settings, rooms.shelf, rooms.metrics, say=say, watch=watch)
    with listening:
        server.run(sockets=[listening])
    say("stopped")


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        shelf: Shelf,
        metrics: Metrics,
        *,
        say: Say,
        watch: bool,
    ) -> None:
        super().__init__(config)
        self._shelf, self._metrics, self._say, self._watch = shelf, metrics, say, watch
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        loop = asyncio.get_running_loop()
        if hasattr(signal, "SIGHUP"):  # Windows has none
            loop.add_signal_handler(signal.SIGHUP, lambda: self._begin(self._reload()))
        self._begin(self._tidy())
        if self._watch:
            self._begin(self._watch_files())
        assert sockets is not None  # `serve` gives them
        host, port = sockets[0].getsockname()[:2]
        scheme = "http" if self.config.ssl is None else "https"
        self._say(f"serving on {scheme}://{f'[{host}]' if ':' in host else host}:{port}")

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        """Begin work beside the requests; the loop alone would not keep it from being collected."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._tasks:
            task.cancel()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal once more at the end; to stop a service is no failure.
        asked = (signal.SIGINT, signal.SIGTERM)
        before = {each: signal.signal(each, self.handle_exit) for each in asked}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def _tidy(self) -> None:
        seen = 0
        while True:
            await asyncio.sleep(TIDIED_EVERY_S)
            if self.server_state.total_requests != seen:
                seen = self.server_state.total_requests
                await asyncio.to_thread(give_back)

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(WATCHED_EVERY_S)
            await self._reload(only_changed=True)

    async def _reload(self, *, only_changed: bool = False) -> None:
        exchanged, failed = await asyncio.to_thread(self._shelf.reload, only_changed=only_changed)
        self._metrics.reloaded(done=len(exchanged), failed=len(failed))
        for name in exchanged:
            self._say(f"opened again: {name}, {self._shelf.find(name).sha256[:12]}")
        for error in failed:
            self._say(f"the model that was there goes on: {error}")


def _listening(config: ServeConfig) -> socket.socket:
    try:
        kind, *_, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(kind)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise UsageError(
            f"{config.host}:{config.port} cannot be listened on: {error.strerror}.",
            fix="Choose another `--port` (0 takes a free one), or stop what listens there.",
        ) from error
    return made
