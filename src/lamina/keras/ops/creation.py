"""`keras.ops`: tensors from nothing, from numbers and from other arrays; dtypes and shapes."""

from __future__ import annotations

import math
from typing import Any, Literal, overload

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike, ShapeLike
from lamina.floatx import in_floatx
from lamina.ir import types
from lamina.ir.types import Dim
from lamina.keras.ops.arguments import floating, operation, tensor, wanted
from lamina.operations.promote import promoted
from lamina.tensor import Tensor, as_tensor

# fmt: off
__all__ = [
    "arange", "array", "bartlett", "blackman", "cast", "convert_to_numpy", "convert_to_tensor",
    "dtype", "empty", "empty_like", "eye", "full", "full_like", "geomspace", "hamming", "hanning",
    "identity", "is_tensor", "kaiser", "linspace", "logspace", "meshgrid", "ndim", "ones",
    "ones_like", "saturate_cast", "shape", "size", "tri", "vander", "zeros", "zeros_like",
]
# fmt: on


def _ends(start: Any, stop: Any) -> tuple[Any, Any, Any]:
    """NumPy and the ends of a sequence as float64, if their values are known; otherwise this
    module, and floats of a program."""
    first, last = as_tensor(start), as_tensor(stop)
    if first.is_traced or last.is_traced:
        begin, end = promoted((floating(first), floating(last)))
        return _Program, begin, end
    return np, np.asarray(first, np.float64), np.asarray(last, np.float64)


class _Program:
    """Sequences whose ends are computed in a program, with the arguments of NumPy."""

    @staticmethod
    def linspace(
        start: Tensor, stop: Tensor, num: int, endpoint: bool, retstep: bool, axis: int
    ) -> tuple[Tensor, Tensor]:
        step = (stop - start) / max(num - 1 if endpoint else num, 1)
        steps = ops.arange(num, dtype=step.dtype)
        places = ops.reshape(steps, (num, *(1,) * step.ndim))
        return ops.moveaxis(start + places * step, 0, axis), step

    @staticmethod
    def logspace(
        start: Tensor, stop: Tensor, num: int, endpoint: bool, base: float, axis: int
    ) -> Tensor:
        points, _ = _Program.linspace(start, stop, num, endpoint, True, axis)
        return ops.exp(points * math.log(base))

    @staticmethod
    def geomspace(start: Tensor, stop: Tensor, num: int, endpoint: bool, axis: int) -> Tensor:
        ratio = ops.log(stop / start)
        places, _ = _Program.linspace(ops.zeros_like(ratio), ratio, num, endpoint, True, axis)
        return ops.expand_dims(start, axis=axis) * ops.exp(places)


# ---- filled --------------------------------------------------------------------------------------


@operation
def zeros(shape: ShapeLike, dtype: DTypeLike = None) -> Tensor:
    """Zeros, of floatx by default."""
    return ops.zeros(shape, dtype=wanted(dtype))


@operation
def ones(shape: ShapeLike, dtype: DTypeLike = None) -> Tensor:
    """Ones, of floatx by default."""
    return ops.ones(shape, dtype=wanted(dtype))


@operation
def empty(shape: ShapeLike, dtype: DTypeLike = None) -> Tensor:
    """A tensor whose values are not to be relied on: zeros."""
    return ops.zeros(shape, dtype=wanted(dtype))


@operation
def full(shape: ShapeLike, fill_value: ArrayLike, dtype: DTypeLike = None) -> Tensor:
    """A tensor that has one value everywhere."""
    return ops.full(shape, fill_value, dtype=wanted(dtype))


@operation
def zeros_like(x: ArrayLike, dtype: DTypeLike = None) -> Tensor:
    """Zeros in x's shape and dtype."""
    return ops.zeros_like(x, dtype=dtype)


@operation
def ones_like(x: ArrayLike, dtype: DTypeLike = None) -> Tensor:
    """Ones in x's shape and dtype."""
    return ops.ones_like(x, dtype=dtype)


@operation
def empty_like(x: ArrayLike, dtype: DTypeLike = None) -> Tensor:
    """As `zeros_like`."""
    return ops.zeros_like(x, dtype=dtype)


@operation
def full_like(x: ArrayLike, fill_value: ArrayLike, dtype: DTypeLike = None) -> Tensor:
    """One value everywhere, in x's shape and dtype."""
    return ops.full_like(x, fill_value, dtype=dtype)


