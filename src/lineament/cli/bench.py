"""``lineament bench BUNDLE [PHOTO...]``."""

import dataclasses
from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command

HEADER = (
    "engine                          threads   ready   p50     p90     p99 ms    photos/s  (spread)"
    "     decoded"
)


@click.command()
@click.argument("bundle", type=flags.PATH)
@click.argument("paths", type=flags.PATH, nargs=-1, metavar="[PHOTO...]")
@click.option("--seconds", type=float, default=0.5, show_default=True, help="Per figure and round.")
@flags.common
def command(bundle: Path, paths: tuple[Path, ...], seconds: float, as_json: bool) -> None:
    """Measure how fast BUNDLE is on this machine, and say which settings to use.

    Latency of one photo at a time and photos per second, from JPEG or PNG bytes to probabilities,
    for every engine that is installed. `ready` is the time in which an engine opens the graph;
    `decoded` is the rate without decoding. PHOTOs (or folders) of your own make it true for them.
    """
    from lineament.runtime.benching import bench
    from lineament.runtime.sources import photo_files

    photos = photo_files(paths) if paths else []
    found = bench(bundle, photos, seconds=seconds, progress=ConsoleProgress())
    lines = [HEADER]
    for speed in found.speeds:
        p50, p90, p99 = speed.latency_ms
        low, high = speed.spread
        lines.append(
            f"{speed.title:32}{speed.threads:>7}{speed.opening_s:>7.2f}s{p50:>6.1f}{p90:>8.1f}"
            f"{p99:>8.1f}{speed.images_per_s:>13.0f}  ({low:.0f} to {high:.0f})"
            f"{speed.graph_images_per_s:>9.0f}"
        )
    best = found.best
    lines.append(
        f"use --engine {best.engine} --threads {best.threads}: {best.images_per_s:.0f} photos/s "
        f"(measured on {found.photos} photo{'' if found.photos == 1 else 's'} of {found.pixels:,} "
        "pixels)"
    )
    document = {
        "bundle": str(bundle),
        "photos": found.photos,
        "pixels": found.pixels,
        "speeds": [dataclasses.asdict(speed) for speed in found.speeds],
        "best": dataclasses.asdict(best),
    }
    following = next_command(
        "predict", bundle, "PHOTO...", "--engine", best.engine, "--threads", best.threads
    )
    Console(as_json=as_json).result(document, "\n".join(lines), following=following)
