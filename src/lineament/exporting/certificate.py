"""Certificate: what every engine answered to the golden photos before a bundle was written."""

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.bundle import BundleCard
from lineament.core.errors import ArtifactError, GateError, ImageError, UsageError
from lineament.core.progress import Progress
from lineament.exporting.golden import golden_files
from lineament.exporting.parity import MAX_FAMILIARITY_DIFFERENCE
from lineament.imaging.decode import decode
from lineament.runtime.choosing import OPENVINO, is_installed
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.proving import Proof, prove

LONGEST_REASON = 200  # characters of an engine's complaint; some go on with a trace


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnginesHere:
    """The engines of this machine, before a graph.

    Attributes:
        able: Those that run it; ONNX Runtime, which judges the others, is the first.
        unable: By the name of an engine that is installed and cannot run it, why.
    """

    able: tuple[Engine, ...]
    unable: Mapping[str, str]

    @property
    def reference(self) -> Engine:
        """ONNX Runtime."""
        return self.able[0]


def engines_here(
    graph: bytes, *, arithmetic: str, outputs: Sequence[str] | None = None
) -> EnginesHere:
    """Open whatever runs a graph here: ONNX Runtime, and OpenVINO where it is installed.

    An engine that lacks an operator of the graph does not hold up the others: nothing is answered
    by it, and so nothing wrongly. `predict` goes by the same rule and takes ONNX Runtime.

    Args:
        graph: The serialised graph.
        arithmetic: What is written into it, ``fp32`` or ``int8``.
        outputs: What OpenVINO is to compute; ``None`` is all of it.

    Raises:
        ArtifactError: ONNX Runtime cannot run the graph.
    """
    able: list[Engine] = [OnnxRuntimeEngine(graph, name="the graph", arithmetic=arithmetic)]
    unable = {}
    if is_installed(OPENVINO):
        try:
            able.append(
                OpenVinoEngine(graph, name="the graph", precision=arithmetic, outputs=outputs)
            )
        except ArtifactError as error:
            title = f"OpenVINO {importlib.metadata.version('openvino')}, {arithmetic}"
            unable[title] = _reason(error)
    return EnginesHere(able=tuple(able), unable=unable)


def note_unable(engines: EnginesHere, *, progress: Progress) -> None:
    """Tell the person who exports which engines are not proved, and why."""
    for title, reason in engines.unable.items():
        progress.note(
            f"{title} cannot run this graph ({reason}); the bundle is proved for "
            f"{', '.join(engine.title for engine in engines.able)} alone"
        )


def certified(
    card: BundleCard,
    engines: Sequence[Engine],
    *,
    name: str,
    unable: Mapping[str, str] | None = None,
) -> BundleCard:
    """Prove engines on the golden photos, and write into the card what they answered.

    Args:
        card: The card with its golden photos.
        engines: What runs the graph.
        name: What to call it in an error.
        unable: Engines that cannot run the graph, with the reason; the card states them.

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
    parity = {**card.parity, "engines": stated, **({"unable": dict(unable)} if unable else {})}
    return dataclasses.replace(card, parity=parity)


def _reason(error: ArtifactError) -> str:
    """The line of an engine's own complaint that says what is wrong."""
    said = [line.strip() for line in str(error.__cause__ or "").splitlines()]
    # OpenVINO lists the operators that it lacks behind dashes, before advice for its developers.
    lacking = [line.removeprefix("-- ") for line in said if line.startswith("-- ")]
    told = lacking or [line for line in said if line] or [error.what]
    return told[-1].rstrip(".")[:LONGEST_REASON]


def _odd(proof: Proof) -> list[str]:
    return [
        f"{photo} (familiarity {difference:.2g})"
        for photo, difference in proof.familiarity_differences.items()
        if not difference <= MAX_FAMILIARITY_DIFFERENCE
    ]
