"""Discrete Fourier transforms of pairs (real part, imaginary part), since tensors are real.

    n with a factor of at most 32     a DFT over rows, rotations, and a transform over columns
    small n                           a product with the matrix of the DFT
    n with a large prime factor       a convolution of a length that has small factors (Bluestein)

All are products with constants, so that gradients follow.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import Dim
from lamina.operations.creation import zeros_like
from lamina.operations.elementwise import negative
from lamina.operations.extending import pad
from lamina.operations.joining import concat
from lamina.operations.linear_algebra import matmul
from lamina.operations.promote import floating, promoted, widened
from lamina.operations.shaping import flip, moveaxis, reshape
from lamina.tensor import Tensor, as_tensor

__all__ = ["fft", "ifft", "irfft", "rfft"]

Pair = tuple[Tensor, Tensor]
SMALL = 32  # up to here a product with the matrix of the DFT
MOST_PRIME = 97  # larger primes become convolutions


def pair_of(function: str, x: tuple[ArrayLike, ArrayLike]) -> Pair:
    """Return the two parts of x as tensors of one dtype and shape."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(
            f"{function}: expected a pair (real part, imaginary part), got {type(x).__name__}",
            hint="give a real x as (x, lm.zeros_like(x)), or use rfft",
        )
    real, imaginary = promoted(x, floating=True)
    if real.ndim != imaginary.ndim or real.ndim == 0:
        raise ShapeError(f"{function}: expected parts of one shape, got {real.shape}, "
                         f"{imaginary.shape}")  # fmt: skip
    return real, imaginary


def fft(x: tuple[ArrayLike, ArrayLike], axis: int = -1) -> Pair:
    """Return the discrete Fourier transform, y[k] = sum over j of x[j] exp(-2 pi i j k / n).

    Args:
        x: pair (real part, imaginary part) of one shape.
        axis: axis of length n, which has to be known.

    Example:
        >>> import lamina as lm
        >>> real, imaginary = fft((lm.asarray([1.0, 0.0]), lm.zeros(2)))
        >>> real.tolist(), imaginary.tolist()
        ([1.0, 1.0], [0.0, 0.0])

    Source: Cooley and Tukey (1965); Bluestein (1970).
    """
    parts = pair_of("fft", x)
    moved = [moveaxis(widened(part), axis, -1) for part in parts]
    found = _transform(moved[0], moved[1], length_of("fft", moved[0].shape[-1]))
    return _back(found, parts, axis)


def ifft(x: tuple[ArrayLike, ArrayLike], axis: int = -1) -> Pair:
    """Return the inverse of `fft`.

    Args:
        x: pair (real part, imaginary part) of one shape.
        axis: axis of length n, which has to be known.

    Example:
        >>> import lamina as lm
        >>> ifft((lm.asarray([1.0, 1.0]), lm.zeros(2)))[0].tolist()
        [1.0, 0.0]
    """
    parts = pair_of("ifft", x)
    moved = [moveaxis(widened(part), axis, -1) for part in parts]
    n = length_of("ifft", moved[0].shape[-1])
    imaginary, real = _transform(moved[1], moved[0], n)
    return _back((real / n, imaginary / n), parts, axis)


def _back(found: Pair, parts: Pair, axis: int) -> Pair:
    real, imaginary = (as_tensor(moveaxis(y, -1, axis), parts[0].dtype) for y in found)
    return real, imaginary


def rfft(x: ArrayLike, length: int | None = None) -> Pair:
    """Return the first length // 2 + 1 elements of the transform of real x along the last axis.

    Args:
        x: tensor (..., n) or array-like.
        length: x is cut, or filled with zeros, to this length; None is n.

    Example:
        >>> import lamina as lm
        >>> rfft([1.0, 2.0, 3.0])[0].numpy().round(4).tolist()
        [6.0, -1.5]
    """
    tensor = floating(x)
    n = length_of("rfft", tensor.shape[-1] if length is None else length)
    real = fitted(widened(tensor), n)
    found = _transform(real, None, n)
    first, second = (as_tensor(y[..., : n // 2 + 1], tensor.dtype) for y in found)
    return first, second


def irfft(x: tuple[ArrayLike, ArrayLike], length: int | None = None) -> Tensor:
    """Return the real signal whose `rfft` is x.

    Args:
        x: pair (real part, imaginary part) of shape (..., m).
        length: length of the signal; None is 2 (m - 1).

    Example:
        >>> import lamina as lm
        >>> irfft((lm.asarray([6.0, -1.5]), lm.asarray([0.0, 0.866])), 3).numpy().round(2).tolist()
        [1.0, 2.0, 3.0]
    """
    real, imaginary = pair_of("irfft", x)
    have = length_of("irfft", real.shape[-1])
    n = 2 * (have - 1) if length is None else length_of("irfft", length)
    count = n // 2 + 1
    first, second = (fitted(widened(part), count) for part in (real, imaginary))
    rest = (n - 1) // 2  # the elements that are conjugates of others
    whole = concat([first, flip(first[..., 1 : 1 + rest], axis=-1)], axis=-1)
    mirrored = concat([second, negative(flip(second[..., 1 : 1 + rest], axis=-1))], axis=-1)
    _, found = _transform(mirrored, whole, n)  # exchanging the parts inverts the transform
    return as_tensor(found / n, real.dtype)


def length_of(function: str, n: Dim) -> int:
    """Return a length that is known and positive."""
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise ShapeError(f"{function}: expected an axis of known, positive length, got {n}")
    return int(n)


def fitted(x: Tensor, n: int) -> Tensor:
    """Return x cut, or filled with zeros, to n elements along the last axis."""
    have = length_of("rfft", x.shape[-1])
    if have >= n:
        return x[..., :n]
    return pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - have)])


