"""``lineament explain RUN|BUNDLE IMAGE...|DATASET --out DIR``."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, towards_use
from lineament.core.config import resolve
from lineament.core.errors import UsageError

if TYPE_CHECKING:
    from lineament.artifacts.explanation import Explanation

DATASET = "dataset.json"  # what tells a dataset from a folder of photos
METHODS = "class-activation|occlusion|grad-cam|grad-cam++|integrated-gradients"


@click.command()
@click.argument("model", type=flags.PATH, metavar="RUN|BUNDLE")
@click.argument("images", type=flags.PATH, nargs=-1, metavar="IMAGE...|DATASET")
@flags.writes("DIR", "The folder of overlays, or of the page.")
@click.option("--class", "of_class", metavar="NAME", help="Whose evidence (each photo's answer).")
@click.option("--method", metavar=METHODS, help="How maps are made (class-activation).")
@click.option("--split", metavar="train|validation|test", help="Of a dataset: which photos (test).")
@click.option(
    "--faithfulness", type=int, metavar="N", help="Measure whether maps are faithful on N photos."
)
@click.option("--beside", metavar="METHOD,...", help="Measure the maps of these methods beside it.")
@click.option(
    "--hiding", type=int, metavar="N", help="Hide the centre, then the background, of N photos."
)
@click.option(
    "--regions",
    metavar="FILE|DIR",
    help="Boxes or masks of what should be looked at: how much of the maps lies inside?",
)
@click.option(
    "--sanity", type=int, metavar="N", help="Make the weights random: do maps of N photos change?"
)
@flags.seed
@flags.settings
@flags.common
def command(
    model: Path,
    images: tuple[Path, ...],
    out: Path,
    overwrite: bool,
    of_class: str | None,
    method: str | None,
    split: str | None,
    faithfulness: int | None,
    beside: str | None,
    hiding: int | None,
    regions: str | None,
    sanity: int | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show where RUN or BUNDLE looks: on each IMAGE, or on the photos of a DATASET.

    Of photos, the same photos with what spoke for the answer laid over them. Of a dataset, a page:
    the most confident mistakes, borderline photos, right and wrong ones of each class, and how far
    the maps can be believed. The first two methods need no torch.
    """
    of_dataset = {
        "split": split,
        "faithfulness": faithfulness,
        "beside": flags.names(beside) if beside else None,
        "hiding": hiding,
        "regions": regions,
        "sanity": sanity,
        "seed": seed,
    }
    console = Console(as_json=as_json)
    if len(images) == 1 and (images[0] / DATASET).is_file():
        _refuse({"class": of_class}, "a dataset", "Name photos instead of a dataset")
        from lineament.workflow.explaining import ExplainDatasetConfig, explain_dataset

        look = resolve(ExplainDatasetConfig, {}, {"method": method, **of_dataset}, sets=sets)
        found = explain_dataset(
            model, images[0], out, config=look, overwrite=overwrite, progress=ConsoleProgress()
        )
        console.result(
            {"out": str(out), **found.as_dict()}, _words(found, out), following=towards_use(model)
        )
        return
    _refuse(of_dataset, "photos", "Name a dataset that `lineament prepare` made")
    from lineament.explanation.explain import ExplainConfig, explain

    config = resolve(ExplainConfig, {}, {"of_class": of_class, "method": method}, sets=sets)
    explained = explain(
        model, images, out, config=config, overwrite=overwrite, progress=ConsoleProgress()
    )
    lines = [
        f"{out / each.overlay}: {each.answer} {each.confidence:.4f}, evidence for "
        f"{each.shown_class}"
        for each in explained
    ]
    document = {
        "out": str(out),
        "explanations": [dataclasses.asdict(each) for each in explained],
    }
    console.result(document, "\n".join(lines), following=towards_use(model))


def _refuse(given: Mapping[str, object], of: str, way_out: str) -> None:
    """Refuse flags that do nothing here; one that is silently ignored would mislead."""
    names = [f"--{name}" for name, value in given.items() if value is not None]
    if names:
        raise UsageError(
            f"`{'`, `'.join(names)}` {'has' if len(names) == 1 else 'have'} no meaning for {of}.",
            fix=f"{way_out}, or leave {'it' if len(names) == 1 else 'them'} out.",
        )


def _words(found: "Explanation", out: Path) -> str:
    """The page's place, and every sentence that was measured."""
    lines = [f"{out / 'explanation.html'}: {found.method}, {found.n_images:,} {found.split} photos"]
    if found.faithfulness is not None:
        lines += [each.sentence for each in found.faithfulness.methods]
    if found.localisation is not None:
        lines += [each.sentence for each in found.localisation.methods]
    if found.hiding is not None:
        lines += found.hiding.sentences
    lines += [f"{each.title}: {each.sentence}" for each in found.sanity]
    return "\n".join(lines)
