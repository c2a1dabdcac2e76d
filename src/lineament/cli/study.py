"""``lineament study STUDY.yaml|DATASET --out DIR``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.errors import DataError, UsageError
from lineament.core.extras import require_all

if TYPE_CHECKING:
    from lineament.artifacts.study import Study
    from lineament.workflow.studies.configuration import StudyConfig

SUFFIXES = (".yaml", ".yml")


@click.command()
@click.argument("target", type=flags.PATH, metavar="STUDY.yaml|DATASET")
@flags.writes("DIR", "The study's folder.")
@click.option("--backbones", metavar="NAMES", help="Networks, with commas.")
@click.option("--weights", metavar="KINDS", help="packaged, hub, file:PATH; none is from scratch.")
@click.option("--modes", metavar="MODES", help="head, finetune, scratch, with commas.")
@click.option("--recipes", metavar="NAMES|FILES", help="What is laid under the runs (default).")
@click.option("--seeds", type=int, metavar="N", help="How many seeds of each (1).")
@click.option("--time-budget", metavar="20m", help="Of each run that trains layers.")
@flags.settings
@click.option("--plan", is_flag=True, help="Say what would run and for how long, and end.")
@click.option("--resume", is_flag=True, help="Go on with the study at --out; runs may be added.")
@click.option("--retry-broken", is_flag=True, help="With --resume: try broken runs again.")
@flags.common
@click.pass_context
def command(
    context: click.Context,
    target: Path,
    out: Path,
    overwrite: bool,
    backbones: str | None,
    weights: str | None,
    modes: str | None,
    recipes: str | None,
    seeds: int | None,
    time_budget: str | None,
    sets: tuple[str, ...],
    plan: bool,
    resume: bool,
    retry_broken: bool,
    as_json: bool,
) -> None:
    """Compare many trainings: those of a study file, or all combinations that flags stand for.

    Every run is trained and judged in a process apart, and stands below DIR/runs. One seed of
    everything comes first, what takes least before what takes more. What breaks keeps its row, with
    the reason, and the exit code is then 3. Validation chooses the winner; test only reports.
    """
    require_all("train", purpose="A study")
    if retry_broken and not resume:
        raise UsageError(
            "`--retry-broken` is for a study that goes on.", fix="Add `--resume`, or leave it out."
        )
    given = {
        "--backbones": backbones,
        "--weights": weights,
        "--modes": modes,
        "--recipes": recipes,
        "--seeds": seeds,
        "--time-budget": time_budget,
    }
    words = [word for flag, value in given.items() if value is not None for word in (flag, value)]
    words += [word for text in sets for word in ("--set", text)]
    idle = list(dict.fromkeys(str(word) for word in words[::2]))
    if target.suffix.lower() in SUFFIXES:
        if idle:
            raise UsageError(
                f"A study file says all that is compared, but {', '.join(idle)} "
                f"{'was' if len(idle) == 1 else 'were'} given.",
                fix="Write it into the file, or name a dataset instead of the file.",
            )
        from lineament.workflow.studies.reading import read_study

        config = read_study(target)
    else:
        from lineament.workflow.studies.configuration import from_flags

        config = from_flags(
            target,
            backbones=flags.names(backbones),
            weights=flags.names(weights),
            modes=flags.names(modes),
            recipes=flags.names(recipes),
            seeds=1 if seeds is None else seeds,
            time_budget=time_budget,
            sets=sets,
        )
    console = Console(as_json=as_json)
    if plan:
        _plan(config, out, console, following=next_command("study", target, "--out", out, *words))
        return
    from lineament.workflow.studies.study import study
    from lineament.workflow.studies.telling import study_text

    found = study(
        config,
        out,
        overwrite=overwrite,
        resume=resume,
        retry_broken=retry_broken,
        progress=ConsoleProgress(),
    )
    console.result(
        {"study": str(out), **found.as_dict()}, study_text(found), following=_following(found)
    )
    if found.broken:
        error = DataError(
            f"{len(found.broken)} of {len(found.rows)} runs broke; their rows say why.",
            at=[f"{found.log_path(row)} ({row.reason})" for row in found.broken],
            fix="Mend what broke them, and go on with `--resume --retry-broken`.",
        )
        console.talk(f"error: {error}")
        context.exit(error.exit_code)


def _plan(config: "StudyConfig", out: Path, console: Console, *, following: str) -> None:
    """Say what would run; the plan goes to stdout, as it is what was asked for."""
    from lineament.workflow.studies.plan import in_order
    from lineament.workflow.studies.study import foreseen
    from lineament.workflow.studies.telling import plan_text, search_text

    found = foreseen(config, out, progress=ConsoleProgress())
    rows = in_order(found.rows)
    lines = [plan_text(rows)] if rows else []
    lines += [search_text(config.search)] if config.search else []
    console.result(
        {
            "runs": [
                {"name": row.name, "dataset": row.dataset, "estimate_s": row.estimate_s}
                for row in rows
            ],
            "estimate_s": sum(row.estimate_s or 0.0 for row in rows),
            "search": config.search,
        },
        "\n".join(lines),
        following=following,
    )


def _following(found: "Study") -> str:
    """Export what won; where nothing did, look at the runs."""
    best = [line.best for line in found.winning.values()]
    if not best or best[0] is None:
        return next_command("runs", found.root)
    return next_command(
        "export", found.run_path(best[0]), "--out", found.root / f"{best[0].name}.onnx"
    )
