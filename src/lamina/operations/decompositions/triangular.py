"""Cholesky factors and systems of equations with triangular matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import RangeError, ShapeError
from lamina.ir.types import same
from lamina.operations.creation import zeros_like
from lamina.operations.decompositions.loops import (
    column_of,
    matrices,
    positions,
    row_of,
    same_batch,
    scanned,
    steps,
    value_of,
    with_rule,
)
from lamina.operations.elementwise import sqrt, where
from lamina.operations.gathering import dynamic_slice
from lamina.operations.linear_algebra import matmul
from lamina.operations.matrices import eye, tril, triu
from lamina.operations.promote import floating, promoted
from lamina.operations.shaping import expand_dims, matrix_transpose, moveaxis, squeeze
from lamina.tensor import Tensor, as_tensor

__all__ = ["cholesky", "cholesky_inverse", "solve_triangular"]


def cholesky(x: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """Return the Cholesky factor L of symmetric positive definite matrices, L L^T = x.

    Of a matrix that is not symmetric, the mean of it and its transpose is taken. In a compiled
    program, a matrix that is not positive definite gives NaN.

    Args:
        x: tensor (..., n, n) or array-like.
        upper: return L^T, an upper triangle.

    Shapes:
        (..., n, n) -> (..., n, n)

    Raises:
        RangeError: a matrix is not positive definite (outside of compiled programs).

    Example:
        >>> import lamina as lm
        >>> lm.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]).tolist()
        [[2.0, 0.0], [1.0, 2.0]]

    Source: the gradient is that of Murray (2016), Differentiation of the Cholesky decomposition.
    """
    wide = matrices("cholesky", x, square=True)
    symmetric = (wide + matrix_transpose(wide)) * 0.5
    if symmetric.is_traced:
        factor = _factor(symmetric)
    else:
        try:
            factor = as_tensor(np.linalg.cholesky(value_of(symmetric)))
        except np.linalg.LinAlgError:
            raise RangeError(
                "cholesky: expected positive definite matrices, got one that is not",
                hint="add a small multiple of lm.eye(n), or check that the matrix is symmetric",
            ) from None
    (lower,) = with_rule([factor], [symmetric], _cholesky_rule)
    result = matrix_transpose(lower) if upper else lower
    return as_tensor(result, floating(x).dtype)


def _factor(x: Tensor) -> Tensor:
    """Column by column; what each explains is subtracted from the rest of the matrix."""
    n = x.shape[-1]

    def step(carries: list[Tensor], elements: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        (rest,), (j,) = carries, elements
        column = column_of(rest, j)
        below = expand_dims(positions(n) >= j, -1)
        column = where(below, column / sqrt(row_of(column, j)), 0.0)
        return [rest - column * matrix_transpose(column)], [squeeze(column, -1)]

    _, (columns,) = scanned(step, [x], [steps(n, x)])
    return moveaxis(columns, 0, -1)


def _cholesky_rule(found: list[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor]:
    (lower,), (g,) = found, cotangents
    inner = tril(matmul(matrix_transpose(lower), g))
    inner = inner - 0.5 * inner * eye(lower.shape[-1], dtype=lower.dtype)
    upper = matrix_transpose(lower)
    left = solve_triangular(upper, inner, lower=False)
    right = matrix_transpose(solve_triangular(upper, matrix_transpose(left), lower=False))
    return [(right + matrix_transpose(right)) * 0.5]


def cholesky_inverse(x: ArrayLike, /, *, upper: bool = False) -> Tensor:
    """Return the inverse of matrices whose Cholesky factor is x.

    Args:
        x: lower triangles (..., n, n), as `cholesky` returns them.
        upper: x are upper triangles.

    Shapes:
        (..., n, n) -> (..., n, n)

    Example:
        >>> import lamina as lm
        >>> lm.linalg.cholesky_inverse([[2.0, 0.0], [0.0, 1.0]]).tolist()
        [[0.25, 0.0], [0.0, 1.0]]
    """
    wide = matrices("cholesky_inverse", x, square=True)
    inverse = solve_triangular(wide, eye(wide.shape[-1], dtype=wide.dtype), lower=not upper)
    other = matrix_transpose(inverse)
    result = matmul(inverse, other) if upper else matmul(other, inverse)
    return as_tensor(result, floating(x).dtype)


def solve_triangular(
    a: ArrayLike, b: ArrayLike, /, *, lower: bool = False, unit_diagonal: bool = False
) -> Tensor:
    """Return the solution x of a x = b for triangular matrices a.

    A zero on the diagonal gives infinities or NaN.

    Args:
        a: matrices (..., n, n), of which one triangle is read.
        b: right sides (..., n, k), or one vector (n,).
        lower: read the lower triangle, else the upper one.
        unit_diagonal: take the diagonal as ones.

    Shapes:
        (..., n, n), (..., n, k) -> (..., n, k)

    Example:
        >>> import lamina as lm
        >>> lm.linalg.solve_triangular([[2.0, 1.0], [0.0, 4.0]], [4.0, 8.0]).tolist()
        [1.0, 2.0]
    """
    left, right = promoted((a, b), floating=True)
    matrix, sides, is_vector = system("solve_triangular", left, right)
    triangle = (tril if lower else triu)(matrix)
    if unit_diagonal:
        one = eye(matrix.shape[-1], dtype=matrix.dtype)
        triangle = where(one == 1.0, 1.0, triangle)
    solution = _solution(triangle, sides, lower)
    return as_tensor(squeeze(solution, -1) if is_vector else solution, left.dtype)


def system(function: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Return the matrices and right sides of a x = b with equal leading axes, and True if b is
    a vector."""
    matrix = matrices(function, a, square=True)
    is_vector = b.ndim == 1
    sides = matrices(function, expand_dims(b, -1) if is_vector else b)
    if not same(sides.shape[-2], matrix.shape[-1]):
        raise ShapeError(
            f"{function}: expected {matrix.shape[-1]} rows of b for a of shape {a.shape}, got "
            f"shape {b.shape}"
        )
    return *same_batch(function, matrix, sides), is_vector


def _solution(a: Tensor, b: Tensor, lower: bool) -> Tensor:
    """Substitution, forward for lower triangles, else backward."""
    n = a.shape[-1]

    def step(carries: list[Tensor], elements: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        (rest,), (column, i) = carries, elements
        pivot = dynamic_slice(column, [0] * (column.ndim - 1) + [i], (*column.shape[:-1], 1))
        row = row_of(rest, i) / expand_dims(pivot, -1)
        remaining = positions(n) > i if lower else positions(n) < i
        factors = where(remaining, column, zeros_like(column))
        return [rest - expand_dims(factors, -1) * row], [squeeze(row, -2)]

    def rule(found: list[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor]:
        (x,), (g,) = found, cotangents
        to_b = _solution(matrix_transpose(a), g, not lower)
        to_a = -matmul(to_b, matrix_transpose(x))
        return [(tril if lower else triu)(to_a), to_b]

    columns = moveaxis(a, -1, 0)
    _, (rows,) = scanned(step, [b], [columns, steps(n, b)], reverse=not lower)
    return with_rule([moveaxis(rows, 0, -2)], [a, b], rule)[0]
