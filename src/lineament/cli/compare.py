"""``lineament compare RUN|BUNDLE|REPORT|STUDY... --out DIR``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve
from lineament.core.extras import require_all

if TYPE_CHECKING:
    from lineament.artifacts.verdicts import ComparisonReport, Contender

SHOWN_VERDICTS = 10  # of the pairs with the most accurate; the page has all


@click.command()
@click.argument(
    "sources", metavar="RUN|BUNDLE|REPORT|STUDY...", type=flags.PATH, nargs=-1, required=True
)
@flags.writes("DIR", "The comparison's folder.")
@click.option(
    "--data",
    type=flags.PATH,
    metavar="DATASET",
    help="What runs and bundles without a report are measured on (where they were trained).",
)
@click.option("--study-dataset", metavar="NAME", help="Of a study over several: which one counts.")
@click.option("--split", metavar="train|validation|test", help="Which photos (test).")
@click.option(
    "--cost/--no-cost", default=None, help="Count and time what each model costs (it is)."
)
@flags.seed
@flags.settings
@flags.common
def command(
    sources: tuple[Path, ...],
    out: Path,
    overwrite: bool,
    data: Path | None,
    study_dataset: str | None,
    split: str | None,
    cost: bool | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say which of several models are better than which on the same photos, and which to take.

    Models that differ only in their seed are one contender. Of reports the stored answers are
    compared; runs and bundles without one are measured, which the dataset's ledger records. Writes
    comparison.json (every figure) and comparison.html (made from it alone).
    """
    require_all("report", purpose="A comparison")
    from lineament.workflow.comparing import CompareConfig, compare

    given = {"split": split, "cost": cost, "study_dataset": study_dataset, "seed": seed}
    config = resolve(CompareConfig, {}, given, sets=sets)
    console = Console(as_json=as_json)
    report = compare(
        sources, out, data=data, config=config, overwrite=overwrite, progress=ConsoleProgress()
    )
    for warning in report.warnings:
        console.talk(f"note: {warning}")
    console.result(
        {"comparison": str(out), **report.as_dict()},
        _text(report, out),
        following=_following(report),
    )


def _text(report: "ComparisonReport", out: Path) -> str:
    """The table, the pairs with the most accurate one, and what to take."""
    page = out / "comparison.html"
    lines = [f"{page}: {len(report.contenders)} models on {report.n_images} {report.split} photos"]
    width = max(len(each.name) for each in report.contenders)
    for each in report.contenders:
        accuracy = each.accuracy
        mark = "*" if each.name == report.recommendation else " "
        lines.append(
            f"{mark} {each.name:{width}}  {accuracy.value:.4f} "
            f"({accuracy.low:.4f} to {accuracy.high:.4f}){_cost(each)}"
        )
    best = report.contenders[0].name
    told = [each.sentence for each in report.verdicts if best in (each.first, each.second)]
    lines += told[:SHOWN_VERDICTS]
    if len(told) > SHOWN_VERDICTS:
        lines.append(f"{len(report.verdicts) - SHOWN_VERDICTS} more pairs are on the page.")
    return "\n".join([*lines, report.sentence])


def _cost(contender: "Contender") -> str:
    cost = contender.cost
    known = []
    if cost.milliseconds is not None:
        known.append(f"{cost.milliseconds.value:.3g} ms")
    if cost.file_bytes is not None:
        known.append(f"{cost.file_bytes / 1e6:.3g} MB")
    return f"  {', '.join(known)}" if known else ""


def _following(report: "ComparisonReport") -> str:
    """Export what was recommended; a bundle is there to answer, and of a report the run is gone."""
    path = Path(
        next(each.runs[0] for each in report.contenders if each.name == report.recommendation)
    )
    if (path / "run.json").is_file():
        return next_command("export", path, "--out", path.parent / "model.onnx")
    if path.is_file():
        return next_command("predict", path, "PHOTO...")
    return next_command("export", "RUN", "--out", "model.onnx")
