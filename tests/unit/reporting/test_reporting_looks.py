"""The section on where a model looks, as a person reads it."""

import dataclasses
import html
import re

import pytest

from lineament.artifacts.explanation import Explanation
from lineament.artifacts.findings.faithfulness import Against, Faithful, Faithfulness
from lineament.artifacts.findings.galleries import BORDERLINE, RIGHT, SUREST, WRONG, Gallery, Shown
from lineament.artifacts.findings.hiding import Hiding
from lineament.artifacts.findings.localisation import Localisation, Localised
from lineament.artifacts.findings.sanity import Randomised, SanityCheck
from lineament.explanation.galleries import CLOSE
from lineament.measure.intervals import Interval, wilson
from lineament.reporting.sections.looks import Image, looks
from lineament.reporting.template import render

EVIL = "<script>alert('x')</script>\"&"


def between(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high, method="student", n=20)


RIGHTLY = Shown(
    sample="images/cat/1.png",
    truth="cat",
    answer="cat",
    confidence=0.98,
    truth_probability=0.98,
    second="dog",
    second_probability=0.02,
    photo="photos/0000.jpg",
    overlay="photos/0000-answer.jpg",
)
WRONGLY = dataclasses.replace(
    RIGHTLY,
    sample="images/dog/2.png",
    truth="dog",
    confidence=0.9812,
    truth_probability=0.0121,
    photo="photos/0001.jpg",
    overlay="photos/0001-answer.jpg",
    truth_overlay="photos/0001-truth.jpg",
)
CLOSELY = dataclasses.replace(
    RIGHTLY, confidence=0.503, truth_probability=0.503, second_probability=0.497
)
MISTAKES = Gallery(kind=SUREST, class_name=None, n_photos=87, shown=(WRONGLY,))
EMPTY = Explanation(
    subject={"path": "runs/a"},
    dataset={"path": "data/a"},
    split="test",
    classes=("cat", "dog"),
    n_images=1200,
    method="class activation map",
    galleries=(),
    seed=0,
    environment={},
)
WINS = Against(
    baseline="noise",
    insertion=between(0.2, 0.1, 0.3),
    deletion=between(0.1, 0.05, 0.15),
    beats=True,
)
LOSES = Against(
    baseline="a blob",
    insertion=between(0.1, 0.05, 0.15),
    deletion=between(-0.02, -0.06, 0.01),
    beats=False,
)
BLOB = Faithful(
    title="a blob",
    insertion=between(0.5, 0.4, 0.6),
    deletion=between(0.4, 0.3, 0.5),
    insertion_curve=(0.1, 0.5, 0.9),
    deletion_curve=(0.9, 0.5, 0.1),
)
CAM = dataclasses.replace(
    BLOB,
    title="class activation map",
    insertion=between(0.645, 0.541, 0.749),
    seconds=0.0057,
    against=(LOSES, WINS),
    sentence="Class activation map does not beat every map that knows nothing.",
)
FAITHFULNESS = Faithfulness(
    photos=20, seed=0, fractions=(0.0, 0.5, 1.0), methods=(CAM,), baselines=(BLOB,)
)
LOCALISATION = Localisation(
    region="faces.csv",
    photos=200,
    area=between(0.18, 0.17, 0.19),
    methods=(
        Localised(
            title="class activation map",
            hits=wilson(180, 200),
            energy=between(0.5, 0.46, 0.54),
            surplus=between(0.32, 0.27, 0.37),
            sentence="More than by chance.",
        ),
        Localised(
            title="occlusion",
            hits=wilson(20, 200),
            energy=between(0.1, 0.05, 0.15),
            surplus=between(-0.08, -0.13, -0.03),
            sentence="Less than by chance.",
        ),
    ),
)
HIDING = Hiding(
    photos=100,
    centre_fraction=0.6,
    whole=wilson(90, 100),
    centre_hidden=wilson(80, 100),
    background_hidden=wilson(40, 100),
    chance=0.5,
    is_alarm=True,
    sentences=("With the middle hidden it still answers.", "Look at the surroundings."),
)
SANITY = SanityCheck(
    title="Grad-CAM",
    photos=50,
    left_out=0,
    seed=0,
    parts=(
        Randomised(part="head", correlation=between(0.61, 0.55, 0.67), flat=0),
        Randomised(part="stage 1 of 4", correlation=between(-0.02, -0.1, 0.06), flat=3),
    ),
    verdict="changes",
    sentence="The maps change when weights are random.",
)