# ---- transforms along the last axis --------------------------------------------------------------
def _transform(real: Tensor, imaginary: Tensor | None, n: int) -> Pair:
    """Return the transform; an imaginary part of None is zero."""
    factor = _factor(n)
    if factor == n:
        return _by_matrix(real, imaginary, n) if n <= MOST_PRIME else _bluestein(real, imaginary, n)
    rest = n // factor
    shape = (*real._type.shape[:-1], factor, rest)
    parts = [None if x is None else moveaxis(reshape(x, shape), -2, -1) for x in (real, imaginary)]
    assert parts[0] is not None
    inner = _transform(parts[0], parts[1], factor)  # (..., rest, factor)
    turned = _rotated(*inner, *_rotations(rest, factor, n, inner[0]))
    columns = [moveaxis(x, -1, -2) for x in turned]  # (..., factor, rest)
    outer = _transform(columns[0], columns[1], rest)
    flat = (*real._type.shape[:-1], n)
    first, second = (reshape(moveaxis(x, -1, -2), flat) for x in outer)
    return first, second


def _factor(n: int) -> int:
    """Return a factor of n to divide by, n itself if it is small or has only large ones."""
    if n <= SMALL:
        return n
    small = [k for k in range(SMALL, 1, -1) if n % k == 0]
    if small:
        return small[0]
    return next((k for k in range(SMALL, math.isqrt(n) + 1) if n % k == 0), n)


def _rotated(real: Tensor, imaginary: Tensor, cosine: Tensor, sine: Tensor) -> Pair:
    """Return (real + i imaginary) (cosine - i sine)."""
    return real * cosine + imaginary * sine, imaginary * cosine - real * sine


@functools.lru_cache(maxsize=64)
def _angles(rows: int, columns: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cosine and sine of 2 pi j k / n for all j and k."""
    turns = np.outer(np.arange(rows), np.arange(columns)) % n * (2 * np.pi / n)
    return np.cos(turns), np.sin(turns)


def _rotations(rows: int, columns: int, n: int, like: Tensor) -> Pair:
    cosine, sine = (as_tensor(table, like.dtype) for table in _angles(rows, columns, n))
    return cosine, sine


def _by_matrix(real: Tensor, imaginary: Tensor | None, n: int) -> Pair:
    if n == 1:
        return real, zeros_like(real) if imaginary is None else imaginary
    cosine, sine = _rotations(n, n, n, real)
    if imaginary is None:
        return matmul(real, cosine), negative(matmul(real, sine))
    first = matmul(real, cosine) + matmul(imaginary, sine)
    return first, matmul(imaginary, cosine) - matmul(real, sine)


@functools.lru_cache(maxsize=16)
def _chirp(n: int, size: int) -> tuple[np.ndarray, ...]:
    """Return cosine and sine of pi k^2 / n, and the transform of the chirp around 0."""
    square = np.arange(n, dtype=np.int64) ** 2 % (2 * n) * (np.pi / n)
    chirp = np.zeros(size, np.complex128)
    chirp[:n] = np.exp(1j * square)
    chirp[size - n + 1 :] = chirp[1:n][::-1]
    spectrum = np.fft.fft(chirp)
    return np.cos(square), np.sin(square), spectrum.real.copy(), spectrum.imag.copy()


def _bluestein(real: Tensor, imaginary: Tensor | None, n: int) -> Pair:
    """j k = (j^2 + k^2 - (k - j)^2) / 2 makes a convolution with a chirp of the transform."""
    size = 1 << (2 * n - 1).bit_length()
    tables = [as_tensor(table, real.dtype) for table in _chirp(n, size)]
    cosine, sine, first, second = tables
    imaginary = zeros_like(real) if imaginary is None else imaginary
    parts = [fitted(x, size) for x in _rotated(real, imaginary, cosine, sine)]
    a, b = _transform(parts[0], parts[1], size)
    product = a * first - b * second, a * second + b * first
    y, x = _transform(product[1], product[0], size)  # the inverse, times size
    return _rotated(x[..., :n] / size, y[..., :n] / size, cosine, sine)
