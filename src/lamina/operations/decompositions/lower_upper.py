"""The LU decomposition, and systems, inverses and determinants by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import RangeError
from lamina.ir.types import int32
from lamina.operations.decompositions.loops import (
    column_of,
    matrices,
    positions,
    row_of,
    scanned,
    steps,
    value_of,
    with_rule,
)
from lamina.operations.decompositions.orthogonal import fixed_extents
from lamina.operations.decompositions.triangular import cholesky, solve_triangular, system
from lamina.operations.elementwise import abs as absolute
from lamina.operations.elementwise import log, sign, where
from lamina.operations.extending import pad
from lamina.operations.gathering import take_along_axis
from lamina.operations.linear_algebra import diagonal, matmul
from lamina.operations.matrices import eye, tril, triu
from lamina.operations.promote import floating, promoted
from lamina.operations.reductions import argmax, prod
from lamina.operations.reductions import sum as total
from lamina.operations.shaping import broadcast_to, expand_dims, matrix_transpose, moveaxis, squeeze
from lamina.tensor import Tensor, as_tensor

__all__ = ["SlogdetResult", "det", "inv", "logdet", "lu_factor", "slogdet", "solve"]


class SlogdetResult(NamedTuple):
    """The sign of a determinant, and the logarithm of its magnitude."""

    sign: Tensor
    logabsdet: Tensor


def lu_factor(x: ArrayLike, /) -> tuple[Tensor, Tensor]:
    """Return the LU decomposition with row exchanges, in one matrix, and the exchanges.

    The strict lower triangle holds L, whose diagonal is 1; the upper one holds U. Row i was
    exchanged with row pivots[i], one after the other.

    Args:
        x: tensor (..., m, n) or array-like.

    Shapes:
        (..., m, n) -> (..., m, n) and int32 (..., min(m, n))

    Example:
        >>> import lamina as lm
        >>> lu, pivots = lm.linalg.lu_factor([[1.0, 2.0], [2.0, 2.0]])
        >>> lu.tolist(), pivots.tolist()
        ([[2.0, 2.0], [0.5, 1.0]], [1, 1])
    """
    wide = matrices("lu_factor", x)
    lu, pivots, _ = _factored(wide)
    return as_tensor(lu, floating(x).dtype), pivots


def _factored(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return L and U in one matrix, the exchanges, and the order of rows that they make."""
    rows, columns = fixed_extents("lu_factor", x)
    batch = x.shape[:-2]

    def step(carries: list[Tensor], elements: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        (lu, order), (j,) = carries, elements
        place = expand_dims(positions(rows), -1)
        candidates = where(place >= j, absolute(column_of(lu, j)), -1.0)
        pivot = argmax(candidates, -2, keepdims=True)  # (..., 1, 1)
        lu = _exchanged(lu, place, j, pivot)
        order = _exchanged(order, place, j, pivot)
        column, row = column_of(lu, j), row_of(lu, j)
        factors = where(place > j, column / row_of(column, j), 0.0)
        after = positions(columns) > j
        reduced = lu - factors * where(after, row, 0.0)
        is_factor = (place > j) & (positions(columns) == j)
        return [where(is_factor, factors, reduced), order], [squeeze(pivot, (-2, -1))]

    start = broadcast_to(expand_dims(steps(rows, x), -1), (*batch, rows, 1))
    (lu, order), (pivots,) = scanned(step, [x, start], [steps(min(rows, columns), x)])

    def rule(found: list[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor]:
        return [_lu_gradient(found[0], cotangents[0], order)]

    (lu,) = with_rule([lu], [x], rule)
    return lu, moveaxis(pivots, 0, -1), order


def _exchanged(x: Tensor, place: Tensor, j: Tensor, pivot: Tensor) -> Tensor:
    """Return x with row j and row pivot of each matrix exchanged."""
    is_pivot = place == pivot
    other = total(where(is_pivot, x, 0), -2, keepdims=True, dtype=x.dtype)
    return where(place == j, other, where(is_pivot, row_of(x, j), x))


def _lu_gradient(lu: Tensor, g: Tensor, order: Tensor) -> Tensor:
    rows, columns = fixed_extents("lu_factor", lu)
    count = min(rows, columns)
    lower = _squared(tril(lu[..., :count], -1), rows)
    lower = lower + eye(rows, dtype=lu.dtype)
    upper = _squared(triu(lu[..., :count, :]), columns)
    if columns > rows:  # ones below, which nothing depends on
        upper = upper + eye(columns, dtype=lu.dtype) * (steps(columns, lu) >= rows)
    to_lower = tril(matmul(matrix_transpose(lower), _widened(tril(g[..., :count], -1), g)), -1)
    to_upper = triu(matmul(_widened(triu(g[..., :count, :]), g), matrix_transpose(upper)))
    inner = to_lower + to_upper
    left = solve_triangular(matrix_transpose(lower), inner, unit_diagonal=True)
    right = solve_triangular(upper, matrix_transpose(left))
    permuted = matrix_transpose(right)
    return take_along_axis(permuted, _inverse(order), axis=-2)


def _squared(x: Tensor, n: int) -> Tensor:
    """Return x with zeros up to n rows and columns."""
    return _enlarged(x, n, n)


def _widened(x: Tensor, like: Tensor) -> Tensor:
    rows, columns = fixed_extents("lu_factor", like)
    return _enlarged(x, rows, columns)


def _enlarged(x: Tensor, rows: int, columns: int) -> Tensor:
    have = fixed_extents("lu_factor", x)
    return pad(x, [(0, 0)] * (x.ndim - 2) + [(0, rows - have[0]), (0, columns - have[1])])


def _inverse(order: Tensor) -> Tensor:
    """Return where each row went."""
    place = broadcast_to(steps(order.shape[-2], order), (*order.shape[:-1], order.shape[-2]))
    return expand_dims(argmax(as_tensor(matrix_transpose(place == order), int32), -1), -1)


# ---- systems, inverses, determinants -------------------------------------------------------------
def solve(a: ArrayLike, b: ArrayLike, /) -> Tensor:
    """Return the solution x of a x = b.

    In a compiled program, a singular matrix gives infinities or NaN.

    Args:
        a: matrices (..., n, n).
        b: right sides (..., n, k), or one vector (n,).

    Shapes:
        (..., n, n), (..., n, k) -> (..., n, k)

    Raises:
        RangeError: a matrix is singular (outside of compiled programs).

    Example:
        >>> import lamina as lm
        >>> lm.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [4.0, 8.0]).tolist()
        [2.0, 2.0]
    """
    left, right = promoted((a, b), floating=True)
    matrix, sides, is_vector = system("solve", left, right)
    solution = _solution("solve", matrix, sides)
    return as_tensor(squeeze(solution, -1) if is_vector else solution, left.dtype)


def _solution(function: str, a: Tensor, b: Tensor) -> Tensor:
    def rule(found: list[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor]:
        to_b = _solution(function, matrix_transpose(a), cotangents[0])
        return [-matmul(to_b, matrix_transpose(found[0])), to_b]

    if a.is_traced or b.is_traced:
        lu, _, order = _factored(a)
        sides = take_along_axis(b, order, axis=-2)
        half = solve_triangular(lu, sides, lower=True, unit_diagonal=True)
        solution = solve_triangular(lu, half)
    else:
        try:
            solution = as_tensor(np.linalg.solve(value_of(a), value_of(b)))
        except np.linalg.LinAlgError:
            raise RangeError(
                f"{function}: expected matrices that have an inverse, got a singular one",
                hint="use lm.linalg.lstsq or lm.linalg.pinv",
            ) from None
    return with_rule([solution], [a, b], rule)[0]


def inv(x: ArrayLike, /) -> Tensor:
    """Return the inverse of matrices.

    In a compiled program, a singular matrix gives infinities or NaN.

    Args:
        x: tensor (..., n, n) or array-like.

    Shapes:
        (..., n, n) -> (..., n, n)

    Raises:
        RangeError: a matrix is singular (outside of compiled programs).

    Example:
        >>> import lamina as lm
        >>> lm.linalg.inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    wide = matrices("inv", x, square=True)
    identity = broadcast_to(eye(wide.shape[-1], dtype=wide.dtype), wide.shape)
    return as_tensor(_solution("inv", wide, identity), floating(x).dtype)


def det(x: ArrayLike, /) -> Tensor:
    """Return the determinant of matrices.

    The gradient at a singular matrix is NaN.

    Args:
        x: tensor (..., n, n) or array-like.

    Shapes:
        (..., n, n) -> (...)

    Example:
        >>> import lamina as lm
        >>> round(lm.linalg.det([[1.0, 2.0], [3.0, 4.0]]).item(), 4)
        -2.0
    """
    wide = matrices("det", x, square=True)
    lu, pivots, _ = _factored(wide)
    return as_tensor(_parity(pivots, wide) * prod(diagonal(lu, 0, -2, -1), -1), floating(x).dtype)


def _parity(pivots: Tensor, x: Tensor) -> Tensor:
    """Return 1 for an even number of exchanges, else -1."""
    moved = pivots != steps(pivots.shape[-1], pivots)
    return prod(where(moved, as_tensor(-1.0, x.dtype), as_tensor(1.0, x.dtype)), -1)


def slogdet(x: ArrayLike, /) -> SlogdetResult:
    """Return the sign of the determinant and the logarithm of its magnitude.

    Of a singular matrix they are 0 and minus infinity.

    Args:
        x: tensor (..., n, n) or array-like.

    Shapes:
        (..., n, n) -> sign (...), logabsdet (...)

    Example:
        >>> import lamina as lm
        >>> sign, logarithm = lm.linalg.slogdet([[0.0, 2.0], [2.0, 0.0]])
        >>> sign.item(), round(logarithm.item(), 4)
        (-1.0, 1.3863)
    """
    wide, dtype = matrices("slogdet", x, square=True), floating(x).dtype
    lu, pivots, _ = _factored(wide)
    entries = diagonal(lu, 0, -2, -1)
    signs = _parity(pivots, wide) * prod(sign(entries), -1)
    return SlogdetResult(
        as_tensor(signs, dtype), as_tensor(total(log(absolute(entries)), -1), dtype)
    )


def logdet(x: ArrayLike, /) -> Tensor:
    """Return the logarithm of the determinant of symmetric positive definite matrices.

    Args:
        x: tensor (..., n, n) or array-like.

    Shapes:
        (..., n, n) -> (...)

    Raises:
        RangeError: a matrix is not positive definite (outside of compiled programs).

    Example:
        >>> import lamina as lm
        >>> round(lm.linalg.logdet([[2.0, 0.0], [0.0, 2.0]]).item(), 4)
        1.3863
    """
    factor = cholesky(matrices("logdet", x, square=True))
    entries = diagonal(factor, 0, -2, -1)
    return as_tensor(2.0 * total(log(entries), -1), floating(x).dtype)
