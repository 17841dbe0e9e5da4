"""The QR decomposition, by Householder reflections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, GradientError, ShapeError
from lamina.ir.types import Dim
from lamina.operations.creation import zeros_like
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
from lamina.operations.decompositions.triangular import solve_triangular
from lamina.operations.elementwise import sqrt, where
from lamina.operations.joining import concat
from lamina.operations.linear_algebra import matmul
from lamina.operations.matrices import eye, tril, triu
from lamina.operations.promote import floating
from lamina.operations.reductions import sum as total
from lamina.operations.shaping import broadcast_to, expand_dims, matrix_transpose, squeeze
from lamina.tensor import Tensor, as_tensor

__all__ = ["QR", "qr"]


class QR(NamedTuple):
    """Orthonormal columns Q and an upper triangle R, Q R = x."""

    Q: Tensor
    R: Tensor


def qr(x: ArrayLike, /, mode: str = "reduced") -> QR:
    """Return orthonormal Q and upper triangular R with Q R = x.

    Args:
        x: tensor (..., m, n) or array-like.
        mode: "reduced" (Q has k = min(m, n) columns) or "complete" (Q is square).

    Shapes:
        (..., m, n) -> Q (..., m, k), R (..., k, n); of "complete" (..., m, m), (..., m, n)

    Raises:
        ArgumentError: another mode.
        GradientError: the gradient of a complete decomposition of matrices with m > n.

    Example:
        >>> import lamina as lm
        >>> q, r = lm.linalg.qr([[3.0, 1.0], [4.0, 2.0]])
        >>> (q @ r).numpy().round(4).tolist()
        [[3.0, 1.0], [4.0, 2.0]]

    Source: Householder (1958), Unitary triangularization of a nonsymmetric matrix.
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError(f"qr: expected mode 'reduced' or 'complete', got {mode!r}")
    wide, dtype = matrices("qr", x), floating(x).dtype
    rows, columns = fixed_extents("qr", wide)
    if wide.is_traced:
        q, r = householder(wide, mode == "complete")
    else:
        q, r = map(as_tensor, np.linalg.qr(value_of(wide), mode=mode))  # type: ignore[call-overload]
    is_tall = mode == "complete" and rows > columns
    rule = _no_rule if is_tall else _wide_rule if columns > rows else _tall_rule
    q, r = with_rule([q, r], [wide], rule)
    return QR(as_tensor(q, dtype), as_tensor(r, dtype))


def fixed_extents(function: str, x: Tensor) -> tuple[int, int]:
    """Return the numbers of rows and columns, which have to be known."""
    rows, columns = x.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise ShapeError(
            f"{function}: expected matrices of known numbers of rows and columns, got {x.shape}",
            hint="name the extents in the Input; only the leading axes may be open",
        )
    return rows, columns


def householder(x: Tensor, complete: bool) -> tuple[Tensor, Tensor]:
    """Reflect one column after the other onto its first element, as LAPACK does."""
    rows, columns = fixed_extents("qr", x)
    count = min(rows, columns)

    def reduce(carries: list[Tensor], elements: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        (rest,), (j,) = carries, elements
        place = expand_dims(positions(rows), -1)
        column = where(place >= j, column_of(rest, j), 0.0)
        head = row_of(column, j)
        norm = sqrt(total(column * column, -2, keepdims=True))
        below = total(where(place > j, column * column, 0.0), -2, keepdims=True)
        reflected = column + where(place == j, where(head < 0.0, -norm, norm), 0.0)
        length = total(reflected * reflected, -2, keepdims=True)
        is_needed = below > 0.0
        scale = where(is_needed, sqrt(2.0 / where(is_needed, length, 1.0)), 0.0)
        vector = reflected * scale  # the reflection is 1 - vector vector^T
        return [_reflected(rest, vector)], [squeeze(vector, -1)]

    (r,), (vectors,) = scanned(reduce, [x], [steps(count, x)])

    def apply(carries: list[Tensor], elements: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        return [_reflected(carries[0], expand_dims(elements[0], -1))], []

    size: Dim = rows if complete else count
    start = broadcast_to(eye(rows, size, dtype=x.dtype), (*x.shape[:-1], size))
    (q,), _ = scanned(apply, [start], [vectors], reverse=True)
    return q, triu(r[..., :size, :])


def _reflected(x: Tensor, vector: Tensor) -> Tensor:
    return x - vector * matmul(matrix_transpose(vector), x)


def _no_rule(found: list[Tensor], cotangents: Sequence[Tensor | None]) -> list[Tensor]:
    raise GradientError(
        "qr: the complete decomposition of matrices with more rows than columns has no gradient",
        hint="use mode='reduced'",
    )


def _tall_rule(found: list[Tensor], cotangents: Sequence[Tensor | None]) -> list[Tensor]:
    """Of matrices with m >= n (Walter and Lehmann, 2010)."""
    q, r = found
    return [_gradient(q, r, *cotangents)]


def _gradient(q: Tensor, r: Tensor, to_q: Tensor | None, to_r: Tensor | None) -> Tensor:
    inner = zeros_like(r)
    if to_r is not None:
        inner = inner + matmul(r, matrix_transpose(to_r))
    if to_q is not None:
        inner = inner - matmul(matrix_transpose(to_q), q)
    lower = tril(inner, -1)
    mirrored = tril(inner) + matrix_transpose(lower)
    outer = matmul(q, mirrored)
    if to_q is not None:
        outer = outer + to_q
    return matrix_transpose(solve_triangular(r, matrix_transpose(outer)))


def _wide_rule(found: list[Tensor], cotangents: Sequence[Tensor | None]) -> list[Tensor]:
    """Of x = [left, right] = Q [U, V] with square left: Q and U are the factors of left alone."""
    (q, r), (to_q, to_r) = found, cotangents
    rows = q.shape[-1]
    u, v = r[..., :rows], r[..., rows:]
    to_u = None if to_r is None else to_r[..., :rows]
    if to_r is None:
        return [concat([_gradient(q, u, to_q, None), zeros_like(v)], axis=-1)]
    to_v = to_r[..., rows:]
    through = matmul(matmul(q, v), matrix_transpose(to_v))
    to_left = _gradient(q, u, through if to_q is None else to_q + through, to_u)
    return [concat([to_left, matmul(q, to_v)], axis=-1)]
