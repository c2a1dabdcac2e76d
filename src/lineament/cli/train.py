"""``lineament train DATASET --out RUN``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.cli.epochs import EpochTable
from lineament.core.config import resolve
from lineament.core.extras import require_all

if TYPE_CHECKING:
    from lineament.artifacts.dataset import Dataset
    from lineament.artifacts.watching import Watcher
    from lineament.training.recipe import TrainConfig


@click.command()
@click.argument("dataset", type=flags.PATH)
@flags.writes("RUN", "The run's folder.")
@click.option(
    "--recipe", metavar="NAME|FILE", help="What is laid under the flags; see `lineament recipe`."
)
@click.option("--mode", metavar="head|finetune|scratch", help="What is trained (head).")
@click.option("--backbone", metavar="NAME", help="The network (efficientnet_lite0).")
@click.option(
    "--weights", metavar="packaged|hub|none|file:PATH", help="Where its weights come from."
)
@click.option("--epochs", type=int, help="Passes over the photos (finetune 5, scratch 30).")
@click.option("--time-budget", metavar="20m", help="Instead of epochs: as many as fit.")
@click.option("--fold", type=int, metavar="K", help="The fold that validates.")
@click.option("--resume", is_flag=True, help="Go on with a training that was interrupted.")
@click.option(
    "--find-lr", is_flag=True, help="Train nothing: draw the loss over the rate into --out."
)
@flags.track
@flags.seed
@flags.settings
@flags.common
def command(
    dataset: Path,
    out: Path,
    overwrite: bool,
    recipe: str | None,
    mode: str | None,
    backbone: str | None,
    weights: str | None,
    epochs: int | None,
    time_budget: str | None,
    fold: int | None,
    resume: bool,
    find_lr: bool,
    track: str | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train a classifier on DATASET's train split; its validation split chooses.

    head: a linear head on frozen features, in seconds. finetune: layers too, starting from that
    head. scratch: all layers from random weights. The test split is not read. Ctrl-C ends training
    with the best epoch so far; after anything worse, --resume goes on.
    """
    require_all("train", purpose="Training")
    from lineament.artifacts.dataset import Dataset
    from lineament.artifacts.watching import Several
    from lineament.training.recipe import TrainConfig
    from lineament.training.recipes import read_recipe

    laid = {} if recipe is None else read_recipe(recipe)
    for flag, other in (("epochs", time_budget), ("time_budget", epochs)):
        if other is not None:  # both say how long; the flag is what is meant
            laid.pop(flag, None)
    config = resolve(
        TrainConfig,
        laid,
        {
            "mode": mode,
            "backbone": backbone,
            "weights": weights,
            "epochs": epochs,
            "time_budget": time_budget,
            "fold": fold,
            "seed": seed,
        },
        sets=sets,
    )
    console = Console(as_json=as_json)
    data = Dataset.open(dataset)
    if find_lr:
        given = {
            "--recipe": recipe,
            "--mode": mode,
            "--backbone": backbone,
            "--weights": weights,
            "--epochs": epochs,
            "--time-budget": time_budget,
            "--fold": fold,
            "--seed": seed,
        }
        same = [
            word for flag, value in given.items() if value is not None for word in (flag, value)
        ]
        same += [word for text in sets for word in ("--set", text)]
        _find_rate(data, out, config, same, overwrite=overwrite, console=console)
        return
    progress = ConsoleProgress()
    watchers: dict[str, Watcher] = {"console": EpochTable(progress)}
    if track:
        from lineament.tracking.trackers import trackers

        watchers |= trackers(flags.names(track), progress=progress)
    from lineament.training.fitting.processes import is_main_process
    from lineament.training.train import train  # torch takes seconds; mistakes above do not

    run = train(
        data,
        out,
        config=config,
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        watcher=Several(watchers),
    )
    if not is_main_process():  # of several that train together, the first one speaks
        return
    card = run.card
    chosen = ", ".join(f"{name} {value:.4g}" for name, value in card.chosen.items())
    lines = [
        f"{out}: {card.mode} on {card.backbone['name']} ({card.backbone['tag']})",
        f"chosen on validation: {chosen}; temperature {card.temperature:.3g}",
    ]
    console.result(
        {"run": str(out), **card.as_dict()},
        "\n".join(lines),
        following=next_command(
            *("evaluate", out, dataset, "--out", out.parent / "report"),
            *(() if data.splits["test"] else ("--split", "validation")),
        ),
    )


def _find_rate(
    data: "Dataset",
    out: Path,
    config: "TrainConfig",
    same: Sequence[object],
    *,
    overwrite: bool,
    console: Console,
) -> None:
    """Run the range test; the next command is the same training at the rate that it proposes."""
    from lineament.training.find_rate import FIGURE, find_rate

    found = find_rate(data, out, config=config, overwrite=overwrite, progress=ConsoleProgress())
    console.result(
        {"rate": found.suggestion, "rates": list(found.rates), "losses": list(found.losses)},
        f"{out / FIGURE}: a rate to begin with is {found.suggestion:.1e}",
        following=next_command(
            *("train", data.root, "--out", out.parent / "run", *same),
            *("--set", f"learning_rate={found.suggestion:.1e}"),
        ),
    )
