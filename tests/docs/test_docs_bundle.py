"""The reference of the bundle lists what bundles hold, and its listings run without Lineament."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import onnx
import pytest

from bundle_fields import PAGE, Listed, fields, listed, wrong_fields
from lineament.artifacts.bundle import METADATA_KEY, read_bundle
from lineament.artifacts.onnx_file import read_model, split

STORED = Path(__file__).parents[1] / "contract"
OLDEST = STORED / "bundle-schema-1.onnx"
WHOLE = [STORED / "bundle-schema-1-fp32.onnx", STORED / "bundle-schema-1-int8.onnx"]
LISTING = re.compile(
    r"^```python\n(.*?)^```\n(?:.*?)^```text\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
GRAPH_ROW = re.compile(r"^\| `(\w+)` \| (input|output) \| `(\w+)` \| `([^`]+)` \|", re.MULTILINE)
# In no stored bundle: nobody gives messages yet, and both engines run both graphs.
NOT_STORED = (
    *("messages.*", "parity.unable", "parity.unable.*"),
    *("parity.exact.unable", "parity.exact.unable.*"),
)
# Nothing of the package is in reach of the listings, nor is anything that they do not import.
WALL = "import sys; sys.modules.update(dict.fromkeys(['lineament', 'onnx', 'torch'])); "


def stored(bundle: Path) -> Mapping[str, object]:
    _, metadata = split(read_model(bundle), name=str(bundle))
    document: Mapping[str, object] = json.loads(metadata[METADATA_KEY])
    return document


def missing(document: Mapping[str, object], rows: Mapping[str, Listed]) -> set[str]:
    """What the page says is in every bundle, and is not in this one though what is around it is."""
    found = dict(fields(document, rows))
    lacked = set()
    for field, row in rows.items():
        around = field.rpartition(".")[0].removesuffix("[]")
        is_reached = not around or found.get(around) not in (None, "null")
        if row.since == "1" and is_reached and field not in found:
            lacked.add(field)
    return lacked


@pytest.mark.parametrize("bundle", [OLDEST, *WHOLE], ids=lambda path: path.stem)
def test_every_field_of_a_stored_card_is_listed_with_its_type(bundle: Path) -> None:
    assert wrong_fields(stored(bundle)) == []


@pytest.mark.parametrize("bundle", WHOLE, ids=lambda path: path.stem)
def test_every_field_that_is_written_today_is_listed_with_its_type(bundle: Path) -> None:
    assert wrong_fields(json.loads(json.dumps(read_bundle(bundle)[1].as_dict()))) == []


def test_every_listed_field_is_in_a_stored_card() -> None:
    rows = listed()
    found = {field for path in (OLDEST, *WHOLE) for field, _ in fields(stored(path), rows)}

    assert sorted(set(rows) - found) == sorted(NOT_STORED)


@pytest.mark.parametrize("bundle", [OLDEST, *WHOLE], ids=lambda path: path.stem)
def test_what_is_listed_as_in_every_bundle_is_in_this_one(bundle: Path) -> None:
    assert missing(stored(bundle), listed()) == set()


def test_what_is_listed_as_added_later_is_not_in_the_oldest_bundle() -> None:
    rows = listed()
    found = {field for field, _ in fields(stored(OLDEST), rows)}

    assert [field for field in sorted(found) if rows[field].since == "1, later"] == []


def test_what_is_listed_as_early_is_no_longer_written() -> None:
    rows = listed()
    found = {field for path in WHOLE for field, _ in fields(stored(path), rows)}

    assert [field for field in sorted(found) if rows[field].since == "1, early"] == []


def test_every_listed_field_has_a_meaning() -> None:
    assert [field for field, row in listed().items() if not row.meaning] == []


@pytest.mark.parametrize("bundle", WHOLE, ids=lambda path: path.stem)
def test_inputs_and_outputs_are_those_of_the_graph(bundle: Path) -> None:
    rows = GRAPH_ROW.findall(PAGE.read_text(encoding="utf-8"))
    graph = onnx.load(bundle).graph
    kinds = {onnx.TensorProto.UINT8: "uint8", onnx.TensorProto.FLOAT: "float32"}
    letters = {3: "C", 8: "D"}  # of the stored bundles

    def row(value: onnx.ValueInfoProto, way: str) -> tuple[str, ...]:
        tensor = value.type.tensor_type
        sizes = [each.dim_param or letters[each.dim_value] for each in tensor.shape.dim]
        return value.name, way, kinds[tensor.elem_type], ", ".join(sizes)

    (image,) = graph.input
    assert rows[0][:2] == ("image", "input")
    assert row(image, "input") == (*rows[0][:3], "N, H, W, C")  # three colours, not classes
    assert rows[1:] == [row(each, "output") for each in graph.output]


def test_every_entry_of_the_metadata_is_named() -> None:
    for bundle in (OLDEST, *WHOLE):
        _, metadata = split(read_model(bundle), name=str(bundle))

        assert list(metadata) == [METADATA_KEY]
    assert f"one entry; key `{METADATA_KEY}`" in PAGE.read_text(encoding="utf-8")


def ran(listing: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "listing.py").write_text(WALL + "\n" + listing, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-I", "listing.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_listings_run_without_lineament_and_print_what_the_page_shows(tmp_path: Path) -> None:
    shutil.copyfile(WHOLE[0], tmp_path / "model.onnx")
    listings = LISTING.findall(PAGE.read_text(encoding="utf-8"))

    assert len(listings) == 2
    for listing, shown in listings:
        done = ran(listing, tmp_path)
        assert (done.stdout, done.returncode) == (shown, 0), done.stderr


def test_listings_prove_the_bundle_in_int8_too(tmp_path: Path) -> None:
    shutil.copyfile(WHOLE[1], tmp_path / "model.onnx")
    (proving, _), (hashing, _) = LISTING.findall(PAGE.read_text(encoding="utf-8"))

    assert ran(proving, tmp_path).returncode == 0
    assert ran(hashing, tmp_path).stdout.strip() == stored(WHOLE[1])["content_sha256"]


@pytest.mark.parametrize(
    ("right", "wrong", "photo"),
    [
        ("image.draft(None, (side, side))", "pass", "turned-jpeg"),
        ("if turn is None else image.transpose(turn)", "", "turned-jpeg"),
        ('"white"', '"black"', "palette-alpha"),
        ("/ 257).round()", "/ 300).round()", "16-bit"),
    ],
)
def test_port_with_a_wrong_step_is_told_by_a_golden_photo(
    right: str, wrong: str, photo: str, tmp_path: Path
) -> None:
    shutil.copyfile(WHOLE[0], tmp_path / "model.onnx")
    ((proving, _), _) = LISTING.findall(PAGE.read_text(encoding="utf-8"))
    assert right in proving

    done = ran(proving.replace(right, wrong), tmp_path)

    assert done.returncode == 1
    assert f"AssertionError: ('{photo}'," in done.stderr
