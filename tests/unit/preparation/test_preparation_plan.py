"""The plan: what is settled, and refused, before the first photo is read."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from lineament.core.config import resolve
from lineament.core.errors import ArtifactError, DataError, LineamentError, UsageError
from lineament.core.progress import QUIET, Progress
from lineament.preparation.config import PrepareConfig
from lineament.preparation.plan import Plan, make_plan
from lineament.preparation.sources.listing import Candidate, Content, Layout


@dataclasses.dataclass(frozen=True)
class Listed:
    """A source of a given layout, which must not be read."""

    listing: Layout
    name: str = "photos"

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        return self.listing

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        raise AssertionError("a photo was read")


class Notes:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass

    def finish(self) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


def layout_of(
    counts: Mapping[str, int], *, given: Mapping[str, str] | None = None, group: bool = False
) -> Layout:
    candidates = [
        Candidate(
            relative=f"{folder}/{n}.png",
            class_name=folder.split("/")[-1],
            split=folder.split("/")[0] if given else "",
            group=f"g{n}" if group else "",
            metadata={"person": f"p{n}"} if group else {},
        )
        for folder, count in counts.items()
        for n in range(count)
    ]
    return Layout(candidates=tuple(candidates), given=given or {})


BOTH = layout_of({"cat": 4, "dog": 4})


def plan(
    listing: Layout = BOTH,
    options: Mapping[str, object] = {},
    *,
    divided: bool = True,
    progress: Progress = QUIET,
) -> Plan:
    config = resolve(PrepareConfig, options)
    return make_plan(Listed(listing), config, divided=divided, progress=progress)


def refusal(
    kind: type[LineamentError], listing: Layout = BOTH, options: Mapping[str, object] = {}
) -> str:
    with pytest.raises(kind) as caught:
        plan(listing, options)
    return str(caught.value)


def decisions(folder: Path, *lines: str) -> str:
    path = folder / "audit.csv"
    path.write_text("\n".join(["filename,finding,partner,score,decision", *lines]) + "\n")
    return str(path)


def test_all_three_splits_are_to_be_made_of_photos_that_are_in_none() -> None:
    made = plan()
    assert (dict(made.given), made.to_make) == ({}, PrepareConfig().fractions())


def test_a_lacking_split_is_to_be_made_of_train() -> None:
    given = {"train": "train", "test": "eval"}
    counts = {"train/cat": 4, "train/dog": 4, "test/cat": 2, "test/dog": 2}
    made = plan(layout_of(counts, given=given))
    assert dict(made.given) == given
    assert set(made.to_make) == {"train", "validation"}


def test_notes_of_the_source_are_passed_on() -> None:
    notes = Notes()
    plan(dataclasses.replace(BOTH, notes=("folders are classes",)), progress=notes)
    assert notes.notes == ["folders are classes"]


def test_the_source_s_own_groups_are_taken() -> None:
    assert plan(layout_of({"cat": 4, "dog": 4}, group=True)).groups["dog/3.png"] == "g3"


def test_a_column_goes_before_the_source_s_groups() -> None:
    made = plan(layout_of({"cat": 4, "dog": 4}, group=True), {"group_by": "column:person"})
    assert made.groups["dog/3.png"] == "p3"


def test_a_group_expression_that_finds_nothing_is_refused() -> None:
    assert refusal(UsageError, BOTH, {"group_by": r"S\d+_"}) == (
        "`group_by` is `S\\d+_`, which matches none of the 8 paths.\n"
        "  at:  cat/0.png, cat/1.png, cat/2.png\n"
        "  fix: Write a regular expression that finds the group in paths like these."
    )


def test_too_few_photos_are_known_without_reading_one() -> None:
    text = refusal(DataError, layout_of({"cat": 4, "dog": 2}))
    assert "  at:  dog (has 2, needs 3)\n" in text


def test_a_group_across_given_splits_is_refused_without_reading_one() -> None:
    given = {"train": "train", "test": "test"}
    counts = {"train/cat": 4, "train/dog": 4, "test/cat": 2, "test/dog": 2}
    text = refusal(DataError, layout_of(counts, given=given, group=True))
    assert text.startswith("2 groups lie in more than one of the given splits;")


def test_what_is_not_to_be_divided_may_be_of_one_class() -> None:
    made = plan(layout_of({"cat": 1}), divided=False)
    assert made.layout.classes == ("cat",)


def test_decisions_are_followed(tmp_path: Path) -> None:
    path = decisions(
        tmp_path,
        "cat/0.png,blank,,0.5,drop",
        "cat/1.png,label_suspect,dog,0.9,label:dog",
        "cat/2.png,blurred,,0.1,keep",
        "cat/2.png,near_duplicate,cat/3.png,0.9,different",
        "dog/0.png,dark,,0.1,",
    )
    made = plan(layout_of({"cat": 6, "dog": 6}), {"decisions": path})
    classes = {each.relative: each.class_name for each in made.layout.candidates}
    assert "cat/0.png" not in classes
    assert (classes["cat/1.png"], classes["cat/2.png"]) == ("dog", "cat")
    assert made.decisions.different == {("cat/2.png", "cat/3.png")}
    assert [each.reason for each in made.layout.rejected] == [f"dropped in {path}"]


def test_decisions_come_before_rules(tmp_path: Path) -> None:
    path = decisions(tmp_path, "cat/1.png,label_suspect,dog,0.9,label:dog")
    made = plan(
        layout_of({"cat": 4, "dog": 4, "fox": 4}), {"decisions": path, "exclude_class": ("dog",)}
    )
    assert "cat/1.png" in {each.relative for each in made.layout.rejected}


def test_a_class_of_which_every_photo_was_dropped_may_still_be_named(tmp_path: Path) -> None:
    lines = [f"fox/{n}.png,blank,,,drop" for n in range(4)]
    made = plan(
        layout_of({"cat": 4, "dog": 4, "fox": 4}),
        {"decisions": decisions(tmp_path, *lines), "exclude_class": ("fox",)},
    )
    assert made.layout.classes == ("cat", "dog")


def test_an_absent_table_of_decisions_is_refused(tmp_path: Path) -> None:
    assert refusal(ArtifactError, BOTH, {"decisions": str(tmp_path / "audit.csv")}).startswith(
        f"{tmp_path / 'audit.csv'} cannot be read ("
    )


def test_a_decision_that_is_no_word_is_refused(tmp_path: Path) -> None:
    path = decisions(tmp_path, "cat/0.png,blank,,0.5,dorp", "cat/1.png,blank,,0.5,different")
    assert refusal(DataError, BOTH, {"decisions": path}) == (
        f"{path} has decisions that cannot be followed; nothing was written.\n"
        "  at:  row 2 (dorp) Did you mean `drop`?, row 3 (different, but it is no near duplicate)\n"
        "  fix: Write `keep`, `drop`, `label:NAME`, for near duplicates also `different`, or leave "
        "the cell empty."
    )


def test_photos_without_labels_are_not_divided() -> None:
    bare = Layout(candidates=(Candidate(relative="1.png", class_name=""),))
    made = plan(bare)
    assert (made.to_make, made.layout.classes) == ({}, ())
