"""Bad input: which sentence is read, with which exit code, and what is left on the disk."""

import csv
import dataclasses
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from lineament.training.recipe import TrainConfig

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]

only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")


def refused(done: Result, code: int, text: str) -> None:
    """Check the exit code, that stdout is empty, and the last lines of stderr, letter by letter."""
    assert done.stderr.endswith(text)
    before = done.stderr.removesuffix(text)
    assert "error" not in before
    assert "Traceback" not in before
    assert (done.returncode, done.stdout) == (code, "")


@pytest.fixture
def source(tmp_path: Path, draw: Draw) -> Path:
    """Two classes with four photos each; a test may spoil it."""
    for kind, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for seed in range(4):
            picture = Image.fromarray(draw(seed, kind, height=80, width=100))
            picture.save(tmp_path / "photos" / name / f"{seed}.png")
    return tmp_path / "photos"


@pytest.fixture
def dataset(chain: Path, tmp_path: Path) -> Path:
    """A copy of the chain's dataset, to be spoilt."""
    return Path(shutil.copytree(chain / "dataset", tmp_path / "dataset"))


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own is closed to all but one."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# What prepare is given


def test_source_that_is_not_there_is_said_with_the_nearest_name(
    source: Path, warm: Callable[..., Result]
) -> None:
    done = warm("prepare", "fotos", "--out", "dataset", cwd=source.parent)

    refused(
        done,
        2,
        "error: There is no folder or file fotos. Did you mean `photos`?\n"
        "  fix: Name a folder of class folders, a table, an archive, `hf:OWNER/NAME` or "
        "`torchvision:NAME`.\n",
    )


def test_source_that_is_another_file_is_said(tmp_path: Path, warm: Callable[..., Result]) -> None:
    (tmp_path / "photos.pdf").write_bytes(b"%PDF")

    refused(
        warm("prepare", "photos.pdf", "--out", "dataset", cwd=tmp_path),
        2,
        "error: photos.pdf is no folder, table, archive or file of arrays.\n"
        "  fix: Name a folder of class folders; a .csv, .jsonl or .parquet table; a zip or tar "
        "archive; an .npz or IDX file.\n",
    )


def test_source_with_one_class_is_said(source: Path, warm: Callable[..., Result]) -> None:
    shutil.rmtree(source / "dog")

    refused(
        warm("prepare", "photos", "--out", "dataset", cwd=source.parent),
        3,
        "error: photos holds one class only, cat; a classifier needs two or more.\n"
        "  fix: Put the photos of each class in a folder of their own, all in one folder; or add "
        "a class with `--add NAME=FOLDER`; for `lineament extend`, `--one-class` will do.\n",
    )


def test_class_with_one_image_is_said(source: Path, warm: Callable[..., Result]) -> None:
    for number in (1, 2, 3):
        (source / "dog" / f"{number}.png").unlink()

    refused(
        warm("prepare", "photos", "--out", "dataset", cwd=source.parent),
        3,
        "error: 1 class has too few independent photos to be in train, validation and test; "
        "nothing was written.\n"
        "  at:  dog (has 1, needs 3)\n"
        "  fix: Photos of one group or with the same pixels count as one. Add photos or leave "
        "these classes out.\n",
    )


def test_photos_in_no_class_folder_are_said(source: Path, warm: Callable[..., Result]) -> None:
    (source / "cat").rename(source / "train")
    (source / "dog").rename(source / "test")

    refused(
        warm("prepare", "photos", "--out", "dataset", cwd=source.parent),
        3,
        "error: photos holds 8 images, but none in a class folder.\n"
        "  fix: Put the photos of each class in a folder of their own, named after the class.\n",
    )


def test_photos_in_no_folder_at_all_are_to_be_predicted(
    source: Path, warm: Callable[..., Result]
) -> None:
    done = warm("prepare", "photos/cat", "--out", "dataset", cwd=source.parent)

    assert done.returncode == 0
    assert done.stdout == "dataset: 4 photos without labels\n"
    assert done.stderr == "next: lineament predict BUNDLE dataset\n"


