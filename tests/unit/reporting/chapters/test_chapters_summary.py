"""Six questions are answered from figures, in words that fit one, none and many."""

import dataclasses
from collections.abc import Callable, Mapping

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.findings.slices import Slice, Slices
from lineament.artifacts.report import EvaluationReport
from lineament.artifacts.verdicts import ComparisonReport
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.chapters.summary import (
    alternative,
    how_good,
    summary,
    trained_on,
    where_it_fails,
)
from lineament.reporting.story import Part
from lineament.reporting.trainings import Training

Figures = Callable[..., EvaluationReport]
MakePart = Callable[..., Part]


def answers(part: Part) -> dict[str, str]:
    given = summary(part)["answers"]
    assert isinstance(given, list)
    return dict(given)


def test_six_questions_are_answered(make_part: MakePart) -> None:
    assert answers(make_part()) == {
        "What was it trained on?": "On 60 photos of 2 classes (cat and dog), from /photos; 17 more "
        "photos chose it. Its backbone, test_net, had learnt from ImageNet-1k.",
        "What was left out?": "Of 100 files: 2 (unreadable); 1 (left out by a person's decision in "
        "audit.csv).",
        "How good is it, and how sure is that?": "80\u00a0% of 20 test photos that it had never "
        "seen are right (58 to 92 with 95% confidence). Always answering cat would reach "
        "50.0\u00a0%. The interval is wide: more test photos are needed to say more.",
        "Where does it fail?": "Weakest is dog: 70\u00a0% of its photos are found (40 to 89). Most "
        "often dog is answered cat (3 of 10 photos).",
        "Is it better than the alternative?": "Nobody compared it: no other model was measured on "
        "these photos (`lineament compare`).",
        "How is it made again?": "By the command under “How to make it again”, with seed 4.",
    }


def test_one_class_and_one_photo_are_said_as_one(
    make_part: MakePart, make_training: Callable[..., Training]
) -> None:
    counts = {"photos": {"train": 1, "validation": 1}, "fingerprint": "f00d"}
    part = make_part(training=make_training(classes=("cat",), dataset=counts, mode="scratch"))

    assert trained_on(part) == (
        "On 1 photo of one class, cat, from /photos; 1 more photo chose it."
    )


def test_many_classes_are_counted_and_not_named(
    make_part: MakePart, make_training: Callable[..., Training]
) -> None:
    names = tuple(f"class {number}" for number in range(1200))
    part = make_part(training=make_training(classes=names))

    assert trained_on(part).startswith("On 60 photos of 1,200 classes, from /photos;")


def test_source_of_other_data_is_not_named(
    make_part: MakePart, make_training: Callable[..., Training]
) -> None:
    other = {"photos": {"train": 5, "validation": 2}, "fingerprint": "beef"}

    assert "/photos" not in trained_on(make_part(training=make_training(dataset=other)))


def test_nothing_left_out_is_said(make_part: MakePart, dataset: Dataset) -> None:
    counts = {"scanned": 1, "kept": 1, "rejected_by_reason": {}}
    whole = dataclasses.replace(dataset, document={**dataset.document, "counts": counts})

    assert answers(make_part(dataset=whole))["What was left out?"] == (
        "Nothing: the only file of the source is in."
    )


def test_dataset_that_does_not_say_what_was_left_out(make_part: MakePart, dataset: Dataset) -> None:
    old = dataclasses.replace(dataset, document={})

    assert answers(make_part(dataset=old))["What was left out?"] == "The dataset does not say."


def test_perfect_model_is_not_called_faultless(figures: Figures) -> None:
    perfect = figures({"cat": (300, 300), "dog": (300, 300)})

    assert how_good(perfect).endswith(
        "Not one mistake was seen, which does not mean that there are none."
    )
    assert where_it_fails(perfect) == "On none of 600 photos."


def test_model_at_chance_is_not_to_be_used(figures: Figures) -> None:
    assert "The model is not told from that: do not use it." in how_good(
        figures({"cat": (52, 100), "dog": (49, 100)})
    )


def test_model_below_a_constant_answer_is_said_to_be(figures: Figures) -> None:
    assert how_good(figures({"cat": (50, 190), "dog": (9, 10)})).endswith(
        "Always answering cat would reach 95.0\u00a0%. The model is right less often than that: do "
        "not use it. The interval is wide: more test photos are needed to say more."
    )


def test_several_commands_are_counted(make_part: MakePart) -> None:
    assert answers(make_part(commands=("a", "b")))["How is it made again?"] == (
        "By the 2 commands under “How to make it again”, with seed 4."
    )


def test_one_class_alone_has_no_constant_answer_to_beat(figures: Figures) -> None:
    assert "Always answering" not in how_good(figures({"cat": (90, 100)}))


def test_groups_are_named_where_they_count(figures: Figures) -> None:
    grouped: Mapping[str, Interval] = {
        "accuracy": dataclasses.replace(wilson(16, 20), n_groups=4, method="group-bootstrap")
    }

    assert how_good(figures(headline=grouped)).startswith(
        "80\u00a0% of 20 test photos from 4 groups that it had never seen are right"
    )


def test_slices_that_were_looked_at_are_told(figures: Figures) -> None:
    one = Slice(
        column="light",
        value="dark",
        photos=5,
        groups=None,
        accuracy=wilson(1, 5),
        difference=wilson(1, 5),
        p_value=0.01,
    )
    found = Slices(slices=(one,), skipped=(), sentences=("Dark photos: worse.", "More."))

    assert where_it_fails(figures(slices=found)).endswith(" Dark photos: worse.")


def test_figures_without_mistakes_to_name_say_so(figures: Figures) -> None:
    assert where_it_fails(figures({"cat": (9, 10)}, most_confused=())) == (
        "The report does not say."
    )


def comparison(*names: str, sentence: str = "Take b: it is better.") -> ComparisonReport:
    from lineament.artifacts.verdicts import Contender, Cost

    contenders = tuple(
        Contender(
            name=name,
            runs=(name,),
            seeds=(0,),
            accuracy=wilson(9, 10),
            by_seed=(0.9,),
            balanced_accuracy=wilson(9, 10),
            log_loss=wilson(9, 10),
            cost=Cost(),
            on_front=True,
            facts={},
        )
        for name in names
    )
    return ComparisonReport(
        dataset={},
        split="test",
        n_images=10,
        n_groups=None,
        classes=("cat", "dog"),
        contenders=contenders,
        verdicts=(),
        recommendation="b",
        sentence=sentence,
        warnings=(),
        seed=0,
        resamples=1000,
        level=0.95,
        environment={},
    )


def test_comparison_says_what_to_take_and_what_is_told_below(make_part: MakePart) -> None:
    assert alternative(make_part(comparison=comparison("a", "b"))) == (
        "Of 2 models: Take b: it is better. Told in full below is run, which the validation photos "
        "chose."
    )


@pytest.mark.parametrize("name", ["b", "b-s1"])
def test_recommended_run_itself_needs_no_more_words(make_part: MakePart, name: str) -> None:
    part = make_part(comparison=comparison("a", "b"))
    part = dataclasses.replace(part, chapter=dataclasses.replace(part.chapter, name=name))

    assert "Told in full below" not in alternative(part)


def test_artifacts_that_say_too_little_make_no_commands(make_part: MakePart) -> None:
    assert answers(make_part(commands=()))["How is it made again?"] == (
        "The artifacts do not say enough to write the commands down."
    )
