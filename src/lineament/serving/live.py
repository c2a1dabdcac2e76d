"""Live: the frames of a camera over a websocket, each answered before the next one is sent."""

import asyncio
import json
import math
import time

from starlette.websockets import WebSocket, WebSocketDisconnect

from lineament.core.errors import DataError, LineamentError, UsageError
from lineament.runtime.predictor import Looked
from lineament.runtime.smoothing import Smoother
from lineament.serving.desk import Desk, said, said_map
from lineament.serving.guards import SUBPROTOCOL
from lineament.serving.metrics import Metrics
from lineament.serving.problems import problem
from lineament.serving.shelf import Served, Shelf
from lineament.serving.uploads import Upload

SMOOTH_S = 0.5  # a shaken hand hardly changes the label, and a cut shows a third of a second late
IDLE_S = 60.0  # a page that is hidden ends its connection itself
POLICY, TRY_LATER = 1008, 1013  # codes of RFC 6455


async def live(socket: WebSocket, *, shelf: Shelf, desk: Desk, metrics: Metrics) -> None:
    """Answer frames until the camera ends."""
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    metrics.camera(1)
    try:
        await _frames(socket, shelf, desk)
    except LineamentError as error:
        await _tell(socket, {"number": 0, "problem": problem(error)})
        await socket.close(POLICY)
    except TimeoutError:
        await socket.close(TRY_LATER, f"no frame for {IDLE_S:g} s")
    except WebSocketDisconnect:
        pass
    finally:
        metrics.camera(-1)


async def _frames(socket: WebSocket, shelf: Shelf, desk: Desk) -> None:
    asked = socket.query_params
    served = shelf.find(asked.get("model"))
    with_map = asked.get("map", "0") == "1"
    smoother = Smoother(
        seconds=_seconds(asked.get("smooth_s")),
        unknown_threshold=served.predictor.unknown_threshold,
    )
    number = 0
    while True:
        async with asyncio.timeout(IDLE_S):
            message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        frame = message.get("bytes")
        if frame is None:
            raise UsageError("A frame is not bytes.", fix="Send each frame as the bytes of a JPEG.")
        try:
            reply = await _reply(desk, served, frame, smoother, with_map=with_map)
        except LineamentError as error:  # this frame's; the next one may be answered
            reply = {"problem": problem(error)}
        await _tell(socket, {"number": number, **reply})
        number += 1


async def _reply(
    desk: Desk, served: Served, frame: bytes, smoother: Smoother, *, with_map: bool
) -> dict[str, object]:
    photo = Upload(name="", data=frame)
    if with_map:
        looked = await desk.look(served, photo)
    else:
        looked = Looked((await desk.answers(served, [photo]))[0])
    if looked.answer.error:
        raise DataError("The frame cannot be read.", at=[looked.answer.error], fix="Send a JPEG.")
    smooth = smoother.smoothed(looked.answer, at=time.monotonic())
    shown = looked._replace(answer=smooth)
    return {"answer": said(served, smooth), "map": said_map(served, shown)}


async def _tell(socket: WebSocket, document: dict[str, object]) -> None:
    await socket.send_text(json.dumps(document, ensure_ascii=False, allow_nan=False))


def _seconds(text: str | None) -> float:
    if text is None:
        return SMOOTH_S
    try:
        return float(text)
    except ValueError:
        return math.nan  # which the smoother refuses
