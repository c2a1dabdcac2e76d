"""``lineament explain RUN|BUNDLE IMAGE... --out DIR``."""

import dataclasses
from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, towards_use
from lineament.core.config import resolve


@click.command()
@click.argument("model", type=flags.PATH, metavar="RUN|BUNDLE")
@click.argument("images", type=flags.PATH, nargs=-1, metavar="IMAGE...")
@flags.writes("DIR", "The folder of overlays.")
@click.option("--class", "of_class", metavar="NAME", help="Whose evidence (each photo's answer).")
@flags.settings
@flags.common
def command(
    model: Path,
    images: tuple[Path, ...],
    out: Path,
    overwrite: bool,
    of_class: str | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Lay over each IMAGE what spoke for the answer of RUN or BUNDLE; needs no torch."""
    from lineament.explanation.explain import ExplainConfig, explain

    config = resolve(ExplainConfig, {}, {"of_class": of_class}, sets=sets)
    console = Console(as_json=as_json)
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