def embedded(name: str) -> str:
    return f'src="data:{html.escape(name)}"'


def markup(explanation: Explanation, image: Image = embedded) -> str:
    values = {"looks": looks(explanation, image=image)}
    return render("looks_section.html.j2", values, purpose="The report")


def text(explanation: Explanation) -> str:
    """What a reader reads, with single spaces."""
    return plain(markup(explanation))


def plain(page: str) -> str:
    read = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", read))).strip()


def shown(*galleries: Gallery) -> Explanation:
    return dataclasses.replace(EMPTY, galleries=galleries)


def faithful(*against: Against) -> Explanation:
    found = dataclasses.replace(FAITHFULNESS, methods=(dataclasses.replace(CAM, against=against),))
    return dataclasses.replace(EMPTY, faithfulness=found)


def test_method_is_named_and_colours_are_explained() -> None:
    assert (
        "Maps by class activation map, on photos chosen from 1,200 test photos. Pale yellow marks "
        "what spoke most for a class in this photo, then orange, red and purple; where the photo "
        "looks as it did, least spoke for it. Colours run from a photo's own weakest place to its "
        "strongest and cannot be compared between photos."
    ) in text(EMPTY)


def test_without_mistakes_and_borderline_photos_a_sentence_says_so() -> None:
    assert "There is no mistake and no photo between two classes." in text(EMPTY)
    assert "Class by class" not in text(EMPTY)


def test_a_mistake_is_shown_with_what_spoke_for_the_answer_and_for_the_truth() -> None:
    page = markup(shown(MISTAKES))
    assert re.findall(r'<img src="data:([^"]+)" alt="([^"]+)">', page) == [
        ("photos/0001.jpg", "Photo of dog"),
        ("photos/0001-answer.jpg", "For cat"),
        ("photos/0001-truth.jpg", "For dog"),
    ]
    assert "cat 98.1 % truth dog 1.2 % images/dog/2.png" in plain(page)


@pytest.mark.parametrize(
    ("n_photos", "n_shown", "count"),
    [
        (87, 1, "1 of 87 mistakes"),
        (1, 1, "1 mistake"),
        (2, 2, "2 mistakes"),
        (1, 0, "0 of 1 mistake"),
    ],
)
def test_a_gallery_says_how_many_there_are(n_photos: int, n_shown: int, count: str) -> None:
    gallery = dataclasses.replace(MISTAKES, n_photos=n_photos, shown=(WRONGLY,) * n_shown)
    assert f"Most confident mistakes ({count})" in text(shown(gallery))


def test_a_borderline_photo_that_was_right_names_the_class_that_was_close() -> None:
    gallery = Gallery(kind=BORDERLINE, class_name=None, n_photos=1, shown=(CLOSELY,))
    assert (
        "Between two classes (1 such photo) The two most probable classes are less than 20 points "
        "apart. Photo of cat For cat cat 50.3 % right; next dog 49.7 % images/cat/1.png"
    ) in text(shown(gallery))


def test_points_that_the_page_names_are_those_that_photos_are_chosen_by() -> None:
    gallery = Gallery(kind=BORDERLINE, class_name=None, n_photos=1, shown=(CLOSELY,))
    assert f"less than {CLOSE * 100:.0f} points apart" in text(shown(gallery))


def test_only_wrong_answers_are_set_apart() -> None:
    gallery = Gallery(kind=BORDERLINE, class_name=None, n_photos=2, shown=(CLOSELY, WRONGLY))
    page = markup(shown(gallery))
    assert re.findall(r'<figcaption><span class="([^"]*)">(\w+)', page) == [
        ("", "cat"),
        ("answered", "cat"),
    ]


def test_right_and_wrong_ones_of_a_class_are_below_its_name() -> None:
    page = markup(
        shown(
            MISTAKES,
            Gallery(kind=RIGHT, class_name="cat", n_photos=849, shown=(RIGHTLY,)),
            Gallery(kind=RIGHT, class_name="dog", n_photos=1, shown=(RIGHTLY,)),
            Gallery(kind=WRONG, class_name="dog", n_photos=3, shown=(WRONGLY,)),
        )
    )
    inside = [plain(each) for each in re.findall(r"<details.*?</details>", page, re.DOTALL)]
    assert [re.findall(r"^\w+|answered \w+ \([^)]+\)", each) for each in inside] == [
        ["cat", "answered rightly (1 of 849 photos)"],
        ["dog", "answered rightly (1 photo)", "answered wrongly (1 of 3 photos)"],
    ]


