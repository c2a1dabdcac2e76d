"""Parquet rows: answers in a Parquet file, group by group; it is there when it is complete."""

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lineament.core.extras import require
from lineament.core.files import atomic_file
from lineament.runtime.rows import Row, cells, columns

NUMBER = re.compile(r"(^|_)(confidence|familiarity)(_\d+)?$")  # a head's name may stand before it
GROUP_ROWS = 10_000  # a few megabytes, and still thousands of rows per group to compress


class ParquetRows:
    """A Parquet file; it cannot be gone on with.

    Args:
        target: The file.
        top: Classes per row.
        heads: Names of the heads, where several answer each photo.
        overwrite: Replace what stands there.

    Raises:
        ArtifactError: ``target`` is in the way (on entering it), or the file system refuses.
        MissingExtraError: pyarrow is not installed.
    """

    def __init__(
        self, target: Path, *, top: int, heads: Sequence[str] = (), overwrite: bool
    ) -> None:
        self._target, self._top, self._overwrite = target, top, overwrite
        self._arrow = require("pyarrow", extra="report", purpose="Parquet")
        self._parquet = require("pyarrow.parquet", extra="report", purpose="Parquet")
        self._schema = self._arrow.schema(
            [
                (name, self._arrow.float64() if NUMBER.search(name) else self._arrow.string())
                for name in columns(top, heads)
            ]
        )
        self._waiting: list[list[object]] = []
        self._stack = contextlib.ExitStack()

    def write(self, row: Row) -> None:
        """Add a row."""
        self._waiting.append(cells(row, self._top))
        if len(self._waiting) == GROUP_ROWS:
            self._flush()

    def __enter__(self) -> Self:
        file = self._stack.enter_context(
            atomic_file(self._target, overwrite=self._overwrite, flag="--parquet")
        )
        self._writer = self._parquet.ParquetWriter(file, self._schema)
        self._stack.push(self._finish)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the file into its place, if nothing went wrong."""
        self._stack.__exit__(kind, error, trace)

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        by_column = zip(*self._waiting, strict=True) if self._waiting else [()] * len(self._schema)
        table = self._arrow.table(
            {
                name: list(values)
                for name, values in zip(self._schema.names, by_column, strict=True)
            },
            schema=self._schema,
        )
        self._writer.write_table(table)
        self._waiting = []
