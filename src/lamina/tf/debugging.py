"""`tf.debugging`: assertions about values, shapes and types."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, DTypeError, ShapeError, describe
from lamina.tensor import as_tensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor
from lamina.tf.naming import public


def _compared(name: str, holds: Callable[[Any, Any], Any]) -> Callable[..., None]:
    def check(
        x: Any, y: Any, message: Any = None, summarize: Any = None, name_: Any = None, **_: Any
    ) -> None:
        left, right = np.asarray(convert_to_tensor(x)), np.asarray(convert_to_tensor(y))
        if not np.all(holds(left, right)):
            raise ArgumentError(
                f"tf.debugging.{name}: {message or 'the condition does not hold'} (x is "
                f"{describe(left)}, y is {describe(right)})"
            )

    return check


def _signed(name: str, holds: Callable[[Any], Any]) -> Callable[..., None]:
    def check(x: Any, message: Any = None, **_: Any) -> None:
        array = np.asarray(as_tensor(x))
        if not np.all(holds(array)):
            raise ArgumentError(
                f"tf.debugging.{name}: {message or 'the condition does not hold'} (x is "
                f"{describe(array)})"
            )

    return check


def Assert(condition: Any, data: Any = None, summarize: Any = None, name: Any = None) -> None:
    """Raise ArgumentError unless a condition is true."""
    if not bool(np.all(np.asarray(condition))):
        raise ArgumentError(f"tf.debugging.Assert: the condition is false (data: {describe(data)})")


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, message: Any = None, **_: Any
) -> None:
    """Raise ArgumentError unless values are close."""
    left, right = np.asarray(as_tensor(x)), np.asarray(as_tensor(y))
    step = 10 * np.finfo(left.dtype).eps if left.dtype.kind == "f" else 0
    near = np.abs(left - right) <= (step if atol is None else atol) + np.abs(right) * (
        step if rtol is None else rtol
    )
    if not near.all():
        raise ArgumentError(f"tf.debugging.assert_near: {message or 'values differ'}")


def assert_shapes(shapes: Any, data: Any = None, **_: Any) -> None:
    """Raise ShapeError unless tensors have the shapes; a name stands for one extent everywhere."""
    known: dict[str, Any] = {}
    for tensor, shape in shapes.items() if isinstance(shapes, dict) else shapes:
        found = as_tensor(tensor).shape
        if len(found) != len(shape):
            raise ShapeError(f"tf.debugging.assert_shapes: expected {shape}, got {found}")
        for n, wanted in zip(found, shape, strict=True):
            expected = known.setdefault(wanted, n) if isinstance(wanted, str) else wanted
            if expected is not None and expected != n:
                raise ShapeError(f"tf.debugging.assert_shapes: expected {shape}, got {found}")


def assert_rank(x: Any, rank: int, message: Any = None, name: Any = None) -> None:
    """Raise ShapeError unless a tensor has this number of axes."""
    if as_tensor(x).ndim != int(rank):
        raise ShapeError(
            f"tf.debugging.assert_rank: expected {rank} axes, got {as_tensor(x).ndim}. "
            f"{message or ''}"
        )


def assert_type(tensor: Any, tf_type: Any, message: Any = None, name: Any = None) -> None:
    """Raise DTypeError unless a tensor has this dtype."""
    if as_tensor(tensor).dtype != lm.dtype(tf_type):
        raise DTypeError(
            f"tf.debugging.assert_type: expected {lm.dtype(tf_type)}, got {as_tensor(tensor).dtype}"
        )


def check_numerics(tensor: Any, message: str, name: Any = None) -> Any:
    """Return a tensor, or raise ArgumentError if it holds NaN or infinity."""
    x = as_tensor(tensor)
    if not x.is_traced and not bool(lm.all(lm.isfinite(x))):
        raise ArgumentError(f"tf.debugging.check_numerics: {message}: NaN or infinity")
    return x


def is_numeric_tensor(tensor: Any) -> bool:
    """Return True for tensors of numbers."""
    return isinstance(tensor, (lm.Tensor, lm.Variable))


def _nothing(*_: Any, **__: Any) -> None:
    """Accepted, without an effect."""


public(
    __name__,
    {
        "assert_equal": _compared("assert_equal", operator.eq),
        "assert_none_equal": _compared("assert_none_equal", operator.ne),
        "assert_less": _compared("assert_less", operator.lt),
        "assert_less_equal": _compared("assert_less_equal", operator.le),
        "assert_greater": _compared("assert_greater", operator.gt),
        "assert_greater_equal": _compared("assert_greater_equal", operator.ge),
        "assert_positive": _signed("assert_positive", lambda x: x > 0),
        "assert_negative": _signed("assert_negative", lambda x: x < 0),
        "assert_non_negative": _signed("assert_non_negative", lambda x: x >= 0),
        "assert_non_positive": _signed("assert_non_positive", lambda x: x <= 0),
        "set_log_device_placement": _nothing,
        "enable_traceback_filtering": _nothing,
        "disable_traceback_filtering": _nothing,
        "assert_all_finite": check_numerics,
    },
    None,
    {"enable_check_numerics": "tf.debugging.check_numerics(tensor, message)"},
)
