"""Jacobi rotations of all pairs of rows, in the order of a tournament.

A sweep has one round less than rows. In a round the rows of the upper half are paired with those of
the lower half; then all but the first move on by one place, so that after a sweep each has met each
and is back (Brent and Luk, 1985, The solution of singular-value and symmetric eigenvalue problems
on multiprocessor arrays).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.ir.types import float64
from lamina.operations.decompositions.loops import positions, repeated, scanned
from lamina.operations.elementwise import abs as absolute
from lamina.operations.elementwise import greater, less, logical_and, sqrt, where
from lamina.operations.gathering import take_along_axis
from lamina.operations.joining import concat
from lamina.operations.reductions import argmax
from lamina.tensor import Tensor, as_tensor

MOST_SWEEPS = 24  # convergence is quadratic: even 1,000 rows take about 10

Round = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]


def halves(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return the first and the second half of the rows (axis -2) or columns (axis -1)."""
    half = x.shape[axis].__index__() // 2
    if axis == -2:
        return x[..., :half, :], x[..., half:, :]
    return x[..., :half], x[..., half:]


def angles(first: Tensor, second: Tensor, between: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sine of the smaller angle that makes [[first, between], [between, second]]
    diagonal, and the tangent of half of it."""
    is_needed = between != 0.0
    ratio = (second - first) / where(is_needed, 2.0 * between, 1.0)
    tangent = where(ratio < 0.0, -1.0, 1.0) / (absolute(ratio) + sqrt(1.0 + ratio * ratio))
    tangent = where(is_needed, tangent, 0.0)
    cosine = 1.0 / sqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    return sine, sine / (1.0 + cosine)


def rotated(x: Tensor, sine: Tensor, half_tangent: Tensor, axis: int) -> Tensor:
    """Return x with the pairs of rows or columns rotated, and moved on to the next round.

    The tangent of half the angle makes the rotation a small change of x, so that rounding the
    cosine does not change lengths (Rutishauser, 1966)."""
    first, second = halves(x, axis)
    top = first - sine * (second + half_tangent * first)
    bottom = second + sine * (first - half_tangent * second)
    if x.shape[axis] == 2:
        return concat([top, bottom], axis=axis)

    def part(y: Tensor, start: int, stop: int | None) -> Tensor:
        return y[..., start:stop, :] if axis == -2 else y[..., start:stop]

    half = x.shape[axis].__index__() // 2
    upper = [part(top, 0, 1), part(bottom, 0, 1), part(top, 1, half - 1)]
    lower = [part(bottom, 1, None), part(top, half - 1, None)]
    return concat([*upper, *lower], axis=axis)


def sweeps(x: Tensor, rows: Tensor, one_round: Round, tolerance: float) -> tuple[Tensor, Tensor]:
    """Run sweeps of one_round(x, rows) -> (x, rows, largest error) until the error of a sweep is at
    most the tolerance."""
    rounds = max(x.shape[-2].__index__() - 1, 1)
    start = as_tensor(np.inf, x.dtype), as_tensor(0)

    def goes_on(carries: list[Tensor]) -> Tensor:
        return logical_and(greater(carries[2], tolerance), less(carries[3], MOST_SWEEPS))

    def sweep(carries: list[Tensor]) -> list[Tensor]:
        x, rows, _, count = carries

        def step(inner: list[Tensor], _: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            x, rows, worst = inner
            x, rows, error = one_round(x, rows)
            return [x, rows, where(error > worst, error, worst)], []

        zero = as_tensor(0.0, x.dtype)
        (x, rows, error), _ = scanned(step, [x, rows, zero], [positions(rounds)])
        return [x, rows, error, count + 1]

    x, rows, _, _ = repeated(goes_on, sweep, [x, rows, *start])
    return x, rows


def oriented(columns: Tensor) -> Tensor:
    """Return 1 or -1 for each column, by which its element of the largest magnitude is positive."""
    largest = argmax(absolute(columns), -2, keepdims=True)
    return where(take_along_axis(columns, largest, axis=-2) < 0.0, -1.0, 1.0)


def tolerance_of(x: Tensor) -> float:
    """Return the error at which rotations end: that of rounding."""
    return float(np.finfo(np.float64 if x.dtype == float64 else np.float32).eps)
