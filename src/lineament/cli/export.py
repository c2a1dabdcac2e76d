"""``lineament export RUN --out model.onnx``."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, ConsoleProgress, next_command
from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.core.extras import require_all
from lineament.core.files import require_free

if TYPE_CHECKING:
    from lineament.artifacts.bundle import BundleCard

SHOWN_DIGITS = 12  # of a hash: enough to see that two are not one


@click.command()
@click.argument("run", type=flags.PATH, metavar="RUN|BUNDLE")
@click.option(
    "--out",
    type=flags.PATH,
    metavar="FILE.onnx",
    help="The bundle; FILE.pt for TorchScript, FILE.head for a head.",
)
@click.option(
    "--web",
    type=flags.PATH,
    metavar="DIR",
    help="Also write a page that runs the bundle in the browser; a BUNDLE needs no --out.",
)
@click.option("--overwrite", is_flag=True, help="Replace what stands at --out and --web.")
@click.option("--format", "kind", metavar="onnx|torchscript", help="What is written (onnx).")
@click.option("--precision", metavar="fp32|bf16|int8", help="The arithmetic (fp32).")
@click.option(
    "--max-drop",
    type=float,
    metavar="POINTS",
    help="Validation accuracy that a precision may cost (0.5).",
)
@click.option("--dataset", metavar="DATASET", help="Where the run's dataset is now.")
@click.option(
    "--report",
    metavar="REPORT",
    help="What `evaluate` wrote of the run; the bundle then states how good it is.",
)
@click.option(
    "--golden",
    multiple=True,
    metavar="PHOTO",
    help="Prove engines on this photo too; it travels in the bundle.",
)
@click.option(
    "--messages", metavar="FILE.yaml", help="A sentence per class, for pages with a camera."
)
@click.option("--head-only", is_flag=True, help="Write the head, to be laid on a bundle.")
@click.option(
    "--without-unknown",
    is_flag=True,
    help='Of a head: leave out the megabytes that say when a photo is "unknown".',
)
@flags.settings
@flags.common
def command(
    run: Path,
    out: Path | None,
    web: Path | None,
    overwrite: bool,
    kind: str | None,
    precision: str | None,
    max_drop: float | None,
    dataset: str | None,
    report: str | None,
    golden: tuple[str, ...],
    messages: str | None,
    head_only: bool,
    without_unknown: bool,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Pack RUN into one ONNX file, from pixels of any size to calibrated probabilities.

    Refuses when an engine and PyTorch differ by more than 0.001 in any probability on the golden
    photos, which then travel in the file with their answers. A precision other than fp32 is
    measured on the validation split, and refused when it costs too much.

    A head alone (`--head-only`) answers on any bundle with the same frozen backbone, and is refused
    by every other. `export BUNDLE --web DIR` makes a folder for any web server, in which the bundle
    answers photos and the camera inside the browser; nothing is uploaded.
    """
    console = Console(as_json=as_json)
    given: dict[str, object] = {
        "format": kind,
        "precision": precision,
        "max_drop": max_drop,
        "dataset": dataset,
        "report": report,
        "golden": golden or None,
        "messages": messages,
    }
    if web is not None and run.is_file():
        given.update(
            {
                "--set": sets or None,
                "--out": out,
                "--head-only": head_only or None,
                "--without-unknown": without_unknown or None,
            }
        )
        _require_bundle_alone(given)
        document, line = _site(run, web, overwrite=overwrite)
        console.result(document, line, following=_served(web))
        return
    if out is None:
        raise UsageError("Missing option '--out'.", fix="See `lineament export --help`.")
    require_all("train", purpose="Export")
    from lineament.exporting.config import ExportConfig
    from lineament.exporting.export import export

    if head_only or without_unknown:
        given.update({"--set": sets or None, "--web": web})
        _require_head(head_only, given)
        _head(run, out, with_unknown=not without_unknown, overwrite=overwrite, console=console)
        return
    config = resolve(ExportConfig, {}, given, sets=sets)
    if web is not None:
        from lineament.workflow.web_exporting import MARKER

        _require_onnx(out)
        require_free(web, overwrite=overwrite, marker=MARKER, flag="--web")
    card = export(run, out, config=config, overwrite=overwrite, progress=ConsoleProgress())
    document = {
        "bundle": str(out),
        "size_bytes": out.stat().st_size,
        "classes": list(card.classes),
        "parity": dict(card.parity),
        "precision": card.as_dict()["precision"],
        "provenance": dict(card.provenance),
    }
    lines = [f"{out}: {len(card.classes)} classes, {out.stat().st_size / 1e6:.1f} MB"]
    lines += [_parity_line(card), *_precision_lines(card)]
    is_bundle = out.suffix == ".onnx"
    following = next_command("predict", out, "PHOTO...") if is_bundle else "load it with libtorch"
    if web is not None:
        site, line = _site(out, web, overwrite=overwrite)
        document["web"], following = site, _served(web)
        lines.append(line)
    console.result(document, "\n".join(lines), following=following)


