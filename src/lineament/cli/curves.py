"""``lineament curves RUN... --out FILE.html``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, next_command
from lineament.core.extras import require_all

if TYPE_CHECKING:
    from lineament.artifacts.run import Run


@click.command()
@click.argument("runs", metavar="RUN...", type=flags.PATH, nargs=-1, required=True)
@flags.writes("FILE", "The page, an HTML file.")
@flags.common
def command(runs: tuple[Path, ...], out: Path, overwrite: bool, as_json: bool) -> None:
    """Draw how RUN was trained, or lay the curves of several RUNs over each other.

    Of one run: loss, accuracy and rate over the epochs, and the values of its layers. Of several:
    their validation curves, what each reached, and what differs between them. One page, readable
    without a network.
    """
    require_all("report", purpose="Drawing curves")
    from lineament.reporting.training_page import curves
    from lineament.reporting.trainings import kept_words, ranked

    trainings = curves(runs, out, overwrite=overwrite)
    lines = [f"{out}: {len(trainings)} training{'s' * (len(trainings) > 1)}"]
    for each in ranked(trainings):
        loss = "none" if each.loss is None else f"{each.loss:.4f}"
        words = f"  {each.name}: validation loss {loss}"
        if each.accuracy is not None:
            words += (
                f", accuracy {each.accuracy.value:.4f} "
                f"({each.accuracy.low:.4f} to {each.accuracy.high:.4f})"
            )
        lines.append(f"{words}; kept {kept_words(each)}")
    best = ranked(trainings)[0].run
    Console(as_json=as_json).result(
        {"page": str(out), "runs": [each.as_dict() for each in trainings]},
        "\n".join(lines),
        following=next_command(
            *("evaluate", best.root, _dataset(best), "--out", best.root.parent / "report")
        ),
    )


def _dataset(run: "Run") -> Path:
    """Where a run's dataset still lies, as one would type it."""
    path = Path(str(run.card.dataset.get("path") or "DATASET"))
    if not path.is_dir():
        return Path("DATASET")
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
