"""Each file gets its own answer or its own reason, in order, and the same one every time."""

import copy
import dataclasses
import itertools
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.run import Run
from lineament.core.errors import DataError, UsageError
from lineament.core.executor import LocalExecutor
from lineament.imaging.decode import decode
from lineament.preparation.build import PrepareConfig, prepare
from lineament.runtime.answers import Answer
from lineament.runtime.embedding import embed, logits_and_embeddings
from lineament.runtime.predictor import Predictor

# Of before graphs said how familiar a photo is.
STORED_BUNDLE = Path(__file__).parents[2] / "contract" / "bundle-schema-1.onnx"


@pytest.fixture(scope="module")
def predictor(small_bundle: Path) -> Predictor:
    return Predictor(small_bundle)


def bits(answers: Sequence[Answer]) -> list[tuple[str, bytes | None, str]]:
    return [
        (
            answer.source,
            None if answer.probabilities is None else answer.probabilities.tobytes(),
            answer.error,
        )
        for answer in answers
    ]


def test_bundle_states_what_its_run_states(predictor: Predictor, small_run: Run) -> None:
    assert predictor.classes == small_run.card.classes == ("disc", "frame", "stripes")
    assert predictor.preprocessing == small_run.card.preprocessing
    assert predictor.temperature == small_run.card.temperature


def test_answers_keep_the_order_of_the_files(predictor: Predictor, photo_files: list[Path]) -> None:
    for order in itertools.islice(itertools.permutations(photo_files), 0, 120, 17):
        assert [answer.source for answer in predictor.predict(order)] == [str(f) for f in order]


def test_same_file_twice_is_answered_twice(predictor: Predictor, photo_files: list[Path]) -> None:
    first, second = predictor.predict([photo_files[0], photo_files[0]])

    assert bits([first]) == bits([second])


def test_no_files_give_no_answers(predictor: Predictor) -> None:
    assert list(predictor.predict([])) == []


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_unreadable_file_keeps_its_row_and_never_gets_a_neighbours_answer(
    workers: int, small_bundle: Path, photo_files: list[Path], bad_files: dict[Path, str]
) -> None:
    predictor = Predictor(small_bundle, executor=LocalExecutor(workers=workers))
    alone = {path: bits(list(predictor.predict([path])))[0] for path in photo_files}
    expected = alone | {path: (str(path), None, reason) for path, reason in bad_files.items()}
    draw = np.random.default_rng(workers)
    files = [*photo_files, *bad_files] * 4
    for _ in range(3):
        order = [files[int(index)] for index in draw.permutation(len(files))]

        assert bits(list(predictor.predict(order))) == [expected[path] for path in order]


def test_answers_are_told_apart_at_all(predictor: Predictor, photo_files: list[Path]) -> None:
    answers = {answer[1] for answer in bits(list(predictor.predict(photo_files)))}

    assert len(answers) == len(photo_files)


def test_only_unreadable_files_give_only_reasons(
    predictor: Predictor, bad_files: dict[Path, str]
) -> None:
    answers = list(predictor.predict(list(bad_files)))

    assert [answer.error for answer in answers] == list(bad_files.values())
    assert all(predictor.top(answer) == [] for answer in answers)


def test_run_and_bundle_give_the_same_bits(
    small_run: Run, small_bundle: Path, photo_files: list[Path]
) -> None:
    run, bundle = Predictor(small_run.root), Predictor(small_bundle)

    assert bits(list(run.predict(photo_files))) == bits(list(bundle.predict(photo_files)))


def test_decoded_image_is_answered_as_its_file(
    predictor: Predictor, photo_files: list[Path]
) -> None:
    answer = next(predictor.predict(photo_files[:1]))

    direct = predictor.predict_image(decode(photo_files[0]))

    assert answer.probabilities is not None
    assert np.array_equal(direct, answer.probabilities)


def test_activation_averages_to_the_logits_behind_the_probabilities(
    predictor: Predictor, photo_files: list[Path]
) -> None:
    probabilities, activation = predictor.activation(decode(photo_files[0]))

    scaled = activation.mean(axis=(1, 2)) / np.float32(predictor.temperature)
    softmax = np.exp(scaled) / np.exp(scaled).sum()
    assert np.abs(softmax - probabilities).max() < 1e-5