@pytest.mark.parametrize(("n", "told"), [(1, "the class"), (2, "the 2 classes")])
def test_classes_that_are_left_out_are_told(n: int, told: str) -> None:
    galleries = [
        Gallery(kind=RIGHT, class_name=name, n_photos=1, shown=(RIGHTLY,)) for name in "ab"[:n]
    ]
    many = dataclasses.replace(shown(*galleries), classes=("a", "b", "c"))

    assert f"The surest photos of each class; {told} with the lowest recall, of 3." in text(many)


def test_one_class_alone_is_no_choice_of_classes() -> None:
    gallery = Gallery(kind=RIGHT, class_name="cat", n_photos=1, shown=(RIGHTLY,))
    alone = dataclasses.replace(shown(gallery), classes=("cat",))
    assert "The surest photos of each class. cat answered rightly (1 photo)" in text(alone)


def test_a_picture_that_the_page_has_no_room_for_is_told_and_not_linked() -> None:
    page = markup(shown(MISTAKES), image=lambda name: None)
    assert "<img" not in page
    assert page.count('<span class="empty">no picture</span>') == 3


def test_a_page_may_fill_in_its_pictures_by_script() -> None:
    page = markup(shown(MISTAKES), image=lambda name: f'data-photo="p1/{name}"')
    assert '<img data-photo="p1/photos/0001.jpg" alt="Photo of dog">' in page
    assert "src=" not in page


def test_areas_are_told_with_their_intervals_and_the_time_of_a_map() -> None:
    read = text(faithful(LOSES, WINS))
    assert "class activation map 0.65 (0.54 to 0.75) 0.40 (0.30 to 0.50) 5.7" in read
    assert "a blob knows nothing 0.50 (0.40 to 0.60) 0.40 (0.30 to 0.50)" in read


def test_a_map_that_does_not_beat_a_baseline_is_said_not_to() -> None:
    page = markup(faithful(LOSES))
    assert (
        "class activation map a blob +0.10 (+0.05 to +0.15) −0.02 (−0.06 to +0.01) does not beat it"
        in plain(page)
    )
    assert '<td class="answered">does not beat it</td>' in page
    assert "Class activation map does not beat every map that knows nothing." in plain(page)


def test_a_map_that_beats_a_baseline_is_said_to() -> None:
    page = markup(faithful(WINS))
    assert "class activation map noise +0.20 (+0.10 to +0.30)" in plain(page)
    assert '<td class="">beats it</td>' in page


def test_how_faithfulness_was_measured_is_told_with_the_number_of_photos() -> None:
    assert (
        "In the order of each map 20 photos appeared out of their blur (insertion) and vanished "
        "into their mean colour (deletion); the curves are the mean probability of the model's "
        "answer (Petsiuk et al. 2018, RISE). Differences are photo by photo; a map beats another "
        "where both intervals lie above 0."
    ) in text(faithful(WINS))


def test_localisation_stands_beside_the_area_that_chance_would_reach() -> None:
    read = text(dataclasses.replace(EMPTY, localisation=LOCALISATION))
    assert (
        "class activation map 90.0 % (85.1 to 93.4) 50.0 % (46.0 to 54.0) "
        "+32.0 points (+27.0 to +37.0)"
    ) in read
    assert "−8.0 points (−13.0 to −3.0)" in read
    assert (
        "200 photos with a region in faces.csv; the regions are 18.0 % (17.0 to 19.0) of what the "
        "model sees."
    ) in read
    assert "More than by chance. Less than by chance." in read


def test_alarm_of_hiding_is_a_note_that_stands_out() -> None:
    page = markup(dataclasses.replace(EMPTY, hiding=HIDING))
    alarm = re.search(r'<div class="alarm" role="note">(.*?)</div>', page, re.DOTALL)
    assert alarm is not None
    assert plain(alarm.group(1)) == " ".join(HIDING.sentences)


def test_without_an_alarm_hiding_is_told_as_the_rest() -> None:
    calm = dataclasses.replace(HIDING, is_alarm=False)
    page = markup(dataclasses.replace(EMPTY, hiding=calm))
    assert "alarm" not in page
    assert "With the middle hidden it still answers." in plain(page)


