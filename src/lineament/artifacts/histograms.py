"""Histograms: how the numbers of each trained layer were spread at the end of each epoch."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lineament.core.errors import ArtifactError
from lineament.core.extras import require

PURPOSE = "Histograms of layers"
KINDS = ("parameter", "gradient")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerValues:
    """The values of one layer after an epoch, or the gradient of the epoch's last step.

    Attributes:
        epoch: From 1.
        layer: The parameter's name, such as ``backbone.network.conv1.weight``.
        kind: ``parameter`` or ``gradient``.
        low: The least finite value, where the first bin begins.
        high: The largest finite value, where the last bin ends.
        counts: How many values lie in each of equal bins from ``low`` to ``high``; where the two
            are the same there is one bin.
        rms: Root of the mean square; not finite where a value is not.
        zero_fraction: How many of the values are exactly 0, 0 to 1.
        update_ratio: Of parameters, how far the epoch's last step moved them as a part of their
            length; ``None`` for gradients, and where a layer's length was 0.
    """

    epoch: int
    layer: str
    kind: str
    low: float
    high: float
    counts: tuple[int, ...]
    rms: float
    zero_fraction: float
    update_ratio: float | None = None

    @property
    def edges(self) -> tuple[float, ...]:
        """Where bins begin and end, one more than there are bins."""
        n, width = len(self.counts), self.high - self.low
        return (*(self.low + width * index / n for index in range(n)), self.high)


def write_histograms(path: Path, rows: Sequence[LayerValues]) -> None:
    """Write a Parquet file below a folder that is being made: a row per layer, kind and epoch.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pyarrow = require("pyarrow", extra="report", purpose=PURPOSE)
    parquet = require("pyarrow.parquet", extra="report", purpose=PURPOSE)
    schema = pyarrow.schema(
        [
            ("epoch", pyarrow.int32()),
            ("layer", pyarrow.string()),
            ("kind", pyarrow.string()),
            ("low", pyarrow.float64()),
            ("high", pyarrow.float64()),
            ("counts", pyarrow.list_(pyarrow.int64())),
            ("rms", pyarrow.float64()),
            ("zero_fraction", pyarrow.float64()),
            ("update_ratio", pyarrow.float64()),
        ]
    )
    table = pyarrow.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=schema)
    parquet.write_table(table, path, compression="zstd")


def read_histograms(path: Path) -> tuple[LayerValues, ...]:
    """Read what `write_histograms` wrote, in its order.

    Raises:
        ArtifactError: It cannot be read.
        MissingExtraError: pyarrow is not installed.
    """
    parquet = require("pyarrow.parquet", extra="report", purpose=PURPOSE)
    try:
        rows = parquet.read_table(path).to_pylist()
        return tuple(LayerValues(**{**row, "counts": tuple(row["counts"])}) for row in rows)
    # A damaged file fails in whatever way its reader happens to.
    except Exception as error:
        raise ArtifactError(
            f"{path} cannot be read ({type(error).__name__}).", fix="Train again."
        ) from error
