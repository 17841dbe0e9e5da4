"""Reference semantics of convolutions and window reductions: views of all windows, one NumPy
call."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from lamina.ir.windows import window_count
from lamina.reference.indexing import pad
from lamina.reference.sums import add_at, product, total

Array = np.ndarray
Padding = Sequence[tuple[int, int]]


def padded(x: Array, value: Any, padding: Padding, dilation: Sequence[int]) -> Array:
    """x with `value` between its elements and around it; negative padding cuts."""
    return pad(
        x,
        np.asarray(value, x.dtype),
        edge_padding_low=[low for low, _ in padding],
        edge_padding_high=[high for _, high in padding],
        interior_padding=[d - 1 for d in dilation],
    )


def windows_of(
    x: Array, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Array:
    """A view: axes that number the windows of x, then axes within one."""
    sizes = zip(x.shape, window, strides, dilations, strict=True)
    counts = tuple(int(window_count(n, w, s, 0, 0, d)) for n, w, s, d in sizes)
    steps = tuple(k * s for k, s in zip(x.strides, strides, strict=True))
    inner = tuple(k * d for k, d in zip(x.strides, dilations, strict=True))
    return np.lib.stride_tricks.as_strided(x, (*counts, *window), (*steps, *inner), writeable=False)


def _neutral(kind: str, dtype: np.dtype) -> Any:
    """Return the neutral element of a sum, max or min."""
    if kind == "sum":
        return 0
    if dtype.kind == "f":
        return -np.inf if kind == "max" else np.inf
    limits = np.iinfo(dtype)
    return limits.min if kind == "max" else limits.max


EXTREME = {"max": np.maximum.reduce, "min": np.minimum.reduce}


def reduce_window(
    x: Array,
    *,
    kind: str,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Padding,
    window_dilations: Sequence[int],
) -> Array:
    """Each window of x, padded by the kind's neutral element, combined."""
    wide = padded(x, _neutral(kind.removeprefix("arg"), x.dtype), padding, [1] * x.ndim)
    windows = windows_of(wide, window_dimensions, window_strides, window_dilations)
    if kind.startswith("arg"):
        flat = windows.reshape(*windows.shape[: x.ndim], prod(window_dimensions))
        find = np.argmax if kind == "argmax" else np.argmin
        return np.asarray(find(flat, axis=-1)).astype(np.int32)
    axes = tuple(range(x.ndim, 2 * x.ndim))
    return total(windows, axes) if kind == "sum" else EXTREME[kind](windows, axis=axes)


def select_and_scatter(
    x: Array,
    source: Array,
    *,
    kind: str,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Padding,
) -> Array:
    """Each element of source added where its window of x has its (first) extreme.

    Padding never wins: among several extremes, x's own come first.
    """
    ones = [1] * x.ndim
    wide = padded(x, _neutral(kind, x.dtype), padding, ones)
    inside = padded(np.ones(x.shape, bool), False, padding, ones)
    sizes = (window_dimensions, window_strides, ones)
    best = EXTREME[kind](windows_of(wide, *sizes), axis=tuple(range(x.ndim, 2 * x.ndim)))
    values, own = windows_of(wide, *sizes), windows_of(inside, *sizes)
    best = best.reshape(*best.shape, *ones)
    chosen = ((values == best) | ((values != values) & (best != best))) & own
    flat = chosen.reshape(*source.shape, prod(window_dimensions))
    rows = np.nonzero(flat.any(axis=-1))
    within = np.unravel_index(flat.argmax(axis=-1)[rows], tuple(window_dimensions))
    lows = [low for low, _ in padding]
    triples = zip(rows, window_strides, within, lows, strict=True)
    places = tuple(n * s + k - low for n, s, k, low in triples)
    result = np.zeros(x.shape, x.dtype)
    add_at(result, places, source[rows])
    return result


def convolution(
    lhs: Array,
    rhs: Array,
    *,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    lhs_spec: Sequence[int],
    rhs_spec: Sequence[int],
    out_spec: Sequence[int],
    feature_group_count: int = 1,
    batch_group_count: int = 1,
) -> Array:
    """Group by group: windows of lhs times kernels, a contraction over window and features."""
    groups, parts = feature_group_count, batch_group_count
    x = padded(lhs.transpose(lhs_spec), 0, [(0, 0), (0, 0), *padding], [1, 1, *lhs_dilation])
    kernel = rhs.transpose(rhs_spec)
    outputs, inputs = kernel.shape[:2]
    window = (1, 1, *kernel.shape[2:])
    windows = windows_of(x, window, (1, 1, *window_strides), (1, 1, *rhs_dilation))
    n = lhs.ndim - 2
    windows = windows.reshape(*windows.shape[: n + 2], *kernel.shape[2:])
    batch, block = x.shape[0] // parts, outputs // (groups * parts)
    found = []
    for k in range(groups * parts):
        rows = slice(k * batch, (k + 1) * batch) if parts > 1 else slice(None)
        features = slice(k * inputs, (k + 1) * inputs) if groups > 1 else slice(None)
        taken = np.moveaxis(windows[rows, features], 1, n + 1)
        places = taken.shape[: n + 1]
        left = taken.reshape(prod(places), prod(taken.shape[n + 1 :]))
        right = kernel[k * block : (k + 1) * block].reshape(block, left.shape[1])
        part = product(left, right.T).reshape(*places, block)
        found.append(np.moveaxis(part, -1, 1))
    result = found[0] if len(found) == 1 else np.concatenate(found, 1)
    return result.transpose(np.argsort(out_spec))
