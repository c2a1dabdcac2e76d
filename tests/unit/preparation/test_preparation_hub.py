"""Data sets of the hub, read from local folders that the hub's library wrote."""

import io
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.core.errors import (
    DataError,
    ImageError,
    LineamentError,
    MissingExtraError,
    UsageError,
)
from lineament.preparation.sources.hub import HubSource

datasets = pytest.importorskip("datasets")

Draw = Callable[..., NDArray[np.uint8]]
Write = Callable[..., HubSource]


def png(image: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def hub(tmp_path: Path, draw_photo: Draw) -> Write:
    def write(
        splits: Sequence[str] = ("train",),
        *,
        rows: int = 4,
        label_kind: object = None,
        image: str = "image",
        paths: bool = True,
        **columns: Sequence[object],
    ) -> HubSource:
        kinds: dict[str, Any] = {image: datasets.Image(), "label": label_kind}
        if label_kind is None:
            kinds["label"] = datasets.ClassLabel(names=["cat", "dog"])
        columns = {"label": [index % 2 for index in range(rows)], **columns}
        for key, values in columns.items():
            kinds.setdefault(
                key, datasets.Value("string" if isinstance(values[0], str) else "int64")
            )
        photos = [
            {"bytes": png(draw_photo(index, 9, 8)), "path": f"S{index}.png" if paths else None}
            for index in range(rows)
        ]
        folder = tmp_path / "photos"
        for split in splits:
            table = datasets.Dataset.from_dict(
                {image: photos, **columns},
                features=datasets.Features({key: kinds[key] for key in (image, *columns)}),
            )
            (folder / "data").mkdir(parents=True, exist_ok=True)
            table.to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
        return HubSource(reference=str(folder))

    return write


def refusal(source: HubSource, kind: type[LineamentError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        source.layout()
    return str(caught.value).replace(source.reference, "photos")


def test_rows_come_with_class_names_and_their_files_names(hub: Write) -> None:
    layout = hub().layout()
    assert [(each.relative, each.class_name) for each in layout.candidates] == [
        ("train/0000000/S0.png", "cat"),
        ("train/0000001/S1.png", "dog"),
        ("train/0000002/S2.png", "cat"),
        ("train/0000003/S3.png", "dog"),
    ]


def test_contents_are_the_uploaded_files(hub: Write, draw_photo: Draw) -> None:
    source = hub()
    contents = [content for _, content in source.contents(source.layout().candidates)]
    assert contents == [png(draw_photo(index, 9, 8)) for index in range(4)]


def test_contents_may_be_asked_for_in_parts(hub: Write, draw_photo: Draw) -> None:
    source = hub(["train", "test"])
    last = source.layout().candidates[-1:]
    assert [content for _, content in source.contents(last)] == [png(draw_photo(3, 9, 8))]


def test_photos_without_a_file_name_are_named_by_their_row(hub: Write) -> None:
    assert hub(paths=False).layout().candidates[1].relative == "train/0000001"


def test_given_splits_are_kept(hub: Write) -> None:
    layout = hub(["train", "validation", "test"]).layout()
    assert layout.given == {"train": "train", "validation": "validation", "test": "test"}
    assert [each.split for each in layout.candidates[::4]] == ["test", "train", "validation"]


def test_a_single_split_is_none(hub: Write) -> None:
    layout = hub(["train"]).layout()
    assert layout.given == {}
    assert {each.split for each in layout.candidates} == {""}


def test_a_column_called_label_may_be_text(hub: Write) -> None:
    source = hub(label_kind=datasets.Value("string"), label=["a", "b", "a", "b"])
    assert source.layout().classes == ("a", "b")


def test_further_columns_are_metadata_and_group_is_the_group(hub: Write) -> None:
    candidate = hub(group=["p", "p", "q", "q"], age=[30, 31, 32, 33]).layout().candidates[2]
    assert (candidate.group, dict(candidate.metadata)) == ("q", {"age": "32"})


def test_a_row_without_a_label_is_left_out(hub: Write) -> None:
    layout = hub(label=[0, -1, 1, None]).layout()
    assert [(each.relative, each.reason) for each in layout.rejected] == [
        ("train/0000001/S1.png", "no label in the table"),
        ("train/0000003/S3.png", "no label in the table"),
    ]
    assert layout.scanned == 4


def test_a_split_without_any_label_is_no_split(hub: Write) -> None:
    hub(["test"], label=[-1, -1, -1, -1])
    layout = hub(["train", "validation"]).layout()
    assert layout.given == {"train": "train", "validation": "validation"}
    assert layout.notes == ("No photo of test has a label; it is left out.",)
    assert (len(layout.candidates), len(layout.rejected)) == (8, 4)


def test_the_library_is_left_as_it_was_and_says_nothing(
    hub: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    source = hub()
    level = datasets.utils.logging.get_verbosity()
    capfd.readouterr()
    source.layout()
    assert capfd.readouterr() == ("", "")
    assert datasets.utils.logging.get_verbosity() == level
    assert not datasets.are_progress_bars_disabled()


def test_a_data_set_without_images_lists_its_columns(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    datasets.Dataset.from_dict({"text": ["a"], "label": [1]}).to_parquet(
        tmp_path / "photos" / "train.parquet"
    )
    assert refusal(HubSource(reference=str(tmp_path / "photos"))) == (
        "hf:photos has no column of images.\n"
        "  at:  text (Value('string')), label (Value('int64'))\n"
        "  fix: Name a data set of images."
    )


def test_a_folder_that_the_library_cannot_read_says_why_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "train.parquet").write_bytes(b"no parquet")
    assert refusal(HubSource(reference=str(tmp_path / "photos"))) == (
        "hf:photos cannot be read.\n"
        "  at:  Parquet magic bytes not found in footer. Either the file is corrupted or "
        "this is not a parquet file.\n"
        "  fix: Name another data set, or download its files and name their folder."
    )
    assert capfd.readouterr() == ("", "")


def test_an_image_that_is_missing_from_its_row_is_told(hub: Write, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    table = datasets.Dataset.from_dict(
        {"image": [None], "label": [0]},
        features=datasets.Features(
            {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat"])}
        ),
    )
    table.to_parquet(folder / "train.parquet")
    source = HubSource(reference=str(folder))
    [(_, content)] = source.contents(source.layout().candidates)
    assert isinstance(content, ImageError)
    assert str(content) == "no image in this row"


@pytest.mark.parametrize("reference", ["csv", "a/b/c", "no such folder", ""])
def test_a_reference_that_names_no_data_set_is_refused(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        HubSource(reference=reference).layout()
    assert str(caught.value) == (
        f"There is no folder {reference}, and no data set can be called that.\n"
        "  fix: Name a data set as `hf:OWNER/NAME` or `hf:OWNER/NAME:CONFIG`."
    )


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (
            datasets.exceptions.DatasetNotFoundError("Dataset 'o/n' doesn't exist on the Hub."),
            UsageError,
            "hf:o/n is not on the hub, or not for everyone.\n"
            "  at:  Dataset 'o/n' doesn't exist on the Hub.\n"
            "  fix: Check owner and name; log in with `hf auth login` where it is private.",
        ),
        (
            ValueError("Config name is missing.\nPlease pick one among: ['a', 'b']\nExample"),
            UsageError,
            "hf:o/n does not name one of the data set's configurations.\n"
            "  at:  Config name is missing. Please pick one among: ['a', 'b']\n"
            "  fix: Name one as `hf:OWNER/NAME:CONFIG`.",
        ),
        (
            RuntimeError("Dataset scripts are no longer supported, but found n.py"),
            DataError,
            "hf:o/n cannot be read.\n"
            "  at:  Dataset scripts are no longer supported, but found n.py\n"
            "  fix: Name another data set, or download its files and name their folder.",
        ),
    ],
)
def test_what_the_library_raises_is_explained(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, kind: type[LineamentError], text: str
) -> None:
    def load(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("lineament.preparation.sources.hub._hub_answers", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    with pytest.raises(kind) as caught:
        HubSource(reference="o/n").layout()
    assert str(caught.value) == text


def test_the_configuration_and_revision_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def load(*names: object, revision: object) -> None:
        asked.extend([*names, revision])
        raise ConnectionError

    monkeypatch.setattr("lineament.preparation.sources.hub._hub_answers", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    with pytest.raises(DataError):
        HubSource(reference="o/n:small", revision="v2").layout()
    assert asked == ["o/n", "small", "v2"]


def test_the_revision_that_was_fetched_is_noted(hub: Write) -> None:
    source = hub()
    source._builder.config.data_files = {"train": [f"hf://datasets/o/n@{'ab' * 20}/t.parquet"]}
    assert source.layout().notes == (f"{source.name} is at revision {'ab' * 20}.",)


def test_without_network_the_reason_comes_at_once_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object, **__: object) -> socket.socket:
        raise OSError("no route")

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(socket, "create_connection", refused)
    with pytest.raises(DataError) as caught:
        HubSource(reference="nobody/nothing").layout()
    assert str(caught.value) == (
        "hf:nobody/nothing cannot be fetched: the hub does not answer.\n"
        "  fix: Connect to the network and run again, or name a folder with a copy of the data "
        "set: `hf:/path/to/folder`."
    )
    assert capfd.readouterr() == ("", "")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError) as caught:
        HubSource(reference="owner/name").layout()
    assert str(caught.value) == (
        "reading data sets of the hub needs datasets, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[hub]'`."
    )
