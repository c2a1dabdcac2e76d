"""Comparing: pairs, their words, and which model is recommended."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from lineament.artifacts.predictions import Predictions
from lineament.artifacts.verdicts import ComparisonReport, Cost
from lineament.core.errors import DataError, UsageError
from lineament.evaluation.comparing import Entry, compare, mean_over_seeds
from lineament.measure.intervals import Interval, wilson

CLASSES = ("cat", "dog")


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resampling is for the intervals of the single models alone, which are tested elsewhere."""
    monkeypatch.setattr("lineament.evaluation.comparing.RESAMPLES", 20)


def answers(
    right: Sequence[bool] | Sequence[int], *, groups: Sequence[str] | None = None
) -> Predictions:
    """Cats and dogs in turn, answered rightly where it says so."""
    n = len(right)
    labels = np.arange(n) % 2
    answered = np.where(np.asarray(right, dtype=bool), labels, 1 - labels)
    probabilities = np.where(np.eye(2)[answered] == 1, 0.8, 0.2).astype(np.float32)
    return Predictions(
        samples=tuple(f"{i:04}.png" for i in range(n)),
        classes=CLASSES,
        probabilities=probabilities,
        logits=np.log(probabilities),
        labels=labels.astype(np.int64),
        groups=tuple(groups or [""] * n),
    )


def entry(name: str, *predictions: Predictions, cost: Cost | None = None) -> Entry:
    return Entry(
        name=name,
        predictions=predictions,
        runs=tuple(f"runs/{name}-{i}" for i in range(len(predictions))),
        seeds=tuple(range(len(predictions))),
        cost=cost or Cost(),
        facts={"backbone": name},
    )


def pattern(only_first: int, only_second: int, n: int) -> tuple[list[int], list[int]]:
    """Right or wrong per photo for two models, of which either alone is right so often."""
    both = n - only_first - only_second
    return (
        [1] * only_first + [0] * only_second + [1] * both,
        [0] * only_first + [1] * only_second + [1] * both,
    )


def compared(
    *entries: Entry, split: str = "test", dataset: Mapping[str, object] | None = None
) -> ComparisonReport:
    return compare(entries, dataset=dataset or {"fingerprint": "f00d"}, split=split)


def pair(only_first: int, only_second: int, n: int, **costs: Cost) -> ComparisonReport:
    first, second = pattern(only_first, only_second, n)
    return compared(
        entry("A", answers(first), cost=costs.get("first")),
        entry("B", answers(second), cost=costs.get("second")),
    )


def milliseconds(value: float, spread: float = 0.1) -> Cost:
    timed = Interval(
        value=value, low=value - spread, high=value + spread, method="median of rounds", n=9
    )
    return Cost(milliseconds=timed)


# ------------------------------------------------------------------------------------ the words


def test_what_cannot_be_told_says_how_many_photos_would_tell_it() -> None:
    assert pair(3, 2, 216).verdicts[0].sentence == (
        "No difference between A and B can be told on these 216 photos (A is right on 3 where B is "
        "wrong, B on 2; p = 1.00); about 9,000 photos would be needed to tell one of this size, "
        "0.5 points (−2.1 to 3.2)."
    )


def test_what_is_told_says_by_how_much() -> None:
    assert pair(30, 8, 400).verdicts[0].sentence == (
        "A is better than B by 5.5 points (2.6 to 8.8), p < 0.001, on these 400 photos (A is right "
        "on 30 where B is wrong, B on 8)."
    )


def test_models_that_are_right_equally_often_say_what_is_not_excluded() -> None:
    assert pair(5, 5, 100).verdicts[0].sentence == (
        "No difference between A and B can be told on these 100 photos (A is right on 5 where B is "
        "wrong, B on 5; p = 1.00): they are right equally often. A difference of 7.0 points either "
        "way is not excluded."
    )


