"""The application: finds the verb, and turns whatever ends it into text and an exit code."""

import errno
import importlib
import io
import json
import os
import sys
import warnings
from collections.abc import Sequence

import click

from lineament.core.errors import ArtifactError, LineamentError, UsageError
from lineament.core.suggest import did_you_mean
from lineament.core.version import __version__

INTERRUPTED = 130  # what shells give for Ctrl-C

# In the order of the work. The sentence stands here so that `--help` imports no verb.
VERBS = {
    "prepare": "Turn a folder of class folders into a checked, split dataset.",
    "audit": "Find what is wrong or suspicious in photos, before or after.",
    "faces": "Show the faces of photos: where, how sure, how sharp.",
    "recipe": "List, show and preview recipes of training.",
    "train": "Train a classifier on a dataset.",
    "curves": "Draw how trainings went, on one page.",
    "study": "Compare many trainings, and search for good settings.",
    "runs": "List, sort and filter runs.",
    "evaluate": "Measure a run or bundle on photos it has not seen.",
    "compare": "Say which of several models is better, and whether that can be told.",
    "explain": "Show where a model looks.",
    "report": "Tell the whole story of a run, study or comparison on one page.",
    "export": "Pack a run into one file that runs anywhere.",
    "card": "Say what a bundle is, how good, and under which licence.",
    "verify": "Prove a bundle on this machine.",
    "bench": "Measure a bundle's speed on this machine, and say which settings to use.",
    "predict": "Answer photos with a bundle.",
    "serve": "Answer over HTTP, and show a page for photos and the camera.",
    "extend": "Add classes to a head, from some twenty photos each.",
    "doctor": "Say what is installed and what this machine can do.",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            raise UsageError(
                f"There is no verb `{cmd_name}`.{did_you_mean(cmd_name, VERBS)}",
                fix=f"The verbs are {', '.join(VERBS)}.",
            )
        module = importlib.import_module(f"lineament.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs, in the order of the work"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="VERB TARGET [FLAGS]",
)
@click.version_option(__version__, prog_name="lineament", message="%(prog)s %(version)s")
def application() -> None:
    """From a folder of labelled photos to a classifier that can be trusted and shipped."""


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: Verb, targets and flags, without the program's name.

    Returns:
        The exit code, as `lineament.core.errors` draws it; 130 when interrupted.
    """
    _spell_out_odd_letters()
    # A decoder's remark on a damaged file says nothing that the error about that file does not.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        return _invoke(arguments)
    except LineamentError as error:
        return _failed(error, as_json="--json" in arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else str(error))
        return 0
    except click.ClickException as error:
        return _failed(_in_house_style(error), as_json="--json" in arguments)
    except (click.Abort, KeyboardInterrupt):
        said = "nothing was left half written."
        if "prepare" in arguments[:1]:
            said = "the same command continues where it stopped."
        elif (
            "predict" in arguments[:1]
            and {"--csv", "--jsonl"} & set(arguments)
            and "--video" not in arguments  # frames are answered anew
        ):
            said = "the same command with `--resume` continues where it stopped."
        click.echo(f"interrupted; {said}", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()  # the reader (`head`) has what it wanted
        return 0
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        _abandon_stdout()
        return _failed(
            ArtifactError(
                f"The output could not be written: {os.strerror(error.errno)}.",
                fix="Give it space, or send it elsewhere.",
            ),
            as_json=False,
        )


def _invoke(arguments: Sequence[str]) -> int:
    """Run without click's own handling of errors, which says and returns other things."""
    try:
        with application.make_context("lineament", list(arguments)) as context:
            application.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    finally:
        sys.stdout.flush()
    return 0


def _spell_out_odd_letters() -> None:
    """Let a name that the terminal's encoding lacks cost its letters, not the answer."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _abandon_stdout() -> None:
    """Keep Python from failing once more when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(error: LineamentError, *, as_json: bool) -> int:
    click.echo(f"error: {error}", err=True)
    if as_json:
        click.echo(json.dumps(error.as_dict(), indent=2, ensure_ascii=False))
    return error.exit_code


def _in_house_style(error: click.ClickException) -> UsageError:
    """Say what click found wrong as every other error is said."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "lineament"
    fix = f"See `{command} --help`."
    if isinstance(error, click.NoSuchOption):
        flags = [name for each in context.command.params for name in each.opts] if context else []
        hint = did_you_mean(error.option_name, flags)
        return UsageError(f"`{command}` has no flag `{error.option_name}`.{hint}", fix=fix)
    text = error.format_message()
    return UsageError(text if text.endswith(".") else f"{text}.", fix=fix)
