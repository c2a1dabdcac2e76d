"""One command tells the whole story of a run, a study or a comparison, on a page that is whole."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chromium import TROUBLE, Browser
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.explanation import read_explanation
from lineament.artifacts.report import read_report
from lineament.artifacts.run import Run
from lineament.artifacts.story import read_story
from lineament.artifacts.study import Study
from lineament.artifacts.verdicts import read_comparison
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.training.recipe import TrainConfig
from lineament.training.train import train
from lineament.workflow.comparing import CompareConfig, compare
from lineament.workflow.evaluating import EvaluateConfig, evaluate
from lineament.workflow.recounting import ReportConfig, report
from lineament.workflow.studies.configuration import StudyConfig
from lineament.workflow.studies.study import study

QUICK = ReportConfig(faithfulness=2, hiding=6, cost=False)
QUESTIONS = [
    "What was it trained on?",
    "What was left out?",
    "How good is it, and how sure is that?",
    "Where does it fail?",
    "Is it better than the alternative?",
    "How is it made again?",
]


@pytest.fixture(scope="module")
def of_run(
    small_run: Run, drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("told") / "report"
    report(small_run.root, out, data=drawn_dataset, config=QUICK)
    return out


@pytest.fixture(scope="module")
def of_study(write_kinds: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models on two tasks, told on one page."""
    from lineament.preparation.build import prepare

    root = tmp_path_factory.mktemp("studied")
    for name, per_class in (("shapes", 20), ("forms", 24)):
        prepare(write_kinds(root / f"{name}-source", per_class=per_class), root / name)
    block = {
        "backbone": ["test_resnet", "test_vit", "test_efficientnet"],
        "weights": "none",
        "size_px": 32,
        "mode": "head",
    }
    config = StudyConfig(
        datasets={name: root / name for name in ("shapes", "forms")}, grid=(block,)
    )
    study(config, root / "study")
    report(root / "study", root / "report", config=QUICK)
    return root / "report"


def words(page: str) -> str:
    text = re.sub(r"<(style|script).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def text_of(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_report_of_a_run_holds_page_figures_and_what_was_measured(of_run: Path) -> None:
    part = of_run / "parts" / "dataset"

    document = read_story(of_run)
    parts = document["parts"]
    assert isinstance(parts, list)
    assert parts[0]["evaluation"] == read_report(part / "evaluation").as_dict()
    assert parts[0]["explanation"] == read_explanation(part / "explanation").as_dict()
    assert parts[0]["comparison"] is None


def test_page_answers_what_a_stranger_asks(of_run: Path, small_run: Run) -> None:
    document = json.loads((of_run / "report.json").read_text(encoding="utf-8"))
    summary = document["parts"][0]["summary"]
    shown = words(text_of(of_run))

    assert list(summary) == QUESTIONS
    assert all(f"{question}" in shown for question in QUESTIONS)
    evaluation = document["parts"][0]["evaluation"]
    assert f"{evaluation['n_right']} of 30 test photos right" in shown
    assert (
        f"lineament train dataset --out run --set backbone={small_run.card.recipe['backbone']}"
        in (shown)
    )


def test_sections_stand_in_the_order_in_which_one_asks(of_run: Path) -> None:
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", text_of(of_run))

    wanted = [
        *("In short", "The data, and what was left out", "Leaks that were looked for"),
        *("The recipe", "Curves", "Layers", "Headline figures", "Each class", "Confusion matrix"),
        *("Calibration", "Where the model looks", "Can the maps be believed?"),
        *("How to make it again", "Model card", "How each figure is computed"),
    ]
    assert [title for title in titles if title in wanted] == wanted


def test_every_id_of_the_page_is_there_once_and_every_link_leads_to_one(of_study: Path) -> None:
    page = text_of(of_study)
    ids = re.findall(r' id="([^"]+)"', page)
    named = re.findall(r' (?:aria-labelledby|aria-controls)="([^"]+)"', page)
    links = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)

    assert len(ids) == len(set(ids))
    assert {*named, *links} <= set(ids)


def test_report_of_a_study_tells_each_task_and_compares_its_models(of_study: Path) -> None:
    document = json.loads((of_study / "report.json").read_text(encoding="utf-8"))

    assert [part["name"] for part in document["parts"]] == ["shapes", "forms"]
    for part in document["parts"]:
        told = read_comparison(of_study / "parts" / part["name"] / "comparison")
        assert len(told.contenders) == 3
        assert part["comparison"] == told.as_dict()