def test_unreadable_photos_are_all_named_and_nothing_is_written(
    source: Path, warm: Callable[..., Result]
) -> None:
    size = (source / "cat" / "0.png").stat().st_size
    os.truncate(source / "cat" / "0.png", size - 100)
    os.truncate(source / "cat" / "1.png", 0)
    (source / "dog" / "2.png").write_text("no photo")

    done = warm("prepare", "photos", "--out", "dataset", cwd=source.parent)

    refused(
        done,
        3,
        "error: 3 of 8 images cannot be read; nothing was written.\n"
        f"  at:  cat/0.png (truncated after {size - 100} bytes), cat/1.png (empty file), "
        "dog/2.png (not an image, or an unsupported format)\n"
        "  fix: Repair or remove them, or run again with `--unreadable skip` to leave them out and "
        "list them in the dataset's `rejected.csv`.\n",
    )
    assert [path.name for path in source.parent.iterdir()] == ["photos"]


def test_unreadable_photos_can_be_left_out_and_are_then_listed(
    source: Path, warm: Callable[..., Result]
) -> None:
    (source / "dog" / "2.png").write_text("no photo")

    done = warm(
        "prepare", "photos", "--out", "dataset", "--unreadable", "skip", "--json", cwd=source.parent
    )

    counts = json.loads(done.stdout)["counts"]
    assert (counts["scanned"], counts["kept"], counts["rejected"]) == (8, 7, 1)
    with (source.parent / "dataset" / "rejected.csv").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["dog/2.png", "not an image, or an unsupported format"]
        ]


def test_validation_folder_that_lacks_a_class_is_said(
    source: Path, warm: Callable[..., Result]
) -> None:
    for split in ("train", "val"):
        shutil.copytree(source, source.parent / "given" / split)
    shutil.rmtree(source.parent / "given" / "val" / "dog")

    refused(
        warm("prepare", "given", "--out", "dataset", cwd=source.parent),
        3,
        "error: The given splits train, val do not hold the same classes.\n"
        "  at:  val lacks dog\n"
        "  fix: Rename, fill or remove class folders until every split has the same ones.\n",
    )


def test_out_inside_the_source_is_said(source: Path, warm: Callable[..., Result]) -> None:
    refused(
        warm("prepare", "photos", "--out", "photos/dataset", cwd=source.parent),
        2,
        "error: `--out` photos/dataset lies in the source photos.\n"
        "  fix: Name an `--out` beside the source, not in or around it.\n",
    )


def test_split_that_is_no_list_of_numbers_is_said(
    source: Path, warm: Callable[..., Result]
) -> None:
    refused(
        warm("prepare", "photos", "--out", "dataset", "--split", "70/30", cwd=source.parent),
        2,
        "error: `--split 70/30` is not a list of numbers.\n"
        "  fix: Write three fractions that sum to 1, as in `--split 0.7,0.15,0.15`, or "
        "`--split test=FILE`.\n",
    )


def test_word_that_is_no_choice_is_said_with_the_nearest_one(
    source: Path, warm: Callable[..., Result]
) -> None:
    refused(
        warm("prepare", "photos", "--out", "dataset", "--unreadable", "skpi", cwd=source.parent),
        2,
        "error: PrepareConfig: `unreadable` must be one of fail, skip, got 'skpi'. Did you mean "
        "`skip`?\n"
        "  fix: Give a value in that range, or leave it out for the default.\n",
    )


# Flags, verbs, fields, classes

