"""The loop: a model is wrong, somebody corrects it, and the next model knows better."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.collection import Collection, KeptPhoto
from lineament.runtime.predictor import Predictor

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]

SENT, FRESH = 40, 20
OLD = ("splits/validation.csv", "splits/test.csv")


def negative(draw: Draw, seed: int) -> NDArray[np.uint8]:
    """A disc as no training photo shows one: its colours are turned round."""
    return 255 - draw(seed, 0)


@pytest.fixture(scope="module")
def loop(
    chain: Path,
    draw: Draw,
    warm: Callable[..., Result],
    fast: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with ``kept``, what was wrong and put right; ``grown`` and ``again``, the new run.

    Only to be read.
    """
    folder = tmp_path_factory.mktemp("loop")
    kept = Collection.open(folder / "kept")
    sent = [negative(draw, seed) for seed in range(SENT)]
    for number, answer in enumerate(Predictor(chain / "model.onnx").predict(sent)):
        if answer.label != "disc":
            about = KeptPhoto(
                label="disc",
                kind="feedback",
                session=f"visitor-{number // 4}",
                said=answer.label,
                confidence=answer.confidence,
                model="model",
                consent=True,
            )
            kept.keep(sent[number], about)
    for verb in (
        ("prepare", "kept", "--extend", chain / "dataset", "--out", "grown"),
        ("train", "grown", "--out", "again", *fast),
    ):
        done = warm(*verb, cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def rights(model: Path, draw: Draw) -> int:
    """How many fresh photos of the kind that was corrected are answered right."""
    fresh = [negative(draw, 1000 + seed) for seed in range(FRESH)]
    return sum(answer.label == "disc" for answer in Predictor(model).predict(fresh))


def test_what_was_corrected_is_answered_right_by_the_next_model(
    chain: Path, loop: Path, draw: Draw
) -> None:
    before, after = rights(chain / "run", draw), rights(loop / "again", draw)
    assert before <= FRESH // 2
    assert after >= before + FRESH // 3


def test_what_was_measured_on_before_is_measured_on_still(chain: Path, loop: Path) -> None:
    for name in OLD:
        assert (loop / "grown" / name).read_bytes() == (chain / "dataset" / name).read_bytes()


def test_every_correction_is_in_training_and_says_what_the_model_said(loop: Path) -> None:
    kept = Collection.open(loop / "kept").contents().rows
    with (loop / "grown" / "metadata.csv").open(newline="", encoding="utf-8") as file:
        said = {row["filename"]: row["said"] for row in csv.DictReader(file)}
    with (loop / "grown" / "splits" / "train.csv").open(newline="", encoding="utf-8") as file:
        groups = {row["filename"]: row["group"] for row in csv.DictReader(file)}
    assert sorted(said.values()) == sorted(row.photo.said for row in kept)
    assert sorted(groups[name] for name in said) == sorted(row.photo.session for row in kept)


def test_the_command_line_tells_what_it_took_in(
    chain: Path, loop: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    order = ("prepare", loop / "kept", "--extend", chain / "dataset", "--out", "grown")
    done = warm(*order, "--json", cwd=tmp_path)
    document = json.loads(done.stdout)
    count = len(Collection.open(loop / "kept").contents().rows)
    assert document["collection"]["corrections"] == document["split"]["train_only"] == count
    assert f"{count} corrections among them." in done.stderr
    assert document["counts"]["scanned"] == count + document["extended"]["photos"]


def test_a_collection_is_audited_like_any_source(
    loop: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm("audit", loop / "kept", "--out", "audit", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_photos"] == len(
        Collection.open(loop / "kept").contents().rows
    )


def test_a_collection_is_no_dataset_to_train_on(
    loop: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm("train", loop / "kept", "--out", "run", cwd=tmp_path)
    assert done.returncode == 4
    assert f"error: {loop / 'kept'} is a collection, not a dataset." in done.stderr
