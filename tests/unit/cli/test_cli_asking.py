"""What is named for `predict`: a bundle, or heads and what they are laid on."""

from pathlib import Path

import pytest

from lineament.cli.asking import open_asked, split_heads
from lineament.core.errors import UsageError


def refused(heads: tuple[Path, ...], backbone: Path | None, model: Path = Path("m.onnx")) -> str:
    with pytest.raises(UsageError) as caught:
        open_asked(model, heads, backbone, engine="auto", threads=None)
    return caught.value.what


def test_leading_heads_are_no_photos() -> None:
    heads, photos = split_heads(Path("a.head"), ("b.head", "c.jpg", "d.head"))

    assert heads == (Path("a.head"), Path("b.head"))
    assert photos == ("c.jpg", "d.head")


def test_bundle_has_no_heads() -> None:
    assert split_heads(Path("m.onnx"), ("b.head", "c.jpg")) == ((), ("b.head", "c.jpg"))


def test_head_needs_a_backbone() -> None:
    assert refused((Path("a.head"),), None) == (
        "a.head is a head: without a backbone it sees no photo."
    )


def test_backbone_needs_a_head() -> None:
    assert refused((), Path("b.onnx")) == "`--backbone` is for heads, and m.onnx is none."


def test_two_heads_of_one_name_are_refused() -> None:
    assert refused((Path("x/a.head"), Path("y/a.head")), Path("b.onnx")) == (
        "Two heads are called a, and their answers could not be told apart."
    )
