"""Methods of `Dataset` that read tables which are larger than memory: CSV and Parquet files."""

from __future__ import annotations

import glob
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.annotations import DTypeLike, PathLike
from lamina.arguments import integer
from lamina.data.background import default_workers
from lamina.data.csv_files import CSVGroups
from lamina.data.elements import Elements
from lamina.data.parquet_files import ParquetGroups
from lamina.data.parts import wanted
from lamina.data.row_groups import Windows, assembled, chosen_columns
from lamina.data.selecting import order_seed
from lamina.errors import DataError
from lamina.ir import types

if TYPE_CHECKING:
    from lamina.data.dataset import Dataset

WINDOW = 65_536  # rows that are shuffled together


class Tables(Elements):
    """Methods of the class."""

    @classmethod
    @abstractmethod
    def _new(cls, make: Any, length: int, **options: Any) -> Dataset:
        """Return a dataset of a function, with its options."""

    @classmethod
    def from_csv(
        cls,
        paths: PathLike | Sequence[PathLike],
        batch_size: int = 32,
        label: str | None = None,
        columns: Sequence[str] | None = None,
        as_dict: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        names: Sequence[str] | None = None,
        delimiter: str = ",",
        dtypes: Mapping[str, DTypeLike] | None = None,
        window: int = WINDOW,
    ) -> Dataset:
        """Return batches of the rows of CSV files, which may be larger than memory.

        One pass over the files notes where rows begin. Then rows are read in groups, when their
        batch comes; at most two windows are in memory. Each pass has another order of groups, and
        of the rows in each window; it follows from `seed` and the number of the pass, so that a
        resumed training gets the batches of an uninterrupted one.

        Args:
            paths: path with the wildcards * and ?, or a list of such; all files have the same
                columns.
            batch_size: samples in a batch.
            label: name of the column of targets; None gives features alone.
            columns: names of the features; None takes all columns but the label.
            as_dict: give features as a dictionary from name to column, for models whose Inputs have
                these names; False gives one array, float32 (batch, features).
            shuffle: use another order in each pass.
            seed: integer that fixes the orders; None draws one from the state of `set_seed`.
            names: names of the columns of files without a first line of names.
            delimiter: character between values.
            dtypes: dictionary from column to dtype, "str" for text; others follow from the first
                rows: int64, float32 (with NaN for missing values) or text.
            window: number of rows that are shuffled together.

        Raises:
            DataError: if files or rows are missing, or a row or value does not fit its column.
            FileFormatError: if a file is not text in UTF-8, or a quote never closes.

        Example:
            >>> import pathlib, tempfile
            >>> import lamina as lm
            >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
            >>> _ = path.write_text("height,width,kind\\n1,2,0\\n3,4.5,1\\n")
            >>> data = lm.data.Dataset.from_csv(path, label="kind", shuffle=False)
            >>> [(x.tolist(), y.tolist()) for x, y in data]
            [([[1.0, 2.0], [3.0, 4.5]], [0, 1])]
        """
        given = {name: _dtype(each) for name, each in (dtypes or {}).items()}
        groups = CSVGroups(_files("Dataset.from_csv", paths), names, delimiter, given)
        chosen_columns("Dataset.from_csv", groups.names, list(given), None) if given else None
        return cls._of_groups(
            "Dataset.from_csv", groups, batch_size, label, columns, as_dict, shuffle, seed, window
        )

    @classmethod
    def from_parquet(
        cls,
        paths: PathLike | Sequence[PathLike],
        batch_size: int = 32,
        label: str | None = None,
        columns: Sequence[str] | None = None,
        as_dict: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        window: int = WINDOW,
    ) -> Dataset:
        """Return batches of the rows of Parquet files, which may be larger than memory.

        Row groups are read when their batch comes, only the columns that are used; at most two
        windows, each of at least one row group, are in memory. Orders are those of `from_csv`.
        Needs `pip install pyarrow`.

        Args:
            paths: path with the wildcards * and ?, or a list of such; all files have the same
                columns.
            batch_size: samples in a batch.
            label: name of the column of targets; None gives features alone.
            columns: names of the features; None takes all columns but the label.
            as_dict: give features as a dictionary from name to column, for models whose Inputs have
                these names; False gives one array, float32 (batch, features).
            shuffle: use another order in each pass.
            seed: integer that fixes the orders; None draws one from the state of `set_seed`.
            window: number of rows that are shuffled together.

        Raises:
            DataError: if files or rows are missing, or a column does not exist.
            FileFormatError: for a damaged file.
            MissingExtraError: if pyarrow is not installed.
        """
        owner = "Dataset.from_parquet"
        groups = ParquetGroups(_files(owner, paths))
        return cls._of_groups(
            owner, groups, batch_size, label, columns, as_dict, shuffle, seed, window
        )

    @classmethod
    def _of_groups(
        cls,
        owner: str,
        groups: CSVGroups | ParquetGroups,
        batch_size: int,
        label: str | None,
        columns: Sequence[str] | None,
        as_dict: bool,
        shuffle: bool,
        seed: int | None,
        window: int,
    ) -> Dataset:
        size = integer(owner, "batch_size", batch_size, 1)
        features, read = chosen_columns(owner, groups.names, columns, label)
        groups.wanted = read
        rows = integer(owner, "window", window, 1)
        windows = Windows(groups, rows, order_seed(seed) if shuffle else None)
        count = windows.count

        def make(epoch: int, number: int) -> Any:
            first = number * size
            places = wanted(np.arange(min(size, count - first)))
            table = windows.take(epoch, first, places)
            return assembled(owner, table, features, label, as_dict)

        return cls._new(make, -(-count // size), workers=min(default_workers(), 2))


def _files(owner: str, paths: PathLike | Sequence[PathLike]) -> list[str]:
    patterns = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: list[str] = []
    for each in [os.fspath(pattern) for pattern in patterns]:
        matches = [each] if os.path.isfile(each) else sorted(glob.glob(each))
        if not matches:
            raise DataError(f"{owner}: no file matches {each!r}")
        found += matches
    if not found:
        raise DataError(f"{owner}: no files were given")
    return found


def _dtype(given: DTypeLike) -> np.dtype:
    if given in ("str", str, "string"):
        return np.dtype(object)
    return np.dtype(types.dtype(given).storage)
