"""Answers pass through one by one: a million photos take no more memory than a hundred."""

import json
import pathlib
import tracemalloc
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
import pytest

from lineament.cli import answering
from lineament.cli.answering import Pace, Saying, Telling, answers, past, told
from lineament.core.progress import QUIET
from lineament.runtime.answers import Answer
from lineament.runtime.predictor import Image
from lineament.runtime.rows import TextRows
from lineament.runtime.sources import Sources

MANY = 30_000
BOUND_BYTES = 300_000  # whatever is kept of each photo takes more
CLASSES = ("cat", "dog")
PROBABILITIES = np.array([0.75, 0.25], dtype=np.float32)
TELLING = Telling(saying=Saying())
WHO_AND_MOOD = Telling(saying=Saying(), heads=("who", "mood"))


class Fake:
    """Answers everything alike, several ahead as a predictor does, and notes what waits."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.counts: set[int] = set()

    def __call__(self, photos: Iterable[Image], count: int) -> Iterator[tuple[Answer, ...]]:
        self.counts.add(count)
        taken: list[int] = []
        for photo in photos:
            taken.append(len(photo) if isinstance(photo, bytes) else 0)
            if len(taken) == 8:
                self.taken.append(sum(taken))
                yield from (self._one() for _ in taken)
                taken = []
        self.taken.append(sum(taken))
        yield from (self._one() for _ in taken)

    @staticmethod
    def _one() -> tuple[Answer]:
        return (Answer(source="#", probabilities=PROBABILITIES, classes=CLASSES),)


class Many(Sequence[str]):
    """Names that are made when they are asked for."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            raise TypeError("one after the other")
        if index >= MANY:
            raise IndexError(index)
        return f"{index}.jpg"

    def __len__(self) -> int:
        return MANY


def answer(
    source: str = "a.jpg",
    *,
    error: str = "",
    is_unknown: bool = False,
    classes: tuple[str, str] = CLASSES,
) -> Answer:
    probabilities = None if error else PROBABILITIES
    return Answer(
        source=source,
        probabilities=probabilities,
        error=error,
        is_unknown=is_unknown,
        classes=classes,
    )


def table(path: Path, *, resume: bool = False) -> TextRows:
    return TextRows(
        path,
        top=1,
        as_csv=path.suffix == ".csv",
        depends_on={},
        resume=resume,
        overwrite=False,
        flag="--csv",
    )


def test_many_photos_are_answered_in_little_memory(tmp_path: Path) -> None:
    sources, pace = Sources(named=["-"], listed=Many()), Pace()
    tracemalloc.start()

    with table(tmp_path / "t.csv") as rows:
        passed = past(sources, [rows], pace)
        found = answers(Fake(), sources, count=MANY, passed=passed, progress=QUIET)
        for _, row in told(found, TELLING, tables=[rows], parquet=None):
            pace.count(row)
            if pace.photos == MANY:
                kept = tracemalloc.take_snapshot()

    tracemalloc.stop()
    # Python's own table of names, which pathlib adds to, grows once and then no more.
    kept = kept.filter_traces(
        [tracemalloc.Filter(inclusive=False, filename_pattern=pathlib.__file__)]
    )
    assert sum(each.size for each in kept.statistics("filename")) < BOUND_BYTES


def test_many_bad_files_are_counted_in_little_memory() -> None:
    pace, row = Pace(), Saying().row(answer(error="empty file"))
    tracemalloc.start()

    for number in range(MANY):
        pace.count({**row, "filename": f"{number}.jpg"})

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pace.unreadable == MANY
    assert peak < BOUND_BYTES


def test_of_large_members_few_wait_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LARGE_MEMBER_BYTES", 1000)
    monkeypatch.setattr(answering, "WAITING_BYTES", 5000)
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for number in range(20):
            archive.writestr(f"{number:02d}.jpg", bytes(2000))
    sources, fake = Sources(named=[str(tmp_path / "p.zip")]), Fake()

    found = answers(fake, sources, count=20, passed=0, progress=QUIET)

    assert [each.source[-6:] for _, (each,) in found] == [
        f"{number:02d}.jpg" for number in range(20)
    ]
    assert max(fake.taken) == 6000
    assert sum(fake.taken) == 40_000


