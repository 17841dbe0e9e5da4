"""Values of ONNX graphs: shapes whose extents may be unknown, and numbers that must be known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from lamina.errors import ShapeError, TracedValueError
from lamina.ir import types
from lamina.ir.types import Dim, DType, is_static
from lamina.operations.joining import stack
from lamina.operations.shaping import reshape
from lamina.tensor import Tensor, as_tensor


class Extents:
    """An array of integers of which some are extents that are not known yet.

    Operators on shapes compute with it; others take it as a tensor of int64.

    Args:
        array: NumPy array of Python integers and `Size`s.
    """

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, dtype=object)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array, not the one that it holds."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """Number of axes of the array."""
        return self.array.ndim

    @property
    def dtype(self) -> DType:
        """int64, the dtype of ONNX's shapes."""
        return types.int64

    @staticmethod
    def __lamina_tensor__(value: Extents) -> Tensor:
        flat = [as_tensor(each, types.int64) for each in value.array.ravel()]
        return reshape(stack(flat), value.shape)


def whole(array: Any) -> Tensor | Extents:
    """An array of integers and extents: a Tensor if all of them are known."""
    objects = np.asarray(array, dtype=object)
    if all(is_static(each) for each in objects.ravel()):
        return as_tensor(objects.astype(np.int64))
    return Extents(objects)


def shape_tensor(shape: Iterable[Dim]) -> Tensor | Extents:
    """A shape as a value of one axis."""
    found = np.empty(len(each := list(shape)), dtype=object)
    found[:] = each
    return whole(found)


def objects_of(value: Any) -> np.ndarray:
    """The known integers, or extents, of a value as an array of Python objects."""
    if isinstance(value, Extents):
        return value.array
    return known(value, "a shape").astype(object)


def integers(value: Any, what: str) -> list[Any]:
    """The integers of a value in one list; extents stay what they are.

    Args:
        value: tensor whose values are known, or Extents.
        what: what the numbers are, for the error.

    Raises:
        TracedValueError: the values are computed by the compiled program.
    """
    if isinstance(value, Extents):
        return list(value.array.ravel())
    return [int(each) for each in known(value, what).ravel()]


def known(value: Any, what: str) -> np.ndarray:
    """The values of a tensor as a NumPy array.

    Raises:
        TracedValueError: the values are computed by the compiled program.
    """
    tensor = as_tensor(value)
    if tensor.is_traced:
        raise TracedValueError(
            f"ONNX: {what} depends on data (expected numbers that are known when the program is "
            "compiled)",
            hint="call the model itself, model(x), which computes one operator after the other, "
            "instead of `predict`",
        )
    return tensor.numpy()


def on_extents(
    compute: Callable[..., Any],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: with Extents among the inputs, all of which are known, `compute` is called with
    arrays of Python objects instead."""

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        def either(*inputs: Any, **attributes: Any) -> Any:
            if any(isinstance(x, Extents) for x in inputs) and all(
                isinstance(x, Extents) or not as_tensor(x).is_traced for x in inputs
            ):
                return whole(compute(*map(objects_of, inputs)))
            return function(*inputs, **attributes)

        either.__wrapped__ = function  # type: ignore[attr-defined]
        return either

    return wrap


def axis_in(axis: int, ndim: int) -> int:
    """An axis counted from the front.

    Raises:
        ShapeError: the value has fewer axes.
    """
    if not -ndim <= axis < ndim:
        raise ShapeError(f"ONNX: axis {axis} of a value with {ndim} axes")
    return axis % ndim if ndim else 0


def axes_in(axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Axes counted from the front, in increasing order."""
    return tuple(sorted(axis_in(int(axis), ndim) for axis in axes))


def is_text(value: Any) -> bool:
    """True for an array of strings."""
    return isinstance(value, np.ndarray) and value.dtype == object


def truth(value: Any) -> Tensor:
    """A condition as a scalar."""
    return reshape(as_tensor(value, types.bool_), ())