FIELDS = [field.name for field in dataclasses.fields(TrainConfig)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["evalute", "run"],
            "error: There is no verb `evalute`. Did you mean `evaluate`?\n"
            "  fix: The verbs are prepare, audit, faces, recipe, train, curves, study, runs, "
            "evaluate, compare, explain, report, export, card, verify, bench, predict, serve, "
            "extend, doctor.\n",
        ),
        (
            ["predict", "model.onnx", "photos", "--tpo", "2"],
            "error: `lineament predict` has no flag `--tpo`. Did you mean `--top`?\n"
            "  fix: See `lineament predict --help`.\n",
        ),
        (
            ["--verison"],
            "error: `lineament` has no flag `--verison`. Did you mean `--version`?\n"
            "  fix: See `lineament --help`.\n",
        ),
        (
            ["predict", "model.onnx", "photos", "--top", "two"],
            "error: Invalid value for '--top': 'two' is not a valid integer.\n"
            "  fix: See `lineament predict --help`.\n",
        ),
        (
            ["train", "dataset"],
            "error: Missing option '--out'.\n  fix: See `lineament train --help`.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--set", "sizepx=32"],
            "error: TrainConfig has no field `sizepx`. Did you mean `size_px`?\n"
            f"  fix: Known fields: {', '.join(FIELDS)}.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--set", "size_px"],
            "error: `--set size_px` is not of the form `field=value`.\n"
            "  fix: Write for example `--set mode=...`.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--set", "size_px=big"],
            "error: TrainConfig: `size_px` must be an integer of at least 16, got 'big'.\n"
            "  fix: Give a value in that range, or leave it out for the default.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--mode", "heads"],
            "error: TrainConfig: `mode` must be one of head, finetune, scratch, got 'heads'. Did "
            "you mean `head`?\n"
            "  fix: Give a value in that range, or leave it out for the default.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--epochs", "0"],
            "error: TrainConfig: `epochs` must be an integer of at least 1, got 0.\n"
            "  fix: Give a value in that range, or leave it out for the default.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--backbone", "resnet81"],
            "error: There is no backbone `resnet81`. Did you mean `resnet18`?\n"
            "  fix: Use efficientnet_lite0, efficientnet_lite1, efficientnet_lite2, "
            "mobilenetv2_100, sface, vggface, custom_cnn, resnet18, resnet34, resnet50, vgg16, "
            "efficientnet_b0, convnext_tiny or any other name of timm.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--weights", "packed"],
            "error: `weights` must be packaged, hub, none or file:PATH, got 'packed'. Did you mean "
            "`packaged`?\n"
            "  fix: Leave it out to take packaged weights where there are any.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--backbone", "resnet18", "--weights", "packaged"],
            "error: No package carries weights for `resnet18`.\n"
            "  fix: Packages carry weights for efficientnet_lite0, efficientnet_lite1, "
            "efficientnet_lite2, mobilenetv2_100 and sface; or use `--weights hub`, `file:PATH` "
            "or `none`.\n",
        ),
        (
            ["train", "dataset", "--out", "r", "--mode", "finetune", "--weights", "none"],
            "error: `--mode finetune` needs weights to start from, but `--weights none` was "
            "given.\n"
            "  fix: Use `--mode scratch`, or name weights.\n",
        ),
        (
            ["evaluate", "run", "dataset", "--out", "r", "--split", "tets"],
            "error: EvaluateConfig: `split` must be one of train, validation, test, got 'tets'. "
            "Did you mean `test`?\n"
            "  fix: Give a value in that range, or leave it out for the default.\n",
        ),
        (
            ["explain", "model.onnx", "photos/disc/000.jpg", "--class", "disk", "--out", "o"],
            "error: The model has no class `disk`. Did you mean `disc`?\n"
            "  fix: Its classes are disc, square, stripes.\n",
        ),
        (
            ["explain", "model.onnx", "--out", "o"],
            "error: No photo was named.\n  fix: Name one or more photos or folders.\n",
        ),
    ],
)
def test_misspelt_word_is_said_with_the_nearest_one(
    arguments: list[str], text: str, chain: Path, warm: Callable[..., Result]
) -> None:
    refused(warm(*arguments, cwd=chain), 2, text)


# Weights


