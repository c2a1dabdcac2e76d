"""Certificate: what every engine answered to the golden photos before a bundle was written."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lineament.artifacts.bundle import BundleCard
from lineament.core.errors import GateError, ImageError, UsageError
from lineament.exporting.golden import golden_files
from lineament.exporting.parity import MAX_FAMILIARITY_DIFFERENCE
from lineament.imaging.decode import decode
from lineament.runtime.engines import Engine
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
    stated = {
        proof.engine: {
            "largest_difference": proof.largest,
            "photos": dict(proof.differences),
            "familiarity": dict(proof.familiarity_differences),
        }
        for proof in proofs
    }
    return dataclasses.replace(card, parity={**card.parity, "engines": stated})


def _odd(proof: Proof) -> list[str]:
    return [
        f"{photo} (familiarity {difference:.2g})"
        for photo, difference in proof.familiarity_differences.items()
        if not difference <= MAX_FAMILIARITY_DIFFERENCE
    ]
