"""Legalization of convolutions: explicit padding, no products with inserted zeros.

    padding                             -> of a materialized padded copy
    output features not contiguous      -> of a materialized, transposed kernel
    input dilated by d                  -> polyphase decomposition: d convolutions of the undilated
                                           input, interleaved; for few results, operands exchanged
    3x3 with many features              -> Winograd's algorithm (winograd.py)

Gradients of strided convolutions, and transposed convolutions, have a dilated input. An output y
reads only the taps k for which y s + k e - low is a multiple of d. The set of these taps repeats
with a period of d / gcd(d, s) outputs. The outputs of one residue form a phase: an ordinary
convolution of x with stride s / gcd(d, s), with every d / gcd(d, e)th tap of the kernel, dilated by
e / gcd(d, e).

Legality: always; polyphase decomposition needs known extents. Profitability: at most `Costs.phases`
phases; Winograd's algorithm by `Costs.winograd_gain`. Changes bits: the order of sums.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.engines.llvm.graph.materialize import Materialized, materialize
from lamina.engines.llvm.graph.partitions import interleaved
from lamina.engines.llvm.graph.sequences import row_axis
from lamina.engines.llvm.graph.winograd import pays, pays_for_kernel, winograd, winograd_to_kernel
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.types import is_static
from lamina.settings import settings

REORDERED = ("transpose", "reverse")


def is_weights_gradient(node: Node) -> bool:
    """True for a convolution that reduces over the rows of a batch."""
    return node.op == "convolution" and node.params["lhs_spec"][1] == row_axis(node.args[0])


def convolution(node: Node, materialized: Materialized) -> Node:
    """Return the legalized convolution."""
    if _is_narrow(node):
        return _operands_exchanged(node, materialized)
    axes = _axes(node)
    if axes is not None and math.prod(a.period for a in axes) <= materialized.target.costs.phases:
        return _polyphase(node, axes, materialized)
    x, w = node.args
    if settings.winograd and pays(node, materialized):
        return winograd(
            node, _features_innermost(w, node.params["rhs_spec"], materialized), materialized
        )
    if settings.winograd and pays_for_kernel(node, materialized):
        return winograd_to_kernel(node, materialized)
    p = node.params
    x = _padded_input(x, p, materialized)
    plain = {"padding": ((0, 0),) * (x.ndim - 2), "lhs_dilation": (1,) * (x.ndim - 2)}
    w = _features_innermost(w, p["rhs_spec"], materialized)
    return ops.convolution(x, w, **{**p, **plain, "rhs_spec": _features_last(w)})


def _padded_input(x: Node, p: Mapping[str, Any], materialized: Materialized) -> Node:
    """Slice and pad x as the padding and dilation demand; a padded x is materialized, also if a
    layer padded it."""
    if x.op == "pad":
        x = materialize(x, materialized)
    begin, end = [0] * x.ndim, list(x.shape)
    low, high, inner = ([0] * x.ndim for _ in range(3))
    rows = zip(p["lhs_spec"][2:], p["padding"], p["lhs_dilation"], strict=True)
    for axis, (before, after), dilation in rows:
        first, last = max(-before, 0), end[axis] + min(after, 0)
        if dilation == 1 and is_static(last) and first <= last:
            begin[axis], end[axis] = first, last
            before, after = max(before, 0), max(after, 0)
        low[axis], high[axis], inner[axis] = before, after, dilation - 1
    if any(begin) or end != list(x.shape):
        x = _slice(x, begin, end)
    if not any((*low, *high, *inner)):
        return x
    return materialize(_padded(x, low, high, inner), materialized)


def _padded(x: Node, low: Sequence[int], high: Sequence[int], inner: Sequence[int]) -> Node:
    zero = ops.fill(0, shape=(), dtype=x.dtype)
    return ops.pad(x, zero, edge_padding_low=low, edge_padding_high=high, interior_padding=inner)


def _kernel(w: Node, spec: Sequence[int]) -> Node:
    """Return the kernel as (window..., inputs, outputs)."""
    return ops.transposed(w, (*spec[2:], spec[1], spec[0]))


def _features_innermost(w: Node, spec: Sequence[int], materialized: Materialized) -> Node:
    """Return the kernel with its output features innermost, materialized if that moves elements."""
    kernel = _kernel(w, spec)
    return (
        materialize(kernel, materialized) if spec[0] != w.ndim - 1 or w.op in REORDERED else kernel
    )


def _features_last(w: Node) -> tuple[int, ...]:
    return (w.ndim - 1, w.ndim - 2, *range(w.ndim - 2))


# conv(x dilated by d, w) -> reversed(conv(w, x as a kernel dilated by d))
def _operands_exchanged(node: Node, materialized: Materialized) -> Node:
    """out[y] = sum over q of x[q] w[q d + low - y]: the gradient with respect to the kernel of a
    transposed convolution. Its few outputs would not divide evenly into phases."""
    (x, w), p = node.args, node.params
    out_batch, out_feature, *out_space = p["out_spec"]
    padding = []
    lists = (p["out_spec"][2:], p["lhs_spec"][2:], p["rhs_spec"][2:], p["lhs_dilation"])
    for (low, _), out, axis, tap, d in zip(p["padding"], *lists, strict=True):
        before = int(node.shape[out]) - 1 - low
        reach = (x.shape[axis] - 1) * d + node.shape[out] - w.shape[tap]
        padding.append((before, reach - before))
    exchanged = {
        "padding": tuple(padding),
        "lhs_dilation": p["rhs_dilation"],
        "rhs_dilation": p["lhs_dilation"],
        "lhs_spec": p["rhs_spec"],
        "rhs_spec": p["lhs_spec"],
        "out_spec": (out_feature, out_batch, *out_space),
    }
    found = convolution(ops.convolution(w, x, **{**p, **exchanged}), materialized)
    return ops.reverse(found, dimensions=tuple(out_space))


def _is_narrow(node: Node) -> bool:
    """True if there are fewer outputs than taps, and the two operands can be exchanged."""
    w, p = node.args[1], node.params
    ones = [*p["window_strides"], *p["rhs_dilation"]]
    ones += [p["feature_group_count"], p["batch_group_count"]]
    outputs = [node.shape[d] for d in p["out_spec"][2:]]
    taps = [w.shape[d] for d in p["rhs_spec"][2:]]
    inputs = [node.args[0].shape[d] for d in p["lhs_spec"][2:]]
    known = is_static((*outputs, *taps, *inputs)) and 0 not in (*outputs, *taps, *inputs)
    spread = any(d > 1 for d in p["lhs_dilation"])
    return known and spread and all(n == 1 for n in ones) and math.prod(outputs) < math.prod(taps)


# ---- polyphase decomposition -----------------------------------------------------------------
@dataclass(frozen=True)
class _Phase:
    """Along one axis: every `step`th tap from `first` on, `taps` of them; the first output reads
    the input from `begin` on, the last output up to before `end`."""

    first: int
    step: int
    taps: int
    begin: int
    end: int


@dataclass(frozen=True)
class _Axis:
    """One spatial axis: output q * period + r is output q of phase r."""

    period: int
    outputs: int  # of each phase
    stride: int
    dilation: int
    phases: list[_Phase]

    @property
    def low(self) -> int:
        """Return the number of zeros that some phase reads before the input."""
        return max([0, *(-f.begin for f in self.phases if f.taps)])

    def high(self, extent: int) -> int:
        """Return the number of zeros that some phase reads after the input."""
        return max([0, *(f.end - extent for f in self.phases if f.taps)])


def _axes(node: Node) -> list[_Axis] | None:
    """Return the spatial axes, if the input is dilated and all extents are known."""
    (x, w), p = node.args, node.params
    dilations = p["lhs_dilation"]
    window = [w.shape[d] for d in p["rhs_spec"][2:]]
    outputs = [node.shape[d] for d in p["out_spec"][2:]]
    inputs = [x.shape[d] for d in p["lhs_spec"][2:]]
    if all(d == 1 for d in dilations) or not is_static((*window, *outputs, *inputs)):
        return None
    if 0 in (*window, *outputs, *inputs):
        return None
    lows = [low for low, _ in p["padding"]]
    lists = (outputs, window, p["window_strides"], dilations, p["rhs_dilation"], lows)
    return [_axis(*row) for row in zip(*lists, strict=True)]


def _axis(outputs: Any, window: Any, stride: int, d: int, gap: int, low: int) -> _Axis:
    period = d // math.gcd(d, stride)
    each = -(-outputs // period)
    steps, tap_step = stride // math.gcd(d, stride), gap // math.gcd(d, gap)
    phases = []
    for r in range(period):
        taps = [k for k in range(window) if (r * stride + k * gap - low) % d == 0]
        first = taps[0] if taps else 0
        begin = (r * stride + first * gap - low) // d
        end = begin + (each - 1) * steps + (len(taps) - 1) * tap_step + 1
        phases.append(_Phase(first, d // math.gcd(d, gap), len(taps), begin, end))
    return _Axis(period, each, steps, tap_step, phases)


def _polyphase(node: Node, axes: Sequence[_Axis], materialized: Materialized) -> Node:
    (x, w), p = node.args, node.params
    space, out_space = p["lhs_spec"][2:], p["out_spec"][2:]
    low, high = [0] * x.ndim, [0] * x.ndim
    for d, axis in zip(space, axes, strict=True):
        low[d], high[d] = axis.low, axis.high(int(x.shape[d]))
    if any(low) or any(high):
        x = materialize(_padded(x, low, high, [0] * x.ndim), materialized)
    w = _kernel(w, p["rhs_spec"])
    count = len(axes)
    changed = {
        **p,
        "padding": ((0, 0),) * count,
        "lhs_dilation": (1,) * count,
        "window_strides": tuple(a.stride for a in axes),
        "rhs_dilation": tuple(a.dilation for a in axes),
        "rhs_spec": _features_last(w),
    }
    shape = list(node.shape)
    for d, axis in zip(out_space, axes, strict=True):
        shape[d] = axis.outputs
    split = [k for k, a in enumerate(axes) if a.period > 1]
    parts = {}
    for residues in itertools.product(*(range(a.period) for a in axes)):
        phases = [a.phases[r] for a, r in zip(axes, residues, strict=True)]
        if all(f.taps for f in phases):
            kernel = materialize(_taps_of(w, phases), materialized)
            part = ops.convolution(_input_of(x, space, low, phases), kernel, **changed)
        else:
            part = ops.fill(0, shape=tuple(shape), dtype=node.dtype)
        parts[tuple(residues[k] for k in split)] = part
    if not split:
        return part
    wide = interleaved(parts, [out_space[k] for k in split], [axes[k].period for k in split])
    return _cut(wide, node.shape)


def _taps_of(w: Node, phases: Sequence[_Phase]) -> Node:
    """Return the taps of a phase."""
    last = [f.first + (f.taps - 1) * f.step + 1 for f in phases]
    return ops.slice(
        w,
        start_indices=(*(f.first for f in phases), 0, 0),
        limit_indices=(*last, *w.shape[-2:]),
        strides=(*(f.step for f in phases), 1, 1),
    )


def _input_of(x: Node, space: Sequence[int], low: Sequence[int], phases: Sequence[_Phase]) -> Node:
    """Return the part of the padded input that the phase reads."""
    begin, end = [0] * x.ndim, list(x.shape)
    for d, phase in zip(space, phases, strict=True):
        begin[d], end[d] = phase.begin + low[d], phase.end + low[d]
    return _slice(x, begin, end)


def _cut(x: Node, shape: Sequence[object]) -> Node:
    """Drop outputs past the end, which the last phases may have."""
    return _slice(x, [0] * x.ndim, list(shape)) if list(x.shape) != list(shape) else x


def _slice(x: Node, begin: Sequence[object], end: Sequence[object]) -> Node:
    return ops.slice(x, start_indices=begin, limit_indices=end, strides=(1,) * x.ndim)
