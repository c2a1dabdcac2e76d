"""Mutated image files through a predictor: does it live, in how much memory, and what does it say?

Bits are flipped, files cut, headers swapped, sizes in headers made absurd, parts repeated, blanked,
moved and joined with those of other files. Every answer must be a result or a reason.

    python benchmarks/hostile_files.py BUNDLE [--files 100000] [--seed 0] [--over-http]

With ``--over-http`` they are sent to ``lineament serve``, whose memory it is then.

Prints one JSON document. A file that ends the process is found again by the number of its block:
mutations follow from the seed alone.
"""

import argparse
import io
import json
import re
import struct
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from serve_speed import Service

from lineament.core.executor import LocalExecutor, available_cores
from lineament.core.machine import machine, versions
from lineament.core.memory import peak_bytes
from lineament.runtime.predictor import Predictor

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "RGBA", "L", "P", "I;16"),
    "PPM": ("RGB", "L"),
}
SAID_EVERY = 10_000


def seeds(draw: np.random.Generator) -> list[tuple[str, bytes]]:
    """Whole files of every format, in several modes and ways of being stored."""
    found = []
    for kind in FORMATS:
        for mode in MODES.get(kind, ("RGB", "L")):
            side = draw.integers(8, 90, 2)
            noise = draw.integers(0, 256, (*side, 3), dtype=np.uint8)
            image = Image.fromarray(noise).resize((96, 72))
            if mode == "I;16":
                image = Image.fromarray(draw.integers(0, 65536, (30, 40)).astype(np.uint16))
            elif mode == "RGBA":
                image.putalpha(image.convert("L"))
            else:
                image = image.convert(mode)
            ways: list[dict[str, object]] = [{}]
            if kind == "JPEG":
                turned = Image.Exif()
                turned[0x0112] = 6
                ways = [{}, {"progressive": True}, {"exif": turned}]
            elif kind == "TIFF":
                ways = [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"}]
            elif kind == "GIF":
                ways = [{}, {"save_all": True, "append_images": [image.rotate(90)]}]
            for way in ways:
                buffer = io.BytesIO()
                image.save(buffer, kind, **way)
                found.append((kind, buffer.getvalue()))
    return found


def mutated(data: bytes, others: list[tuple[str, bytes]], draw: np.random.Generator) -> bytes:
    """Spoil a file in one to four ways."""
    spoilt = bytearray(data)
    for _ in range(int(draw.integers(1, 5))):
        if len(spoilt) < 16:
            break
        at = int(draw.integers(len(spoilt)))
        length = int(draw.integers(1, 1 + min(200, len(spoilt) - at)))
        way = int(draw.integers(9))
        if way == 0:  # single bits
            for place in draw.integers(0, len(spoilt), int(draw.integers(1, 40))):
                spoilt[int(place)] ^= 1 << int(draw.integers(8))
        elif way == 1:  # in the header
            for place in draw.integers(0, min(64, len(spoilt)), 4):
                spoilt[int(place)] = int(draw.integers(256))
        elif way == 2:
            del spoilt[at:]
        elif way == 3:
            spoilt[at : at + length] = bytes(length)
        elif way == 4:
            spoilt[at:at] = spoilt[at : at + length] * int(draw.integers(1, 20))
        elif way == 5:  # another format's header, or its middle
            other = others[int(draw.integers(len(others)))][1]
            n_taken = int(draw.integers(1, 64))
            spoilt[:n_taken] = other[:n_taken]
        elif way == 6:
            other = others[int(draw.integers(len(others)))][1]
            spoilt[at:] = other[int(draw.integers(len(other))) :]
        elif way == 7:  # sizes as formats state them: 16 or 32 bits, either end first
            size = int(draw.choice([0, 1, 255, 32767, 65535, 65536, 10**6, 2**31 - 1, 2**32 - 1]))
            kind = str(draw.choice(["<I", ">I", "<H", ">H"]))
            packed = struct.pack(kind, size if kind.endswith("I") else size & 0xFFFF)
            place = int(draw.integers(min(120, len(spoilt) - 4)))
            spoilt[place : place + len(packed)] = packed
        else:
            piece = spoilt[at : at + length]
            del spoilt[at : at + length]
            to = int(draw.integers(len(spoilt) + 1))
            spoilt[to:to] = piece
    return bytes(spoilt)


Said = tuple[list[float] | None, str]


class Here:
    """A predictor in this process."""

    def __init__(self, bundle: Path) -> None:
        self._predictor = Predictor(bundle)
        self.title = self._predictor.stream_engine().title
        self.peak = peak_bytes
        self.close = lambda: None

    def answers(self, files: Iterator[bytes]) -> Iterator[Said]:
        """Probabilities, or why there are none."""
        for answer in self._predictor.predict(files):
            found = answer.probabilities
            yield (None if found is None else [float(value) for value in found]), answer.error


class Served:
    """A service in a process of its own."""

    def __init__(self, bundle: Path) -> None:
        self._service = Service(bundle)
        self.title = "lineament serve"
        self.close = self._service.process.terminate

    def peak(self) -> int:
        """The most memory that the service has had, in bytes."""
        assert self._service.process.poll() is None, "the service ended"
        status = Path(f"/proc/{self._service.process.pid}/status").read_text(encoding="ascii")
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(peak) * 1024

    def answers(self, files: Iterator[bytes]) -> Iterator[Said]:
        """Probabilities, or why there are none."""
        return LocalExecutor(2 * available_cores()).map(self._answer, files)

    def _answer(self, data: bytes) -> Said:
        status, told = self._service.send(data, "application/octet-stream")
        if status == 422:
            (reason,) = told["at"]
            return None, str(reason)
        assert status == 200, (status, told)
        (answer,) = told["answers"]
        return [float(each["confidence"]) for each in answer["top"]], answer["error"] or ""


def main() -> None:
    """Answer them all, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--over-http", action="store_true")
    options = parser.parse_args()
    whole = seeds(np.random.default_rng(options.seed))
    kinds: list[str] = []

    def files() -> Iterator[bytes]:
        for number in range(options.files):
            draw = np.random.default_rng((options.seed, number))
            kind, data = whole[number % len(whole)]
            kinds.append(kind)
            yield mutated(data, whole, draw)

    asked = Served(options.bundle) if options.over_http else Here(options.bundle)
    began = time.perf_counter()
    answered: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for number, (confidences, error) in enumerate(asked.answers(files())):
        kind = kinds[number]
        if confidences is None:
            assert error, number
            refused[kind] += 1
            # Numbers and what a decoder quotes of the file are not another reason each.
            reasons[re.sub(r"[0-9]+|b?'.*'", "#", error)[:60]] += 1
        else:
            assert not error, number
            assert np.isfinite(confidences).all(), number
            assert abs(sum(confidences) - 1) < 1e-3, number
            answered[kind] += 1
        if (number + 1) % SAID_EVERY == 0:
            print(json.dumps({"files": number + 1, "peak_mb": asked.peak() // 10**6}), flush=True)
    seconds = time.perf_counter() - began
    document = {
        "files": options.files,
        "seed": options.seed,
        "answered": dict(answered),
        "refused": dict(refused),
        "reasons": dict(reasons.most_common(25)),
        "kinds_of_reasons": len(reasons),
        "seconds": round(seconds, 1),
        "peak_mb": round(asked.peak() / 1e6),
        "engine": asked.title,
        "machine": machine(),
        "versions": versions(),
    }
    asked.close()
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
