"""The machine and the software on it, as runs and `doctor` record them."""

import importlib.metadata
import platform
from pathlib import Path

from lineament.core.executor import available_cores
from lineament.core.version import __version__

RECORDED = (
    "accelerate",
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "Pillow",
    "scikit-learn",
    "timm",
    "torch",
    "torchvision",
)
NATIVE_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})  # the last is Arm's
SHOWN_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "bf16", "asimd")


def versions() -> dict[str, object]:
    """Versions of Python, Lineament and the libraries that are installed."""
    found: dict[str, object] = {"python": platform.python_version(), "lineament": __version__}
    for name in RECORDED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, object]:
    """Processor, usable cores, what it can compute with, and the system."""
    flags = processor_flags()
    return {
        "processor": _processor_name(),
        "cores": available_cores(),
        "features": [flag for flag in SHOWN_FLAGS if flag in flags],
        "native_bf16": has_native_bf16(),
        "fast_bf16": has_fast_bf16(),
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
    }


def has_native_bf16() -> bool:
    """Whether the processor multiplies bfloat16 in hardware; emulated it is slower than float32."""
    return bool(NATIVE_BF16 & processor_flags())


def has_fast_bf16() -> bool:
    """Whether bfloat16 is worth it: its products come faster than those of float32.

    Intel's processors have two units for products of float32 and one for pairs of bfloat16, which
    is no faster before what the conversions cost. With AMX it is another matter, and on AMD's since
    Zen 4. Figures: "The bundle at work" in `benchmarks/README.md`.
    """
    flags = processor_flags()
    if "amx_bf16" in flags:
        return True
    return bool(NATIVE_BF16 & flags) and _vendor() != "GenuineIntel"


def processor_flags() -> frozenset[str]:
    """What Linux says the processor can do; empty where the system does not say."""
    for line in _cpuinfo():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def _processor_name() -> str:
    return _stated("model name") or platform.processor() or platform.machine()


def _vendor() -> str:
    return _stated("vendor_id")


def _stated(name: str) -> str:
    """What Linux says of the first processor; empty where it says nothing."""
    for line in _cpuinfo():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
