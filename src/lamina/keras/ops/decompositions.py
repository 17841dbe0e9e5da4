"""`keras.ops.linalg`: decompositions of matrices, systems of equations, determinants."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import DTypeError
from lamina.ir.types import float64
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations.decompositions import (
    least_squares,
    lower_upper,
    orthogonal,
    spectral,
    triangular,
)
from lamina.operations.shaping import expand_dims, squeeze
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "logdet", "lstsq", "lu_factor",
    "matrix_rank", "pinv", "qr", "slogdet", "solve", "solve_triangular", "svd",
]
# fmt: on


@operation
def cholesky(x: ArrayLike, upper: bool = False) -> Tensor:
    """The Cholesky factor L of positive definite matrices, L L^T = x; `upper` gives L^T."""
    return triangular.cholesky(x, upper=upper)


@operation
def cholesky_inverse(x: ArrayLike, upper: bool = False) -> Tensor:
    """The inverse of matrices whose Cholesky factor is x."""
    return triangular.cholesky_inverse(x, upper=upper)


@operation
def det(x: ArrayLike) -> Tensor:
    """The determinant of matrices."""
    return lower_upper.det(x)


@operation
def slogdet(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """The sign of the determinant and the logarithm of its magnitude."""
    return lower_upper.slogdet(x)


@operation
def logdet(x: ArrayLike) -> Tensor:
    """The logarithm of the magnitude of the determinant."""
    return lower_upper.slogdet(x)[1]


@operation
def inv(x: ArrayLike) -> Tensor:
    """The inverse of matrices."""
    return lower_upper.inv(x)


@operation
def lu_factor(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """L and U in one matrix, and the row exchanged with each."""
    return lower_upper.lu_factor(x)


@operation
def qr(x: ArrayLike, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Orthonormal Q and upper triangular R with Q R = x; `mode` is "reduced" or "complete"."""
    return orthogonal.qr(x, mode)


@operation
def eigh(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """Eigenvalues, smallest first, and eigenvectors of symmetric matrices."""
    return spectral.eigh(x)


def eig(x: ArrayLike) -> tuple[Tensor, Tensor]:
    """Raise DTypeError: eigenvalues of matrices that are not symmetric are complex."""
    raise DTypeError(
        "eig: the eigenvalues of matrices that are not symmetric are complex, and tensors are real",
        hint="use keras.ops.eigh for symmetric matrices, or numpy.linalg.eig on x.numpy()",
    )


@overload
def svd(
    x: ArrayLike, full_matrices: bool = ..., compute_uv: Literal[True] = ...
) -> tuple[Tensor, Tensor, Tensor]: ...
@overload
def svd(
    x: ArrayLike, full_matrices: bool = ..., compute_uv: bool = ...
) -> Tensor | tuple[Tensor, Tensor, Tensor]: ...
@operation
def svd(
    x: ArrayLike, full_matrices: bool = True, compute_uv: bool = True
) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """U, the singular values and V^T; without `compute_uv` the singular values alone."""
    return spectral.svd(x, full_matrices) if compute_uv else spectral.svdvals(x)


@operation
def solve(a: ArrayLike, b: ArrayLike) -> Tensor:
    """The solution x of a x = b; b are matrices (..., n, k) or vectors (..., n)."""
    return _by_columns(lower_upper.solve, a, b)


@operation
def solve_triangular(a: ArrayLike, b: ArrayLike, lower: bool = False) -> Tensor:
    """The solution x of a x = b for triangular a; b are matrices or vectors."""
    return _by_columns(triangular.solve_triangular, a, b, lower=lower)


def _by_columns(function: Any, a: Any, b: Any, **options: Any) -> Tensor:
    """Return function(a, b), with vectors b as columns."""
    left, right = floating(a), floating(b)
    if right.ndim != left.ndim - 1:
        return function(left, right, **options)  # type: ignore[no-any-return]
    return squeeze(function(left, expand_dims(right, -1), **options), -1)


@operation
def lstsq(a: ArrayLike, b: ArrayLike, rcond: float | None = None) -> Tensor:
    """The x of the smallest norm among those with the smallest |a x - b|."""
    return least_squares.lstsq(a, b, rcond).x


@operation
def matrix_rank(x: ArrayLike, tol: float | None = None) -> Tensor:
    """The number of singular values above `tol`, as int32."""
    return least_squares.matrix_rank(x, tol)


@operation
def pinv(x: ArrayLike, rcond: float | None = None) -> Tensor:
    """The Moore-Penrose inverse; singular values up to rcond times the largest count as 0."""
    wide = tensor(x)
    if rcond is None:
        eps = np.finfo(np.float64 if wide.dtype == float64 else np.float32).eps
        rcond = float(10 * max(n.__index__() for n in wide.shape[-2:]) * eps)
    return least_squares.pinv(wide, rcond)
