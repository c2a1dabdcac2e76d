"""Export: a run in, one file out; refused when it does not answer like the trained model."""

import dataclasses
from pathlib import Path

import onnx

from lineament.artifacts.bundle import (
    FAMILIARITY,
    MAX_DIFFERENCE,
    BundleCard,
    GoldenPhoto,
    with_card,
)
from lineament.artifacts.messages import read_messages
from lineament.artifacts.onnx_file import content_sha256
from lineament.artifacts.precision import FP32, INT8
from lineament.artifacts.run import Run
from lineament.artifacts.tested import FiguresOnTest, read_tested, require_tested
from lineament.core.errors import UsageError
from lineament.core.files import atomic_file, require_free
from lineament.core.machine import versions
from lineament.core.progress import QUIET, Progress
from lineament.exporting.certificate import (
    certified,
    engines_here,
    note_unable,
    photos_of,
)
from lineament.exporting.config import SUFFIXES, TORCHSCRIPT, ExportConfig
from lineament.exporting.parity import (
    MAX_FAMILIARITY_DIFFERENCE,
    Parity,
    compare,
    require_parity,
)
from lineament.exporting.precision import in_precision
from lineament.exporting.torchscript import TorchScriptEngine, torchscript_file
from lineament.models.classifier import Classifier, load_classifier
from lineament.models.head_graph import familiarity_of
from lineament.models.identity import backbone_sha256
from lineament.models.scripted import scripted
from lineament.runtime.engines import OnnxRuntimeEngine


def export(
    run: Path | Run,
    out: Path,
    *,
    config: ExportConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
) -> BundleCard:
    """Make a bundle of a run: the very graph that was evaluated, with all that its user needs.

    Args:
        run: A run, or its folder.
        out: The file, ending in ``.onnx``, or ``.pt`` for TorchScript.
        config: What can be chosen; ``None`` is the defaults.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.

    Returns:
        What the bundle says about itself.

    Raises:
        UsageError: ``out`` does not end as its format does, or a golden photo or the messages
            cannot be read.
        ArtifactError: The run is absent or damaged, its dataset is wanted and not there, ``out`` is
            in the way, or the report is none of this graph on test photos.
        GateError: An engine and PyTorch differ by more than a thousandth in any probability or by
            more than a hundredth in familiarity; or a precision costs too much accuracy.
    """
    chosen = config or ExportConfig()
    suffix = SUFFIXES[chosen.format]
    if out.suffix != suffix:
        what = "A bundle's name" if chosen.format != TORCHSCRIPT else "The name of a TorchScript"
        raise UsageError(f"{what} ends in {suffix}, got {out}.", fix=f"Use `--out {out}{suffix}`.")
    require_free(out, overwrite=overwrite)
    source = run if isinstance(run, Run) else Run.open(run)
    graph, files = source.graph_path.read_bytes(), photos_of(chosen.golden)
    tested = read_tested(Path(chosen.report)) if chosen.report is not None else None
    messages = (
        read_messages(Path(chosen.messages), classes=source.card.classes)
        if chosen.messages is not None
        else {}
    )
    progress.note("comparing PyTorch with other engines on the golden photos")
    model = load_classifier(source.card, source.weights_path)
    card = dataclasses.replace(_exact_card(source, model, graph, files), messages=messages)
    if chosen.precision != INT8:  # which makes another graph
        card = _stating(card, tested, chosen)
    if chosen.format == TORCHSCRIPT:
        module = scripted(
            model,
            temperature=card.temperature,
            familiarity=familiarity_of(onnx.load_model_from_string(graph)),
        )
        card = certified(card, [TorchScriptEngine(torchscript_file(module))], name=str(source.root))
        content = torchscript_file(module, card)
    else:
        engines = engines_here(graph, arithmetic=FP32, outputs=("probabilities", FAMILIARITY))
        note_unable(engines, progress=progress)
        card = certified(card, engines.able, name=str(source.root), unable=engines.unable)
        if chosen.precision != FP32:
            graph, card = in_precision(source, graph, card, chosen, progress=progress)
        if chosen.precision == INT8:
            card = _stating(card, tested, chosen)
        content = with_card(graph, card)
    with atomic_file(out, overwrite=overwrite) as file:
        file.write(content)
    return card


def _exact_card(run: Run, model: Classifier, content: bytes, files: dict[str, bytes]) -> BundleCard:
    """Compare PyTorch with the graph as ONNX Runtime runs it, and say what was found."""
    card = run.card
    graph, mark = onnx.load_model_from_string(content), content_sha256(content)
    parity = compare(
        model,
        OnnxRuntimeEngine(content, name=str(run.graph_path)),
        files,
        temperature=card.temperature,
        familiarity=familiarity_of(graph),
    )
    require_parity(parity, name=str(run.root))
    return BundleCard(
        classes=card.classes,
        preprocessing=card.preprocessing,
        temperature=card.temperature,
        provenance={
            **card.provenance(),
            "exported_with": versions(),
            "graph_sha256": mark,  # it is measured as the run was
        },
        decisions=card.decisions,
        content_sha256=mark,
        backbone_sha256=backbone_sha256(graph),
        parity=_parity(parity),
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


def _stating(card: BundleCard, tested: FiguresOnTest | None, config: ExportConfig) -> BundleCard:
    """Say how good it is, if that was measured of this very graph."""
    if tested is None:
        return card
    require_tested(tested, graph_sha256=card.content_sha256, name=str(config.report))
    return dataclasses.replace(card, tested=tested)


def _parity(parity: Parity) -> dict[str, object]:
    return {
        "against": "PyTorch float32",
        "largest_difference": parity.largest,
        "allowed": MAX_DIFFERENCE,
        "photos": dict(parity.differences),
        "familiarity": {
            "allowed": MAX_FAMILIARITY_DIFFERENCE,
            "photos": dict(parity.familiarity_differences),
        },
    }
