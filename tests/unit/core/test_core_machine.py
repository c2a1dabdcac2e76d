"""What the processor can do is read from what Linux says of it."""

from pathlib import Path

import pytest

from lineament.core import machine


def cpuinfo(vendor: str, flags: str) -> str:
    return (
        f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: A {vendor} thing\n"
        f"flags\t\t: fpu {flags}\n\nprocessor\t: 1\nvendor_id\t: other\n"
    )


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> object:
    def say(text: str) -> None:
        def read_text(path: Path, **_: object) -> str:
            assert str(path) == "/proc/cpuinfo"
            return text

        monkeypatch.setattr(Path, "read_text", read_text)

    return say


@pytest.mark.parametrize(
    ("vendor", "flags", "native", "fast"),
    [
        ("AuthenticAMD", "avx512f avx512_bf16", True, True),
        ("GenuineIntel", "avx512f avx512_bf16", True, False),
        ("GenuineIntel", "avx512f avx512_bf16 amx_bf16 amx_tile", True, True),
        ("GenuineIntel", "avx2", False, False),
        ("AuthenticAMD", "avx512f", False, False),
    ],
)
def test_bfloat16_is_fast_where_its_products_are(
    vendor: str, flags: str, native: bool, fast: bool, says: object
) -> None:
    assert callable(says)
    says(cpuinfo(vendor, flags))

    assert (machine.has_native_bf16(), machine.has_fast_bf16()) == (native, fast)
    assert machine.machine()["fast_bf16"] is fast


def test_processor_is_named_by_its_model(says: object) -> None:
    assert callable(says)
    says(cpuinfo("AuthenticAMD", "avx2"))

    assert machine.machine()["processor"] == "A AuthenticAMD thing"
