"""Bad values in a table, told by column: how many of what, and the first of them.

A frame's columns have names; those of an array are known by number, both from 0.
"""

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

import numpy as np

from lamina.errors import DTypeError, describe

_MOST_COLUMNS = 5
_MISSING = ("NoneType", "NAType", "NaTType")  # None, pandas.NA, pandas.NaT
_STRINGS_HINT = (
    "drop these columns or convert them to numbers: categories with pandas.get_dummies, numbers "
    "kept as text with pandas.to_numeric(column, errors='coerce'), texts with a "
    "TextVectorization layer, first in the model or called on them"
)

_SEQUENCES_HINT = "pad_sequences makes one array of sequences of several lengths"


def names(data: Any) -> list[str] | None:
    """The names of a frame's columns, or of a series (one name); None if there are none."""
    found = getattr(data, "column_names", None) or getattr(data, "columns", None)
    if found is None:
        found = getattr(data, "name", None)
        return [str(found)] if isinstance(found, str) else None
    return [str(each) for each in found] if not callable(found) else None


def numbers(array: np.ndarray, name: str, columns: Sequence[str] | None = None) -> np.ndarray:
    """An array of objects or strings as float64, or int64 if all are integers, when all can be.

    What is missing (None, pandas.NA) becomes NaN.
    Text is refused even if it reads like a number: it is nearly always a mistake while loading.

    Raises:
        DTypeError: naming each column that holds something else, with an example.
    """
    if array.ndim == 0:
        value = array.item()
        raise DTypeError(
            f"{name}: is {describe(value)} ({type(value).__name__}), expected an array of numbers",
            hint="a sparse matrix becomes one with .toarray()",
        )
    kinds = {type(value) for value in array.ravel().tolist()}
    if not all(_is_number(kind) for kind in kinds):
        bad = np.frompyfunc(lambda value: not _is_number(type(value)), 1, 1)(array).astype(bool)
        sequences = all(issubclass(kind, list | tuple | np.ndarray) for kind in kinds)
        hint = _SEQUENCES_HINT if sequences else _STRINGS_HINT
        raise DTypeError(report(name, array, bad, _kind, columns), hint=hint)
    if any(kind.__name__ in _MISSING for kind in kinds):
        present = np.frompyfunc(lambda value: type(value).__name__ not in _MISSING, 1, 1)(array)
        return np.where(present.astype(bool), array, np.nan).astype(np.float64)
    whole = all(issubclass(kind, int | np.integer | np.bool_) for kind in kinds)
    try:
        return array.astype(np.int64 if whole and kinds else np.float64)
    except OverflowError:  # integers of more than 64 bits
        return array.astype(np.float64)


def report(
    name: str,
    array: np.ndarray,
    bad: np.ndarray,
    kind: Callable[[Any], str],
    columns: Sequence[str] | None = None,
) -> str:
    """Which columns of `array` hold values where `bad` is true, what kind, and the first of them.

    "x_train: column 'age' (2) holds 3 strings, first 'n/a' at row 17"
    """
    if array.ndim != 2:
        label = f"column {columns[0]!r} " if columns and len(columns) == 1 else ""
        return f"{name}: {label}{_finding(array, bad, kind)}"
    guilty = np.flatnonzero(bad.any(axis=0))
    lines = [
        f"column {_label(column, array.shape[1], columns)} "
        + _finding(array[:, column], bad[:, column], kind)
        for column in guilty[:_MOST_COLUMNS].tolist()
    ]
    if len(guilty) > _MOST_COLUMNS:
        lines.append(f"and {len(guilty) - _MOST_COLUMNS} more columns")
    return f"{name}: {lines[0]}" if len(lines) == 1 else "\n  ".join([f"{name}:", *lines])


def _finding(array: np.ndarray, bad: np.ndarray, kind: Callable[[Any], str]) -> str:
    positions = np.argwhere(bad)
    first = tuple(positions[0].tolist())
    kinds = {kind(array[tuple(each)]): None for each in positions[:1000]}  # in order, once each
    place = f"row {first[0]}" if len(first) == 1 else f"index {first}"
    shown = "" if array.dtype.kind in "fV" else f" {describe(_plain(array[first]), 40)}"
    return f"holds {_counted(len(positions), list(kinds))}, first{shown} at {place}"


def _counted(count: int, kinds: list[str]) -> str:
    if len(kinds) > 1:
        return f"{count:,} values ({', '.join(kinds)})"
    return f"{count:,} {kinds[0]}" + ("s" if count > 1 and kinds[0] != "NaN" else "")


def _label(column: int, width: int, columns: Sequence[str] | None) -> str:
    return f"{columns[column]!r} ({column})" if columns and len(columns) == width else str(column)


def _is_number(kind: type) -> bool:
    if issubclass(kind, complex | np.complexfloating):
        return False
    return issubclass(kind, Number | np.bool_) or kind.__name__ in _MISSING


def _kind(value: Any) -> str:
    return "string" if isinstance(value, str | np.str_) else type(value).__name__


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
