"""Products, convolutions, reductions, windows and sorting as operators of ONNX."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.ir import types
from lamina.ir.graph import Node
from lamina.ir.types import Dim, same
from lamina.onnx.exporting.builder import Builder, row
from lamina.onnx.exporting.elementwise import number
from lamina.onnx.exporting.values import Value, inverse


# ---- products ----------------------------------------------------------------------------------
@row("dot_general")
def dot_general(b: Builder, node: Node, x: Value, y: Value) -> Value:
    """MatMul of (batch, rows, terms) and (batch, terms, columns), after transposes; axes of one
    kind are joined before."""
    p = node.params
    left = _axes(node.args[0].ndim, p["lhs_batching_dimensions"], p["lhs_contracting_dimensions"])
    right = _axes(node.args[1].ndim, p["rhs_batching_dimensions"], p["rhs_contracting_dimensions"])
    x, y = b.full(x, node.args[0].shape), b.full(y, node.args[1].shape)
    batch, rows, terms = left
    _, columns, other_terms = right
    is_plain = len(rows) >= 1 and len(columns) == 1 and len(terms) == 1 and not batch
    x = x.transposed((*batch, *rows, *terms))
    y = y.transposed((*right[0], *other_terms, *columns))
    if is_plain:  # MatMul broadcasts the rows of all axes
        return b.op("MatMul", [x, y], node.shape, node.dtype)
    count = len(batch)
    outer = tuple(x.shape[:count])
    m = math.prod(x.shape[count : count + len(rows)])
    k = math.prod(x.shape[count + len(rows) :])
    n = math.prod(y.shape[count + len(terms) :])
    product = b.op(
        "MatMul",
        [b.reshape(x, (*outer, m, k)), b.reshape(y, (*outer, k, n))],
        (*outer, m, n),
        node.dtype,
    )
    return b.reshape(product, node.shape)


Axes = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def _axes(ndim: int, batch: Sequence[int], contracted: Sequence[int]) -> Axes:
    free = tuple(d for d in range(ndim) if d not in batch and d not in contracted)
    return tuple(batch), free, tuple(contracted)


@row("convolution")
def convolution(b: Builder, node: Node, x: Value, w: Value) -> Value:
    """Conv of (batch, channels, spatial...); ConvTranspose if the input is dilated."""
    p = node.params
    if p["batch_group_count"] != 1:
        raise ArgumentError("export: the gradient of a convolution is part of the model")
    x, w = b.full(x, node.args[0].shape), b.full(w, node.args[1].shape)
    x, w = x.transposed(tuple(p["lhs_spec"])), w.transposed(tuple(p["rhs_spec"]))
    low = [a for a, _ in p["padding"]]
    high = [z for _, z in p["padding"]]
    out = tuple(p["out_spec"])
    shape = tuple(node.shape[k] for k in out)
    common = {"group": p["feature_group_count"], "dilations": list(p["rhs_dilation"])}
    if all(d == 1 for d in p["lhs_dilation"]):
        if min(low + high) < 0:
            x, low, high = _cut(b, x, low, high)
        found = b.op(
            "Conv",
            [x, w],
            shape,
            node.dtype,
            strides=list(p["window_strides"]),
            pads=low + high,
            kernel_shape=[int(n) for n in w.shape[2:]],
            **common,
        )
    else:
        found = _transposed(b, node, x, w, shape, low, high, common)
    return found.transposed(inverse(out))


def _cut(
    b: Builder, x: Value, low: list[int], high: list[int]
) -> tuple[Value, list[int], list[int]]:
    """Negative padding as a separate node."""
    pads = [0, 0, *(min(n, 0) for n in low), 0, 0, *(min(n, 0) for n in high)]
    shape = list(x.shape)
    for k, (a, z) in enumerate(zip(low, high, strict=True)):
        shape[2 + k] = shape[2 + k] + min(a, 0) + min(z, 0)
    cut = b.op("Pad", [x, b.integers(pads)], tuple(shape), x.dtype)
    return cut, [max(n, 0) for n in low], [max(n, 0) for n in high]


def _transposed(
    b: Builder,
    node: Node,
    x: Value,
    w: Value,
    shape: Sequence[Dim],
    low: list[int],
    high: list[int],
    common: dict[str, Any],
) -> Value:
    p = node.params
    if any(s != 1 for s in p["window_strides"]):
        raise ArgumentError("export: a convolution has strides of its input and of its window")
    group = common["group"]
    reach = [(int(n) - 1) * d + 1 for n, d in zip(w.shape[2:], p["rhs_dilation"], strict=True)]
    first = [r - 1 - a for r, a in zip(reach, low, strict=True)]
    last = [r - 1 - z for r, z in zip(reach, high, strict=True)]
    if min(first) < 0:
        raise ArgumentError("export: a transposed convolution has more padding than its window")
    weights = _flipped(b, w, group)
    return b.op(
        "ConvTranspose",
        [x, weights],
        tuple(shape),
        node.dtype,
        strides=list(p["lhs_dilation"]),
        pads=first + [max(n, 0) for n in last],
        output_padding=[max(-n, 0) for n in last],
        kernel_shape=[int(n) for n in w.shape[2:]],
        **common,
    )


def _flipped(b: Builder, w: Value, group: int) -> Value:
    """(channels, features of a group, spatial...) of (features, channels of a group, ...), with the
    window reversed."""
    features, channels, *window = (int(n) for n in w.shape)
    ends = tuple(range(2, w.ndim))
    if w.array is not None:
        array = np.flip(w.array, ends).reshape(group, features // group, channels, *window)
        array = np.swapaxes(array, 1, 2).reshape(group * channels, features // group, *window)
        return b.constant(np.ascontiguousarray(array), w.dtype, w.hint)
    ones = b.integers([-1] * len(ends))
    stop = b.integers([np.iinfo(np.int64).min] * len(ends))
    turned = b.op("Slice", [w, ones, stop, b.integers(ends), ones], w.shape, w.dtype)
    parts = b.reshape(turned, (group, features // group, channels, *window))
    order = (0, 2, 1, *range(3, 3 + len(window)))
    return b.reshape(parts.transposed(order), (group * channels, features // group, *window))


# ---- reductions --------------------------------------------------------------------------------
_REDUCTIONS = {"sum": "ReduceSum", "product": "ReduceProd", "max": "ReduceMax", "min": "ReduceMin"}


@row("reduce")
def reduce(b: Builder, node: Node, x: Value) -> Value:
    kind, axes = node.params["kind"], [int(d) for d in node.params["dimensions"]]
    own = node.args[0].shape
    if kind in ("and", "or"):
        if node.dtype.kind != "b":
            raise ArgumentError("export: bits of integers are combined along an axis")
        numbers = b.op("Cast", [b.full(x, own)], own, types.int32, to=6)
        most = "ReduceMin" if kind == "and" else "ReduceMax"
        found = _reduced(b, most, numbers, axes, node.shape)
        return b.op("Cast", [found], node.shape, types.bool_, to=9)
    if kind.startswith("arg"):
        operator = "ArgMax" if kind == "argmax" else "ArgMin"
        places = b.op(operator, [b.full(x, own)], node.shape, types.int64, axis=axes[0], keepdims=0)
        return b.op("Cast", [places], node.shape, node.dtype, to=6)
    if x.source is not None and not x.name and not [n for n in x.shape if same(n, 1)]:
        inner = sorted(x.permutation[a] for a in axes)
        kept = [p for p in x.permutation if p not in inner]
        order = tuple(sorted(kept).index(p) for p in kept)
        shape = tuple(x.source.shape[k] for k in sorted(kept))
        return _reduced(b, _REDUCTIONS[kind], x.source, inner, shape).transposed(order)
    return _reduced(b, _REDUCTIONS[kind], b.full(x, own), axes, node.shape)


def _reduced(b: Builder, kind: str, x: Value, axes: list[int], shape: Sequence[Dim]) -> Value:
    if not axes:
        return x
    if b.shared.opset >= 18 or kind == "ReduceSum":
        return b.op(kind, [x, b.integers(axes)], tuple(shape), x.dtype, keepdims=0)
    return b.op(kind, [x], tuple(shape), x.dtype, axes=axes, keepdims=0)


# ---- windows -----------------------------------------------------------------------------------
@row("reduce_window")
def reduce_window(b: Builder, node: Node, x: Value) -> Value:
    """MaxPool, or AveragePool times the size of the window, over the axes that have windows."""
    p = node.params
    own = node.args[0].shape
    spatial = [
        k
        for k in range(len(own))
        if p["window_dimensions"][k] != 1 or p["window_strides"][k] != 1 or any(p["padding"][k])
    ]
    kind = p["kind"]
    if kind not in ("max", "min", "sum"):
        raise ArgumentError(f"export: positions of the {kind} of windows")
    if not 1 <= len(spatial) <= 3 or not node.dtype.is_float:
        raise ArgumentError(
            f"export: windows over {len(spatial)} axes of {node.dtype} (expected 1 to 3, of floats)"
        )
    rest = [k for k in range(len(own)) if k not in spatial]
    order = (*rest, *spatial)
    moved = b.full(x, own).transposed(order)
    lead = tuple(own[k] for k in rest)
    pair = lead if len(lead) == 2 else (1, math.prod(lead)) if len(lead) != 1 else (1, *lead)
    planes = b.reshape(moved, (*pair, *(own[k] for k in spatial)))
    window = [int(p["window_dimensions"][k]) for k in spatial]
    pads = [p["padding"][k][0] for k in spatial] + [p["padding"][k][1] for k in spatial]
    attributes: dict[str, Any] = {
        "kernel_shape": window,
        "strides": [int(p["window_strides"][k]) for k in spatial],
        "pads": pads,
    }
    gaps = [int(p["window_dilations"][k]) for k in spatial]
    if any(g != 1 for g in gaps):
        if kind == "sum" and b.shared.opset < 19:
            raise ArgumentError("export: dilated windows (expected opset_version of at least 19)")
        attributes["dilations"] = gaps
    shape = (*pair, *(node.shape[k] for k in spatial))
    if kind == "sum":
        mean = b.op("AveragePool", [planes], shape, node.dtype, count_include_pad=1, **attributes)
        found = b.elementwise("Mul", [mean, number(b, math.prod(window), x)], node.dtype)
    else:
        if kind == "min":
            planes = b.elementwise("Neg", [planes], node.dtype)
        found = b.op("MaxPool", [planes], shape, node.dtype, **attributes)
        if kind == "min":
            found = b.elementwise("Neg", [found], node.dtype)
    whole = b.reshape(found, (*lead, *(node.shape[k] for k in spatial)))
    return whole.transposed(inverse(order))


# ---- sorting -----------------------------------------------------------------------------------
@row("sort")
def sort(b: Builder, node: Node, *xs: Value) -> list[Value]:
    """TopK of all elements along the axis; other operands follow by GatherElements."""
    p = node.params
    if p["num_keys"] != 1:
        raise ArgumentError("export: sorting by several keys")
    axis, shape = p["dimension"], node.args[0].shape
    full = [b.full(x, arg.shape) for x, arg in zip(xs, node.args, strict=True)]
    key = full[0]
    if key.dtype.kind == "b":
        key = b.op("Cast", [key], shape, types.int32, to=6)
    values, places = b.ops(
        "TopK",
        [key, b.extent(shape[axis])],
        [(shape, key.dtype), (shape, types.int64)],
        axis=axis,
        largest=int(p["descending"]),
        sorted=1,
    )
    if xs[0].dtype.kind == "b":
        values = b.op("Cast", [values], shape, types.bool_, to=9)
    others = [b.op("GatherElements", [x, places], shape, x.dtype, axis=axis) for x in full[1:]]
    return [values, *others]
