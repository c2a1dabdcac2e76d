"""Export: a run in, a bundle out; refused when the graph does not answer like the trained model."""

from pathlib import Path

import onnx

from lineament.artifacts.bundle import BundleCard, GoldenPhoto, with_card
from lineament.artifacts.run import Run
from lineament.core.errors import UsageError
from lineament.core.files import atomic_file, require_free, sha256_file
from lineament.core.machine import versions
from lineament.core.progress import QUIET, Progress
from lineament.exporting.golden import golden_files
from lineament.exporting.parity import (
    MAX_DIFFERENCE,
    MAX_FAMILIARITY_DIFFERENCE,
    Parity,
    compare,
    require_parity,
)
from lineament.models.classifier import load_classifier
from lineament.models.graph import familiarity_of
from lineament.runtime.engines import OnnxRuntimeEngine


def export(
    run: Path | Run, out: Path, *, overwrite: bool = False, progress: Progress = QUIET
) -> BundleCard:
    """Make a bundle of a run: the very graph that was evaluated, with all that its user needs.

    Args:
        run: A run, or its folder.
        out: The bundle's file, ending in ``.onnx``.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.

    Returns:
        What the bundle says about itself.

    Raises:
        UsageError: ``out`` does not end in ``.onnx``.
        ArtifactError: The run is absent or damaged, or ``out`` is in the way.
        GateError: ONNX Runtime and PyTorch differ by more than a thousandth in any probability, or
            by more than a hundredth in familiarity.
    """
    if out.suffix != ".onnx":
        raise UsageError(
            f"A bundle's name ends in .onnx, got {out}.", fix=f"Use `--out {out}.onnx`."
        )
    require_free(out, overwrite=overwrite)
    source = run if isinstance(run, Run) else Run.open(run)
    card = source.card
    progress.note("comparing PyTorch with ONNX Runtime on the golden photos")
    model = load_classifier(card, source.weights_path)
    graph = source.graph_path.read_bytes()
    files = golden_files()
    engine = OnnxRuntimeEngine(graph, name=str(source.graph_path))
    parity = compare(
        model,
        engine,
        files,
        temperature=card.temperature,
        familiarity=familiarity_of(onnx.load_model_from_string(graph)),
    )
    require_parity(parity, name=str(source.root))
    bundle = _card(source, parity, files)
    with atomic_file(out, overwrite=overwrite) as file:
        file.write(with_card(graph, bundle))
    return bundle


def _card(run: Run, parity: Parity, files: dict[str, bytes]) -> BundleCard:
    card = run.card
    return BundleCard(
        classes=card.classes,
        preprocessing=card.preprocessing,
        temperature=card.temperature,
        provenance={
            **card.provenance(),
            "exported_with": versions(),
            "graph_sha256": sha256_file(run.graph_path),  # it is measured as the run was
        },
        decisions=card.decisions,
        parity={
            "against": "PyTorch float32",
            "largest_difference": parity.largest,
            "allowed": MAX_DIFFERENCE,
            "photos": dict(parity.differences),
            "familiarity": {
                "allowed": MAX_FAMILIARITY_DIFFERENCE,
                "photos": dict(parity.familiarity_differences),
            },
        },
        golden=tuple(
            GoldenPhoto(
                name=name,
                data=data,
                probabilities=tuple(float(value) for value in parity.expected[name]),
                familiarity=parity.familiarity.get(name),
            )
            for name, data in files.items()
        ),
    )