def test_hub_that_cannot_be_reached_names_the_packaged_weights(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm("train", chain / "dataset", "--out", "run", "--backbone", "resnet18", cwd=tmp_path)

    kind = re.search(r"hub \((\w+)\)", done.stderr)  # the hub client's class, its own affair
    assert kind is not None
    refused(
        done,
        4,
        f"error: The weights of `resnet18` could not be fetched from the hub ({kind[1]}).\n"
        "  fix: Use a backbone whose weights come with a package (efficientnet_lite0, "
        "efficientnet_lite1, efficientnet_lite2, mobilenetv2_100, sface), `--weights file:PATH`, "
        "or `--mode scratch`.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_weights_file_that_is_not_there_is_said(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    refused(
        warm(
            *("train", chain / "dataset", "--out", "run", "--backbone", "test_resnet"),
            *("--weights", "file:w.pth"),
            cwd=tmp_path,
        ),
        4,
        "error: w.pth is not a file.\n  fix: Name a .safetensors or .pth file.\n",
    )


# Artifacts


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["train", "photos", "--out", "r"],
            "error: photos is not a dataset: it has no dataset.json.\n"
            "  fix: Name the folder of a dataset that Lineament wrote.\n",
        ),
        (
            ["evaluate", "run", "photos", "--out", "r"],
            "error: photos is not a dataset: it has no dataset.json.\n"
            "  fix: Name the folder of a dataset that Lineament wrote.\n",
        ),
        (
            ["evaluate", "dataset", "dataset", "--out", "r"],
            "error: dataset is a dataset, not a run.\n"
            "  fix: Name a run there; `lineament VERB --help` shows the order.\n",
        ),
        (
            ["export", "dataset", "--out", "r.onnx"],
            "error: dataset is a dataset, not a run.\n"
            "  fix: Name a run there; `lineament VERB --help` shows the order.\n",
        ),
        (
            ["export", "nowhere", "--out", "r.onnx"],
            "error: nowhere is not a run: it has no run.json.\n"
            "  fix: Name the folder of a run that Lineament wrote.\n",
        ),
        (
            ["predict", "nowhere.onnx", "photos"],
            "error: nowhere.onnx cannot be read (No such file or directory).\n"
            "  fix: Name a bundle made by `lineament export`.\n",
        ),
        (
            ["predict", "photos/disc/000.jpg", "photos"],
            "error: photos/disc/000.jpg is not an ONNX model.\n"
            "  fix: Name a bundle made by `lineament export`; the model comes before the "
            "photos.\n",
        ),
        (
            ["predict", "run/graph.onnx", "photos"],
            "error: run/graph.onnx is an ONNX file without Lineament's metadata.\n"
            "  fix: Name a bundle made by `lineament export`.\n",
        ),
        (
            ["explain", "run/graph.onnx", "photos/disc/000.jpg", "--out", "r"],
            "error: run/graph.onnx is an ONNX file without Lineament's metadata.\n"
            "  fix: Name a bundle made by `lineament export`.\n",
        ),
    ],
)
def test_artifact_of_another_kind_is_said(
    arguments: list[str], text: str, chain: Path, warm: Callable[..., Result]
) -> None:
    refused(warm(*arguments, cwd=chain), 4, text)


