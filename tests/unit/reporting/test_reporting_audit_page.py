import base64
import csv
import hashlib
import io
import itertools
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromium import TROUBLE, Browser
from lineament.artifacts.audit import (
    ALIKE,
    CONFLICT,
    DROP,
    DUPLICATE,
    NEAR,
    QUALITY,
    SUSPECT,
    UNREADABLE,
    Decisions,
    Finding,
    findings_text,
    read_decisions,
    read_findings,
)
from lineament.core.errors import MissingExtraError
from lineament.imaging.decode import encode_jpeg
from lineament.reporting import audit_gallery
from lineament.reporting import audit_page as audit_page_module
from lineament.reporting.audit_page import audit_page

EVIL = "cat/<script>alert(1)</script>.jpg"
ODD = [
    EVIL,
    "=cmd|' /C calc'!A0.jpg",
    'cat/"quoted", and </script><!-- .jpg',
    "cat/two\nlines.jpg",
    "cat/&amp;.jpg",
    "{{ 7 * 7 }}.jpg",
    "猫/ねこ\u2028.jpg",
]
VOID = {"meta", "br", "img", "link", "input", "hr"}

FOUND = [
    Finding(filename="cat/a.jpg", kind=NEAR, partner="cat/b.jpg", score=0.97),
    Finding(filename="cat/a.jpg", kind=NEAR, partner="dog/c.jpg", score=0.88),
    Finding(filename="cat/d.jpg", kind=CONFLICT, partner="dog/d.jpg"),
    Finding(filename="cat/f.jpg", kind=DUPLICATE, partner="cat/e.jpg"),
    Finding(filename="cat/g.jpg", kind=DUPLICATE, partner="cat/e.jpg"),
    Finding(filename="dog/h.jpg", kind=ALIKE, partner="dog/i.jpg", score=0.8),
    Finding(filename="cat/a.jpg", kind=SUSPECT, partner="dog", score=0.03),
    Finding(filename="dog/j.jpg", kind=SUSPECT, partner="cat", score=0.01),
    Finding(filename="dog/k.jpg", kind="dark", score=0.2, decision=DROP),
    Finding(filename="dog/l.jpg", kind="tiny", score=31.0),
    Finding(filename="dog/m.jpg", kind="extreme_aspect", score=4.25),
    Finding(filename=EVIL, kind=UNREADABLE, partner="truncated after 812 bytes"),
]
SHORTCUT = {
    "property": "width x height",
    "accuracy": 0.998,
    "chance": 0.5,
    "low": 0.995,
    "high": 0.999,
    "suspicious": True,
    "per_class": {"cat": "180 x 180 (98 %)", "dog": "250 x 250 (100 %)"},
    "sentence": "Size alone separates the classes with 99.8 % accuracy.",
}
DOCUMENT: dict[str, object] = {
    "source": "my photos",
    "lineament_version": "0.2.0",
    "n_scanned": 412,
    "n_photos": 410,
    "classes": {"cat": 200, "dog": 210},
    "given": {"train": "train", "test": "val"},
    "across_given_splits": {"exact_duplicate": 1, "near_duplicate": 12},
    "shortcuts": [SHORTCUT],
    "labels": {"checked": True, "backbone": "lite0", "accuracy": 0.871, "n_suspects": 2},
    "near": {"pairs": 2, "sets": 1, "photos": 3},
}


def _thumbnail(name: str) -> bytes | None:
    """One picture for each letter, none for what has an ``x`` in its name."""
    if "x" in name:
        return None
    shade = sum(name.encode("utf-8", "replace")) % 256
    return encode_jpeg(np.full((6, 8, 3), shade, dtype=np.uint8))


def _page(
    findings: Sequence[Finding] = FOUND,
    document: Mapping[str, object] = DOCUMENT,
    *,
    thumbnail: Callable[[str], bytes | None] = _thumbnail,
) -> str:
    return audit_page(findings, document, thumbnail=thumbnail)


