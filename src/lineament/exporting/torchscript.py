"""TorchScript: the same answers for programs that run libtorch, in a file with the same card."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY, METADATA_KEY, BundleCard
from lineament.artifacts.torchscript_card import ENTRY
from lineament.models.scripted import OUTPUTS


class TorchScriptEngine:
    """A TorchScript file of ours, as an engine to be proved.

    Args:
        content: The file.
    """

    def __init__(self, content: bytes) -> None:
        entries = {ENTRY: ""}
        load = cast(Callable[..., torch.jit.ScriptModule], torch.jit.load)  # it has no types
        with _kept_though_deprecated():
            self._module = load(io.BytesIO(content), _extra_files=entries)
        self._metadata = {METADATA_KEY: entries[ENTRY]}
        with torch.no_grad():
            answered = self._module(torch.zeros(1, 8, 8, 3, dtype=torch.uint8))
        self._outputs = (*OUTPUTS, FAMILIARITY)[: len(answered)]

    def run(self, image: NDArray[np.uint8], outputs: Sequence[str]) -> list[NDArray[np.float32]]:
        """Compute outputs of a batch ``uint8 (N, H, W, 3)``, in the order they were named."""
        with torch.no_grad():
            answered = self._module(torch.from_numpy(image.copy()))
        named = dict(zip(self._outputs, answered, strict=True))
        return [named[name].numpy() for name in outputs]

    @property
    def metadata(self) -> Mapping[str, str]:
        """The card, as the file holds it."""
        return self._metadata

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what the module computes, in its order."""
        return self._outputs

    @property
    def title(self) -> str:
        """Name, version and arithmetic, for the record of what was computed with it."""
        return f"TorchScript {torch.__version__}, fp32"


def torchscript_file(module: torch.jit.ScriptModule, card: BundleCard | None = None) -> bytes:
    """Write a module, with a card if there is one already, as the content of a file."""
    entries = {} if card is None else {ENTRY: card.metadata()[METADATA_KEY]}
    buffer = io.BytesIO()
    with _kept_though_deprecated():
        torch.jit.save(module, buffer, _extra_files=entries)
    return buffer.getvalue()


@contextlib.contextmanager
def _kept_though_deprecated() -> Iterator[None]:
    """Keep torch from advising `torch.export`, whose files need Python to be run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
