"""A record in MLflow: a run of an experiment, by default in a database beside the training's run.

Nothing is left to MLflow's global state, so that one process can train many times.
"""

import logging
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.watching import Memory
from lineament.tracking.contents import CLASS_COLUMNS, Judgement, curves, layer_curves
from lineament.tracking.matrix_picture import matrix_picture
from lineament.tracking.record import Opening

FOLDER = "mlflow"
SQLITE = "sqlite:///"
TOLD = "epoch"  # the metric whose last value is the last step that was told
METRICS_AT_ONCE, PARAMS_AT_ONCE = 1000, 100  # what MLflow takes in one request


def open_record(opening: Opening) -> "MlflowRecord":
    """Open the run that is remembered, or a new one."""
    return MlflowRecord(opening)


class MlflowRecord:
    """A `Record` in an MLflow store.

    Args:
        opening: What is told at the beginning.
    """

    def __init__(self, opening: Opening) -> None:
        # How it makes its tables is nothing to the person who trains.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        self._uri, artifacts = _store(opening)
        self._client = MlflowClient(tracking_uri=self._uri)
        self._told = -1
        run_id = self._remembered(opening.remembered.get("run_id"))
        self.is_new = run_id is None
        self._run_id = run_id or self._new(opening, artifacts)

    @property
    def memory(self) -> Memory:
        """Where the store is, without what it takes to get in, and which run it is."""
        return {"uri": _without_secrets(self._uri), "run_id": self._run_id}

    @property
    def notes(self) -> tuple[str, ...]:
        """The command that shows it, or the server."""
        if not self._uri.startswith(SQLITE):
            return (f"mlflow: run {self._run_id} at {_without_secrets(self._uri)}",)
        words = shlex.join(("mlflow", "ui", "--backend-store-uri", self._uri))
        return (f"mlflow: look with `{words}`",)

    def log(self, step: int, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Add a row and its layers, unless an interrupted training has told of them already."""
        if step <= self._told:
            return
        self._metrics({**curves(row), **layer_curves(layers)}, step)
        if layers:
            bins = [
                {
                    "layer": each.layer,
                    "kind": each.kind,
                    "low": each.low,
                    "high": each.high,
                    "counts": list(each.counts),
                }
                for each in layers
            ]
            name = f"histograms/epoch-{step:04d}.json"
            self._client.log_dict(self._run_id, {"epoch": step, "histograms": bins}, name)
        self._metrics({TOLD: float(step)}, step)
        self._told = step

    def summarise(self, figures: Mapping[str, float]) -> None:
        """Add figures as metrics."""
        self._metrics(figures, max(self._told, 0))

    def judge(self, step: int, judgement: Judgement) -> None:
        """Add figures as metrics, the classes and the matrix as tables, and a picture of it."""
        name = f"judged_{judgement.split}"
        figures = {f"{name}/{figure}": value for figure, value in judgement.figures.items()}
        self._metrics(figures, step)
        self._table(f"{name}/classes.json", CLASS_COLUMNS, judgement.class_rows)
        if judgement.matrix is not None:
            counts = [
                [truth, *row]
                for truth, row in zip(judgement.classes, judgement.matrix.tolist(), strict=True)
            ]
            columns = ("truth, then answer", *judgement.classes)
            self._table(f"{name}/confusion_matrix.json", columns, counts)
            picture = matrix_picture(judgement.matrix, judgement.classes)
            self._client.log_image(self._run_id, picture, f"{name}/confusion_matrix.png")

    def attach(self, name: str, folder: Path, files: Sequence[Path]) -> None:
        """Keep files below a folder of the run's artifacts."""
        for file in files:
            inside = (Path(name) / file.relative_to(folder)).parent.as_posix()
            self._client.log_artifact(self._run_id, str(file), inside)

    def close(self, *, failed: bool = False) -> tuple[str, ...]:
        """Say how it ended."""
        self._client.set_terminated(self._run_id, status="FAILED" if failed else "FINISHED")
        return ()

    def _remembered(self, run_id: object) -> str | None:
        """Take up a run that is still there."""
        if not isinstance(run_id, str):
            return None
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        self._client.update_run(run_id, status="RUNNING")
        self._told = int(run.data.metrics.get(TOLD, -1))
        return run_id

    def _new(self, opening: Opening, artifacts: str | None) -> str:
        experiment_id = os.environ.get("MLFLOW_EXPERIMENT_ID") or self._experiment(
            os.environ.get("MLFLOW_EXPERIMENT_NAME") or opening.project, artifacts
        )
        name = os.environ.get("MLFLOW_RUN_NAME") or opening.out.name
        run_id: str = self._client.create_run(experiment_id, run_name=name).info.run_id
        params = [Param(key, str(value)) for key, value in opening.configuration.items()]
        for start in range(0, len(params), PARAMS_AT_ONCE):
            self._client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])
        return run_id

    def _experiment(self, name: str, artifacts: str | None) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name, artifact_location=artifacts))
            except MlflowException:  # another training has made it meanwhile
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _metrics(self, figures: Mapping[str, float], step: int) -> None:
        now_ms = int(time.time() * 1000)
        metrics = [Metric(name, value, now_ms, step) for name, value in figures.items()]
        for start in range(0, len(metrics), METRICS_AT_ONCE):
            self._client.log_batch(self._run_id, metrics=metrics[start : start + METRICS_AT_ONCE])

    def _table(self, file: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write a table in the form that MLflow's page shows as one."""
        document = {"columns": list(columns), "data": [list(row) for row in rows]}
        self._client.log_dict(self._run_id, document, file)


def _store(opening: Opening) -> tuple[str, str | None]:
    """Where records are kept, and where there the artifacts are; ``None`` where a server decides.

    What the environment says, else where the record was, else beside the run.
    """
    beside = opening.out.parent / FOLDER
    own = f"{SQLITE}{beside / 'mlflow.db'}"
    remembered = opening.remembered.get("uri")
    uri = os.environ.get("MLFLOW_TRACKING_URI") or str(remembered or own)
    if uri.startswith(SQLITE) and uri != own and not Path(uri.removeprefix(SQLITE)).is_file():
        uri = os.environ.get("MLFLOW_TRACKING_URI") or own
    if uri != own:
        return uri, None
    beside.mkdir(parents=True, exist_ok=True)
    return uri, (beside / "artifacts").as_uri()


def _without_secrets(uri: str) -> str:
    """An address without user and password.

    Example:
        >>> _without_secrets("https://me:secret@tracking.example:5000/path")
        'https://tracking.example:5000/path'
    """
    place = urlsplit(uri).netloc
    return uri.replace(place, place.rpartition("@")[2], 1) if "@" in place else uri
