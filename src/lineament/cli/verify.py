"""``lineament verify BUNDLE``."""

from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, next_command
from lineament.core.errors import GateError


@click.command()
@click.argument("bundle", type=flags.PATH)
@flags.common
def command(bundle: Path, as_json: bool) -> None:
    """Prove BUNDLE on this machine: golden photos through every engine that is installed.

    They travel in the file with the answers that they had at its export. An engine that answers
    otherwise is named, and the exit code is then 6. Needs no torch.
    """
    from lineament.runtime.verifying import verify

    found = verify(bundle)
    mark = found.card.content_sha256
    lines = [
        f"{bundle}: the graph that was exported (sha256 {mark[:16]}...)"
        if mark
        else f"{bundle}: exported before bundles stated the hash of their graph"
    ]
    lines += [
        f"{proof.engine}: largest difference {proof.largest:.1e} in a probability, "
        f"{proof.allowed:g} allowed ({len(proof.differences)} golden photos)"
        for proof in found.proofs
    ]
    lines += list(found.refused)
    document = {
        "bundle": str(bundle),
        "passed": found.passed,
        "content_sha256": mark,
        "engines": {
            proof.engine: {**proof.as_dict(), "allowed": proof.allowed} for proof in found.proofs
        },
        "refused": list(found.refused),
    }
    console = Console(as_json=as_json)
    console.result(
        document, "\n".join(lines), following=next_command("predict", bundle, "PHOTO...")
    )
    wrong = [f"{photo} by {proof.engine}" for proof in found.proofs for photo in proof.wrong]
    if wrong:
        error = GateError(
            f"{bundle} is not answered here as it was at its export.",
            at=wrong,
            fix="Run it on an engine that is not named, or on another version of the one that is.",
        )
        console.talk(f"error: {error}")
        click.get_current_context().exit(error.exit_code)
