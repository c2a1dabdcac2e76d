"""Which photos are shown of how many, and their pictures, each drawn once."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.findings.galleries import BORDERLINE, RIGHT, SUREST, WRONG
from lineament.artifacts.predictions import Predictions
from lineament.core.errors import DataError
from lineament.explanation.galleries import SIDE_PX, Choice, choose, draw
from lineament.imaging.preprocess import Preprocessing

SEEN = Preprocessing(
    size_px=32, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3
)


def answered(rows: Sequence[Sequence[float]], labels: Sequence[int]) -> Predictions:
    probabilities = np.array(rows, dtype=np.float32)
    return Predictions(
        samples=tuple(f"{number}.png" for number in range(len(rows))),
        classes=("cat", "dog", "fox")[: probabilities.shape[1]],
        probabilities=probabilities,
        logits=np.log(probabilities + 1e-6),
        labels=np.array(labels, dtype=np.int64),
        groups=("",) * len(rows),
    )


SIX = answered(
    [[0.9, 0.1], [0.2, 0.8], [0.55, 0.45], [0.97, 0.03], [0.35, 0.65], [0.3, 0.7]],
    [0, 0, 0, 1, 1, 1],
)


def found(choices: Sequence[Choice]) -> dict[tuple[str, str | None], tuple[int, tuple[int, ...]]]:
    return {(each.kind, each.class_name): (each.n_photos, each.rows) for each in choices}


def test_every_kind_is_chosen_surest_first_and_the_closest_first() -> None:
    assert found(choose(SIX, surest=1, borderline=9, per_class=2)) == {
        (SUREST, None): (2, (3,)),
        (BORDERLINE, None): (1, (2,)),
        (RIGHT, "cat"): (2, (0, 2)),
        (WRONG, "cat"): (1, (1,)),
        (RIGHT, "dog"): (2, (5, 4)),
        (WRONG, "dog"): (1, (3,)),
    }


def test_model_without_a_mistake_has_no_gallery_of_them() -> None:
    perfect = answered([[0.9, 0.1], [0.2, 0.8]], [0, 1])

    assert {kind for kind, _ in found(choose(perfect))} == {RIGHT}


def test_one_class_alone_has_no_borderline_photos() -> None:
    assert found(choose(answered([[1.0], [1.0]], [0, 0]))) == {(RIGHT, "cat"): (2, (0, 1))}


def test_photos_whose_class_is_not_known_are_left_out() -> None:
    unknown = answered([[0.9, 0.1], [0.5, 0.5]], [-1, -1])

    assert choose(unknown) == []


def test_of_many_classes_those_with_the_lowest_recall_are_shown_in_column_order() -> None:
    rows = [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.1, 0.8, 0.1]]
    three = answered(rows, [0, 2, 1, 1])  # a recall of 1, 0.5 and 0

    shown = [each.class_name for each in choose(three, most_classes=2) if each.class_name]

    assert shown == ["dog", "dog", "fox"]


def test_of_classes_with_the_same_recall_the_first_are_shown() -> None:
    three = answered([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], [0, 1, 2])

    assert [each.class_name for each in choose(three, most_classes=2)] == ["cat", "dog"]


def test_photos_of_unknown_class_are_in_no_gallery_beside_known_ones() -> None:
    mixed = answered([[0.9, 0.1], [0.5, 0.5], [0.8, 0.2]], [0, -1, -1])

    assert found(choose(mixed)) == {(RIGHT, "cat"): (1, (0,))}


def test_equal_confidences_keep_the_order_of_the_photos() -> None:
    same = answered([[0.8, 0.2]] * 4, [1, 1, 1, 1])

    assert found(choose(same, surest=3))[(SUREST, None)] == (4, (0, 1, 2))


class Bright:
    """A map that is bright where the class's column says."""

    title = "bright"

    def __init__(self) -> None:
        self.made: list[int] = []

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        self.made.append(class_index)
        grid = np.zeros((2, 2), dtype=np.float32)
        grid[:, class_index] = 1
        return grid


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(6):
        image = np.full((30, 20 + 20 * (number == 0), 3), 90, dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "out").mkdir()
    return tmp_path


def test_every_photo_is_drawn_once_however_many_galleries_it_is_in(root: Path) -> None:
    maker = Bright()
    choices = choose(SIX)

    galleries = draw(choices, SIX, maker, root / "out", root=root, preprocessing=SEEN)

    assert [(each.kind, each.class_name, each.n_photos) for each in galleries] == [
        (each.kind, each.class_name, each.n_photos) for each in choices
    ]
    assert len(maker.made) == 6 + 2  # an answer of each photo, and the truth of the mistakes
    assert len(list((root / "out" / "photos").iterdir())) == 6 + 8


