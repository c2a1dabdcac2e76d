"""What the tests of models share: a tiny backbone, equality of weights, a hub that is away."""

import socket
import time
from collections.abc import Callable

import pytest
import torch

from lineament.models.backbones import Backbone, create_backbone


@pytest.fixture
def tiny() -> Backbone:
    return create_backbone("test_resnet", "none", size_px=32, seed=11)


@pytest.fixture
def same_weights() -> Callable[[Backbone, Backbone], bool]:
    def same(one: Backbone, other: Backbone) -> bool:
        mine, theirs = one.state_dict(), other.state_dict()
        return mine.keys() == theirs.keys() and all(
            torch.equal(mine[key], theirs[key]) for key in mine
        )

    return same


@pytest.fixture
def hub_is_away(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Make names unresolvable, as without a network, and record waits instead of waiting."""
    waits: list[float] = []

    def nowhere(*_: object, **__: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits
