"""Training makes a whole run or none, the same for the same seed, without the test split."""

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, UsageError
from lineament.core.executor import LocalExecutor
from lineament.core.progress import QUIET, Quiet
from lineament.preparation.build import PrepareConfig, prepare
from lineament.runtime.embedding import embed, logits_and_embeddings
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.predictor import Predictor
from lineament.training import train as training
from lineament.training.heads import fit_head
from lineament.training.recipe import TrainConfig
from lineament.training.train import train

SMALL = TrainConfig(backbone="test_resnet", weights="none", size_px=32, seed=3)


def read_history(run: Run) -> list[dict[str, str]]:
    with (run.root / "history.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def again(drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small run made again by other workers, from a dataset without its test photos."""
    root = shutil.copytree(drawn_dataset.root, tmp_path_factory.mktemp("again") / "dataset")
    data = Dataset.open(root)
    for sample in data.samples("test"):
        data.path(sample).unlink()
    return train(root, root.parent / "run", config=SMALL, executor=LocalExecutor(workers=5))


@pytest.fixture(scope="module")
def tuned_run(
    small_run: Run, drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    config = TrainConfig(
        mode="finetune",
        backbone="test_resnet",
        weights=f"file:{small_run.weights_path}",
        size_px=32,
        epochs=2,
        batch_size=10,
        learning_rate=2e-3,
    )
    return train(drawn_dataset, tmp_path_factory.mktemp("tuned") / "run", config=config)


def test_default_recipe_learns_drawn_photos(packaged_run: Run, drawn_dataset: Dataset) -> None:
    for split in ("validation", "test"):
        judged = Predictor(packaged_run.root).predict_split(drawn_dataset, split)

        assert (judged.answers == judged.labels).mean() >= 0.9


def test_head_on_shuffled_labels_stays_at_chance(packaged_run: Run, drawn_dataset: Dataset) -> None:
    predictor = Predictor(packaged_run.root)
    parts = []
    for split in ("train", "validation"):
        samples = drawn_dataset.samples(split)
        rows = embed(
            predictor.engine,
            [drawn_dataset.path(sample) for sample in samples],
            predictor.preprocessing,
            executor=LocalExecutor(),
        )
        labels = np.array([sample.label for sample in samples], np.int64)
        shuffled = np.random.default_rng(8).permutation(labels)
        parts.append((np.stack(list(rows)), shuffled))

    head = fit_head(*parts, n_classes=3, regularisation=None, progress=QUIET)

    # Guessing among three is right 19 times in 30 or more once in 1,600 tries (binomial).
    right = int((head.logits(parts[1][0]).argmax(axis=1) == parts[1][1]).sum())
    assert right < 19


def test_same_seed_gives_the_same_run_bit_for_bit(small_run: Run, again: Run) -> None:
    for name in (
        "graph.onnx",
        "weights.safetensors",
        "history.csv",
        "predictions/validation.parquet",
    ):
        assert (small_run.root / name).read_bytes() == (again.root / name).read_bytes(), name


def test_test_photos_are_never_read(again: Run) -> None:
    # The run stands although its dataset had lost them: see the fixture.
    assert again.card.mode == "head"


def test_run_holds_its_files_and_nothing_else(small_run: Run) -> None:
    files = sorted(
        path.relative_to(small_run.root).as_posix()
        for path in small_run.root.rglob("*")
        if path.is_file()
    )

    assert files == [
        "graph.onnx",
        "history.csv",
        "predictions/validation.parquet",
        "run.json",
        "weights.safetensors",
    ]


def test_card_states_recipe_data_and_machine(small_run: Run, drawn_dataset: Dataset) -> None:
    card = small_run.card

    assert card.recipe == SMALL.as_dict()
    assert card.classes == drawn_dataset.classes
    assert card.dataset == {
        "fingerprint": drawn_dataset.fingerprint,
        "name": drawn_dataset.root.name,
        "path": str(drawn_dataset.root.absolute()),
        "photos": {"train": 60, "validation": 30, "test": 30},
    }
    assert card.backbone == {
        "name": "test_resnet",
        "weights": "none",
        "tag": "random",
        "sha256": None,
        "licence": None,
        "trained_on": None,
        "input_px": 32,
    }
    assert {"torch", "timm", "numpy", "onnxruntime"} <= card.versions.keys()
    assert {"processor", "cores"} <= card.machine.keys()


def test_packaged_weights_are_recorded_with_their_licence(packaged_run: Run) -> None:
    assert packaged_run.card.backbone["licence"] == "Apache-2.0"
    assert packaged_run.card.backbone["weights"] == "packaged"


def test_history_of_a_head_has_a_row_per_strength(small_run: Run) -> None:
    rows = read_history(small_run)

    assert list(rows[0]) == [
        "regularisation",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_loss_cautious",
        "validation_accuracy",
        "iterations",
        "converged",
    ]
    assert str(small_run.card.chosen["regularisation"]) in [row["regularisation"] for row in rows]


def test_history_of_finetuning_has_a_row_per_epoch_and_the_start(tuned_run: Run) -> None:
    rows = read_history(tuned_run)

    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["train_loss"] == ""
    assert all(np.isfinite(float(row["train_loss"])) for row in rows[1:])


def test_finetuning_keeps_the_epoch_of_least_validation_loss(tuned_run: Run) -> None:
    losses = [float(row["validation_loss"]) for row in read_history(tuned_run)]

    assert tuned_run.card.chosen["epoch"] == losses.index(min(losses))
    assert tuned_run.card.chosen["validation_loss"] == min(losses)


def test_finetuning_starts_from_the_head_on_frozen_features(tuned_run: Run, small_run: Run) -> None:
    start = float(read_history(tuned_run)[0]["validation_loss"])

    assert start == pytest.approx(float(str(small_run.card.chosen["validation_loss"])), rel=0.05)


@pytest.mark.parametrize("which", ["small_run", "packaged_run", "tuned_run"])
def test_validation_predictions_are_what_the_shipped_graph_answers(
    which: str, request: pytest.FixtureRequest, drawn_dataset: Dataset
) -> None:
    run: Run = request.getfixturevalue(which)
    stored = Predictions.read_parquet(run.root / "predictions" / "validation.parquet")

    shipped = Predictor(run.root).predict_split(drawn_dataset, "validation")

    assert stored.samples == shipped.samples
    assert np.array_equal(stored.labels, shipped.labels)
    assert np.abs(stored.probabilities - shipped.probabilities).max() < 1e-5


@pytest.mark.parametrize("which", ["small_run", "packaged_run", "tuned_run"])
def test_stated_calibrated_loss_is_that_of_the_stored_predictions_and_no_worse(
    which: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(which)
    stored = Predictions.read_parquet(run.root / "predictions" / "validation.parquet")
    rows = np.arange(len(stored.labels))
    plain = stored.logits - stored.logits.max(axis=1, keepdims=True)
    uncalibrated = np.log(np.exp(plain).sum(axis=1)) - plain[rows, stored.labels]

    calibrated = -np.log(stored.probabilities[rows, stored.labels]).mean()

    assert run.card.chosen["validation_loss_calibrated"] == pytest.approx(calibrated, rel=1e-3)
    assert calibrated <= uncalibrated.mean() + 1e-6


def test_frozen_features_are_the_embedding_of_the_shipped_graph(
    small_run: Run, drawn_dataset: Dataset
) -> None:
    from safetensors.numpy import load_file

    tensors: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = load_file(
        small_run.weights_path
    )
    stored = Predictions.read_parquet(small_run.root / "predictions" / "validation.parquet")
    engine = OnnxRuntimeEngine(small_run.graph_path, name="run")
    paths = [drawn_dataset.root / name for name in stored.samples]
    features = np.stack(
        list(embed(engine, paths, small_run.card.preprocessing, executor=LocalExecutor()))
    )

    logits = features @ tensors["head.weight"].T + tensors["head.bias"]

    assert np.abs(logits - stored.logits).max() < 1e-4


def test_scratch_with_weights_is_refused(drawn_dataset: Dataset, tmp_path: Path) -> None:
    config = TrainConfig(mode="scratch", weights="packaged")

    with pytest.raises(UsageError) as caught:
        train(drawn_dataset, tmp_path / "run", config=config)

    assert str(caught.value) == (
        "`--mode scratch` starts from random weights, but `--weights packaged` was given.\n"
        "  fix: Leave `--weights` out, or use `--mode finetune`."
    )


def test_finetuning_without_weights_is_refused(drawn_dataset: Dataset, tmp_path: Path) -> None:
    config = TrainConfig(mode="finetune", weights="none")

    with pytest.raises(UsageError) as caught:
        train(drawn_dataset, tmp_path / "run", config=config)

    assert str(caught.value) == (
        "`--mode finetune` needs weights to start from, but `--weights none` was given.\n"
        "  fix: Use `--mode scratch`, or name weights."
    )


def test_what_stands_there_is_not_overwritten(drawn_dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()

    with pytest.raises(ArtifactError) as caught:
        train(drawn_dataset, out, config=SMALL)

    assert str(caught.value) == (
        f"{out} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )


def test_run_never_takes_the_place_of_its_dataset(drawn_dataset: Dataset, tmp_path: Path) -> None:
    root = shutil.copytree(drawn_dataset.root, tmp_path / "dataset")

    with pytest.raises(ArtifactError, match="dataset"):
        train(root, root, config=SMALL, overwrite=True)

    assert (root / "dataset.json").is_file()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_photo_deleted_since_prepare_is_named_and_nothing_is_left(
    split: str, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    data = Dataset.open(shutil.copytree(drawn_dataset.root, tmp_path / "dataset"))
    gone = data.path(data.samples(split)[3])
    gone.unlink()
    (tmp_path / "runs").mkdir()

    with pytest.raises(ArtifactError) as caught:
        train(data, tmp_path / "runs" / "run", config=SMALL)

    assert str(caught.value) == (
        f"1 photo of {data.root} is not the one that was prepared.\n"
        f"  at:  {gone.relative_to(data.root).as_posix()} (absent)\n"
        "  fix: Prepare the dataset again."
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_folder_that_is_no_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        train(tmp_path, tmp_path / "run", config=SMALL)

    assert caught.value.what == f"{tmp_path} is not a dataset: it has no dataset.json."


def test_two_classes_are_trained_and_ship(write_kinds: Callable[..., Path], tmp_path: Path) -> None:
    source = write_kinds(tmp_path / "source", per_class=12)
    shutil.rmtree(source / "stripes")
    data = prepare(source, tmp_path / "data", config=PrepareConfig(split=(0.5, 0.25, 0.25)))

    run = train(data, tmp_path / "run", config=SMALL)

    judged = Predictor(run.root).predict_split(data, "train")
    assert judged.probabilities.shape == (12, 2)
    assert (judged.answers == judged.labels).mean() > 0.9
    assert json.loads((run.root / "run.json").read_text(encoding="utf-8"))["classes"] == [
        "disc",
        "frame",
    ]


def test_batch_norm_that_learns_on_enlarged_photos_ships_as_it_was_trained(
    photo_folders: Callable[..., Path], tmp_path: Path
) -> None:
    # Photos of 8 pixels are smooth at 64: the finest filters see little but how levels are rounded.
    source = photo_folders({"disc": 40, "square": 40}, size_px=8, suffix=".png")
    data = prepare(source, tmp_path / "dataset", config=PrepareConfig(near_duplicates=False))
    config = TrainConfig(
        mode="scratch",
        backbone="test_efficientnet",
        size_px=64,
        epochs=6,
        batch_size=8,
        precision="fp32",
    )

    run = train(data, tmp_path / "run", config=config)

    shipped = Predictions.read_parquet(run.root / "predictions" / "validation.parquet")
    assert shipped.logits is not None
    scores = shipped.logits.astype(np.float64)
    truth = scores[np.arange(len(scores)), shipped.labels]
    loss = float((np.log(np.exp(scores).sum(axis=1)) - truth).mean())
    assert loss == pytest.approx(run.card.chosen["validation_loss"], rel=1e-3)
    assert run.card.chosen["epoch"] != 0


def test_graph_that_answers_otherwise_than_training_is_told(
    drawn_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(
        *arguments: object, **settings: object
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, embeddings = logits_and_embeddings(*arguments, **settings)  # type: ignore[arg-type]
        return logits[:, ::-1] * 9, embeddings

    monkeypatch.setattr(training, "logits_and_embeddings", swapped)
    config = TrainConfig(
        mode="scratch", backbone="custom_cnn", widths=(8, 8), size_px=16, epochs=2, batch_size=16
    )

    run = train(drawn_dataset, tmp_path / "run", config=config)

    warnings = cast(list[str], run.card.training["warnings"])
    (warning,) = [each for each in warnings if each.startswith("the graph that ships")]
    assert "it answers otherwise than what was trained" in warning


def test_validation_photos_settle_what_is_unknown(small_run: Run, drawn_dataset: Dataset) -> None:
    decisions = small_run.card.decisions
    assert decisions is not None
    assert decisions.unknown_share == 0.05
    stored = Predictions.read_parquet(small_run.root / "predictions" / "validation.parquet")
    answered = Predictor(small_run.root).predict_split(drawn_dataset, "validation")

    assert stored.familiarity is not None
    assert answered.familiarity is not None
    assert np.allclose(stored.familiarity, answered.familiarity, atol=1e-4)
    ranked = np.sort(stored.familiarity)
    allowed = int((len(ranked) + 1) * 0.05 + 1e-9)
    assert decisions.unknown_threshold == (float(ranked[allowed - 1]) if allowed else None)


def test_too_few_validation_photos_are_told_and_nothing_is_unknown(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    notes: list[str] = []

    class Told(Quiet):
        def note(self, text: str) -> None:
            notes.append(text)

    config = dataclasses.replace(SMALL, unknown_share=0.001)

    run = train(drawn_dataset, tmp_path / "run", config=config, progress=Told())

    assert run.card.decisions is not None
    assert run.card.decisions.unknown_threshold is None
    assert (
        "no photo will be called unknown: a share of 0.001 needs 999 validation photos or more, "
        "each a group of its own where photos are grouped" in notes
    )


def test_trained_layers_learn_what_is_known_from_the_trained_graph(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = TrainConfig(
        mode="scratch", backbone="custom_cnn", widths=(8, 8), size_px=16, epochs=2, batch_size=16
    )

    run = train(drawn_dataset, tmp_path / "run", config=config)

    stored = Predictions.read_parquet(run.root / "predictions" / "validation.parquet")
    answered = Predictor(run.root).predict_split(drawn_dataset, "validation")
    assert stored.familiarity is not None
    assert answered.familiarity is not None
    assert np.allclose(stored.familiarity, answered.familiarity, atol=1e-4)
    assert np.median(stored.familiarity) == pytest.approx(0.5, abs=0.05)
