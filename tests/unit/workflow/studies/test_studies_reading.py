"""A study file says what is compared, and what it cannot say is named with its lines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.core.errors import UsageError
from lineament.workflow.studies.reading import read_study

WHOLE = """\
description: "Two nets"
datasets: {faces: ../faces, birds: /data/birds}
recipe: mine.yaml
seeds: 3
grid:
  - {backbone: [sface, resnet18], mode: finetune, learning_rate: 1e-4}
  - backbone: custom_cnn
    dataset: birds
    recipe: [default, other.yaml]
    widths: [[8, 8], [8, 16]]
evaluate: false
"""
FIX = (
    "docs/how-to/study.md shows what a study may say, `lineament recipe show default` every field "
    "of a recipe."
)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Give ``written(text)``: a study file."""

    def write(text: str) -> Path:
        path = tmp_path / "study.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_study(path)
    return str(caught.value).replace(str(path), "study.yaml")


def test_every_field_is_read(written: Callable[[str], Path], tmp_path: Path) -> None:
    config = read_study(written(WHOLE))

    assert config.description == "Two nets"
    assert config.datasets == {"faces": tmp_path / "../faces", "birds": Path("/data/birds")}
    assert config.recipe == str(tmp_path / "mine.yaml")
    assert config.seeds == (0, 1, 2)
    assert config.evaluate is False
    assert config.grid == (
        {"backbone": ("sface", "resnet18"), "mode": ("finetune",), "learning_rate": (1e-4,)},
        {
            "backbone": ("custom_cnn",),
            "dataset": ("birds",),
            "recipe": ("default", str(tmp_path / "other.yaml")),
            "widths": ([8, 8], [8, 16]),
        },
    )


def test_places_of_blocks_are_their_lines(written: Callable[[str], Path]) -> None:
    path = written(WHOLE)

    assert read_study(path).places == (f"{path}, line 6", f"{path}, line 7")


def test_one_dataset_is_called_after_its_folder(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    assert read_study(written("datasets: faces")).datasets == {"faces": tmp_path / "faces"}


def test_without_a_grid_the_recipe_is_one_block(written: Callable[[str], Path]) -> None:
    assert read_study(written("datasets: faces")).blocks == (({}, "block 1"),)


def test_seeds_can_be_listed(written: Callable[[str], Path]) -> None:
    assert read_study(written("datasets: d\nseeds: [7, 5, 7]")).seeds == (7, 5)


def test_search_is_read_with_paths_from_the_file(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    config = read_study(
        written(
            "datasets: d\nsearch:\n  recipe: mine.yaml\n  fixed: {mode: finetune}\n  trials: 3\n"
            "  space: {dropout: {low: 0, high: 0.5}}\n"
        )
    )

    assert config.search == {
        "recipe": str(tmp_path / "mine.yaml"),
        "fixed": {"mode": "finetune"},
        "trials": 3,
        "space": {"dropout": {"low": 0, "high": 0.5}},
    }


def test_everything_wrong_is_named_in_one_error(written: Callable[[str], Path]) -> None:
    text = (
        "datasets: {faces: x}\n"
        "recipes: default\n"
        "seeds: 0\n"
        "grid:\n"
        "  - {bakbone: sface, epochs: [3, many]}\n"
        "  - mode: [head, finetun]\n"
        "    dataset: face\n"
        "evaluate: 3\n"
    )

    assert refusal(written(text)) == (
        "study.yaml: there is no field `recipes`. Did you mean `recipe`?; `seeds` must be a number "
        "from 1 to 100 or a list of seeds; `epochs` must be an integer of at least 1, got 'many'; "
        "there is no field `bakbone`. Did you mean `backbone`?; `mode` must be one of head, "
        "finetune, scratch, got 'finetun'. Did you mean `finetune`?; there is no dataset `face`. "
        "Did you mean `faces`?; `evaluate` must be true or false, got 3.\n"
        "  at:  line 2, line 3, line 5, line 6, line 7, line 8\n"
        f"  fix: {FIX}"
    )


def test_seed_of_a_block_is_refused(written: Callable[[str], Path]) -> None:
    assert refusal(written("datasets: d\ngrid:\n  - {seed: 3}\n")) == (
        "study.yaml: `seed` is not for a block: `seeds` are for the whole study.\n"
        "  at:  line 3\n"
        f"  fix: {FIX}"
    )


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("grid: []", "`datasets` must be a path, or names with a path each", 1),
        ("datasets: d\ngrid: {mode: head}", "`grid` must be a list of blocks: write `- ` before "
         "the first field", 2),
        ("datasets: d\ngrid: []", "`grid` must be a list of blocks, each of them fields with "
         "values", 2),
        ("datasets: d\ngrid:\n- {mode: []}", "`mode` has no value", 3),
        ("datasets: d\ndescription: 3", "`description` must be a text, got 3", 2),
        ("datasets: d\nrecipe: 3", "`recipe` must be a recipe's name or file, got 3", 2),
        ("datasets: d\nsearch: 3", "`search` must be fields with values, among them `space`", 2),
        ("datasets: d\nsearch: {trials: 3}", "`search` has no `space`", 2),
        ("datasets: d\nsearch:\n  space: {}\n  fixed: {dropuot: 1}", "there is no field `dropuot`."
         " Did you mean `dropout`?", 4),
        ("datasets: d\nsearch:\n  space: {}\n  fixed: {dropout: 2}", "`dropout` must be a number "
         "from 0 to 0.95, got 2.0", 4),
    ],
)  # fmt: skip
def test_what_a_field_cannot_be_is_named_with_its_line(
    text: str, problem: str, line: int, written: Callable[[str], Path]
) -> None:
    said = refusal(written(text)).splitlines()

    assert problem in said[0]
    assert f"line {line}" in said[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty."),
        ("- datasets", "it is not a mapping."),
        ("datasets: a\ndatasets: b", "`datasets` is given twice.\n  at:  line 2"),
        ("datasets: &d a\nrecipe: *d", "it has an alias (`*name`), which a study cannot.\n"
         "  at:  line 1"),
        ("datasets: !!python/name:os.system d", "it has a tag (`!name`), which is not obeyed.\n"
         "  at:  line 1"),
        ("grid: [[[[[[[1]]]]]]]", "it is nested too deep.\n  at:  line 1"),
        ("datasets: [", "expected the node content, but found '<stream end>'.\n  at:  line 1"),
    ],
)  # fmt: skip
def test_what_is_no_study_is_refused(
    text: str, reason: str, written: Callable[[str], Path]
) -> None:
    assert refusal(written(text)) == (
        f"study.yaml is no study: {reason}\n  fix: docs/how-to/study.md shows what a study may say."
    )


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "study.yaml") == (
        "The study study.yaml cannot be read: No such file or directory.\n"
        "  fix: Name a file that is there, or a prepared dataset and flags."
    )


def test_huge_file_is_not_read(written: Callable[[str], Path]) -> None:
    assert refusal(written("#" * 40_000)) == (
        "study.yaml is no study: it has more than 32 kB.\n"
        "  fix: docs/how-to/study.md shows what a study may say."
    )
