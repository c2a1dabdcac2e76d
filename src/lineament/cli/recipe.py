"""``lineament recipe list|show|preview``."""

from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, next_command
from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.core.extras import require_all
from lineament.core.suggest import did_you_mean

RECIPE = "NAME|FILE.yaml"


class _Actions(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.commands and not args[0].startswith("-"):
            raise UsageError(
                f"`lineament recipe` cannot `{args[0]}`.{did_you_mean(args[0], self.commands)}",
                fix=f"It can {', '.join(self.commands)}.",
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the work


@click.group(cls=_Actions, subcommand_metavar="list|show|preview")
def command() -> None:
    """List, show and preview recipes: what `train --recipe` takes.

    A recipe is a YAML file with fields of TrainConfig. Give a built-in one by its name or your own
    by its path, which ends in .yaml or .yml. Every action takes --json.
    """


@command.command("list", short_help="List the built-in recipes.")
@flags.common
def list_recipes(as_json: bool) -> None:
    """List the built-in recipes, each with what it is for."""
    from lineament.training.recipes import read_description, recipe_names

    about = {name: read_description(name) for name in recipe_names()}
    width = max(map(len, about))
    Console(as_json=as_json).result(
        {"recipes": [{"name": name, "description": text} for name, text in about.items()]},
        "\n".join(f"{name:{width}}  {text}" for name, text in about.items()),
        following=next_command("recipe", "show", "default"),
    )


@command.command("show", short_help="Print every field of a recipe.")
@click.argument("recipe", metavar=RECIPE)
@flags.settings
@flags.common
def show(recipe: str, sets: tuple[str, ...], as_json: bool) -> None:
    """Print every field of a recipe, also those that it leaves at their default.

    What is printed is a recipe again: send it to a file, change it, and train with that.
    """
    from lineament.training.recipe import TrainConfig
    from lineament.training.recipes import read_description, read_recipe, shown

    config = resolve(TrainConfig, read_recipe(recipe), {}, sets=sets)
    description = read_description(recipe)
    changes = [word for text in sets for word in ("--set", text)]
    Console(as_json=as_json).result(
        {"recipe": recipe, "description": description, "fields": config.as_dict()},
        shown(config, description=description).rstrip(),
        following=next_command("train", "DATASET", "--out", "run", "--recipe", recipe, *changes),
    )


@command.command("preview", short_help="Draw what training would show the network.")
@click.argument("recipe", metavar=RECIPE)
@click.argument("dataset", type=flags.PATH)
@flags.writes("SHEET.png", "The picture.")
@click.option("--rows", type=click.IntRange(1, 100), default=6, help="Photos (6).")
@click.option("--columns", type=click.IntRange(2, 100), default=8, help="Pictures of each (8).")
@flags.seed
@flags.settings
@flags.common
def preview(
    recipe: str,
    dataset: Path,
    out: Path,
    overwrite: bool,
    rows: int,
    columns: int,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Draw what training with a recipe would show the network of photos of DATASET.

    Each row is a photo of the train split: as the network sees it, then as it may be augmented.
    """
    if out.suffix.lower() != ".png":
        raise UsageError(
            f"A preview's name ends in .png, got {out.name}.", fix="Use `--out sheet.png`."
        )
    require_all("train", purpose="A preview")
    from lineament.artifacts.dataset import Dataset
    from lineament.training.recipe import TrainConfig
    from lineament.training.recipes import read_recipe

    config = resolve(TrainConfig, read_recipe(recipe), {}, sets=sets)
    data = Dataset.open(dataset)
    from lineament.training.augmentation.preview import preview as draw  # brings torch

    draw(data, out, config=config, rows=rows, columns=columns, seed=seed or 0, overwrite=overwrite)
    changes = [word for text in sets for word in ("--set", text)]
    Console(as_json=as_json).result(
        {"preview": str(out), "recipe": recipe},
        f"{out}: in each row a photo of the train split, then what training may make of it",
        following=next_command("train", dataset, "--out", "run", "--recipe", recipe, *changes),
    )
