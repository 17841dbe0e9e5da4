"""Convolutions and reductions over windows in `jax.lax`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from math import prod
from typing import Any

import numpy as np
from jax import lax

from lamina.engines.xla.elementwise import Params
from lamina.engines.xla.reductions import COMBINE, neutral, with_nan
from lamina.ir.graph import Node

FEW = 64  # places of a window up to which each is written as a separate array


def _convolution(node: Node, xs: list[Any], p: Params) -> Any:
    lhs, rhs = xs
    return lax.conv_general_dilated(
        lhs,
        rhs,
        window_strides=tuple(p["window_strides"]),
        padding=tuple(p["padding"]),
        lhs_dilation=tuple(p["lhs_dilation"]),
        rhs_dilation=tuple(p["rhs_dilation"]),
        dimension_numbers=lax.ConvDimensionNumbers(
            tuple(p["lhs_spec"]), tuple(p["rhs_spec"]), tuple(p["out_spec"])
        ),
        feature_group_count=p["feature_group_count"],
        batch_group_count=p["batch_group_count"],
        precision=lax.Precision.HIGHEST,
        preferred_element_type=xs[0].dtype,
    )


@dataclass(frozen=True)
class _Windows:
    """The positions of the windows of an array."""

    shape: Sequence[int]  # of the array
    sizes: Sequence[int]
    strides: Sequence[int]
    padding: Sequence[tuple[int, int]]
    dilations: Sequence[int]
    counts: Sequence[int]

    def offsets(self) -> list[tuple[int, ...]]:
        """The places within a window, in C order."""
        return list(itertools.product(*map(range, self.sizes)))

    def low(self, offset: Sequence[int]) -> list[int]:
        """The position in the array of this place of the first window, along each axis."""
        steps = zip(offset, self.dilations, self.padding, strict=True)
        return [k * d - low for k, d, (low, _) in steps]

    def taken(self, x: Any, value: Any, offset: Sequence[int]) -> Any:
        """The element at this place of every window; `value` beyond the edges."""
        config = []
        for n, first, step, count in zip(
            self.shape, self.low(offset), self.strides, self.counts, strict=True
        ):
            end = first + (count - 1) * step + 1
            config.append((-first, end - n, 0))
        wide = lax.pad(x, value, config)
        return lax.slice(wide, [0] * x.ndim, wide.shape, self.strides)

    def put(self, elements: Any, offset: Sequence[int]) -> Any:
        """An array with the elements at this place of their windows, and 0 elsewhere; the inverse
        of `taken`."""
        config = []
        for n, first, step, count in zip(
            self.shape, self.low(offset), self.strides, self.counts, strict=True
        ):
            end = first + (count - 1) * step + 1
            config.append((first, n - end, step - 1))
        return lax.pad(elements, elements.dtype.type(0), config)


def _windows(x: Any, counts: Sequence[int], p: Params) -> _Windows:
    dilations = p.get("window_dilations", (1,) * x.ndim)
    sizes, strides = tuple(p["window_dimensions"]), tuple(p["window_strides"])
    return _Windows(x.shape, sizes, strides, tuple(p["padding"]), tuple(dilations), counts)


def _reduce_window(node: Node, xs: list[Any], p: Params) -> Any:
    (x,), kind = xs, p["kind"]
    if kind.startswith("arg"):
        windows = _windows(x, _counts(x, p), p)
        return _first_extreme(x, kind.removeprefix("arg"), windows, padding_wins=True)
    if prod(p["window_dimensions"]) <= FEW:
        return _elementwise(x, kind, _windows(x, _counts(x, p), p))
    value = _over_windows(x, neutral(kind, x.dtype), COMBINE[kind], p)
    any_of = partial(_over_windows, start=np.False_, combine=lax.bitwise_or, p=p)
    return with_nan(x, value, any_of, kind)


def _over_windows(x: Any, start: Any, combine: Any, p: Params) -> Any:
    """Padded first: XLA's CPU backend (jaxlib 0.10.2) reads within x where a padded window reaches
    beyond an axis of extent 1 of a large array."""
    wide = lax.pad(x, start, [(low, high, 0) for low, high in p["padding"]])
    wide = lax.optimization_barrier(wide)  # else XLA makes one window of both again
    return lax.reduce_window(
        wide,
        start,
        combine,
        tuple(p["window_dimensions"]),
        tuple(p["window_strides"]),
        ((0, 0),) * x.ndim,
        None,
        tuple(p["window_dilations"]),
    )


def _elementwise(x: Any, kind: str, windows: _Windows) -> Any:
    """One array for each place of the window, combined in C order; it keeps NaN, and XLA vectorizes
    it."""
    start = neutral(kind, x.dtype)
    return reduce(COMBINE[kind], [windows.taken(x, start, k) for k in windows.offsets()])


def _counts(x: Any, p: Params) -> list[int]:
    found = []
    dilations = p.get("window_dilations", (1,) * x.ndim)
    rows = zip(
        x.shape, p["window_dimensions"], p["window_strides"], p["padding"], dilations, strict=True
    )
    for n, w, s, (low, high), d in rows:
        alone = (w, s, low, high) == (1, 1, 0, 0)
        found.append(n if alone else (n + low + high - (w - 1) * d - 1) // s + 1)
    return found


def _first_extreme(x: Any, kind: str, windows: _Windows, padding_wins: bool) -> Any:
    """The first place in C order of each window's extreme, int32. A NaN is more extreme than
    any number. Unless `padding_wins`, what is beyond the edges is taken last."""
    start = neutral(kind, x.dtype)
    inside = None if padding_wins else lax.full(x.shape, 1, np.uint8)
    best: Any = None
    for number, offset in enumerate(windows.offsets()):
        value = windows.taken(x, start, offset)
        own = None if inside is None else windows.taken(inside, np.uint8(0), offset) == 1
        if best is None:
            best = value, lax.full(value.shape, number, np.int32), own
            continue
        better = _better(kind, value, best[0])
        if own is not None:
            better = (better | ((value == best[0]) & ~best[2])) & own
        place = lax.select(better, lax.full_like(best[1], number), best[1])
        best = lax.select(better, value, best[0]), place, own if own is None else best[2] | own
    return best[1]


def _better(kind: str, value: Any, best: Any) -> Any:
    better = (lax.gt if kind == "max" else lax.lt)(value, best)
    if value.dtype.kind != "f":
        return better
    return (better | lax.ne(value, value)) & lax.eq(best, best)


def _select_and_scatter(node: Node, xs: list[Any], p: Params) -> Any:
    """Sums of arrays that hold the chosen elements of one place of the window, and 0 elsewhere: no
    scatter, whose order a GPU would not keep. Windows of many places are scattered all the same."""
    x, source = xs
    windows = _windows(x, source.shape, p)
    if source.size == 0:
        return lax.full_like(x, 0)
    place = _first_extreme(x, p["kind"], windows, padding_wins=False)
    if prod(windows.sizes) > FEW:
        return _scattered(x, source, place, windows)
    total = lax.full_like(x, 0)
    for number, offset in enumerate(windows.offsets()):
        chosen = lax.select(place == number, source, lax.full_like(source, 0))
        total = total + windows.put(chosen, offset)
    return total


def _scattered(x: Any, source: Any, place: Any, windows: _Windows) -> Any:
    at, rest = [], place
    for axis in reversed(range(x.ndim)):
        within = rest % np.int32(windows.sizes[axis])
        rest = rest // np.int32(windows.sizes[axis])
        number = lax.broadcasted_iota(np.int32, source.shape, axis)
        low = windows.padding[axis][0]
        at.append(number * np.int32(windows.strides[axis]) + within - np.int32(low))
    places = lax.concatenate([lax.expand_dims(a, [x.ndim]) for a in reversed(at)], x.ndim)
    every = tuple(range(x.ndim))
    numbers = lax.ScatterDimensionNumbers((), every, every)
    zeros, mode = lax.full_like(x, 0), lax.GatherScatterMode.FILL_OR_DROP
    return lax.scatter_add(zeros, places, source, numbers, mode=mode)


ROWS = {
    "convolution": _convolution,
    "reduce_window": _reduce_window,
    "select_and_scatter": _select_and_scatter,
}
