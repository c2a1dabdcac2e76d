"""Models are found by name and exchanged while they answer."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, UsageError
from lineament.serving.schemas import Models
from lineament.serving.shelf import Shelf


def shelf_of(*paths: Path, **more: Any) -> Shelf:
    return Shelf(paths, engine="onnxruntime", threads=1, **more)


@pytest.fixture
def own_bundle(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(small_bundle, tmp_path / "shapes.onnx"))


def test_models_are_called_like_their_files_and_the_first_is_meant(
    own_bundle: Path, small_run: Run
) -> None:
    shelf = shelf_of(own_bundle, small_run.root)

    assert [served.name for served in shelf.models] == ["shapes", small_run.root.name]
    assert shelf.default == "shapes"
    assert shelf.find(None) is shelf.find("shapes")


def test_two_models_of_one_name_are_refused(own_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = Path(shutil.copy(own_bundle, tmp_path / "other/shapes.onnx"))

    with pytest.raises(UsageError, match="Two models are called shapes"):
        shelf_of(own_bundle, twin)


def test_message_for_a_class_that_no_model_has_is_refused(own_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "messages.yaml").write_text("disk: round\n")
    with pytest.raises(UsageError) as caught:
        shelf_of(own_bundle, messages=tmp_path / "messages.yaml")

    assert caught.value.what == (
        "There is a message for disk, which is no class. Did you mean `disc`?"
    )


def test_file_that_changed_is_opened_again_and_others_are_not(
    own_bundle: Path, small_bundle: Path, small_run: Run
) -> None:
    shelf = shelf_of(own_bundle, small_run.root)
    before = shelf.find("shapes")
    assert shelf.reload(only_changed=True) == ([], [])
    os.utime(own_bundle, (1, 1))

    assert shelf.reload(only_changed=True) == (["shapes"], [])
    assert shelf.find("shapes") is not before
    assert shelf.reload(only_changed=True) == ([], [])
    assert shelf.reload() == (["shapes", small_run.root.name], [])


def test_file_that_cannot_be_used_leaves_the_model_that_is_there(own_bundle: Path) -> None:
    shelf = shelf_of(own_bundle)
    before = shelf.find(None)
    own_bundle.write_bytes(b"half a model")

    exchanged, (error,) = shelf.reload()

    assert exchanged == []
    assert isinstance(error, ArtifactError)
    assert shelf.find(None) is before
    own_bundle.unlink()
    assert shelf.reload(only_changed=True) == ([], [])
    assert shelf.find(None) is before


def test_what_is_told_of_models_follows_its_schema(
    asked: Any, opened: Callable[..., Any], small_run: Run
) -> None:
    both = opened(Path(asked.rooms.shelf.models[0].path), small_run.root)

    told = both.get("/v1/models").json()

    Models.model_validate(told)
    assert [each["name"] for each in told["models"]] == ["model", small_run.root.name]
    assert told["models"][0]["sha256"] == told["models"][1]["sha256"]  # one graph


def test_card_is_told_without_the_photos_that_travel_in_it(asked: Any) -> None:
    card = asked.get("/v1/models/model").json()

    assert card["classes"] == ["disc", "frame", "stripes"]
    assert all(isinstance(name, str) for name in card["golden"])
    assert len(card["golden"]) > 5
