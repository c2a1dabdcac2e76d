"""Serve: a real process on a real socket, with clients that are good, slow, rude or gone."""

import base64
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from lineament.serving.connection import HEADERS_S
from serving_process import Serving, services

Result = subprocess.CompletedProcess[str]
TOKEN = "a-secret-of-32-characters-length"
ONE_ENGINE = ("--engine", "onnxruntime")  # the same answer in every process, to the last digit


@pytest.fixture(scope="session")
def start(
    program: Path, surroundings: dict[str, str], chain: Path
) -> Iterator[Callable[..., Serving]]:
    with services(program, surroundings, chain) as start:
        yield start


@pytest.fixture(scope="session")
def serving(start: Callable[..., Serving]) -> Serving:
    """A service with the settings of a first run; not to be stopped."""
    return start("model.onnx", *ONE_ENGINE)


@pytest.fixture
def photo(chain: Path) -> bytes:
    return (chain / "photos/disc/000.jpg").read_bytes()


def camera(
    serving: Serving, *protocols: str, query: str = "", origin: str | None = None
) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{serving.port}/v1/live{query}",
        subprotocols=[Subprotocol(each) for each in ("lineament.v1", *protocols)],
        origin=origin,  # type: ignore[arg-type]  # a NewType
        open_timeout=30,
    )