def _require_bundle_alone(given: Mapping[str, object]) -> None:
    """Refuse what is chosen when a run is packed."""
    flag = _first_given(given)
    if flag is not None:
        raise UsageError(
            f"`{flag}` is for a run; a bundle is put on the page as it is.",
            fix=f"Leave `{flag}` out, or name the run.",
        )


def _first_given(given: Mapping[str, object]) -> str | None:
    """The first flag with a value, as it is typed."""
    for name, value in given.items():
        if value is not None:
            return f"--{name.lstrip('-').replace('_', '-')}"
    return None


def _require_onnx(out: Path) -> None:
    if out.suffix != ".onnx":
        raise UsageError(
            f"A browser runs a bundle, and {out} is to be something else.",
            fix="Name `--out model.onnx`, or leave out `--web`.",
        )


def _site(bundle: Path, web: Path, *, overwrite: bool) -> tuple[dict[str, object], str]:
    from lineament.workflow.web_exporting import export_site

    made = export_site(bundle, web, overwrite=overwrite, progress=ConsoleProgress())
    document = {"web": str(web), "size_bytes": made.size_bytes, "runtime": made.runtime}
    line = f"{web}: a page with the model, {made.size_bytes / 1e6:.1f} MB"
    if made.is_slow:
        line += "; int8 is slower than fp32 in a browser"
    return document, line


def _served(web: Path) -> str:
    return f"python3 -m http.server --bind 127.0.0.1 --directory {shlex.quote(str(web))}"


def _require_head(head_only: bool, given: Mapping[str, object]) -> None:
    if not head_only:
        raise UsageError(
            "`--without-unknown` is for a head alone; a bundle ships what was tested.",
            fix="Add `--head-only`, or let `predict --never-unknown` answer every photo.",
        )
    flag = _first_given(given)
    if flag is not None:
        raise UsageError(
            f"`{flag}` is for a bundle; a head alone is written as it was trained.",
            fix=f"Leave `{flag}` out, or choose it for the bundle that the head is laid on.",
        )


def _head(run: Path, out: Path, *, with_unknown: bool, overwrite: bool, console: Console) -> None:
    from lineament.exporting.heads import export_head

    card = export_head(
        run, out, with_unknown=with_unknown, overwrite=overwrite, progress=ConsoleProgress()
    )
    document = {
        "head": str(out),
        "size_bytes": out.stat().st_size,
        "classes": list(card.classes),
        "backbone_sha256": card.backbone_sha256,
        "parity": dict(card.parity),
        "provenance": dict(card.provenance),
    }
    line = (
        f"{out}: {len(card.classes)} classes, {out.stat().st_size / 1e3:,.0f} kB; a head of the "
        f"backbone with sha256 {card.backbone_sha256[:SHOWN_DIGITS]}"
    )
    following = next_command("predict", out, "--backbone", "BUNDLE", "PHOTO...")
    console.result(document, line, following=following)


def _parity_line(card: "BundleCard") -> str:
    engines = card.parity["engines"]
    assert isinstance(engines, dict)  # made by `certified`
    found = ", ".join(
        f"{title} {stated['largest_difference']:.1e}" for title, stated in engines.items()
    )
    return (
        f"largest difference from {card.parity['against']} in a probability on {len(card.golden)} "
        f"golden photos: {found}"
    )


def _precision_lines(card: "BundleCard") -> list[str]:
    found = card.precision
    if found is None:
        return []
    n_kept = len(found.kept)
    stay = "layer stays" if n_kept == 1 else "layers stay"
    kept = f"; {n_kept} {stay} in float32" if n_kept else ""
    return [
        f"{found.arithmetic} on {found.photos:,} validation photos ({found.engine}): accuracy "
        f"{100 * found.accuracy:.2f} % (float32: {100 * found.exact_accuracy:.2f} %), same answer "
        f"for {100 * found.agreement:.2f} %, calibration error "
        f"{100 * found.calibration_error:.1f} % "
        f"(float32: {100 * found.exact_calibration_error:.1f} %){kept}"
    ]
