"""Pooling, as `keras.ops` has it: the max or average over windows, or over a given number of them.

x is (batch, spatial..., channels) with 1 to 3 spatial axes, or (batch, channels, spatial...) where
data_format is "channels_first".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import restoring
from lamina.annotations import ArrayLike, PaddingLike
from lamina.errors import ShapeError
from lamina.ir.types import is_static
from lamina.operations import reductions
from lamina.operations.creation import ones
from lamina.operations.elementwise import divide, multiply
from lamina.operations.joining import concat
from lamina.operations.promote import floating, need_kind, widened
from lamina.operations.shaping import sliced
from lamina.operations.windows import (
    Pairs,
    channels_back,
    channels_last,
    need_rank,
    padding_of,
    per_axis,
    with_room,
)
from lamina.tensor import Tensor, as_tensor, bind

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]


def max_pool(
    inputs: ArrayLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the maximum of each window; padding is never the maximum.

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like.
        pool_size: extent of the window, an integer or one for each spatial axis.
        strides: steps of the window, an integer or one for each spatial axis; None is `pool_size`.
        padding: "valid" uses only whole windows; "same" pads with zeros so that the extents stay
            (divided by the strides).
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.

    Shapes:
        (batch, spatial..., channels) -> (batch, windows..., channels)

    Raises:
        ShapeError: if a window exceeds its padded input.

    Example:
        >>> import lamina as lm
        >>> lm.nn.max_pool(lm.ones((1, 4, 4, 3)), 2).shape
        (1, 2, 2, 3)
    """
    x = as_tensor(inputs)
    need_kind("max_pool", x, "iuf", "numbers")
    lowest = -np.inf if x.dtype.is_float else np.iinfo(x.dtype.storage).min
    data, window, steps, pairs = _windows(
        "max_pool", x, pool_size, strides, padding, data_format, lowest
    )
    return channels_back(
        as_tensor(_reduced(data, "max", window, steps, pairs), x.dtype), data_format
    )


