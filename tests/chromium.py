"""Chromium, for the tests of what a page's script does and of how a page fits a screen."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FLAGS = [
    "--headless",
    "--no-sandbox",  # its sandbox needs rights that a container has not
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
]
# What a test serves itself is all that there is.
NO_NETWORK = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
# The protocol's pipes are the descriptors 3 and 4 of the browser; ours may be these two as well.
ON_PIPES = (
    "import os, sys; os.dup2({}, 50); os.dup2({}, 51); os.dup2(50, 3); os.dup2(51, 4); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
TROUBLE = ("Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")


class Browser:
    """Chromium, spoken to over two pipes: no port, no driver, no library."""

    def __init__(self, chromium: str, folder: Path, *flags: str) -> None:
        self.folder = folder
        child_reads, self._to = os.pipe()
        self._from, child_writes = os.pipe()
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", ON_PIPES.format(child_reads, child_writes)),
                *(chromium, *FLAGS, *flags, f"--host-resolver-rules={NO_NETWORK}"),
                *(f"--user-data-dir={folder / 'profile'}", "about:blank"),
            ],
            pass_fds=(child_reads, child_writes),
            env=os.environ | {"HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(child_reads)
        os.close(child_writes)
        self._rest = b""
        self._n = 0
        self._session: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.tell(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(folder / "downloads"),
            eventsEnabled=True,
        )
        targets = self.tell("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log"):
            self.tell(f"{domain}.enable")

    def tell(self, method: str, **params: object) -> Any:
        self._n += 1
        message = {"id": self._n, "method": method, "params": params, **self._session}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._n:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def wait(self, method: str, **params: str) -> None:
        """Wait for an event."""
        while not any(
            each["method"] == method and params.items() <= each["params"].items()
            for each in self.events
        ):
            self.events.append(self._read())

    def show(self, text: str) -> None:
        page = self.folder / "page.html"
        page.write_text(text, encoding="utf-8")
        self.visit(page.as_uri())

    def visit(self, url: str) -> None:
        self.run("window.onbeforeunload = null")
        self.events.clear()
        # A fresh address each time: nothing that was decided before is asked about.
        self.tell("Page.navigate", url=f"{url}?{self._n}")
        self.wait("Page.loadEventFired")

    def run(self, script: str, *, waits: bool = False) -> Any:
        """Evaluate an expression; ``waits`` for what the promise that it is will give."""
        answer = self.tell(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=waits
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def close(self) -> None:
        self._session = {}
        self.tell("Browser.close")
        self._process.wait(timeout=30)
        os.close(self._to)
        os.close(self._from)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            received = os.read(self._from, 1 << 16)
            if not received:
                raise BrokenPipeError("the browser has ended")
            self._rest += received
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer
