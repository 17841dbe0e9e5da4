"""`keras.ops`: products of matrices and tensors; norms and distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import float32, int32
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations import norms
from lamina.tensor import Tensor, as_tensor

# fmt: off
__all__ = [
    "cdist", "cross", "dot", "einsum", "inner", "kron", "matmul", "norm", "normalize", "outer",
    "psnr", "tensordot", "trapezoid", "vdot",
]
# fmt: on


def _summed_in_int32(*operands: Any) -> list[Tensor]:
    """The operands; if all are int8, as int32, in which Keras adds up their products."""
    tensors = [tensor(x) for x in operands]
    small = all(t.dtype.name == "int8" for t in tensors)
    return [as_tensor(t, int32) for t in tensors] if small else tensors


# ---- products ------------------------------------------------------------------------------------


@operation
def matmul(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The matrix product of the last two axes, of int8 as int32; axes before them broadcast."""
    return ops.matmul(*_summed_in_int32(x1, x2))


@operation
def dot(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The sum over the last axis of x1 and the last but one of x2; scalars multiply."""
    return ops.dot(x1, x2)


@operation
def vdot(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The inner product of all elements."""
    return ops.dot(ops.ravel(x1), ops.ravel(x2))


@operation
def inner(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The sum of products over the last axis of both, for every pair of rows."""
    return ops.inner(x1, x2)


@operation
def outer(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The products of every element of x1 with every element of x2."""
    return ops.outer(x1, x2)


@operation
def tensordot(
    x1: ArrayLike, x2: ArrayLike, axes: int | Sequence[int | Sequence[int]] = 2
) -> Tensor:
    """Sums of products over `axes`: the number of last axes of x1, or two sequences."""
    return ops.tensordot(x1, x2, axes=axes)


@operation
def cross(
    x1: ArrayLike,
    x2: ArrayLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Tensor:
    """The cross product of vectors."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = (ops.moveaxis(v, d, -1) for v, d in ((tensor(x1), axisa), (tensor(x2), axisb)))
    extents = (a.shape[-1], b.shape[-1])
    if not set(extents) <= {2, 3}:
        raise ShapeError(f"cross: the vectors must have 2 or 3 elements, got {extents}")
    a0, a1, b0, b1 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    last = a0 * b1 - a1 * b0
    if extents == (2, 2):
        return last
    a2, b2 = (v[..., 2] if v.shape[-1] == 3 else ops.zeros_like(v[..., 0]) for v in (a, b))
    parts = ops.broadcast_arrays(a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, last)
    return ops.moveaxis(ops.stack(parts, axis=-1), -1, axisc)


@operation
def kron(x1: ArrayLike, x2: ArrayLike) -> Tensor:
    """The Kronecker product: each element of x1 times the whole of x2, as blocks."""
    x1, x2 = tensor(x1), tensor(x2)
    axes = max(x1.ndim, x2.ndim)
    left = (1,) * (axes - x1.ndim) + x1.shape
    right = (1,) * (axes - x2.ndim) + x2.shape
    x1 = ops.reshape(x1, tuple(n for extent in left for n in (extent, 1)))
    x2 = ops.reshape(x2, tuple(n for extent in right for n in (1, extent)))
    return ops.reshape(x1 * x2, tuple(a * b for a, b in zip(left, right, strict=True)))


@operation
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Tensor:
    """Sums of products named by letters: `einsum("ij,jk->ik", x, y)` is a matrix product. The
    keyword arguments, such as `optimize`, change nothing: the order of the products is fixed."""
    return ops.einsum(subscripts, *_summed_in_int32(*operands))


@operation
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: float = 1.0, axis: int = -1) -> Tensor:
    """The area under points joined by lines, at x or with spacing dx."""
    y = ops.moveaxis(floating(y), axis, -1)
    width: Any = dx
    if x is not None:
        places = tensor(x)
        width = ops.diff(ops.moveaxis(places, axis, -1) if places.ndim > 1 else places)
    return ops.sum((y[..., 1:] + y[..., :-1]) * width, axis=-1) / 2


# ---- norms and distances -------------------------------------------------------------------------
@operation
def norm(
    x: ArrayLike,
    ord: float | str | None = None,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
) -> Tensor:
    """The norm of vectors (one axis) or of matrices (two axes); without `axis` and `ord` of all
    elements.

    `ord` of vectors: 2, any other number, inf, -inf, or 0 (the number of elements that are not
    zero). `ord` of matrices: "fro", "nuc", and 1, -1, 2, -2, inf, -inf; of these "nuc", 2 and -2
    need singular values, which are computed outside of compiled programs only. Raises
    ArgumentError for another order or more than two axes.
    """
    return norms.norm(x, ord, axis, keepdims)


@operation
def normalize(
    x: ArrayLike,
    axis: int | tuple[int, ...] | None = -1,
    order: int = 2,
    epsilon: float | None = None,
) -> Tensor:
    """x divided by its norm along an axis, or by epsilon (1e-7) if the norm is smaller."""
    if not isinstance(order, int) or order < 1:
        raise ArgumentError(f"normalize: order must be an integer of at least 1, got {order!r}")
    x = floating(x)
    wide = as_tensor(x, float32) if x.dtype.is_storage_only else x
    least = 1e-7 if epsilon is None else epsilon
    if order == 2:  # the bound is inside of the root, whose gradient is infinite at 0
        total = ops.sum(ops.square(wide), axis, keepdims=True)
        length = ops.sqrt(ops.maximum(total, least * least))
    else:
        length = ops.maximum(norms.norm(wide, order, axis, True), least)
    return as_tensor(ops.divide(wide, length), x.dtype)


@operation
def cdist(x: ArrayLike, y: ArrayLike) -> Tensor:
    """The Euclidean distances of all rows of x (m, n) from all of y (k, n): (m, k)."""
    apart = ops.subtract(ops.expand_dims(x, axis=-2), ops.expand_dims(y, axis=-3))
    return ops.sqrt(ops.sum(apart * apart, axis=-1))


@operation
def psnr(x1: ArrayLike, x2: ArrayLike, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio of two images in decibels: 20 log10(max_val / rmse)."""
    apart = ops.subtract(x1, x2)
    return 20 * math.log10(max_val) - 10 * ops.log10(ops.mean(apart * apart))