class _Document(HTMLParser):
    """Follows the elements of a page and notes what is not well formed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
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

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def _words(text: str) -> str:
    """What a reader reads, spaces collapsed."""
    return " ".join(" ".join(_Document(text).words).split())


def _lead(text: str) -> str:
    found = re.search(r'<p class="lead">(.*?)</p>', text)
    assert found
    return found.group(1)


def _files(text: str, section: str) -> list[str]:
    """Names of the photos in a section, in order."""
    part = text.partition(f' id="{section}"')[2]
    part = re.split(r"<h[23]", part)[0]
    return re.findall(r'<bdi class="file">(.*?)</bdi>', part)


def _embedded(text: str) -> dict[str, list[list[str] | int]]:
    found = re.search(r'<script type="application/json" id="table">(.*?)</script>', text)
    assert found
    whole: dict[str, list[list[str] | int]] = json.loads(found.group(1))
    return whole


PAGES: dict[str, tuple[Sequence[Finding], Mapping[str, object]]] = {
    "everything": (FOUND, DOCUMENT),
    "nothing": ([], {}),
    "findings alone": (FOUND, {}),
    "no finding": ([], DOCUMENT),
    "no labels": (FOUND, DOCUMENT | {"classes": {}, "labels": {"checked": False, "why": "none."}}),
    "odd names": (
        [
            Finding(filename=name, kind=kind, partner=other, score=0.5)
            for name, other in itertools.permutations(ODD, 2)
            for kind in (NEAR, CONFLICT, DUPLICATE, SUSPECT, UNREADABLE, *QUALITY)
        ],
        DOCUMENT | {"source": EVIL, "classes": dict.fromkeys(ODD, 1)},
    ),
    "damaged parts": (FOUND, {"near": 3, "shortcuts": {}, "labels": [], "counts": None}),
}


@pytest.fixture(params=PAGES)
def text(request: pytest.FixtureRequest) -> str:
    return _page(*PAGES[request.param])


def test_an_audit_page_is_well_formed(text: str) -> None:
    document = _Document(text)
    assert document.problems == []
    assert document.open == []


def test_an_audit_page_refers_to_nothing_outside_itself(text: str) -> None:
    references = [
        value or ""
        for _, attributes in _Document(text).elements
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster")
    ]
    assert [each for each in references if not each.startswith(("data:image/jpeg", "#"))] == []
    assert "@import" not in text
    assert "url(" not in text


def test_only_the_scripts_own_text_may_run(text: str) -> None:
    policy = next(
        each["content"] or ""
        for each in _Document(text).all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert all(f"script-src 'sha256-{each}'" in policy for each in hashes)
    assert policy.startswith("default-src 'none';")


def test_no_element_has_a_handler(text: str) -> None:
    assert [
        name
        for _, attributes in _Document(text).elements
        for name in attributes
        if name.startswith("on")
    ] == []


def test_every_id_is_there_once_and_every_link_finds_one(text: str) -> None:
    elements = _Document(text).elements
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = {
        value.removeprefix("#")
        for _, attributes in elements
        for name, value in attributes.items()
        if value and (name == "aria-labelledby" or (name == "href" and value[0] == "#"))
    }
    assert wanted - set(ids) == set()


def test_headings_of_the_audit_page_come_in_order(text: str) -> None:
    levels = [int(tag[1]) for tag, _ in _Document(text).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_photo_has_a_text(text: str) -> None:
    assert all(
        each.get("role") == "img" and each.get("aria-label") for each in _Document(text).all("svg")
    )


def test_the_same_audit_gives_the_same_bytes() -> None:
    assert _page() == _page()


def test_the_parts_come_in_the_order_of_a_readers_work() -> None:
    assert re.findall(r'<h2 id="(\w+)"', _page()) == [
        "warnings",
        "found",
        "decide",
        "shortcuts",
        "label_conflict",
        "label_suspect",
        "near_duplicate",
        "exact_duplicate",
        "alike",
        "quality",
        "unreadable",
    ]


def test_without_findings_there_is_nothing_to_decide_and_no_script() -> None:
    text = _page([], {"n_photos": 4, "n_scanned": 4, "source": "photos"})
    assert re.findall(r'<h2 id="(\w+)"', text) == ["found"]
    assert "<script" not in text
    assert _lead(text) == "Nothing was found that needs a decision."
    assert "4 photos of photos, without labels." in _words(text)


LEADS: dict[str, tuple[Sequence[Finding], Mapping[str, object], str]] = {
    "a leak of given splits": (
        FOUND,
        DOCUMENT,
        "The given splits leak: of the test photos, 1 has an exact duplicate and 12 have a near "
        "duplicate in the train split.",
    ),
    "a shortcut": (
        FOUND,
        {"shortcuts": [SHORTCUT]},
        "Size alone separates the classes with 99.8 % accuracy.",
    ),
    "many near duplicates": (
        FOUND,
        {"n_photos": 981, "near": {"photos": 640}},
        "981 photos: 640 have a near duplicate; a random split would leak.",
    ),
    "near duplicates of every photo": (
        FOUND,
        {"n_photos": 981, "near": {"photos": 981}},
        "All 981 photos have a near duplicate; a random split would leak.",
    ),
    "conflicts before few near duplicates": (
        FOUND,
        {"n_photos": 5000},
        "5,000 photos: 1 picture under two classes, of which one is wrong.",
    ),
    "wrong labels before few near duplicates": (
        [each for each in FOUND if each.kind != CONFLICT],
        {"n_photos": 5000},
        "5,000 photos: 2 labels may be wrong.",
    ),
    "few near duplicates": (
        FOUND[:2],
        {"n_photos": 5000},
        "5,000 photos: 3 have a near duplicate; a random split could leak.",
    ),
    "copies": (
        FOUND[3:5],
        {"n_photos": 5000},
        "5,000 photos: 2 exact duplicates; a random split could leak.",
    ),
    "files that cannot be read": (
        FOUND[8:],
        {"n_scanned": 412, "n_photos": 411},
        "1 of 412 files cannot be read.",
    ),
    "quality alone": (
        FOUND[8:11],
        {"n_photos": 40},
        "40 photos: 3 findings, none of which puts a figure in question.",
    ),
    "nothing": ([], {}, "Nothing was found that needs a decision."),
}


@pytest.mark.parametrize("case", LEADS)
def test_the_page_begins_with_the_sentence_that_matters_most(case: str) -> None:
    findings, document, sentence = LEADS[case]
    assert _lead(_page(findings, document)) == sentence


def test_what_the_page_begins_with_is_not_said_again_as_a_warning() -> None:
    assert _words(_page(FOUND, {"shortcuts": [SHORTCUT]})).count(str(SHORTCUT["sentence"])) == 2
    # Once in the title, once as the lead; the table of shortcuts has the figures.


def test_a_suspicious_shortcut_is_a_warning_before_any_table() -> None:
    text = _page()
    assert text.index(f"<li>{SHORTCUT['sentence']}</li>") < text.index("<table")


def test_a_shortcut_is_shown_with_interval_and_chance() -> None:
    assert (
        "width x height 99.8\xa0% 99.5 to 99.9 50.0\xa0% cat 180 x 180 (98 %) dog 250 x 250 (100 %)"
    ).replace("\xa0", " ") in _words(_page()).replace("\xa0", " ")


def test_what_was_found_is_counted_and_linked() -> None:
    text = _page()
    assert re.findall(r'<a href="#(\w+)">[^<]*</a></th><td class="figure">(\d+)</td>', text) == [
        ("label_conflict", "1"),
        ("label_suspect", "2"),
        ("near_duplicate", "2"),
        ("exact_duplicate", "2"),
        ("alike", "1"),
        ("dark", "1"),
        ("tiny", "1"),
        ("extreme_aspect", "1"),
        ("unreadable", "1"),
    ]
    assert "Not found: blank, bright, blurred." in _words(text)


def test_what_was_not_looked_for_is_not_said_to_be_absent() -> None:
    text = _page([], {"labels": {"checked": False, "why": "the extra train is not installed."}})
    assert "Labels were not checked: the extra train is not installed." in _words(text)
    assert (
        "Looked for and not found: near duplicates, exact duplicates, blank, dark, bright, "
        "blurred, tiny, extreme shape, unreadable files."
    ) in _words(text)


def test_the_way_on_is_a_command_that_can_be_pasted() -> None:
    command = "lineament prepare 'my photos' --decisions audit.csv --out DATASET"
    assert f"<code>{command.replace(chr(39), '&#39;')}</code>" in _page()


def test_the_worst_labels_come_first_with_both_classes() -> None:
    text = _page()
    assert _files(text, "label_suspect") == ["dog/j.jpg", "cat/a.jpg"]
    assert "dog , rather cat ? dog/j.jpg score 0.01 cat , rather dog ? cat/a.jpg score 0.03" in (
        _words(text)
    )


def test_near_duplicates_of_two_classes_come_first_and_are_marked() -> None:
    text = _page()
    assert _files(text, "near_duplicate") == ["cat/a.jpg", "dog/c.jpg", "cat/a.jpg", "cat/b.jpg"]
    assert "two classes · similarity 0.880" in _words(text)


def test_a_conflict_of_near_duplicates_may_be_different_pictures_and_one_of_copies_not() -> None:
    found = [
        Finding(filename="a.jpg", kind=CONFLICT, partner="b.jpg"),
        Finding(filename="c.jpg", kind=CONFLICT, partner="d.jpg", score=0.9),
    ]
    text = _page(found, {})
    assert re.findall(r'data-row="(\d)" data-choices="different"', text) == ["1"]


def test_a_conflict_is_marked_even_where_its_classes_are_not_known() -> None:
    found = [Finding(filename="a.jpg", kind=CONFLICT, partner="b.jpg")]
    assert '<li class="crosses">' in _page(found, {})


def test_a_pair_that_is_there_both_ways_round_is_shown_once() -> None:
    both = [FOUND[0], Finding(filename="cat/b.jpg", kind=NEAR, partner="cat/a.jpg", decision=DROP)]
    assert _files(_page(both), "near_duplicate") == ["cat/a.jpg", "cat/b.jpg"]


def test_copies_of_one_picture_stand_together() -> None:
    text = _page()
    assert _files(text, "exact_duplicate") == ["cat/e.jpg", "cat/f.jpg", "cat/g.jpg"]
    part = text.partition('id="exact_duplicate"')[2].partition("</section>")[0]
    assert part.count("<svg") == 1


def test_a_class_that_is_stated_counts_and_not_the_folder() -> None:
    document = DOCUMENT | {"class_of": {"cat/a.jpg": "dog", "dog/c.jpg": "dog"}}
    assert "two classes · similarity" in _words(_page(FOUND[:2]))
    assert "two classes · similarity" not in _words(_page(FOUND[:2], document))


@pytest.mark.parametrize(
    ("kind", "first"),
    [("blank", 1), ("dark", 1), ("bright", 9), ("blurred", 1), ("tiny", 1), ("extreme_aspect", 9)],
)
def test_quality_begins_with_the_most_extreme(kind: str, first: int) -> None:
    found = [Finding(filename=f"{n}.jpg", kind=kind, score=float(n)) for n in (4, 9, 1)]
    assert _files(_page(found, {}), kind)[0] == f"{first}.jpg"


def test_numbers_of_quality_have_their_unit() -> None:
    words = _words(_page())
    assert "measured 0.20" in words
    assert "shorter side 31 px" in words
    assert "4.2 : 1" in words


def test_files_that_cannot_be_read_are_listed_with_their_reason() -> None:
    assert f"{EVIL} truncated after 812 bytes" in _words(_page())


def test_a_gallery_ends_after_sixty_and_says_how_many_more() -> None:
    found = [
        Finding(filename=f"cat/{n}.jpg", kind=SUSPECT, partner="dog", score=n / 100)
        for n in range(99)
    ]
    text = _page(found)
    assert _files(text, "label_suspect") == [f"cat/{n}.jpg" for n in range(60)]
    assert "and 39 photos more in audit.csv" in _words(text)


def test_of_many_pairs_the_surest_and_some_of_the_least_sure_are_shown() -> None:
    found = [
        Finding(filename=f"{n}a.jpg", kind=NEAR, partner=f"{n}b.jpg", score=n / 100)
        for n in range(99)
    ]
    text = _page(found)
    firsts = [int(name[:-5]) for name in _files(text, "near_duplicate")[::2]]
    assert firsts == [*range(98, 53, -1), *range(14, -1, -1)]
    assert "and 39 pairs more in audit.csv" in _words(text)


def test_a_photo_that_occurs_twice_is_embedded_once() -> None:
    asked: list[str] = []

    def thumbnail(name: str) -> bytes | None:
        asked.append(name)
        return _thumbnail(name)

    text = _page(FOUND, thumbnail=thumbnail)
    pictures = re.findall(r'href="data:image/jpeg;base64,([^"]*)"', text)
    assert len(pictures) == len(set(pictures))
    assert len(asked) == len(set(asked))
    assert text.count("<use href=") >= 3


def test_a_photo_without_a_picture_has_a_place_all_the_same() -> None:
    text = _page([Finding(filename="x.jpg", kind="dark")], {})
    assert text.count('<span class="empty">no picture</span>') == 1


def test_pictures_end_where_the_page_would_grow_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_gallery, "PICTURE_BYTES", 3000)
    found = [Finding(filename=f"{n}.jpg", kind="dark", score=n / 100) for n in range(20)]
    text = _page(found)
    pictures = re.findall(r'href="data:image/jpeg;base64,([^"]*)"', text)
    assert 0 < sum(map(len, pictures)) <= 3000
    assert text.count("no picture</span>") == 20 - len(pictures)


@pytest.mark.parametrize(("n_files", "is_whole"), [(2_000, True), (10_000, False)])
def test_a_page_of_any_number_of_findings_stays_below_eight_megabytes(
    *, n_files: int, is_whole: bool
) -> None:
    rng = np.random.default_rng(0)
    noise = [encode_jpeg(rng.integers(0, 256, (160, 160, 3), dtype=np.uint8)) for _ in range(9)]
    found = [
        Finding(filename=f"class {n % 70}/{n:06}.jpg", kind=kind, partner=f"{n}.jpg", score=0.5)
        for n in range(n_files)
        for kind in (NEAR, DUPLICATE, ALIKE, SUSPECT, *QUALITY)
    ]
    text = _page(found, thumbnail=lambda name: noise[len(name) % 9] + name.encode())
    assert len(text.encode()) < 8_000_000
    assert (0 not in _embedded(text)["rows"]) == is_whole


def test_a_table_too_long_for_a_page_is_embedded_as_far_as_it_is_shown_or_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_page_module, "TABLE_BYTES", 100)
    found = [Finding(filename=f"{n:02}.jpg", kind="dark", score=n / 100) for n in range(30)]
    found[29] = Finding(filename="29.jpg", kind="dark", score=0.29, decision=DROP)
    text = _page(found, {})
    rows = _embedded(text)["rows"]
    assert [n for n, row in enumerate(rows) if row] == [*range(24), 29]
    assert "30 rows, too many for a page: what is saved here holds those that are shown" in (
        _words(text)
    )
    assert "--decisions decisions.csv" in _words(text)


def test_hostile_names_are_shown_as_they_are_and_do_nothing() -> None:
    text = _page(*PAGES["odd names"])
    scripts = re.findall(r"<script[^>]*>", text)
    assert scripts == ['<script type="application/json" id="table">', "<script>"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jpg" in text
    assert all(" ".join(name.split()) in _words(text) for name in ODD)


def test_the_embedded_table_is_the_table_on_disk() -> None:
    findings, document = PAGES["odd names"]
    cells = list(csv.reader(io.StringIO(findings_text(findings), newline="")))
    embedded = _embedded(_page(findings, document))
    assert [embedded["columns"], *embedded["rows"]] == cells


def test_a_name_that_is_not_utf_8_has_its_bytes_spelt_out() -> None:
    odd = "cat/caf\udce9.jpg"
    asked: list[str] = []

    def thumbnail(name: str) -> None:
        asked.append(name)

    document = {"source": "caf\udce9", "classes": {"caf\udce9": 1, "cat": 1}}
    text = _page([Finding(filename=odd, kind="dark")], document, thumbnail=thumbnail)
    assert "cat/caf\\udce9.jpg" in text.encode("utf-8").decode("utf-8")
    assert asked == [odd]


def test_names_that_a_spreadsheet_takes_for_formulas_are_warned_of() -> None:
    found = [Finding(filename="=cmd|' /C calc'!A0.jpg", kind="dark")]
    assert (
        "1 name in audit.csv begins like a formula of a spreadsheet (=, +, - or @). Such names are "
        "written as they are, for they are the names of files; decide here, or open the table in a "
        "text editor."
    ) in _words(_page(found, {}))
    assert "formula" not in _words(_page())


def test_without_javascript_the_page_says_what_to_write() -> None:
    assert (
        "Write keep , drop , label:CLASS or, for near duplicates that are none, different into "
        "the column decision of audit.csv, with any editor. Then run"
    ) in _words(_page())


def test_an_audit_page_whose_library_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError) as caught:
        _page()
    assert str(caught.value) == (
        "The audit's page needs Jinja2, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[report]'`."
    )


# What a person does in the page, done in Chromium.

SAVES = itertools.count()


class _Desk:
    """The page's decision desk, in a browser."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.run, self.tell = browser.run, browser.tell

    @property
    def events(self) -> list[dict[str, Any]]:
        return self._browser.events

    def show(self, text: str) -> None:
        self._browser.show(text)

    def press(self, file: str, choice: str, *, section: str = "") -> None:
        """Press a button beside a photo, in the first place where it is."""
        self.run(
            f"""[...document.querySelectorAll('{section and f"[aria-labelledby={section}] "}.desk')]
            .find((desk) => desk.getAttribute('aria-label') === {json.dumps(file)})
            .querySelectorAll('button').forEach((button) => {{
              if (button.textContent === {json.dumps(choice)}) button.click();
            }})"""
        )

    def save(self) -> Path:
        self.events.clear()
        self.run("document.querySelector('#bar button').click()")
        self._browser.wait("Browser.downloadProgress", state="completed")
        began = next(each for each in self.events if each["method"] == "Browser.downloadWillBegin")
        saved = self._browser.folder / "downloads" / str(began["params"]["suggestedFilename"])
        # A second file of that name would be called otherwise.
        return saved.rename(saved.with_name(f"{next(SAVES)}-{saved.name}"))


