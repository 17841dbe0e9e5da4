"""Sums and products of many terms in blocks, so that the error hardly grows with their number.

NumPy adds pairwise along the axis that is closest in memory, and one term after the other along
all others: the float32 mean of 2 million rows is then wrong by 7e-4. Here, at most BLOCK terms of a
long sum are added one after the other; then at most BLOCK of their sums, and so on. Sums of at most
LONGEST terms are left to NumPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

Array = np.ndarray
BLOCK = 128
LONGEST = 1024  # on both engines; promised in docs/engines.md
PART = 1 << 14  # terms of a product that a BLAS adds up in its own blocks


def total(x: Array, axes: Sequence[int]) -> Array:
    """The sum of x along axes, in the dtype of x."""
    left = sorted(axes)
    if _is_long(x, prod(x.shape[d] for d in left)) and not _is_pairwise(x, left):
        while prod(x.shape[d] for d in left) > BLOCK:
            x, left = _of_blocks(x, left)
    return np.add.reduce(x, axis=tuple(left), dtype=x.dtype)


def _is_long(x: Array, terms: int) -> bool:
    return x.dtype.kind == "f" and terms > LONGEST


def _is_pairwise(x: Array, axes: list[int]) -> bool:
    """True if NumPy itself adds in blocks."""
    return axes == [x.ndim - 1] and x.flags.c_contiguous


def _of_blocks(x: Array, axes: list[int]) -> tuple[Array, list[int]]:
    """The sums of blocks of at most BLOCK terms, and the axes along which these must be added: the
    last axes are summed whole, and the one before them in parts."""
    left, terms = list(axes), 1
    while terms * x.shape[left[-1]] <= BLOCK:
        terms *= x.shape[left.pop()]
    whole = tuple(axes[len(left) :])
    axis, size = left[-1], BLOCK // terms
    if size == 1:
        return np.add.reduce(x, axis=whole, dtype=x.dtype), left
    count = x.shape[axis] // size
    before = (slice(None),) * axis
    blocks = x[*before, : count * size].reshape(*x.shape[:axis], count, size, *x.shape[axis + 1 :])
    sums = np.add.reduce(blocks, axis=(axis + 1, *(d + 1 for d in whole)), dtype=x.dtype)
    if count * size < x.shape[axis]:
        rest = x[*before, count * size :]
        last = np.add.reduce(rest, axis=(axis, *whole), dtype=x.dtype)
        sums = np.concatenate([sums, np.expand_dims(last, axis)], axis)
    return sums, left


def product(x: Array, y: Array) -> Array:
    """The product of stacks of matrices. The parts of a long contraction are added in float64."""
    terms = x.shape[-1]
    if not _is_long(x, terms):
        return np.matmul(x, y)
    x, y = _for_blas(x), _for_blas(y)
    if terms <= PART:
        return np.matmul(x, y)
    result = np.zeros((*x.shape[:-1], y.shape[-1]))
    for first in range(0, terms, PART):
        result += np.matmul(x[..., first : first + PART], y[..., first : first + PART, :])
    return result.astype(x.dtype)


def _for_blas(x: Array) -> Array:
    """x so that NumPy calls the BLAS: of other strides, it adds one term after the other."""
    return x if x.flags.forc else np.ascontiguousarray(x)


def add_at(x: Array, places: Array | tuple[Array, ...], updates: Array) -> None:
    """x[place] += update, one after the other; many float32 updates in float64."""
    if x.dtype != np.float32 or not _is_long(x, updates.size):
        np.add.at(x, places, updates)
        return
    wide = x.astype(np.float64)
    np.add.at(wide, places, updates.astype(np.float64))
    x[...] = wide