def test_top_keeps_the_order_of_classes_where_probabilities_are_equal(
    predictor: Predictor,
) -> None:
    classes = predictor.classes
    even = Answer(source="a", probabilities=np.full(3, 1 / 3, np.float32), classes=classes)
    late = Answer(source="a", probabilities=np.array([0.2, 0.4, 0.4], np.float32), classes=classes)

    assert [name for name, _ in predictor.top(even, k=3)] == ["disc", "frame", "stripes"]
    assert [name for name, _ in predictor.top(late, k=3)] == ["frame", "stripes", "disc"]


def test_top_gives_as_many_as_asked_for_and_no_more_than_there_are(predictor: Predictor) -> None:
    answer = Answer(
        source="a",
        probabilities=np.array([0.2, 0.5, 0.3], np.float32),
        classes=predictor.classes,
    )

    assert predictor.top(answer) == [("frame", 0.5)]
    assert len(predictor.top(answer, k=2)) == 2
    assert len(predictor.top(answer, k=9)) == 3


@pytest.mark.parametrize("workers", [1, 3, 8])
def test_number_of_workers_changes_no_bit(
    workers: int, small_run: Run, drawn_dataset: Dataset
) -> None:
    one = Predictor(small_run.root, executor=LocalExecutor(workers=1))
    several = Predictor(small_run.root, executor=LocalExecutor(workers=workers))

    mine = one.predict_split(drawn_dataset, "test")
    theirs = several.predict_split(drawn_dataset, "test")

    assert mine.probabilities.tobytes() == theirs.probabilities.tobytes()
    assert mine.logits.tobytes() == theirs.logits.tobytes()
    assert mine.samples == theirs.samples


def test_split_is_answered_as_its_files_are(predictor: Predictor, drawn_dataset: Dataset) -> None:
    paths = [drawn_dataset.path(sample) for sample in drawn_dataset.samples("test")]

    whole = predictor.predict_split(drawn_dataset, "test")

    for row, answer in zip(whole.probabilities, predictor.predict(paths), strict=True):
        assert answer.probabilities is not None
        assert np.array_equal(row, answer.probabilities)


def test_logits_are_the_same_with_and_without_probabilities(
    predictor: Predictor, drawn_dataset: Dataset
) -> None:
    paths = [drawn_dataset.path(sample) for sample in drawn_dataset.samples("test")]

    logits, embeddings = logits_and_embeddings(
        predictor.engine, paths, predictor.preprocessing, executor=LocalExecutor(workers=2)
    )

    assert np.array_equal(logits, predictor.predict_split(drawn_dataset, "test").logits)
    alone = embed(predictor.engine, paths, predictor.preprocessing, executor=LocalExecutor(1))
    assert np.array_equal(embeddings, np.stack(list(alone)))


def with_threshold(predictor: Predictor, threshold: float | None) -> Predictor:
    """The same model with another threshold for unknown photos."""
    assert predictor.decisions is not None
    other = copy.copy(predictor)
    other.decisions = dataclasses.replace(predictor.decisions, unknown_threshold=threshold)
    return other


def test_familiarity_of_files_and_of_a_split_is_the_same(
    predictor: Predictor, drawn_dataset: Dataset
) -> None:
    split = predictor.predict_split(drawn_dataset, "test")
    paths = [drawn_dataset.path(sample) for sample in drawn_dataset.samples("test")]

    answers = list(predictor.predict(paths))
    files, _ = predictor.predict_files(paths)

    assert split.familiarity is not None
    assert files.familiarity is not None
    assert [answer.familiarity for answer in answers] == split.familiarity.tolist()
    assert files.familiarity.tolist() == split.familiarity.tolist()
    assert 0 <= split.familiarity.min() < split.familiarity.max() <= 1


def test_photos_below_the_threshold_are_unknown_and_keep_their_probabilities(
    predictor: Predictor, drawn_dataset: Dataset
) -> None:
    paths = [drawn_dataset.path(sample) for sample in drawn_dataset.samples("test")]
    values = sorted(cast(float, answer.familiarity) for answer in predictor.predict(paths))
    judging = with_threshold(predictor, values[4])

    answers = list(judging.predict(paths))

    assert judging.unknown_threshold == values[4]
    assert sum(answer.is_unknown for answer in answers) == 4  # at the threshold it is known
    assert all(cast(float, each.familiarity) < values[4] for each in answers if each.is_unknown)
    plain = predictor.predict(paths)
    for answer, other in zip(answers, plain, strict=True):
        assert np.array_equal(answer.probabilities, other.probabilities)  # type: ignore[arg-type]


def test_without_a_threshold_no_photo_is_unknown(
    predictor: Predictor, photo_files: list[Path]
) -> None:
    answers = list(with_threshold(predictor, None).predict(photo_files))

    assert not any(answer.is_unknown for answer in answers)
    assert all(answer.familiarity is not None for answer in answers)