def test_of_a_study_the_run_that_validation_chose_is_told(of_study: Path) -> None:
    document = json.loads((of_study / "report.json").read_text(encoding="utf-8"))
    winning = Study.open(of_study.parent / "study").winning

    for part in document["parts"]:
        best = winning[part["name"]].best
        assert best is not None
        assert part["run"]["name"] == best.name


def test_reported_evaluations_of_a_study_are_not_made_again(of_study: Path) -> None:
    ledger = (of_study.parent / "shapes" / "ledger.jsonl").read_text(encoding="utf-8")

    assert len(ledger.splitlines()) == 3  # one of each model, by the study itself


def test_report_of_a_comparison_takes_the_comparison_as_it_is(
    of_study: Path, tmp_path: Path
) -> None:
    config = CompareConfig(cost=False, study_dataset="forms")
    found = compare([of_study.parent / "study"], tmp_path / "comparison", config=config)

    document = report(tmp_path / "comparison", tmp_path / "report", config=QUICK)

    parts = document["parts"]
    assert isinstance(parts, list)
    assert parts[0]["comparison"] == found.as_dict()
    assert found.sentence.split(":")[0] in words(text_of(tmp_path / "report"))


def test_report_that_stands_already_is_taken(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    before = evaluate(small_run.root, drawn_dataset, tmp_path / "evaluated")

    document = report(
        small_run.root,
        tmp_path / "report",
        data=drawn_dataset,
        evaluation=tmp_path / "evaluated",
        config=dataclasses.replace(QUICK, explain=False),
    )

    parts = document["parts"]
    assert isinstance(parts, list)
    assert parts[0]["evaluation"] == before.as_dict()
    assert parts[0]["explanation"] is None
    assert "Most confident mistakes" in words(text_of(tmp_path / "report"))


def test_report_of_another_split_or_model_is_refused(
    small_run: Run, packaged_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    evaluate(
        packaged_run.root,
        drawn_dataset,
        tmp_path / "other",
        config=EvaluateConfig(split="validation"),
    )

    with pytest.raises(DataError) as caught:
        report(
            small_run.root,
            tmp_path / "report",
            data=drawn_dataset,
            evaluation=tmp_path / "other",
            config=QUICK,
        )

    assert str(caught.value) == (
        f"{tmp_path / 'other'} cannot stand in the report of {small_run.root}.\n"
        "  at:  it is of another model, it is of the validation split\n"
        "  fix: Name the report of this run on the test photos of this dataset, or none."
    )
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"robustness": 5}, "`robustness`"),
        ({"inflation": True, "unknown": "photos"}, "`inflation`, `unknown`"),
    ],
)
def test_what_a_standing_report_cannot_have_is_refused(
    small_run: Run, tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        report(
            small_run.root,
            tmp_path / "report",
            evaluation=tmp_path / "evaluated",
            config=dataclasses.replace(QUICK, **settings),
        )

    assert str(caught.value) == (
        f"{named} cannot be added to a report that stands already.\n"
        "  fix: Leave `--evaluation` out, so that the run is evaluated again."
    )


def test_report_and_dataset_of_a_run_do_not_fit_a_study(of_study: Path, tmp_path: Path) -> None:
    root = of_study.parent / "study"

    with pytest.raises(UsageError) as of_report:
        report(root, tmp_path / "report", evaluation=tmp_path / "evaluated")
    with pytest.raises(UsageError) as of_data:
        report(root, tmp_path / "report", data=of_study.parent / "shapes")

    assert str(of_report.value) == (
        f"`--evaluation` is a report of a run, and {root} is none.\n"
        "  fix: Leave it out: a study and a comparison have their own."
    )
    assert str(of_data.value) == (
        f"`--data` names one dataset, and {root} states its own.\n"
        "  fix: Leave it out; put the study's datasets where they were."
    )


def test_photos_that_changed_since_they_were_measured_are_not_shown(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    copied = tmp_path / "data"
    shutil.copytree(drawn_dataset.root, copied)
    evaluate(small_run.root, copied, tmp_path / "evaluated")
    first = copied / drawn_dataset.samples("test")[0].filename
    first.write_bytes((copied / drawn_dataset.samples("test")[1].filename).read_bytes())

    with pytest.raises(ArtifactError) as caught:
        report(
            small_run.root,
            tmp_path / "report",
            data=copied,
            evaluation=tmp_path / "evaluated",
            config=QUICK,
        )

    assert first.name in str(caught.value)


def test_run_in_this_folder_has_a_name(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_run.root)

    document = report(
        Path(),
        tmp_path / "report",
        data=drawn_dataset,
        config=dataclasses.replace(QUICK, explain=False),
    )

    parts = document["parts"]
    assert isinstance(parts, list)
    assert parts[0]["run"]["name"] == small_run.root.name


def test_dataset_that_has_moved_is_asked_for(drawn_dataset: Dataset, tmp_path: Path) -> None:
    moved = tmp_path / "data"
    shutil.copytree(drawn_dataset.root, moved)
    config = TrainConfig(backbone="test_resnet", weights="none", size_px=32)
    run = train(moved, tmp_path / "run", config=config)
    shutil.move(moved, tmp_path / "elsewhere")

    with pytest.raises(DataError) as caught:
        report(run.root, tmp_path / "report", config=QUICK)

    assert str(caught.value) == (
        f"{run.root} was trained on {moved}, which is gone or is not what it was.\n"
        "  fix: Name the dataset with `--data DATASET`."
    )


def test_folder_of_something_else_is_refused(drawn_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        report(drawn_dataset.root, tmp_path / "report")

    assert str(caught.value) == (
        f"{drawn_dataset.root} is neither a run nor a study nor a comparison.\n"
        "  fix: Name a folder that `train`, `study` or `compare` wrote."
    )


def test_report_in_the_way_is_found_before_anything_is_measured(
    of_run: Path, small_run: Run, drawn_dataset: Dataset
) -> None:
    before = text_of(of_run)

    with pytest.raises(ArtifactError):
        report(small_run.root, of_run, data=drawn_dataset, config=QUICK)

    assert text_of(of_run) == before


def test_wrong_method_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        ReportConfig(method="cam")

    assert "class-activation" in str(caught.value)


def test_report_that_was_changed_by_hand_is_refused(of_run: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(of_run, copied)
    (copied / "report.html").write_text("better", encoding="utf-8")

    with pytest.raises(ArtifactError) as caught:
        read_story(copied)

    assert str(caught.value) == (
        f"{copied} has files that are absent or are not those that `report` wrote.\n"
        "  at:  report.html\n"
        "  fix: Report again; a report is not edited by hand."
    )


def test_photos_take_no_more_of_the_page_than_was_allowed(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    report(
        small_run.root,
        tmp_path / "report",
        data=drawn_dataset,
        config=dataclasses.replace(QUICK, photos_mb=0.02),
    )

    photos = re.search(
        r'<script type="application/json" id="photos">(.*?)</script>', text_of(tmp_path / "report")
    )
    assert photos is not None
    assert 10_000 < len(photos[1]) <= 20_000 + 2


def test_page_of_a_study_is_under_eight_megabytes(of_study: Path) -> None:
    assert (of_study / "report.html").stat().st_size < 8_000_000


# What a person sees, in Chromium.


def shown(browser: Browser, page: Path, *, width: int, media: str = "screen") -> None:
    browser.tell(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=800,
        deviceScaleFactor=1,
        mobile=width < 500,
    )
    browser.tell("Emulation.setEmulatedMedia", media=media)
    browser.show(page.read_text(encoding="utf-8"))


TOO_WIDE = """[...document.querySelectorAll('main *')].filter((each) =>
  !each.closest('.scroll') && each.getBoundingClientRect().right > innerWidth + 1
).map((each) => each.outerHTML.slice(0, 90))"""


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("kind", ["run", "study"])
def test_page_fits_the_screen_and_asks_nobody(
    request: pytest.FixtureRequest, browser: Browser, kind: str, width: int
) -> None:
    folder: Path = request.getfixturevalue(f"of_{kind}")
    browser.tell("Network.enable")
    shown(browser, folder / "report.html", width=width)

    asked = [
        each["params"]["request"]["url"]
        for each in browser.events
        if each["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert [each for each in browser.events if each["method"] in TROUBLE] == []
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run(TOO_WIDE) == []


@pytest.mark.slow
def test_every_control_is_reached_by_the_keyboard(browser: Browser, of_run: Path) -> None:
    shown(browser, of_run / "report.html", width=1280)
    browser.run("window.seen = new Set(); document.body.focus()")
    wanted = browser.run(
        """[...document.querySelectorAll('a[href], button, summary, [tabindex="0"]')].filter(
          (each) => each.checkVisibility()).length"""
    )
    for _ in range(wanted + 2):
        for kind in ("keyDown", "keyUp"):
            browser.tell(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )
        browser.run("window.seen.add(document.activeElement)")

    assert browser.run("window.seen.delete(document.body), window.seen.size") == wanted
    assert wanted > 30


@pytest.mark.slow
def test_number_of_the_matrix_opens_its_photos_and_gives_the_focus_back(
    browser: Browser, of_run: Path
) -> None:
    shown(browser, of_run / "report.html", width=1280)
    first = "document.querySelector('button[data-cell]')"
    browser.run(f"{first}.focus()")
    count = browser.run(f"Number({first}.textContent)")
    for kind, text in (("keyDown", "\r"), ("keyUp", "")):
        browser.tell(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Enter",
            code="Enter",
            text=text,
            windowsVirtualKeyCode=13,
        )
    assert browser.run("document.getElementById('behind').open") is True
    assert browser.run("document.querySelectorAll('#behind li').length") == count
    assert browser.run("[...document.querySelectorAll('#behind img')].every((each) => each.src)")
    for kind in ("keyDown", "keyUp"):
        browser.tell(
            "Input.dispatchKeyEvent",
            type=kind,
            key="Escape",
            code="Escape",
            windowsVirtualKeyCode=27,
        )
    assert browser.run("document.getElementById('behind').open") is False
    assert browser.run(f"document.activeElement === {first}")


@pytest.mark.slow
def test_photos_come_when_they_are_near(browser: Browser, of_run: Path) -> None:
    shown(browser, of_run / "report.html", width=1280)
    assert browser.run("document.querySelectorAll('img[data-photo][src]').length") == 0

    browser.run("document.querySelector('img[data-photo]').scrollIntoView()")
    loaded = browser.tell(
        "Runtime.evaluate",
        expression="""new Promise((done) => {
          const img = document.querySelector('img[data-photo]');
          img.addEventListener('load', () => done(img.naturalWidth));
        })""",
        awaitPromise=True,
    )
    assert loaded["result"]["value"] > 0


@pytest.mark.slow
def test_tables_sort_by_number_and_come_back(browser: Browser, of_run: Path) -> None:
    shown(browser, of_run / "report.html", width=1280)
    browser.run(
        """window.table = [...document.querySelectorAll('table.list')].find((each) =>
          each.textContent.includes('Balanced accuracy'));
        window.head = table.querySelectorAll('th .sort')[1];
        window.column = () => [...table.tBodies[0].rows].map((row) => row.cells[1].textContent)"""
    )
    given = browser.run("column()")
    browser.run("head.click()")
    rising = browser.run("column()")
    assert browser.run("head.parentElement.ariaSort") == "ascending"
    browser.run("head.click()")
    falling = browser.run("column()")
    browser.run("head.click()")

    def number(text: str) -> float:
        return float(re.sub(r"[^0-9.-]", "", text.replace("−", "-")))

    assert [number(each) for each in rising] == sorted(number(each) for each in given)
    assert falling == rising[::-1] or [number(each) for each in falling] == sorted(
        (number(each) for each in given), reverse=True
    )
    assert browser.run("column()") == given


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["run", "study"])
def test_page_prints_without_cut_tables(
    request: pytest.FixtureRequest, browser: Browser, kind: str
) -> None:
    folder: Path = request.getfixturevalue(f"of_{kind}")
    paper_px = 688  # A4 less margins of 14 mm, at 96 px per inch
    shown(browser, folder / "report.html", width=paper_px, media="print")

    cut = browser.run(
        """[...document.querySelectorAll('table, svg, pre, img')].filter((each) =>
          each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1
        ).map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert cut == []
    assert browser.tell("Page.printToPDF", preferCSSPageSize=True)["data"].startswith("JVBER")


@pytest.mark.slow
def test_everything_photos_included_is_there_when_it_is_printed(
    browser: Browser, of_run: Path
) -> None:
    shown(browser, of_run / "report.html", width=1280)
    browser.run("dispatchEvent(new Event('beforeprint'))")

    assert browser.run("document.querySelectorAll('img[data-photo]:not([src])').length") == 0