def test_hiding_gives_the_three_accuracies() -> None:
    assert (
        "whole photos 90 % (83 to 94) the middle hidden (60 % of each side) 80 % (71 to 87) "
        "all but the middle hidden 40 % (31 to 50)"
    ) in text(dataclasses.replace(EMPTY, hiding=HIDING))


def test_sanity_is_told_part_by_part() -> None:
    read = text(dataclasses.replace(EMPTY, sanity=(SANITY,)))
    assert (
        "With random weights: Grad-CAM The maps change when weights are random. Random down to "
        "Rank correlation with the trained map Flat maps head +0.61 (+0.55 to +0.67) 0 "
        "stage 1 of 4 −0.02 (−0.10 to +0.06) 3"
    ) in read
    assert "Left out" not in read


def test_photos_that_sanity_left_out_are_told() -> None:
    check = dataclasses.replace(SANITY, left_out=2)
    assert "Left out, for the trained model's map is the same everywhere: 2." in text(
        dataclasses.replace(EMPTY, sanity=(check,))
    )


ASKED = {
    "faithfulness": "Whether the maps are faithful was not measured (`lineament explain` with "
    "`--faithfulness 48`).",
    "hiding": "Accuracy with the middle hidden was not measured (`lineament explain` with "
    "`--hiding 500`).",
    "localisation": "How much of the maps lies on the thing was not measured (`lineament explain` "
    "with `--regions FILE`).",
    "sanity": "Whether maps change when weights are random was not measured (`lineament explain` "
    "with `--sanity 50`).",
}
WHOLE = dataclasses.replace(
    shown(MISTAKES, Gallery(kind=RIGHT, class_name="cat", n_photos=1, shown=(RIGHTLY,))),
    faithfulness=FAITHFULNESS,
    hiding=HIDING,
    localisation=LOCALISATION,
    sanity=(SANITY,),
)


def test_what_nobody_asked_for_is_told_with_its_option() -> None:
    assert looks(EMPTY, image=embedded)["missing"] == list(ASKED.values())


@pytest.mark.parametrize(
    ("field", "absent"),
    [
        ("faithfulness", dataclasses.replace(WHOLE, faithfulness=None)),
        ("hiding", dataclasses.replace(WHOLE, hiding=None)),
        ("localisation", dataclasses.replace(WHOLE, localisation=None)),
        ("sanity", dataclasses.replace(WHOLE, sanity=())),
    ],
)
def test_only_what_is_absent_is_told_as_absent(field: str, absent: Explanation) -> None:
    assert looks(absent, image=embedded)["missing"] == [ASKED[field]]


def test_options_are_set_as_code() -> None:
    assert "<code>--sanity 50</code>" in markup(EMPTY)


def test_nothing_is_told_as_absent_where_all_was_measured() -> None:
    assert "not measured" not in text(WHOLE)


def test_no_id_is_given_twice() -> None:
    several = dataclasses.replace(WHOLE, sanity=(SANITY, SANITY))
    ids = re.findall(r'\sid="([^"]*)"', markup(several))
    assert {"looks", "faithful"} < set(ids)
    assert len(ids) == len(set(ids))


def test_tables_that_scroll_can_be_reached_by_keyboard_and_have_a_name() -> None:
    tags = re.findall(r'<div class="scroll"[^>]*>', markup(WHOLE))
    assert len(tags) == 4
    assert all('tabindex="0" role="region" aria-label="' in tag for tag in tags)


def test_hostile_names_are_text() -> None:
    photo = dataclasses.replace(WRONGLY, sample=EVIL, truth=EVIL, answer=EVIL + "2")
    page = markup(
        dataclasses.replace(
            WHOLE,
            method=EVIL,
            galleries=(
                dataclasses.replace(MISTAKES, shown=(photo,)),
                Gallery(kind=WRONG, class_name=EVIL, n_photos=1, shown=(photo,)),
            ),
            localisation=dataclasses.replace(LOCALISATION, region=EVIL),
            hiding=dataclasses.replace(HIDING, sentences=(EVIL,)),
            sanity=(dataclasses.replace(SANITY, title=EVIL, sentence=EVIL),),
        )
    )
    assert "<script" not in page
    assert f"truth {EVIL} 1.2" in plain(page)


def test_same_explanation_gives_the_same_bytes() -> None:
    assert markup(WHOLE) == markup(WHOLE)
