"""CSV files as groups of rows: one pass notes where each group begins, then any group is read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamina.data.row_groups import Table
from lamina.errors import DataError, FileFormatError, describe

ROWS = 4096  # of a group
TYPES = (np.int64, np.float32)  # that are tried for a column, in this order, before text


class _Span(NamedTuple):
    file: Path
    begin: int
    end: int
    first: int  # number of the first row in its file, from 0


class CSVGroups:
    """The rows of CSV files that have the same columns.

    Args:
        paths: files, UTF-8 (a byte order mark is skipped).
        names: names of the columns; None reads them from the first line of each file.
        delimiter: character between values.
        dtypes: dtypes of columns by name; those of the others follow from the first group.
    """

    def __init__(
        self,
        paths: Sequence[str | os.PathLike[str]],
        names: Sequence[str] | None,
        delimiter: str,
        dtypes: Mapping[str, np.dtype],
    ) -> None:
        self._delimiter = delimiter
        self._spans: list[_Span] = []
        self.counts: list[int] = []
        self.names: list[str] = [] if names is None else list(names)
        for path in map(Path, paths):
            self._index(path, names is None)
        self.wanted: Sequence[str] = self.names
        self._dtypes = dict(dtypes)
        if not self.counts:
            raise DataError(f"Dataset.from_csv: {describe(str(paths[0]))} has no rows")

    def _index(self, path: Path, has_header: bool) -> None:
        """Note the bytes of each group. A record ends with its line unless a quote is open."""
        with path.open("rb") as file:
            place = 3 if file.read(3) == b"\xef\xbb\xbf" else 0
            file.seek(place)
            begin, count, row, quotes, record = place, 0, 0, 0, place
            for line in file:
                place += len(line)
                quotes += line.count(b'"')
                if quotes % 2:
                    continue
                if place - record <= 2 and not line.strip():  # an empty line
                    record = place
                    continue
                if has_header:
                    has_header = False
                    self._read_names(path, record, place)
                    begin = record = place
                    continue
                record, count = place, count + 1
                if count == ROWS:
                    self._note(_Span(path, begin, place, row), count)
                    begin, row, count = place, row + count, 0
            if quotes % 2:
                raise FileFormatError(
                    f"{path}: a quote that opens in row {row + count} never closes"
                )
            if count:
                self._note(_Span(path, begin, place, row), count)

    def _note(self, span: _Span, count: int) -> None:
        self._spans.append(span)
        self.counts.append(count)

    def _read_names(self, path: Path, begin: int, end: int) -> None:
        found = next(iter(self._records(path, begin, end)), [])
        if self.names and found != self.names:
            raise DataError(
                f"{path}: other columns than in the first file (expected "
                f"{', '.join(self.names)}, got {', '.join(found)})"
            )
        if len(set(found)) != len(found):
            raise DataError(f"{path}: a name of a column comes twice: {', '.join(found)}")
        self.names = found

    def _records(self, path: Path, begin: int, end: int) -> list[list[str]]:
        with path.open("rb") as file:
            file.seek(begin)
            content = file.read(end - begin)
        try:
            text = io.StringIO(content.decode(), newline="")
            return [row for row in csv.reader(text, delimiter=self._delimiter) if row]
        except (UnicodeDecodeError, csv.Error) as error:
            raise FileFormatError(f"{path}: bytes {begin} to {end}: {error}") from error

    def read(self, group: int) -> Table:
        """Return the wanted columns of a group. Raises DataError for a row or value that does not
        fit."""
        span = self._spans[group]
        rows = self._records(span.file, span.begin, span.end)
        for k, row in enumerate(rows):
            if len(row) != len(self.names):
                raise DataError(
                    f"{span.file}: row {span.first + k} has {len(row)} values (expected "
                    f"{len(self.names)}, one for each column)"
                )
        columns = dict(zip(self.names, zip(*rows, strict=True), strict=True))
        return {name: self._column(name, columns[name], span) for name in self.wanted}

    def _column(self, name: str, values: Sequence[str], span: _Span) -> np.ndarray:
        dtype = self._dtypes.get(name)
        if dtype is None:
            dtype = self._dtypes.setdefault(name, _dtype_of(values))
        try:
            return _converted(values, dtype)
        except (ValueError, OverflowError) as error:
            bad = next(k for k, value in enumerate(values) if not _fits(value, dtype))
            raise DataError(
                f"{span.file}: row {span.first + bad}, column {name!r}: expected {dtype}, got "
                f"{describe(values[bad])}",
                hint=f"the dtype follows from the first rows; dtypes={{{name!r}: 'float32'}} or "
                "'str' sets another",
            ) from error


def _dtype_of(values: Sequence[str]) -> np.dtype:
    for dtype in map(np.dtype, TYPES):
        try:
            _converted(values, dtype)
        except (ValueError, OverflowError):
            continue
        return dtype
    return np.dtype(object)


def _converted(values: Sequence[str], dtype: np.dtype) -> np.ndarray:
    """Text as numbers; what is missing is NaN of floats."""
    if dtype.kind in "OU":
        return np.array(values, object)
    if dtype.kind == "f":
        values = [value if value.strip() else "nan" for value in values]
        return np.array(values, np.float64).astype(dtype)
    return np.array(values, dtype)


def _fits(value: str, dtype: np.dtype) -> bool:
    try:
        _converted([value], dtype)
    except (ValueError, OverflowError):
        return False
    return True
