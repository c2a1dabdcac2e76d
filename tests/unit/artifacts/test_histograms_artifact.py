"""Histograms read back as they were written, and know where their bins begin and end."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.histograms import KINDS, LayerValues, read_histograms, write_histograms
from lineament.core.errors import ArtifactError

pytest.importorskip("pyarrow")

NUMBERS = st.floats(allow_nan=False)
ROWS = st.lists(
    st.builds(
        LayerValues,
        epoch=st.integers(1, 2**31 - 1),
        layer=st.text(),
        kind=st.sampled_from(KINDS),
        low=NUMBERS,
        high=NUMBERS,
        counts=st.lists(st.integers(0, 2**60), min_size=1, max_size=5).map(tuple),
        rms=NUMBERS,
        zero_fraction=NUMBERS,
        update_ratio=st.none() | NUMBERS,
    ),
    max_size=5,
)
ROW = LayerValues(
    epoch=1,
    layer="head.weight",
    kind="parameter",
    low=-1.0,
    high=1.0,
    counts=(3, 0, 2, 1),
    rms=0.5,
    zero_fraction=0.25,
    update_ratio=0.001,
)


@given(ROWS)
def test_rows_read_back_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[LayerValues]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "histograms.parquet"
    write_histograms(path, rows)

    assert read_histograms(path) == tuple(rows)


def test_same_rows_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_histograms(tmp_path / name, [ROW, dataclasses.replace(ROW, kind="gradient")])

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_edges_are_equally_far_from_each_other() -> None:
    assert ROW.edges == (-1.0, -0.5, 0.0, 0.5, 1.0)


def test_one_bin_has_two_edges() -> None:
    assert dataclasses.replace(ROW, low=2.0, high=2.0, counts=(6,)).edges == (2.0, 2.0)


@given(NUMBERS.filter(lambda low: abs(low) < 1e300), st.floats(0, 1e300), st.integers(1, 70))
def test_last_edge_is_the_largest_value(low: float, width: float, bins: int) -> None:
    row = dataclasses.replace(ROW, low=low, high=low + width, counts=(1,) * bins)

    assert len(row.edges) == bins + 1
    assert (row.edges[0], row.edges[-1]) == (row.low, row.high)


@pytest.mark.parametrize("cut", [0, 100])
def test_damaged_file_is_named(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "histograms.parquet"
    write_histograms(path, [ROW])
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(ArtifactError) as caught:
        read_histograms(path)

    assert str(caught.value) == (f"{path} cannot be read (ArrowInvalid).\n  fix: Train again.")


def test_absent_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "histograms.parquet"

    with pytest.raises(ArtifactError) as caught:
        read_histograms(path)

    assert str(caught.value) == f"{path} cannot be read (FileNotFoundError).\n  fix: Train again."
