"""The contract that every verb keeps: streams, JSON, the next command, what stands at ``--out``."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lineament.artifacts.bundle import read_card
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.report import read_report
from lineament.artifacts.run import Run
from lineament.runtime.engines import OnnxRuntimeEngine

Result = subprocess.CompletedProcess[str]

VERBS = ("prepare", "train", "evaluate", "explain", "report", "export", "predict", "doctor")
WRITERS = {  # verb to its target's name in the chain
    "prepare": "dataset",
    "train": "run",
    "evaluate": "report",
    "explain": "overlays",
    "report": "told",
    "export": "model.onnx",
}


def command_of(verb: str, chain: Path, out: Path, fast: tuple[str, ...]) -> list[object]:
    """The same command as in the chain, writing elsewhere."""
    targets: dict[str, list[object]] = {
        "prepare": [chain / "photos", "--out", out],
        "train": [chain / "dataset", "--out", out, *fast],
        "evaluate": [chain / "run", chain / "dataset", "--out", out],
        "explain": [chain / "model.onnx", chain / "photos/disc/000.jpg", "--out", out],
        "report": [
            *(chain / "run", "--data", chain / "dataset", "--out", out, "--no-explain"),
            *("--evaluation", chain / "report"),
        ],
        "export": [chain / "run", "--out", out],
        "predict": [chain / "model.onnx", chain / "photos"],
        "doctor": [],
    }
    return [verb, *targets[verb]]


@pytest.mark.parametrize("verb", VERBS)
def test_json_is_one_document_and_all_of_stdout(
    verb: str, chain: Path, spoken: dict[str, Result]
) -> None:
    assert isinstance(json.loads(spoken[verb].stdout), dict)  # refuses a second document


@pytest.mark.parametrize("verb", VERBS)
def test_last_line_of_stderr_names_a_verb_that_exists(
    verb: str, chain: Path, spoken: dict[str, Result]
) -> None:
    *_, last = spoken[verb].stderr.splitlines()

    assert last.startswith("next: lineament ")
    assert last.split()[2] in VERBS


@pytest.mark.parametrize(
    ("verb", "following"),
    [
        ("prepare", "next: lineament train dataset --out run"),
        ("train", "next: lineament evaluate run dataset --out report"),
        ("evaluate", "next: lineament export run --out model.onnx"),
        ("explain", "next: lineament export run --out model.onnx"),
        ("export", "next: lineament predict model.onnx PHOTO..."),
        ("predict", "next: lineament explain model.onnx PHOTO... --out overlays"),
        ("doctor", "next: lineament prepare SOURCE --out dataset"),
    ],
)
def test_next_command_leads_through_the_work(
    verb: str, following: str, chain: Path, spoken: dict[str, Result]
) -> None:
    assert spoken[verb].stderr.splitlines()[-1] == following


@pytest.mark.parametrize("verb", VERBS)
def test_without_json_stdout_holds_lines_and_stderr_the_next_command(
    verb: str, chain: Path, fast: tuple[str, ...], warm: Callable[..., Result], tmp_path: Path
) -> None:
    out = tmp_path / WRITERS.get(verb, "")

    done = warm(*command_of(verb, chain, out, fast), cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout.strip()
    assert not done.stdout.lstrip().startswith("{")
    assert "next: " not in done.stdout
    assert done.stderr.splitlines()[-1].startswith("next: lineament ")


@pytest.mark.parametrize("verb", WRITERS)
def test_what_stands_at_out_is_not_overwritten(
    verb: str, chain: Path, fast: tuple[str, ...], warm: Callable[..., Result]
) -> None:
    out = WRITERS[verb]
    before = sorted(path.stat().st_mtime_ns for path in (chain / out).glob("**/*"))

    done = warm(*command_of(verb, chain, Path(out), fast), cwd=chain)

    assert done.stderr == (
        f"error: {out} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it.\n"
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert sorted(path.stat().st_mtime_ns for path in (chain / out).glob("**/*")) == before


@pytest.mark.parametrize("verb", WRITERS)
def test_overwrite_replaces_what_the_same_verb_wrote(
    verb: str, chain: Path, fast: tuple[str, ...], warm: Callable[..., Result], tmp_path: Path
) -> None:
    old, out = chain / WRITERS[verb], tmp_path / WRITERS[verb]
    if old.is_dir():
        shutil.copytree(old, out)
        (out / "stale.txt").write_text("of the old one")
    else:
        out.write_bytes(b"old")

    done = warm(*command_of(verb, chain, out, fast), "--overwrite", cwd=tmp_path)

    assert done.returncode == 0
    assert not (out / "stale.txt").exists()
    assert out.is_dir() or out.read_bytes() != b"old"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(
    ("verb", "marker"),
    [
        ("train", "run.json"),
        ("evaluate", "report.json"),
        ("explain", "explanations.json"),
    ],
)
def test_overwrite_does_not_replace_a_folder_of_photos(
    verb: str,
    marker: str,
    chain: Path,
    fast: tuple[str, ...],
    warm: Callable[..., Result],
    tmp_path: Path,
) -> None:
    precious = tmp_path / "precious"
    shutil.copytree(chain / "photos", precious)

    done = warm(*command_of(verb, chain, Path("precious"), fast), "--overwrite", cwd=tmp_path)

    assert done.stderr == (
        f"error: precious was not replaced: it holds no {marker}, so it is not what this command "
        "writes.\n"
        "  fix: Name another `--out`, or remove it yourself.\n"
    )
    assert done.returncode == 4
    assert len(list(precious.glob("*/*.jpg"))) == 45


def test_overwrite_of_export_does_not_replace_a_folder(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(chain / "photos", tmp_path / "precious.onnx")

    done = warm("export", chain / "run", "--out", "precious.onnx", "--overwrite", cwd=tmp_path)

    assert done.stderr.splitlines()[-2:] == [
        "error: precious.onnx could not be written: Is a directory.",
        "  fix: Give it space or permission, or name another `--out`; nothing was left under that "
        "name.",
    ]
    assert done.returncode == 4
    assert len(list((tmp_path / "precious.onnx").glob("*/*.jpg"))) == 45


def test_bundle_is_named_as_one(chain: Path, warm: Callable[..., Result], tmp_path: Path) -> None:
    done = warm("export", chain / "run", "--out", "model", cwd=tmp_path)

    assert done.stderr == (
        "error: A bundle's name ends in .onnx, got model.\n  fix: Use `--out model.onnx`.\n"
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])


@pytest.mark.parametrize("verb", VERBS)
def test_error_with_json_is_one_document_that_says_what_stderr_says(
    verb: str, chain: Path, warm: Callable[..., Result]
) -> None:
    done = warm(verb, "--no-such-flag", "--json", cwd=chain)

    assert json.loads(done.stdout) == {
        "error": "UsageError",
        "what": f"`lineament {verb}` has no flag `--no-such-flag`.",
        "at": [],
        "fix": f"See `lineament {verb} --help`.",
        "exit_code": 2,
    }
    assert done.stderr == (
        f"error: `lineament {verb}` has no flag `--no-such-flag`.\n"
        f"  fix: See `lineament {verb} --help`.\n"
    )
    assert done.returncode == 2


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_shows_its_flags(
    verb: str, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    done = lineament(verb, "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: lineament {verb} ")
    assert "--json" in done.stdout
    assert ("--overwrite" in done.stdout) == (verb != "doctor")
    assert done.stderr == ""


@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate"])
def test_verb_with_chance_in_it_takes_a_seed(
    verb: str, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    assert "--seed" in lineament(verb, "--help", cwd=tmp_path).stdout


def test_version_is_the_one_that_artifacts_state(
    chain: Path, lineament: Callable[..., Result]
) -> None:
    stated = json.loads((chain / "run" / "run.json").read_text())["lineament"]

    assert lineament("--version", cwd=chain).stdout == f"lineament {stated}\n"


def test_no_verb_at_all_shows_the_verbs_in_the_order_of_the_work(
    lineament: Callable[..., Result], tmp_path: Path
) -> None:
    done = lineament(cwd=tmp_path)

    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert [word for word in listed if word in VERBS] == list(VERBS)
    assert done.returncode == 0


def test_module_is_the_program_too(
    chain: Path, surroundings: dict[str, str], lineament: Callable[..., Result]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lineament", "--help"],
        cwd=chain,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == lineament("--help", cwd=chain).stdout


def test_prepare_accounts_for_every_file(chain: Path, spoken: dict[str, Result]) -> None:
    said = json.loads(spoken["prepare"].stdout)

    assert said["counts"]["scanned"] == 45
    assert said["counts"]["kept"] + said["counts"]["rejected"] == 45
    assert said["splits"] == {"train": 31, "validation": 7, "test": 7}
    Dataset.open(chain / "dataset").verify()


def test_train_states_what_it_made(chain: Path, spoken: dict[str, Result]) -> None:
    said = json.loads(spoken["train"].stdout)
    run = Run.open(chain / "run")

    assert said["run"] == "run"
    assert said["classes"] == ["disc", "square", "stripes"]
    assert said["mode"] == "head"
    assert said["backbone"]["name"] == "test_resnet"
    assert said["preprocessing"]["size_px"] == 64
    assert said["temperature"] == run.card.temperature
    assert said["dataset"]["fingerprint"] == Dataset.open(chain / "dataset").fingerprint


def test_run_can_be_read_by_whoever_may_read_its_folder(chain: Path) -> None:
    files = [path for path in (chain / "run").rglob("*") if path.is_file()]
    plain = chain / "run" / "run.json"  # made by a plain open

    assert {path.stat().st_mode for path in files} == {plain.stat().st_mode}


def test_training_does_not_read_the_test_split(
    chain: Path, fast: tuple[str, ...], warm: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(chain / "dataset", tmp_path / "dataset")
    data = Dataset.open(tmp_path / "dataset")
    for sample in data.samples("test"):
        data.path(sample).unlink()

    assert warm("train", "dataset", "--out", "run", *fast, cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("mode", "weights"), [("scratch", None), ("finetune", "run/weights.safetensors")]
)
def test_every_mode_ends_in_a_run_that_can_be_exported_and_asked(
    mode: str, weights: str | None, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    trained = warm(
        *("train", "dataset", "--out", tmp_path / "run", "--mode", mode, "--epochs", "1"),
        *("--backbone", "test_resnet", "--set", "size_px=64"),
        *(("--weights", f"file:{weights}") if weights else ()),
        "--json",
        cwd=chain,
    )
    exported = warm("export", tmp_path / "run", "--out", tmp_path / "model.onnx", cwd=chain)
    asked = warm("predict", tmp_path / "model.onnx", "photos/disc/000.jpg", cwd=chain)

    assert json.loads(trained.stdout)["mode"] == mode
    assert (exported.returncode, asked.returncode) == (0, 0)


def test_evaluate_gives_every_headline_figure_an_interval(
    chain: Path, spoken: dict[str, Result]
) -> None:
    said = json.loads(spoken["evaluate"].stdout)

    assert [name for name in said["headline"] if name != "macro_recall"] == [
        "accuracy",
        "balanced_accuracy",
        "macro_precision",
        "macro_f1",
        "cohen_kappa",
        "matthews_correlation",
        "log_loss",
        "brier",
        "expected_calibration_error",
    ]
    for interval in said["headline"].values():
        assert interval["low"] <= interval["value"] <= interval["high"]
        assert interval["level"] == 0.95
    assert said["n_images"] == 7
    assert [figures["support"] for figures in said["per_class"]] == [2, 2, 3]
    assert set(said["confusion"]) == {"raw", "row_normalised", "z_scored"}
    assert sum(map(sum, said["confusion"]["raw"])) == 7


def test_json_of_evaluate_is_what_the_report_holds(chain: Path, spoken: dict[str, Result]) -> None:
    said = json.loads(spoken["evaluate"].stdout)
    held = json.loads((chain / "report" / "report.json").read_text())

    assert {key: value for key, value in held.items() if key in said} == {
        key: value for key, value in said.items() if key in held
    }
    assert read_report(chain / "report").n_right == said["n_right"]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag in ("script", "link", "iframe"):
            self.found.append(f"<{tag}>")


def test_page_needs_nothing_beside_it(chain: Path) -> None:
    links = _Links()
    page = (chain / "report" / "report.html").read_text(encoding="utf-8")
    links.feed(page)

    assert [link for link in links.found if not link.startswith(("data:", "#"))] == []
    assert "@import" not in page
    assert "url(http" not in page


def test_bundle_is_measured_like_the_run_it_came_from(
    chain: Path, spoken: dict[str, Result], warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm(
        "evaluate",
        chain / "model.onnx",
        chain / "dataset",
        "--out",
        tmp_path / "report",
        "--json",
        cwd=tmp_path,
    )

    said, expected = json.loads(done.stdout), json.loads(spoken["evaluate"].stdout)
    for key in ("headline", "per_class", "confusion", "calibration"):
        assert said[key] == expected[key]


def test_explain_writes_an_overlay_per_photo_in_order(
    chain: Path, spoken: dict[str, Result]
) -> None:
    said = json.loads(spoken["explain"].stdout)["explanations"]

    assert [each["source"] for each in said] == ["photos/disc/000.jpg", "photos/square/001.jpg"]
    assert sorted(path.name for path in (chain / "overlays").iterdir()) == [
        "0000-000.jpg",
        "0001-001.jpg",
        "explanations.json",
    ]


def test_explain_answers_as_predict_does(chain: Path, spoken: dict[str, Result]) -> None:
    rows = json.loads(spoken["predict"].stdout)["predictions"]
    answers = {row["filename"]: (row["label"], row["confidence"]) for row in rows}

    for each in json.loads(spoken["explain"].stdout)["explanations"]:
        assert (each["answer"], each["confidence"]) == answers[each["source"]]


def test_explain_shows_the_class_that_is_asked_for(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    said = {}
    for name in ("disc", "square"):
        done = warm(
            *("explain", chain / "model.onnx", chain / "photos/disc/000.jpg"),
            *("--class", name, "--out", tmp_path / name, "--json"),
            cwd=tmp_path,
        )
        said[name] = json.loads(done.stdout)["explanations"][0]

    assert said["square"]["shown_class"] == "square"
    assert said["square"]["answer"] == said["disc"]["answer"]
    overlays = [(tmp_path / name / "0000-000.jpg").read_bytes() for name in said]
    assert overlays[0] != overlays[1]


def test_bundle_carries_its_proof_and_its_origin(chain: Path, spoken: dict[str, Result]) -> None:
    said = json.loads(spoken["export"].stdout)
    engine = OnnxRuntimeEngine(chain / "model.onnx", name="model.onnx")
    card = read_card(engine.metadata, name="model.onnx")

    assert said["parity"]["largest_difference"] <= said["parity"]["allowed"] == 1e-3
    assert said["classes"] == list(card.classes) == ["disc", "square", "stripes"]
    assert said["size_bytes"] == (chain / "model.onnx").stat().st_size
    assert {"tall", "wide", "tiny", "grey", "odd"} <= {photo.name for photo in card.golden}
    fingerprint = Dataset.open(chain / "dataset").fingerprint
    assert said["provenance"]["dataset"]["fingerprint"] == fingerprint


def test_classifier_has_learnt_the_drawn_shapes(chain: Path, spoken: dict[str, Result]) -> None:
    rows = json.loads(spoken["predict"].stdout)["predictions"]

    right = [row["label"] == Path(row["filename"]).parent.name for row in rows]

    assert sum(right) >= 0.75 * len(right)  # a third by chance; the backbone is random


def test_doctor_names_versions_extras_engines_and_machine(
    chain: Path, spoken: dict[str, Result]
) -> None:
    said = json.loads(spoken["doctor"].stdout)

    assert {"python", "lineament", "onnxruntime", "torch", "timm"} <= set(said["versions"])
    assert said["extras"] == {
        name: {"installed": True, "missing": []}
        for name in (
            *(
                "report",
                "train",
                "weights",
                "explain",
                "faces",
                "openvino",
                "track",
                "study",
                "hub",
                "video",
                "serve",
            ),
        )
    }
    assert {"onnxruntime", "torch"} <= set(said["engines"])
    assert said["machine"]["cores"] >= 1
    assert said["cache"]["path"].endswith("lineament-cache")


def test_next_command_can_be_typed_though_paths_hold_spaces(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm("prepare", chain / "photos", "--out", "my photos/data set", cwd=tmp_path)

    assert shlex.split(done.stderr.splitlines()[-1]) == [
        *("next:", "lineament", "train", "my photos/data set", "--out", "my photos/run"),
    ]


def test_same_seed_gives_the_same_predictions_bit_for_bit(
    chain: Path, fast: tuple[str, ...], warm: Callable[..., Result], tmp_path: Path
) -> None:
    verbs: tuple[tuple[object, ...], ...] = (
        ("prepare", chain / "photos", "--out", tmp_path / "dataset"),
        ("train", tmp_path / "dataset", "--out", tmp_path / "run", *fast),
        ("export", tmp_path / "run", "--out", tmp_path / "model.onnx"),
        (
            *("predict", tmp_path / "model.onnx", "photos"),
            *("--top", "2", "--csv", tmp_path / "answers.csv"),
        ),
    )
    for verb in verbs:
        assert warm(*verb, cwd=chain).returncode == 0

    assert (tmp_path / "answers.csv").read_bytes() == (chain / "answers.csv").read_bytes()


def test_another_seed_splits_otherwise(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    warm("prepare", chain / "photos", "--out", "dataset", "--seed", "1", cwd=tmp_path)

    assert (tmp_path / "dataset/splits/test.csv").read_bytes() != (
        chain / "dataset/splits/test.csv"
    ).read_bytes()
