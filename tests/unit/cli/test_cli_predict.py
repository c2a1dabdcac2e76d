"""``lineament predict --submission``: what cannot be filled is said before an hour of photos."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.runtime.predictor import Predictor

Call = Callable[..., tuple[int, str, str]]


def test_ids_without_a_photo_are_named_before_anything_is_answered(
    call: Call, small_bundle: Path, photo_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(*_: object, **__: object) -> None:
        raise AssertionError("photos were answered in vain")

    monkeypatch.setattr(Predictor, "predict", answered)
    Path("sample.csv").write_text("id,label\nnowhere,disc\n", encoding="utf-8")

    code, said, talked = call(
        *("predict", small_bundle, photo_files[0]),
        *("--submission", "sample.csv", "--csv", "out.csv"),
    )

    assert (code, said) == (3, "")
    assert talked == (
        "error: 1 of the 1 ids of sample.csv have no photo; nothing was written.\n"
        "  at:  nowhere\n"
        "  fix: Name all test photos; `id`, the first column, has the names of files with or "
        "without their ending.\n"
    )
    assert not Path("out.csv").exists()