@operation
def eye(N: Dim, M: Dim | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """Ones on the k-th diagonal, zeros elsewhere."""
    return ops.eye(N, M, k=k, dtype=wanted(dtype))


@operation
def identity(n: Dim, dtype: DTypeLike = None) -> Tensor:
    """The identity matrix."""
    return ops.eye(n, dtype=wanted(dtype))


@operation
def tri(N: Dim, M: Dim | None = None, k: int = 0, dtype: DTypeLike = None) -> Tensor:
    """Ones at and below the k-th diagonal, N rows and M columns."""
    return ops.tril(ops.ones((N, N if M is None else M), dtype=wanted(dtype)), k=k)


# ---- from other arrays ---------------------------------------------------------------------------
def convert_to_tensor(
    x: ArrayLike, dtype: DTypeLike = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """x as a tensor of a dtype; without one, an array of float64 becomes float32."""
    return tensor(x) if dtype is None else ops.cast(as_tensor(x), dtype)


def array(x: ArrayLike, dtype: DTypeLike = None) -> Tensor:
    """As `convert_to_tensor`, with separate memory."""
    return ops.array(in_floatx(x) if dtype is None else x, dtype)


def convert_to_numpy(x: ArrayLike) -> np.ndarray:
    """The value of a tensor as an array."""
    return np.asarray(x)


def cast(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """x converted to a dtype. Floats to integers truncate, and stop at the integers' limits."""
    return ops.cast(x, dtype)


def saturate_cast(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """x as another dtype; what is beyond its range becomes its nearest limit."""
    x, target = as_tensor(x), types.dtype(dtype)
    if target.kind == "b":
        return ops.cast(x, target)
    limits = (ops.finfo if target.is_float else ops.iinfo)(target)
    return ops.cast(ops.clip(x, limits.min, limits.max), target)


# ---- shape and dtype -----------------------------------------------------------------------------
def is_tensor(x: ArrayLike) -> bool:
    """True for a tensor."""
    return ops.is_tensor(x)


def dtype(x: ArrayLike) -> str:
    """The name of the dtype that x has as a tensor."""
    return str(tensor(x).dtype)


def shape(x: ArrayLike) -> tuple[Any, ...]:
    """The extents, those that are not known yet as symbols, to compute and reshape with."""
    return as_tensor(x).shape


def ndim(x: ArrayLike) -> int:
    """The number of axes."""
    return as_tensor(x).ndim


def size(x: ArrayLike) -> Dim:
    """The number of elements."""
    return as_tensor(x).size


# ---- sequences -----------------------------------------------------------------------------------


@operation
def arange(
    start: ArrayLike,
    stop: ArrayLike | None = None,
    step: float | None = None,
    dtype: DTypeLike = None,
) -> Tensor:
    """start, start + step, ... before stop; with one argument, 0, 1, ... before it."""
    return ops.arange(start, stop, 1 if step is None else step, dtype=dtype)


@overload
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = ...,
    endpoint: bool = ...,
    retstep: Literal[False] = ...,
    dtype: DTypeLike = ...,
    axis: int = ...,
) -> Tensor: ...
@overload
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = ...,
    endpoint: bool = ...,
    retstep: bool = ...,
    dtype: DTypeLike = ...,
    axis: int = ...,
) -> Tensor | tuple[Tensor, Tensor]: ...
@operation
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Tensor | tuple[Tensor, Tensor]:
    """num numbers from start to stop, evenly spaced."""
    library, start, stop = _ends(start, stop)
    line, step = library.linspace(start, stop, num, endpoint, retstep=True, axis=axis)
    points = as_tensor(line, wanted(dtype))
    return (points, as_tensor(step, points.dtype)) if retstep else points


@operation
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Tensor:
    """base to the powers that `linspace` gives."""
    library, start, stop = _ends(start, stop)
    return as_tensor(library.logspace(start, stop, num, endpoint, base, axis=axis), wanted(dtype))


@operation
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Tensor:
    """num numbers from start to stop, each the same multiple of the one before."""
    library, start, stop = _ends(start, stop)
    return as_tensor(library.geomspace(start, stop, num, endpoint, axis=axis), wanted(dtype))


@operation
def meshgrid(*x: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid: each array repeated along the axes of all others."""
    return ops.meshgrid(*x, indexing=indexing)


@operation
def vander(x: ArrayLike, N: int | None = None, increasing: bool = False) -> Tensor:
    """A row of powers of each element, from N - 1 down to 0."""
    x = tensor(x)
    count = x.shape[0] if N is None else N
    powers = ops.stack([ops.power(x, n) for n in range(count)], axis=-1)
    return powers if increasing else ops.flip(powers, axis=-1)


# ---- windows -------------------------------------------------------------------------------------


@operation
def bartlett(x: int) -> Tensor:
    """The Bartlett window of x points."""
    return ops.asarray(np.bartlett(int(x)), types.float32)


@operation
def blackman(x: int) -> Tensor:
    """The Blackman window of x points."""
    return ops.asarray(np.blackman(int(x)), types.float32)


@operation
def hamming(x: int) -> Tensor:
    """The Hamming window of x points."""
    return ops.asarray(np.hamming(int(x)), types.float32)


@operation
def hanning(x: int) -> Tensor:
    """The Hann window of x points."""
    return ops.asarray(np.hanning(int(x)), types.float32)


@operation
def kaiser(x: int, beta: float) -> Tensor:
    """The Kaiser window of x points and shape beta."""
    return ops.asarray(np.kaiser(int(x), float(beta)), types.float32)
