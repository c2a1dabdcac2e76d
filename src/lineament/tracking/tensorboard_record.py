"""A record in TensorBoard: a folder of event files beside the run, written without TensorFlow."""

import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram.metadata import create_summary_metadata
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.watching import Memory
from lineament.tracking.contents import CLASS_COLUMNS, Judgement, curves, layer_curves
from lineament.tracking.matrix_picture import matrix_picture, png
from lineament.tracking.record import Opening

FOLDER = "tensorboard"
ATTACHED = "attached"  # TensorBoard has no artifacts: the files lie beside the events


def open_record(opening: Opening) -> "TensorBoardRecord":
    """Open the folder that is remembered, or a new one."""
    return TensorBoardRecord(opening)


class TensorBoardRecord:
    """A `Record` in event files.

    Args:
        opening: What is told at the beginning.
    """

    def __init__(self, opening: Opening) -> None:
        remembered = opening.remembered.get("folder")
        known = isinstance(remembered, str) and Path(remembered).is_dir()
        beside = opening.out.parent / FOLDER
        self.is_new = not known
        self._folder = Path(str(remembered)) if known else _unused(beside / opening.out.name)
        self._writer = EventFileWriter(str(self._folder))
        self._is_restart = known
        if self.is_new:
            rows = [[name, value] for name, value in opening.configuration.items()]
            known_values = {
                name: "none" if value is None else value
                for name, value in opening.configuration.items()
            }
            table = _text("configuration", _table(("field", "value"), rows))
            self._add(0, [table, *hparams_pb(known_values).value])

    @property
    def memory(self) -> Memory:
        """The folder."""
        return {"folder": str(self._folder)}

    @property
    def notes(self) -> tuple[str, ...]:
        """The command that shows it."""
        words = shlex.join(("tensorboard", "--logdir", str(self._folder.parent)))
        return (f"tensorboard: look with `{words}`",)

    def log(self, step: int, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Add a row and its layers; what was told of this step and later ones before is void."""
        if self._is_restart:
            start = SessionLog(status=SessionLog.START)
            self._writer.add_event(Event(wall_time=time.time(), step=step, session_log=start))
            self._is_restart = False
        numbers = {**curves(row), **layer_curves(layers)}
        self._add(
            step,
            [
                *(Summary.Value(tag=name, simple_value=value) for name, value in numbers.items()),
                *(_histogram(each) for each in layers),
            ],
        )

    def summarise(self, figures: Mapping[str, float]) -> None:
        """Add figures as a table."""
        rows = [[name, value] for name, value in figures.items()]
        self._add(0, [_text("chosen", _table(("figure", "value"), rows))])

    def judge(self, step: int, judgement: Judgement) -> None:
        """Add figures as points, the classes as a table, the matrix as a picture and a table."""
        name, classes = f"judged_{judgement.split}", judgement.classes
        values = [
            Summary.Value(tag=f"{name}/{figure}", simple_value=value)
            for figure, value in judgement.figures.items()
        ]
        values.append(_text(f"{name}/classes", _table(CLASS_COLUMNS, judgement.class_rows)))
        if judgement.matrix is not None:
            counts = [[each, *row] for each, row in zip(classes, judgement.matrix, strict=True)]
            columns = ("truth, then answer", *classes)
            values.append(_text(f"{name}/confusion_counts", _table(columns, counts)))
            picture = matrix_picture(judgement.matrix, classes)
            values.append(_image(f"{name}/confusion_matrix", picture))
        self._add(step, values)

    def attach(self, name: str, folder: Path, files: Sequence[Path]) -> None:
        """Copy files beside the events."""
        for file in files:
            target = self._folder / ATTACHED / name / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    def close(self, *, failed: bool = False) -> tuple[str, ...]:
        """Write what is left; event files do not say how a training ended."""
        self._writer.close()
        return ()

    def _add(self, step: int, values: Sequence[Summary.Value]) -> None:
        event = Event(wall_time=time.time(), step=step, summary=Summary(value=values))
        self._writer.add_event(event)
        self._writer.flush()  # who looks while it trains sees what has been told


def _histogram(layer: LayerValues) -> Summary.Value:
    """The bins as the histogram plugin stores them: left edge, right edge and count of each."""
    edges = np.asarray(layer.edges)
    bins = np.stack([edges[:-1], edges[1:], layer.counts], axis=1)
    return Summary.Value(
        tag=f"{layer.kind}/{layer.layer}",
        tensor=make_tensor_proto(bins),
        metadata=create_summary_metadata(display_name=None, description=None),
    )


def _image(tag: str, picture: NDArray[np.uint8]) -> Summary.Value:
    height, width = picture.shape[:2]
    image = Summary.Image(
        height=height, width=width, colorspace=3, encoded_image_string=png(picture)
    )
    return Summary.Value(tag=tag, image=image)


def _text(tag: str, markdown: str) -> Summary.Value:
    return text_pb(tag, markdown).value[0]


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; cells cannot break out of it."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(cell: object) -> str:
    text = f"{cell:.6g}" if isinstance(cell, float) else str(cell)
    return text.replace("|", "&#124;").replace("\n", " ")


def _unused(folder: Path) -> Path:
    """The folder, or its name with the first number that is free: two trainings are two records."""
    number = 1
    tried = folder
    while tried.exists():
        number += 1
        tried = folder.with_name(f"{folder.name}-{number}")
    return tried
