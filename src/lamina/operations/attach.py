"""Operators, methods and NumPy's protocols on Tensor and Variable: one table each.

Variables take the operators and methods by reading. `==` and `!=` compare elementwise, and hashes
are those of the objects, so that tensors and variables can be keys of dictionaries and members of
sets, and `in` a list is decided by identity where it can be (`Compared`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import Extent
from lamina.operations import (
    creation,
    cumulative,
    elementwise,
    extending,
    gathering,
    indexing,
    linear_algebra,
    reductions,
    shaping,
    sorting,
    updating,
)
from lamina.operations.protocols import _array_function, _array_namespace, _array_ufunc
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable, current_trace

# ---- operators ---------------------------------------------------------------------------------
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "floordiv": elementwise.floor_divide,
    "mod": elementwise.remainder,
    "divmod": elementwise.divmod,
    "pow": elementwise.power,
    "matmul": linear_algebra.matmul,
    "and": elementwise.bitwise_and,
    "or": elementwise.bitwise_or,
    "xor": elementwise.bitwise_xor,
    "lshift": elementwise.bitwise_left_shift,
    "rshift": elementwise.bitwise_right_shift,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "lt": elementwise.less,
    "le": elementwise.less_equal,
    "gt": elementwise.greater,
    "ge": elementwise.greater_equal,
}
EQUALITY: dict[str, tuple[Callable[[Any, Any], Any], bool]] = {  # and whether it holds of the same
    "eq": (elementwise.equal, True),
    "ne": (elementwise.not_equal, False),
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": elementwise.negative,
    "pos": elementwise.positive,
    "abs": elementwise.abs,
    "invert": elementwise.bitwise_invert,
}


def _is_operand(value: Any) -> bool:
    """Return True for operands of an operator: numbers, arrays and lists of them."""
    return not isinstance(value, (str, bytes, dict, set, type(None)))


def _operator(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return function(self, other) if _is_operand(other) else NotImplemented

    return method


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return function(other, self) if _is_operand(other) else NotImplemented

    return method


class Compared(Tensor):
    """The elementwise comparison of two tensors that have no values while a model is put together.

    Such a tensor stands for data that will come, so its truth can only be whether the two are the
    same object (or, of `!=`, are not): that makes `a in [b, a]` and `model.inputs == [a]` work, as
    in Keras.
    """

    __slots__ = ("truth",)

    def __init__(self, compared: Tensor, truth: bool) -> None:
        super().__init__(compared._type, None, compared._node)
        self.truth = truth

    def __bool__(self) -> bool:
        return self.truth


def _equality(function: Callable[[Any, Any], Any], for_same: bool) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        if not _is_comparable(other):
            return NotImplemented
        if not (_is_symbolic(self) and _is_symbolic(other)):
            return function(self, other)
        truth = (self is other) == for_same
        try:
            return Compared(function(self, other), truth)
        except ShapeError:  # the shapes do not broadcast, and only identity is of interest
            return truth

    return method


def _is_comparable(value: Any) -> bool:
    """True for what a tensor can be compared with elementwise; by `==` it differs from others."""
    known = (Tensor, Variable, int, float, Extent, np.generic, np.ndarray, list, tuple)
    return isinstance(value, known) or hasattr(value, "__array__") or hasattr(value, "__dlpack__")


def _is_symbolic(value: Any) -> bool:
    """True for an input of a model that is being put together, and for what is made of one."""
    return isinstance(value, Tensor) and value.is_traced and current_trace() is None


def _one(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda self: function(self)


# ---- methods -----------------------------------------------------------------------------------
def _reshape(self: Any, *shape: Any, order: str = "C") -> Tensor:
    """Return the elements in another shape: reshape(2, 3) or reshape((2, 3)).

    Args:
        order: "C", the only order.
        *shape: extents, or one tuple of them; one may be -1.
    """
    if order != "C":
        raise ValueError(f"reshape: only order 'C' is known; got {order!r}")
    return shaping.reshape(self, shape[0] if len(shape) == 1 else shape)


def _transpose(self: Any, *axes: Any) -> Tensor:
    """Return the axes in another order: transpose(1, 0) or transpose((1, 0)).

    Args:
        *axes: all axes in the order of the result; by default reversed.
    """
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        return shaping.transpose(self, axes[0])
    return shaping.transpose(self, axes or None)


def _squeeze(self: Any, axis: Any = None) -> Tensor:
    """Without axes of extent 1.

    Args:
        axis: axis to work along; negative numbers count from the end.
    """
    return shaping.squeeze(self, axis)


def _repeat(self: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Return each element repeated.

    Args:
        repeats: a number for all elements, or one for each position along the axis.
        axis: axis along which elements are repeated; None repeats the flattened elements.
    """
    return extending.repeat(self, repeats, axis=axis)


