"""Certificate: what every engine answered to the golden photos before a bundle was written."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lineament.artifacts.bundle import BundleCard
from lineament.core.errors import GateError, ImageError, UsageError
from lineament.exporting.golden import golden_files
from lineament.exporting.parity import MAX_FAMILIARITY_DIFFERENCE
from lineament.imaging.decode import decode
from lineament.runtime.choosing import OPENVINO, is_installed
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.proving import Proof, prove


def photos_of(named: Sequence[str]) -> dict[str, bytes]:
    """Give the golden photos: the drawn ones and those that somebody named.

    Args:
        named: Files.

    Returns:
        File contents by name; the drawn ones first.

    Raises:
        UsageError: A file cannot be read, or two have the same name.
    """
    files = golden_files()
    for text in named:
        path = Path(text)
        try:
            decode(path)
        except ImageError as error:
            raise UsageError(
                f"{path} cannot be a golden photo ({error.what}).", fix="Name a photo."
            ) from error
        if path.name in files:
            raise UsageError(
                f"Two golden photos are called {path.name}.", fix="Give each a name of its own."
            )
        files[path.name] = path.read_bytes()
    return files


def engines_here(
    graph: bytes, *, arithmetic: str, outputs: Sequence[str] | None = None
) -> list[Engine]:
    """Open whatever runs a graph here: ONNX Runtime, and OpenVINO where it is installed.

    Args:
        graph: The serialised graph.
        arithmetic: What is written into it, ``fp32`` or ``int8``.
        outputs: What OpenVINO is to compute; ``None`` is all of it.
    """
    engines: list[Engine] = [OnnxRuntimeEngine(graph, name="the graph", arithmetic=arithmetic)]
    if is_installed(OPENVINO):
        engines.append(
            OpenVinoEngine(graph, name="the graph", precision=arithmetic, outputs=outputs)
        )
    return engines


def certified(card: BundleCard, engines: Sequence[Engine], *, name: str) -> BundleCard:
    """Prove engines on the golden photos, and write into the card what they answered.

    Args:
        card: The card with its golden photos.
        engines: What runs the graph.
        name: What to call it in an error.

    Raises:
        GateError: An engine differs by more than is allowed.
    """
    proofs = [prove(card, engine) for engine in engines]
    wrong = [
        f"{photo} by {proof.engine}" for proof in proofs for photo in (*proof.wrong, *_odd(proof))
    ]
    if wrong:
        raise GateError(
            f"{name} was not exported: an engine answers the golden photos differently, by more "
            f"than {card.allowed_difference:g} in a probability or {MAX_FAMILIARITY_DIFFERENCE:g} "
            "in familiarity.",
            at=wrong,
            fix="Try another version of that engine; if it happens again, report the backbone.",
        )
    stated = {proof.engine: proof.as_dict() for proof in proofs}
    return dataclasses.replace(card, parity={**card.parity, "engines": stated})


def _odd(proof: Proof) -> list[str]:
    return [
        f"{photo} (familiarity {difference:.2g})"
        for photo, difference in proof.familiarity_differences.items()
        if not difference <= MAX_FAMILIARITY_DIFFERENCE
    ]