@pytest.fixture(name="browser")
def _desk(browser: Browser) -> _Desk:
    return _Desk(browser)


def _about(file: str) -> str:
    return f"Decision about {file}"


PAIR = "Decision about the pair cat/a.jpg, cat/b.jpg"


@pytest.mark.slow
@pytest.mark.parametrize("kind", PAGES)
def test_a_browser_has_nothing_to_complain_about(browser: _Desk, kind: str) -> None:
    browser.show(_page(*PAGES[kind]))
    assert [each for each in browser.events if each["method"] in TROUBLE] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["everything", "odd names"])
def test_a_table_that_is_saved_undecided_is_the_table_on_disk(browser: _Desk, kind: str) -> None:
    browser.show(_page(*PAGES[kind]))
    saved = browser.save()
    assert saved.name.endswith("-audit.csv")
    assert saved.read_bytes() == findings_text(PAGES[kind][0]).encode()


@pytest.mark.slow
def test_a_carriage_return_in_a_name_is_saved_as_the_table_has_it(browser: _Desk) -> None:
    found = [Finding(filename='Icon\r"', kind="dark"), Finding(filename="a", kind="dark")]
    browser.show(_page(found))
    assert browser.save().read_bytes() == findings_text(found).encode()


@pytest.mark.slow
def test_what_is_pressed_beside_the_photos_is_what_prepare_obeys(browser: _Desk) -> None:
    browser.show(_page())
    browser.press(_about("dog/j.jpg"), "it is cat")
    browser.press(_about("cat/b.jpg"), "drop")
    browser.press(_about("dog/l.jpg"), "keep")
    browser.press(PAIR, "different pictures")
    assert browser.run("document.querySelector('#bar output').textContent") == (
        "5 decisions, not saved"
    )
    assert read_decisions(browser.save()) == Decisions(
        dropped=frozenset({"cat/b.jpg", "dog/k.jpg"}),
        relabelled={"dog/j.jpg": "cat"},
        different=frozenset({("cat/a.jpg", "cat/b.jpg")}),
    )
    assert browser.run("document.querySelector('#bar output').textContent") == "5 decisions"