def test_pictures_are_numbered_in_the_order_of_the_page(root: Path) -> None:
    choices = [
        Choice(kind=SUREST, class_name=None, n_photos=2, rows=(3, 1)),
        Choice(kind=WRONG, class_name="cat", n_photos=1, rows=(1,)),
        Choice(kind=RIGHT, class_name="cat", n_photos=2, rows=(0,)),
    ]

    galleries = draw(choices, SIX, Bright(), root / "out", root=root, preprocessing=SEEN)

    assert [[(each.sample, each.photo) for each in gallery.shown] for gallery in galleries] == [
        [("3.png", "photos/0000.jpg"), ("1.png", "photos/0001.jpg")],
        [("1.png", "photos/0001.jpg")],
        [("0.png", "photos/0002.jpg")],
    ]
    assert sorted(path.name for path in (root / "out" / "photos").iterdir()) == [
        "0000-answer.jpg",
        "0000-truth.jpg",
        "0000.jpg",
        "0001-answer.jpg",
        "0001-truth.jpg",
        "0001.jpg",
        "0002-answer.jpg",
        "0002.jpg",
    ]


def test_heat_lies_over_what_the_model_sees_alone(root: Path) -> None:
    image = np.zeros((30, 60, 3), dtype=np.uint8)
    image[:15] = 200
    Image.fromarray(image).save(root / "0.png")
    crop = dataclasses.replace(SEEN, fit="crop")
    choice = Choice(kind=RIGHT, class_name="cat", n_photos=1, rows=(0,))

    (gallery,) = draw([choice], SIX, Bright(), root / "out", root=root, preprocessing=crop)

    plain, heated = (
        np.asarray(Image.open(root / "out" / name)).astype(int)
        for name in (gallery.shown[0].photo, gallery.shown[0].overlay)
    )
    difference = np.abs(plain - heated).mean(axis=(0, 2))
    assert plain[:30].mean() > plain[-30:].mean() + 100  # it stands upright
    assert difference[[*range(32), *range(128, 160)]].max() < 2  # 40 px on each side, less a blur
    assert difference[48:64].min() > 20


def test_photo_that_is_gone_is_named(root: Path) -> None:
    (root / "0.png").write_bytes(b"")
    choice = Choice(kind=RIGHT, class_name="cat", n_photos=1, rows=(0,))

    with pytest.raises(DataError) as caught:
        draw([choice], SIX, Bright(), root / "out", root=root, preprocessing=SEEN)

    assert str(caught.value) == (
        f"{root / '0.png'} cannot be read: empty file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )


def test_mistake_shows_the_evidence_for_answer_and_truth(root: Path) -> None:
    choice = Choice(kind=SUREST, class_name=None, n_photos=2, rows=(3,))

    (gallery,) = draw([choice], SIX, Bright(), root / "out", root=root, preprocessing=SEEN)

    (shown,) = gallery.shown
    assert (shown.sample, shown.truth, shown.answer) == ("3.png", "dog", "cat")
    assert (shown.confidence, shown.truth_probability) == pytest.approx((0.97, 0.03))
    assert shown.second == "dog"
    assert shown.second_probability == pytest.approx(0.03)
    assert shown.truth_overlay is not None
    for_answer, for_truth = (
        np.asarray(Image.open(root / "out" / name)).astype(int).mean(axis=2)
        for name in (shown.overlay, shown.truth_overlay)
    )
    assert for_answer[:, :40].mean() > for_answer[:, -40:].mean() + 30
    assert for_truth[:, -40:].mean() > for_truth[:, :40].mean() + 30


def test_right_answer_has_no_picture_for_the_truth(root: Path) -> None:
    choice = Choice(kind=RIGHT, class_name="cat", n_photos=2, rows=(0,))

    (gallery,) = draw([choice], SIX, Bright(), root / "out", root=root, preprocessing=SEEN)

    assert gallery.shown[0].truth_overlay is None


def test_pictures_keep_their_proportions_and_are_large_enough_to_see(root: Path) -> None:
    choice = Choice(kind=RIGHT, class_name="cat", n_photos=2, rows=(0,))

    (gallery,) = draw([choice], SIX, Bright(), root / "out", root=root, preprocessing=SEEN)

    with Image.open(root / "out" / gallery.shown[0].photo) as picture:
        assert picture.size == (SIDE_PX, round(SIDE_PX * 30 / 40))
