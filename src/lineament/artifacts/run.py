"""Run: one training, with all that is needed to say what was done and to ship what was tested.

On disk: ``run.json``; ``history.csv``; ``weights.safetensors`` (every parameter, for further
training); ``graph.onnx`` (pixels to probabilities: what evaluation measures and export ships);
``predictions/validation.parquet``; where layers were trained, ``histograms.parquet``.
"""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.decisions import Decisions
from lineament.artifacts.histograms import LayerValues, read_histograms
from lineament.artifacts.plain import optional
from lineament.artifacts.schema import class_names, field, open_document, positive, stamp
from lineament.artifacts.table import write_table
from lineament.core.errors import ArtifactError
from lineament.core.files import json_text, sha256_file
from lineament.imaging.preprocess import Preprocessing
from lineament.measure.intervals import Interval

KIND = "run"
WORDS = {"": None, "True": 1.0, "False": 0.0}  # cells of a history that are no numbers
SCHEMA_VERSION = 1
DOCUMENT = "run.json"
GRAPH = "graph.onnx"
WEIGHTS = "weights.safetensors"
HISTORY = "history.csv"
HISTOGRAMS = "histograms.parquet"
COMPLETE = "complete"
# Of runs that say nothing of their head: they were made before there were others.
FIRST_HEAD: Mapping[str, object] = {"kind": "linear", "dropout": 0.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationFigures:
    """What the graph that ships reached on the photos that chose it.

    Attributes:
        photos: How many there are.
        right: How many of them were answered rightly.
        accuracy: The same as a fraction, over groups where photos name them.
        log_loss: In nats, after calibration.
        log_loss_before: In nats, at temperature 1.
    """

    photos: int
    right: int
    accuracy: Interval
    log_loss: float
    log_loss_before: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunCard:
    """What a run says about itself.

    Attributes:
        mode: ``head``, ``finetune`` or ``scratch``.
        classes: Class names in label order.
        preprocessing: What the model does to pixels.
        temperature: What the logits are divided by before the softmax.
        backbone: Name, weights tag, hash, licence.
        recipe: The resolved configuration.
        dataset: Fingerprint, path and counts of what it was trained on.
        seed: Of everything random.
        chosen: What validation chose (regularisation or epoch) and its figures there.
        versions: Of Python and the libraries.
        machine: Processor, cores, system.
        head: Its kind and how it was made.
        mirrored_view: Whether an answer is the mean of a photo and its mirror image.
        training: What training cost and why it ended, or what computed the frozen features.
        tracking: By tracker, what finds its record of this training again.
        validation: What the shipped graph reached on the photos that chose it; ``None`` in runs
            of before that was kept.
        decisions: When it says that it does not know; ``None`` in runs of before that.
    """

    mode: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    temperature: float
    backbone: Mapping[str, object]
    recipe: Mapping[str, object]
    dataset: Mapping[str, object]
    seed: int
    chosen: Mapping[str, object]
    versions: Mapping[str, object]
    machine: Mapping[str, object]
    head: Mapping[str, object] = dataclasses.field(default_factory=lambda: dict(FIRST_HEAD))
    mirrored_view: bool = False
    training: Mapping[str, object] = dataclasses.field(default_factory=dict)
    tracking: Mapping[str, object] = dataclasses.field(default_factory=dict)
    validation: ValidationFigures | None = None
    decisions: Decisions | None = None

    def provenance(self) -> dict[str, object]:
        """What a bundle repeats of its run, so that it can be told where an answer comes from."""
        return {
            "mode": self.mode,
            "backbone": dict(self.backbone),
            "head": dict(self.head),
            "mirrored_view": self.mirrored_view,
            # Where it lay on the trainer's disk is nobody else's business.
            "dataset": {key: value for key, value in self.dataset.items() if key != "path"},
            "seed": self.seed,
            "recipe": dict(self.recipe),
            "chosen": dict(self.chosen),
            "validation": self.validation and dataclasses.asdict(self.validation),
            "trained_with": dict(self.versions),
        }

    def as_dict(self) -> dict[str, object]:
        """For ``run.json``."""
        return {
            **{each.name: getattr(self, each.name) for each in dataclasses.fields(self)},
            "classes": list(self.classes),
            "preprocessing": self.preprocessing.as_dict(),
            "validation": self.validation and dataclasses.asdict(self.validation),
            "decisions": self.decisions and dataclasses.asdict(self.decisions),
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """An opened run: its folder and its card."""

    root: Path
    card: RunCard

    @property
    def graph_path(self) -> Path:
        """The ONNX graph from pixels to probabilities."""
        return self.root / GRAPH

    @property
    def weights_path(self) -> Path:
        """Every parameter, as safetensors."""
        return self.root / WEIGHTS

    def history(self) -> tuple[dict[str, float | None], ...]:
        """One row per judged epoch or tried regularisation; ``None`` where a cell is empty.

        Raises:
            ArtifactError: The file holds something else than numbers.
        """
        path = self.root / HISTORY
        try:
            text = path.read_text(encoding="utf-8")
            return tuple(
                {name: WORDS[cell] if cell in WORDS else float(cell) for name, cell in row.items()}
                for row in csv.DictReader(io.StringIO(text))
            )
        except (OSError, ValueError, TypeError) as error:
            raise ArtifactError(f"{path} cannot be read ({error}).", fix="Train again.") from error

    def layers(self) -> tuple[LayerValues, ...]:
        """The values of each trained layer at each epoch; empty where nothing was recorded.

        Raises:
            ArtifactError: The file cannot be read.
            MissingExtraError: pyarrow is not installed.
        """
        path = self.root / HISTOGRAMS
        return read_histograms(path) if path.is_file() else ()

    @classmethod
    def open(cls, root: Path) -> "Run":
        """Open a run and check that its files are those that training wrote.

        Raises:
            ArtifactError: It is no run, is of a newer schema, is incomplete, or a file was changed.
        """
        document = open_document(root, DOCUMENT, kind=KIND, schema_version=SCHEMA_VERSION)
        name = str(root)
        if document.get("status") != COMPLETE:
            raise ArtifactError(
                f"{name} is not a complete run (status {document.get('status')!r}).",
                fix="Train again.",
            )
        files = field(document, "files", dict, name=name)
        # Every file that is used must be vouched for, also one that somebody took off the list.
        wrong = [
            file
            for file in sorted({*files, GRAPH, WEIGHTS})
            if not (root / file).is_file() or sha256_file(root / file) != files.get(file)
        ]
        if wrong:
            raise ArtifactError(
                f"{name} has files that are absent or are not those that training wrote.",
                at=wrong,
                fix="Train again; a run is not edited by hand.",
            )
        card = RunCard(
            mode=field(document, "mode", str, name=name),
            classes=class_names(document, name=name),
            preprocessing=Preprocessing.from_dict(
                field(document, "preprocessing", dict, name=name)
            ),
            temperature=positive(document, "temperature", name=name),
            backbone=field(document, "backbone", dict, name=name),
            recipe=field(document, "recipe", dict, name=name),
            dataset=field(document, "dataset", dict, name=name),
            seed=field(document, "seed", int, name=name),
            chosen=field(document, "chosen", dict, name=name),
            versions=field(document, "versions", dict, name=name),
            machine=field(document, "machine", dict, name=name),
            head=field({"head": FIRST_HEAD, **document}, "head", dict, name=name),
            mirrored_view=field(
                {"mirrored_view": False, **document}, "mirrored_view", bool, name=name
            ),
            training=field({"training": {}, **document}, "training", dict, name=name),
            tracking=field({"tracking": {}, **document}, "tracking", dict, name=name),
            validation=optional(ValidationFigures, document, "validation", name=name),
            decisions=optional(Decisions, document, "decisions", name=name),
        )
        return cls(root=root, card=card)


def write_run(folder: Path, card: RunCard, history: Sequence[Mapping[str, object]]) -> None:
    """Write ``history.csv`` and ``run.json`` beside the files that already stand in ``folder``.

    Args:
        folder: The run's folder, usually the partial one of an atomic write; it already holds the
            graph, the weights and the predictions.
        card: What the run says about itself.
        history: One row per epoch or per tried regularisation; all rows have the same keys.
    """
    columns = list(history[0]) if history else []
    rows = [[row[column] for column in columns] for row in history]
    write_table(folder / HISTORY, columns, rows)
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in written}
    document = {
        **stamp(KIND, SCHEMA_VERSION),
        "status": COMPLETE,
        **card.as_dict(),
        "files": files,
    }
    (folder / DOCUMENT).write_text(json_text(document), encoding="utf-8")