@pytest.mark.slow
def test_what_is_decided_about_a_partner_gets_a_row_of_its_own(browser: _Desk) -> None:
    browser.show(_page(FOUND[:1]))
    browser.press(_about("cat/b.jpg"), "drop")
    assert read_findings(browser.save()) == [
        FOUND[0],
        Finding(filename="cat/b.jpg", kind=NEAR, partner="cat/a.jpg", score=0.97, decision=DROP),
    ]


@pytest.mark.slow
def test_a_file_has_one_decision_wherever_it_is_shown(browser: _Desk) -> None:
    browser.show(_page())
    browser.press(_about("cat/a.jpg"), "keep")  # among the labels
    browser.press(_about("cat/a.jpg"), "drop", section="near_duplicate")
    assert browser.run(
        "[...document.querySelectorAll('[aria-label=\"Decision about cat/a.jpg\"]')].map((desk) =>"
        " [...desk.querySelectorAll('[aria-pressed=true]')].map((each) => each.textContent).join())"
    ) == ["drop", "drop", "drop"]
    saved = browser.save()
    assert read_decisions(saved).dropped == {"cat/a.jpg", "dog/k.jpg"}
    rows = [each for each in read_findings(saved) if each.filename == "cat/a.jpg"]
    assert [each.decision for each in rows].count("") == len(rows) - 1


