"""Products of matrices and tensors, written as contractions; diagonals and traces.

16-bit floats are multiplied and summed in float32, then rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ShapeError
from lamina.ir.types import int32, same
from lamina.operations import reductions
from lamina.operations.creation import iota
from lamina.operations.elementwise import (
    add,
    equal,
    multiply,
    not_equal,
    subtract,
    where,
)
from lamina.operations.extending import pad
from lamina.operations.joining import roll
from lamina.operations.promote import (
    axes_of,
    axis_of,
    broadcast,
    broadcast_shape,
    promoted,
    spread,
    widened,
)
from lamina.operations.shaping import moveaxis, reshape
from lamina.tensor import Tensor, as_tensor, bind

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "cross", "diag", "diagonal", "dot", "inner", "matmul", "outer", "tensordot", "trace",
    "vecdot",
]
# fmt: on


def contract(
    x: Tensor,
    y: Tensor,
    contracted: tuple[Sequence[int], Sequence[int]],
    batched: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> Tensor:
    """Sums of products over pairs of axes; the result's axes: batch, then x's, then y's."""
    dtype = x.dtype
    if dtype.kind == "b":  # a sum of ands is true where it is not zero
        counted = contract(as_tensor(x, int32), as_tensor(y, int32), contracted, batched)
        return not_equal(counted, 0)
    result = bind(
        "dot_general",
        widened(x),
        widened(y),
        lhs_batching_dimensions=tuple(batched[0]),
        rhs_batching_dimensions=tuple(batched[1]),
        lhs_contracting_dimensions=tuple(contracted[0]),
        rhs_contracting_dimensions=tuple(contracted[1]),
    )
    return as_tensor(result, dtype)


def _misfit(function: str, x: Tensor, y: Tensor, why: str) -> ShapeError:
    return ShapeError(
        f"{function}: shapes {x.shape} and {y.shape} do not fit: {why}",
        hint="the last axis of the first must be as long as the last but one of the second "
        "(its only one, if it has one)",
    )


