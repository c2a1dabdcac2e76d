"""Connection: a client that never finishes to say what it wants is not waited for.

uvicorn has a time for a connection between two requests, and none for a request that comes byte by
byte (a "slow loris", which takes all connections with hardly any traffic).
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_S = 10.0
# A request that was refused is still heard to its end, and forgotten: who is cut off while sending
# never reads the refusal.
REST_S = 20.0


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with times for the headers of a request and for the rest of one that was refused."""

    _arriving: asyncio.TimerHandle | None = None
    _is_whole = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the class above
        """A client is there, and its first request is due."""
        super().connection_made(transport)
        self._wait(HEADERS_S)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_whole = False
        if self._arriving is None:
            self._wait(HEADERS_S)

    def on_headers_complete(self) -> None:
        """What is wanted is known."""
        self._wait_no_longer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of the request is there."""
        self._is_whole = True
        self._wait_no_longer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It was answered, perhaps before all of it was there."""
        super().on_response_complete()
        if not self._is_whole:
            self._wait(REST_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        self._wait_no_longer()
        self._arriving = self.loop.call_later(seconds, self._give_up)

    def _wait_no_longer(self) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
            self._arriving = None

    def _give_up(self) -> None:
        self._arriving = None
        if not self.transport.is_closing():
            self.transport.close()
