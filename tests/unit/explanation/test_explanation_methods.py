"""Methods go by the names that a person types, and say when one does not fit the model."""

from pathlib import Path

import numpy as np
import pytest

from lineament.artifacts.dataset import Dataset, decode_photo
from lineament.artifacts.run import Run
from lineament.core import extras
from lineament.core.errors import MissingExtraError, UsageError
from lineament.explanation.methods import GRADIENTS, METHODS, method_of
from lineament.runtime.predictor import Predictor


@pytest.mark.parametrize("name", METHODS)
def test_every_method_maps_a_photo(name: str, small_run: Run, drawn_dataset: Dataset) -> None:
    predictor = Predictor(small_run.root)
    photo = decode_photo(drawn_dataset.path(drawn_dataset.samples("test")[0]), short_side_px=32)

    grid = method_of(name, predictor, small_run.root)(photo, 1)

    assert grid.ndim == 2
    assert np.isfinite(grid).all()


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("class-activation", "class activation map ("),
        ("occlusion", "occlusion ("),
        ("grad-cam", "Grad-CAM "),
        ("grad-cam++", "Grad-CAM++ "),
        ("integrated-gradients", "integrated gradients ("),
    ],
)
def test_name_stands_for_its_own_method(name: str, begins: str, small_run: Run) -> None:
    made = method_of(name, Predictor(small_run.root), small_run.root)

    assert made.title.startswith(begins)


def test_evidence_against_a_class_is_no_evidence_in_integrated_gradients(
    small_run: Run, drawn_dataset: Dataset
) -> None:
    photo = decode_photo(drawn_dataset.path(drawn_dataset.samples("test")[0]), short_side_px=32)
    made = method_of("integrated-gradients", Predictor(small_run.root), small_run.root)

    assert min(made(photo, index).min() for index in range(3)) == 0


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_of_a_bundle_are_refused(name: str, small_bundle: Path) -> None:
    with pytest.raises(UsageError) as caught:
        method_of(name, Predictor(small_bundle), small_bundle)

    assert str(caught.value) == (
        f"`{name}` asks for gradients, and {small_bundle} is a bundle, which has none.\n"
        "  fix: Name the run that it was exported from, or use `--method occlusion`."
    )


def test_gradients_without_torch_say_what_to_install(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "missing_modules", lambda extra: ["torch"])

    with pytest.raises(MissingExtraError) as caught:
        method_of("grad-cam", Predictor(small_run.root), small_run.root)

    assert str(caught.value) == (
        "`grad-cam` needs torch, which is not installed.\n"
        "  fix: Install with `pip install 'lineament[train]'`."
    )


def test_name_that_is_no_method_is_refused(small_run: Run) -> None:
    with pytest.raises(UsageError) as caught:
        method_of("grad-cam+", Predictor(small_run.root), small_run.root)

    assert str(caught.value) == (
        "There is no method `grad-cam+`. Did you mean `grad-cam++`?\n"
        "  fix: The methods are class-activation, occlusion, grad-cam, grad-cam++, "
        "integrated-gradients."
    )
