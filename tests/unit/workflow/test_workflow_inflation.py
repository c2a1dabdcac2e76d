"""What a random split would have claimed: much where groups leak, nothing where nothing does."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from numpy.typing import NDArray
from PIL import Image

from lineament import EvaluateConfig, PrepareConfig, TrainConfig, evaluate, prepare, train
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.core.executor import LocalExecutor
from lineament.measure.intervals import Interval
from lineament.workflow.inflation import Inflation, inflation, random_sides

FIX = "Train a head on this dataset (`lineament train DATASET --out RUN`) and name that run."


def head_on(data: Dataset, out: Path) -> Run:
    config = TrainConfig(backbone="test_resnet", weights="none", size_px=32)
    return train(data, out, config=config)


def interval(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high, method="given", n=150)


def figures(difference: Interval, *, n_groups: int | None = 19) -> Inflation:
    return Inflation(
        honest=interval(0.613, 0.534, 0.687),
        naive=interval(0.986, 0.98, 0.992),
        inflation=difference,
        accuracies=(0.979, 0.986, 0.993),
        n_photos=981,
        n_test=150,
        n_groups=n_groups,
        backbone="efficientnet_lite0",
        seed=0,
    )


@pytest.fixture(scope="module")
def bursts(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two classes that nothing tells apart, in 24 bursts of five photos that look alike."""
    root = tmp_path_factory.mktemp("bursts")
    for burst in range(24):
        draw = np.random.default_rng(burst)
        scene = np.kron(draw.uniform(40, 210, (4, 4, 3)), np.ones((10, 10, 1)))
        folder = root / "source" / ("left", "right")[burst % 2]
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(5):
            photo = scene + draw.normal(0, 6, scene.shape)
            pixels = photo.round().clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"b{burst:02d}_{number}.png")
    config = PrepareConfig(split=(0.5, 0.25, 0.25), group_by=r"(b\d+)_")
    return prepare(root / "source", root / "dataset", config=config)


@pytest.fixture(scope="module")
def bursts_run(bursts: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return head_on(bursts, tmp_path_factory.mktemp("bursts-run") / "run")


@pytest.fixture(scope="module")
def leaking(bursts: Dataset, bursts_run: Run) -> Inflation:
    return inflation(bursts_run.root, bursts)


def test_bursts_across_a_random_split_inflate_it_by_tens_of_points(leaking: Inflation) -> None:
    assert leaking.naive.value > 0.85
    assert leaking.inflation.low > 0.1
    assert leaking.inflation.value == leaking.naive.value - leaking.honest.value


def test_groups_of_the_test_photos_are_counted(leaking: Inflation, bursts: Dataset) -> None:
    test = bursts.samples("test")

    assert (leaking.n_photos, leaking.n_test) == (120, len(test))
    assert leaking.n_groups == len({sample.group for sample in test})
    assert leaking.honest.n_groups == leaking.n_groups


def test_honest_figure_is_the_one_that_the_report_gives(
    leaking: Inflation, bursts: Dataset, bursts_run: Run, tmp_path: Path
) -> None:
    report = evaluate(bursts_run.root, bursts, tmp_path / "report", config=EvaluateConfig(seed=0))

    assert leaking.honest == report.headline["accuracy"]


def test_nothing_is_found_where_nothing_leaks(small_run: Run, drawn_dataset: Dataset) -> None:
    found = inflation(small_run.root, drawn_dataset)

    assert found.inflation.low < 0 < found.inflation.high
    assert found.n_groups is None
    assert found.honest.method == "wilson"


def test_bundle_says_what_its_run_says(
    small_run: Run, small_bundle: Path, drawn_dataset: Dataset
) -> None:
    of_run = inflation(small_run.root, drawn_dataset, repeats=2)

    assert inflation(small_bundle, drawn_dataset.root, repeats=2) == of_run


def test_neither_workers_nor_another_time_change_a_figure(
    leaking: Inflation, bursts: Dataset, bursts_run: Run
) -> None:
    assert inflation(bursts_run.root, bursts, executor=LocalExecutor(workers=1)) == leaking


def test_another_seed_makes_other_splits(small_run: Run, drawn_dataset: Dataset) -> None:
    one, other = (inflation(small_run.root, drawn_dataset, seed=seed) for seed in (0, 1))

    assert one.accuracies != other.accuracies
    assert one.honest.value == other.honest.value


def test_intervals_hold_their_values_and_the_splits_their_mean(leaking: Inflation) -> None:
    for each in (leaking.honest, leaking.naive, leaking.inflation):
        assert each.low <= each.value <= each.high
    assert leaking.naive.value == pytest.approx(np.mean(leaking.accuracies))
    assert leaking.repeats == len(leaking.accuracies) == 5


def test_dictionary_is_json_and_says_it_all(leaking: Inflation) -> None:
    stated = leaking.as_dict()

    assert json.loads(json.dumps(stated)) == stated
    fields = {each.name for each in dataclasses.fields(Inflation)}
    assert set(stated) == fields | {"repeats", "sentence"}


def test_sentence_names_the_leakage() -> None:
    assert figures(interval(0.373, 0.298, 0.452)).sentence == (
        "A random split of the same 981 photos would have claimed 98.6 % (97.9 to 99.3 over 3 "
        "splits); kept apart by group, the same head reaches 61.3 % (53.4 to 68.7, 150 photos of "
        "19 groups): 37 points (30 to 45) of it are leakage."
    )


def test_sentence_without_groups_speaks_of_the_split() -> None:
    assert figures(interval(0.373, 0.298, 0.452), n_groups=None).sentence == (
        "A random split of the same 981 photos would have claimed 98.6 % (97.9 to 99.3 over 3 "
        "splits); on the dataset's own split, the same head reaches 61.3 % (53.4 to 68.7, 150 "
        "photos): the random split flatters by 37 points (30 to 45)."
    )


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.021, 0.034, "the two cannot be told apart (-2 to 3 points)."),
        (-0.004, 0.034, "the two cannot be told apart (0 to 3 points)."),
        (-0.09, -0.03, "the random split is the harder one by 6 points (3 to 9)."),
    ],
)
def test_sentence_claims_no_leakage_that_is_not_there(
    low: float, high: float, verdict: str
) -> None:
    assert figures(interval((low + high) / 2, low, high)).sentence.endswith(f": {verdict}")


