import itertools
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, MissingExtraError
from lineament.reporting.training_page import curves

Write = Callable[..., Run]
Rows = Callable[..., list[dict[str, object]]]
Layers = Callable[..., list[LayerValues]]

VOID = {"meta", "br", "img", "link", "input", "hr"}
EVIL = "<script>alert('x')</script>\"&"


class Document(HTMLParser):
    """Follows the elements of a page and notes what is not well formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing at {self.getpos()}")


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., str]:
    """Give ``page(run, ...)``: the text of the page that is made of runs."""

    def make(*runs: Run) -> str:
        out = tmp_path / "curves.html"
        curves(runs, out, overwrite=True)
        return out.read_text(encoding="utf-8")

    return make


def plain(text: str) -> str:
    """What a reader reads, with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text.partition("<body>")[2])).strip()


TRIED = [
    {
        "regularisation": each,
        "train_loss": 0.1 * each,
        "train_accuracy": 0.9,
        "validation_loss": 0.5 + each,
        "validation_loss_cautious": 0.6 + each,
        "validation_accuracy": 0.8,
        "iterations": 9,
        "converged": True,
    }
    for each in (1.0, 0.1, 0.01)
]
KINDS: dict[str, Callable[[Write, Rows, Layers], list[Run]]] = {
    "a loop": lambda write, losses, layers: [
        write(history=losses(0.7, 0.5, 0.6), layers=layers(4, 2))
    ],
    "many layers": lambda write, losses, layers: [
        write(history=losses(0.7, 0.5), layers=layers(200, 2))
    ],
    "a head": lambda write, losses, layers: [write(history=TRIED, mode="head")],
    "no rows": lambda write, losses, layers: [write(history=[])],
    "no number": lambda write, losses, layers: [write(history=losses(0.7, float("nan"), 0.5))],
    "hostile": lambda write, losses, layers: [
        write(
            EVIL.replace("/", ""),
            recipe={"trainable": EVIL},
            dataset={"name": EVIL},
            training={"warnings": [EVIL], "stopped": EVIL},
            layers=[
                LayerValues(
                    epoch=1,
                    layer=EVIL,
                    kind="parameter",
                    low=0.0,
                    high=1.0,
                    counts=(3, 2),
                    rms=0.5,
                    zero_fraction=0.0,
                )
            ],
        )
    ],
    "two": lambda write, losses, layers: [write("a"), write("b", losses(0.7, 0.6, 0.5))],
    "hostile ones": lambda write, losses, layers: [
        write(f"{name}{EVIL}".replace("/", ""), recipe={"trainable": name + EVIL})
        for name in ("a", "b")
    ],
    "a head and a loop": lambda write, losses, layers: [
        write("head", TRIED, mode="head"),
        write("loop"),
        write("nothing", []),
    ],
    "twenty": lambda write, losses, layers: [
        write(f"run{number}", losses(0.7, 0.5 + number / 100), recipe={"seed": number})
        for number in range(20)
    ],
}


@pytest.fixture(scope="module", params=KINDS)
def text(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    write_below: Callable[[Path], Write],
    losses: Rows,
    layers: Layers,
) -> str:
    """A page of each kind, made once."""
    folder = tmp_path_factory.mktemp("kind")
    curves(KINDS[request.param](write_below(folder), losses, layers), folder / "curves.html")
    return (folder / "curves.html").read_text(encoding="utf-8")


def test_a_page_is_well_formed(text: str) -> None:
    document = Document(text)

    assert document.problems == []
    assert document.open == []


def test_a_page_refers_to_nothing_outside_itself(text: str) -> None:
    references = [
        value or ""
        for _, attributes in Document(text).elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster")
    ]
    references += re.findall(r"url\(\s*['\"]?([^)'\"]*)", text)

    assert [each for each in references if not each.startswith(("data:image/", "#"))] == []


def test_a_page_runs_nothing(text: str) -> None:
    elements = Document(text).elements

    assert [tag for tag, _ in elements if tag in ("script", "iframe", "object")] == []
    assert [name for _, each in elements for name in each if name.startswith("on")] == []


def test_every_id_is_there_once_and_every_reference_finds_one(text: str) -> None:
    elements = Document(text).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    wanted = {
        value.removeprefix("#")
        for _, attributes in elements
        for name, value in attributes.items()
        if value and (name == "aria-labelledby" or (value.startswith("#") and name != "stroke"))
    }
    wanted |= set(re.findall(r"url\(#([^)]*)\)", text))

    assert len(ids) == len(set(ids))
    assert wanted - set(ids) == set()


