"""Matrices of ones and zeros: identities, triangles, one-hot rows."""

from __future__ import annotations

from typing import Any

from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import DTypeError, ShapeError
from lamina.ir.types import Dim, DType, Shape, float32
from lamina.operations.creation import _dtype_or, iota, need_cpu, zeros_like
from lamina.operations.elementwise import add, equal, greater_equal, subtract, where
from lamina.operations.promote import shape_of
from lamina.operations.shaping import expand_dims, moveaxis
from lamina.tensor import Tensor, as_node, as_tensor, from_node
from lamina.variables import current_trace

__all__ = ["eye", "identity", "one_hot", "tril", "triu"]


def eye(
    n_rows: Dim,
    n_cols: Dim | None = None,
    /,
    k: int = 0,
    dtype: DTypeLike = None,
    *,
    device: str | None = None,
) -> Tensor:
    """Return a matrix with ones on the k-th diagonal and zeros elsewhere.

    Args:
        n_rows: number of rows.
        n_cols: number of columns; None is `n_rows`.
        k: number of the diagonal: 0 the main one, positive above it, negative below it.
        dtype: dtype of the result; None is float32.
        device: where the result is placed; only "cpu" so far.

    Example:
        >>> import lamina as lm
        >>> lm.eye(2, 3, k=1).tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    need_cpu("eye", device)
    shape = (*shape_of(n_rows), *shape_of(n_rows if n_cols is None else n_cols))
    wanted = _dtype_or(float32, dtype)
    known = _diagonal(shape, k, wanted, traced=False)
    if current_trace() is None or known._value is None:
        return known
    node = as_node(_diagonal(shape, k, wanted, traced=True))
    node.value = known._value  # the program recomputes it, like an iota
    return from_node(node)


def _diagonal(shape: Shape, k: int, dtype: DType, *, traced: bool) -> Tensor:
    rows, columns = (iota(shape, axis, traced=traced) for axis in (0, 1))
    return as_tensor(equal(add(rows, k), columns), dtype)


def identity(n: Dim, /, dtype: DTypeLike = None) -> Tensor:
    """Return the n x n identity matrix.

    Args:
        n: number of rows and columns.
        dtype: dtype of the result; None is float32.

    Example:
        >>> import lamina as lm
        >>> lm.identity(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return eye(n, dtype=dtype)


def _band(function: str, x: Any, k: int, upper: bool) -> Tensor:
    tensor = as_tensor(x)
    if tensor.ndim < 2:
        raise ShapeError(f"{function}: needs two axes; got shape {tensor.shape}")
    rows, columns = (iota(tensor.shape[-2:], axis, traced=tensor.is_traced) for axis in (0, 1))
    apart = subtract(columns, rows)
    keep = greater_equal(apart, k) if upper else greater_equal(k, apart)
    return where(keep, tensor, zeros_like(tensor))


def tril(x: ArrayLike, /, k: int = 0) -> Tensor:
    """Return the lower triangle of the last two axes, zeros above the k-th diagonal.

    Args:
        x: tensor or array-like.
        k: number of the last diagonal that is kept: 0 the main one, positive above it, negative
            below it.

    Example:
        >>> import lamina as lm
        >>> lm.tril([[1, 2], [3, 4]]).tolist()
        [[1, 0], [3, 4]]
    """
    return _band("tril", x, k, False)


def triu(x: ArrayLike, /, k: int = 0) -> Tensor:
    """Return the upper triangle of the last two axes, zeros below the k-th diagonal.

    Args:
        x: tensor or array-like.
        k: number of the first diagonal that is kept: 0 the main one, positive above it, negative
            below it.

    Example:
        >>> import lamina as lm
        >>> lm.triu([[1, 2], [3, 4]]).tolist()
        [[1, 2], [0, 4]]
    """
    return _band("triu", x, k, True)


def one_hot(
    indices: ArrayLike, num_classes: int, /, *, axis: int = -1, dtype: DTypeLike = None
) -> Tensor:
    """Return 1 at each index along a new axis, 0 elsewhere.

    An index outside of [0, num_classes) gives zeros only.

    Args:
        indices: integer tensor or array-like.
        num_classes: extent of the new axis.
        axis: position of the new axis in the result.
        dtype: dtype of the result; None is float32.

    Example:
        >>> import lamina as lm
        >>> lm.one_hot([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    tensor = as_tensor(indices)
    if not tensor.dtype.is_integer:
        raise DTypeError(
            f"one_hot: indices must be integers; got {tensor.dtype}",
            hint="convert them with lm.astype(indices, 'int32')",
        )
    column = expand_dims(tensor, -1)
    shape = (*tensor.shape, num_classes)
    classes = iota(shape, len(shape) - 1, tensor.dtype)
    hot = as_tensor(equal(column, classes), _dtype_or(float32, dtype))
    return hot if axis in (-1, tensor.ndim) else moveaxis(hot, -1, axis)
