"""What a checkpoint keeps of an epoch's layers is what it was given, to the last bit."""

import dataclasses
import math
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.histograms import LayerValues
from lineament.training.instruments.rows import packed, unpacked

NUMBERS = st.floats(allow_nan=False)
ROWS = st.lists(
    st.builds(
        LayerValues,
        epoch=st.integers(1, 10**6),
        layer=st.text(),
        kind=st.sampled_from(("parameter", "gradient")),
        low=NUMBERS,
        high=NUMBERS,
        counts=st.lists(st.integers(0, 2**40), min_size=1, max_size=4).map(tuple),
        rms=NUMBERS,
        zero_fraction=NUMBERS,
        update_ratio=st.none() | st.floats(0.0),
    ),
    max_size=5,
).map(tuple)
ROW = LayerValues(
    epoch=2,
    layer="head.weight",
    kind="gradient",
    low=-0.1,
    high=0.3,
    counts=(5,),
    rms=0.2,
    zero_fraction=0.0,
)


@given(ROWS)
def test_rows_come_back(rows: tuple[LayerValues, ...]) -> None:
    assert unpacked(packed(rows)) == rows


def test_what_is_no_number_comes_back() -> None:
    (row,) = unpacked(packed([dataclasses.replace(ROW, rms=math.nan)]))

    assert math.isnan(row.rms)


def test_packed_rows_can_be_loaded_as_weights_are(tmp_path: Path) -> None:
    torch.save(packed([ROW]), tmp_path / "rows.pt")

    assert unpacked(torch.load(tmp_path / "rows.pt", weights_only=True)) == (ROW,)
