"""Head spec: a trained head as arrays, for whoever writes it into a graph; no torch."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

SHORTEST = 1e-12  # what a vector's length is taken for where it has none, as torch does
COSINES = ("cosface", "arcface")  # which differ in training alone


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """A trained head as arrays, for the graph.

    Attributes:
        kind: One of `lineament.models.heads.KINDS`.
        weight: Of the last layer, ``float32 (C, D)``, or ``(C, hidden)`` of an ``mlp``.
        bias: Of the last layer, ``float32 (C,)``; ``None`` where the kind has none, whose weights
            are then taken for directions.
        hidden_weight: Of an ``mlp``, ``float32 (hidden, D)``.
        hidden_bias: Of an ``mlp``, ``float32 (hidden,)``.
        scale: Factor on the cosine; 1 where the kind has none.
    """

    kind: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None = None
    hidden_weight: NDArray[np.float32] | None = None
    hidden_bias: NDArray[np.float32] | None = None
    scale: float = 1.0

    @property
    def n_classes(self) -> int:
        """How many classes, ``C``."""
        return len(self.weight)

    @property
    def n_features(self) -> int:
        """Width of the embedding, ``D``."""
        inputs = self.weight if self.hidden_weight is None else self.hidden_weight
        return int(inputs.shape[1])

    def layer(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight and bias of the last layer, as they are multiplied and added.

        Of a cosine the weights are directions, and there is no bias; one that was read back from a
        graph, and may have been extended, has both as they are.
        """
        if self.bias is not None:
            return self.weight, self.bias
        bias = np.zeros(self.n_classes, np.float32)
        if self.kind not in COSINES:
            return self.weight, bias
        lengths = np.linalg.norm(self.weight, axis=1, keepdims=True)
        return self.weight / np.maximum(lengths, np.float32(SHORTEST)), bias

    def inputs(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the last layer takes of embeddings ``float32 (N, D)``, one row each."""
        if self.hidden_weight is not None and self.hidden_bias is not None:
            raw = embeddings @ self.hidden_weight.T + self.hidden_bias
            return np.asarray(np.maximum(raw, 0), dtype=np.float32)
        if self.kind in COSINES:
            lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
            factor = np.float32(self.scale) / np.maximum(lengths, np.float32(SHORTEST))
            return np.asarray(embeddings * factor, dtype=np.float32)
        return embeddings

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score embeddings ``float32 (N, D)``: logits ``float32 (N, C)``, as the graph does."""
        weight, bias = self.layer()
        return np.asarray(self.inputs(embeddings) @ weight.T + bias, dtype=np.float32)