def test_sentence_counts_one_group_as_one() -> None:
    assert "150 photos of 1 group)" in figures(interval(0.3, 0.2, 0.4), n_groups=1).sentence


@hypothesis.given(
    strategies.lists(
        strategies.tuples(strategies.integers(0, 2), strategies.integers(0, 3)), min_size=1
    ),
    strategies.integers(0, 99),
)
def test_random_split_has_as_many_photos_of_each_class_and_does_not_mind_their_order(
    photos: list[tuple[int, int]], arrival: int
) -> None:
    own, labels = np.asarray(photos).T
    names = [f"{number}.jpg" for number in range(len(photos))]

    sides = random_sides(own, labels, names, seed="0")

    assert pairs(sides, labels) == pairs(own, labels)
    order = np.random.default_rng(arrival).permutation(len(photos))
    shuffled = random_sides(own[order], labels[order], [names[i] for i in order], seed="0")
    assert (shuffled == sides[order]).all()


def pairs(sides: NDArray[np.int64], labels: NDArray[np.int64]) -> list[tuple[int, int]]:
    return sorted(zip(sides.tolist(), labels.tolist(), strict=True))


@pytest.mark.parametrize("mode", ["finetune", "scratch"])
def test_network_that_has_learnt_from_the_photos_is_refused(
    mode: str, small_run: Run, drawn_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dataclasses.replace(small_run, card=dataclasses.replace(small_run.card, mode=mode))
    monkeypatch.setattr("lineament.runtime.opened.Run.open", lambda root: run)

    with pytest.raises(UsageError) as caught:
        inflation(small_run.root, drawn_dataset)

    assert str(caught.value) == (
        f"{small_run.root} was trained with `--mode {mode}`: its network has learnt from photos "
        f"that a random split would test on.\n  fix: {FIX}"
    )


def test_head_that_no_solver_found_is_refused(bursts: Dataset, tmp_path: Path) -> None:
    config = TrainConfig(
        backbone="test_resnet", weights="none", size_px=32, head="mlp", hidden=8, epochs=1
    )
    run = train(bursts, tmp_path / "run", config=config)

    with pytest.raises(UsageError) as caught:
        inflation(run.root, bursts)

    assert str(caught.value) == (
        f"The head of {run.root} was trained step by step; what is fitted here is a linear head "
        "that a solver finds, so its figures would be those of another head.\n"
        f"  fix: {FIX}"
    )


def test_dataset_that_it_was_not_trained_on_is_refused(small_run: Run, bursts: Dataset) -> None:
    with pytest.raises(UsageError) as caught:
        inflation(small_run.root, bursts)

    assert str(caught.value) == (
        f"{small_run.root} was not trained on {bursts.root}, so its accuracy there says nothing "
        f"of the split.\n  fix: {FIX}"
    )


def test_one_random_split_is_refused(small_run: Run, drawn_dataset: Dataset) -> None:
    with pytest.raises(UsageError) as caught:
        inflation(small_run.root, drawn_dataset, repeats=1)

    assert str(caught.value) == "`repeats` must be 2 or more, got 1."


def test_dataset_without_a_test_split_says_so(
    write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    source = write_kinds(tmp_path / "source", per_class=6)
    data = prepare(source, tmp_path / "data", config=PrepareConfig(split=(0.5, 0.5, 0.0)))
    run = head_on(data, tmp_path / "run")

    with pytest.raises(DataError) as caught:
        inflation(run.root, data)

    assert caught.value.what == f"The test split of {data.root} is empty."


@pytest.mark.parametrize("split", ["train", "test"])
def test_photo_that_is_not_the_prepared_one_is_refused(
    split: str, small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    data = Dataset.open(Path(shutil.copytree(drawn_dataset.root, tmp_path / "data")))
    changed = data.samples(split)[0]
    Image.new("RGB", (40, 40)).save(data.path(changed), format="PNG")

    with pytest.raises(ArtifactError) as caught:
        inflation(small_run.root, data)

    assert caught.value.at == (f"{changed.filename} (changed)",)
