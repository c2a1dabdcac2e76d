"""Verdict page: what to take stands on top, every model and pair is there, nothing is fetched."""

import dataclasses
import html
import re
from itertools import combinations

import pytest

from lineament.artifacts.verdicts import ComparisonReport, Contender, Cost, Verdict
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.pareto import cost_measure, pareto_figure
from lineament.reporting.verdict_page import verdict_page

N = 200


def cost(scale: float) -> Cost:
    time = Interval(value=scale, low=scale * 0.9, high=scale * 1.1, method="median of rounds", n=9)
    return Cost(
        parameters=round(scale * 1e6),
        multiply_adds=round(scale * 1e7),
        milliseconds=time,
        file_bytes=round(scale * 4e6),
        training_s=60.0,
    )


def contender(number: int, *, right: int, costs: Cost | None = None) -> Contender:
    figure = wilson(right, N)
    return Contender(
        name=f"model <{number}>",
        runs=(f"runs/{number}",),
        seeds=(0,),
        accuracy=figure,
        by_seed=(figure.value,),
        balanced_accuracy=figure,
        log_loss=Interval(value=0.5, low=0.4, high=0.6, method="bootstrap", n=N),
        cost=costs or cost(number + 1),
        on_front=number == 0,
        facts={"backbone": "resnet18", "mode": "head"},
    )


def comparison(n: int, *, cost_of_last: Cost | None = None) -> ComparisonReport:
    contenders = [contender(number, right=190 - number) for number in range(n)]
    if cost_of_last is not None:
        contenders[-1] = dataclasses.replace(contenders[-1], cost=cost_of_last)
    verdicts = [
        Verdict(
            first=first.name,
            second=second.name,
            difference=Interval(value=0.01, low=-0.01, high=0.03, method="tango", n=N),
            only_first=3,
            only_second=1,
            test="mcnemar",
            p_value=0.6,
            p_adjusted=1.0,
            differ=first.name == "model <0>",
            needed=2000,
            needed_groups=None,
            sentence=f"{first.name} against {second.name}.",
        )
        for first, second in combinations(contenders, 2)
    ]
    return ComparisonReport(
        dataset={"path": "data/pets", "fingerprint": "ab"},
        split="test",
        n_images=N,
        n_groups=None,
        classes=("cat", "dog"),
        contenders=tuple(contenders),
        verdicts=tuple(verdicts),
        recommendation="model <1>",
        sentence="Take model <1>: it is faster.",
        warnings=("Look out.",),
        seed=0,
        resamples=1000,
        level=0.95,
        environment={"lineament": "0.1.0"},
    )


def text(page: str) -> str:
    body = page[page.index("<body>") :]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_what_to_take_and_why_stand_on_top() -> None:
    shown = text(verdict_page(comparison(3)))

    assert shown.startswith(
        "Comparison of 3 models Take model &lt;1&gt; It is faster. Every model answered the same "
        "200 test photos of data/pets, in 2 classes. Before you quote a figure Look out."
    )


@pytest.mark.parametrize("n", [2, 3, 13, 40])
def test_every_model_is_in_the_tables(n: int) -> None:
    page = verdict_page(comparison(n))

    assert page.count('<th scope="row">model &lt;') == 2 * n


def test_a_pair_with_the_best_is_told_once() -> None:
    page = verdict_page(comparison(4))

    assert page.count('<li class="differ">model &lt;0&gt; against model &lt;2&gt;.</li>') == 1


def test_many_pairs_are_left_to_the_file() -> None:
    # 780 pairs: 39 with the best, 38 others with the recommended one, and 120 that are listed.
    assert "583 more pairs stand in comparison.json." in verdict_page(comparison(40))


@pytest.mark.parametrize(("n", "shown"), [(2, False), (3, True), (12, True), (13, False)])
def test_the_matrix_is_for_a_few_models(n: int, *, shown: bool) -> None:
    assert ('<table class="matrix">' in verdict_page(comparison(n))) == shown


def test_the_matrix_has_a_sign_either_way() -> None:
    page = verdict_page(comparison(3))

    assert re.findall(r'<td class="(better|worse|none)"[^>]*>([^<]+)</td>', page)[:4] == [
        ("better", "+1.0"),
        ("better", "+1.0"),
        ("worse", "−1.0"),
        ("none", "+1.0"),
    ]


def test_the_front_is_drawn_over_the_first_cost_that_is_known_of_all() -> None:
    report = comparison(3, cost_of_last=Cost(parameters=5))

    assert cost_measure(comparison(3).contenders) == "milliseconds"
    assert cost_measure(report.contenders) == "parameters"
    assert "million parameters: model" in pareto_figure(report.contenders, recommendation="x")


def test_without_a_common_cost_there_is_no_figure_and_that_is_said() -> None:
    page = verdict_page(comparison(3, cost_of_last=Cost()))

    assert "<svg" not in page
    assert "cost had no say in what to take" in page


def test_without_any_cost_there_is_no_section_of_it() -> None:
    report = comparison(2)
    free = [dataclasses.replace(each, cost=Cost()) for each in report.contenders]

    page = verdict_page(dataclasses.replace(report, contenders=tuple(free)))

    assert "Accuracy against cost" not in page


def test_costs_that_differ_by_orders_of_magnitude_have_a_place() -> None:
    report = comparison(3, cost_of_last=cost(4000.0))

    assert "<svg" in pareto_figure(report.contenders, recommendation="model <1>")


def test_all_right_and_all_wrong_are_shown() -> None:
    report = comparison(2)
    ends = [
        dataclasses.replace(each, accuracy=wilson(right, N), by_seed=(right / N,))
        for each, right in zip(report.contenders, (N, 0), strict=True)
    ]

    shown = text(verdict_page(dataclasses.replace(report, contenders=tuple(ends))))

    assert "100.0 % 98.1 to 100.0" in shown.replace("\u00a0", " ")


def test_the_page_reaches_for_nothing_and_is_always_the_same() -> None:
    page = verdict_page(comparison(3))

    assert page == verdict_page(comparison(3))
    for reach in ('src="http', 'href="http', "@import", "<link", "<script"):
        assert reach not in page


def test_names_are_escaped() -> None:
    assert "model <" not in verdict_page(comparison(3))


def test_tests_and_intervals_are_named_in_words() -> None:
    page = html.unescape(text(verdict_page(comparison(2))))

    assert "Tests: McNemar's exact test. Intervals of differences: Tango's score interval." in page


def test_costs_on_a_wide_scale_are_marked_by_plain_numbers_in_the_pages_colours() -> None:
    contenders = [
        contender(0, right=190, costs=Cost(parameters=2_000_000)),
        contender(1, right=180, costs=Cost(parameters=45_000_000)),
    ]

    drawn = pareto_figure(contenders, recommendation="model <0>")

    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert {"5", "10", "20"} <= set(texts)
    assert not any("10^" in text or "×" in text or "$" in text for text in texts)
    assert "#000000" not in drawn
