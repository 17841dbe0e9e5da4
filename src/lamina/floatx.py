"""NumPy's float64 becomes "floatx", float32 at first, where a function is one of Keras.

The functions of `lamina` itself keep the dtype of an array.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from lamina.defaults import DEFAULTS

P = ParamSpec("P")
R = TypeVar("R")
AS_THEY_ARE: set[type] = {int, float, bool, str, type(None)}  # `tensor` adds its own


def in_floatx(value: Any) -> Any:
    """An array of float64 that is not a tensor as float32, also inside of lists and tuples.
    Everything else as it is."""
    kind = type(value)
    if kind in AS_THEY_ARE:
        return value
    if kind is list or kind is tuple:
        return kind(map(in_floatx, value))
    if kind is np.float64:
        return float(value)
    dtype = getattr(value, "dtype", None)
    is_double = isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize >= 8
    return np.asarray(value, _storage()) if is_double else value


def with_floatx(function: Callable[P, R]) -> Callable[P, R]:
    """The function, to which all arguments come `in_floatx`."""

    @functools.wraps(function)
    def converted(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in kwargs.items():
            kwargs[name] = in_floatx(value)
        return function(*map(in_floatx, args), **kwargs)  # type: ignore[arg-type]

    return converted


def _storage() -> str:
    """The dtype of NumPy that holds floatx, float32 for bfloat16, which NumPy lacks."""
    return "float32" if DEFAULTS.floatx == "bfloat16" else DEFAULTS.floatx
