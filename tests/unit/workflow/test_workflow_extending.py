"""A class is added from a few photos: found where it is, silent where it is not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.head import read_head
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.exporting.heads import export_head
from lineament.preparation.build import prepare
from lineament.preparation.config import PrepareConfig
from lineament.runtime.headed import HeadedPredictor
from lineament.training.train import train
from lineament.workflow.extending import Extension, extend

Write = Callable[..., Path]


def lines(seed: int) -> NDArray[np.uint8]:
    """Coloured lines across: a kind that no class has."""
    rng = np.random.default_rng([9, seed])
    rows = np.arange(48)[:, None, None] + rng.integers(0, 6)
    drawn = np.where(rows % 8 < 4, rng.uniform(150, 250, 3), rng.uniform(0, 80, 3))
    drawn = np.broadcast_to(drawn, (48, 48, 3)) + rng.normal(0, 5, (48, 48, 3))
    return np.asarray(drawn.round().clip(0, 255), dtype=np.uint8)


def source(root: Path, *, count: int, name: str = "lines") -> Path:
    (root / name).mkdir(parents=True)
    for number in range(count):
        Image.fromarray(lines(number)).save(root / name / f"{number:02d}.png")
    return root


@pytest.fixture(scope="module")
def head(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("extending") / "shapes.head"
    export_head(small_run, out)
    return out


@pytest.fixture(scope="module")
def newcomers(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twenty photos of a new class, five of them for validation."""
    root = tmp_path_factory.mktemp("newcomers")
    config = PrepareConfig(split=(0.75, 0.25, 0.0), one_class=True)
    return prepare(source(root / "photos", count=20), root / "dataset", config=config)


@pytest.fixture(scope="module")
def extended(
    head: Path, newcomers: Dataset, small_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Extension]:
    out = tmp_path_factory.mktemp("extended") / "more.head"
    return out, extend(head, newcomers, out, backbone=small_bundle)


def photos(folder: Path, first: int, count: int) -> list[Path]:
    for number in range(first, first + count):
        Image.fromarray(lines(number)).save(folder / f"{number}.png")
    return sorted(folder.glob("*.png"))


def test_new_class_is_found_on_photos_that_were_not_seen(
    extended: tuple[Path, Extension], small_bundle: Path, tmp_path: Path
) -> None:
    answers = HeadedPredictor([extended[0]], small_bundle).predict(photos(tmp_path, 100, 20))

    assert np.mean([answer.label == "lines" for (answer,) in answers]) >= 0.9


def test_old_classes_are_answered_as_before(
    extended: tuple[Path, Extension], head: Path, small_bundle: Path, drawn_dataset: Dataset
) -> None:
    predictor = HeadedPredictor([head, extended[0]], small_bundle)
    samples = drawn_dataset.samples("test")

    answers = list(predictor.predict([drawn_dataset.path(sample) for sample in samples]))

    before, after = (
        [answer.label == sample.class_name for answer, sample in zip(each, samples, strict=True)]
        for each in zip(*answers, strict=True)
    )
    assert sum(before) - sum(after) <= 1
    assert sum(one.is_unknown for one, _ in answers) >= sum(two.is_unknown for _, two in answers)


def test_card_says_what_was_added_and_drops_what_is_not_known_any_more(
    extended: tuple[Path, Extension], head: Path, newcomers: Dataset
) -> None:
    _, card = read_head(extended[0])
    _, old = read_head(head)

    assert card.classes == (*old.classes, "lines")
    assert card.backbone_sha256 == old.backbone_sha256
    steps = card.provenance["extended"]
    assert isinstance(steps, list)
    (step,) = steps
    assert step["added"] == {"lines": 15}
    assert step["dataset"]["fingerprint"] == newcomers.fingerprint
    assert step["head_sha256"] == old.content_sha256
    assert "validation" not in card.provenance
    assert old.decisions is not None
    assert card.decisions is not None
    assert card.unknown_threshold == old.unknown_threshold
    assert (card.decisions.set_threshold, card.decisions.confidences) == (None, {})


def test_validation_photos_say_what_became_of_the_new_class(
    extended: tuple[Path, Extension],
) -> None:
    _, done = extended

    assert done.old is None
    assert done.new is not None
    assert (done.new.photos, done.new.right_before) == (5, 0)
    assert done.new.right >= 4
    assert done.recalled == ("disc", "frame", "stripes")


def test_extended_head_is_extended_again(
    extended: tuple[Path, Extension], small_bundle: Path, tmp_path: Path
) -> None:
    more = prepare(
        source(tmp_path / "photos", count=12, name="others"),
        tmp_path / "dataset",
        config=PrepareConfig(split=(0.8, 0.2, 0.0), one_class=True),
    )

    done = extend(extended[0], more, tmp_path / "again.head", backbone=small_bundle)

    assert done.card.classes[-2:] == ("lines", "others")
    steps = done.card.provenance["extended"]
    assert isinstance(steps, list)
    assert [list(step["added"]) for step in steps] == [["lines"], ["others"]]


def test_the_same_seed_gives_the_same_file(
    extended: tuple[Path, Extension],
    head: Path,
    newcomers: Dataset,
    small_bundle: Path,
    tmp_path: Path,
) -> None:
    extend(head, newcomers, tmp_path / "again.head", backbone=small_bundle)

    assert read_head(tmp_path / "again.head")[0] == read_head(extended[0])[0]


def test_head_without_memory_needs_photos_of_its_classes(
    small_run: Run, newcomers: Dataset, small_bundle: Path, tmp_path: Path
) -> None:
    export_head(small_run, tmp_path / "small.head", with_unknown=False)

    with pytest.raises(DataError) as caught:
        extend(tmp_path / "small.head", newcomers, tmp_path / "more.head", backbone=small_bundle)

    assert caught.value.what == (
        f"{tmp_path / 'small.head'} was exported without what it knows of its classes, and the "
        "dataset shows none of them."
    )
    assert caught.value.at == ("disc", "frame", "stripes")
    assert not (tmp_path / "more.head").exists()


def test_dataset_without_a_new_class_is_refused(
    head: Path, drawn_dataset: Dataset, small_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="knows every class of"):
        extend(head, drawn_dataset, tmp_path / "more.head", backbone=small_bundle)


def test_few_photos_are_refused(head: Path, small_bundle: Path, tmp_path: Path) -> None:
    few = prepare(
        source(tmp_path / "photos", count=4),
        tmp_path / "dataset",
        config=PrepareConfig(split=(0.8, 0.2, 0.0), one_class=True),
    )

    with pytest.raises(DataError) as caught:
        extend(head, few, tmp_path / "more.head", backbone=small_bundle)

    assert caught.value.what == "A new class is learnt from 5 training photos or more."
    assert caught.value.at == ("lines (3)",)


def test_dataset_of_one_class_is_not_trained_on(newcomers: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        train(newcomers, tmp_path / "run")

    assert caught.value.what == (
        f"{newcomers.root} has one class only, lines; a classifier needs two or more."
    )


def test_name_without_the_suffix_is_refused(
    head: Path, newcomers: Dataset, small_bundle: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"A head's name ends in \.head"):
        extend(head, newcomers, tmp_path / "more.onnx", backbone=small_bundle)


def test_target_that_is_there_is_not_replaced(
    head: Path, newcomers: Dataset, small_bundle: Path
) -> None:
    with pytest.raises(ArtifactError, match="exists"):
        extend(head, newcomers, head, backbone=small_bundle)
