"""Compare: several models on the same photos, what each costs, and which of them to take."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.dataset import SPLITS, Dataset
from lineament.artifacts.verdicts import DOCUMENT, ComparisonReport, Cost, write_comparison
from lineament.core.config import Config, option
from lineament.core.errors import UsageError
from lineament.core.executor import Executor
from lineament.core.extras import require_all
from lineament.core.files import atomic_folder, require_free
from lineament.core.progress import QUIET, Progress
from lineament.evaluation.comparing import Entry
from lineament.evaluation.comparing import compare as compare_entries
from lineament.reporting.verdict_page import verdict_page
from lineament.workflow.common_photos import answers_of, dataset_facts, photos_of
from lineament.workflow.contending import Model, contenders_of, models_of
from lineament.workflow.costing import Shipped, costs


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareConfig(Config):
    """What `compare` can be told."""

    split: str = option("test", help="the split whose photos are compared on", choices=SPLITS)
    seed: int = option(0, help="of the resampling behind the intervals", minimum=0)
    cost: bool = option(True, help="whether what models cost is measured and counted")
    rounds: int = option(
        9, help="how often each model is timed, in turn with the others", minimum=1, maximum=999
    )
    study_dataset: str | None = option(
        None, help="of a study over several datasets: the name of the one that counts"
    )


def compare(
    sources: Sequence[Path],
    out: Path,
    *,
    data: Path | Dataset | None = None,
    config: CompareConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> ComparisonReport:
    """Say which of several models are better than which, what each costs, and which to take.

    Models that were trained alike but for their seed are one contender with several seeds. Runs and
    bundles without a report are measured on ``data``; each of them is one more evaluation in the
    dataset's ledger. Of a report the stored answers count.

    Args:
        sources: Runs, bundles, reports and studies, in any mixture: two models or more in all.
        out: The comparison's folder, made whole or not at all.
        data: The dataset, or its folder; ``None`` is the one that reports were measured on, else
            the one that runs were trained on, where it still lies as it was.
        config: Which split, and whether cost counts.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        Every figure, every pair and the recommendation.

    Raises:
        UsageError: There is one model alone, or a study has several datasets and none is chosen.
        ArtifactError: A source or the dataset is absent or damaged, or ``out`` is in the way.
        DataError: The models were not measured on the same photos, or cannot be.
        MissingExtraError: What reads reports and draws the page is not installed.
    """
    require_all("report", purpose="A comparison")
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    report = judge(
        sources,
        out,
        data=data,
        settings=config or CompareConfig(),
        progress=progress,
        executor=executor,
    )
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        write_comparison(folder, report, page=verdict_page(report))
    return report


def judge(
    sources: Sequence[Path],
    out: Path,
    *,
    data: Path | Dataset | None,
    settings: CompareConfig,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> ComparisonReport:
    """Compare and write nothing but the lines in the dataset's ledger.

    Args:
        sources: Runs, bundles, reports and studies.
        out: Where the comparison will stand, for the ledger.
        data: The dataset, or its folder, as `compare` takes it.
        settings: Which split, and whether cost counts.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        Every figure, every pair and the recommendation; errors as `compare`.
    """
    models = models_of(sources, study_dataset=settings.study_dataset, progress=progress)
    contenders = contenders_of(models)
    if len(contenders) < 2:
        raise UsageError(
            f"A comparison needs two models or more, and this is one: {next(iter(contenders))}"
            f"{_seeds(models)}.",
            fix="Name another run, bundle or report.",
        )
    photos = photos_of(models, data, settings.split)
    answers = {
        (model.sha256, model.seed): answers_of(
            model,
            photos,
            settings.split,
            out=out,
            seed=settings.seed,
            progress=progress,
            executor=executor,
        )
        for model in models
    }
    known = _costs(contenders, settings, progress)
    facts = dataset_facts(models, photos, settings.split)
    progress.note("comparing")
    report = compare_entries(
        [
            Entry(
                name=name,
                predictions=tuple(answers[model.sha256, model.seed] for model in lot),
                runs=tuple(str(model.path or model.report_path) for model in lot),
                seeds=tuple(model.seed for model in lot),
                cost=known.get(name, Cost()),
                facts=lot[0].facts,
            )
            for name, lot in contenders.items()
        ],
        dataset=facts,
        split=settings.split,
        seed=settings.seed,
    )
    warnings = (*report.warnings, *_warnings(contenders, facts["fingerprint"]))
    report = dataclasses.replace(report, warnings=warnings)
    return report


def _seeds(models: Sequence[Model]) -> str:
    return f", with {len(models)} seeds" if len(models) > 1 else ""


def _costs(
    contenders: Mapping[str, Sequence[Model]], settings: CompareConfig, progress: Progress
) -> dict[str, Cost]:
    """Of each whose file is still there; all seeds have one shape, so the first one counts."""
    shipped = {}
    for name, lot in contenders.items() if settings.cost else ():
        present = next((model for model in lot if model.graph is not None), None)
        if present is None or present.graph is None:
            continue
        runs = [model.run for model in lot if model.run is not None]
        shipped[name] = Shipped(
            graph=present.graph,
            short_side_px=present.short_side_px,
            weights=runs[0].weights_path if runs else None,
            stated=tuple(run.card.training for run in runs),
        )
    return costs(shipped, rounds=settings.rounds, progress=progress)


def _warnings(contenders: Mapping[str, Sequence[Model]], fingerprint: object) -> list[str]:
    odd = [
        name
        for name, lot in contenders.items()
        if any(model.trained_on != fingerprint for model in lot)
    ]
    if not odd:
        return []
    return [
        f"{', '.join(odd)} {'was' if len(odd) == 1 else 'were'} trained on another dataset: "
        "whether any of these photos was among those cannot be known from here."
    ]
