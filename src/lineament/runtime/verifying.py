"""Verifying a bundle where it is: is it whole, and does every engine here answer rightly?"""

import dataclasses
from pathlib import Path

from lineament.artifacts.bundle import BundleCard, read_bundle
from lineament.core.errors import ArtifactError
from lineament.runtime.choosing import OPENVINO, arithmetic_here, is_installed
from lineament.runtime.engines import Engine, OnnxRuntimeEngine
from lineament.runtime.openvino_engine import OpenVinoEngine
from lineament.runtime.proving import Proof, prove


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found.

    Attributes:
        card: What the bundle says about itself.
        proofs: One per engine and arithmetic that it can be run with here.
        refused: Engines that cannot run the graph.
    """

    card: BundleCard
    proofs: tuple[Proof, ...]
    refused: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every engine that runs the graph answers every golden photo rightly."""
        return bool(self.proofs) and not any(proof.wrong for proof in self.proofs)


def verify(bundle: Path) -> Verification:
    """Run a bundle's golden photos through every engine that is installed.

    Args:
        bundle: The file.

    Raises:
        ArtifactError: It is no bundle, or was changed after it was exported.
    """
    graph, card = read_bundle(bundle)
    name = str(bundle)
    engines: list[Engine] = [OnnxRuntimeEngine(graph, name=name, arithmetic=card.written)]
    refused = []
    if is_installed(OPENVINO):
        # Of one for bfloat16 also the exact arithmetic: some machines run it so.
        for arithmetic in dict.fromkeys((card.written, arithmetic_here(card.arithmetic))):
            try:
                engines.append(OpenVinoEngine(graph, name=name, precision=arithmetic))
            except ArtifactError as error:
                refused.append(f"OpenVINO, {arithmetic}: {error.what}")
    return Verification(
        card=card,
        proofs=tuple(prove(card, engine) for engine in engines),
        refused=tuple(refused),
    )
