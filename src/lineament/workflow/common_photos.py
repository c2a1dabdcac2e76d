"""Common photos: what models are compared on, and what each of them answers to it."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.dataset import DOCUMENT, Dataset
from lineament.artifacts.ledger import Opening, read_ledger, record
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.report import PREDICTIONS
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.core.executor import Executor
from lineament.core.progress import QUIET, Progress
from lineament.core.version import __version__
from lineament.measure.headline import headline_intervals
from lineament.measure.intervals import known_groups
from lineament.runtime.predictor import Predictor
from lineament.workflow.contending import Model


def photos_of(models: Sequence[Model], data: Path | Dataset | None, split: str) -> Dataset | None:
    """The dataset on which what has no report is measured; ``None`` where it is not needed."""
    measured = {}
    for model in models:
        if model.report is None:
            continue
        stated = str(model.report.dataset.get("fingerprint"))
        measured[str(model.report_path)] = (stated, model.report.split)
    opened = None if data is None else _open(data)
    missing = [model for model in models if model.report is None]
    if missing and opened is None:
        opened = _found(models)
    _check_photos(measured, opened, split)
    if opened is None and missing:
        raise UsageError(
            f"{len(missing)} of {len(models)} models have no report, and there is no dataset to "
            "measure them on.",
            at=[str(model.source) for model in missing],
            fix="Name it with `--data DATASET`.",
        )
    if opened is not None and missing:
        opened.samples(split)  # an empty split is said before its photos are looked for
        opened.verify(split)
    return opened


def _open(data: Path | Dataset) -> Dataset:
    return data if isinstance(data, Dataset) else Dataset.open(data)


def _found(models: Sequence[Model]) -> Dataset | None:
    """Where it still lies: what reports were measured on, else what runs were trained on."""
    places = [
        (Path(str(model.report.dataset.get("path"))), str(model.report.dataset.get("fingerprint")))
        for model in models
        if model.report is not None
    ]
    places = places or [
        (model.dataset, model.trained_on) for model in models if model.dataset is not None
    ]
    marks = {mark for _, mark in places}
    if len(marks) > 1:
        raise DataError(
            f"These models are of {len(marks)} datasets, and none was named to compare them on.",
            at=list(dict.fromkeys(str(path) for path, _ in places)),
            fix="Name one with `--data DATASET`.",
        )
    for path, mark in dict.fromkeys(places):
        if (path / DOCUMENT).is_file():
            found = Dataset.open(path)
            if found.fingerprint == mark:
                return found
    return None


def _check_photos(
    measured: Mapping[str, tuple[str, str]], data: Dataset | None, split: str
) -> None:
    """Refuse reports of other photos, by name."""
    others = [f"{path} ({its})" for path, (_, its) in measured.items() if its != split]
    if others:
        splits = {its for _, its in measured.values()}
        raise DataError(
            f"These reports are not of the {split} split.",
            at=others,
            fix=f"Give `--split {splits.pop()}`."
            if len(splits) == 1
            else "Evaluate all models on the same split.",
        )
    wanted = data.fingerprint if data else next((mark for mark, _ in measured.values()), None)
    odd = [path for path, (mark, _) in measured.items() if mark != wanted]
    if odd:
        raise DataError(
            "Models are compared on the same photos, and these reports are of another dataset than "
            f"{data.root if data else next(iter(measured))}.",
            at=odd,
            fix="Evaluate all models on the same dataset, or name runs and `--data DATASET`.",
        )


def answers_of(
    model: Model,
    data: Dataset | None,
    split: str,
    *,
    out: Path,
    seed: int,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Predictions:
    """Take a model's answers from its report, or ask it, which the dataset's ledger then says.

    Args:
        model: The model.
        data: What `photos_of` gave.
        split: Which split.
        out: Where the comparison will stand, for the ledger.
        seed: Of the resampling behind the ledger's interval.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Raises:
        ArtifactError: What is stored is damaged.
        DataError: The model does not know all classes, or a photo cannot be read.
    """
    if model.report_path is not None:
        return Predictions.read_parquet(model.report_path / PREDICTIONS)
    assert data is not None, "`photos_of` has found it"
    assert model.path is not None, "only a report can be without its model"
    predictor = Predictor(model.path, executor=executor)
    predictions = predictor.predict_split(data, split, progress=progress)
    units = known_groups(predictions.groups)
    accuracy = headline_intervals(
        predictions.probabilities,
        predictions.labels,
        groups=units if units is None or max(units) > 0 else None,  # one group has no spread
        seed=seed,
    )["accuracy"]
    opening = Opening(
        time=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        fingerprint=data.fingerprint,
        split=split,
        kind="run" if model.run else "bundle",
        path=str(model.path),
        sha256=model.sha256,
        report=str(out),
        photos=len(predictions.samples),
        accuracy=accuracy.value,
        low=accuracy.low,
        high=accuracy.high,
        lineament=__version__,
    )
    try:
        record(data.root, opening)
    except ArtifactError as error:
        progress.note(f"{error.what} {error.fix}")
    return predictions


def dataset_facts(models: Sequence[Model], data: Dataset | None, split: str) -> dict[str, object]:
    """Say what the photos belong to, and how often the split was looked at if that can be read.

    Args:
        models: What is compared.
        data: What `photos_of` gave.
        split: Which split.
    """
    if data is None:
        report = next(model.report for model in models if model.report is not None)
        facts = dict(report.dataset)
    else:
        facts = {
            "path": str(data.root),
            "fingerprint": data.fingerprint,
            "photos": {name: len(samples) for name, samples in data.splits.items()},
        }
    of_split = (facts.get("fingerprint"), split)
    looks = read_ledger(Path(str(facts.get("path")))).openings
    if n_looks := sum((each.fingerprint, each.split) == of_split for each in looks):
        facts["openings"] = n_looks
    return facts
