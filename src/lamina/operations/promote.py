"""One dtype and one shape for several operands: promotion and NumPy's broadcasting, as nodes.

A float keeps its dtype next to integers and bools (`ir.types.promote`); floats among themselves,
and integers and bools among themselves, promote as arrays do in NumPy 2. Python's own `bool`, `int`
and `float` are weak: they take the dtype of the other tensors, or the default of their kind
(int32, float32) if those are of a lower kind. A function that computes in floats, such as a
division, makes float32 of integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamina import arguments
from lamina.annotations import ArrayLike, ShapeLike
from lamina.errors import DTypeError, RangeError, ShapeError, describe
from lamina.ir import types
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import Dim, DType, Extent, Shape, TensorType, bool_, float32, int32, plain
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node
from lamina.variables import Variable, current_trace

_WEAK_RANK = {bool: 0, int: 1, float: 2}
_KIND_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}
_DEFAULT = (bool_, int32, float32)


# ---- dtypes ------------------------------------------------------------------------------------
def is_weak(value: object) -> bool:
    """True for a Python number, which takes the dtype of the other tensors."""
    return type(value) in _WEAK_RANK


def common_dtype(values: Iterable[Any]) -> DType:
    """The dtype of an operation on tensors, dtypes and Python numbers."""
    strong: DType | None = None
    rank = -1
    numbers = []
    for value in values:
        if is_weak(value):
            rank = max(rank, _WEAK_RANK[type(value)])
            numbers.append(value)
        else:
            dtype = value if isinstance(value, DType) else value.dtype
            strong = dtype if strong is None else types.promote(strong, dtype)
    if strong is None:
        return _default(rank, numbers)
    return strong if rank <= _KIND_RANK[strong.kind] else _DEFAULT[rank]


def _default(rank: int, numbers: Sequence[Any]) -> DType:
    if rank == 1 and not all(-(2**31) <= n < 2**31 for n in numbers):
        return types.int64
    return _DEFAULT[rank]


def scalar(value: Any, dtype: DType) -> Tensor:
    """A Python number as a tensor without axes."""
    if dtype.name == "bfloat16":
        return bind("convert", scalar(value, float32), dtype=dtype)
    if isinstance(value, float) and dtype.bits < 64 and abs(value) > 6e4 and math.isfinite(value):
        with np.errstate(over="ignore"):
            return Tensor(TensorType((), dtype), np.asarray(value, dtype.storage))
    try:
        return Tensor(TensorType((), dtype), np.asarray(value, dtype.storage))
    except OverflowError:
        raise RangeError(
            f"the Python integer {value} does not fit {dtype.name}",
            hint="convert the tensor first, for example with x.astype('int64')",
        ) from None


def operand(value: Any) -> Any:
    """Python numbers as they are, everything else as a tensor."""
    return value if type(value) in _WEAK_RANK else as_tensor(value)


def promoted(values: Sequence[Any], *, floating: bool = False) -> list[Tensor]:
    """The operands as tensors of one dtype; with `floating`, integers and bools become float32."""
    operands = [operand(v) for v in values]
    dtype = common_dtype(operands)
    if floating and not dtype.is_float:
        dtype = float32
    return [scalar(v, dtype) if is_weak(v) else as_tensor(v, dtype) for v in operands]


def floating(x: ArrayLike) -> Tensor:
    """x as a tensor of a floating dtype: integers and bools become float32."""
    tensor = as_tensor(x)
    return tensor if tensor.dtype.is_float else as_tensor(tensor, float32)


def widened(x: Tensor) -> Tensor:
    """x in a dtype that can be computed with: 16-bit floats as float32."""
    return as_tensor(x, float32) if x.dtype.is_storage_only else x


def need_kind(function: str, x: Tensor, kinds: str, what: str, hint: str | None = None) -> None:
    """Raise DTypeError, naming the function, where x is of another kind."""
    if x.dtype.kind not in kinds:
        raise DTypeError(f"{function}: needs {what}; got {x.dtype}", hint=hint)


# ---- shapes ------------------------------------------------------------------------------------
def broadcast(tensors: Sequence[Tensor], function: str) -> list[Tensor]:
    """The tensors repeated to one shape."""
    first = tensors[0]._type.shape
    if all(t._type.shape == first for t in tensors):
        return list(tensors)
    shape = broadcast_shape([t._type.shape for t in tensors], function)
    traced = any(t._value is None for t in tensors)
    return [spread(t, shape, traced=traced) for t in tensors]


def broadcast_shape(shapes: Sequence[Shape], function: str) -> Shape:
    try:
        return types.broadcast_shapes(*map(plain, shapes))
    except ShapeError as error:
        raise ShapeError(
            f"{function}: {error.message}",
            hint="extents must be equal or 1, counted from the last axis; x[:, None] adds an axis",
        ) from None


def spread(x: Tensor, shape: Shape, dims: Sequence[int] | None = None, *, traced: bool) -> Tensor:
    """x in a larger shape, its axes at `dims` (by default the last ones).

    A known x that goes into a program keeps its small node with the value: the program repeats
    it, instead of holding the large constant. `traced` leaves the value out.
    """
    shape = plain(shape)
    if x._type.shape == shape:
        return x
    dims = tuple(range(len(shape) - x.ndim, len(shape)) if dims is None else dims)
    if x._value is None:
        return bind("broadcast_in_dim", x, shape=shape, broadcast_dimensions=dims)
    value = None
    if not traced and types.is_static(shape):
        repeated = bind("broadcast_in_dim", x, shape=shape, broadcast_dimensions=dims)
        if current_trace() is None:
            return repeated
        value = repeated._value
    node = PRIMITIVES["broadcast_in_dim"](as_node(x), shape=shape, broadcast_dimensions=dims)
    node.value = value
    return from_node(node)


def like(value: float, x: Tensor) -> Tensor:
    """A number repeated over x's shape, in x's dtype."""
    return spread(scalar(value, x.dtype), x.shape, (), traced=x._value is None)


def axis_of(function: str, axis: Any, ndim: int) -> int:
    """An axis counted from the front; raises OutOfBoundsError for one that x does not have."""
    number = arguments.integer(function, "axis", axis)
    if not -ndim <= number < ndim:
        from lamina.errors import OutOfBoundsError

        raise OutOfBoundsError(
            f"{function}: axis {number} is out of bounds for a tensor of {ndim} axes"
        )
    return number % ndim if ndim else 0


def axes_of(function: str, axis: Any, ndim: int) -> tuple[int, ...]:
    """None (every axis), one axis or several, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, (tuple, list)):
        return (axis_of(function, axis, ndim),)
    axes = tuple(axis_of(function, a, ndim) for a in axis)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{function}: an axis is named twice in {tuple(axis)}")
    return axes


def shape_of(shape: ShapeLike) -> Shape:
    """A shape given as an extent or a sequence of extents, which may be symbolic."""
    if isinstance(shape, (Tensor, Variable)):
        shape = shape.numpy().tolist()
    if isinstance(shape, (tuple, list)):
        return tuple(_extent(n) for n in shape)
    return (_extent(shape),)


def _extent(value: Any) -> Dim:
    if isinstance(value, Extent):
        return plain(value)
    try:
        return int(value.__index__())
    except AttributeError:
        raise DTypeError(f"an extent must be an integer; got {describe(value)}") from None