def test_answers_are_those_of_the_command_line(
    serving: Serving, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    files = sorted(chain.glob("photos/*/00*.jpg"))
    done = warm("predict", chain / "model.onnx", *ONE_ENGINE, *files, "--json", cwd=tmp_path)
    rows = json.loads(done.stdout)["predictions"]

    for file, row in zip(files, rows, strict=True):
        said = serving.predict(file.read_bytes())
        assert {name: said[name] for name in ("label", "nearest", "confidence", "familiarity")} == {
            name: row[name] for name in ("label", "nearest", "confidence", "familiarity")
        }


def test_error_has_the_words_of_the_command_line(
    serving: Serving, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    done = warm("predict", chain / "model.onnx", "torn.jpg", "--json", cwd=tmp_path)
    (row,) = json.loads(done.stdout)["predictions"]

    status, told, _ = serving.ask(
        "POST", "/v1/predict", b"\xff\xd8\xff", {"content-type": "image/jpeg"}
    )

    assert status == 422
    assert told["at"] == [f"the photo ({row['error']})"]


def test_ctrl_c_and_sigterm_end_a_service_that_did_its_work(
    start: Callable[..., Serving],
) -> None:
    for how in (signal.SIGINT, signal.SIGTERM):
        service = start("model.onnx", "--json")
        assert service.ask("GET", "/readyz")[0] == 200

        assert service.stop(how) == 0
        assert service.said[-2:] == ["stopped", "next: lineament card model.onnx"]
        assert [each["name"] for each in json.loads(service.printed)["models"]] == ["model"]


def test_request_that_has_begun_is_answered_before_the_end(
    start: Callable[..., Serving], photo: bytes
) -> None:
    service = start("model.onnx")
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        head = f"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(photo)}\r\n"
        client.sendall(f"{head}content-type: image/jpeg\r\n\r\n".encode() + photo[:100])
        time.sleep(0.3)  # it has arrived
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        client.sendall(photo[100:])
        said = client.makefile("rb").read()

    assert said.startswith(b"HTTP/1.1 200 OK")
    assert service.stop() == 0


def test_models_are_opened_again_without_dropping_a_request(
    start: Callable[..., Serving], chain: Path, photo: bytes, tmp_path: Path
) -> None:
    bundle = Path(shutil.copy(chain / "model.onnx", tmp_path / "model.onnx"))
    service = start(bundle, *ONE_ENGINE, "--watch")
    expected = service.predict(photo)
    ended = threading.Event()
    failures: list[Any] = []

    def keep_asking() -> None:
        while not ended.is_set():
            try:
                said = service.predict(photo)
            except (OSError, AssertionError) as error:
                failures.append(error)
            else:
                if said["confidence"] != expected["confidence"]:
                    failures.append(said)

    asking = [threading.Thread(target=keep_asking) for _ in range(3)]
    for each in asking:
        each.start()
    for _ in range(3):
        before = len(service.said)
        service.process.send_signal(signal.SIGHUP)
        service.wait_for("opened again: model", after=before)
    before = len(service.said)
    bundle.write_bytes(bundle.read_bytes()[:1000])
    service.wait_for("the model that was there goes on: ", after=before)
    before = len(service.said)
    shutil.copy(chain / "model.onnx", bundle)
    service.wait_for("opened again: model", after=before)
    ended.set()
    for each in asking:
        each.join()

    assert failures == []


def test_client_that_never_ends_its_headers_is_shown_out(serving: Serving) -> None:
    with socket.create_connection(("127.0.0.1", serving.port)) as client:
        client.settimeout(3 * HEADERS_S)
        client.sendall(b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\n")
        began = time.monotonic()
        for _ in range(int(HEADERS_S)):
            time.sleep(0.5)
            client.sendall(b"x")  # each byte would begin uvicorn's own time anew
        assert client.recv(100) == b""

    assert time.monotonic() - began < 2 * HEADERS_S


def test_client_that_never_ends_its_photo_is_told_so(start: Callable[..., Serving]) -> None:
    service = start("model.onnx", "--set", "upload_s=1")
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.settimeout(30)
        client.sendall(
            b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\n"
            b"content-length: 1000\r\n\r\nbeginning"
        )
        said = client.makefile("rb").read()

    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive within 1 s" in said


def test_crowd_is_refused_with_when_to_come_again_and_the_service_goes_on(
    start: Callable[..., Serving], photo: bytes
) -> None:
    service = start("model.onnx", "--threads", 1, "--set", "queue=2", "--set", "max_photos=2")
    statuses: list[int] = []
    waits: list[str | None] = []

    def ask() -> None:
        for _ in range(10):
            status, _, headers = service.ask(
                "POST", "/v1/predict", photo, {"content-type": "image/jpeg"}
            )
            statuses.append(status)
            if status == 429:
                waits.append(headers.get("retry-after"))

    crowd = [threading.Thread(target=ask) for _ in range(16)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()

    assert set(statuses) == {200, 429}
    assert all(wait is not None and int(wait) >= 1 for wait in waits)
    assert service.predict(photo)["label"]
    metrics = service.ask("GET", "/metrics")[1].decode()
    assert "lineament_waiting_photos 0.0" in metrics
    assert "lineament_upload_bytes 0.0" in metrics


def test_photo_that_waited_too_long_is_not_begun(
    start: Callable[..., Serving], chain: Path
) -> None:
    service = start("model.onnx", "--threads", 1, "--set", "deadline_s=0.1")
    large = base64.b64encode((chain / "photos/disc/000.jpg").read_bytes()).decode()
    body = json.dumps({"photos": [{"data_base64": large}] * 16}).encode()
    seen: list[tuple[int, Any, Any]] = []

    def ask() -> None:
        for _ in range(8):
            seen.append(
                service.ask("POST", "/v1/predict", body, {"content-type": "application/json"})
            )

    crowd = [threading.Thread(target=ask) for _ in range(5)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()

    late = [(told, headers) for status, told, headers in seen if status == 503]
    assert {status for status, _, _ in seen} <= {200, 429, 503}
    if not late:
        pytest.skip("this machine answers eighty photos within a tenth of a second")
    assert late[0][0]["detail"].startswith("The photo was not begun within 0.1 s")
    assert "retry-after" in late[0][1]


def test_frames_of_a_camera_are_answered_one_by_one(serving: Serving, photo: bytes) -> None:
    alone = serving.predict(photo)
    with camera(serving, query="?map=1&smooth_s=0") as live:
        assert live.subprotocol == "lineament.v1"
        for number in range(3):
            live.send(photo)
            told = json.loads(live.recv(timeout=30))

            assert told["number"] == number
            assert told["answer"]["confidence"] == alone["confidence"]
            grid = told["map"]
            assert len(grid["values"]) == grid["height"] * grid["width"]
            assert (min(grid["values"]), max(grid["values"])) == (0, 1)
            assert grid["window"] == {"left": 0, "top": 0, "width": 1, "height": 1}
        live.send(b"no frame")
        told = json.loads(live.recv(timeout=30))
        assert told["problem"]["status"] == 422
        live.send(photo)
        assert json.loads(live.recv(timeout=30))["answer"]["label"] == alone["label"]


def test_answers_to_frames_are_smoothed(serving: Serving, chain: Path) -> None:
    first, second = (
        (chain / f"photos/{name}/000.jpg").read_bytes() for name in ("disc", "stripes")
    )
    with camera(serving, query="?smooth_s=1000") as live:
        said = []
        for frame in (first, second):
            live.send(frame)
            said.append(json.loads(live.recv(timeout=30))["answer"])

    assert said[0]["nearest"] == said[1]["nearest"] == "disc"
    assert said[0]["confidence"] == pytest.approx(said[1]["confidence"], abs=0.01)


@pytest.mark.parametrize(
    ("query", "status"), [("?model=none", 404), ("?smooth_s=nan", 400), ("?smooth_s=-1", 400)]
)
def test_camera_that_asks_for_what_is_not_there_is_told_so(
    serving: Serving, query: str, status: int
) -> None:
    with camera(serving, query=query) as live:
        assert json.loads(live.recv(timeout=30))["problem"]["status"] == status
        with pytest.raises(ConnectionClosed):
            live.recv(timeout=30)


def test_text_is_no_frame(serving: Serving) -> None:
    with camera(serving) as live:
        live.send("text")
        told = json.loads(live.recv(timeout=30))

    assert told["problem"]["detail"] == "A frame is not bytes."


def test_camera_of_another_sites_page_is_refused(serving: Serving) -> None:
    with pytest.raises(InvalidStatus) as caught:
        camera(serving, origin="http://evil.example")

    assert caught.value.response.status_code == 403


def test_camera_needs_the_token_too(start: Callable[..., Serving], photo: bytes) -> None:
    service = start("model.onnx", "--token", TOKEN)
    text = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    with pytest.raises(InvalidStatus) as caught:
        camera(service)
    assert caught.value.response.status_code == 401

    with camera(service, f"token.{text}") as live:
        assert live.subprotocol == "lineament.v1"  # the token is not said aloud
        live.send(photo)
        assert json.loads(live.recv(timeout=30))["answer"]["label"]


def test_camera_that_is_torn_out_leaves_nothing(serving: Serving, photo: bytes) -> None:
    with camera(serving) as live:
        live.send(photo)
        live.socket.shutdown(socket.SHUT_RDWR)
    for _ in range(100):
        if b"lineament_live_connections 0.0" in serving.ask("GET", "/metrics")[1]:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the service still counts the camera")


def test_port_that_is_taken_is_told_and_nothing_is_served(
    serving: Serving, chain: Path, lineament: Callable[..., Result]
) -> None:
    done = lineament("serve", "model.onnx", "--port", serving.port, cwd=chain)

    assert done.returncode == 2
    assert f"127.0.0.1:{serving.port} cannot be listened on: Address already in use." in done.stderr
    assert "fix: Choose another `--port` (0 takes a free one), or stop what listens there." in (
        done.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "No bundle was named."),
        (("model.onnx", "--host", "0.0.0.0"), "nothing says who may ask."),
        (("model.onnx", "--token", "short"), "The token has 5 characters, and can be guessed."),
        (("model.onnx", "model.onnx"), "Two models are called model"),
        (("model.onnx", "--messages", "none.yaml"), "none.yaml cannot be read as YAML."),
        (("model.onnx", "--set", "queue=0"), "`queue` must be"),
        (("model.onnx", "--engine", "torch"), "`engine` must be"),
    ],
)
def test_what_cannot_be_served_is_told_before_anything_listens(
    warm: Callable[..., Result], chain: Path, arguments: tuple[str, ...], what: str
) -> None:
    done = warm("serve", *arguments, cwd=chain)

    assert done.returncode == 2
    assert what in done.stderr
    assert "serving on" not in done.stderr


def test_absent_bundle_is_told(warm: Callable[..., Result], tmp_path: Path) -> None:
    done = warm("serve", "none.onnx", cwd=tmp_path)

    assert done.returncode == 4
    assert "none.onnx" in done.stderr


def test_token_may_come_from_the_environment(
    program: Path, surroundings: dict[str, str], chain: Path
) -> None:
    service = Serving(
        program, "model.onnx", env={**surroundings, "LINEAMENT_TOKEN": TOKEN}, cwd=chain
    )

    assert service.ask("GET", "/v1/models")[0] == 401
    assert service.ask("GET", "/v1/models", headers={"authorization": f"Bearer {TOKEN}"})[0] == 200
    assert service.stop() == 0
    assert TOKEN not in "".join(service.said)


def test_torch_is_not_imported(serving: Serving) -> None:
    maps = Path(f"/proc/{serving.process.pid}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell which libraries a process has")

    assert "libtorch" not in maps.read_text(encoding="utf-8")


def test_uploads_touch_no_disk(serving: Serving, photo: bytes) -> None:
    """A large form is held in memory: no file is open beside those of before."""
    files = Path(f"/proc/{serving.process.pid}/fd")
    if not files.exists():
        pytest.skip("this system does not tell which files a process has open")
    parts = [
        f'--b\r\ncontent-disposition: form-data; name="photo"; filename="{number}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for number, data in enumerate((photo, bytes(9_000_000)))
    ]
    body = b"".join(parts) + b"--b--\r\n"
    head = (
        f"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n"
        "content-type: multipart/form-data; boundary=b\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", serving.port)) as client:
        client.sendall(head.encode() + body[:-10])
        time.sleep(0.5)  # all but the end has arrived
        opened = {str(each.readlink()) for each in files.iterdir() if each.is_symlink()}
        client.sendall(body[-10:])
        said = client.recv(12)

    assert said == b"HTTP/1.1 200"
    assert not [name for name in opened if name.startswith("/tmp") or "(deleted)" in name]


@pytest.mark.slow
def test_nothing_that_the_description_allows_breaks_the_service(
    start: Callable[..., Serving], tmp_path: Path
) -> None:
    service = start("model.onnx", "--feedback", tmp_path / "kept")
    (tmp_path / "schemathesis.toml").write_text(
        # No schema can say which bytes are a photo: 422 is the answer to those that are none.
        '[checks.positive_data_acceptance]\nexpected-statuses = ["2xx", "404", "422", "429"]\n',
        encoding="utf-8",
    )

    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run"),
            *(f"{service.url}/openapi.json", "--max-examples", "30", "--seed", "1"),
        ],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-5000:]
    assert service.process.poll() is None