# ---- products ----------------------------------------------------------------------------------
def matmul(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return the matrix product of the last two axes; the axes before them broadcast.

    Args:
        x: tensor (..., m, n); a vector (n,) counts as a row.
        y: tensor (..., n, p); a vector (n,) counts as a column.

    Shapes:
        (..., m, n), (..., n, p) -> (..., m, p)

    Raises:
        ShapeError: if the inner extents differ or an operand is a scalar.

    Example:
        >>> import lamina as lm
        >>> lm.matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
        [[11.0]]
    """
    a, b = promoted((x, y))
    if a.ndim == 0 or b.ndim == 0:
        raise _misfit("matmul", a, b, "a scalar is not a matrix (use *)")
    if not same(a.shape[-1], b.shape[-2 if b.ndim > 1 else 0]):
        inner = f"{a.shape[-1]} and {b.shape[-2 if b.ndim > 1 else 0]}"
        raise _misfit("matmul", a, b, f"the inner extents are {inner}")
    if b.ndim <= 2:  # every row of a, along any axes
        return contract(a, b, ((a.ndim - 1,), (max(b.ndim - 2, 0),)))
    if a.ndim == 1:
        return contract(b, a, ((b.ndim - 2,), (0,)))
    outer = broadcast_shape([a.shape[:-2], b.shape[:-2]], "matmul")
    traced = a.is_traced or b.is_traced
    a = spread(a, (*outer, *a.shape[-2:]), traced=traced)
    b = spread(b, (*outer, *b.shape[-2:]), traced=traced)
    batch, k = range(len(outer)), len(outer)
    return contract(a, b, ((k + 1,), (k,)), (batch, batch))


def dot(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return NumPy's dot product: a sum over the last axis of x and the last but one of y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like; a vector is summed over its only axis, a scalar multiplies.

    Example:
        >>> import lamina as lm
        >>> lm.dot([1.0, 2.0], [3.0, 4.0]).item()
        11.0
    """
    a, b = promoted((x, y))
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    place = max(b.ndim - 2, 0)
    if not same(a.shape[-1], b.shape[place]):
        raise _misfit("dot", a, b, f"the inner extents are {a.shape[-1]} and {b.shape[place]}")
    return contract(a, b, ((a.ndim - 1,), (place,)))


def vecdot(x: ArrayLike, y: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """Return the sum of products along one axis of both; the other axes broadcast.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
        axis: axis of the vectors.

    Example:
        >>> import lamina as lm
        >>> lm.vecdot([1.0, 2.0], [3.0, 4.0]).item()
        11.0
    """
    a, b = promoted((x, y))
    a = moveaxis(a, axis_of("vecdot", axis, a.ndim), -1)
    b = moveaxis(b, axis_of("vecdot", axis, b.ndim), -1)
    if not same(a.shape[-1], b.shape[-1]):
        raise _misfit("vecdot", a, b, f"along axis {axis}")
    a, b = broadcast((a, b), "vecdot")
    batch, last = range(a.ndim - 1), a.ndim - 1
    return contract(a, b, ((last,), (last,)), (batch, batch))


def inner(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return the sum of products over the last axis of both, for every pair of rows.

    Args:
        x: tensor or array-like.
        y: tensor or array-like whose last extent is that of `x`.

    Example:
        >>> import lamina as lm
        >>> lm.inner([1.0, 2.0], [3.0, 4.0]).item()
        11.0
    """
    a, b = promoted((x, y))
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    return tensordot(a, b, axes=((-1,), (-1,)))


def outer(x: ArrayLike, y: ArrayLike, /) -> Tensor:
    """Return the products of every element of x with every element of y.

    Args:
        x: tensor or array-like.
        y: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.outer([1.0, 2.0], [3.0, 4.0]).tolist()
        [[3.0, 4.0], [6.0, 8.0]]
    """
    a, b = (reshape(t, (-1,)) for t in promoted((x, y)))
    return multiply(reshape(a, (-1, 1)), b)


def tensordot(
    x: ArrayLike, y: ArrayLike, /, axes: int | Sequence[int | Sequence[int]] = 2
) -> Tensor:
    """Return sums of products over chosen axes.

    Args:
        x: tensor or array-like.
        y: tensor or array-like.
        axes: number of last axes of x and first axes of y, or a pair of sequences: axes of x, axes
            of y.

    Example:
        >>> import lamina as lm
        >>> lm.tensordot([[1.0, 2.0]], [[3.0], [4.0]], axes=1).tolist()
        [[11.0]]
    """
    a, b = promoted((x, y))
    if isinstance(axes, int):
        left: tuple[int, ...] = tuple(range(a.ndim - axes, a.ndim))
        right: tuple[int, ...] = tuple(range(axes))
    else:
        left, right = (tuple(s) if isinstance(s, (tuple, list)) else (s,) for s in axes)
    left = axes_of("tensordot", left, a.ndim)
    right = axes_of("tensordot", right, b.ndim)
    fits = len(left) == len(right)
    if not fits or any(not same(a.shape[i], b.shape[j]) for i, j in zip(left, right, strict=True)):
        raise ShapeError(
            f"tensordot: axes {left} of shape {a.shape} and {right} of {b.shape} do not pair up"
        )
    return contract(a, b, (left, right))


def cross(x: ArrayLike, y: ArrayLike, /, *, axis: int = -1) -> Tensor:
    """Return the cross product of vectors of three elements.

    Args:
        x: tensor or array-like.
        y: tensor or array-like, broadcast against `x`.
        axis: axis of the vectors, of extent 3.

    Example:
        >>> import lamina as lm
        >>> lm.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]).tolist()
        [0.0, 0.0, 1.0]
    """
    a, b = broadcast(promoted((x, y)), "cross")
    axis = axis_of("cross", axis, a.ndim)
    if not same(a.shape[axis], 3):
        raise ShapeError(f"cross: axis {axis} of shape {a.shape} must have extent 3")

    def turned(t: Tensor, by: int) -> Tensor:
        return roll(t, by, axis=axis)

    return subtract(multiply(turned(a, -1), turned(b, 1)), multiply(turned(a, 1), turned(b, -1)))


# ---- diagonals ---------------------------------------------------------------------------------
def diagonal(x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the diagonal of two axes along a new last axis, by default of the first two.

    `lm.linalg.diagonal` takes the last two.

    Args:
        x: tensor or array-like of at least two axes.
        offset: number of the diagonal: 0 the main one, positive above it, negative below it.
        axis1: axis of the rows.
        axis2: axis of the columns.

    Example:
        >>> import lamina as lm
        >>> lm.diagonal([[1, 2], [3, 4]]).tolist()
        [1, 4]
    """
    tensor = as_tensor(x)
    if tensor.ndim < 2:
        raise ShapeError(f"diagonal: needs two axes; got shape {tensor.shape}")
    rows, columns = (axis_of("diagonal", a, tensor.ndim) for a in (axis1, axis2))
    moved = moveaxis(tensor, (rows, columns), (-2, -1))
    n, m = (extent.__index__() for extent in moved.shape[-2:])
    row, column = max(-offset, 0), max(offset, 0)
    length = max(0, min(n - row, m - column))
    flat = reshape(moved, (*moved.shape[:-2], n * m))
    first = row * m + column if length else 0
    return flat[..., first : first + length * (m + 1) : m + 1]


def trace(
    x: ArrayLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike = None
) -> Tensor:
    """Return the sum of the diagonal of two axes, by default of the first two.

    `lm.linalg.trace` takes the last two.

    Args:
        x: tensor or array-like of at least two axes.
        offset: number of the diagonal: 0 the main one, positive above it, negative below it.
        axis1: axis of the rows.
        axis2: axis of the columns.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.

    Example:
        >>> import lamina as lm
        >>> lm.trace([[1.0, 2.0], [3.0, 4.0]]).item()
        5.0
    """
    return reductions.sum(diagonal(x, offset, axis1, axis2), -1, dtype)


def diag(x: ArrayLike, /, k: int = 0) -> Tensor:
    """Return a diagonal of a matrix, or a matrix with the vector x on a diagonal.

    Args:
        x: tensor or array-like of one or two axes.
        k: number of the diagonal: 0 the main one, positive above it, negative below it.

    Example:
        >>> import lamina as lm
        >>> lm.diag([1.0, 2.0]).tolist()
        [[1.0, 0.0], [0.0, 2.0]]
    """
    tensor = as_tensor(x)
    if tensor.ndim == 2:
        return diagonal(tensor, offset=k)
    if tensor.ndim != 1:
        raise ShapeError(f"diag: needs one or two axes; got shape {tensor.shape}")
    n = tensor.size + (k if k >= 0 else -k)
    column = as_tensor(tensor)
    if k:
        column = pad(tensor, (max(-k, 0), max(k, 0)))
    on = equal(add(iota((n, n), 0), k), iota((n, n), 1))
    return as_tensor(where(on, reshape(column, (-1, 1)), 0), tensor.dtype)
