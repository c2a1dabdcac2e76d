"""W&B's own `wandb sync` reads from the offline folder what a training told, and uploads it.

What stands in for the server answers as the real one does, as far as the client asks, and keeps
what it is sent.
"""

import gzip
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb

from lineament.artifacts.run import Run
from lineament.tracking import wandb_record
from lineament.tracking.trackers import add_report

Tell = Callable[..., SimpleNamespace]
KEY = "a" * 40
PARAMETER, GRADIENT = "parameter/network.conv1.weight", "gradient/network.conv1.weight"


class Answers(http.server.BaseHTTPRequestHandler):
    """What the client wants to hear."""

    received: SimpleNamespace
    keeps = True  # whether history is taken, or the client told to come again

    def heard(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def say(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.say({})

    def do_PUT(self) -> None:
        self.received.files[self.path.removeprefix("/upload/")] = self.heard()
        self.say({})

    def do_POST(self) -> None:
        document = json.loads(self.heard() or b"{}")
        if self.path == "/graphql":
            asked = document.get("variables") or {}
            operation = document["query"].split()[1].partition("(")[0]
            self.say({"data": self.answer(operation, asked)})
            return
        if not self.keeps:
            refuse(self, 500)
            return
        for line in document.get("files", {}).get("wandb-history.jsonl", {}).get("content", ()):
            self.received.history.append(json.loads(line))
        self.say({})

    def answer(self, operation: str, asked: dict[str, object]) -> object:
        if operation == "Viewer":
            who = {"id": "u", "entity": "me", "username": "me", "email": "", "flags": "{}"}
            return {"viewer": {**who, "teams": {"edges": []}}}
        if operation == "ArtifactType":
            return {"project": None}
        if operation == "ServerFeaturesQuery":
            return {"serverInfo": {"features": []}}
        if operation == "UpsertBucket":
            self.received.names.add(asked["name"])
            self.received.config |= json.loads(str(asked.get("config") or "{}"))
            project = {"id": "p", "name": asked["project"], "entity": {"id": "e", "name": "me"}}
            run = {"id": "r", "name": asked["name"], "displayName": "run", "project": project}
            return {"upsertBucket": {"bucket": {**run, "historyLineCount": 0}, "inserted": True}}
        if operation == "CreateArtifact":
            about = asked["input"]
            assert isinstance(about, dict)
            self.received.artifacts.add(about["artifactCollectionName"])
            state = {"id": "a", "state": "COMMITTED"}
            sequence = {"artifactSequence": {"latestArtifact": {"id": "a"}}}
            return {"createArtifact": {"artifact": {**state, **sequence}}}
        if operation == "CreateRunFiles":
            names = asked["files"]
            assert isinstance(names, list)
            files = [
                {"name": name, "uploadUrl": f"{self.received.url}/upload/{name}"} for name in names
            ]
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}
        return {}

    def log_message(self, format: str, *args: object) -> None:
        pass


def refuse(answers: Answers, code: int = 401) -> None:
    answers.send_response(code)
    answers.send_header("Content-Length", "0")
    answers.end_headers()


def serve() -> Iterator[SimpleNamespace]:
    received = SimpleNamespace(files={}, history=[], config={}, artifacts=set(), names=set())
    kind = type("AnswersKept", (Answers,), {"received": received})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        received.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield received
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    yield from serve()


@pytest.fixture(scope="module")
def lasting_server() -> Iterator[SimpleNamespace]:
    yield from serve()


@pytest.fixture(autouse=True)
def _settings_read_anew() -> Iterator[None]:
    """W&B reads its settings once a process; here for each test, and nothing is left running."""
    wandb.teardown()
    yield
    wandb.teardown()


def sync(words: list[str], server: SimpleNamespace) -> str:
    """Run ``wandb sync`` as a person does later, and give what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url},
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def synced(server: SimpleNamespace) -> SimpleNamespace:
    """What the server was sent, with the summary read."""
    server.summary = json.loads(server.files["wandb-summary.json"])
    return server


@pytest.fixture(scope="module")
def sent(
    lasting_server: SimpleNamespace,
    teller: Callable[[Path], Tell],
    apart: Callable[[pytest.MonkeyPatch, Path], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> SimpleNamespace:
    """What the server was sent of a training that was told offline and synced."""
    folder = tmp_path_factory.mktemp("offline")
    with pytest.MonkeyPatch.context() as monkeypatch:
        apart(monkeypatch, folder)
        wandb.teardown()
        told = teller(folder)("wandb")
        sync([told.remembered["folder"]], lasting_server)
    return synced(lasting_server)


def curve(sent: SimpleNamespace, name: str) -> list[tuple[int, float]]:
    rows = sorted(sent.history, key=lambda row: int(row["_step"]))
    return [(row["epoch"], row[name]) for row in rows if name in row]


def table(sent: SimpleNamespace, name: str) -> dict[str, object]:
    path = sent.summary[name]["path"]
    found: dict[str, object] = json.loads(sent.files[path])
    return found


def test_numbers_of_history_are_curves_over_the_epoch(sent: SimpleNamespace) -> None:
    assert curve(sent, "validation/loss") == [(0, 0.75), (1, 0.25), (2, 0.5)]
    assert curve(sent, "train/loss") == [(1, 0.5), (2, 0.25)]


def test_sizes_of_layers_are_curves(sent: SimpleNamespace) -> None:
    assert curve(sent, "gradient_rms/network.conv1.weight") == [(1, 0.25), (2, 0.25)]
    assert curve(sent, "update_ratio/network.conv1.weight") == [(1, 0.125), (2, 0.125)]


@pytest.mark.parametrize("name", [PARAMETER, GRADIENT])
def test_bins_of_layers_are_histograms(name: str, sent: SimpleNamespace) -> None:
    rows = [row[name] for row in sent.history if name in row]

    assert [row["values"] for row in rows] == [[1, 3], [1, 4]]
    assert {row["_type"] for row in rows} == {"histogram"}


def test_configuration_is_told(sent: SimpleNamespace) -> None:
    assert sent.config["learning_rate"] == {"value": 0.001}
    assert sent.config["dataset.fingerprint"] == {"value": "abc"}


def test_place_of_the_dataset_is_not_told(sent: SimpleNamespace) -> None:
    assert "dataset.path" not in sent.config


def test_confusion_matrix_is_a_chart_of_its_counts(sent: SimpleNamespace) -> None:
    found = table(sent, "judged_validation/confusion_matrix_table")

    assert found["columns"] == ["Actual", "Predicted", "nPredictions"]
    assert found["data"] == [
        ["cat", "cat", 1],
        ["cat", 'dög, "x" | y', 1],
        ['dög, "x" | y', "cat", 0],
        ['dög, "x" | y', 'dög, "x" | y', 2],
    ]


def test_each_class_has_its_figures(sent: SimpleNamespace) -> None:
    found = table(sent, "judged_validation/classes")

    assert found["columns"] == ["class", "precision", "recall", "f1", "support"]
    assert found["data"] == [
        ["cat", 1, 0.5, pytest.approx(2 / 3), 2],
        ['dög, "x" | y', pytest.approx(2 / 3), 1, pytest.approx(0.8), 2],
    ]


def test_what_was_chosen_is_in_the_summary(sent: SimpleNamespace) -> None:
    assert sent.summary["chosen/epoch"] == 1
    assert sent.summary["judged_validation/accuracy"] == 0.75


def test_small_files_of_the_run_are_an_artifact(sent: SimpleNamespace) -> None:
    assert "run-run" in sent.artifacts


def test_without_a_key_it_is_offline_and_says_how_to_sync(tell: Tell, tmp_path: Path) -> None:
    told = tell("wandb", last=0)

    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert told.notes == [
        f"wandb: offline (no key, which `wandb login` asks for); later: `wandb sync {folder}`"
    ]


def test_with_a_key_and_no_network_it_is_offline(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")

    told = tell("wandb", last=0)

    assert told.remembered["offline"] is True
    assert told.notes == [
        "wandb: offline (http://127.0.0.1:9 cannot be reached); later: "
        f"`wandb sync {told.remembered['folder']}`"
    ]


def test_server_that_says_nothing_is_not_waited_for(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(wandb_record, "REACHING_S", 0.2)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")

        told = tell("wandb", last=0)

    assert told.remembered["offline"] is True


def test_key_that_is_refused_makes_it_offline(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace
) -> None:
    monkeypatch.setattr(Answers, "do_POST", refuse)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", server.url)

    told = tell("wandb", last=0)

    assert told.remembered["offline"] is True
    assert told.notes[0].startswith("wandb: offline (CommError: ")


def test_with_key_and_server_it_is_online(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", server.url)

    told = tell("wandb")

    name = told.remembered["id"]
    assert told.notes == [f"wandb: look at {server.url}/me/pets/runs/{name}"]
    assert curve(server, "validation/loss") == [(0, 0.75), (1, 0.25), (2, 0.5)]
    assert synced(server).summary["judged_validation/accuracy"] == 0.75


def test_upload_that_takes_too_long_is_left_to_sync(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, server: SimpleNamespace
) -> None:
    quietly = {**wandb_record.QUIETLY, "finish_timeout": 0.5}
    monkeypatch.setattr(wandb_record, "QUIETLY", quietly)
    monkeypatch.setattr(Answers, "keeps", False)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", server.url)

    told = tell("wandb", last=0)

    folder = told.remembered["folder"]
    assert told.notes[1:] == [
        f"wandb: not all of it is uploaded; later: `wandb sync --include-online {folder}`"
    ]
    monkeypatch.setattr(Answers, "keeps", True)
    sync(["--include-online", folder], server)
    assert curve(server, "validation/loss") == [(0, 0.75)]


def test_mode_and_project_of_the_environment_win(
    tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_PROJECT", "mine")

    told = tell("wandb", last=0)

    assert told.remembered["project"] == "mine"
    assert told.notes[0].startswith("wandb: offline (its mode is offline); later: ")


def test_wandb_that_is_switched_off_is_told_nothing(
    tell: Tell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")

    told = tell("wandb")

    assert told.notes == ["wandb: switched off by its settings"]
    assert told.remembered == {}
    assert not (tmp_path / "wandb").exists()


def test_resumed_training_goes_on_in_the_same_record(tell: Tell, server: SimpleNamespace) -> None:
    first = tell("wandb", last=1)
    second = tell("wandb", first=2, remembered=first.remembered)

    parts = [first.remembered["folder"], second.remembered["folder"]]
    assert second.notes[0].endswith(f"later: `wandb sync {parts[0]} {parts[1]}`")
    sync(parts, server)

    assert second.remembered["id"] == first.remembered["id"]
    assert server.names == {first.remembered["id"]}
    assert curve(server, "validation/loss") == [(0, 0.75), (1, 0.25), (2, 0.5)]


def test_report_is_added_to_the_record_of_its_run(
    tell: Tell, server: SimpleNamespace, report: Path, tmp_path: Path
) -> None:
    told = tell("wandb")
    add_report(told.run, report, ["wandb"])

    folders = sorted(str(each) for each in (tmp_path / "wandb").glob("offline-run-*"))
    sync(folders, server)

    assert server.names == {told.remembered["id"]}
    assert synced(server).summary["judged_test/accuracy"] == 0.75
    assert "run-test-report" in server.artifacts
    assert curve(server, "train/loss") == [(1, 0.5), (2, 0.25)]


def test_report_of_a_run_without_record_makes_one_with_its_past(
    untracked_run: Run, server: SimpleNamespace, report: Path, tmp_path: Path
) -> None:
    add_report(untracked_run, report, ["wandb"])

    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    sync([str(folder)], server)

    assert curve(server, "train/loss") == [(1, 0.5), (2, 0.25)]
    assert {"run-run", "run-test-report"} <= server.artifacts
