"""Checkpoints: where a training stands, so that it can go on after it was killed.

While a run is being trained, ``.<run>.training/checkpoint.pt`` stands beside its place and holds
everything that the next step depends on. It goes when the run is complete.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lineament.core.errors import ArtifactError, UsageError
from lineament.core.files import atomic_file, json_text

FORMAT = 2  # raised when a state holds other things than before

State = dict[str, Any]  # tensors, numbers and texts, nested: what torch.save takes


class Checkpoints:
    """The checkpoint of one training.

    Args:
        out: Where the run will stand.
        identity: What the training depends on: recipe, dataset, processes.
        writes: Whether this process writes; of several, one does.
    """

    def __init__(self, out: Path, identity: Mapping[str, object], *, writes: bool = True) -> None:
        self.path = out.parent / f".{out.name}.training" / "checkpoint.pt"
        self._identity = json_text({"format": FORMAT, **identity})
        self._writes = writes

    def begin(self, *, resume: bool, overwrite: bool) -> State | None:
        """Say where to start.

        Args:
            resume: Go on where an earlier training stopped.
            overwrite: Throw an earlier training away.

        Returns:
            The state to go on from; ``None`` is the beginning.

        Raises:
            UsageError: An earlier training stands here and nothing was said about it, or the one
                that is to be resumed had another recipe or dataset.
            ArtifactError: Its state is damaged.
        """
        if resume and self.path.is_file():
            document = _read(self.path)
            self._require_same(str(document["identity"]))
            return dict(document["state"])
        if self.path.is_file() and not overwrite:
            raise UsageError(
                f"{self.path.parent} holds a training that was interrupted.",
                fix="Go on with `--resume`, or start anew with `--overwrite`.",
            )
        self.clear()
        return None

    def save(self, state: State) -> None:
        """Write the state whole or not at all; a process that does not write does nothing."""
        if self._writes:
            with atomic_file(self.path, overwrite=True) as file:
                torch.save({"identity": self._identity, "state": state}, file)

    def clear(self) -> None:
        """Remove it: the run is complete, or there is nothing worth going on from."""
        if self._writes:
            shutil.rmtree(self.path.parent, ignore_errors=True)

    def _require_same(self, earlier: str) -> None:
        different = [
            f"{name}: {then!r} then, {now!r} now"
            for name, then, now in _differences(json.loads(earlier), json.loads(self._identity))
        ]
        if different:
            raise UsageError(
                f"{self.path.parent} holds another training than the one to be resumed.",
                at=different,
                fix="Give the same dataset and recipe, or start anew with `--overwrite`.",
            )


def _differences(
    earlier: Mapping[str, object], now: Mapping[str, object]
) -> list[tuple[str, object, object]]:
    found: list[tuple[str, object, object]] = []
    for name in sorted({*earlier, *now}):
        one, other = earlier.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            found += _differences(one, other)
        elif one != other:
            found.append((name, one, other))
    return found


def _read(path: Path) -> State:
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
        return {"identity": document["identity"], "state": document["state"]}
    # A damaged file fails in whatever way its reader happens to.
    except Exception as error:
        raise ArtifactError(
            f"{path} cannot be read ({type(error).__name__}): it was damaged after it was written.",
            fix="Start anew with `--overwrite`.",
        ) from error