def test_onnx_model_of_somebody_else_is_said(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    entries = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "alien", entries[:1], entries[1:]
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), tmp_path / "m.onnx")

    refused(
        warm("predict", "m.onnx", chain / "photos", cwd=tmp_path),
        4,
        "error: m.onnx is an ONNX file without Lineament's metadata.\n"
        "  fix: Name a bundle made by `lineament export`.\n",
    )


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_bundle_that_was_cut_short_is_refused(
    fraction: float, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    whole = (chain / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(whole[: int(len(whole) * fraction)])

    done = warm("predict", "model.onnx", chain / "photos", cwd=tmp_path)

    assert re.fullmatch(r"error: model\.onnx .*\.\n  fix: .*\.\n", done.stderr)
    assert (done.returncode, done.stdout) == (4, "")


def with_metadata(chain: Path, target: Path, text: str) -> None:
    model = onnx.load(chain / "model.onnx")
    helper.set_model_props(model, {"lineament": text})
    onnx.save(model, target)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "model.onnx has metadata that is not JSON.\n  fix: Export the bundle again."),
        (
            "[]",
            "model.onnx has metadata that is not a JSON object.\n  fix: Export the bundle again.",
        ),
        (
            '{"kind": "run"}',
            "model.onnx is not a bundle but a run.\n  fix: Name a bundle that Lineament wrote.",
        ),
        (
            '{"kind": "bundle", "schema_version": 99}',
            "model.onnx has bundle schema 99; this Lineament VERSION reads 1 to 1.\n"
            "  fix: Install the version of Lineament that wrote it, or a newer one.",
        ),
        (
            '{"kind": "bundle", "schema_version": 1}',
            "model.onnx has no usable field `classes` (wanted list, found None).\n"
            "  fix: The artifact is damaged; make it again.",
        ),
    ],
)
def test_bundle_with_damaged_metadata_is_said(
    text: str, said: str, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    with_metadata(chain, tmp_path / "model.onnx", text)
    version = json.loads((chain / "run" / "run.json").read_text())["lineament"]

    done = warm("predict", "model.onnx", chain / "photos", cwd=tmp_path)

    refused(done, 4, f"error: {said.replace('VERSION', version)}\n")


def test_run_with_a_changed_file_is_said(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(chain / "run", tmp_path / "run")
    with (tmp_path / "run" / "graph.onnx").open("ab") as file:
        file.write(b"\0")

    refused(
        warm("predict", "run", chain / "photos", cwd=tmp_path),
        4,
        "error: run has files that are absent or are not those that training wrote.\n"
        "  at:  graph.onnx\n"
        "  fix: Train again; a run is not edited by hand.\n",
    )


def test_photo_moved_to_another_split_by_hand_is_noticed(
    dataset: Path, fast: tuple[str, ...], warm: Callable[..., Result]
) -> None:
    header, first, *others = (dataset / "splits/test.csv").read_text().splitlines(keepends=True)
    (dataset / "splits/test.csv").write_text("".join([header, *others]))
    with (dataset / "splits/train.csv").open("a") as file:
        file.write(first)

    refused(
        warm("train", "dataset", "--out", "run", *fast, cwd=dataset.parent),
        4,
        "error: dataset is not what `lineament prepare` wrote: its tables do not match its "
        "fingerprint.\n"
        "  fix: Prepare the dataset again; a dataset is not edited by hand.\n",
    )


def test_label_changed_by_hand_is_noticed(
    dataset: Path, fast: tuple[str, ...], warm: Callable[..., Result]
) -> None:
    table = dataset / "splits/train.csv"
    header, first, *others = table.read_text().splitlines(keepends=True)
    filename, label, name, group = first.rstrip("\n").split(",")
    table.write_text("".join([header, f"{filename},2,{name},{group}\n", *others]))
    assert (label, name) == ("0", "disc")

    refused(
        warm("train", "dataset", "--out", "run", *fast, cwd=dataset.parent),
        4,
        f"error: splits/train.csv of dataset gives {filename} the class 'disc' with label 2, which "
        "is not in dataset.json.\n"
        "  fix: Prepare the dataset again; a dataset is not edited by hand.\n",
    )


def test_dataset_with_a_torn_document_is_said(
    dataset: Path, fast: tuple[str, ...], warm: Callable[..., Result]
) -> None:
    os.truncate(dataset / "dataset.json", 100)

    done = warm("train", "dataset", "--out", "run", *fast, cwd=dataset.parent)

    assert done.stderr.startswith("error: dataset/dataset.json cannot be read as JSON.\n  at:  ")
    assert done.stderr.endswith("\n  fix: Make the dataset again; the file is damaged.\n")
    assert done.returncode == 4


def test_photo_that_left_the_dataset_is_said(
    dataset: Path, fast: tuple[str, ...], warm: Callable[..., Result]
) -> None:
    name = (dataset / "splits/train.csv").read_text().splitlines()[1].split(",")[0]
    (dataset / name).unlink()

    refused(
        warm("train", "dataset", "--out", "run", *fast, cwd=dataset.parent),
        4,
        "error: 1 photo of dataset is not the one that was prepared.\n"
        f"  at:  {name} (absent)\n"
        "  fix: Prepare the dataset again.\n",
    )
    assert [path.name for path in dataset.parent.iterdir()] == ["dataset"]


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_photo_swapped_after_preparation_is_noticed(
    verb: str, chain: Path, dataset: Path, fast: tuple[str, ...], warm: Callable[..., Result]
) -> None:
    # The run and the report state the fingerprint of the photos' contents as what they saw.
    table = {"train": "train", "evaluate": "test"}[verb]
    rows = (dataset / f"splits/{table}.csv").read_text().splitlines()[1:]
    first, last = rows[0].split(",")[0], rows[-1].split(",")[0]
    shutil.copy(dataset / first, dataset / last)

    commands = {
        "train": ("train", "dataset", "--out", "out", *fast),
        "evaluate": ("evaluate", chain / "run", "dataset", "--out", "out"),
    }
    done = warm(*commands[verb], cwd=dataset.parent)

    assert done.returncode == 4
    assert last in done.stderr


def test_dataset_with_a_class_that_the_model_does_not_know_is_said(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(chain / "photos", tmp_path / "photos")
    shutil.copytree(chain / "photos" / "disc", tmp_path / "photos" / "ellipse")
    warm("prepare", "photos", "--out", "dataset", cwd=tmp_path)

    refused(
        warm("evaluate", chain / "run", "dataset", "--out", "report", cwd=tmp_path),
        3,
        "error: dataset has classes that the model does not know.\n"
        "  at:  ellipse\n"
        "  fix: The model knows disc, square, stripes; use a dataset of these.\n",
    )


def test_empty_test_split_is_said(chain: Path, warm: Callable[..., Result], tmp_path: Path) -> None:
    prepared = warm(
        "prepare", chain / "photos", "--out", "dataset", "--split", "0.8,0.2,0", cwd=tmp_path
    )
    assert prepared.returncode == 0

    refused(
        warm("evaluate", chain / "run", "dataset", "--out", "report", cwd=tmp_path),
        3,
        "error: The test split of dataset is empty.\n"
        "  fix: Prepare the dataset again with a part for it, as in `--split 0.7,0.15,0.15`.\n",
    )


def test_explain_names_all_files_that_it_cannot_read(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no photo")

    done = warm(
        *("explain", chain / "model.onnx", "empty.png", chain / "photos/disc/000.jpg"),
        *("text.png", "gone.png", "--out", "overlays"),
        cwd=tmp_path,
    )

    refused(
        done,
        3,
        "error: 3 of 4 images cannot be read; nothing was written.\n"
        "  at:  empty.png (empty file), text.png (not an image, or an unsupported format), "
        "gone.png (no such file)\n"
        "  fix: Repair them or leave them out.\n",
    )
    assert not (tmp_path / "overlays").exists()


# A file system that refuses


@pytest.mark.parametrize("verb", ["prepare", "train", "evaluate", "explain", "export"])
def test_out_below_a_file_is_said(
    verb: str, chain: Path, fast: tuple[str, ...], warm: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    inputs: dict[str, list[object]] = {
        "prepare": [chain / "photos"],
        "train": [chain / "dataset", *fast],
        "evaluate": [chain / "run", chain / "dataset"],
        "explain": [chain / "model.onnx", chain / "photos/disc/000.jpg"],
        "export": [chain / "run"],
    }

    done = warm(verb, *inputs[verb], "--out", "file/out.onnx", cwd=tmp_path)

    assert done.stderr.startswith("error: file/out.onnx cannot be written: ")
    assert done.returncode == 4


@only_root
def test_out_in_a_folder_without_permission_is_said(
    chain: Path, warm: Callable[..., Result], shared_folder: Path, draw: Draw
) -> None:
    for kind, name in enumerate(("cat", "dog")):
        (shared_folder / "photos" / name).mkdir(parents=True)
        for seed in range(3):
            target = shared_folder / "photos" / name / f"{seed}.png"
            Image.fromarray(draw(seed, kind)).save(target)

    refused(
        warm("prepare", "photos", "--out", "dataset", cwd=shared_folder, as_nobody=True),
        4,
        f"error: dataset cannot be written: no permission to write in {shared_folder}.\n"
        "  fix: Name an `--out` in a folder that you may write.\n",
    )


@only_root
def test_photos_without_permission_are_said(
    warm: Callable[..., Result], shared_folder: Path, draw: Draw
) -> None:
    shared_folder.chmod(0o777)
    for kind, name in enumerate(("cat", "dog")):
        (shared_folder / "photos" / name).mkdir(parents=True)
        for seed in range(3):
            target = shared_folder / "photos" / name / f"{seed}.png"
            Image.fromarray(draw(seed, kind)).save(target)
    (shared_folder / "photos/cat/1.png").chmod(0o600)

    refused(
        warm("prepare", "photos", "--out", "dataset", cwd=shared_folder, as_nobody=True),
        3,
        "error: 1 of 6 images cannot be read; nothing was written.\n"
        "  at:  cat/1.png (cannot be opened (Permission denied))\n"
        "  fix: Repair or remove them, or run again with `--unreadable skip` to leave them out and "
        "list them in the dataset's `rejected.csv`.\n",
    )


@only_root
def test_photo_without_permission_keeps_its_row(
    chain: Path, warm: Callable[..., Result], shared_folder: Path, draw: Draw
) -> None:
    shutil.copy(chain / "model.onnx", shared_folder / "model.onnx")
    for name in ("a.png", "b.png"):
        Image.fromarray(draw(0, 0)).save(shared_folder / name)
    (shared_folder / "a.png").chmod(0o600)

    done = warm("predict", "model.onnx", "a.png", "b.png", cwd=shared_folder, as_nobody=True)

    closed, open_ = done.stdout.splitlines()
    assert closed == "a.png\terror: cannot be opened (Permission denied)"
    assert re.fullmatch(r"b\.png\t\w+\t[01]\.\d{4}", open_)
    assert done.returncode == 3


@only_root
def test_bundle_without_permission_is_said(
    chain: Path, warm: Callable[..., Result], shared_folder: Path, draw: Draw
) -> None:
    shutil.copy(chain / "model.onnx", shared_folder / "model.onnx")
    (shared_folder / "model.onnx").chmod(0o600)
    Image.fromarray(draw(0, 0)).save(shared_folder / "photo.png")

    refused(
        warm("predict", "model.onnx", "photo.png", cwd=shared_folder, as_nobody=True),
        4,
        "error: model.onnx cannot be read (Permission denied).\n"
        "  fix: Name a bundle made by `lineament export`.\n",
    )


@pytest.mark.parametrize(
    ("verb", "limit_bytes"),
    [("prepare", 1_000), ("evaluate", 2_000), ("explain", 500)],
)
def test_full_disk_is_said_and_leaves_nothing(
    verb: str, limit_bytes: int, chain: Path, lineament: Callable[..., Result], tmp_path: Path
) -> None:
    inputs: dict[str, list[object]] = {
        "prepare": [chain / "photos"],
        "evaluate": [chain / "run", chain / "dataset"],
        "explain": [chain / "model.onnx", chain / "photos/disc/000.jpg"],
    }

    done = lineament(
        *(verb, *inputs[verb], "--out", "out"),
        cwd=tmp_path,
        # EFBIG stands for ENOSPC: both end a write half-way, and this one needs no mount.
        preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes)),
    )

    refused(
        done,
        4,
        "error: out could not be written: File too large.\n"
        "  fix: Give it space or permission, or name another `--out`; nothing was left under that "
        "name.\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "limit_bytes"),
    # This network's graph has 1.3 MB and its weights, which hold layers that no graph needs, 2.3.
    [("graph.onnx", 1_000_000), ("weights.safetensors", 1_800_000)],
)
def test_disk_that_is_full_in_the_middle_of_a_run_is_said_and_leaves_nothing(
    file: str, limit_bytes: int, chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm(
        *("train", chain / "dataset", "--out", "run", "--backbone", "mobilenetv3_small_050"),
        *("--weights", "none", "--set", "size_px=64"),
        cwd=tmp_path,
        limit_bytes=limit_bytes,
    )

    refused(
        done,
        4,
        "error: run could not be written: File too large.\n"
        "  fix: Give it space or permission, or name another `--out`; nothing was left under that "
        "name.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_disk_that_is_full_at_export_is_said_and_leaves_nothing(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    done = warm("export", chain / "run", "--out", "model.onnx", cwd=tmp_path, limit_bytes=100_000)

    refused(
        done,
        4,
        "error: model.onnx could not be written: File too large.\n"
        "  fix: Give it space or permission, or name another `--out`; nothing was left under that "
        "name.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_full_disk_while_replacing_keeps_what_stood_there(
    chain: Path, warm: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.copytree(chain / "dataset", tmp_path / "dataset")
    before = (tmp_path / "dataset" / "dataset.json").read_bytes()

    done = warm(
        *("prepare", chain / "photos", "--out", "dataset", "--seed", "5", "--overwrite"),
        cwd=tmp_path,
        limit_bytes=1_000,
    )

    assert done.returncode == 4
    assert (tmp_path / "dataset" / "dataset.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]
