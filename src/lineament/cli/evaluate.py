"""``lineament evaluate RUN|BUNDLE DATASET --out DIR``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, towards_use
from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.core.extras import require_all

if TYPE_CHECKING:
    from lineament.artifacts.report import EvaluationReport
    from lineament.artifacts.run import Run

# The page has them all; these say whether it is worth opening.
LEADING = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "expected_calibration_error")


@click.command()
@click.argument("model", type=flags.PATH, metavar="RUN|BUNDLE")
@click.argument("dataset", type=flags.PATH)
@flags.writes("DIR", "The report's folder.")
@click.option("--split", metavar="train|validation|test", help="Which photos (test).")
@click.option(
    "--inflation",
    is_flag=True,
    default=None,
    help="Also say what a random split of the same photos would have claimed.",
)
@click.option(
    "--unknown", metavar="DIR", help="Photos that show none of the classes: what is said to them?"
)
@click.option(
    "--slice-by",
    metavar="COLUMN,...",
    help="Divide the photos by these columns alone (all that are known).",
)
@click.option(
    "--robustness", type=int, metavar="N", help="Spoil N photos on purpose, each in 40 ways."
)
@flags.track
@flags.seed
@flags.settings
@flags.common
def command(
    model: Path,
    dataset: Path,
    out: Path,
    overwrite: bool,
    split: str | None,
    inflation: bool | None,
    unknown: str | None,
    slice_by: str | None,
    robustness: int | None,
    track: str | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure RUN or BUNDLE on a split of DATASET: every figure with its interval, and a page.

    Writes report.json (every figure), report.html (made from it alone) and predictions.parquet.
    """
    require_all("report", purpose="Evaluation")
    from lineament.workflow.evaluating import EvaluateConfig, evaluate

    given = {
        "split": split,
        "inflation": inflation,
        "unknown": unknown,
        "slice_by": flags.names(slice_by) if slice_by else None,
        "robustness": robustness,
        "seed": seed,
    }
    config = resolve(EvaluateConfig, {}, given, sets=sets)
    console, progress = Console(as_json=as_json), ConsoleProgress()
    tracked = _tracked_run(model, flags.names(track))
    report = evaluate(model, dataset, out, config=config, overwrite=overwrite, progress=progress)
    if tracked is not None:
        from lineament.tracking.trackers import add_report

        add_report(tracked, out, flags.names(track), progress=progress)
    lines = [f"{out / 'report.html'}: {report.n_right} of {report.n_images} {report.split} photos"]
    for name in LEADING:
        interval = report.headline[name]
        lines.append(
            f"  {name.replace('_', ' '):28} {interval.value:.4f}  "
            f"({interval.level:.0%} interval {interval.low:.4f} to {interval.high:.4f})"
        )
    lines += _sentences(report)
    for warning in report.warnings:
        console.talk(f"note: {warning}")
    console.result(
        {"report": str(out), **report.as_dict()}, "\n".join(lines), following=towards_use(model)
    )


def _sentences(report: "EvaluationReport") -> list[str]:
    """What was found beyond the figures, a sentence each."""
    found: list[str] = []
    if report.inflation is not None:
        found.append(str(report.inflation["sentence"]))
    if report.gap is not None and report.gap.excludes_zero:
        found += report.gap.sentences
    if report.selective is not None and report.selective.points:
        found.append(report.selective.points[-1].sentence)
    if report.unknowns is not None:
        found.append(report.unknowns.sentence)
    for section in (report.slices, report.robustness):
        found += section.sentences[:1] if section else ()
    if report.openings is not None:
        found.append(report.openings.sentence)
    return found


def _tracked_run(model: Path, names: Sequence[str]) -> "Run | None":
    """The run to whose record trackers add; mistakes are found before anything is measured."""
    if not names:
        return None
    from lineament.artifacts.run import Run
    from lineament.tracking.trackers import trackers

    trackers(names)
    if not model.is_dir():
        raise UsageError(
            "`--track` adds to the record of a run, and a bundle is none.",
            fix="Evaluate the run, or leave `--track` out.",
        )
    return Run.open(model)