def test_small_members_wait_as_many_as_there_is_room(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for number in range(20):
            archive.writestr(f"{number:02d}.jpg", bytes(2000))
    sources, fake = Sources(named=[str(tmp_path / "p.zip")]), Fake()

    list(answers(fake, sources, count=20, passed=0, progress=QUIET))

    assert fake.taken == [16_000, 16_000, 8_000]


def test_engine_is_chosen_by_all_photos_and_not_by_those_that_are_left(tmp_path: Path) -> None:
    fake, sources = Fake(), Sources(named=["-"], listed=[f"{number}.jpg" for number in range(9)])

    found = list(answers(fake, sources, count=9, passed=7, progress=QUIET))

    assert [each.source for _, (each,) in found] == ["7.jpg", "8.jpg"]
    assert fake.counts == {9}


def test_table_that_is_ahead_waits_for_the_other(tmp_path: Path) -> None:
    listed = [f"{number}.jpg" for number in range(5)]
    for name, n_rows in (("a.csv", 3), ("b.jsonl", 1)):
        with pytest.raises(RuntimeError), table(tmp_path / name) as rows:
            _write(rows, listed[:n_rows])
    sources, pace = Sources(named=["-"], listed=listed), Pace()

    with table(tmp_path / "a.csv", resume=True) as a, table(tmp_path / "b.jsonl", resume=True) as b:
        passed = past(sources, [a, b], pace)
        found = answers(Fake(), sources, count=5, passed=passed, progress=QUIET)
        told_of = [each.source for (each,), _ in told(found, TELLING, tables=[a, b], parquet=None)]

    assert (passed, pace.before) == (1, 1)
    assert told_of == listed[1:]
    for name in ("a.csv", "b.jsonl"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert [text.count(each) for each in listed] == [1] * 5


def _write(rows: TextRows, names: list[str], telling: Telling = TELLING) -> None:
    for name in names:
        rows.write(telling.row(tuple(answer(name) for _ in telling.heads or ("",))))
    raise RuntimeError("killed")


@pytest.mark.parametrize(
    ("saying", "given", "label"),
    [
        (Saying(), answer(), "cat"),
        (Saying(threshold=0.75), answer(), "cat"),
        (Saying(threshold=0.76), answer(), "unsure"),
        (Saying(), answer(is_unknown=True), "unknown"),
        (Saying(threshold=0.76), answer(is_unknown=True), "unknown"),
        (Saying(never_unknown=True), answer(is_unknown=True), "cat"),
        (Saying(never_unknown=True, threshold=0.76), answer(is_unknown=True), "unsure"),
        (Saying(threshold=0.5), answer(error="empty file"), None),
    ],
)
def test_label_is_what_may_be_said(saying: Saying, given: Answer, label: str | None) -> None:
    row = saying.row(given)

    assert row["label"] == label
    assert row["nearest"] == (None if given.error else "cat")
    assert row["confidence"] == given.confidence


def test_class_that_is_called_unknown_is_an_answer() -> None:
    pace = Pace()

    pace.count(Saying().row(answer(classes=("unknown", "dog"))))

    assert pace.unknown == 0


def test_rows_from_before_are_not_this_runs_speed() -> None:
    pace, row = Pace(), Saying().row(answer())
    for _ in range(7):
        pace.count(row, is_before=True)
    pace.count(row)

    assert pace.photos == 8
    assert pace.line("ONNX Runtime").startswith("1 photos in ")


def test_several_heads_say_theirs_in_one_row() -> None:
    row = WHO_AND_MOOD.row((answer(), answer(is_unknown=True)))

    assert list(row) == ["filename", "error", "heads"]
    heads = row["heads"]
    assert isinstance(heads, dict)
    assert {name: said["label"] for name, said in heads.items()} == {
        "who": "cat",
        "mood": "unknown",
    }


def test_several_heads_say_theirs_in_one_line() -> None:
    line = WHO_AND_MOOD.line((answer(), answer(is_unknown=True)))

    assert line == "a.jpg\twho: cat\t0.7500\tmood: unknown\tnearest: cat\t0.7500"


def test_several_heads_give_one_reason() -> None:
    bad = answer(error="empty file")

    assert WHO_AND_MOOD.line((bad, bad)) == "a.jpg\terror: empty file"


def test_one_head_needs_no_name() -> None:
    assert TELLING.row((answer(),)) == Saying().row(answer())
    assert TELLING.line((answer(),)) == "a.jpg\tcat\t0.7500"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_rows_of_several_heads_are_gone_on_with(tmp_path: Path, suffix: str) -> None:
    def opened(*, resume: bool) -> TextRows:
        return TextRows(
            tmp_path / f"t{suffix}",
            top=2,
            heads=("who", "mood"),
            as_csv=suffix == ".csv",
            depends_on={},
            resume=resume,
            overwrite=False,
            flag="--csv",
        )

    telling = Telling(saying=Saying(top=2), heads=("who", "mood"))
    row = telling.row((answer("b.jpg"), answer("b.jpg")))
    with pytest.raises(RuntimeError), opened(resume=False) as rows:
        _write(rows, ["a.jpg"], telling)
    sources, pace = Sources(named=["-"], listed=["a.jpg", "b.jpg"]), Pace()

    with opened(resume=True) as rows:
        passed = past(sources, [rows], pace)
        rows.write(row)

    assert (passed, pace.before) == (1, 1)
    written = (tmp_path / f"t{suffix}").read_text(encoding="utf-8").splitlines()
    if suffix == ".csv":
        assert written[0] == (
            "filename,error,who_label,who_confidence,who_familiarity,who_nearest,who_label_2,"
            "who_confidence_2,mood_label,mood_confidence,mood_familiarity,mood_nearest,"
            "mood_label_2,mood_confidence_2"
        )
        assert written[1:] == [
            f"{name}.jpg,,cat,0.75,,cat,dog,0.25,cat,0.75,,cat,dog,0.25" for name in "ab"
        ]
    else:
        assert [json.loads(line)["filename"] for line in written] == ["a.jpg", "b.jpg"]
        assert json.loads(written[1])["heads"]["mood"]["top"][1] == {
            "label": "dog",
            "confidence": 0.25,
        }