def _take(self: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Return elements at integer positions along an axis.

    Args:
        indices: integers; negative ones count from the end.
        axis: axis to index; None indexes the flattened elements.
    """
    return gathering.take(self, indices, axis=axis)


def _sort(self: Any, axis: int | None = -1) -> Tensor:
    """A sorted copy (the tensor itself does not change).

    Args:
        axis: axis to work along; negative numbers count from the end.
    """
    return sorting.sort(self, axis=axis)


def _argsort(self: Any, axis: int | None = -1) -> Tensor:
    """The positions that sort along an axis.

    Args:
        axis: axis to work along; negative numbers count from the end.
    """
    return sorting.argsort(self, axis=axis)


def _std(self: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the standard deviation along axes.

    Args:
        axis: axis, or tuple of axes, to reduce; None reduces all.
        ddof: subtracted from the number of elements in the divisor.
        keepdims: keep the reduced axes with extent 1.
    """
    return reductions.std(self, axis, correction=ddof, keepdims=keepdims)


def _var(self: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Tensor:
    """Return the variance along axes.

    Args:
        axis: axis, or tuple of axes, to reduce; None reduces all.
        ddof: subtracted from the number of elements in the divisor.
        keepdims: keep the reduced axes with extent 1.
    """
    return reductions.var(self, axis, correction=ddof, keepdims=keepdims)


def _copy(self: Any) -> Tensor:
    """The same values: tensors never change, so nothing is copied."""
    return as_tensor(self)


METHODS: dict[str, Callable[..., Any]] = {
    "all": reductions.all,
    "any": reductions.any,
    "argmax": reductions.argmax,
    "argmin": reductions.argmin,
    "argsort": _argsort,
    "astype": creation.astype,
    "clip": elementwise.clip,
    "copy": _copy,
    "cumprod": cumulative.cumprod,
    "cumsum": cumulative.cumsum,
    "diagonal": linear_algebra.diagonal,
    "dot": linear_algebra.dot,
    "flatten": shaping.flatten,
    "max": reductions.max,
    "mean": reductions.mean,
    "min": reductions.min,
    "nonzero": gathering.nonzero,
    "prod": reductions.prod,
    "ravel": shaping.ravel,
    "repeat": _repeat,
    "reshape": _reshape,
    "round": elementwise.round,
    "searchsorted": sorting.searchsorted,
    "sort": _sort,
    "squeeze": _squeeze,
    "std": _std,
    "sum": reductions.sum,
    "swapaxes": shaping.swapaxes,
    "take": _take,
    "trace": linear_algebra.trace,
    "transpose": _transpose,
    "var": _var,
}
PROPERTIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "T": (shaping.transpose, "The axes backwards."),
    "mT": (shaping.matrix_transpose, "The last two axes exchanged."),
    "at": (
        updating.at,
        "x.at[index].set(v), .add(v), ...: tensors with some elements changed.",
    ),
}


def _iterate(self: Any) -> Iterator[Tensor]:
    tensor = as_tensor(self)
    if tensor.ndim == 0:
        raise TypeError("a tensor without axes cannot be iterated over")
    return iter([indexing.getitem(tensor, i) for i in range(len(tensor))])


def _set_item(self: Any, index: Any, value: Any) -> NoReturn:
    variable = isinstance(self, Variable)
    raise ArgumentError(
        f"x[...] = value: a {type(self).__name__} cannot be changed in part",
        hint="x.assign(x.at[index].set(value))"
        if variable
        else "x = x.at[index].set(value) makes a new tensor; .add, .multiply, .min, .max as well",
    )


def _contains(self: Any, value: Any) -> bool:
    return bool(reductions.any(elementwise.equal(self, value)))


# ---- putting them on ---------------------------------------------------------------------------
def attach() -> None:
    """Give Tensor and Variable their operators, methods and protocols."""
    for kind in (Tensor, Variable):
        for name, function in BINARY.items():
            setattr(kind, f"__{name}__", _operator(function))
            setattr(kind, f"__r{name}__", _reflected(function))
        for name, function in COMPARISONS.items():
            setattr(kind, f"__{name}__", _operator(function))
        for name, (function, for_same) in EQUALITY.items():
            setattr(kind, f"__{name}__", _equality(function, for_same))
        for name, one in UNARY.items():
            setattr(kind, f"__{name}__", _one(one))
        for name, (getter, doc) in PROPERTIES.items():
            setattr(kind, name, property(getter, doc=doc))
        for name, method in METHODS.items():
            setattr(kind, name, method)
        for name, method in PROTOCOLS.items():
            setattr(kind, name, method)


PROTOCOLS: dict[str, Callable[..., Any]] = {
    "__getitem__": indexing.getitem,
    "__setitem__": _set_item,
    "__iter__": _iterate,
    "__contains__": _contains,
    "__round__": lambda self, digits=0: elementwise.round(self, digits or 0),
    "__array_namespace__": _array_namespace,
    "__array_ufunc__": _array_ufunc,
    "__array_function__": _array_function,
}
