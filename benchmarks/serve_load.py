"""Ten minutes of good, bad, huge and endlessly slow requests from two processes on one service.

Good answers are compared with those of the same bundle in this process; what is refused must be
refused with a reason. The service's memory is read each second.

    python benchmarks/serve_load.py PHOTOS BUNDLE [--minutes 10]

Prints one JSON document.
"""

import argparse
import http.client
import io
import json
import multiprocessing
import os
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
from hostile_files import mutated, seeds
from PIL import Image
from serve_speed import Service
from websockets.sync.client import connect

from lineament.core.machine import machine, versions
from lineament.runtime.predictor import Predictor
from lineament.runtime.sources import photo_files

GOOD_THREADS = 3  # per process; with the others that is more than two cores answer at once
SLOW_CONNECTIONS = 20
SETTLED_S = 60.0  # in which caches fill
CLOSE = 1e-3
REFUSALS = (400, 404, 408, 413, 415, 422, 429, 503)

Expected = Mapping[str, tuple[str, float]]


class Client:
    """One process of clients: threads that each do one kind of thing until the end."""

    def __init__(
        self, port: int, until: float, photos: dict[str, bytes], expected: Expected
    ) -> None:
        self.port, self.until = port, until
        self.photos, self.expected = list(photos.items()), expected
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def run(self, number: int) -> None:
        """Do all of it."""
        draw = [np.random.default_rng((number, thread)) for thread in range(GOOD_THREADS + 5)]
        work: list[Callable[[], None]] = [
            *(lambda d=d: self._loop(self._good, d) for d in draw[:GOOD_THREADS]),
            lambda: self._loop(self._bad, draw[-1]),
            lambda: self._loop(self._strange, draw[-2]),
            lambda: self._loop(self._huge, draw[-3]),
            self._slow,
            lambda: self._camera(draw[-4]),
        ]
        threads = [threading.Thread(target=each) for each in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _loop(self, act: Callable[[np.random.Generator], None], draw: np.random.Generator) -> None:
        while time.time() < self.until:
            try:
                act(draw)
            except (OSError, http.client.HTTPException) as error:
                self._count(f"{act.__name__[1:]} {type(error).__name__}")
                time.sleep(0.2)

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _say_wrong(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)

    def _post(
        self, body: bytes, kind: str, path: str = "/v1/predict"
    ) -> tuple[int, dict[str, object]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, body, {"content-type": kind})
            answer = connection.getresponse()
            said = json.loads(answer.read())
            if answer.status == 429:
                if not answer.headers["Retry-After"]:
                    self._say_wrong("429 without Retry-After")
                time.sleep(min(2.0, float(answer.headers["Retry-After"] or 1)))
            return answer.status, said
        finally:
            connection.close()

    def _good(self, draw: np.random.Generator) -> None:
        name, data = self.photos[int(draw.integers(len(self.photos)))]
        began = time.perf_counter()
        status, said = self._post(data, "image/jpeg")
        took = time.perf_counter() - began
        self._count(f"good {status}")
        if status == 429:
            return
        if status != 200:
            self._say_wrong(f"{name}: {status} {said}")
            return
        with self._lock:
            self.seconds.append(took)
        answers = said["answers"]
        assert isinstance(answers, list)  # or the service is not ours
        (answer,) = answers
        label, confidence = self.expected[name]
        if answer["nearest"] != label or abs(answer["confidence"] - confidence) > CLOSE:
            self._say_wrong(f"{name}: {answer} is not {label} {confidence}")

    def _bad(self, draw: np.random.Generator) -> None:
        whole = _SEEDS
        _, data = whole[int(draw.integers(len(whole)))]
        status, said = self._post(mutated(data, whole, draw), "application/octet-stream")
        self._count(f"bad {status}")
        if status != 200 and (status not in REFUSALS or not said.get("detail")):
            self._say_wrong(f"bad: {status} {said}")
        time.sleep(0.02)

    def _strange(self, draw: np.random.Generator) -> None:
        way = int(draw.integers(6))
        noise = bytes(draw.integers(0, 256, 2000, dtype=np.uint8))
        sent = [
            (b"", "image/jpeg"),
            (noise, "text/html"),
            (noise, "application/json"),
            (b'{"photos": [{"data_base64": "AAAA", "path": "/etc/passwd"}]}', "application/json"),
            (noise, "multipart/form-data; boundary=none"),
            (b"[" * 100_000, "application/json"),
        ][way]
        status, said = self._post(*sent)
        self._count(f"strange {status}")
        if status not in REFUSALS or not said.get("detail"):
            self._say_wrong(f"strange {way}: {status} {said}")
        time.sleep(0.05)

    def _huge(self, draw: np.random.Generator) -> None:
        way = int(draw.integers(4))
        data, kind, fits = _HUGE[way]
        status, said = self._post(data, kind)
        self._count(f"huge {status}")
        if status not in ((200, 429) if fits else REFUSALS):
            self._say_wrong(f"huge {way}: {status} {said}")
        time.sleep(0.5)

    def _slow(self) -> None:
        """Connections that send a byte now and then, in headers or in a body."""
        heads = (
            b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\n",
            b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\n"
            b"content-length: 100000\r\n\r\n",
        )
        held: list[socket.socket] = []
        while time.time() < self.until:
            while len(held) < SLOW_CONNECTIONS:
                made = socket.create_connection(("127.0.0.1", self.port))
                made.sendall(heads[len(held) % 2])
                made.setblocking(False)
                held.append(made)
                self._count("slow connections")
            for each in list(held):
                try:
                    if each.recv(4096) == b"":
                        raise OSError
                except BlockingIOError:
                    pass
                except OSError:
                    held.remove(each)
                    each.close()
                    self._count("slow ones shown out")
                    continue
                try:
                    each.send(b"x")
                except OSError:
                    held.remove(each)
                    each.close()
                    self._count("slow ones shown out")
            time.sleep(0.5)
        for each in held:
            each.close()

    def _camera(self, draw: np.random.Generator) -> None:
        while time.time() < self.until:
            url = f"ws://127.0.0.1:{self.port}/v1/live?map=1"
            with connect(url, subprotocols=["lineament.v1"], open_timeout=60) as live:  # type: ignore[list-item]  # a NewType
                for _ in range(100):
                    _, data = self.photos[int(draw.integers(len(self.photos)))]
                    live.send(data)
                    said = json.loads(live.recv(timeout=60))
                    self._count("frames answered" if "answer" in said else "frames refused")
                    time.sleep(0.1)


_SEEDS = seeds(np.random.default_rng(0))


def _huge_files() -> list[tuple[bytes, str, bool]]:
    """Files, their type, and whether they are within the limits."""
    draw = np.random.default_rng(1)
    png, jpeg = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (6000, 6000), "green").save(png, "PNG")
    noise = Image.fromarray(draw.integers(0, 256, (400, 600, 3), dtype=np.uint8))
    noise.resize((7000, 5000)).save(jpeg, "JPEG", progressive=True)
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    return [
        (bytes(25_000_000), "image/jpeg", False),
        (png.getvalue(), "image/png", True),
        (jpeg.getvalue(), "image/jpeg", True),
        (bomb.getvalue(), "image/png", False),
    ]


