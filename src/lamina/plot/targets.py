"""Class numbers and scores from what callers have: lists, frames, strings, one-hot rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import DataError, DTypeError, ShapeError, describe, unknown_name


def as_array(values: Any, what: str) -> np.ndarray:
    """Return an array of numbers or texts.

    Raises DTypeError for rows of unequal lengths and for other objects.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(
            f"{what} has rows of unequal lengths", hint="give each row the same number of values"
        ) from error
    if array.dtype.kind in "OT" and all(isinstance(v, str) for v in array.flat):
        return array.astype(str)
    if array.dtype.kind not in "fiubU":
        raise DTypeError(f"{what} is {describe(array)}, expected numbers")
    return array


def class_numbers(
    values: Any, what: str, names: Sequence[str] | None = None, may_be_scores: bool = False
) -> np.ndarray:
    """Return the class number of each row, int64 (n,).

    Args:
        values: class numbers or names (n,), or one-hot rows (n, classes).
        what: description of the values for errors, such as "plot.confusion: y_true".
        names: names of the classes in order, which texts refer to.
        may_be_scores: accept rows of scores, whose largest is the class.
    """
    array = as_array(values, what)
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind != "U":
        return _from_rows(array, what, may_be_scores)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ShapeError(f"{what} is {describe(array)}, expected (n,) or (n, classes)")
    if array.dtype.kind == "U":
        return _from_texts(array, what, names)
    whole = array.astype(np.int64) if array.dtype.kind != "f" else _whole(array, what)
    if whole.size and whole.min() < 0:
        raise DTypeError(
            f"{what} must be class numbers 0, 1, ...; got {int(whole.min())}",
            hint="number the classes from 0: of labels -1 and 1 take (y > 0)",
        )
    return whole


def _from_rows(array: np.ndarray, what: str, may_be_scores: bool) -> np.ndarray:
    if not may_be_scores and not ((array == 0) | (array == 1)).all():
        raise DTypeError(f"{what} is {describe(array)}, expected class numbers or one-hot rows")
    if not may_be_scores and not (array.sum(axis=1) == 1).all():
        row = int(np.flatnonzero(array.sum(axis=1) != 1)[0])
        raise DataError(
            f"{what}: row {row} has {int(array[row].sum())} classes, expected one",
            hint="draw one label at a time: y[:, k] with the scores of column k",
        )
    need_finite(array, what)
    return array.argmax(axis=1).astype(np.int64)


def _from_texts(array: np.ndarray, what: str, names: Sequence[str] | None) -> np.ndarray:
    if names is None:
        raise DTypeError(
            f"{what} must be class numbers 0, 1, ...; got texts such as {str(array[0])!r}",
            hint="give names=[...], the classes in the order of their numbers",
        )
    known = {str(name): number for number, name in enumerate(names)}
    for each in array:
        if str(each) not in known:
            raise unknown_name(f"class in {what}:", str(each), known)
    return np.array([known[str(each)] for each in array], np.int64)


def _whole(array: np.ndarray, what: str) -> np.ndarray:
    """Return floats that are whole numbers as integers: labels of frames and of tensors are."""
    need_finite(array, what)
    if (array != np.floor(array)).any():
        raise DTypeError(
            f"{what} must be class numbers 0, 1, ...; got {describe(array)}",
            hint="one probability a row becomes a class by (p > 0.5).astype(int)",
        )
    return array.astype(np.int64)


LEAVE_OUT = "leave these rows out: keep = np.isfinite(values)"


def need_finite(array: np.ndarray, what: str, hint: str = LEAVE_OUT) -> None:
    """Raise DataError if a value is NaN or infinite, with its row."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    row = int(np.argwhere(~np.isfinite(array))[0][0])
    raise DataError(
        f"{what}: row {row} is not finite ({np.ravel(array[row])[:3].tolist()})",
        hint=hint,
    )


def need_pairs(true: np.ndarray, other: np.ndarray, owner: str, what: str) -> None:
    """Raise DataError unless there is at least one row, and as many of both."""
    if len(true) != len(other) or not len(true):
        raise DataError(f"{owner}: {len(true)} true labels and {len(other)} {what}")
