"""Data types: limits, kinds, promotion and casts, as in the Array API standard."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ArgumentError, DTypeError
from lamina.ir import types
from lamina.ir.types import DType
from lamina.operations.promote import common_dtype, operand
from lamina.tensor import Tensor
from lamina.variables import Variable

__all__ = ["can_cast", "finfo", "iinfo", "isdtype", "result_type"]


@dataclass(frozen=True)
class FloatLimits:
    """Limits of a floating dtype, as returned by `finfo`."""

    dtype: DType
    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float


@dataclass(frozen=True)
class IntegerLimits:
    """Limits of an integer dtype, as returned by `iinfo`."""

    dtype: DType
    bits: int
    max: int
    min: int


def finfo(type: DTypeLike | ArrayLike, /) -> FloatLimits:
    """Return precision and range of a floating dtype.

    Args:
        type: floating dtype, its name, or a tensor.

    Example:
        >>> import lamina as lm
        >>> lm.finfo("float32").bits
        32
    """
    dtype = _dtype_of(type)
    if not dtype.is_float:
        raise DTypeError(f"finfo: needs a floating dtype; got {dtype}", hint="use lm.iinfo")
    if dtype.name == "bfloat16":
        largest = float(2**127 * (2 - 2.0**-7))
        return FloatLimits(dtype, 16, 2.0**-7, largest, -largest, 2.0**-126)
    f = np.finfo(dtype.storage)
    return FloatLimits(
        dtype, dtype.bits, float(f.eps), float(f.max), float(f.min), float(f.smallest_normal)
    )


def iinfo(type: DTypeLike | ArrayLike, /) -> IntegerLimits:
    """Return the range of an integer dtype.

    Args:
        type: integer dtype, its name, or a tensor.

    Example:
        >>> import lamina as lm
        >>> lm.iinfo("int8").max
        127
    """
    dtype = _dtype_of(type)
    if not dtype.is_integer:
        raise DTypeError(f"iinfo: needs an integer dtype; got {dtype}", hint="use lm.finfo")
    limits = np.iinfo(dtype.storage)
    return IntegerLimits(dtype, dtype.bits, int(limits.max), int(limits.min))


def _dtype_of(value: Any) -> DType:
    if isinstance(value, (Tensor, Variable)):
        return value.dtype
    return types.dtype(value)


_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "",
    "numeric": "iuf",
}


def isdtype(dtype: DTypeLike, kind: DTypeLike | tuple[DTypeLike, ...]) -> bool:
    """True if a dtype is of a kind.

    Args:
        dtype: dtype, as an object or name.
        kind: dtype, or a kind of the Array API ("bool", "signed integer", "unsigned integer",
            "integral", "real floating", "numeric"), or a tuple of those.

    Example:
        >>> import lamina as lm
        >>> lm.isdtype(lm.float32, "real floating")
        True
    """
    found = types.dtype(dtype)
    if isinstance(kind, tuple):
        return builtins.any(isdtype(found, k) for k in kind)
    if isinstance(kind, str) and kind in _KINDS and kind != "bool":
        return found.kind in _KINDS[kind]
    return found == types.dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> DType:
    """Return the dtype of an operation on all of these.

    Args:
        *arrays_and_dtypes: tensors, dtypes and Python numbers; the latter are weak and give way to
            the others.

    Example:
        >>> import lamina as lm
        >>> lm.result_type("float32", "int64").name
        'float32'
    """
    if not arrays_and_dtypes:
        raise ArgumentError("result_type: needs at least one array or dtype")
    return common_dtype(_array_or_dtype(v) for v in arrays_and_dtypes)


def _array_or_dtype(value: Any) -> Any:
    if isinstance(value, (DType, str, type, np.dtype)):
        return types.dtype(value)
    return operand(value)


def can_cast(from_: DTypeLike | ArrayLike, to: DTypeLike, /) -> bool:
    """True if a conversion keeps every value, by NumPy's rule "safe".

    Args:
        from_: dtype or tensor to convert.
        to: dtype to convert to.

    Example:
        >>> import lamina as lm
        >>> lm.can_cast("int32", "float64"), lm.can_cast("float64", "float32")
        (True, False)
    """
    return types.is_safe_cast(_dtype_of(from_), types.dtype(to))