_HUGE = _huge_files()


def clients(
    number: int,
    port: int,
    until: float,
    photos: dict[str, bytes],
    expected: Expected,
    told: "Queue[tuple[Counter[str], list[float], list[str]]]",
) -> None:
    """One of the two processes."""
    client = Client(port, until, photos, expected)
    client.run(number)
    told.put((client.counts, client.seconds, client.wrong[:20]))


def resident_mb(pid: int) -> float:
    """Memory of a process, in millions of bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Run it and say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    found = photo_files([options.folder])
    files = found[:: max(1, len(found) // 200)][:200]
    photos = {str(file): file.read_bytes() for file in files}
    expected = {
        answer.source: (answer.label, float(answer.confidence or 0))
        for answer in Predictor(options.bundle).predict(files)
    }
    service = Service(options.bundle)
    drained = threading.Thread(target=lambda: list(service.process.stderr or ()), daemon=True)
    drained.start()
    until = time.time() + 60 * options.minutes
    context = multiprocessing.get_context("spawn")
    told: Queue[tuple[Counter[str], list[float], list[str]]] = context.Queue()
    processes = [
        context.Process(target=clients, args=(n, service.port, until, photos, expected, told))
        for n in range(2)
    ]
    for process in processes:
        process.start()
    memory: list[tuple[float, float]] = []
    began = time.time()
    while time.time() < until and service.process.poll() is None:
        memory.append((time.time() - began, resident_mb(service.process.pid)))
        time.sleep(1)
    results = [told.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    lived = service.process.poll() is None
    service.process.terminate()
    code = service.process.wait(60)
    counts = sum((each[0] for each in results), Counter[str]())
    seconds = sorted(took for each in results for took in each[1])
    third = (memory[-1][0] - SETTLED_S) / 3
    early = [mb for at, mb in memory if SETTLED_S <= at < SETTLED_S + third]
    late = [mb for at, mb in memory if at >= memory[-1][0] - third]
    document = {
        "minutes": options.minutes,
        "lived": lived,
        "exit_code_after_sigterm": code,
        "wrong": [what for each in results for what in each[2]],
        "counts": dict(sorted(counts.items())),
        "good": {
            "answered": len(seconds),
            "per_s": round(len(seconds) / (60 * options.minutes), 1),
            **{
                f"p{part:g}_ms": round(1000 * seconds[int(part / 100 * (len(seconds) - 1))], 1)
                for part in (50, 90, 99, 99.9, 100)
            },
        },
        "resident_mb": {
            "every_20_s": [round(mb) for _, mb in memory[::20]],
            "greatest": round(max(mb for _, mb in memory)),
            "median_of_first_third_after_a_minute": round(statistics.median(early)),
            "median_of_last_third": round(statistics.median(late)),
            "change_percent": round(
                100 * (statistics.median(late) / statistics.median(early) - 1), 1
            ),
        },
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
