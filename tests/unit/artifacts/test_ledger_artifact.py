"""The ledger of a dataset: what is appended, what is counted, what is passed over."""

import dataclasses
import json
import threading
from pathlib import Path

import pytest

from lineament.artifacts.ledger import (
    LEDGER,
    Ledger,
    Opening,
    keep_ledger,
    read_ledger,
    record,
)
from lineament.core.errors import ArtifactError

OPENING = Opening(
    time="2026-11-23T06:00:00+00:00",
    fingerprint="f00d",
    split="test",
    kind="run",
    path="runs/a",
    sha256="abc",
    report="reports/a",
    photos=200,
    accuracy=0.9,
    low=0.85,
    high=0.93,
    lineament="0.1.0",
)


def openings(root: Path, split: str) -> tuple[Opening, ...]:
    return read_ledger(root).of("f00d", split)


def test_a_dataset_that_was_never_measured_has_no_openings(tmp_path: Path) -> None:
    assert openings(tmp_path, "test") == ()
    assert read_ledger(tmp_path) == Ledger(openings=(), damaged=())


def test_what_is_recorded_is_read(tmp_path: Path) -> None:
    record(tmp_path, OPENING)
    assert openings(tmp_path, "test") == (OPENING,)


def test_an_evaluation_is_one_line_of_json(tmp_path: Path) -> None:
    record(tmp_path, OPENING)
    text = (tmp_path / LEDGER).read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert json.loads(text) == dataclasses.asdict(OPENING)


def test_openings_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    earlier = dataclasses.replace(OPENING, time="2026-11-22T23:30:00-01:00")
    later = dataclasses.replace(OPENING, time="2026-11-23T02:00:00+01:00")
    for each in (OPENING, later, earlier):
        record(tmp_path, each)
    assert openings(tmp_path, "test") == (earlier, later, OPENING)


def test_only_openings_of_the_split_count(tmp_path: Path) -> None:
    record(tmp_path, dataclasses.replace(OPENING, split="validation"))
    assert openings(tmp_path, "test") == ()


def test_a_dataset_prepared_anew_starts_at_none(tmp_path: Path) -> None:
    record(tmp_path, dataclasses.replace(OPENING, fingerprint="another"))
    assert openings(tmp_path, "test") == ()


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"time": "2026',
        "[" * 10_000,
        json.dumps({**dataclasses.asdict(OPENING), "accuracy": 2.0}),
        json.dumps({**dataclasses.asdict(OPENING), "accuracy": float("nan")}),
        json.dumps({**dataclasses.asdict(OPENING), "time": "yesterday"}),
        json.dumps({**dataclasses.asdict(OPENING), "time": "2026-11-23T06:00:00"}),
        json.dumps({**dataclasses.asdict(OPENING), "photos": "many"}),
    ],
)
def test_a_damaged_line_is_named_and_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / LEDGER).write_text(f"{line}\n", encoding="utf-8")
    record(tmp_path, OPENING)
    assert read_ledger(tmp_path) == Ledger(openings=(OPENING,), damaged=(1,))


def test_bytes_that_are_no_text_are_a_damaged_line(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_bytes(b"\xff\xfe\n")
    assert read_ledger(tmp_path).damaged == (1,)


def test_a_line_of_a_newer_version_with_more_fields_is_read(tmp_path: Path) -> None:
    newer = {**dataclasses.asdict(OPENING), "reason": "because"}
    (tmp_path / LEDGER).write_text(json.dumps(newer) + "\n", encoding="utf-8")
    assert openings(tmp_path, "test") == (OPENING,)


def test_a_write_that_failed_halfway_does_not_swallow_the_next_line(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text('{"time": "2026', encoding="utf-8")
    record(tmp_path, OPENING)
    assert openings(tmp_path, "test") == (OPENING,)
    assert read_ledger(tmp_path).damaged == (1,)


def test_evaluations_that_end_together_do_not_mix_their_lines(tmp_path: Path) -> None:
    each = [dataclasses.replace(OPENING, path=f"runs/{i}" * 200) for i in range(40)]
    threads = [threading.Thread(target=record, args=(tmp_path, opening)) for opening in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_ledger(tmp_path)
    assert found.damaged == ()
    assert sorted(opening.path for opening in found.openings) == sorted(o.path for o in each)


def test_a_name_that_is_no_utf_8_is_spelt_out(tmp_path: Path) -> None:
    record(tmp_path, dataclasses.replace(OPENING, path="caf\udce9"))
    assert openings(tmp_path, "test")[0].path == "caf\\udce9"


def test_a_ledger_that_cannot_be_written_says_what_is_lost(tmp_path: Path) -> None:
    (tmp_path / LEDGER).mkdir()
    with pytest.raises(ArtifactError) as caught:
        record(tmp_path, OPENING)
    assert str(caught.value) == (
        f"This evaluation could not be added to {tmp_path / LEDGER}: Is a directory.\n"
        "  fix: The report is whole without it, but later ones will not count this evaluation."
    )


def test_a_ledger_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / LEDGER).mkdir()
    with pytest.raises(ArtifactError) as caught:
        openings(tmp_path, "test")
    assert str(caught.value) == (
        f"{tmp_path / LEDGER} cannot be read: Is a directory.\n"
        "  fix: Give yourself permission to read it."
    )


def test_a_disk_that_takes_half_a_line_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lineament.artifacts.ledger.os.write", lambda handle, data: len(data) // 2)
    with pytest.raises(ArtifactError) as caught:
        record(tmp_path, OPENING)
    assert str(caught.value) == (
        f"This evaluation could not be added to {tmp_path / LEDGER}: No space left on device.\n"
        "  fix: The report is whole without it, but later ones will not count this evaluation."
    )


def test_the_ledger_outlives_the_dataset_that_is_replaced(tmp_path: Path) -> None:
    record(tmp_path, OPENING)
    new = tmp_path / "new"
    new.mkdir()
    keep_ledger(tmp_path, new)
    assert (new / LEDGER).read_bytes() == (tmp_path / LEDGER).read_bytes()


def test_where_there_is_no_ledger_none_is_made(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    keep_ledger(tmp_path, new)
    assert list(new.iterdir()) == []


def test_an_accuracy_outside_its_interval_is_refused() -> None:
    with pytest.raises(ArtifactError) as caught:
        dataclasses.replace(OPENING, low=0.95)
    assert str(caught.value) == "An evaluation's accuracy must lie in its interval, in 0 to 1."


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ArtifactError) as caught:
        dataclasses.replace(OPENING, time="2026-11-23T06:00:00")
    assert str(caught.value) == "The time `2026-11-23T06:00:00` states no zone."
