"""A page embeds each photo once, no more bytes than it may, and mistakes before the rest."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from lineament.artifacts.predictions import Predictions
from lineament.reporting.photo_shelf import PhotoShelf, cell_photos
from lineament.reporting.template import as_json


def answered(labels: list[int], answers: list[int], confidence: list[float]) -> Predictions:
    probabilities = np.zeros((len(labels), 2), dtype=np.float32)
    for row, (answer, sure) in enumerate(zip(answers, confidence, strict=True)):
        probabilities[row, answer], probabilities[row, 1 - answer] = sure, 1 - sure
    return Predictions(
        samples=tuple(f"{number}.jpg" for number in range(len(labels))),
        classes=("cat", "dog"),
        probabilities=probabilities,
        logits=probabilities,
        labels=np.array(labels, dtype=np.int64),
        groups=("",) * len(labels),
    )


def shown(cells: Any) -> dict[str, list[str]]:
    return {name: [each[1] for each in cell["photos"]] for name, cell in cells.items()}


def test_photo_is_embedded_once_and_made_once() -> None:
    shelf, made = PhotoShelf(most_bytes=1000), []

    def picture() -> bytes:
        made.append(1)
        return b"jpeg"

    assert shelf.put("a", picture)
    assert shelf.put("a", picture)
    assert len(made) == 1
    assert json.loads(shelf.json()) == {"a": base64.b64encode(b"jpeg").decode()}


def test_photos_take_no_more_bytes_than_they_may() -> None:
    shelf = PhotoShelf(most_bytes=100)

    kept = [shelf.put(str(number), lambda: b"x" * 21) for number in range(9)]

    assert kept == [True, True, False, False, False, False, False, False, False]
    assert len(shelf.json()) <= 100 + len("{}")


def test_smaller_photo_may_fit_where_a_large_one_does_not() -> None:
    shelf = PhotoShelf(most_bytes=60)

    assert not shelf.put("large", lambda: b"x" * 90)
    assert shelf.put("small", lambda: b"x")


def test_photo_that_is_gone_is_left_out() -> None:
    shelf = PhotoShelf(most_bytes=1000)

    assert not shelf.put("gone", lambda: None)
    assert shelf.json() == "{}"


def test_nothing_is_made_when_the_shelf_is_full() -> None:
    def picture() -> bytes:
        raise AssertionError("made in vain")

    assert not PhotoShelf(most_bytes=0).put("a", picture)


@pytest.mark.parametrize("name", ["</script><script>alert(1)", "<!--", "]]>"])
def test_no_name_breaks_out_of_the_page(name: str) -> None:
    written = as_json({name: name})

    assert "</" not in written
    assert "<!" not in written
    assert json.loads(written) == {name: name}


def test_every_cell_says_how_many_photos_stand_behind_it() -> None:
    predictions = answered([0, 0, 0, 1, 1], [0, 1, 1, 1, 0], [0.9, 0.7, 0.8, 0.6, 0.99])
    cells: Any = cell_photos(
        predictions,
        PhotoShelf(most_bytes=10_000),
        name="p1",
        picture=lambda sample: sample.encode(),
        per_cell=1,
        most_bytes=10_000,
    )

    assert {name: (cell["truth"], cell["answer"], cell["n"]) for name, cell in cells.items()} == {
        "p1:0:0": ("cat", "cat", 1),
        "p1:0:1": ("cat", "dog", 2),
        "p1:1:0": ("dog", "cat", 1),
        "p1:1:1": ("dog", "dog", 1),
    }
    assert shown(cells)["p1:0:1"] == ["2.jpg"]  # the surest of the two
    assert cells["p1:1:0"]["photos"] == [["p1/4.jpg", "4.jpg", 0.99]]


def test_right_answers_show_the_least_sure_first() -> None:
    predictions = answered([0, 0, 0], [0, 0, 0], [0.9, 0.6, 0.7])

    cells = cell_photos(
        predictions,
        PhotoShelf(most_bytes=10_000),
        name="p1",
        picture=lambda sample: b"x",
        per_cell=9,
        most_bytes=10_000,
    )

    assert shown(cells) == {"p1:0:0": ["1.jpg", "2.jpg", "0.jpg"]}


def test_each_kind_of_mistake_has_a_photo_before_another_has_two() -> None:
    predictions = answered([0] * 5 + [1, 1], [1] * 5 + [0, 1], [0.9] * 7)

    cells = cell_photos(
        predictions,
        PhotoShelf(most_bytes=10_000),
        name="p1",
        picture=lambda sample: b"x" * 30,
        per_cell=9,
        most_bytes=150,
    )

    counts = {name: len(photos) for name, photos in shown(cells).items()}
    assert counts["p1:1:0"] == 1
    assert 1 <= counts["p1:0:1"] < 5
    assert counts["p1:1:1"] == 0


def test_after_a_photo_that_finds_no_room_no_other_is_decoded() -> None:
    predictions = answered([0] * 50, [1] * 50, [0.9] * 50)
    decoded = []

    def picture(sample: str) -> bytes:
        decoded.append(sample)
        return b"x" * 30

    cells = cell_photos(
        predictions,
        PhotoShelf(most_bytes=150),
        name="p1",
        picture=picture,
        per_cell=50,
        most_bytes=150,
    )

    assert len(shown(cells)["p1:0:1"]) == len(decoded) - 1 == 2


def test_photos_that_are_gone_leave_their_room_to_others() -> None:
    predictions = answered([0] * 5, [1] * 5, [0.9] * 5)

    cells = cell_photos(
        predictions,
        PhotoShelf(most_bytes=1000),
        name="p1",
        picture=lambda sample: None if sample < "2" else b"x",
        per_cell=9,
        most_bytes=1000,
    )

    assert shown(cells) == {"p1:0:1": ["2.jpg", "3.jpg", "4.jpg"]}


def test_room_that_galleries_did_not_fit_into_still_takes_small_photos() -> None:
    shelf = PhotoShelf(most_bytes=100)
    assert not shelf.put("p1/a picture of a gallery", lambda: b"x" * 90)

    cells = cell_photos(
        answered([0], [1], [0.9]),
        shelf,
        name="p1",
        picture=lambda sample: b"x",
        per_cell=9,
        most_bytes=100,
    )

    assert shown(cells) == {"p1:0:1": ["0.jpg"]}


def test_photos_without_a_known_class_stand_in_no_cell() -> None:
    predictions = answered([-1, 0], [0, 0], [0.9, 0.9])

    cells = cell_photos(
        predictions,
        PhotoShelf(most_bytes=1000),
        name="p1",
        picture=lambda sample: b"x",
        per_cell=9,
        most_bytes=1000,
    )

    assert shown(cells) == {"p1:0:0": ["1.jpg"]}


def test_cells_that_the_page_cannot_open_take_no_room() -> None:
    predictions = answered([0, 0, 1], [0, 1, 0], [0.9] * 3)

    cells = cell_photos(
        predictions,
        PhotoShelf(most_bytes=1000),
        name="p1",
        picture=lambda sample: b"x",
        per_cell=9,
        most_bytes=1000,
        only={(0, 1)},
    )

    assert shown(cells) == {"p1:0:1": ["1.jpg"]}
