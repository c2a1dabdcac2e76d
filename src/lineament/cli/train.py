"""``lineament train DATASET --out RUN``."""

from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve
from lineament.core.extras import require_all


@click.command()
@click.argument("dataset", type=flags.PATH)
@flags.writes("RUN", "The run's folder.")
@click.option("--mode", metavar="head|finetune|scratch", help="What is trained (head).")
@click.option("--backbone", metavar="NAME", help="The network (efficientnet_lite0).")
@click.option(
    "--weights", metavar="packaged|hub|none|file:PATH", help="Where its weights come from."
)
@click.option("--epochs", type=int, help="Passes over the photos (finetune 5, scratch 30).")
@click.option("--fold", type=int, metavar="K", help="The fold that validates.")
@flags.seed
@flags.settings
@flags.common
def command(
    dataset: Path,
    out: Path,
    overwrite: bool,
    mode: str | None,
    backbone: str | None,
    weights: str | None,
    epochs: int | None,
    fold: int | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train a classifier on DATASET's train split; its validation split chooses.

    head: a linear head on frozen features, in seconds. finetune: all layers, starting from that
    head. scratch: all layers from random weights. The test split is not read.
    """
    require_all("train", purpose="Training")
    from lineament.artifacts.dataset import Dataset
    from lineament.training.recipe import TrainConfig

    config = resolve(
        TrainConfig,
        {},
        {
            "mode": mode,
            "backbone": backbone,
            "weights": weights,
            "epochs": epochs,
            "fold": fold,
            "seed": seed,
        },
        sets=sets,
    )
    console = Console(as_json=as_json)
    data = Dataset.open(dataset)
    from lineament.training.train import train  # torch takes seconds; mistakes above do not

    run = train(data, out, config=config, overwrite=overwrite, progress=ConsoleProgress())
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