def test_a_file_that_cannot_be_read_is_neither_familiar_nor_unknown(
    predictor: Predictor, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")

    (answer,) = with_threshold(predictor, 1.0).predict([broken])

    assert (answer.familiarity, answer.is_unknown) == (None, False)


def test_a_graph_that_says_no_familiarity_still_answers(
    predictor: Predictor, drawn_dataset: Dataset
) -> None:
    old = Predictor(STORED_BUNDLE)
    photo = drawn_dataset.path(drawn_dataset.samples("test")[0])

    (answer,) = old.predict([photo])
    files, _ = old.predict_files([photo])

    assert old.unknown_threshold is None
    assert (answer.familiarity, answer.is_unknown) == (None, False)
    assert files.familiarity is None


def renamed_dataset(write_kinds: Callable[..., Path], root: Path, names: dict[str, str]) -> Dataset:
    """The drawn photos with some classes left out or renamed."""
    source = write_kinds(root / "source", per_class=8)
    kept = root / "kept"
    kept.mkdir()
    for old, new in names.items():
        (source / old).rename(kept / new)
    return prepare(kept, root / "dataset", config=PrepareConfig(split=(0.5, 0.25, 0.25)))


def test_dataset_with_some_of_the_classes_is_judged_by_name(
    predictor: Predictor, write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    # In this dataset `frame` is label 0 and `stripes` is 1; in the model they are 1 and 2.
    data = renamed_dataset(write_kinds, tmp_path, {"frame": "frame", "stripes": "stripes"})

    judged = predictor.predict_split(data, "train")

    assert judged.classes == predictor.classes
    names = [sample.class_name for sample in data.samples("train")]
    assert [judged.classes[label] for label in judged.labels] == names
    assert {sample.label for sample in data.samples("train")} == {0, 1}
    assert set(judged.labels.tolist()) == {1, 2}


def test_dataset_with_a_class_that_the_model_does_not_know_is_refused(
    predictor: Predictor, write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    data = renamed_dataset(write_kinds, tmp_path, {"disc": "disc", "frame": "Frame"})

    with pytest.raises(DataError) as caught:
        predictor.predict_split(data, "test")

    assert str(caught.value) == (
        f"{data.root} has classes that the model does not know.\n"
        "  at:  Frame\n"
        "  fix: The model knows disc, frame, stripes; use a dataset of these."
    )


def test_misspelt_split_gets_a_suggestion(predictor: Predictor, drawn_dataset: Dataset) -> None:
    with pytest.raises(UsageError) as caught:
        predictor.predict_split(drawn_dataset, "tset")

    assert str(caught.value) == (
        "There is no split `tset`. Did you mean `test`?\n"
        "  fix: The splits are train, validation, test."
    )


def test_photo_that_went_missing_is_named(
    predictor: Predictor, write_kinds: Callable[..., Path], tmp_path: Path
) -> None:
    data = renamed_dataset(write_kinds, tmp_path, {"disc": "disc", "frame": "frame"})
    gone = data.path(data.samples("test")[-1])
    gone.unlink()

    with pytest.raises(DataError) as caught:
        predictor.predict_split(data, "test")

    assert str(caught.value) == (
        f"{gone} cannot be read: no such file.\n"
        "  fix: The photo was there when the dataset was prepared; prepare the dataset again."
    )


WALLED = """
    import importlib.abc, json, sys
    from pathlib import Path

    class Wall(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in ("torch", "torchvision", "timm", "onnx", "sklearn"):
                raise ImportError(f"{name} is behind the wall")

    sys.meta_path.insert(0, Wall())
    from lineament import Predictor

    predictor = Predictor(Path(sys.argv[1]))
    answers = predictor.predict([Path(name) for name in sys.argv[2:]])
    print(json.dumps([answer.probabilities.tolist() for answer in answers]))
"""


@pytest.mark.parametrize("kind", ["run", "bundle"])
def test_predictor_works_where_torch_does_not_import(
    kind: str,
    predictor: Predictor,
    small_run: Run,
    small_bundle: Path,
    photo_files: list[Path],
) -> None:
    model = small_run.root if kind == "run" else small_bundle
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WALLED), str(model), *map(str, photo_files)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    here: list[NDArray[np.float32] | None] = [
        answer.probabilities for answer in predictor.predict(photo_files)
    ]
    assert json.loads(done.stdout) == [None if row is None else row.tolist() for row in here]
