"""Comparisons, logic, and choices between values."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.onnx.operators.arithmetic import legacy
from lamina.onnx.rows import operator
from lamina.onnx.values import Extents, is_text, known, objects_of, whole
from lamina.tensor import Tensor, as_tensor


@operator("Equal", since=7)
def equal(x: Any, y: Any) -> Tensor:
    """Equality of numbers, bools or strings."""
    if is_text(x):
        return as_tensor(np.asarray(x == y, dtype=bool))
    return ops.equal(x, y)


@operator("Greater", since=7)
def greater(x: Any, y: Any) -> Tensor:
    return ops.greater(x, y)


@operator("GreaterOrEqual", since=12)
def greater_equal(x: Any, y: Any) -> Tensor:
    return ops.greater_equal(x, y)


@operator("Less", since=7)
def less(x: Any, y: Any) -> Tensor:
    return ops.less(x, y)


@operator("LessOrEqual", since=12)
def less_equal(x: Any, y: Any) -> Tensor:
    return ops.less_equal(x, y)


@operator("And", since=7)
def logical_and(x: Any, y: Any) -> Tensor:
    return ops.logical_and(x, y)


@operator("Or", since=7)
def logical_or(x: Any, y: Any) -> Tensor:
    return ops.logical_or(x, y)


@operator("Xor", since=7)
def logical_xor(x: Any, y: Any) -> Tensor:
    return ops.logical_xor(x, y)


@operator("Not", since=1)
def logical_not(x: Any) -> Tensor:
    return ops.logical_not(x)


_OLD = {"Equal": equal, "Greater": greater, "Less": less}
_OLD |= {"And": logical_and, "Or": logical_or, "Xor": logical_xor}
for _name, _function in _OLD.items():

    def _old(
        x: Any, y: Any, *, axis: int | None = None, broadcast: int = 0, function: Any = _function
    ) -> Tensor:
        return function(*legacy(x, y, axis, broadcast))

    operator(_name, since=1)(_old)


@operator("IsNaN", since=9)
def is_nan(x: Any) -> Tensor:
    return ops.isnan(x)


@operator("IsInf", since=10)
def is_infinite(x: Any, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    x = as_tensor(x)
    found = ops.isinf(x)
    if not detect_negative:
        found = ops.logical_and(found, ops.greater(x, 0))
    if not detect_positive:
        found = ops.logical_and(found, ops.less(x, 0))
    return found


@operator("Where", since=9)
def where(condition: Any, x: Any, y: Any) -> Any:
    """x if the condition is true, else y; also of extents and strings."""
    if isinstance(x, Extents) or isinstance(y, Extents):
        chosen = known(condition, "the condition of a shape")
        return whole(np.where(chosen, objects_of(x), objects_of(y)))
    if is_text(x):
        return np.where(known(condition, "the condition of strings"), x, y)
    return ops.where(condition, x, y)


@operator("Identity", since=1)
def identity(x: Any) -> Any:
    return x
