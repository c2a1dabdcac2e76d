"""Shortcuts: what separates classes is found and told in words, what does not is not."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from lineament.imaging.decode import FileFacts
from lineament.imaging.look import Look
from lineament.preparation.inspection.shortcuts import Shortcut, find_shortcuts


def looks_of(n: int, seed: int = 0) -> list[Look]:
    names = [field.name for field in dataclasses.fields(Look)]
    numbers = np.random.default_rng(seed).random((n, len(names))).round(4).tolist()
    return [Look(**dict(zip(names, row, strict=True))) for row in numbers]


def file(
    *,
    format: str = "JPEG",
    mode: str = "RGB",
    width: int = 300,
    height: int = 200,
    size_bytes: int = 30_000,
    camera: bool = False,
) -> FileFacts:
    return FileFacts(
        format=format,
        mode=mode,
        width=width,
        height=height,
        size_bytes=size_bytes,
        taken="2020:01:02 03:04:05" if camera else "",
    )


def varied(n: int, seed: int = 0) -> list[FileFacts]:
    rng = np.random.default_rng(seed)
    return [
        file(
            width=int(rng.integers(150, 250)),
            height=int(rng.integers(150, 250)),
            size_bytes=int(rng.integers(8_000, 16_000)),
            format=("JPEG", "PNG")[int(rng.random() < 0.2)],
            camera=bool(rng.random() < 0.3),
        )
        for _ in range(n)
    ]


def find(
    facts: Sequence[FileFacts],
    names: Sequence[str],
    *,
    looks: Sequence[Look] | None = None,
    units: Sequence[int] | None = None,
) -> dict[str, Shortcut]:
    found = find_shortcuts(
        looks_of(len(names)) if looks is None else looks,
        facts,
        names,
        list(range(len(names))) if units is None else units,
    )
    return {each.property: each for each in found}


def warned(found: dict[str, Shortcut]) -> set[str]:
    return {name for name, each in found.items() if each.suspicious}


FACES = ["face", "scene"] * 100


def celeba_and_natural_images() -> list[FileFacts]:
    facts = varied(len(FACES))
    return [
        dataclasses.replace(each, width=178, height=218) if name == "face" else each
        for each, name in zip(facts, FACES, strict=True)
    ]


def test_a_size_that_only_one_class_has_is_the_shortcut() -> None:
    size = find(celeba_and_natural_images(), FACES)["width x height"]
    assert (size.accuracy, size.chance, size.suspicious) == (1.0, 0.5, True)
    assert 0.97 < size.low < size.high == 1.0


def test_the_sentence_says_what_separates_the_classes_and_how_well() -> None:
    assert find(celeba_and_natural_images(), FACES)["width x height"].sentence == (
        "All photos of `face` are 178 x 218, and none of `scene`: this alone tells them apart "
        "with 100 % balanced accuracy (a constant answer: 50.0 %)."
    )


def test_the_typical_value_of_a_class_is_in_words() -> None:
    per_class = find(celeba_and_natural_images(), FACES)["width x height"].per_class
    assert per_class["face"] == "178 x 218 (100 %)"
    assert per_class["scene"].startswith("100 values, most often ")


def test_the_class_of_one_value_is_named_first_wherever_it_stands() -> None:
    facts = celeba_and_natural_images()
    names = [{"face": "zebra", "scene": "apple"}[name] for name in FACES]
    assert find(facts, names)["width x height"].sentence.startswith(
        "All photos of `zebra` are 178 x 218, and none of `apple`: "
    )


def test_exceptions_are_counted_in_the_sentence() -> None:
    facts = [
        file(format="PNG" if (name == "a") != (place < 4) else "JPEG")
        for place, name in enumerate(["a", "b"] * 100)
    ]
    assert find(facts, ["a", "b"] * 100)["format"].sentence == (
        "98.0 % of the photos of `a` are PNG, and 2.0 % of `b`: this alone tells them apart with "
        "98.0 % balanced accuracy (a constant answer: 50.0 %)."
    )


def test_a_number_is_told_by_median_and_middle_half() -> None:
    facts = [
        file(size_bytes=(60_000 if name == "a" else 12_000) + 60 * (place // 2))
        for place, name in enumerate(["a", "b"] * 101)
    ]
    found = find(facts, ["a", "b"] * 101)["bytes per pixel"]
    assert found.sentence == (
        "Bytes per pixel of `a` is median 1.05 (1.02 to 1.07), of `b` median 0.25 (0.23 to 0.28): "
        "this alone tells them apart with 100 % balanced accuracy (a constant answer: 50.0 %)."
    )


def test_without_a_shortcut_there_is_no_warning() -> None:
    found = find(varied(400), ["cat", "dog"] * 200)
    assert warned(found) == set()
    assert found["brightness"].sentence == (
        f"Brightness alone tells the classes apart with {100 * found['brightness'].accuracy:.1f} % "
        "balanced accuracy (a constant answer: 50.0 %)."
    )


def test_every_property_is_returned_best_first() -> None:
    found = find(celeba_and_natural_images(), FACES)
    accuracies = [each.accuracy for each in found.values()]
    assert next(iter(found)) == "width x height"
    assert len(found) == 15
    assert accuracies == sorted(accuracies, reverse=True)


def test_equal_properties_reach_what_a_constant_answer_does() -> None:
    found = find([file() for _ in range(60)], ["a", "b", "c"] * 20)
    assert found["format"].accuracy == found["aspect ratio"].accuracy == pytest.approx(1 / 3)


def test_sizes_that_never_come_again_tell_nothing() -> None:
    facts = [file(width=1000 + place, height=1000) for place in range(200)]
    assert not find(facts, FACES)["width x height"].suspicious


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("format", file(format="PNG")),
        ("pixel type", file(mode="L")),
        ("date taken", file(camera=True)),
        ("aspect ratio", file(width=201, height=300)),
        ("shorter side", file(width=1500, height=1000)),
        ("bytes per pixel", file(size_bytes=90_000)),
    ],
)
def test_each_fact_of_the_file_can_be_the_shortcut(name: str, other: FileFacts) -> None:
    facts = [other if label == "face" else file() for label in FACES]
    assert name in warned(find(facts, FACES))


def test_grey_photos_of_one_class_are_a_shortcut() -> None:
    looks = [
        dataclasses.replace(each, saturation=0.0 if name == "face" else each.saturation + 0.01)
        for each, name in zip(looks_of(200), FACES, strict=True)
    ]
    assert find(varied(200), FACES, looks=looks)["colour"].sentence == (
        "All photos of `face` are grey, and none of `scene`: this alone tells them apart with "
        "100 % balanced accuracy (a constant answer: 50.0 %)."
    )


@pytest.mark.parametrize(("name", "suspicious"), [("border", True), ("brightness", False)])
def test_light_may_tell_more_than_a_technical_property(*, name: str, suspicious: bool) -> None:
    rng = np.random.default_rng(0)
    looks = [  # told with about 83 % accuracy
        dataclasses.replace(each, **{name: float(rng.normal(0.6 if label == "face" else 0.4, 0.1))})
        for each, label in zip(looks_of(1000), FACES * 5, strict=True)
    ]
    found = find(varied(1000), FACES * 5, looks=looks)[name]
    assert 0.78 < found.accuracy < 0.88
    assert found.suspicious is suspicious


def test_light_that_nearly_decides_is_a_shortcut() -> None:
    looks = [
        dataclasses.replace(each, brightness=each.brightness / 3 + (name == "face") / 2)
        for each, name in zip(looks_of(200), FACES, strict=True)
    ]
    assert warned(find(varied(200), FACES, looks=looks)) == {"brightness"}


def test_one_class_of_many_that_differs_is_named() -> None:
    names = [f"class {place % 10}" for place in range(400)]
    facts = [
        file(width=178, height=218) if name == "class 7" else each
        for each, name in zip(varied(400), names, strict=True)
    ]
    size = find(facts, names)["width x height"]
    assert size.accuracy < 0.3
    assert size.separated == {"class 7": 1.0}
    assert size.sentence == (
        "All photos of `class 7` are 178 x 218, and none of the other classes: this alone tells "
        "them apart with 100 % balanced accuracy (a constant answer: 50.0 %)."
    )


def test_classes_that_differ_as_well_are_named_with_it() -> None:
    names = [f"class {place % 20}" for place in range(800)]
    facts = [file(format={"class 7": "PNG", "class 8": "WEBP"}.get(name, "JPEG")) for name in names]
    assert find(facts, names)["format"].sentence == (
        "All photos of `class 7` are PNG, and none of the other classes: this alone tells them "
        "apart with 100 % balanced accuracy (a constant answer: 50.0 %). It also singles out "
        "`class 8`."
    )


def test_a_size_of_each_class_is_told_for_all_of_them() -> None:
    names = [f"person {place % 9}" for place in range(270)]
    facts = [file(width=300 + place % 9) for place in range(270)]
    assert find(facts, names)["width x height"].sentence == (
        "Width x height alone tells the 9 classes apart with 100 % balanced accuracy (a constant "
        "answer: 11.1 %): `person 0` 300 x 200 (100 %); `person 1` 301 x 200 (100 %); `person 2` "
        "302 x 200 (100 %); and 6 more."
    )


@pytest.mark.parametrize(("n", "classes"), [(8, 2), (20, 2), (60, 6), (400, 20), (2000, 100)])
def test_chance_raises_no_alarm(n: int, classes: int) -> None:
    alarms = 0
    for seed in range(10):
        names = [str(place % classes) for place in range(n)]
        alarms += bool(warned(find(varied(n, seed), names, looks=looks_of(n, seed))))
    assert alarms <= 1  # one dataset in twenty may


def test_a_burst_counts_as_one_photo() -> None:
    # One recording of 60 frames of each class, and 30 photos without a difference.
    names = ["a", "b"] * 60 + ["a", "b"] * 15
    facts = [file(format="PNG" if name == "a" else "JPEG") for name in names[:120]]
    units = [place % 2 for place in range(120)] + list(range(2, 32))
    each_alone = find([*facts, *varied(30)], names)["format"]
    together = find([*facts, *varied(30)], names, units=units)["format"]
    assert each_alone.suspicious
    assert not together.suspicious


def test_a_class_of_one_unit_cannot_be_checked_and_is_left_out() -> None:
    names = ["a", "b"] * 20 + ["c"] * 5
    found = find(varied(45), names, units=[*range(40), *[40] * 5])
    assert found["format"].chance == 0.5
    assert set(found["format"].per_class) == {"a", "b"}


@pytest.mark.parametrize(
    "names",
    [[], ["a"] * 6, [""] * 6, ["a", "b", "c", "d"], ["a", "", "", "", "a"]],
    ids=["none", "one class", "unlabelled", "one photo per class", "one labelled class"],
)
def test_where_nothing_can_be_compared_there_is_nothing(names: list[str]) -> None:
    assert find(varied(len(names)), names) == {}


def test_photos_without_a_label_change_nothing() -> None:
    facts, looks = celeba_and_natural_images(), looks_of(200)
    alone = find_shortcuts(looks, facts, FACES, range(200))
    more = find_shortcuts(
        [*looks, *looks_of(50)], [*facts, *varied(50)], [*FACES, *[""] * 50], range(250)
    )
    assert alone == more


def test_the_order_of_arrival_does_not_matter() -> None:
    facts, looks = celeba_and_natural_images(), looks_of(200)
    order = np.random.default_rng(1).permutation(200).tolist()
    shuffled = find_shortcuts(
        [looks[place] for place in order],
        [facts[place] for place in order],
        [FACES[place] for place in order],
        order,
    )
    for one, other in zip(find_shortcuts(looks, facts, FACES, range(200)), shuffled, strict=True):
        assert one.property == other.property
        assert one.accuracy == pytest.approx(other.accuracy)
        assert (one.per_class, one.sentence) == (other.per_class, other.sentence)


def test_seven_thousand_classes_need_no_table_of_pairs() -> None:
    n, classes = 28_000, 7_000
    names = [f"person {place % classes}" for place in range(n)]
    facts = [file(width=178, height=218) if place % 2 else file() for place in range(n)]
    found = find(facts, names)
    assert found["width x height"].accuracy == pytest.approx(2 / classes)
    assert warned(found) == set()