def test_headings_come_in_order(text: str) -> None:
    levels = [int(tag[1]) for tag, _ in Document(text).elements if re.fullmatch("h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_figure_has_a_text_and_every_header_cell_a_scope(text: str) -> None:
    elements = Document(text).elements
    figures = [each for tag, each in elements if tag == "svg" and each.get("class") != "swatch"]

    assert all(each.get("role") == "img" and each.get("aria-label") for each in figures)
    assert all(each.get("scope") in ("row", "col") for tag, each in elements if tag == "th")


def test_every_page_says_that_these_are_no_test_figures(text: str) -> None:
    assert "None of this is a test figure" in plain(text)


def test_the_same_run_gives_the_same_bytes(
    write: Write, layers: Layers, page: Callable[..., str]
) -> None:
    run = write(layers=layers(8, 2))

    assert page(run) == page(run)


def test_the_lead_says_what_was_kept_and_what_it_reached(
    write: Write, page: Callable[..., str]
) -> None:
    assert (
        "Kept: epoch 1 of 2, with a validation loss of 0.3600; 80\xa0% of 20 validation photos "
        "right (95\xa0% interval 58 to 92)"
    ) in page(write())


def test_loss_accuracy_and_rate_are_drawn(write: Write, page: Callable[..., str]) -> None:
    text = page(write())

    assert "loss (nats) over epoch. train: 0.5 at 1, 0.25 at 2; validation: 0.7 at 0" in text
    assert "photos answered rightly over epoch." in text
    assert "Learning rate, of the head over epoch. learning rate: 0.001 at 1, 0.0005 at 2." in text


def test_columns_without_values_are_not_drawn(write: Write, page: Callable[..., str]) -> None:
    assert "photos per second" not in page(write())


def test_layers_are_maps_and_outlines(
    write: Write, layers: Layers, page: Callable[..., str]
) -> None:
    text = page(write(layers=layers(4, 2)))

    assert "Gradients: root mean square of 4 layers." in text
    assert "One step, as a part of the layer of 4 layers." in text
    assert "parameters of backbone.network.stage0.weight. epoch 1:" in text
    assert "4 layers, from the input at the top to the output." in text
    assert "The outlines below are of" not in text


def test_of_many_layers_the_page_says_what_it_leaves_out(
    write: Write, layers: Layers, page: Callable[..., str]
) -> None:
    assert (
        "200 layers, from the input at the top to the output. The maps show each of them and name "
        "some. The outlines below are of 6 with many values, spread from input to output; "
        "histograms.parquet holds all."
    ) in plain(page(write(layers=layers(200, 1))))


def test_a_head_has_no_layers_and_says_why(write: Write, page: Callable[..., str]) -> None:
    text = plain(page(write(history=TRIED, mode="head")))

    assert "Only a head was trained, on frozen features: there are no layers to show." in text
    assert "Kept: regularisation 0.01, of 3 tried" in text


def test_a_loop_without_a_record_of_its_layers_says_so(
    write: Write, page: Callable[..., str]
) -> None:
    assert "This run has no record of its layers." in page(write())


def test_a_value_that_is_no_number_is_explained(
    write: Write, losses: Rows, page: Callable[..., str]
) -> None:
    words = "at the upper edge: a value that is no finite number"

    assert words in plain(page(write("a", losses(0.7, float("nan"), 0.5))))
    assert words not in plain(page(write("b")))


def test_warnings_of_the_instruments_stand_on_the_page(
    write: Write, page: Callable[..., str]
) -> None:
    assert "vanishing gradients" in page(write(training={"warnings": ["vanishing gradients"]}))


def test_the_least_loss_leads_a_comparison(
    write: Write, losses: Rows, page: Callable[..., str]
) -> None:
    text = page(write("worse", losses(0.7, 0.6)), write("better", losses(0.7, 0.5)))

    assert "better has the least validation loss: 0.4500, epoch 1 of 1" in text
    assert text.index('<th scope="row">better') < text.index('<th scope="row">worse')


def test_a_comparison_tells_what_differs_and_what_each_reached(
    write: Write, page: Callable[..., str]
) -> None:
    text = plain(page(write("a", recipe={"mixup": 0.0}), write("b", recipe={"mixup": 0.2})))

    assert "Run mixup a 0 b 0.2" in text
    assert "a 0.3600 80 % 58 to 92 epoch 1 of 2 finetune tiny 1,234 epochs" in text


def test_equal_trainings_are_said_to_be_equal(write: Write, page: Callable[..., str]) -> None:
    assert (
        "Nothing: dataset, recipe, seed, weights and versions are the same in all of them."
    ) in page(write("a"), write("b"))


def test_trainings_that_were_judged_on_other_photos_are_not_ranked(
    write: Write, page: Callable[..., str]
) -> None:
    text = page(write("a"), write("b", dataset={"fingerprint": "other"}))

    assert "These figures cannot be compared" in text
    assert "These trainings were judged on different photos" in text
    assert "has the least validation loss" not in text


def test_heads_and_loops_have_figures_of_their_own(write: Write, page: Callable[..., str]) -> None:
    text = plain(page(write("head", TRIED, mode="head"), write("loop")))

    assert "Validation over the epochs" in text
    assert "Validation over each regularisation" in text


def test_more_lines_than_can_be_told_apart_are_grey(
    write: Write, losses: Rows, page: Callable[..., str]
) -> None:
    runs = [write(f"run{number}", losses(0.7, 0.5 + number / 100)) for number in range(15)]
    text = page(*runs)

    assert "3 others, of greater loss" in text
    assert text.count('<svg class="swatch"') == 13


def test_what_stands_at_out_is_not_overwritten_unasked(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "curves.html"
    out.write_text("mine", encoding="utf-8")

    with pytest.raises(ArtifactError) as caught:
        curves([write()], out)

    assert str(caught.value).startswith(f"{out} ")
    assert out.read_text(encoding="utf-8") == "mine"


def test_drawings_without_matplotlib_name_the_extra(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(MissingExtraError) as caught:
        curves([write()], tmp_path / "curves.html")

    assert str(caught.value) == (
        "The page of curves needs matplotlib, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )
