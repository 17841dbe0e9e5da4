"""Norms of vectors and of matrices, as NumPy has them."""

from __future__ import annotations

import math

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError
from lamina.operations import reductions
from lamina.operations.decompositions.spectral import svdvals
from lamina.operations.elementwise import abs as absolute
from lamina.operations.elementwise import power, sqrt, square
from lamina.operations.promote import axes_of, floating
from lamina.operations.shaping import expand_dims, moveaxis, squeeze
from lamina.tensor import Tensor, as_tensor

__all__ = ["matrix_norm", "norm", "vector_norm"]

Order = float | str | None


def vector_norm(
    x: ArrayLike,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,
) -> Tensor:
    """Return the norm of vectors, (sum |x|^ord)^(1 / ord), along axes.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, to reduce; None reduces all.
        keepdims: keep the reduced axes with extent 1.
        ord: order, a number; 0 counts elements that are not zero, inf and -inf take the largest and
            smallest magnitude.

    Example:
        >>> import lamina as lm
        >>> lm.linalg.vector_norm([3.0, 4.0]).item()
        5.0
    """
    tensor = floating(x)
    if isinstance(ord, str):
        raise ArgumentError(f"vector_norm: ord must be a number for vectors; got {ord!r}")
    if ord == math.inf:
        return reductions.max(absolute(tensor), axis, keepdims=keepdims)
    if ord == -math.inf:
        return reductions.min(absolute(tensor), axis, keepdims=keepdims)
    if ord == 0:
        return as_tensor(reductions.count_nonzero(tensor, axis, keepdims=keepdims), tensor.dtype)
    if ord == 1:
        return reductions.sum(absolute(tensor), axis, keepdims=keepdims)
    if ord == 2:
        return sqrt(reductions.sum(square(tensor), axis, keepdims=keepdims))
    total = reductions.sum(power(absolute(tensor), float(ord)), axis, keepdims=keepdims)
    return power(total, 1.0 / ord)


def matrix_norm(x: ArrayLike, /, *, keepdims: bool = False, ord: Order = "fro") -> Tensor:
    """Return a norm of the last two axes.

    Args:
        x: tensor (..., m, n) or array-like.
        keepdims: keep the reduced axes with extent 1.
        ord: "fro" (root of the sum of squares), 1 and -1 (largest and smallest column sum of
            magnitudes), inf and -inf (of rows), 2 and -2 (largest and smallest singular value) or
            "nuc" (sum of the singular values).

    Example:
        >>> import lamina as lm
        >>> lm.linalg.matrix_norm([[3.0, 4.0]]).item()
        5.0
    """
    tensor = floating(x)
    if tensor.ndim < 2:
        raise ShapeError(f"matrix_norm: needs two axes; got shape {tensor.shape}")
    if ord in ("fro", None):
        return vector_norm(tensor, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        result = _of_singular_values(svdvals(tensor), ord)
        return expand_dims(result, (-2, -1)) if keepdims else result
    if ord not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(
            f"matrix_norm: ord must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf for matrices; "
            f"got {ord!r}"
        )
    summed, rest = (-2, -1) if ord in (1, -1) else (-1, -2)
    sums = reductions.sum(absolute(tensor), summed, keepdims=True)
    result = (reductions.max if ord > 0 else reductions.min)(sums, rest, keepdims=True)
    return result if keepdims else squeeze(result, (-2, -1))


def _of_singular_values(values: Tensor, ord: Order) -> Tensor:
    """The largest comes first, the smallest last."""
    return reductions.sum(values, -1) if ord == "nuc" else values[..., 0 if ord == 2 else -1]


def norm(
    x: ArrayLike,
    ord: Order = None,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
) -> Tensor:
    """Return a norm of all elements, of vectors along an axis, or of matrices along two axes.

    Args:
        x: tensor or array-like.
        ord: order as in `vector_norm` or `matrix_norm`; None is the root of the sum of squares.
        axis: axis of the vectors, or pair of axes of the matrices; None takes all elements.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> lm.linalg.norm([3.0, 4.0]).item()
        5.0
    """
    tensor = floating(x)
    if ord is None:
        return vector_norm(tensor, axis=axis, keepdims=keepdims)
    axes = axes_of("norm", axis, tensor.ndim)
    if len(axes) == 1:
        return vector_norm(tensor, axis=axes, keepdims=keepdims, ord=ord)  # type: ignore[arg-type]
    if len(axes) != 2:
        raise ArgumentError(
            f"norm: ord={ord!r} is a norm of vectors or matrices, got {len(axes)} axes",
            hint="name one axis or two",
        )
    result = matrix_norm(moveaxis(tensor, axes, (-2, -1)), ord=ord)
    for axis in sorted(axes) if keepdims else ():
        result = expand_dims(result, axis)
    return result
