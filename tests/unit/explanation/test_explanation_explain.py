"""Explaining gives a picture per photo, or names what cannot be read and writes nothing."""

import io
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.core.version import __version__
from lineament.explanation.explain import ExplainConfig, explain
from lineament.imaging.decode import decode, encode_jpeg
from lineament.runtime.predictor import Predictor


def overlays(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".jpg")


def test_each_photo_gets_a_picture_of_its_size_in_order(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    explained = explain(small_bundle, photo_files, out)

    assert [each.source for each in explained] == [str(path) for path in photo_files]
    assert [each.overlay for each in explained] == [path.name for path in overlays(out)]
    for each, photo in zip(explained, photo_files, strict=True):
        assert decode(out / each.overlay).shape == decode(photo).shape


def test_photos_of_the_same_name_get_pictures_of_different_names(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    again = tmp_path / "again" / photo_files[0].name
    again.parent.mkdir()
    shutil.copy(photo_files[1], again)

    explained = explain(small_bundle, [photo_files[0], again, photo_files[0]], tmp_path / "out")

    assert len({each.overlay for each in explained}) == 3
    assert len(overlays(tmp_path / "out")) == 3


def test_answers_are_those_of_predict(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    predictor = Predictor(small_bundle)

    explained = explain(small_bundle, photo_files, tmp_path / "out")

    assert [(each.answer, each.confidence) for each in explained] == [
        predictor.top(answer)[0] for answer in predictor.predict(photo_files)
    ]
    assert all(each.shown_class == each.answer for each in explained)


def test_document_states_every_explanation(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    explained = explain(small_bundle, photo_files[:2], tmp_path / "out")

    document = json.loads((tmp_path / "out" / "explanations.json").read_text(encoding="utf-8"))
    assert document == {
        "kind": "explanations",
        "schema_version": 1,
        "lineament": __version__,
        "model": str(small_bundle),
        "method": "class activation map (Zhou et al. 2016)",
        "explanations": [
            {
                "source": str(photo),
                "overlay": each.overlay,
                "answer": each.answer,
                "confidence": each.confidence,
                "shown_class": each.answer,
            }
            for each, photo in zip(explained, photo_files, strict=False)
        ],
    }


def test_document_names_the_method_of_a_head_with_a_hidden_layer(
    small_run: Run, photo_files: list[Path], tmp_path: Path
) -> None:
    run = shutil.copytree(small_run.root, tmp_path / "run")
    card = json.loads((run / "run.json").read_text(encoding="utf-8"))
    card["head"] = {"kind": "mlp", "dropout": 0.0, "hidden": 8}
    (run / "run.json").write_text(json.dumps(card), encoding="utf-8")

    explain(run, photo_files[:1], tmp_path / "out")

    document = json.loads((tmp_path / "out" / "explanations.json").read_text(encoding="utf-8"))
    assert document["method"] == "HiResCAM (Draelos and Carin 2020)"


def test_run_is_explained_as_its_bundle_is(
    small_run: Run, small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    of_run = explain(small_run.root, photo_files, tmp_path / "run")
    of_bundle = explain(small_bundle, photo_files, tmp_path / "bundle")

    assert of_run == of_bundle
    for one, other in zip(overlays(tmp_path / "run"), overlays(tmp_path / "bundle"), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_class_that_is_asked_for_is_shown_whatever_the_answer(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    shown = {
        name: explain(
            small_bundle,
            photo_files[:1],
            tmp_path / name,
            config=ExplainConfig(of_class=name),
        )[0]
        for name in ("disc", "frame", "stripes")
    }

    assert {name: each.shown_class for name, each in shown.items()} == {n: n for n in shown}
    assert len({each.answer for each in shown.values()}) == 1


def test_evidence_for_each_class_is_another_picture(
    packaged_run: Run, photo_files: list[Path], tmp_path: Path
) -> None:
    pictures = set()
    for name in ("disc", "frame", "stripes"):
        config = ExplainConfig(of_class=name)
        explain(packaged_run.root, photo_files[:1], tmp_path / name, config=config)
        pictures.add(overlays(tmp_path / name)[0].read_bytes())

    assert len(pictures) == 3


def test_no_strength_leaves_the_photo_as_it_is(
    packaged_run: Run, photo_files: list[Path], tmp_path: Path
) -> None:
    config = ExplainConfig(strength=0.0)

    explain(packaged_run.root, photo_files[:1], tmp_path / "out", config=config)

    picture = overlays(tmp_path / "out")[0]
    assert picture.read_bytes() == encode_jpeg(decode(photo_files[0]))


def test_unreadable_photos_are_all_named_and_nothing_is_written(
    small_bundle: Path, photo_files: list[Path], bad_files: dict[Path, str], tmp_path: Path
) -> None:
    out = tmp_path / "out" / "overlays"
    out.parent.mkdir()
    # A folder stands for the photos in it, and this one holds none: an error of its own.
    bad_files = {path: reason for path, reason in bad_files.items() if not path.is_dir()}
    photos = [photo_files[0], *bad_files, photo_files[1]]

    with pytest.raises(DataError) as caught:
        explain(small_bundle, photos, out)

    places = ", ".join(f"{path} ({reason})" for path, reason in bad_files.items())
    assert str(caught.value) == (
        f"{len(bad_files)} of {len(photos)} images cannot be read; nothing was written.\n"
        f"  at:  {places}\n"
        "  fix: Repair them or leave them out."
    )
    assert list(out.parent.iterdir()) == []


def test_folder_stands_for_its_photos(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    explained = explain(small_bundle, [photo_files[0].parent], tmp_path / "out")

    assert [each.source for each in explained] == sorted(map(str, photo_files))


def test_folder_without_photos_is_refused(small_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataError) as caught:
        explain(small_bundle, [tmp_path / "empty"], tmp_path / "out")

    assert str(caught.value) == (
        f"{tmp_path / 'empty'} holds no photo.\n  fix: Name a folder of image files, or the files."
    )


def test_misspelt_class_gets_a_suggestion(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        explain(
            small_bundle, photo_files, tmp_path / "out", config=ExplainConfig(of_class="stripe")
        )

    assert str(caught.value) == (
        "The model has no class `stripe`. Did you mean `stripes`?\n"
        "  fix: Its classes are disc, frame, stripes."
    )
    assert not (tmp_path / "out").exists()


def test_no_photo_is_a_usage_error(small_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        explain(small_bundle, [], tmp_path / "out")

    assert str(caught.value) == ("No photo was named.\n  fix: Name one or more photos or folders.")


def test_what_stands_there_is_not_overwritten(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()

    with pytest.raises(ArtifactError) as caught:
        explain(small_bundle, photo_files, out)

    assert str(caught.value) == (
        f"{out} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )


def test_folder_of_photos_is_not_replaced_by_their_overlays(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    photo = Path(shutil.copy(photo_files[0], folder / "a.png"))

    with pytest.raises(ArtifactError, match="holiday"):
        explain(small_bundle, [photo], folder, overwrite=True)

    assert photo.is_file()


def test_explanations_are_replaced_when_that_is_asked_for(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    explain(small_bundle, photo_files, tmp_path / "out")
    explain(small_bundle, photo_files[:1], tmp_path / "out", overwrite=True)

    assert len(overlays(tmp_path / "out")) == 1


@pytest.mark.parametrize("stem", ["ü" * 100, "a b;c", "日" * 80, "-rf", "x" * 200])
def test_photos_of_any_name_are_explained(
    stem: str, small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    photo = Path(shutil.copy(photo_files[0], tmp_path / f"{stem[:80]}.png"))

    (explained,) = explain(small_bundle, [photo], tmp_path / "out")

    assert (tmp_path / "out" / explained.overlay).is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_photo_whose_name_is_not_text_is_explained(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    photo = Path(shutil.copy(photo_files[0], tmp_path / os.fsdecode(b"caf\xe9.png")))

    (explained,) = explain(small_bundle, [photo], tmp_path / "out")

    assert (tmp_path / "out" / explained.overlay).is_file()


def test_letterboxed_panorama_is_explained_in_little_memory(
    small_bundle: Path, tmp_path: Path
) -> None:
    # The window of a letterbox is a square around the panorama: 8,000 pixels on each side.
    photo = tmp_path / "wide.png"
    Image.fromarray(np.zeros((6, 8_000, 3), np.uint8)).save(photo)
    script = """
        import dataclasses, resource, sys
        from pathlib import Path
        from lineament.imaging.decode import decode
        from lineament.imaging.render import place_heat
        from lineament.runtime.predictor import Predictor

        predictor = Predictor(Path(sys.argv[1]))
        image = decode(Path(sys.argv[2]))
        rule = dataclasses.replace(predictor.preprocessing, fit="letterbox")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        maps = predictor.activation(image)[1]
        place_heat(maps[0] + [[0.0, 1.0]], rule.window(*image.shape[:2]), *image.shape[:2])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(small_bundle), str(photo)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100_000  # kilobytes; the photo has 144


def test_explaining_works_where_torch_does_not_import(
    small_bundle: Path, photo_files: list[Path], tmp_path: Path
) -> None:
    script = """
        import importlib.abc, sys
        from pathlib import Path

        class Wall(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("torch", "torchvision", "timm", "onnx", "sklearn"):
                    raise ImportError(f"{name} is behind the wall")

        sys.meta_path.insert(0, Wall())
        from lineament import explain

        explain(Path(sys.argv[1]), [Path(sys.argv[2])], Path(sys.argv[3]))
    """
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), small_bundle, photo_files[0], out],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert Image.open(io.BytesIO(overlays(out)[0].read_bytes())).format == "JPEG"
