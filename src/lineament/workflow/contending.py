"""Contending: what a person names for a comparison, as models with what they are and have said."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lineament.artifacts import report as reports
from lineament.artifacts import run as runs
from lineament.artifacts import study as studies
from lineament.artifacts.report import EvaluationReport, read_report
from lineament.artifacts.run import Run
from lineament.artifacts.schema import field
from lineament.artifacts.study import Study
from lineament.artifacts.study_row import DONE, TRIAL, StudyRow
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.core.files import sha256_file
from lineament.core.progress import Progress
from lineament.core.suggest import did_you_mean
from lineament.imaging.preprocess import Preprocessing
from lineament.runtime.predictor import Predictor

# How names of runs end that differ in their seed: `-s0`, `_seed-1`, `-2`.
SEED = re.compile(r"(?:[-_. ](?:s|seed))?[-_. ]*\d+$")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """One trained model.

    Attributes:
        source: What was named.
        name: What it is called.
        seed: Of its training.
        sha256: Of the file that ships.
        path: Its run or bundle; ``None`` where only its report is left.
        run: Its run; ``None`` of a bundle, or where it is gone.
        short_side_px: The shorter side at which photos are decoded for it.
        alike: What models that differ only in their seed share; empty where that is not known.
        facts: What else there is to say of it.
        trained_on: Fingerprint of the dataset that it was trained on.
        dataset: Where that dataset lay, if it is stated.
        report: What was measured of it before, if anything.
        report_path: Where that stands.
    """

    source: Path
    name: str
    seed: int
    sha256: str
    path: Path | None
    run: Run | None
    short_side_px: int
    alike: str
    facts: Mapping[str, object]
    trained_on: str
    dataset: Path | None
    report: EvaluationReport | None = None
    report_path: Path | None = None

    @property
    def graph(self) -> Path | None:
        """The file that ships, where it is still there."""
        return self.run.graph_path if self.run else self.path


def models_of(
    sources: Sequence[Path], *, study_dataset: str | None, progress: Progress
) -> tuple[Model, ...]:
    """Open what was named, each model once.

    Args:
        sources: Runs, bundles, reports and studies, in any mixture.
        study_dataset: Of a study over several datasets, the name of the one that counts.
        progress: Who is told what is left out.

    Returns:
        In the order in which they were named; of a run and its report, the run with its report.

    Raises:
        ArtifactError: A source is absent, damaged, or none of these.
        DataError: A study has no finished runs.
        UsageError: A study has several datasets and none was chosen, or there is no such.
    """
    found: dict[tuple[str, int], Model] = {}
    for source in sources:
        for model in _opened(source, study_dataset, progress):
            # Trainings without chance in them give one graph for every seed: each of them counts.
            key = (model.sha256, model.seed)
            known = found.get(key)
            found[key] = model if known is None else _joined(known, model, progress)
    return tuple(found.values())


def contenders_of(models: Sequence[Model]) -> dict[str, tuple[Model, ...]]:
    """Put models that differ only in their seed together, and give each lot a name of its own.

    Two of one recipe, dataset and seed are no two draws of chance: the second of them competes by
    itself.

    Returns:
        Models by name, in the order in which the first of each was named.
    """
    lots: list[list[Model]] = []
    for model in models:
        fits = (
            lot
            for lot in lots
            if model.alike
            and lot[0].alike == model.alike
            and all(each.seed != model.seed for each in lot)
        )
        lot = next(fits, None)
        if lot is None:
            lots.append([model])
        else:
            lot.append(model)
    names = _distinct([(_shared_name([each.name for each in lot]), lot[0]) for lot in lots])
    return {name: tuple(lot) for name, lot in zip(names, lots, strict=True)}


def _opened(source: Path, study_dataset: str | None, progress: Progress) -> Iterable[Model]:
    if (source / studies.DOCUMENT).is_file():
        return _of_study(Study.open(source), study_dataset, progress)
    if (source / reports.DOCUMENT).is_file():
        return [_of_report(source)]
    if source.is_dir() and not (source / runs.DOCUMENT).is_file():
        raise ArtifactError(
            f"{source} is neither a run nor a report nor a study.",
            fix="Name folders that `train`, `evaluate` or `study` wrote, or bundles.",
        )
    if not source.exists():
        raise ArtifactError(
            f"{source} does not exist.", fix="Name runs, bundles, reports or a study."
        )
    return [_of_model(source)]


def _of_model(path: Path) -> Model:
    """From a run's card, or from what a bundle repeats of it."""
    run = Run.open(path) if path.is_dir() else None
    if run is not None:
        stated, shape = run.card.provenance(), run.card.preprocessing
        classes = run.card.classes
    else:
        predictor = Predictor(path)
        stated, shape, classes = predictor.provenance, predictor.preprocessing, predictor.classes
    name = str(path)
    backbone = field(stated, "backbone", dict, name=name)
    dataset = field(stated, "dataset", dict, name=name)
    recipe = {**field(stated, "recipe", dict, name=name), "seed": None}
    trained_on = field(dataset, "fingerprint", str, name=name)
    lay = run.card.dataset.get("path") if run else None
    return Model(
        source=path,
        name=_name(path),
        seed=field(stated, "seed", int, name=name),
        sha256=sha256_file(run.graph_path if run else path),
        path=path,
        run=run,
        short_side_px=shape.needed_short_side_px,
        # The weights, too: the packaged ones of a name may change between versions.
        alike=json.dumps([recipe, trained_on, backbone.get("sha256"), sorted(classes)]),
        facts={
            "mode": stated.get("mode"),
            "backbone": backbone.get("name"),
            "weights": backbone.get("tag"),
            "licence": backbone.get("licence"),
            "input_px": shape.size_px,
        },
        trained_on=trained_on,
        dataset=Path(str(lay)) if lay else None,
    )


