"""Real photos that come with a package, and the default backbone with its packaged weights."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

Result = subprocess.CompletedProcess[str]

PER_CLASS = 60  # of the 100 that there are: enough to learn, and half the time

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory, lineament: Callable[..., Result]) -> Path:
    """A folder with a dataset, a run of the default backbone, its report and its bundle."""
    root = tmp_path_factory.mktemp("faces")
    photos = skimage.data.lfw_subset()  # 100 faces, then 100 patches without a face
    for name, first in (("face", 0), ("other", 100)):
        (root / "photos" / name).mkdir(parents=True)
        for number, grey in enumerate(photos[first : first + PER_CLASS]):
            picture = Image.fromarray((grey * 255).round().astype("uint8"))
            picture.save(root / "photos" / name / f"{number:03d}.png")
    for name in ("astronaut", "chelsea", "coffee"):
        Image.fromarray(getattr(skimage.data, name)()).save(root / f"{name}.jpg", quality=95)
    verbs: tuple[tuple[str, ...], ...] = (
        ("prepare", "photos", "--out", "dataset"),
        ("train", "dataset", "--out", "run"),
        ("evaluate", "run", "dataset", "--out", "report"),
        ("export", "run", "--out", "model.onnx"),
    )
    for verb in verbs:
        done = lineament(*verb, cwd=root)
        assert done.returncode == 0, done.stderr
    return root


def test_default_backbone_tells_faces_from_other_patches(faces: Path) -> None:
    report = json.loads((faces / "report" / "report.json").read_text())

    assert report["subject"]["backbone"] == "efficientnet_lite0"
    assert report["n_images"] == 18
    assert report["headline"]["accuracy"]["value"] >= 17 / 18


def test_weights_and_licence_are_stated(faces: Path) -> None:
    stated = json.loads((faces / "run" / "run.json").read_text())["backbone"]

    assert stated["licence"] == "Apache-2.0"
    assert len(stated["sha256"]) == 64


def test_large_photos_are_answered_by_the_bundle(
    faces: Path, lineament: Callable[..., Result]
) -> None:
    done = lineament(
        *("predict", "model.onnx", "astronaut.jpg", "chelsea.jpg", "coffee.jpg", "--json"),
        cwd=faces,
    )

    rows = json.loads(done.stdout)["predictions"]
    assert [row["filename"] for row in rows] == ["astronaut.jpg", "chelsea.jpg", "coffee.jpg"]
    assert all(row["error"] is None for row in rows)
    assert done.returncode == 0


def test_large_photos_are_explained_at_their_own_size(
    faces: Path, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    done = lineament(
        "explain", "model.onnx", "astronaut.jpg", "--out", tmp_path / "overlays", cwd=faces
    )

    assert done.returncode == 0
    with Image.open(tmp_path / "overlays" / "0000-astronaut.jpg") as overlay:
        assert overlay.size == (512, 512)


def test_default_backbone_trained_again_answers_bit_for_bit_the_same(
    faces: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    warm("train", "dataset", "--out", tmp_path / "again", cwd=faces)

    for run, table in (("run", "first.csv"), (tmp_path / "again", "again.csv")):
        done = warm("predict", run, "photos", "--csv", tmp_path / table, cwd=faces)
        assert done.returncode == 0

    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "first.csv").read_bytes()
