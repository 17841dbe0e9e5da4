"""Parquet files as groups of rows: their own row groups, read with pyarrow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina.data.row_groups import Table
from lamina.errors import DataError, FileFormatError, describe, need_extra


class ParquetGroups:
    """The row groups of Parquet files that have the same columns.

    Args:
        paths: files.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]]) -> None:
        self._parquet: Any = need_extra("pyarrow.parquet", "parquet", "Dataset.from_parquet")
        self._places: list[tuple[Path, int]] = []
        self.counts: list[int] = []
        self.names: list[str] = []
        for path in map(Path, paths):
            self._index(path)
        self.wanted: Sequence[str] = self.names
        if not self.counts:
            raise DataError(f"Dataset.from_parquet: {describe(str(paths[0]))} has no rows")

    def _open(self, path: Path) -> Any:
        if not path.is_file():
            raise FileNotFoundError(f"Dataset.from_parquet: {path} does not exist")
        try:
            return self._parquet.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise FileFormatError(
                f"{path}: not a Parquet file that can be read: {error}"
            ) from error

    def _index(self, path: Path) -> None:
        with self._open(path) as file:
            names = list(file.schema_arrow.names)
            if self.names and names != self.names:
                raise DataError(
                    f"{path}: other columns than in the first file (expected "
                    f"{', '.join(self.names)}, got {', '.join(names)})"
                )
            self.names = names
            for number in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(number).num_rows
                if rows:
                    self._places.append((path, number))
                    self.counts.append(rows)

    def read(self, group: int) -> Table:
        """Return the wanted columns of a row group; nulls of numbers are NaN."""
        path, number = self._places[group]
        with self._open(path) as file:
            table = file.read_row_group(number, columns=list(self.wanted), use_threads=False)
        return {name: _plain(table.column(name).to_numpy()) for name in self.wanted}


def _plain(column: np.ndarray) -> np.ndarray:
    """Columns of lists of one length as arrays with a further axis."""
    if column.dtype == object and len(column) and isinstance(column[0], np.ndarray):
        return np.stack(list(column))
    return column.astype(np.float32) if column.dtype == np.float64 else column
