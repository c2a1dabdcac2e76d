"""Web exporting: the page as a folder whose model runs in the browser that opens it.

Nothing of a photo leaves the browser, and the folder asks no other machine.
"""

import dataclasses
import shutil
from pathlib import Path

from lineament.artifacts.bundle import read_bundle
from lineament.artifacts.precision import INT8
from lineament.core.errors import UsageError
from lineament.core.files import atomic_folder, json_text, require_free
from lineament.core.progress import QUIET, Progress
from lineament.exporting.web_runtime import LICENCE, WebRuntime, web_runtime
from lineament.serving.page_files import INDEX, page_files

MARKER = "card.json"
MODEL = "model.onnx"
ANSWERER, ANSWERED_INSIDE = "answerer.js", b'export { open } from "./inside.js";\n'
# What the service sends as a header stands in the page itself: whoever serves the folder need not
# know of it.
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self'; "
    "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
HEAD = b'<meta charset="utf-8">\n'
META = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'.encode()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Site:
    """A folder that was written.

    Attributes:
        root: Where.
        size_bytes: Of all its files.
        runtime: Where ONNX Runtime for browsers came from.
        is_slow: Whether the bundle's arithmetic is slower in a browser than float32.
    """

    root: Path
    size_bytes: int
    runtime: str
    is_slow: bool


def export_site(
    bundle: Path,
    out: Path,
    *,
    overwrite: bool = False,
    runtime: WebRuntime | None = None,
    progress: Progress = QUIET,
) -> Site:
    """Write the page with a bundle that runs in the browser.

    Args:
        bundle: The bundle; it is copied byte for byte.
        out: The folder: any server of files can serve it.
        overwrite: Replace what stands there.
        runtime: ONNX Runtime for browsers; ``None`` gets it.
        progress: Who listens.

    Raises:
        ArtifactError: The bundle is absent or damaged, the runtime cannot be had, or ``out`` is in
            the way.
        UsageError: ``bundle`` is no bundle but a run.
    """
    if bundle.is_dir():
        raise UsageError(
            f"{bundle} is a run, and a browser runs a bundle.",
            fix=f"Export it first: `lineament export {bundle} --out model.onnx --web {out}`.",
        )
    require_free(out, overwrite=overwrite, marker=MARKER, flag="--web")
    _, card = read_bundle(bundle)
    found = runtime or web_runtime(progress=progress)
    pages = page_files()
    index = pages.pop(INDEX)
    pages[ANSWERER] = ANSWERED_INSIDE
    with atomic_folder(out, overwrite=overwrite, marker=MARKER) as partial:
        for name, data in pages.items():
            _write(partial / "page" / name, data)
        for name, data in found.files.items():
            _write(partial / "ort" / name, data)
        _write(partial / INDEX, index.replace(HEAD, HEAD + META, 1))
        shutil.copyfile(bundle, partial / MODEL)
        _write(partial / "golden.json", json_text({"golden": card.as_dict()["golden"]}).encode())
        _write(partial / "THIRD_PARTY.md", LICENCE.encode())
        stated = {
            **card.without_photos(),
            "name": bundle.stem,
            "allowed_difference": card.allowed_difference,
        }
        _write(partial / MARKER, json_text(stated).encode())
        size = sum(each.stat().st_size for each in partial.rglob("*") if each.is_file())
    return Site(root=out, size_bytes=size, runtime=found.source, is_slow=card.arithmetic == INT8)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