@pytest.mark.slow
def test_pressing_again_takes_a_decision_back(browser: _Desk) -> None:
    browser.show(_page())
    for _ in range(2):
        browser.press(_about("cat/b.jpg"), "drop")
        browser.press(PAIR, "different pictures")
    browser.press(_about("dog/k.jpg"), "drop")  # which was decided before
    assert read_decisions(browser.save()) == Decisions()


@pytest.mark.slow
def test_a_pair_may_be_different_and_one_of_it_dropped(browser: _Desk) -> None:
    for order in ((PAIR, _about("cat/a.jpg")), (_about("cat/a.jpg"), PAIR)):
        browser.show(_page(FOUND[:1]))
        for each in order:
            browser.press(each, "different pictures" if each == PAIR else "drop")
        assert read_decisions(browser.save()) == Decisions(
            dropped=frozenset({"cat/a.jpg"}),
            different=frozenset({("cat/a.jpg", "cat/b.jpg")}),
        )


@pytest.mark.slow
def test_a_class_can_be_typed_and_a_new_one_is_marked(browser: _Desk) -> None:
    browser.show(_page())
    for name, marked in (("dog", False), ("cow", True)):
        assert browser.run(
            f"""(() => {{
              const typed = document.querySelector('[aria-label="Class of cat/b.jpg"]');
              typed.value = ' {name} ';
              typed.dispatchEvent(new Event('change'));
              return [typed.value, typed.classList.contains('new')];
            }})()"""
        ) == [name, marked]
    assert read_decisions(browser.save()).relabelled == {"cat/b.jpg": "cow"}


