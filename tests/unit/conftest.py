"""What several units are tested on: one drawn dataset, and the runs trained on it once a session.

Everything heavy is imported inside the fixtures, so that the tests of `core` stay light.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from lineament.artifacts.dataset import Dataset
    from lineament.artifacts.run import Run

CLASSES = ("disc", "frame", "stripes")
PER_CLASS = 40


def _draw(kind: int, seed: int) -> NDArray[np.uint8]:
    """A noisy shape in any colour on any ground: form alone tells the kinds apart."""
    rng = np.random.default_rng([kind, seed])
    height, width = (int(side) for side in rng.integers(36, 56, 2))
    rows, columns = np.mgrid[0:height, 0:width]
    down, right = rows - height / 2 + rng.uniform(-3, 3), columns - width / 2 + rng.uniform(-3, 3)
    reach = rng.uniform(11, 15)
    largest = np.maximum(np.abs(down), np.abs(right))
    shape = (
        np.hypot(down, right) < reach,
        (largest < reach) & (largest > reach - 4),
        (largest < reach) & (down % 6 < 3),
    )[kind]
    dark, light = rng.uniform(10, 90, 3), rng.uniform(165, 245, 3)
    drawn = np.where(shape[:, :, None], light, dark) + rng.normal(0, 5, (height, width, 3))
    return np.asarray(drawn.round().clip(0, 255), dtype=np.uint8)


@pytest.fixture(scope="session")
def write_kinds() -> Callable[..., Path]:
    """Give ``write_kinds(root, per_class=40, shuffled=False)``: class folders of drawn photos.

    The three classes are learned from form; ``shuffled`` deals the same photos to the folders by
    chance, so that there is nothing to learn.
    """

    def write(root: Path, *, per_class: int = PER_CLASS, shuffled: bool = False) -> Path:
        kinds = np.repeat(np.arange(len(CLASSES)), per_class)
        folders = np.random.default_rng(1).permutation(kinds) if shuffled else kinds
        for name in CLASSES:
            (root / name).mkdir(parents=True)
        for number, (kind, folder) in enumerate(zip(kinds, folders, strict=True)):
            photo = Image.fromarray(_draw(int(kind), number))
            photo.save(root / CLASSES[folder] / f"{number:03d}.png")
        return root

    return write


@pytest.fixture(scope="session")
def drawn_dataset(
    write_kinds: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> "Dataset":
    """120 drawn photos of three classes, half of them to train on; not to be changed."""
    from lineament.preparation.build import PrepareConfig, prepare

    root = tmp_path_factory.mktemp("drawn")
    config = PrepareConfig(split=(0.5, 0.25, 0.25))
    return prepare(write_kinds(root / "source"), root / "dataset", config=config)


@pytest.fixture(scope="session")
def small_run(drawn_dataset: "Dataset", tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """A head on a tiny random network: quick, and good enough to answer; not to be changed."""
    from lineament.training.recipe import TrainConfig
    from lineament.training.train import train

    config = TrainConfig(backbone="test_resnet", weights="none", size_px=32, seed=3)
    return train(drawn_dataset, tmp_path_factory.mktemp("small") / "run", config=config)


@pytest.fixture(scope="session")
def small_bundle(small_run: "Run", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of `small_run`; not to be changed."""
    from lineament.exporting.export import export

    path = tmp_path_factory.mktemp("small") / "model.onnx"
    export(small_run, path)
    return path


@pytest.fixture(scope="session")
def packaged_run(drawn_dataset: "Dataset", tmp_path_factory: pytest.TempPathFactory) -> "Run":
    """What `train` makes when nothing is asked for; not to be changed."""
    from lineament.training.train import train

    return train(drawn_dataset, tmp_path_factory.mktemp("packaged") / "run")


@pytest.fixture
def photo_files(draw_photo: Callable[..., NDArray[np.uint8]], tmp_path: Path) -> list[Path]:
    """Five readable photos of different sizes."""
    files = []
    for number, size in enumerate([(40, 60), (33, 31), (64, 20), (5, 7), (90, 120)]):
        files.append(tmp_path / f"photo-{number}.png")
        Image.fromarray(draw_photo(number, *size, kind=number % 4)).save(files[-1])
    return files


@pytest.fixture
def bad_files(photo_files: list[Path], tmp_path: Path) -> dict[Path, str]:
    """Files that cannot be read, each with the reason that is given for it."""
    whole = photo_files[0].read_bytes()
    contents = {
        "empty.jpg": (b"", "empty file"),
        "text.jpg": (b"no photo at all", "not an image, or an unsupported format"),
        "cut.png": (whole[: len(whole) // 2], f"truncated after {len(whole) // 2} bytes"),
    }
    reasons = {tmp_path / "absent.jpg": "no such file"}
    for name, (data, reason) in contents.items():
        (tmp_path / name).write_bytes(data)
        reasons[tmp_path / name] = reason
    (tmp_path / "folder.jpg").mkdir()
    reasons[tmp_path / "folder.jpg"] = "cannot be opened (Is a directory)"
    return reasons