def test_models_that_are_right_on_the_same_photos_say_so() -> None:
    verdict = pair(0, 0, 100).verdicts[0]
    assert verdict.sentence == (
        "No difference between A and B can be told on these 100 photos: they are right on the very "
        "same ones. A difference of up to 3.7 points either way is not excluded."
    )
    assert (verdict.needed, verdict.p_value) == (None, 1.0)


def test_groups_are_named_and_needed_as_well() -> None:
    first, second = pattern(12, 8, 200)
    groups = [f"person {i // 4}" for i in range(200)]
    verdict = compared(
        entry("A", answers(first, groups=groups)), entry("B", answers(second, groups=groups))
    ).verdicts[0]
    assert verdict.difference.n_groups == 50
    assert verdict.needed is not None
    assert verdict.needed_groups == -(-verdict.needed // 4)
    assert "on these 200 photos of 50 groups (" in verdict.sentence
    assert " groups would be needed" in verdict.sentence


def test_several_pairs_are_corrected_for() -> None:
    first, second = pattern(30, 8, 400)
    report = compared(
        entry("A", answers(first)), entry("B", answers(second)), entry("C", answers(second))
    )
    verdict = report.verdicts[0]
    assert verdict.p_adjusted == pytest.approx(3 * verdict.p_value)
    assert "after Holm over 3 pairs" in verdict.sentence


def test_a_pair_that_only_correction_takes_away_is_not_told_to_need_fewer_photos() -> None:
    first, second = pattern(16, 5, 300)
    others = [entry(name, answers(second)) for name in ("B", "C", "D")]
    verdict = compared(entry("A", answers(first)), *others).verdicts[0]
    assert not verdict.differ
    assert verdict.sentence.endswith(
        "; alone, this pair would have p = 0.027 for a difference of this size, 3.7 points (0.7 to "
        "7.0), but of 6 pairs one may well look so by chance."
    )


def test_the_means_over_seeds_are_counted_in_words() -> None:
    first, second = pattern(30, 8, 400)
    report = compared(
        entry("A", answers(first), answers(second)), entry("B", answers(second), answers(second))
    )
    assert (
        "(A is right on 15 where B is wrong, B on 4, means over 2 seeds each; "
        in report.verdicts[0].sentence
    )


def test_seeds_that_vary_more_than_models_ask_for_seeds_and_not_for_photos() -> None:
    good, bad = pattern(40, 0, 200)
    verdict = compared(
        entry("A", answers(good), answers(bad)), entry("B", answers(bad), answers(bad))
    ).verdicts[0]
    assert (verdict.differ, verdict.needed) == (False, None)
    assert ("; no number of photos would tell one of this size, 10.0 points (") in verdict.sentence
    assert verdict.sentence.endswith("), as the seeds alone vary too much: it takes more seeds.")


# ------------------------------------------------------------------------------- the contenders


def test_the_most_accurate_is_first_wherever_it_was_given() -> None:
    first, second = pattern(30, 8, 400)
    report = compared(entry("B", answers(second)), entry("A", answers(first)))
    assert [each.name for each in report.contenders] == ["A", "B"]
    assert (report.verdicts[0].first, report.verdicts[0].second) == ("A", "B")


def test_every_pair_has_one_verdict() -> None:
    same = answers([1, 0] * 20)
    report = compared(*(entry(name, same) for name in "ABCD"))
    pairs = [each.first + each.second for each in report.verdicts]
    assert pairs == ["AB", "AC", "AD", "BC", "BD", "CD"]


def test_one_seed_has_the_interval_of_the_evaluation() -> None:
    report = pair(30, 8, 400)
    expected = wilson(392, 400)
    assert report.contenders[0].accuracy.low == pytest.approx(expected.low)


def test_seeds_are_listed_in_rising_order() -> None:
    first, second = pattern(30, 8, 400)
    mixed = dataclasses.replace(
        entry("A", answers(second), answers(first)), seeds=(7, 3), runs=("late", "early")
    )
    contender = compared(mixed, entry("B", answers(second))).contenders[0]
    assert (contender.seeds, contender.runs) == ((3, 7), ("early", "late"))
    assert contender.by_seed == (392 / 400, 370 / 400)


def test_the_order_of_seeds_changes_nothing() -> None:
    first, second = pattern(30, 8, 400)
    straight = entry("A", *(answers(each) for each in (first, second, [1, 0] * 200)))
    mixed = dataclasses.replace(
        straight,
        predictions=straight.predictions[::-1],
        runs=straight.runs[::-1],
        seeds=straight.seeds[::-1],
    )
    other = entry("B", answers(second))
    assert compared(mixed, other) == compared(straight, other)


def test_the_order_of_photos_changes_nothing() -> None:
    first, second = pattern(30, 8, 400)
    order = np.random.default_rng(0).permutation(400)
    told = answers(second)
    mixed = Predictions(
        samples=tuple(told.samples[i] for i in order),
        classes=told.classes[::-1],
        probabilities=told.probabilities[order][:, ::-1],
        logits=told.logits[order][:, ::-1],
        labels=1 - told.labels[order],
        groups=told.groups,
    )
    straight = compared(entry("A", answers(first)), entry("B", told))
    assert compared(entry("A", answers(first)), entry("B", mixed)) == straight


def test_a_comparison_survives_its_document() -> None:
    report = pair(30, 8, 400, first=milliseconds(3.0), second=milliseconds(2.0))
    assert ComparisonReport.from_dict(report.as_dict(), name="it") == report


def test_who_is_less_accurate_and_dearer_is_not_on_the_front() -> None:
    report = pair(30, 8, 400, first=milliseconds(2.0), second=milliseconds(3.0))
    assert [each.on_front for each in report.contenders] == [True, False]


def test_who_is_cheaper_is_on_the_front() -> None:
    report = pair(30, 8, 400, first=milliseconds(3.0), second=milliseconds(2.0))
    assert [each.on_front for each in report.contenders] == [True, True]


def test_equal_seeds_leave_the_interval_as_it_is() -> None:
    one = wilson(90, 100)
    both = mean_over_seeds([one, one])
    assert (both.low, both.high) == pytest.approx((one.low, one.high))


def test_seeds_that_differ_widen_the_interval_of_their_mean() -> None:
    one, two = wilson(80, 100), wilson(90, 100)
    both = mean_over_seeds([one, two])
    assert both.value == pytest.approx(0.85)
    assert both.low < one.low
    assert both.high == 1.0


# --------------------------------------------------------------------------- the recommendation


def test_of_two_that_cannot_be_told_apart_the_cheaper_is_recommended() -> None:
    report = pair(3, 2, 216, first=milliseconds(4.0), second=milliseconds(2.0))
    assert report.recommendation == "B"
    assert report.sentence == (
        "Take B: it cannot be told apart from the most accurate, A, and is faster (2 ms per photo "
        "against 4 ms per photo). Absence of evidence is not evidence of absence: that A is better "
        "by up to 3.2 points is not excluded."
    )


def test_the_most_accurate_is_recommended_where_nothing_is_as_good() -> None:
    report = pair(30, 8, 400, first=milliseconds(4.0), second=milliseconds(2.0))
    assert report.sentence == "Take A: it is more accurate than the other."


def test_the_most_accurate_is_recommended_where_it_is_the_cheapest_too() -> None:
    report = pair(3, 2, 216, first=milliseconds(2.0), second=milliseconds(4.0))
    assert report.sentence == (
        "Take A: it is the most accurate here, and of those that cannot be told apart from it, the "
        "other, none is cheaper (2 ms per photo)."
    )


def test_without_costs_the_most_accurate_is_recommended_with_what_that_leaves_open() -> None:
    assert pair(3, 2, 216).sentence == (
        "Take A if nothing else decides: it is the most accurate here, but cannot be told apart "
        "from the other, and what all of them cost is not known."
    )


def test_times_whose_spreads_meet_do_not_choose() -> None:
    report = pair(3, 2, 216, first=milliseconds(2.05), second=milliseconds(2.0))
    assert report.recommendation == "A"


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            Cost(multiply_adds=4_000_000_000, parameters=1),
            Cost(multiply_adds=400_000_000, parameters=2),
            "is cheaper (400 million multiply-adds against 4,000 million multiply-adds)",
        ),
        (
            Cost(parameters=9_000_000),
            Cost(parameters=3_400_000),
            "is smaller (3.4 million parameters against 9 million parameters)",
        ),
        (
            Cost(file_bytes=38_500_000),
            Cost(file_bytes=13_500_000, parameters=5),
            "is smaller (13.5 MB against 38.5 MB)",
        ),
    ],
)
def test_the_first_cost_that_is_known_of_all_decides(first: Cost, second: Cost, words: str) -> None:
    report = pair(3, 2, 216, first=first, second=second)
    assert report.recommendation == "B"
    assert words in report.sentence


