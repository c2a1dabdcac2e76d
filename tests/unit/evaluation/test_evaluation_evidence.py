"""What a dataset says of its validation and test photos."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset, Sample, write_dataset
from lineament.artifacts.origins import Origin
from lineament.evaluation.evidence import Evidence, Property, Share, evidence_of, looks_of
from lineament.imaging.decode import FileFacts
from lineament.imaging.look import Look, look


def _dataset(
    root: Path,
    splits: Mapping[str, Sequence[tuple[str, str]]],
    *,
    sizes: Mapping[str, int] | None = None,
    folds: Mapping[str, int] | None = None,
    **document: object,
) -> Dataset:
    """A dataset of tables alone: class and tie (``same-``, ``near-``, a group) per photo."""
    samples: dict[str, list[Sample]] = {}
    sources = []
    for split in ("train", "validation", "test"):
        samples[split] = []
        for number, (class_name, tie) in enumerate(splits.get(split, ())):
            name = f"images/{class_name}/{split}{number}.png"
            is_group = bool(tie) and not tie.startswith(("same-", "near-"))
            samples[split].append(
                Sample(
                    filename=name,
                    label=("cat", "dog").index(class_name),
                    class_name=class_name,
                    group=tie if is_group else "",
                )
            )
            side = (sizes or {}).get(split, 10)
            sources.append(
                Origin(
                    filename=name,
                    source=name,
                    sha256=name,
                    pixels=name,
                    duplicate_set=tie if tie.startswith("same-") else "",
                    near_set=tie if tie.startswith("near-") else "",
                    facts=FileFacts(
                        format="PNG", mode="RGB", width=side, height=side, size_bytes=1, taken=""
                    ),
                )
            )
    write_dataset(
        root,
        classes=("cat", "dog"),
        splits=samples,
        sources=sources,
        rejected=[],
        document=document,
        folds=folds,
    )
    return Dataset.open(root)


def _evidence(dataset: Dataset, **changes: object) -> Evidence:
    return evidence_of(dataset, trained_on=dataset.fingerprint, **changes)  # type: ignore[arg-type]  # the tests' own


PLAIN: Mapping[str, Sequence[tuple[str, str]]] = {
    "train": [("cat", ""), ("dog", "")],
    "validation": [("cat", ""), ("cat", ""), ("cat", ""), ("dog", "")],
    "test": [("cat", ""), ("dog", "")],
}


def test_photos_and_shares_of_classes_are_counted(tmp_path: Path) -> None:
    found = _evidence(_dataset(tmp_path, PLAIN))
    assert (found.validation_photos, found.test_photos) == (4, 2)
    assert found.shares == (
        Share(name="cat", validation=0.75, test=0.5),
        Share(name="dog", validation=0.25, test=0.5),
    )


def test_ties_to_train_are_counted_by_kind(tmp_path: Path) -> None:
    dataset = _dataset(
        tmp_path,
        {
            "train": [("cat", "same-1"), ("cat", "near-1"), ("dog", "anna")],
            "validation": [("cat", "same-1"), ("dog", "anna"), ("dog", "anna"), ("cat", "near-2")],
            "test": [("cat", "near-1"), ("dog", "bob"), ("cat", "near-2")],
        },
    )
    found = _evidence(dataset)
    assert found.tied_validation == {"copies": 1, "near duplicates": 0, "groups": 2}
    assert found.tied_test == {"copies": 0, "near duplicates": 1, "groups": 0}
    assert found.groups_named


def test_a_dataset_that_was_prepared_has_no_ties(drawn_dataset: Dataset) -> None:
    found = _evidence(drawn_dataset)
    none = {"copies": 0, "near duplicates": 0, "groups": 0}
    assert (found.tied_validation, found.tied_test) == (none, none)
    assert found.near_looked_for
    assert not found.groups_named
    assert found.test_chosen == "alike"


def test_near_duplicates_that_nobody_looked_for_are_said(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, PLAIN, config={"near_duplicates": False})
    assert not _evidence(dataset).near_looked_for


@pytest.mark.parametrize(
    ("split", "chosen"),
    [
        ({"given": {"test": "test"}, "carved": ["validation"], "time_by": None}, "given"),
        ({"given": {"test": "test", "validation": "val"}, "carved": []}, "alike"),
        ({"given": {}, "carved": []}, "alike"),
        ({"given": {}, "carved": [], "time_by": "exif"}, "newest"),
        (None, "alike"),
    ],
)
def test_how_the_test_photos_were_chosen_is_read(
    tmp_path: Path, split: Mapping[str, object] | None, chosen: str
) -> None:
    assert _evidence(_dataset(tmp_path, PLAIN, split=split)).test_chosen == chosen


def test_a_fold_stands_in_for_the_validation_split(tmp_path: Path) -> None:
    names = ["images/cat/train0.png", "images/dog/train1.png"]
    names += [f"images/cat/validation{i}.png" for i in range(3)] + ["images/dog/validation3.png"]
    folds = {name: 1 + (name == "images/dog/train1.png") for name in names}
    dataset = _dataset(tmp_path, PLAIN, folds=folds, split={"given": {"test": "test"}})
    found = _evidence(dataset, fold=2)
    assert (found.validation_photos, found.test_chosen) == (1, "given")
    assert [each.validation for each in found.shares] == [0, 1]


def test_a_model_of_another_dataset_has_hardly_any_evidence(tmp_path: Path) -> None:
    found = evidence_of(_dataset(tmp_path, PLAIN), trained_on="another", candidates=7)
    assert found == Evidence(same_dataset=False, candidates=7)


def test_a_model_that_states_no_dataset_is_of_another(tmp_path: Path) -> None:
    assert not evidence_of(_dataset(tmp_path, PLAIN), trained_on=None).same_dataset


def test_the_size_of_the_photos_is_compared_without_reading_them(tmp_path: Path) -> None:
    found = _evidence(_dataset(tmp_path, PLAIN, sizes={"validation": 10, "test": 20}))
    (pixels,) = found.properties
    assert (pixels.name, pixels.validation, pixels.test, pixels.exceeds) == ("pixels", 100, 400, 1)
    assert pixels.deviations == pytest.approx(0.5 / np.sqrt(7 / (12 * 8)))


def test_photos_of_one_size_are_alike(tmp_path: Path) -> None:
    assert _evidence(_dataset(tmp_path, PLAIN)).properties == (
        Property(name="pixels", validation=100, test=100, exceeds=0.5, deviations=0.0),
    )


def test_a_split_without_photos_is_compared_with_nothing(tmp_path: Path) -> None:
    found = _evidence(_dataset(tmp_path, {"train": [("cat", "")], "test": [("dog", "")]}))
    assert (found.shares, found.properties, found.validation_photos) == ((), (), 0)


def _look(draw_photo: Callable[..., NDArray[np.uint8]], seed: int, *, darker: float) -> Look:
    return look((draw_photo(seed, 40, 40) * darker).astype(np.uint8))


def test_how_photos_look_is_compared(
    tmp_path: Path, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    measured = {
        "validation": [_look(draw_photo, seed, darker=1.0) for seed in range(10)],
        "test": [_look(draw_photo, seed, darker=0.3) for seed in range(10)],
    }
    found = {p.name: p for p in _evidence(_dataset(tmp_path, PLAIN), measured=measured).properties}
    assert list(found) == ["pixels", "brightness", "contrast", "sharpness", "saturation"]
    assert found["brightness"].exceeds < 0.05
    assert found["brightness"].test < found["brightness"].validation


def test_some_photos_of_a_split_are_looked_at(
    tmp_path: Path, draw_photo: Callable[..., NDArray[np.uint8]]
) -> None:
    dataset = _dataset(tmp_path, {"test": [("cat", "")] * 6})
    folder = tmp_path / "images" / "cat"
    folder.mkdir(parents=True)
    for number in range(5):  # the sixth cannot be read
        Image.fromarray(draw_photo(number, 30, 40)).save(folder / f"test{number}.png")
    assert len(looks_of(dataset, "test")) == 5
    assert looks_of(dataset, "test", limit=3, seed=1) == looks_of(dataset, "test", limit=3, seed=1)
    assert len(looks_of(dataset, "test", limit=2)) <= 2
