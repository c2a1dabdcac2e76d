"""Memory is kept within the block where the system can, and handed back after it."""

import sys

import pytest
import torch

from lineament.core.memory import resident_bytes
from lineament.training.optimisation.allocation import kept_memory

SIZE_BYTES = 512 * 2**20
MOST = SIZE_BYTES // 2  # what was free in the process before is used first


def freed() -> int:
    """Take and free a large block; how much more memory the process has then."""
    before = resident_bytes()
    block = torch.ones(SIZE_BYTES, dtype=torch.uint8)
    assert resident_bytes() - before > MOST
    del block
    return resident_bytes() - before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other allocators")
def test_freed_memory_is_kept_within_and_handed_back_after() -> None:
    with kept_memory() as kept:
        inside = freed()
        before = resident_bytes()
    after = resident_bytes() - before

    assert kept
    assert inside > MOST
    assert after < -MOST
    assert freed() < MOST


def test_other_allocators_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with kept_memory() as kept:
        assert not kept
