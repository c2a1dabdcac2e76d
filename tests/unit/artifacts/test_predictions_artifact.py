"""Predictions read back exactly, with their order, their unknown labels and any class name."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.predictions import Predictions
from lineament.core.errors import ArtifactError, UsageError

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def predictions(
    *,
    samples: tuple[str, ...] = ("z.jpg", "a.jpg", "m.jpg"),
    classes: tuple[str, ...] = ("cat", "dog"),
    labels: tuple[int, ...] = (1, -1, 0),
    seed: int = 0,
) -> Predictions:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (len(samples), len(classes))).astype(np.float32)
    raised = np.exp(logits)
    return Predictions(
        samples=samples,
        classes=classes,
        probabilities=(raised / raised.sum(axis=1, keepdims=True)).astype(np.float32),
        logits=logits,
        labels=np.array(labels, np.int64),
        groups=tuple(f"g{number}" for number in range(len(samples))),
    )


def read_back(made: Predictions, folder: Path) -> Predictions:
    made.write_parquet(folder / "p.parquet")
    return Predictions.read_parquet(folder / "p.parquet")


def check_same(made: Predictions, read: Predictions) -> None:
    assert (read.samples, read.classes, read.groups) == (made.samples, made.classes, made.groups)
    assert read.labels.tolist() == made.labels.tolist()
    assert np.array_equal(read.probabilities, made.probabilities)
    assert np.array_equal(read.logits, made.logits)
    assert str(read.probabilities.dtype) == str(read.logits.dtype) == "float32"


def test_parquet_keeps_everything_in_the_order_that_was_asked(tmp_path: Path) -> None:
    made = predictions()

    check_same(made, read_back(made, tmp_path))


AWKWARD = ("a,b", 'say "hi"', "ünï 猫", "probability:x", "logit:y", "a\nb", " a", "-1")


def test_any_class_and_file_name_survives_parquet(tmp_path: Path) -> None:
    made = predictions(samples=AWKWARD, classes=AWKWARD, labels=tuple(range(len(AWKWARD))))

    check_same(made, read_back(made, tmp_path))


@given(numbers=st.lists(st.floats(width=32, allow_nan=False), min_size=4, max_size=4))
def test_float32_is_read_back_exactly_from_csv_text(numbers: list[float]) -> None:
    values = np.array(numbers, np.float32).reshape(2, 2)
    made = Predictions(
        samples=("a", "b"),
        classes=("x", "y"),
        probabilities=values,
        logits=values,
        labels=np.array([0, 1]),
        groups=("", ""),
    )

    rows = list(csv.DictReader(io.StringIO(made.csv_text(), newline="")))

    for column, name in enumerate("xy"):
        for kind in ("probability", "logit"):
            read = np.array([row[f"{kind}:{name}"] for row in rows]).astype(np.float32)
            assert read.tobytes() == values[:, column].tobytes()


def test_extreme_float32_survive_parquet(tmp_path: Path) -> None:
    numbers = [0.0, 1.0, 1e-45, 3.4028235e38, 0.1, 1 / 3]
    values = np.array(numbers, np.float32).reshape(3, 2)
    made = Predictions(
        samples=("a", "b", "c"),
        classes=("x", "y"),
        probabilities=values,
        logits=-values,
        labels=np.array([0, 1, -1]),
        groups=("", "", ""),
    )

    check_same(made, read_back(made, tmp_path))


def test_csv_has_the_stated_columns_and_names() -> None:
    made = Predictions(
        samples=("b.jpg", "a.jpg"),
        classes=("cat", "dog"),
        probabilities=np.array([[0.25, 0.75], [0.5, 0.5]], np.float32),
        logits=np.array([[0.0, 1.5], [0.1, 0.1]], np.float32),
        labels=np.array([1, -1]),
        groups=("ann", ""),
    )

    assert made.csv_text() == (
        "sample,label,group,answer,confidence,"
        "probability:cat,probability:dog,logit:cat,logit:dog\n"
        "b.jpg,dog,ann,dog,0.75,0.25,0.75,0.0,1.5\n"
        "a.jpg,,,cat,0.5,0.5,0.5,0.1,0.1\n"
    )


@pytest.mark.parametrize("name", [*AWKWARD, "a\rb"])
def test_any_file_name_survives_csv(name: str) -> None:
    made = predictions(samples=(name,), labels=(0,))

    rows = list(csv.DictReader(io.StringIO(made.csv_text(), newline="")))

    assert [row["sample"] for row in rows] == [name]


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_file_name_that_is_not_utf8_can_be_written(to: str, tmp_path: Path) -> None:
    made = predictions(samples=("caf\udce9.jpg",), labels=(0,))

    if to == "csv":
        assert made.csv_text().encode("utf-8")
    else:
        made.write_parquet(tmp_path / "p.parquet")


def test_answer_is_the_most_probable_class_and_the_first_of_equals() -> None:
    made = Predictions(
        samples=("a", "b"),
        classes=("x", "y", "z"),
        probabilities=np.array([[0.1, 0.2, 0.7], [0.2, 0.4, 0.4]], np.float32),
        logits=np.zeros((2, 3), np.float32),
        labels=np.array([0, 0]),
        groups=("", ""),
    )

    assert made.answers.tolist() == [2, 1]


def test_no_photos_are_no_rows(tmp_path: Path) -> None:
    made = predictions(samples=(), labels=())

    check_same(made, read_back(made, tmp_path))
    assert len(made.csv_text().splitlines()) == 1


def test_true_class_that_is_no_column_is_refused(tmp_path: Path) -> None:
    made = predictions()
    made.write_parquet(tmp_path / "p.parquet")
    table = parquet.read_table(tmp_path / "p.parquet").drop_columns(["label"])
    table = table.append_column("label", pyarrow.array(["dog", "fox", ""]))
    parquet.write_table(table, tmp_path / "p.parquet")

    with pytest.raises(ArtifactError) as caught:
        Predictions.read_parquet(tmp_path / "p.parquet")

    assert caught.value.what == f"{tmp_path / 'p.parquet'} holds other columns than predictions."


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Predictions(
            samples=("a", "b"),
            classes=("x", "y"),
            probabilities=np.zeros((2, 3), np.float32),
            logits=np.zeros((2, 2), np.float32),
            labels=np.zeros(1, np.int64),
            groups=("",),
        )

    assert str(caught.value) == (
        "Predictions need 2 rows of 2 classes, got probabilities (2, 3), logits (2, 2), "
        "labels (1,), groups (1,)."
    )


@pytest.mark.parametrize("label", [-2, 2, 99])
def test_label_outside_the_classes_is_refused(label: int) -> None:
    with pytest.raises(UsageError):
        predictions(labels=(label, 0, 0))


@pytest.mark.parametrize("classes", [("cat", "cat"), ("cat", "")])
def test_class_names_that_cannot_be_told_apart_are_refused(classes: tuple[str, str]) -> None:
    with pytest.raises(UsageError):
        predictions(classes=classes)


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        Predictions.read_parquet(tmp_path / "p.parquet")

    assert str(caught.value) == (
        f"{tmp_path / 'p.parquet'} cannot be read as Parquet.\n  fix: Make the run or report again."
    )


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1", b"no parquet" * 9])
def test_file_that_is_no_parquet_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(data)

    with pytest.raises(ArtifactError):
        Predictions.read_parquet(tmp_path / "p.parquet")


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    predictions().write_parquet(tmp_path / "p.parquet")
    data = (tmp_path / "p.parquet").read_bytes()

    for length in range(0, len(data), 97):
        (tmp_path / "p.parquet").write_bytes(data[:length])
        with pytest.raises(ArtifactError):
            Predictions.read_parquet(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [1]},
        {"sample": ["a"], "label": [""], "group": [""]},
        {"sample": ["a"], "label": [""], "group": [""], "probability:x": [1.0]},
        {"sample": ["a"], "probability:x": [1.0], "logit:x": [1.0]},
        {"sample": ["a"], "label": [""], "group": [""], "probability:x": ["b"], "logit:x": [1.0]},
    ],
)
def test_parquet_of_something_else_is_refused(
    columns: dict[str, list[object]], tmp_path: Path
) -> None:
    parquet.write_table(pyarrow.table(columns), tmp_path / "p.parquet")

    with pytest.raises(ArtifactError):
        Predictions.read_parquet(tmp_path / "p.parquet")


def test_newer_schema_is_refused(tmp_path: Path) -> None:
    predictions().write_parquet(tmp_path / "p.parquet")
    table = parquet.read_table(tmp_path / "p.parquet")
    newer = table.replace_schema_metadata({"lineament.predictions": "99"})
    parquet.write_table(newer, tmp_path / "p.parquet")

    with pytest.raises(ArtifactError, match="99"):
        Predictions.read_parquet(tmp_path / "p.parquet")
