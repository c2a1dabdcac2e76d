"""Heads: a run in, its head alone out; refused when laid on it does not answer like the run."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx

from lineament.artifacts.bundle import FAMILIARITY
from lineament.artifacts.head import SUFFIX, HeadCard, head_file
from lineament.artifacts.run import Run
from lineament.core.errors import GateError, UsageError
from lineament.core.files import atomic_file, require_free
from lineament.core.machine import versions
from lineament.core.progress import QUIET, Progress
from lineament.exporting.golden import golden_files
from lineament.imaging.decode import decode
from lineament.models.classifier import load_classifier
from lineament.models.head_graph import familiarity_of, head_graph
from lineament.models.identity import backbone_sha256
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.laying import HeadEngine

# The same few products in the same order: only a graph optimiser may round them otherwise.
MAX_DIFFERENCE = 1e-6


def export_head(
    run: Path | Run,
    out: Path,
    *,
    with_unknown: bool = True,
    overwrite: bool = False,
    progress: Progress = QUIET,
) -> HeadCard:
    """Write the head of a run alone, to be laid on any bundle with the same frozen backbone.

    Args:
        run: A run, or its folder.
        out: The file, ending in ``.head``.
        with_unknown: Whether the head says how familiar a photo is. What says it is a matrix of the
            embedding's width squared; the rest of a head is some kilobytes.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.

    Returns:
        What the head says about itself.

    Raises:
        UsageError: ``out`` does not end in ``.head``.
        ArtifactError: The run is absent or damaged, or ``out`` is in the way.
        GateError: On the run's own embedding the head answers otherwise than the run.
    """
    if out.suffix != SUFFIX:
        raise UsageError(
            f"A head's name ends in {SUFFIX}, got {out}.", fix=f"Use `--out {out}{SUFFIX}`."
        )
    require_free(out, overwrite=overwrite)
    source = run if isinstance(run, Run) else Run.open(run)
    whole = source.graph_path.read_bytes()
    parsed = onnx.load_model_from_string(whole)
    progress.note("comparing the head with the whole graph on the golden photos")
    head = head_graph(
        load_classifier(source.card, source.weights_path).head.spec(),
        temperature=source.card.temperature,
        familiarity=familiarity_of(parsed) if with_unknown else None,
    )
    decisions = source.card.decisions
    if decisions is not None and not with_unknown:
        decisions = dataclasses.replace(decisions, unknown_threshold=None)
    card = HeadCard(
        classes=source.card.classes,
        temperature=source.card.temperature,
        backbone_sha256=backbone_sha256(parsed),
        provenance={**source.card.provenance(), "exported_with": versions()},
        parity={
            "against": "the run's whole graph",
            "allowed": MAX_DIFFERENCE,
            "photos": _differences(whole, head, source),
        },
        decisions=decisions,
    )
    content, card = head_file(head, card)
    with atomic_file(out, overwrite=overwrite) as file:
        file.write(content)
    return card


def _differences(whole: bytes, head: bytes, run: Run) -> dict[str, float]:
    """By golden photo, the largest difference in any probability or in familiarity.

    Raises:
        GateError: One is larger than `MAX_DIFFERENCE`, or is not a number.
    """
    engine, laid = OnnxRuntimeEngine(whole, name="the graph"), HeadEngine(head, name="the head")
    wanted = ["probabilities", *({FAMILIARITY} & set(engine.outputs) & set(laid.outputs))]
    differences = {}
    for name, data in golden_files().items():
        image = decode(data, short_side_px=run.card.preprocessing.needed_short_side_px)
        embedding, *expected = engine.run(image[None], ["embedding", *wanted])
        found = laid.run(embedding)
        differences[name] = float(
            np.max(
                [
                    np.abs(found[key] - each).max()
                    for key, each in zip(wanted, expected, strict=True)
                ]
            )
        )
    # `not (... <= ...)` also catches a difference that is not a number.
    wrong = [
        f"{name} ({each:.2g})" for name, each in differences.items() if not each <= MAX_DIFFERENCE
    ]
    if wrong:
        raise GateError(
            f"The head of {run.root} was not exported: on the run's embedding it answers "
            f"differently from the run, by more than {MAX_DIFFERENCE:g}.",
            at=wrong,
            fix="Train again; if it happens again, report the kind of the head.",
        )
    return differences
