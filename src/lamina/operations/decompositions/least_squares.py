"""Least squares, the pseudo-inverse, rank and condition, by singular values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.ir.types import float64, int32, same
from lamina.operations.creation import zeros
from lamina.operations.decompositions.loops import matrices, same_batch, with_rule
from lamina.operations.decompositions.orthogonal import fixed_extents
from lamina.operations.decompositions.spectral import svd, svdvals
from lamina.operations.elementwise import greater, square, where
from lamina.operations.linear_algebra import matmul
from lamina.operations.promote import floating, promoted
from lamina.operations.reductions import sum as total
from lamina.operations.shaping import expand_dims, matrix_transpose, squeeze
from lamina.tensor import Tensor, as_tensor

__all__ = ["LstsqResult", "cond", "lstsq", "matrix_rank", "pinv"]


class LstsqResult(NamedTuple):
    """The solution, the sums of squared residuals, the rank of a and its singular values."""

    x: Tensor
    residuals: Tensor
    rank: Tensor
    s: Tensor


def _cutoff(x: Tensor) -> float:
    """Return the share of the largest singular value up to which one counts as 0."""
    eps = np.finfo(np.float64 if x.dtype == float64 else np.float32).eps
    return float(max(fixed_extents("singular values", x)) * eps)


def pinv(x: ArrayLike, /, rcond: float | None = None, *, rtol: ArrayLike | None = None) -> Tensor:
    """Return the Moore-Penrose inverse of matrices.

    The gradient takes the rank as constant.

    Args:
        x: tensor (..., m, n) or array-like.
        rcond: singular values of at most this share of the largest count as 0; None takes
            max(m, n) times the dtype's epsilon.
        rtol: `rcond` by the name of the Array API: a number, or a tensor (...) of one for each
            matrix.

    Shapes:
        (..., m, n) -> (..., n, m)

    Example:
        >>> import lamina as lm
        >>> lm.linalg.pinv([[2.0, 0.0], [0.0, 0.0]]).tolist()
        [[0.5, 0.0], [0.0, 0.0]]

    Source: the gradient is that of Golub and Pereyra (1973), The differentiation of
        pseudo-inverses.
    """
    wide = matrices("pinv", x)
    u, s, vh = svd(wide, full_matrices=False)
    share: float | Tensor = _cutoff(wide) if rcond is None else rcond
    if rtol is not None:
        share = expand_dims(as_tensor(rtol, s.dtype), axis=-1)
    least = s[..., :1] * share
    is_kept = s > least
    inverse = where(is_kept, 1.0 / where(is_kept, s, 1.0), 0.0)
    value = matmul(matrix_transpose(vh) * expand_dims(inverse, -2), matrix_transpose(u))

    def rule(found: list[Tensor], cotangents: Sequence[Tensor]) -> list[Tensor]:
        (p,), (g,) = found, cotangents
        pt, gt = matrix_transpose(p), matrix_transpose(g)
        by_columns = matmul(matmul(pt, p), gt)  # times 1 - p x
        by_rows = matmul(gt, matmul(p, pt))  # 1 - x p times
        to_x = by_columns - matmul(matmul(by_columns, p), wide)
        to_x = to_x + by_rows - matmul(wide, matmul(p, by_rows))
        return [to_x - matmul(matmul(pt, g), pt)]

    return as_tensor(with_rule([value], [wide], rule)[0], floating(x).dtype)


def lstsq(a: ArrayLike, b: ArrayLike, /, rcond: float | None = None) -> LstsqResult:
    """Return the x of the smallest norm among those with the smallest |a x - b|.

    Args:
        a: matrices (..., m, n).
        b: right sides (..., m, k), or one vector (m,).
        rcond: singular values of at most this share of the largest count as 0; None takes
            max(m, n) times the dtype's epsilon.

    Shapes:
        (..., m, n), (..., m, k) -> x (..., n, k), residuals (..., k) (none if m <= n), rank (...),
        s (..., min(m, n))

    Example:
        >>> import lamina as lm
        >>> x = lm.linalg.lstsq([[1.0], [1.0]], [1.0, 3.0]).x
        >>> x.numpy().round(4).tolist()
        [2.0]
    """
    left, right = promoted((a, b), floating=True)
    matrix, is_vector = matrices("lstsq", left), right.ndim == 1
    sides = matrices("lstsq", expand_dims(right, -1) if is_vector else right)
    if not same(sides.shape[-2], matrix.shape[-2]):
        raise ShapeError(
            f"lstsq: expected {matrix.shape[-2]} rows of b for a of shape {left.shape}, got shape "
            f"{right.shape}"
        )
    matrix, sides = same_batch("lstsq", matrix, sides)
    x = matmul(pinv(matrix, rcond), sides)
    rows, columns = fixed_extents("lstsq", matrix)
    residuals = total(square(matmul(matrix, x) - sides), -2)
    if rows <= columns:
        residuals = zeros((0,), dtype=x.dtype)
    s = svdvals(matrix)
    least = s[..., :1] * (_cutoff(matrix) if rcond is None else rcond)
    rank = total(as_tensor(greater(s, least), int32), -1, dtype=int32)
    solution = squeeze(x, -1) if is_vector else x
    dtype = left.dtype
    return LstsqResult(
        as_tensor(solution, dtype), as_tensor(residuals, dtype), rank, as_tensor(s, dtype)
    )


def matrix_rank(x: ArrayLike, /, tol: float | None = None, *, rtol: float | None = None) -> Tensor:
    """Return the number of singular values that do not count as 0, as int32.

    Args:
        x: tensor (..., m, n) or array-like.
        tol: the largest singular value that counts as 0; None takes it from `rtol`.
        rtol: the same as a share of the largest; None takes max(m, n) times the dtype's epsilon.

    Shapes:
        (..., m, n) -> (...)

    Example:
        >>> import lamina as lm
        >>> lm.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]]).item()
        1
    """
    wide = matrices("matrix_rank", x)
    s = svdvals(wide)
    share = as_tensor(_cutoff(wide) if rtol is None else rtol, wide.dtype)
    least = expand_dims(share, -1) * s[..., :1] if tol is None else expand_dims(as_tensor(tol), -1)
    return total(as_tensor(greater(s, least), int32), -1, dtype=int32)


def cond(x: ArrayLike, /) -> Tensor:
    """Return the condition of matrices: the largest singular value divided by the smallest.

    Args:
        x: tensor (..., m, n) or array-like.

    Shapes:
        (..., m, n) -> (...)

    Example:
        >>> import lamina as lm
        >>> lm.linalg.cond([[2.0, 0.0], [0.0, 0.5]]).item()
        4.0
    """
    s = svdvals(x)
    return s[..., 0] / s[..., -1]