# ------------------------------------------------------------------------------------- warnings


def test_one_seed_each_is_said() -> None:
    assert (
        "Every model has one seed: what another seed would change is not in any figure, so they "
        "are about these trained models, not about their recipes."
    ) in pair(3, 2, 216).warnings


def test_one_model_with_one_seed_is_named() -> None:
    first, second = pattern(3, 2, 216)
    report = compared(entry("A", answers(first), answers(second)), entry("B", answers(second)))
    assert (
        "Only one seed of B: what another seed would change is not in their part of any figure."
    ) in report.warnings


def test_seeds_that_change_nothing_are_said() -> None:
    first, second = pattern(3, 2, 216)
    report = compared(
        entry("A", answers(first), answers(first)), entry("B", answers(second), answers(first))
    )
    assert (
        "All seeds of A have the same accuracy: perhaps chance has no part in that training, and "
        "the seeds say nothing of what other training photos would change."
    ) in report.warnings


def test_a_test_set_that_was_opened_often_is_said() -> None:
    first, second = pattern(3, 2, 216)
    report = compared(
        entry("A", answers(first)), entry("B", answers(second)), dataset={"openings": 12}
    )
    assert (
        "These test photos had been looked at 12 times: models that were chosen by earlier looks "
        "are too good here, and whether these were cannot be known."
    ) in report.warnings


