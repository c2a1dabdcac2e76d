"""``lineament export``, ``card``, ``verify`` and ``bench``: what is said of a bundle."""

import dataclasses
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.bundle import read_bundle, with_card
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.runtime import benching

Call = Callable[..., tuple[int, str, str]]
STORED_BUNDLE = Path(__file__).parents[2] / "contract" / "bundle-schema-1.onnx"
WHOLE_BUNDLE = STORED_BUNDLE.with_name("bundle-schema-1-fp32.onnx")


def write_torchscript(path: Path, card: str) -> None:
    """Write what torch would, as far as the card goes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/extra/lineament.json", card)


def test_card_says_what_the_bundle_is(call: Call, small_bundle: Path, small_run: Run) -> None:
    code, said, talked = call("card", small_bundle)

    facts = dict(line.split(maxsplit=1) for line in said.splitlines()[1:])
    assert code == 0
    assert facts["classes"] == "3: disc, frame, stripes"
    assert facts["licence"].endswith("(of the backbone's weights)")
    assert small_run.card.validation is not None
    value = 100 * small_run.card.validation.accuracy.value
    assert facts["validation"].startswith(f"accuracy {value:.2f} % (")
    assert "train 60, validation 30, test 30" in said
    assert talked == f"next: lineament verify {small_bundle}\n"


def test_card_of_an_old_bundle_says_what_it_does_not_know(call: Call) -> None:
    code, said, _ = call("card", STORED_BUNDLE)

    assert code == 0
    assert "licence      not stated (of the backbone's weights)\n" in said
    assert "validation   not stated\n" in said
    assert "unknown      never said\n" in said


def test_card_as_json_is_all_but_the_photos(call: Call, small_bundle: Path) -> None:
    _, said, _ = call("card", small_bundle, "--json")

    stated = json.loads(said)
    _, card = read_bundle(small_bundle)
    assert stated["golden"] == [photo.name for photo in card.golden]
    assert {**stated, "golden": []} == json.loads(json.dumps({**card.as_dict(), "golden": []}))


def test_card_of_a_bundle_that_was_not_tested_says_how_to_state_it(
    call: Call, small_bundle: Path
) -> None:
    _, said, _ = call("card", small_bundle)

    assert (
        "test         not stated; measure it with `lineament evaluate`, state it with "
        "`export --report`\n"
    ) in said


def test_card_says_how_good_the_bundle_is_on_test_photos(call: Call) -> None:
    _, said, _ = call("card", WHOLE_BUNDLE)

    assert (
        "test         accuracy 75.56 % (65.75 to 83.27) on 90 photos of the dataset's own test "
        "split, looked at once\n"
    ) in said


def test_card_says_on_which_other_photos_it_was_tested_and_what_to_beware_of(
    call: Call, tmp_path: Path
) -> None:
    graph, card = read_bundle(WHOLE_BUNDLE)
    assert card.tested is not None
    tested = dataclasses.replace(
        card.tested,
        dataset="field",
        fingerprint="f00d" * 16,
        evaluations=12,
        warnings=("There are few.", "They are odd."),
    )
    (tmp_path / "m.onnx").write_bytes(with_card(graph, dataclasses.replace(card, tested=tested)))

    _, said, _ = call("card", "m.onnx")

    assert (
        "on 90 photos of the dataset field (fingerprint f00df00df00df00d...), looked at 12 times\n"
        "beware       There are few.\n"
        "beware       They are odd.\n"
    ) in said


def test_card_of_a_torchscript_is_read_without_torch(call: Call, tmp_path: Path) -> None:
    _, card = read_bundle(WHOLE_BUNDLE)
    write_torchscript(tmp_path / "m.pt", card.metadata()["lineament"])

    code, said, talked = call("card", "m.pt")

    assert code == 0
    assert "classes      3: disc, square, stripes\n" in said
    assert talked == "next: load it with libtorch\n"


@pytest.mark.parametrize("arguments", [("verify",), ("predict", "a.jpg"), ("bench",)])
def test_torchscript_is_refused_where_a_bundle_is_wanted(
    arguments: tuple[str, ...], call: Call, tmp_path: Path
) -> None:
    write_torchscript(tmp_path / "m.pt", "{}")
    verb, *photos = arguments

    code, said, talked = call(verb, "m.pt", *photos)

    assert (code, said) == (4, "")
    assert talked == (
        "error: m.pt is a TorchScript, which programs with libtorch run; Lineament runs bundles.\n"
        "  fix: Name the .onnx file of the same run, or make it with `lineament export`; "
        "`lineament card m.pt` says which run that is.\n"
    )


def test_card_starts_no_engine(
    call: Call, small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.InferenceSession", None)

    assert call("card", small_bundle)[0] == 0


def test_verify_says_how_far_engines_are_off(call: Call, small_bundle: Path) -> None:
    code, said, talked = call("verify", small_bundle)

    first, *engines = said.splitlines()
    mark = read_bundle(small_bundle)[1].content_sha256[:16]
    assert code == 0
    assert first == f"{small_bundle}: the graph that was exported (sha256 {mark}...)"
    assert engines[0].startswith("ONNX Runtime ")
    assert all("0.001 allowed (13 golden photos)" in line for line in engines)
    assert talked == f"next: lineament predict {small_bundle} PHOTO...\n"


def test_verify_of_an_old_bundle_says_that_it_states_no_hash(call: Call) -> None:
    code, said, _ = call("verify", STORED_BUNDLE)

    assert code == 0
    assert said.splitlines()[0] == (
        f"{STORED_BUNDLE}: exported before bundles stated the hash of their graph"
    )


def test_verify_fails_where_a_golden_photo_is_answered_otherwise(
    call: Call, small_bundle: Path, tmp_path: Path
) -> None:
    graph, card = read_bundle(small_bundle)
    first, *others = card.golden
    wrong = dataclasses.replace(first, probabilities=first.probabilities[::-1])
    odd = dataclasses.replace(card, golden=(wrong, *others))
    (tmp_path / "m.onnx").write_bytes(with_card(graph, odd))

    code, said, talked = call("verify", "m.onnx", "--json")

    assert code == 6
    assert json.loads(said)["passed"] is False
    assert "error: m.onnx is not answered here as it was at its export.\n  at:  usual (" in talked
    assert talked.endswith(
        "  fix: Run it on an engine that is not named, or on another version of the one that is.\n"
    )


def test_bench_measures_every_engine_and_names_the_best(
    call: Call, small_bundle: Path, photo_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benching, "ROUNDS", 2)

    code, said, talked = call(*("bench", small_bundle, *photo_files, "--seconds", "0.01", "--json"))

    found = json.loads(said)
    assert code == 0
    assert (found["photos"], found["pixels"]) == (5, 1280)
    assert {speed["threads"] for speed in found["speeds"]} >= {1}
    assert {speed["engine"] for speed in found["speeds"]} >= {"onnxruntime"}
    for speed in found["speeds"]:
        p50, p90, p99 = speed["latency_ms"]
        assert 0 < p50 <= p90 <= p99
        low, high = speed["spread"]
        assert 0 < low <= speed["images_per_s"] <= high
    best = found["best"]
    fastest = max(speed["images_per_s"] for speed in found["speeds"])
    assert best["images_per_s"] * 1.05 >= fastest
    assert talked.endswith(
        f"next: lineament predict {small_bundle} PHOTO... --engine {best['engine']} --threads "
        f"{best['threads']}\n"
    )


def test_bench_without_photos_takes_one_that_travels_in_the_bundle(
    call: Call, small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benching, "ROUNDS", 1)

    code, said, _ = call("bench", small_bundle, "--seconds", "0.01")

    assert code == 0
    # 180 x 240 pixels, which a network of 32 px has decoded at half that.
    assert "(measured on 1 photo of 10,800 pixels)" in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--seconds", "0"), "error: `seconds` must be above 0, got 0.\n"),
        (("no.jpg",), "error: no.jpg cannot be read (No such file or directory).\n"),
    ],
)
def test_bench_refuses_what_cannot_be_measured(
    arguments: tuple[str, ...], text: str, call: Call, small_bundle: Path
) -> None:
    code, said, talked = call("bench", small_bundle, *arguments)

    assert code in (2, 3)
    assert said == ""
    assert talked.startswith(text)


def test_export_says_what_every_engine_answered(call: Call, small_run: Run) -> None:
    code, said, talked = call("export", small_run.root, "--out", "m.onnx")

    assert code == 0
    assert said.splitlines()[1].startswith(
        "largest difference from PyTorch float32 in a probability on 13 golden photos: ONNX "
    )
    assert talked.splitlines()[-1] == "next: lineament predict m.onnx PHOTO..."


def test_export_with_a_report_states_how_good_the_bundle_is(
    call: Call, small_run: Run, drawn_dataset: Dataset
) -> None:
    call("evaluate", small_run.root, drawn_dataset.root, "--out", "report")

    code, _, _ = call("export", small_run.root, "--out", "m.onnx", "--report", "report")

    assert code == 0
    assert "\ntest         accuracy " in call("card", "m.onnx")[1]


def test_export_in_int8_says_what_it_costs(call: Call, small_run: Run) -> None:
    code, said, _ = call(
        *("export", small_run.root, "--out", "m.onnx", "--precision", "int8"),
        *("--max-drop", "30", "--json"),
    )

    found = json.loads(said)
    assert code == 0
    assert found["precision"]["arithmetic"] == "int8"
    assert found["precision"]["photos"] == 30