@pytest.mark.slow
def test_odd_names_can_be_decided_about(browser: _Desk) -> None:
    browser.show(_page([Finding(filename=name, kind="dark") for name in ODD], {}))
    browser.run(
        "[...document.querySelectorAll('.desk button')]"
        ".filter((each) => each.textContent === 'drop').forEach((each) => each.click())"
    )
    assert read_decisions(browser.save()) == Decisions(dropped=frozenset(ODD))


@pytest.mark.slow
def test_arrows_go_to_the_same_choice_of_the_next_photo(browser: _Desk) -> None:
    browser.show(_page([Finding(filename=f"{n}.jpg", kind="dark") for n in "abc"], {}))
    browser.run("document.querySelectorAll('.desk button')[1].focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        text = "\r" if key == "Enter" else ""
        for kind in ("keyDown", "keyUp"):
            browser.tell("Input.dispatchKeyEvent", type=kind, key=key, code=key, text=text)
    assert read_decisions(browser.save()).dropped == {"b.jpg"}


@pytest.mark.slow
def test_of_a_table_too_long_for_a_page_the_rows_that_are_shown_are_saved(
    browser: _Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_page_module, "TABLE_BYTES", 100)
    browser.show(_page([Finding(filename=f"{n:02}.jpg", kind="dark") for n in range(30)], {}))
    browser.press(_about("07.jpg"), "drop")
    saved = browser.save()
    assert saved.name.endswith("-decisions.csv")
    assert len(read_findings(saved)) == 24
    assert read_decisions(saved).dropped == {"07.jpg"}


@pytest.mark.slow
def test_on_a_phone_nothing_is_wider_than_the_screen(browser: _Desk) -> None:
    browser.tell(
        "Emulation.setDeviceMetricsOverride",
        width=360,
        height=700,
        deviceScaleFactor=2,
        mobile=True,
    )
    browser.show(_page(*PAGES["odd names"]))
    assert browser.run("document.documentElement.scrollWidth") == 360
    browser.tell("Emulation.clearDeviceMetricsOverride")
