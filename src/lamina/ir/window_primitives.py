"""Primitives over windows: convolution, reductions, and the gradient of the extremes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.ir.primitive import computes, need, need_dtype, primitive
from lamina.ir.types import Dim, Shape, TensorType, int32, is_static
from lamina.ir.windows import spread, window_count

WINDOW_KINDS = ("sum", "max", "min")


@primitive
def convolution(
    lhs: TensorType,
    rhs: TensorType,
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    lhs_spec: Sequence[int],
    rhs_spec: Sequence[int],
    out_spec: Sequence[int],
    feature_group_count: int = 1,
    batch_group_count: int = 1,
) -> TensorType:
    """Each window of lhs times the kernel rhs, summed over the window and its features.

        out[n, y, o] = sum over k, i of lhs[n, y stride + k rhs_dilation - low, i] rhs[k, i, o]

    The kernel is not flipped. Positions count lhs with lhs_dilation - 1 zeros between neighbors,
    and zeros beyond its edges; negative padding cuts. Specs name axes: lhs_spec and out_spec
    (batch, feature, *spatial), rhs_spec (output feature, input feature, *spatial). Feature groups:
    part k of lhs's features meets part k of rhs's outputs only. Batch groups: part k of lhs's
    batch does, and the parts are adjacent among the result's features.
    """
    name, n = "convolution", lhs.ndim - 2
    ok = lhs.dtype == rhs.dtype and lhs.dtype.kind in "iuf" and computes(lhs)
    need_dtype(ok, name, "(C1) operands must have one numeric dtype", lhs.dtype, rhs.dtype)
    need(lhs.ndim == rhs.ndim and n >= 1, name, "(C2) ranks must be equal, at least 3", lhs, rhs)
    specs = (lhs_spec, rhs_spec, out_spec)
    ok = all(sorted(s) == list(range(n + 2)) for s in specs)
    need(ok, name, "(C3) each spec must name every axis once", *specs)
    lists = (window_strides, padding, lhs_dilation, rhs_dilation)
    need(all(len(x) == n for x in lists), name, f"(C4) needs {n} of each", *map(tuple, lists))
    _positive(name, "(C5)", window_strides, lhs_dilation, rhs_dilation)
    batch, feature, *space = (lhs.shape[d] for d in lhs_spec)
    outputs, inputs, *window = (rhs.shape[d] for d in rhs_spec)
    groups, parts = feature_group_count, batch_group_count
    ok = groups >= 1 and parts >= 1 and 1 in (groups, parts)
    need(ok, name, "(C6) groups are at least 1, of features or of the batch", groups, parts)
    ok = feature == inputs * groups
    what = f"lhs must have {groups} times the features that rhs takes"
    need(ok, name, f"(C7) {what}", lhs, rhs, feature, inputs)
    for extent, what in ((outputs, "rhs's output features"), (batch, "lhs's batch")):
        count = parts if what == "lhs's batch" else groups * parts
        ok = not is_static(extent) or extent % count == 0
        need(ok, name, f"(C8) {what} must divide by {count} groups", extent)
    wide = [spread(m, d) for m, d in zip(space, lhs_dilation, strict=True)]
    found = _windows(name, "(C9)", wide, window, window_strides, padding, rhs_dilation)
    shape: list[Dim] = [0] * lhs.ndim
    for axis, extent in zip(out_spec, (batch // parts, outputs, *found), strict=True):
        shape[axis] = extent
    return TensorType(tuple(shape), lhs.dtype)


@primitive
def reduce_window(
    x: TensorType,
    *,
    kind: str,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    window_dilations: Sequence[int],
) -> TensorType:
    """The sum, max or min of each window of x; elements beyond the edges are left out.

    One extent, stride, padding and dilation for each axis of x. A NaN in a window is its extreme.
    argmax and argmin give the first position of the extreme in its window, in C order, int32.
    """
    lists = (window_dimensions, window_strides, padding, window_dilations)
    _need_kind("reduce_window", (*WINDOW_KINDS, "argmax", "argmin"), kind, x)
    dtype = int32 if kind.startswith("arg") else x.dtype
    return TensorType(_over_windows("reduce_window", x, *lists), dtype)


@primitive
def select_and_scatter(
    x: TensorType,
    source: TensorType,
    *,
    kind: str,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> TensorType:
    """Zeros of x's shape, plus each element of source where its window of x has its extreme.

    kind: max or min. The first position in C order that holds the extreme gets it; a NaN is more
    extreme than any number. The windows are those of `reduce_window`, without dilation.
    """
    name = "select_and_scatter"
    _need_kind(name, WINDOW_KINDS[1:], kind, x)
    lists = (window_dimensions, window_strides, padding, [1] * x.ndim)
    shape = _over_windows(name, x, *lists)
    wanted = TensorType(shape, x.dtype)
    need(source == wanted, name, f"(C6) source must be {wanted}, one for each window", source)
    return x


def _need_kind(name: str, kinds: Sequence[str], kind: str, x: TensorType) -> None:
    need(kind in kinds, name, f"(C1) kind must be in {tuple(kinds)}", kind)
    ok = x.dtype.kind in "iuf" and computes(x)
    need_dtype(ok, name, "(C2) needs numbers that compute", x.dtype)


def _over_windows(
    name: str, x: TensorType, window: Any, strides: Any, padding: Any, dilations: Any
) -> Shape:
    lists = (window, strides, padding, dilations)
    ok = all(len(each) == x.ndim for each in lists)
    need(ok, name, "(C3) needs a window, stride, padding and dilation per axis", x, *lists)
    _positive(name, "(C4)", window, strides, dilations)
    return tuple(_windows(name, "(C5)", x.shape, window, strides, padding, dilations))


def _positive(name: str, number: str, *lists: Sequence[int]) -> None:
    ok = all(k >= 1 for each in lists for k in each)
    need(ok, name, f"{number} windows, strides and dilations must be at least 1", *lists)


def _windows(
    name: str,
    number: str,
    extents: Sequence[Dim],
    window: Sequence[Dim],
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilations: Sequence[int],
) -> list[Dim]:
    """Return the number of windows of each axis; an axis without a window may be empty."""
    found: list[Dim] = []
    for n, w, s, (low, high), d in zip(extents, window, strides, padding, dilations, strict=True):
        ok = is_static((low, high))
        need(ok, name, f"{number} padding needs integers: make spatial extents static", low, high)
        wide, reach = n + low + high, spread(w, d)
        ok = not is_static((wide, reach)) or wide >= reach or (n == 0 and w == 1)  # type: ignore[operator]
        what = f"{number} a window of {reach} does not fit into {wide}"
        need(ok, name, f"{what}, which is {n} padded by ({low}, {high})", *extents)
        alone = (w, s, low, high) == (1, 1, 0, 0)
        found.append(n if alone else window_count(n, w, s, low, high, d))
    return found
