"""``lineament report RUN|STUDY|COMPARISON --out DIR``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, towards_use
from lineament.core.config import resolve
from lineament.core.extras import require_all


@click.command()
@click.argument("source", type=flags.PATH, metavar="RUN|STUDY|COMPARISON")
@flags.writes("DIR", "The report's folder.")
@click.option("--data", type=flags.PATH, metavar="DATASET", help="The dataset, if it has moved.")
@click.option(
    "--evaluation", type=flags.PATH, metavar="REPORT", help="Of a run: what `evaluate` wrote of it."
)
@click.option("--description", metavar="TEXT", help="What it is for, in your words.")
@click.option("--explain/--no-explain", default=None, help="Show where the model looks, or do not.")
@click.option(
    "--robustness", type=int, metavar="N", help="Spoil N photos on purpose, each in 40 ways."
)
@click.option(
    "--inflation", is_flag=True, default=None, help="Say what a random split would have claimed."
)
@click.option("--unknown", metavar="DIR", help="Photos that show none of the classes.")
@click.option("--sanity", type=int, metavar="N", help="Make weights random for N photos.")
@flags.seed
@flags.settings
@flags.common
def command(
    source: Path,
    out: Path,
    overwrite: bool,
    data: Path | None,
    evaluation: Path | None,
    description: str | None,
    explain: bool | None,
    robustness: int | None,
    inflation: bool | None,
    unknown: str | None,
    sanity: int | None,
    seed: int | None,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Tell the whole story of a RUN, a STUDY or a COMPARISON on one page.

    The data and what was left out, leaks, the recipe, curves, test figures, calibration, slices,
    mistakes, where the model looks, comparison and cost, how to make it again, and a model card.
    Writes report.html, which needs no other file, and report.json, which has every figure.
    """
    require_all("report", purpose="A report")
    from lineament.workflow.recounting import ReportConfig, report

    given = {
        "description": description,
        "explain": explain,
        "robustness": robustness,
        "inflation": inflation,
        "unknown": unknown,
        "sanity": sanity,
        "seed": seed,
    }
    config = resolve(ReportConfig, {}, given, sets=sets)
    document = report(
        source,
        out,
        data=data,
        evaluation=evaluation,
        config=config,
        overwrite=overwrite,
        progress=ConsoleProgress(),
    )
    size_mb = (out / "report.html").stat().st_size / 1e6
    lines = [f"{out / 'report.html'}: {document['title']}, {size_mb:.1f} MB"]
    parts = document["parts"]
    assert isinstance(parts, Sequence)
    for part in parts:
        lines += _answers(part, several=len(parts) > 1)
    console = Console(as_json=as_json)
    told = Path(str(parts[0]["run"]["run"]))
    console.result(
        {"out": str(out), **document},
        "\n".join(lines),
        following=towards_use(told),
    )


def _answers(part: Mapping[str, object], *, several: bool) -> list[str]:
    """The answers of the summary, a line each."""
    answers = part["summary"]
    assert isinstance(answers, Mapping)
    lines = [f"{part['name']}:"] if several else []
    return lines + [f"  {question} {answer}" for question, answer in answers.items()]