def _of_report(folder: Path, *, model: Path | None = None) -> Model:
    """From a report, and from its model if that is still there and still the same."""
    report = read_report(folder)
    subject, name = report.subject, str(folder)
    sha256 = field(subject, "sha256", str, name=name)
    lay = Path(field(subject, "path", str, name=name))
    # A path may be meant from where `evaluate` was called; the hash says whether it is the one.
    places = (model,) if model else (lay, folder.absolute().parent / lay.name)
    path = next((each for each in places if _is_graph(each, sha256)), None)
    if path is not None:
        return dataclasses.replace(
            _of_model(path), source=folder, report=report, report_path=folder
        )
    shape = Preprocessing.from_dict(field(subject, "preprocessing", dict, name=name))
    return Model(
        source=folder,
        name=_name(folder),
        seed=field(subject, "seed", int, name=name),
        sha256=sha256,
        path=None,
        run=None,
        short_side_px=shape.needed_short_side_px,
        alike="",
        facts={
            **{key: subject.get(key) for key in ("mode", "backbone", "weights", "licence")},
            "input_px": shape.size_px,
        },
        trained_on=field(subject, "trained_on", str, name=name),
        dataset=None,
        report=report,
        report_path=folder,
    )


def _is_graph(path: Path, sha256: str) -> bool:
    graph = path / runs.GRAPH if path.is_dir() else path
    return graph.is_file() and sha256_file(graph) == sha256


def _of_study(study: Study, chosen: str | None, progress: Progress) -> Iterable[Model]:
    rows = _rows(study, chosen)
    done = [row for row in rows if row.status == DONE and row.role != TRIAL]
    others = [row for row in rows if row.status != DONE]
    trials = [row for row in rows if row.status == DONE and row.role == TRIAL]
    said = {row.status: sum(each.status == row.status for each in others) for row in others}
    if trials:
        said["tried by its search alone"] = len(trials)
    if said:
        left = ", ".join(f"{n} {what}" for what, n in said.items())
        progress.note(f"{study.root}: {len(done)} runs are compared; left out: {left}.")
    if not done:
        raise DataError(
            f"{study.root} has no finished runs that could be compared.",
            fix="Go on with `lineament study ... --resume`.",
        )
    return [_of_row(study, row) for row in done]


def _rows(study: Study, chosen: str | None) -> list[StudyRow]:
    names = list(dict.fromkeys(row.dataset for row in study.rows))
    if chosen is not None and chosen not in names:
        raise UsageError(
            f"{study.root} has no dataset `{chosen}`.{did_you_mean(chosen, names)}",
            fix=f"Its datasets are {', '.join(names)}.",
        )
    if chosen is None and len(names) > 1:
        raise UsageError(
            f"{study.root} has runs on {len(names)} datasets, and models are compared on the same "
            "photos.",
            at=names,
            fix=f"Choose one, as in `--study-dataset {names[0]}`.",
        )
    return [row for row in study.rows if chosen in (None, row.dataset)]


def _of_row(study: Study, row: StudyRow) -> Model:
    path, folder = study.run_path(row), study.report_path(row)
    judged = (folder / reports.DOCUMENT).is_file()
    model = _of_report(folder, model=path) if judged else _of_model(path)
    return dataclasses.replace(
        model, name=row.configuration, facts={"run": row.name, **model.facts}
    )


def _joined(known: Model, model: Model, progress: Progress) -> Model:
    """One of two namings of the same graph: the fuller one."""
    progress.note(f"{model.source} is the same model as {known.source}; it is compared once.")
    fuller, other = (
        (known, model) if known.path is not None or model.path is None else (model, known)
    )
    if fuller.report is None and other.report is not None:
        return dataclasses.replace(fuller, report=other.report, report_path=other.report_path)
    return fuller


def _name(path: Path) -> str:
    whole = path.absolute()
    return whole.name if whole.is_dir() else whole.stem


def _shared_name(names: Sequence[str]) -> str:
    """What the names of several seeds are without the number of the seed."""
    if len(names) == 1:
        return names[0]
    stems = {SEED.sub("", name) for name in names}
    return stems.pop() if len(stems) == 1 and "" not in stems else names[0]


def _distinct(named: Sequence[tuple[str, Model]]) -> list[str]:
    """Names that are told apart: by the folder above where they are equal, else by number."""
    plain = [name for name, _ in named]
    wider = [
        f"{model.source.absolute().parent.name}/{name}" if plain.count(name) > 1 else name
        for name, model in named
    ]
    return [
        f"{name} ({wider[: place + 1].count(name)})" if wider.count(name) > 1 else name
        for place, name in enumerate(wider)
    ]