def test_the_openings_of_the_comparison_itself_are_not_held_against_it() -> None:
    first, second = pattern(3, 2, 216)
    report = compared(
        entry("A", answers(first)), entry("B", answers(second)), dataset={"openings": 2}
    )
    assert not [each for each in report.warnings if "looked at" in each]


def test_validation_photos_are_no_test() -> None:
    first, second = pattern(3, 2, 216)
    report = compared(entry("A", answers(first)), entry("B", answers(second)), split="validation")
    assert report.warnings[0] == (
        "Compared on the validation split: it chose these models, so these are no test figures."
    )


def test_one_group_is_said() -> None:
    first, second = pattern(3, 2, 20)
    groups = ["anna"] * 20
    report = compared(
        entry("A", answers(first, groups=groups)), entry("B", answers(second, groups=groups))
    )
    assert (
        "All test photos come from one group (anna): they are treated as independent, so intervals "
        "are narrower and p-values smaller than they should be."
    ) in report.warnings
    assert report.n_groups == 1


def test_few_groups_are_said() -> None:
    first, second = pattern(3, 2, 20)
    groups = [f"person {i % 5}" for i in range(20)]
    report = compared(
        entry("A", answers(first, groups=groups)), entry("B", answers(second, groups=groups))
    )
    assert (
        "The test photos come from only 5 groups, so intervals and p-values are rough."
    ) in report.warnings


# --------------------------------------------------------------------------------------- errors


def refused(kind: type[DataError] | type[UsageError], *entries: Entry, split: str = "test") -> str:
    with pytest.raises(kind) as caught:
        compared(*entries, split=split)
    return str(caught.value)


