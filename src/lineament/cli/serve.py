"""``lineament serve BUNDLE...``."""

from pathlib import Path

import click

from lineament.cli import flags
from lineament.cli.console import Console, next_command
from lineament.core.config import resolve
from lineament.core.errors import UsageError
from lineament.core.extras import require_all


@click.command()
@click.argument("bundles", type=flags.PATH, nargs=-1, metavar="BUNDLE...")
@click.option("--host", metavar="ADDRESS", help="Where to listen (127.0.0.1).")
@click.option("--port", type=int, metavar="N", help="The port (8000); 0 takes a free one.")
@click.option(
    "--token",
    envvar="LINEAMENT_TOKEN",
    metavar="SECRET",
    help="What every request must bring (better as LINEAMENT_TOKEN, which others do not see).",
)
@click.option("--allow-public", is_flag=True, help="Let other machines ask without a token.")
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="A further name of the service, such as that of a proxy; may be given again.",
)
@click.option("--certificate", metavar="FILE.pem", help="Serve HTTPS with this certificate.")
@click.option("--key", metavar="FILE.pem", help="The certificate's key.")
@click.option("--engine", metavar="auto|onnxruntime|openvino", help="What computes (auto).")
@click.option("--threads", type=int, metavar="N", help="Photos at once (one per core).")
@click.option(
    "--feedback", metavar="FOLDER", help="Keep photos that somebody corrects or collects."
)
@click.option(
    "--messages", type=flags.PATH, metavar="FILE.yaml", help="A sentence per class, for the page."
)
@click.option("--watch", is_flag=True, help="Open a bundle again when its file changes.")
@click.option("--access-log", is_flag=True, help="Tell of each request on stderr.")
@flags.settings
@flags.common
def command(
    bundles: tuple[Path, ...],
    host: str | None,
    port: int | None,
    token: str | None,
    allow_public: bool,
    allow_hosts: tuple[str, ...],
    certificate: str | None,
    key: str | None,
    engine: str | None,
    threads: int | None,
    feedback: str | None,
    messages: Path | None,
    watch: bool,
    access_log: bool,
    sets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Serve BUNDLEs over HTTP, with a page for photos and the camera, until Ctrl-C.

    Only this machine may ask, unless `--host` names an address of the network and `--token` or
    `--allow-public` says who may. SIGHUP opens the files again without dropping a request. Needs no
    torch.
    """
    require_all("serve", purpose="Serving")
    from lineament.serving.config import ServeConfig
    from lineament.serving.server import open_rooms, serve

    if not bundles:
        raise UsageError(
            "No bundle was named.", fix="Name one or more: `lineament serve model.onnx`."
        )
    given = {
        "host": host,
        "port": port,
        "token": token,
        "allow_public": allow_public or None,
        "allow_hosts": allow_hosts or None,
        "certificate": certificate,
        "key": key,
        "engine": engine,
        "threads": threads,
        "feedback": feedback,
    }
    config = resolve(ServeConfig, {}, given, sets=sets)
    console = Console(as_json=as_json)
    rooms = open_rooms(bundles, config, messages=messages)
    for served in rooms.shelf.models:
        console.talk(
            f"{served.name}: {len(served.predictor.classes)} classes, {served.engine.title}"
        )
    serve(rooms, say=console.talk, watch=watch, access_log=access_log)
    following = (
        next_command("prepare", feedback, "--extend", "DATASET", "--out", "GROWN")
        if feedback
        else next_command("card", bundles[0])
    )
    document = {"models": [served.summary for served in rooms.shelf.models]}
    console.result(document, following=following)
