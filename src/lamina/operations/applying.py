"""Application of elementwise primitives: promotion, broadcasting, 16-bit floats in float32."""

from __future__ import annotations

from typing import Any

from lamina.annotations import ArrayLike
from lamina.operations.promote import broadcast, floating, need_kind, promoted, widened
from lamina.tensor import Tensor, as_tensor, bind

_ON_BOOLS = {"add": "or", "multiply": "and", "maximum": "or", "minimum": "and"}
_SUBTRACT_HINT = "use lm.logical_xor for bools"


def narrowed(result: Tensor, x: Tensor) -> Tensor:
    return as_tensor(result, x.dtype) if x.dtype.is_storage_only else result


def unary(primitive: str, x: Tensor) -> Tensor:
    """A primitive of one operand; 16-bit floats are computed in float32."""
    if not x._type.dtype.is_storage_only:
        return bind(primitive, x)
    return narrowed(bind(primitive, widened(x)), x)


def unary_float(primitive: str, x: ArrayLike) -> Tensor:
    """A primitive of one floating operand; integers become float32."""
    return unary(primitive, floating(x))


def aligned(function: str, *values: Any, floats: bool = False) -> list[Tensor]:
    """The operands in one dtype and one shape."""
    x = values[0]
    alike = type(x) is Tensor and all(type(v) is Tensor and v._type == x._type for v in values)
    if alike and (x._type.dtype.is_float or not floats):
        return list(values)
    return broadcast(promoted(values, floating=floats), function)


def binary(
    function: str, primitive: str, x: ArrayLike, y: ArrayLike, *, floats: bool = False
) -> Tensor:
    """A primitive of two numbers."""
    a, b = aligned(function, x, y, floats=floats)
    dtype = a._type.dtype
    if dtype.kind == "b":
        need_kind(function, a, "b" if primitive in _ON_BOOLS else "", "numbers", _SUBTRACT_HINT)
        primitive = _ON_BOOLS[primitive]
    if dtype.is_storage_only:
        return narrowed(bind(primitive, widened(a), widened(b)), a)
    return bind(primitive, a, b)
