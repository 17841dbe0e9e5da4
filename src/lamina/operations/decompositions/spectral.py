"""Eigenvalues of symmetric matrices, and singular values, by Jacobi rotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import GradientError
from lamina.operations.creation import zeros_like
from lamina.operations.decompositions.loops import matrices, value_of, with_rule
from lamina.operations.decompositions.orthogonal import fixed_extents, householder
from lamina.operations.decompositions.rotations import (
    angles,
    halves,
    oriented,
    rotated,
    sweeps,
    tolerance_of,
)
from lamina.operations.elementwise import abs as absolute
from lamina.operations.elementwise import sqrt, where
from lamina.operations.extending import pad
from lamina.operations.gathering import take_along_axis
from lamina.operations.linear_algebra import diagonal, matmul
from lamina.operations.matrices import eye
from lamina.operations.promote import floating
from lamina.operations.reductions import max as largest
from lamina.operations.reductions import sum as total
from lamina.operations.shaping import broadcast_to, expand_dims, matrix_transpose
from lamina.operations.sorting import argsort
from lamina.tensor import Tensor, as_tensor

__all__ = ["SVD", "EigenDecomposition", "eigh", "eigvalsh", "svd", "svdvals"]


class EigenDecomposition(NamedTuple):
    """Eigenvalues, smallest first, and eigenvectors, the columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVD(NamedTuple):
    """Singular vectors U, singular values S, largest first, and the transposed vectors Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def eigh(x: ArrayLike, /) -> EigenDecomposition:
    """Return eigenvalues and eigenvectors of symmetric matrices.

    Of a matrix that is not symmetric, the mean of it and its transpose is taken. The element of the
    largest magnitude in each vector is positive. Equal eigenvalues share their gradient as if the
    vectors among them were constant.

    Args:
        x: tensor (..., n, n) or array-like.

    Shapes:
        (..., n, n) -> eigenvalues (..., n), eigenvectors (..., n, n)

    Example:
        >>> import lamina as lm
        >>> values, vectors = lm.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])
        >>> values.tolist(), vectors.tolist()
        ([1.0, 2.0], [[0.0, 1.0], [1.0, 0.0]])

    Source: Jacobi (1846); the order of rotations is that of Brent and Luk (1985).
    """
    wide, dtype = matrices("eigh", x, square=True), floating(x).dtype
    symmetric = (wide + matrix_transpose(wide)) * 0.5
    if symmetric.is_traced:
        values, vectors = _eigen(symmetric)
    else:
        values, vectors = map(as_tensor, np.linalg.eigh(value_of(symmetric)))
    vectors = vectors * oriented(vectors)
    values, vectors = with_rule([values, vectors], [symmetric], _eigen_rule)
    return EigenDecomposition(as_tensor(values, dtype), as_tensor(vectors, dtype))


def eigvalsh(x: ArrayLike, /) -> Tensor:
    """Return the eigenvalues of symmetric matrices, smallest first.

    Args:
        x: tensor (..., n, n) or array-like.

    Shapes:
        (..., n, n) -> (..., n)

    Example:
        >>> import lamina as lm
        >>> lm.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]).tolist()
        [1.0, 2.0]
    """
    return eigh(x)[0]


def _eigen(x: Tensor) -> tuple[Tensor, Tensor]:
    n, _ = fixed_extents("eigh", x)
    even = pad(x, [(0, 0)] * (x.ndim - 2) + [(0, n % 2)] * 2)
    size = n + n % 2
    scale = sqrt(total(even * even, (-2, -1), keepdims=True))
    scale = where(scale > 0.0, scale, 1.0)
    identity = broadcast_to(eye(size, dtype=x.dtype), even.shape)

    def one_round(a: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, second = halves(a, -2)
        between = diagonal(halves(first, -1)[1], 0, -2, -1)
        own = diagonal(halves(first, -1)[0], 0, -2, -1), diagonal(halves(second, -1)[1], 0, -2, -1)
        sine, tangent = angles(*own, between)
        a = rotated(a, expand_dims(sine, -1), expand_dims(tangent, -1), -2)
        a = rotated(a, expand_dims(sine, -2), expand_dims(tangent, -2), -1)
        rows = rotated(rows, expand_dims(sine, -1), expand_dims(tangent, -1), -2)
        return a, rows, largest(absolute(between))

    a, rows = sweeps(even / scale, identity, one_round, tolerance_of(x) / 4)
    values = diagonal(a, 0, -2, -1)[..., :n] * scale[..., 0]
    order = argsort(values, axis=-1)
    vectors = take_along_axis(matrix_transpose(rows)[..., :n, :n], expand_dims(order, -2), axis=-1)
    return take_along_axis(values, order, axis=-1), vectors


def _eigen_rule(found: list[Tensor], cotangents: Sequence[Tensor | None]) -> list[Tensor]:
    """V (diag(g of values) + (V^T g of vectors) / (w_j - w_i)) V^T, made symmetric."""
    (values, vectors), (to_values, to_vectors) = found, cotangents
    turned = matrix_transpose(vectors)
    inner = zeros_like(vectors)
    if to_values is not None:
        inner = inner + eye(values.shape[-1], dtype=values.dtype) * expand_dims(to_values, -1)
    if to_vectors is not None:
        gaps = expand_dims(values, -2) - expand_dims(values, -1)
        inner = inner + _reciprocal(gaps) * matmul(turned, to_vectors)
    full = matmul(matmul(vectors, inner), turned)
    return [(full + matrix_transpose(full)) * 0.5]


def _reciprocal(x: Tensor) -> Tensor:
    """Return 1 / x, and 0 of 0."""
    is_zero = x == 0.0
    return where(is_zero, 0.0, 1.0 / where(is_zero, 1.0, x))


# ---- singular values -----------------------------------------------------------------------------
def svd(x: ArrayLike, /, full_matrices: bool = True) -> SVD:
    """Return the singular value decomposition x = U diag(S) Vh.

    The element of the largest magnitude in each column of U is positive. Equal singular values
    share their gradient as if the vectors among them were constant.

    Args:
        x: tensor (..., m, n) or array-like.
        full_matrices: U and Vh are square; False leaves out what has no singular value.

    Shapes:
        (..., m, n) -> U (..., m, m), S (..., k), Vh (..., n, n) with k = min(m, n); without full
        matrices U (..., m, k), Vh (..., k, n)

    Raises:
        GradientError: the gradient of U or Vh if full_matrices is true and m and n differ.

    Example:
        >>> import lamina as lm
        >>> u, s, vh = lm.linalg.svd([[3.0, 0.0], [0.0, 4.0]])
        >>> s.tolist()
        [4.0, 3.0]

    Source: Hestenes (1958), Inversion of matrices by biorthogonalization and related results.
    """
    wide, dtype = matrices("svd", x), floating(x).dtype
    rows, columns = fixed_extents("svd", wide)
    if wide.is_traced:
        u, s, vh = _singular(wide, full_matrices)
    else:
        parts = np.linalg.svd(value_of(wide), full_matrices=full_matrices)
        u, s, vh = map(as_tensor, parts)
    count = min(rows, columns)
    signs = oriented(u)
    u = u * signs
    vh = vh * _of_rows(signs, vh.shape[-2].__index__())
    has_rest = full_matrices and rows != columns
    rule = _full_rule(count) if has_rest else _singular_rule
    u, s, vh = with_rule([u, s, vh], [wide], rule)
    return SVD(as_tensor(u, dtype), as_tensor(s, dtype), as_tensor(vh, dtype))


def _of_rows(signs: Tensor, count: int) -> Tensor:
    """Return the signs of columns as those of rows; 1 for rows beyond them."""
    have = signs.shape[-1].__index__()
    column = matrix_transpose(signs)
    if have >= count:
        return column[..., :count, :]
    return pad(
        column, [(0, 0)] * (column.ndim - 2) + [(0, count - have), (0, 0)], constant_values=1.0
    )


def svdvals(x: ArrayLike, /) -> Tensor:
    """Return the singular values of matrices, largest first.

    Args:
        x: tensor (..., m, n) or array-like.

    Shapes:
        (..., m, n) -> (..., min(m, n))

    Example:
        >>> import lamina as lm
        >>> lm.linalg.svdvals([[3.0, 0.0], [0.0, 4.0]]).tolist()
        [4.0, 3.0]
    """
    return svd(matrices("svdvals", x), full_matrices=False)[1].astype(floating(x).dtype)


def _singular(x: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Rotate pairs of columns until all are orthogonal: their lengths are the singular values."""
    rows, columns = fixed_extents("svd", x)
    if rows < columns:
        u, s, vh = _singular(matrix_transpose(x), full)
        return matrix_transpose(vh), s, matrix_transpose(u)
    scale = largest(absolute(x), (-2, -1), keepdims=True)
    scale = where(scale > 0.0, scale, 1.0)
    odd = [(0, 0)] * (x.ndim - 2) + [(0, columns % 2), (0, 0)]
    lines = pad(matrix_transpose(x / scale), odd)
    size = columns + columns % 2
    identity = broadcast_to(eye(size, dtype=x.dtype), (*x.shape[:-2], size, size))

    def one_round(lines: Tensor, basis: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        first, second = halves(lines, -2)
        norms = total(first * first, -1, keepdims=True), total(second * second, -1, keepdims=True)
        between = total(first * second, -1, keepdims=True)
        product = norms[0] * norms[1]
        error = absolute(between) / sqrt(where(product > 0.0, product, 1.0))
        sine, tangent = angles(*norms, between)
        moved = rotated(lines, sine, tangent, -2), rotated(basis, sine, tangent, -2)
        return *moved, largest(where(product > 0.0, error, 0.0))

    lines, basis = sweeps(lines, identity, one_round, 8 * tolerance_of(x) * rows**0.5)
    lines, basis = lines[..., :columns, :], basis[..., :columns, :columns]
    lengths = sqrt(total(lines * lines, -1))
    order = argsort(lengths, axis=-1, descending=True)
    lines = take_along_axis(lines, expand_dims(order, -1), axis=-2)
    vh = take_along_axis(basis, expand_dims(order, -1), axis=-2)
    q, r = householder(matrix_transpose(lines), full)  # completes where lengths are zero
    signs = where(diagonal(r, 0, -2, -1) < 0.0, -1.0, 1.0)
    signs = expand_dims(
        pad(signs, [(0, 0)] * (signs.ndim - 1) + [(0, q.shape[-1] - columns)], constant_values=1.0),
        -2,
    )
    s = take_along_axis(lengths, order, axis=-1) * scale[..., 0]
    return q * signs, s, vh


def _full_rule(count: int):  # type: ignore[no-untyped-def]
    """Of the singular values alone: the vectors that have none are any."""

    def rule(found: list[Tensor], cotangents: Sequence[Tensor | None]) -> list[Tensor]:
        if cotangents[1] is None:
            raise GradientError(
                "svd: U and Vh of full matrices have no gradient if m and n differ",
                hint="use full_matrices=False",
            )
        u, s, vh = found
        return _singular_rule([u[..., :count], s, vh[..., :count, :]], cotangents)

    return rule


def _singular_rule(found: list[Tensor], cotangents: Sequence[Tensor | None]) -> list[Tensor]:
    (u, s, vh), (to_u, to_s, to_vh) = found, cotangents
    if to_s is not None:
        return [matmul(u * expand_dims(to_s, -2), vh)]
    squares = s * s
    gaps = _reciprocal(expand_dims(squares, -2) - expand_dims(squares, -1))
    if to_u is not None:
        return [_of_vectors(u, s, vh, to_u, gaps)]
    assert to_vh is not None
    v, to_v = matrix_transpose(vh), matrix_transpose(to_vh)
    return [matrix_transpose(_of_vectors(v, s, matrix_transpose(u), to_v, gaps))]


def _of_vectors(u: Tensor, s: Tensor, vh: Tensor, g: Tensor, gaps: Tensor) -> Tensor:
    """Return (U (F (U^T g - g^T U)) S + (1 - U U^T) g / S) Vh with F = 1 / (s_j^2 - s_i^2)."""
    inner = matmul(matrix_transpose(u), g)
    turning = matmul(u, gaps * (inner - matrix_transpose(inner))) * expand_dims(s, -2)
    outside = (g - matmul(u, inner)) * expand_dims(_reciprocal(s), -2)
    return matmul(turning + outside, vh)
