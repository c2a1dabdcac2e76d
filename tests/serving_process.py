"""``lineament serve`` in a process of its own, for the tests that need a real socket."""

import contextlib
import http.client
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

STARTED_S = 60
Start = Callable[..., "Serving"]


@contextlib.contextmanager
def services(program: Path, env: Mapping[str, str], folder: Path) -> Iterator[Start]:
    """Give ``start("model.onnx", "--token", ...)``: services, ended together with the block.

    Args:
        program: The installed console script.
        env: The environment.
        folder: Where they run, unless ``cwd`` says otherwise.
    """
    started: list[Serving] = []

    def start(*arguments: object, cwd: Path = folder) -> Serving:
        started.append(Serving(program, *arguments, env=env, cwd=cwd))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
    for each in started:
        each.stop()


class Serving:
    """A service that listens on a free port of 127.0.0.1.

    Args:
        program: The installed console script.
        arguments: Of ``serve``, without the port.
        env: The environment.
        cwd: Where it runs.
    """

    def __init__(
        self, program: Path, *arguments: object, env: Mapping[str, str], cwd: Path
    ) -> None:
        self.process = subprocess.Popen(
            [str(program), "serve", *map(str, arguments), "--port", "0"],
            env=dict(env),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.said: list[str] = []
        self._more = threading.Condition()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        self.printed = ""
        address = self.wait_for("serving on ")
        found = re.fullmatch(r"serving on (https?)://127\.0\.0\.1:(\d+)", address)
        assert found, address
        self.url = address.removeprefix("serving on ")
        self.port = int(found.group(2))

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self.said.append(line.rstrip("\n"))
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def wait_for(self, beginning: str, *, after: int = 0) -> str:
        """The first line on stderr, of those from number ``after`` on, that begins so."""
        until = time.monotonic() + STARTED_S
        with self._more:
            while True:
                for line in self.said[after:]:
                    if line.startswith(beginning):
                        return line
                assert time.monotonic() < until, self.said
                assert self.process.poll() is None or not self._more.wait(0.5), self.said
                self._more.wait(0.5)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, document and headers (names in small letters) of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            data = answer.read()
            is_json = "json" in answer.headers.get("content-type", "")
            told = json.loads(data) if is_json else data
            return answer.status, told, {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def predict(self, photo: bytes) -> dict[str, Any]:
        """The answer to a photo."""
        status, told, _ = self.ask("POST", "/v1/predict", photo, {"content-type": "image/jpeg"})
        assert status == 200, told
        (answer,) = told["answers"]
        return dict(answer)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        self._listening.join()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        if not self.process.stdout.closed:
            self.printed = self.process.stdout.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code
