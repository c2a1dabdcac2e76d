"""``lineament predict BUNDLE PATH...``."""

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.errors import DataError, UsageError
from lineament.core.files import require_free, write_text

if TYPE_CHECKING:
    from lineament.cli.answering import Saying

SMOOTH_S = 0.5  # a shaken hand hardly changes the label, and a cut shows a third of a second late
SPOKEN_OF = 64  # photos from which on it is of interest how fast they were answered


@click.command()
@click.argument("model", type=flags.PATH, metavar="BUNDLE")
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("--csv", "csv_file", type=flags.PATH, metavar="FILE", help="Also write a CSV file.")
@click.option("--jsonl", type=flags.PATH, metavar="FILE", help="Also write a JSON object per line.")
@click.option("--parquet", type=flags.PATH, metavar="FILE", help="Also write a Parquet file.")
@click.option(
    "--submission",
    "sample_file",
    type=flags.PATH,
    metavar="SAMPLE",
    help="Write --csv as this sample of a competition has it: its ids, order and columns.",
)
@click.option("--top", type=int, default=1, show_default=True, help="Classes per photo.")
@click.option(
    "--threshold",
    type=float,
    default=0.0,
    metavar="P",
    help='Call an answer less confident than P, from 0 to 1, "unsure".',
)
@click.option("--never-unknown", is_flag=True, help="Answer also what the model does not know.")
@click.option(
    "--activation",
    type=flags.PATH,
    metavar="DIR",
    help="Also write a picture per photo of what spoke for its answer.",
)
@click.option(
    "--backbone",
    type=flags.PATH,
    metavar="BUNDLE",
    help="Lay heads (FILE.head ... in place of BUNDLE) on the backbone of this bundle.",
)
@click.option(
    "--engine", default="auto", metavar="auto|onnxruntime|openvino", help="What computes."
)
@click.option("--threads", type=int, metavar="N", help="Photos at once (one per core).")
@click.option("--video", type=flags.PATH, metavar="FILE", help="Answer each frame of a video.")
@click.option("--camera", type=int, metavar="N", help="Answer camera N until Ctrl-C.")
@click.option(
    "--out-video",
    type=flags.PATH,
    metavar="FILE",
    help="Also write the frames with their answers on them (.mp4, .avi).",
)
@click.option(
    "--smooth",
    "smooth_s",
    type=float,
    metavar="SECONDS",
    help=f"Of frames: smooth answers over so long ({SMOOTH_S:g}; 0 does not).",
)
@click.option("--seconds", type=float, metavar="N", help="Of frames: end after so long.")
@click.option("--resume", is_flag=True, help="Go on with the --csv or --jsonl of an interruption.")
@click.option("--overwrite", is_flag=True, help="Replace the files that are written.")
@flags.common
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    paths: tuple[str, ...],
    csv_file: Path | None,
    jsonl: Path | None,
    parquet: Path | None,
    sample_file: Path | None,
    top: int,
    threshold: float,
    never_unknown: bool,
    activation: Path | None,
    backbone: Path | None,
    engine: str,
    threads: int | None,
    video: Path | None,
    camera: int | None,
    out_video: Path | None,
    smooth_s: float | None,
    seconds: float | None,
    resume: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Answer each PATH with BUNDLE: one row per photo, in order.

    PATH is a photo, a folder (with all in it), a pattern in quotes ('photos/**/*.jpg'), a zip or
    tar archive, or `-` for names on standard input, one per line or each ended by NUL. A photo that
    is too unlike the training photos is answered "unknown", with the class that it is nearest to
    beside it. A file that cannot be read keeps its row, with the reason, and the exit code is then
    3. A run serves as well as a bundle. Needs no torch.

    With `--backbone` the first names are of heads: `predict who.head mood.head --backbone b.onnx
    PATH...` looks at each photo once, and each head answers.

    With `--video` or `--camera` there is no PATH: each frame is a row, and a line tells of each
    change of the label.
    """
    from lineament.cli import answering
    from lineament.cli.asking import open_asked, split_heads
    from lineament.cli.filming import Film, Filming, tell_film
    from lineament.runtime.parquet_rows import ParquetRows
    from lineament.runtime.rows import TextRows
    from lineament.runtime.sources import STDIN, Sources
    from lineament.runtime.submission import (
        check_columns,
        photo_of_each,
        read_sample,
        submission_text,
    )

    if sample_file is not None and csv_file is None:
        raise UsageError("`--submission` needs a file to write.", fix="Add `--csv submission.csv`.")
    if resume and (parquet is not None or sample_file is not None or not (csv_file or jsonl)):
        raise UsageError(
            "`--resume` goes on with rows of `--csv` or `--jsonl`, and with nothing else.",
            fix="Write one of these, and convert it when it is complete.",
        )
    heads, paths = split_heads(model, paths)
    if heads:
        _require_rows(sample_file, activation)
    of_frames = video is not None or camera is not None
    photos_only = {
        "--submission": sample_file,
        "--parquet": parquet,
        "--activation": activation,
        "--resume": resume or None,
    }
    frames_only = {"--out-video": out_video, "--smooth": smooth_s, "--seconds": seconds}
    _require_photos_or_frames(video, camera, paths, photos_only, frames_only)
    if not of_frames:
        sources = Sources(named=paths, listed=_listed() if STDIN in paths else ())
    for flag, file in (("--csv", csv_file), ("--jsonl", jsonl), ("--parquet", parquet)):
        if file is not None:
            require_free(file, overwrite=overwrite, flag=flag)
    if activation is not None:
        require_free(activation, overwrite=overwrite or resume, flag="--activation")
    sample = None if sample_file is None else read_sample(sample_file)
    if out_video is not None:
        require_free(out_video, overwrite=overwrite, flag="--out-video")
    asked = open_asked(model, heads, backbone, engine=engine, threads=threads)
    if sample is not None:
        # Before an hour of photos.
        check_columns(sample, asked.classes[0])
        photo_of_each(sample, list(sources.names()))
    saying = _saying(top, threshold, never_unknown, n_classes=asked.fewest_classes)
    telling = answering.Telling(saying=saying, heads=asked.heads)
    console, progress, pace = Console(as_json=as_json), ConsoleProgress(), answering.Pace()
    # Where stdout is the screen that has the bar, answers go above it and not into it.
    say = progress.note if sys.stdout.isatty() and sys.stderr.isatty() else click.echo
    described = {"bundle": str(backbone or model), **asked.described()}
    if of_frames:
        filming = Filming(
            video=video,
            camera=camera,
            out=out_video,
            smooth_s=SMOOTH_S if smooth_s is None else smooth_s,
            seconds=seconds,
        )
        film = Film(asked, filming, telling, overwrite=overwrite)
        shortfall = tell_film(
            film,
            {"--csv": csv_file, "--jsonl": jsonl},
            described,
            top=top,
            overwrite=overwrite,
            console=console,
            progress=progress,
            say=say,
        )
        _leave(context, console, shortfall)
        return
    count = sources.count()
    title = asked.title(count)
    kept, rows = [], []
    with contextlib.ExitStack() as stack:
        columnar = None
        if parquet is not None:
            columnar = stack.enter_context(
                ParquetRows(parquet, top=top, heads=asked.heads, overwrite=overwrite)
            )
        tables = [
            stack.enter_context(
                TextRows(
                    file,
                    top=top,
                    heads=asked.heads,
                    as_csv=flag == "--csv",
                    depends_on={
                        "model": asked.mark,
                        "engine": title,
                        "top": top,
                        "threshold": threshold,
                        "never_unknown": never_unknown,
                        "activation": activation is not None,
                    },
                    resume=resume,
                    overwrite=overwrite,
                    flag=flag,
                )
            )
            for flag, file in (("--csv", csv_file), ("--jsonl", jsonl))
            if file is not None and not (flag == "--csv" and sample is not None)
        ]
        passed = answering.past(sources, tables, pace)
        if passed:
            console.talk(f"continuing: {passed:,} of {count:,} rows are there")
        found = answering.answers(asked.ask, sources, passed=passed, count=count, progress=progress)
        if activation is not None and asked.predictor is not None:
            found = answering.overlaid(found, asked.predictor, activation, passed=passed)
        pace.begin()
        for said, row in answering.told(found, telling, tables=tables, parquet=columnar):
            pace.count(row)
            if sample is not None:
                kept.append(said[0])
            if as_json:
                rows.append(row)
            else:
                say(telling.line(said))
    if sample is not None and csv_file is not None:
        text, left_out = submission_text(sample, kept, asked.classes[0])
        write_text(csv_file, text, overwrite=overwrite, flag="--csv")
        console.talk(
            f"{csv_file}: the {len(sample.ids):,} ids of {sample_file}"
            + (f"; photos that it does not ask for: {left_out:,}" if left_out else "")
        )
    following = next_command("explain", model, "PHOTO...", "--out", "overlays")
    if heads:
        following = next_command("card", backbone)
    console.result({**described, "predictions": rows}, following=following)
    if pace.photos >= SPOKEN_OF:
        console.talk(pace.line(title))
    if pace.unknown:
        console.talk(
            f"{pace.unknown:,} of {pace.photos:,} photos {'is' if pace.unknown == 1 else 'are'} "
            "unlike the training photos (`--never-unknown` answers them)"
        )
    _leave(context, console, pace.error())


def _leave(context: click.Context, console: Console, error: DataError | None) -> None:
    """End with what is to be said of photos or frames that are not there, if anything is."""
    if error is not None:
        console.talk(f"error: {error}")
        context.exit(error.exit_code)


def _listed() -> list[str]:
    """Names on standard input: one per line, or each with a NUL behind it, as `find -print0`."""
    # Bytes: names of files need not be text.
    given = sys.stdin.buffer.read()
    names = given.split(b"\0") if b"\0" in given else given.replace(b"\r\n", b"\n").split(b"\n")
    return [os.fsdecode(name) for name in names if name]


def _require_photos_or_frames(
    video: Path | None,
    camera: int | None,
    paths: tuple[str, ...],
    photos_only: Mapping[str, object],
    frames_only: Mapping[str, object],
) -> None:
    """Refuse flags that mean nothing together."""
    source = "--video" if video is not None else "--camera"
    if video is not None and camera is not None:
        raise UsageError("`--video` and `--camera` were both given.", fix="Leave one out.")
    if video is None and camera is None:
        named = [flag for flag, value in frames_only.items() if value is not None]
        if named:
            raise UsageError(
                f"`{named[0]}` is for frames, and no video was named.",
                fix="Add `--video FILE` or `--camera 0`.",
            )
        return
    if paths:
        raise UsageError(
            f"`{source}` was given, and {paths[0]} as well.",
            fix=f"Answer photos without `{source}`.",
        )
    named = [flag for flag, value in photos_only.items() if value is not None]
    if named:
        raise UsageError(
            f"`{named[0]}` is for photos, and `{source}` was given.",
            fix="Write rows with `--csv` or `--jsonl`, and pictures with `--out-video`.",
        )


def _require_rows(sample: Path | None, activation: Path | None) -> None:
    """Refuse what a head alone cannot give."""
    if activation is not None:
        raise UsageError(
            "`--activation` needs a bundle: a head alone does not see where in a photo.",
            fix="Name the run's bundle in place of its head.",
        )
    if sample is not None:
        raise UsageError(
            "`--submission` is answered by one bundle, and heads were named.",
            fix="Name the run's bundle in place of its head.",
        )


def _saying(top: int, threshold: float, never_unknown: bool, *, n_classes: int) -> "Saying":
    from lineament.cli.answering import Saying

    if not 1 <= top <= n_classes:
        raise UsageError(
            f"`--top` must be from 1 to {n_classes}, the number of classes, got {top}.",
            fix="Leave it out for the most probable class alone.",
        )
    if not 0 <= threshold <= 1:
        raise UsageError(
            f"`--threshold` must be from 0 to 1, got {threshold:g}.",
            fix="Leave it out to answer however unsure the model is.",
        )
    return Saying(top=top, threshold=threshold, never_unknown=never_unknown)
