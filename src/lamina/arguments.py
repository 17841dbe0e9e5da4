"""Checks of arguments that are numbers, for every function that takes counts, rates or fractions.

Each check returns the value as a plain Python number, or raises RangeError with the owner, the
name of the argument, what was expected and what came.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Container
from typing import Any, overload

import numpy as np

from lamina.errors import DTypeError, RangeError, describe


@overload
def integer(
    owner: str, name: str, value: Any, least: int | None = ..., most: int | None = ...
) -> int: ...
@overload
def integer(
    owner: str,
    name: str,
    value: Any,
    least: int | None = ...,
    most: int | None = ...,
    *,
    optional: bool,
) -> int | None: ...
def integer(
    owner: str,
    name: str,
    value: Any,
    least: int | None = None,
    most: int | None = None,
    *,
    optional: bool = False,
) -> int | None:
    """Return `value` as an int; True and False are not integers here, and neither is 2.0.

    Args:
        owner, name: the function or class, and the argument, for the message.
        least, most: the smallest and the largest allowed value; None for no bound.
        optional: allow None, and return it.
    """
    if value is None and optional:
        return None
    if not isinstance(value, (bool, np.bool_)) and not getattr(value, "shape", ()):
        try:
            found = operator.index(value)
        except TypeError:
            pass
        else:
            if (least is None or found >= least) and (most is None or found <= most):
                return found
    raise _error(owner, name, "an integer" + _bounds(least, most), value, optional)


def integer_pair(owner: str, name: str, value: Any, least: int | None = None) -> tuple[int, int]:
    """Return `value`, two integers or one for both, as a pair."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise _error(owner, name, f"one or two integers{_bounds(least, None)}", value)
    return integer(owner, name, pair[0], least), integer(owner, name, pair[1], least)


def number(
    owner: str,
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float: at least `least`, at most `most`, `above` and `below` their
    bounds, which are excluded."""
    if is_number(value):
        found = float(value)
        if (
            math.isfinite(found)
            and (least is None or found >= least)
            and (most is None or found <= most)
            and (above is None or found > above)
            and (below is None or found < below)
        ):
            return found
    raise _error(owner, name, "a number" + _bounds(least, most, above, below), value)


def is_number(value: Any) -> bool:
    """True for a Python or NumPy integer or float that is neither a bool nor an array with axes."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, (int, float, np.integer, np.floating)) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf"
    )


def one_of(owner: str, name: str, value: Any, choices: Container[Any]) -> Any:
    """Return `value` if it equals one of the choices."""
    try:
        if value in choices:
            return value
    except (TypeError, ValueError):  # arrays, which have no one truth, and what cannot be hashed
        pass
    listed = " or ".join(repr(each) for each in choices)  # type: ignore[attr-defined]
    raise _error(owner, name, listed, value)


def refuse_sparse(owner: str, value: Any) -> None:
    """Raise DTypeError if the value is a sparse matrix, such as those of SciPy."""
    if hasattr(value, "toarray"):
        raise DTypeError(
            f"{owner}: sparse matrices are not supported (expected a dense array, got a "
            f"{type(value).__name__} of shape {getattr(value, 'shape', None)})",
            hint="matrix.toarray() makes a dense array, of some rows at a time if all do not fit",
        )


def _bounds(
    least: float | None,
    most: float | None,
    above: float | None = None,
    below: float | None = None,
) -> str:
    if least is not None and most is not None:
        return f" from {least} to {most}"
    words = {"of at least": least, "of at most": most, "above": above, "below": below}
    said = [f"{word} {bound}" for word, bound in words.items() if bound is not None]
    return " " + " and ".join(said) if said else ""


def _error(owner: str, name: str, expected: str, value: Any, optional: bool = False) -> RangeError:
    expected += " or None" if optional else ""
    return RangeError(f"{owner}: invalid {name} (expected {expected}, got {describe(value)})")
