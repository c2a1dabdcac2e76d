"""``lineament doctor``."""

import importlib.util
import os

import click

from lineament.cli import flags
from lineament.cli.console import Console
from lineament.core.cache import clear, readable, size_bytes
from lineament.core.extras import DISTRIBUTIONS, MODULES_BY_EXTRA, missing_modules
from lineament.core.files import cache_folder
from lineament.core.machine import machine, versions

ENGINES = ("onnxruntime", "openvino", "torch")


@click.command()
@click.option(
    "--clear-cache",
    is_flag=True,
    help="Remove from the cache what can be made again, unless a training has it open.",
)
@flags.common
def command(clear_cache: bool, as_json: bool) -> None:
    """Say which versions and extras are installed, what the processor can do, where caches are."""
    extras = {extra: _missing(extra) for extra in MODULES_BY_EXTRA}
    engines = [name for name in ENGINES if importlib.util.find_spec(name) is not None]
    cache = cache_folder()
    removed = clear(cache) if clear_cache else 0
    cached = size_bytes(cache)
    document: dict[str, object] = {
        "versions": versions(),
        "extras": {
            extra: {"installed": not missing, "missing": missing}
            for extra, missing in extras.items()
        },
        "engines": engines,
        "machine": machine(),
        "cache": {
            "path": str(cache),
            "exists": cache.is_dir(),
            "size_bytes": cached,
            "removed_bytes": removed,
        },
        "threads": {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")},
    }
    lines = [f"{name:14} {version}" for name, version in versions().items()]
    for extra, missing in extras.items():
        state = "installed" if not missing else f"missing {', '.join(missing)}"
        lines.append(f"extra {extra:8} {state}")
    lines.append(f"engines        {', '.join(engines)}")
    for name, value in machine().items():
        shown = ", ".join(value) if isinstance(value, list) else value
        lines.append(f"{name.replace('_', ' '):14} {shown}")
    gone = f"; {readable(removed)} removed" if clear_cache else ""
    lines.append(f"cache          {cache} ({readable(cached)}{gone})")
    absent = [extra for extra in ("train", "report") if extras[extra]]  # what most people miss
    following = (
        f"pip install 'lineament[{absent[0]}]'"
        if absent
        else "lineament prepare SOURCE --out dataset"
    )
    Console(as_json=as_json).result(document, "\n".join(lines), following=following)


def _missing(extra: str) -> list[str]:
    return [DISTRIBUTIONS.get(module, module) for module in missing_modules(extra)]
