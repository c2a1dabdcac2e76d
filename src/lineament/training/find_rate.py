"""Find a rate: the range test on a dataset and a recipe, as a figure and a table."""

import io
from collections.abc import Sequence
from pathlib import Path

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.table import write_table
from lineament.core.errors import UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.files import atomic_folder, require_free
from lineament.core.progress import QUIET, Progress
from lineament.training.assembling import both_pixels, make_classifier
from lineament.training.checking import checked
from lineament.training.fitting.processes import accelerator_for
from lineament.training.fitting.rate_range import RateRange, rate_range
from lineament.training.recipe import TrainConfig

TABLE = "range.csv"
FIGURE = "range.png"


def find_rate(
    dataset: Path | Dataset,
    out: Path,
    *,
    config: TrainConfig,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> RateRange:
    """Run the learning-rate range test; nothing is trained.

    Args:
        dataset: A dataset, or its folder.
        out: A folder for ``range.csv`` (``rate,loss``) and ``range.png``.
        config: The recipe.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Raises:
        UsageError: The recipe has no rate, or the loss was no number from the start.
        ArtifactError: As `lineament.training.train.train`.
        DataError: As `lineament.training.train.train`.
    """
    recipe = checked(config)
    if recipe.mode == "head":
        raise UsageError(
            "`--mode head` has no rate to find.", fix="Use `--mode finetune` or `--mode scratch`."
        )
    require_free(out, overwrite=overwrite, marker=TABLE)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    if recipe.fold is not None:
        data = data.fold(recipe.fold)
    data.verify("train", "validation")
    where = executor or LocalExecutor()
    is_warm = recipe.mode == "finetune"
    model = make_classifier(data, recipe, is_warm=is_warm, executor=where, progress=progress)
    train, _ = both_pixels(data, model.backbone, recipe, executor=where, progress=progress)
    found = rate_range(model, train, recipe, accelerator=accelerator_for(recipe), progress=progress)
    with atomic_folder(out, overwrite=overwrite, marker=TABLE) as folder:
        rows = zip(found.rates, found.losses, strict=True)
        write_table(folder / TABLE, ("rate", "loss"), [list(row) for row in rows])
        (folder / FIGURE).write_bytes(_figure(found))
    return found


def _figure(found: RateRange) -> bytes:
    """Draw loss over rate, with the suggestion."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, color="#1f5fa8")
    axes.axvline(found.suggestion, color="#b3541e", linestyle="--")
    # Beside the line, on the side that has room.
    is_left = found.suggestion**2 < found.rates[0] * found.rates[-1]
    axes.annotate(
        f"begin with {found.suggestion:.1e}",
        (found.suggestion, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(5 if is_left else -5, -5),
        textcoords="offset points",
        ha="left" if is_left else "right",
        va="top",
        color="#b3541e",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )
    axes.set(
        xscale="log",
        ylim=_limits(found.losses),
        xlabel="learning rate of the head",
        ylabel="training loss, smoothed",
    )
    axes.grid(alpha=0.25)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()


def _limits(losses: Sequence[float]) -> tuple[float, float]:
    """From below the least loss to above the early ones; how high it shot at the end is cut off."""
    least, early = min(losses), max(losses[: len(losses) // 2 + 1])
    margin = (early - least) / 10 or early / 10 or 1.0
    return least - margin, early + 3 * margin