def average_pool(
    inputs: ArrayLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: PaddingLike = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Return the mean of each window; padding is not counted.

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like.
        pool_size: extent of the window, an integer or one for each spatial axis.
        strides: steps of the window, an integer or one for each spatial axis; None is `pool_size`.
        padding: "valid" uses only whole windows; "same" pads with zeros so that the extents stay
            (divided by the strides).
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.

    Shapes:
        (batch, spatial..., channels) -> (batch, windows..., channels)

    Example:
        >>> import lamina as lm
        >>> lm.nn.average_pool(lm.ones((1, 4, 4, 3)), 2).shape
        (1, 2, 2, 3)
    """
    x = floating(inputs)
    name = "average_pool"
    data, window, steps, pairs = _windows(name, x, pool_size, strides, padding, data_format)
    total = _reduced(data, "sum", window, steps, pairs)
    if not is_static(data.shape[1:-1]):
        own = ones((1, *channels_last(name, x, data_format).shape[1:-1], 1), dtype=data.dtype)
        counted = _windows(name, own, pool_size, strides, padding, None)
        mean = divide(total, _reduced(counted[0], "sum", *counted[1:]))
    elif all(pair == (0, 0) for pair in pairs):
        mean = multiply(total, 1.0 / float(np.prod(window)))
    else:
        mean = divide(total, _counts(data, window, steps, pairs))
    return channels_back(as_tensor(mean, x.dtype), data_format)


def _windows(
    function: str,
    x: Tensor,
    pool_size: Any,
    strides: Any,
    padding: Any,
    data_format: Any,
    fill: float = 0.0,
) -> tuple[Tensor, tuple[int, ...], tuple[int, ...], Pairs]:
    rank = need_rank(function, x)
    data = channels_last(function, widened(x), data_format)
    window = per_axis(function, "pool_size", pool_size, rank)
    steps = window if strides is None else per_axis(function, "strides", strides, rank)
    data, padding = with_room(data, padding, window, steps, (1,) * rank, fill)
    pairs = padding_of(function, padding, data.shape[1:-1], window, steps, (1,) * rank)
    return data, window, steps, pairs


def _reduced(
    x: Tensor, kind: str, window: tuple[int, ...], steps: tuple[int, ...], pairs: Pairs
) -> Tensor:
    return bind(
        "reduce_window",
        x,
        kind=kind,
        window_dimensions=(1, *window, 1),
        window_strides=(1, *steps, 1),
        padding=((0, 0), *pairs, (0, 0)),
        window_dilations=(1,) * x.ndim,
    )


def _counts(x: Tensor, window: tuple[int, ...], steps: tuple[int, ...], pairs: Pairs) -> Tensor:
    """Return the number of elements of each window without padding: a product of one count per
    axis."""
    counts = np.ones((1,) * x.ndim, x.dtype.storage)
    for axis, (w, s, (low, high)) in enumerate(zip(window, steps, pairs, strict=True), 1):
        n = int(x.shape[axis])
        count = (n + low + high - w) // s + 1
        restoring.count_operation("average_pool", count)
        starts = np.arange(count) * s - low
        own = np.minimum(starts + w, n) - np.maximum(starts, 0)
        shape = [1] * x.ndim
        shape[axis] = -1
        counts = counts * np.maximum(own, 1).astype(counts.dtype).reshape(shape)
    return as_tensor(counts)


# ---- a given number of windows -----------------------------------------------------------------
def adaptive_average_pool(
    inputs: ArrayLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """Return the means of `output_size` windows that cover each spatial axis evenly.

    Window i of m over n elements reaches from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like.
        output_size: number of windows, an integer or one for each spatial axis.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.

    Shapes:
        (batch, spatial..., channels) -> (batch, output_size..., channels)

    Example:
        >>> import lamina as lm
        >>> lm.nn.adaptive_average_pool(lm.ones((1, 5, 5, 3)), 2).shape
        (1, 2, 2, 3)
    """
    return _adaptive("adaptive_average_pool", "mean", floating(inputs), output_size, data_format)


def adaptive_max_pool(
    inputs: ArrayLike, output_size: int | Sequence[int], data_format: str | None = None
) -> Tensor:
    """Return the maxima of `output_size` windows that cover each spatial axis evenly.

    Window i of m over n elements reaches from floor(i n / m) to ceil((i + 1) n / m).

    Args:
        inputs: tensor (batch, spatial..., channels) or array-like.
        output_size: number of windows, an integer or one for each spatial axis.
        data_format: "channels_last" (batch, ..., channels) or "channels_first" (batch, channels,
            ...); by default the setting of the backend.

    Shapes:
        (batch, spatial..., channels) -> (batch, output_size..., channels)

    Example:
        >>> import lamina as lm
        >>> lm.nn.adaptive_max_pool(lm.ones((1, 5, 5, 3)), 2).shape
        (1, 2, 2, 3)
    """
    return _adaptive("adaptive_max_pool", "max", as_tensor(inputs), output_size, data_format)


def _adaptive(function: str, kind: str, x: Tensor, size: Any, data_format: str | None) -> Tensor:
    rank = need_rank(function, x)
    data = channels_last(function, widened(x), data_format)
    for axis, count in enumerate(per_axis(function, "output_size", size, rank), 1):
        data = _along(function, kind, data, axis, count)
    return channels_back(as_tensor(data, x.dtype), data_format)


def _along(function: str, kind: str, x: Tensor, axis: int, count: int) -> Tensor:
    n = x.shape[axis]
    if not is_static(n):
        raise ShapeError(
            f"{function}: the extent {n} of axis {axis} must be known",
            hint="give the Input a height and a width, or put Resizing in front",
        )
    extent = int(n)
    reduce = reductions.mean if kind == "mean" else reductions.max
    bounds = ((i * extent // count, -(-(i + 1) * extent // count)) for i in range(count))
    if extent % count == 0:
        shape = (*x.shape[:axis], count, extent // count, *x.shape[axis + 1 :])
        return reduce(bind("reshape", x, shape=shape), axis + 1)
    parts = [reduce(sliced(x, axis, a, z), axis, keepdims=True) for a, z in bounds]
    return concat(parts, axis=axis)
