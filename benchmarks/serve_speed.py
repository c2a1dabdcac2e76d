"""Photos per second over HTTP, beside the same predictor in this process, the sides taking turns.

Both are given the same files' bytes, and both answer as many at once. The client runs on the same
cores as the service, so what it takes is missing there: the figure is a lower bound.

    python benchmarks/serve_speed.py PHOTOS BUNDLE [--rounds 7] [--photos 400]
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lineament.core.executor import available_cores
from lineament.core.machine import machine, versions
from lineament.runtime.predictor import Predictor
from lineament.runtime.sources import photo_files

IN_A_REQUEST = 8
BOUNDARY = "a-line-that-no-photo-has"


class Service:
    """``lineament serve`` in a process of its own."""

    def __init__(self, bundle: Path) -> None:
        program = Path(sys.executable).with_name("lineament")
        self.process = subprocess.Popen(
            [program, "serve", bundle, "--port", "0"], stderr=subprocess.PIPE, text=True
        )
        assert self.process.stderr is not None
        said = ""
        while "serving on" not in said:
            said = self.process.stderr.readline()
            assert said, "the service ended"
        found = re.search(r":(\d+)$", said.strip())
        assert found
        self.port = int(found.group(1))
        self._local = threading.local()

    def send(self, body: bytes, kind: str) -> tuple[int, Any]:
        """Send a request on this thread's connection: its status and document."""
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection: http.client.HTTPConnection = self._local.connection
        connection.request("POST", "/v1/predict", body, {"content-type": kind})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def post(self, body: bytes, kind: str) -> None:
        """Send a request that is answered."""
        status, said = self.send(body, kind)
        assert status == 200, said


def in_requests(service: Service, photos: list[bytes], at_once: int) -> Callable[[], None]:
    """One photo per request."""
    pool = ThreadPoolExecutor(at_once)
    return lambda: [None for _ in pool.map(lambda p: service.post(p, "image/jpeg"), photos)].clear()


def in_forms(service: Service, photos: list[bytes], at_once: int) -> Callable[[], None]:
    """Several photos per request."""
    pool = ThreadPoolExecutor(at_once)
    bodies = []
    for begin in range(0, len(photos), IN_A_REQUEST):
        parts = [
            f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="photo"; filename="{number}"'
            "\r\n\r\n".encode()
            + photo
            + b"\r\n"
            for number, photo in enumerate(photos[begin : begin + IN_A_REQUEST])
        ]
        bodies.append(b"".join(parts) + f"--{BOUNDARY}--\r\n".encode())
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return lambda: [None for _ in pool.map(lambda body: service.post(body, kind), bodies)].clear()


def in_process(predictor: Predictor, photos: list[bytes]) -> Callable[[], None]:
    """The same without HTTP."""

    def run() -> None:
        for answer in predictor.predict(photos):
            assert answer.label, answer.error

    return run


def main() -> None:
    """Measure in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--photos", type=int, default=400)
    options = parser.parse_args()
    found = photo_files([options.folder])
    files = found[:: max(1, len(found) // options.photos)][: options.photos]
    photos = [file.read_bytes() for file in files]
    service, predictor = Service(options.bundle), Predictor(options.bundle)
    at_once = 2 * available_cores()
    sides = {
        f"in this process ({predictor.stream_engine().title})": in_process(predictor, photos),
        f"over HTTP, a photo per request, {at_once} at once": in_requests(service, photos, at_once),
        f"over HTTP, {IN_A_REQUEST} photos per request, {available_cores()} at once": in_forms(
            service, photos, available_cores()
        ),
    }
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(options.rounds + 1):
        for side, run in sides.items():
            began = time.perf_counter()
            run()
            if turn > 0:  # the first turn warms up
                rates[side].append(len(photos) / (time.perf_counter() - began))
    service.process.terminate()
    service.process.wait(30)
    print(
        f"{machine()['processor']}, {available_cores()} cores, {len(photos)} photos, {versions()}"
    )
    print("| | photos/s, median | least to greatest | of the first row, median of rounds |")
    print("|---|--:|--:|--:|")
    base, *_ = rates.values()
    for side, measured in rates.items():
        part = statistics.median(m / b for m, b in zip(measured, base, strict=True))
        print(
            f"| {side} | {statistics.median(measured):.0f} | {min(measured):.0f} to "
            f"{max(measured):.0f} | {100 * part:.0f} % |"
        )


if __name__ == "__main__":
    main()