def test_one_model_alone_is_refused() -> None:
    assert refused(UsageError, entry("A", answers([1, 0]))) == (
        "A comparison needs two models or more, got 1.\n"
        "  fix: Name another run, bundle or report; runs that differ in their seed are one model."
    )


def test_two_of_one_name_are_refused() -> None:
    one = entry("A", answers([1, 0]))
    assert refused(UsageError, one, one) == (
        "Models that are compared need distinct names.\n"
        "  at:  A\n"
        "  fix: Give each its own name, or give runs that differ in their seed as one model."
    )


def test_predictions_without_a_run_are_refused() -> None:
    one = dataclasses.replace(entry("A", answers([1, 0])), runs=())
    assert refused(UsageError, one, entry("B", answers([1, 0]))) == (
        "A model needs predictions, a run and a seed of each.\n"
        "  at:  A (1 predictions, 0 runs, 1 seeds)"
    )


def test_a_split_that_is_not_there_is_refused() -> None:
    pairs = (entry("A", answers([1, 0])), entry("B", answers([1, 0])))
    assert refused(UsageError, *pairs, split="tset") == (
        "There is no split `tset`. Did you mean `test`?\n"
        "  fix: The splits are train, validation, test."
    )


def test_other_photos_are_named() -> None:
    pairs = (entry("A", answers([1, 0, 1])), entry("B", answers([1, 0, 1, 1])))
    assert refused(DataError, *pairs) == (
        "B was not measured on the same photos as the others: 0 are absent, 1 are others.\n"
        "  at:  0003.png\n"
        "  fix: Evaluate all models on the same split of the same dataset."
    )


def test_a_photo_that_was_answered_twice_is_named() -> None:
    twice = dataclasses.replace(answers([1, 0]), samples=("a.png", "a.png"))
    assert refused(DataError, entry("A", twice), entry("B", twice)) == (
        "1 photos were answered twice by A.\n  at:  a.png\n  fix: Evaluate that model again."
    )


def test_other_classes_are_named() -> None:
    other = dataclasses.replace(answers([1, 0]), classes=("cat", "fox"))
    assert refused(DataError, entry("A", answers([1, 0])), entry("B", other)) == (
        "B knows other classes than the others.\n"
        "  at:  dog, fox\n"
        "  fix: Compare models of the same classes."
    )


def test_photos_of_another_truth_are_named() -> None:
    other = dataclasses.replace(answers([1, 0]), labels=np.array([0, 0]))
    assert refused(DataError, entry("A", answers([1, 0])), entry("B", other)) == (
        "1 photos have other classes in B than in the others.\n"
        "  at:  0001.png\n"
        "  fix: Evaluate all models on the same split of the same dataset."
    )


def test_photos_of_other_groups_are_named() -> None:
    other = answers([1, 0], groups=["anna", ""])
    assert refused(DataError, entry("A", answers([1, 0])), entry("B", other)) == (
        "1 photos have other groups in B than in the others.\n"
        "  at:  0000.png\n"
        "  fix: Evaluate all models on the same split of the same dataset."
    )


def test_photos_without_a_class_are_named() -> None:
    other = dataclasses.replace(answers([1, 0]), labels=np.array([0, -1]))
    assert refused(DataError, entry("A", other), entry("B", other)) == (
        "1 of 2 photos have no known class; nothing was compared.\n"
        "  at:  0001.png\n"
        "  fix: Evaluate on a dataset whose every class is one of the models'."
    )


def test_one_photo_is_refused() -> None:
    assert refused(DataError, entry("A", answers([1])), entry("B", answers([0]))) == (
        "A comparison needs two photos or more, got 1.\n"
        "  fix: Prepare the dataset again with more photos for that split."
    )


def test_all_right_is_no_reason_to_stop() -> None:
    report = pair(0, 0, 2)
    assert report.contenders[0].accuracy.value == 1.0
    assert report.recommendation == "A"
