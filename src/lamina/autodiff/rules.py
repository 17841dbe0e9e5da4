"""Reverse-mode rules: the cotangents of each primitive's operands, one row per primitive.

    VJP[name](g, out, *args, **params) -> (cotangent or None, ...), one per operand

`g` is the cotangent of `out`, the node itself; of a primitive with several results, a list with
None where nothing came back. None as a cotangent means zero. Rows never ask for the value of an
extent, so they hold for symbolic ones, and they are differentiable themselves. `NO_VJP` says why a
primitive has no row. Longer rows live in `shape_rules.py`, `indexing_rules.py`, `window_rules.py`
and `scan.py`.

Where a function has a corner, the row's choice is: ties of maximum and minimum are shared evenly,
but against a constant nothing passes at the tie (so relu'(0) = 0); abs'(0) = 0; clamp passes at its
bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.autodiff.branches import if_rule
from lamina.autodiff.indexing_rules import (
    dynamic_slice_rule,
    dynamic_update_slice_rule,
    gather_rule,
    scatter_rule,
)
from lamina.autodiff.scan import scan_rule
from lamina.autodiff.shape_rules import (
    broadcast_rule,
    concatenate_rule,
    dot_general_rule,
    pad_rule,
    reduce_rule,
    slice_rule,
    sort_rule,
    transpose_rule,
)
from lamina.autodiff.window_rules import (
    convolution_rule,
    reduce_window_rule,
    select_and_scatter_rule,
)
from lamina.ir import ops
from lamina.ir.graph import Node

Cotangents = tuple[Node | None, ...]
Rule = Callable[..., Cotangents]


def scaled(x: Node, factor: float) -> Node:
    """x times a number."""
    return ops.multiply(x, ops.fill(factor, x))


def _plus(x: Node, number: float) -> Node:
    return ops.add(x, ops.fill(number, x))


def _complement(x: Node) -> Node:
    return ops.subtract(ops.fill(1.0, x), x)


def _where(condition: Node, g: Node) -> Node:
    return ops.select(condition, g, ops.fill(0.0, g))


def constant_value(node: Node) -> np.ndarray | None:
    """The value of a constant, or the one that a broadcast constant repeats; else None."""
    while node.op == "broadcast_in_dim":
        node = node.args[0]
    return node.params["value"] if node.op == "constant" else None


# ---- elementwise rows longer than a line -------------------------------------------------------
def _divide(g: Node, out: Node, x: Node, y: Node) -> Cotangents:
    to_x = ops.divide(g, y)
    return to_x, ops.negate(ops.multiply(to_x, out))


def _remainder(g: Node, out: Node, x: Node, y: Node) -> Cotangents:
    """x - y trunc(x / y), where trunc is locally constant."""
    quotient = ops.divide(x, y)
    truncated = ops.multiply(ops.sign(quotient), ops.floor(ops.abs_(quotient)))
    return g, ops.negate(ops.multiply(g, truncated))


def _power(g: Node, out: Node, x: Node, y: Node) -> Cotangents:
    """y x^(y-1) and x^y log(x); where y = 0 the first is 0, where x = 0 the second is."""
    exponent = constant_value(y)
    if exponent is not None and exponent.size and np.all(exponent == exponent.flat[0]):
        return _power_by(g, x, float(exponent.flat[0])), None
    one, zero = ops.fill(1.0, x), ops.fill(0.0, x)
    slope = ops.multiply(y, ops.power(x, ops.subtract(y, one)))
    slope = ops.select(ops.compare(y, zero, direction="EQ"), zero, slope)
    logarithm = ops.log(ops.select(ops.compare(x, zero, direction="EQ"), one, x))
    return ops.multiply(g, slope), ops.multiply(g, ops.multiply(out, logarithm))


def _power_by(g: Node, x: Node, n: float) -> Node | None:
    """The gradient of x^n with a known n: the small ones without a power."""
    if n == 0:
        return None
    slopes = {1.0: lambda: ops.fill(1.0, x), 2.0: lambda: x, 3.0: lambda: ops.multiply(x, x)}
    slope = slopes.get(n, lambda: ops.power(x, ops.fill(n - 1, x)))()
    return g if n == 1 else ops.multiply(g, scaled(slope, n))


def _extreme(direction: str) -> Rule:
    def rule(g: Node, out: Node, x: Node, y: Node) -> Cotangents:
        if constant_value(y) is not None:  # out, unlike x, is kept for the next layer anyway
            return _where(ops.compare(out, y, direction=direction), g), None
        if constant_value(x) is not None:
            return None, _where(ops.compare(out, x, direction=direction), g)
        shared = _where(ops.compare(x, y, direction="EQ"), scaled(g, 0.5))
        to_x = ops.select(ops.compare(x, y, direction=direction), g, shared)
        return to_x, ops.select(ops.compare(y, x, direction=direction), g, shared)

    return rule


def _clamp(g: Node, out: Node, low: Node, x: Node, high: Node) -> Cotangents:
    above, below = ops.compare(x, low, direction="GE"), ops.compare(x, high, direction="LE")
    cut_low = ops.and_(ops.compare(x, low, direction="LT"), ops.compare(low, high, direction="LE"))
    cut_high = ops.compare(ops.maximum(x, low), high, direction="GT")
    return _where(cut_low, g), _where(ops.and_(above, below), g), _where(cut_high, g)


def _atan2(g: Node, out: Node, y: Node, x: Node) -> Cotangents:
    scale = ops.divide(g, ops.add(ops.multiply(x, x), ops.multiply(y, y)))
    return ops.multiply(scale, x), ops.negate(ops.multiply(scale, y))


def _convert(g: Node, out: Node, x: Node, **params: Any) -> Cotangents:
    return (ops.convert(g, dtype=x.dtype) if x.dtype.is_float else None,)


def _erf(g: Node, out: Node, x: Node) -> Cotangents:
    slope = scaled(ops.exponential(ops.negate(ops.multiply(x, x))), 2 / math.sqrt(math.pi))
    return (ops.multiply(g, slope),)


def _reverse(g: Node, out: Node, x: Node, *, dimensions: tuple[int, ...]) -> Cotangents:
    return (ops.reverse(g, dimensions=dimensions),)


# ---- the rows ----------------------------------------------------------------------------------
def _elementwise() -> dict[str, Rule]:
    return {
        # of one
        "exponential": lambda g, out, x: (ops.multiply(g, out),),
        "exponential_minus_one": lambda g, out, x: (ops.multiply(g, _plus(out, 1.0)),),
        "log": lambda g, out, x: (ops.divide(g, x),),
        "log_plus_one": lambda g, out, x: (ops.divide(g, _plus(x, 1.0)),),
        "tanh": lambda g, out, x: (ops.multiply(g, _complement(ops.multiply(out, out))),),
        "logistic": lambda g, out, x: (ops.multiply(g, ops.multiply(out, _complement(out))),),
        "sqrt": lambda g, out, x: (ops.divide(scaled(g, 0.5), out),),
        "rsqrt": lambda g, out, x: (ops.multiply(scaled(g, -0.5), ops.divide(out, x)),),
        "cbrt": lambda g, out, x: (ops.divide(g, scaled(ops.multiply(out, out), 3.0)),),
        "sine": lambda g, out, x: (ops.multiply(g, ops.cosine(x)),),
        "cosine": lambda g, out, x: (ops.negate(ops.multiply(g, ops.sine(x))),),
        "erf": _erf,
        "floor": lambda g, out, x: (None,),
        "ceil": lambda g, out, x: (None,),
        "round_nearest_even": lambda g, out, x: (None,),
        "sign": lambda g, out, x: (None,),
        "negate": lambda g, out, x: (ops.negate(g),),
        "abs": lambda g, out, x: (ops.multiply(g, ops.sign(x)),),
        # of two
        "add": lambda g, out, x, y: (g, g),
        "subtract": lambda g, out, x, y: (g, ops.negate(g)),
        "multiply": lambda g, out, x, y: (ops.multiply(g, y), ops.multiply(g, x)),
        "divide": _divide,
        "remainder": _remainder,
        "power": _power,
        "maximum": _extreme("GT"),
        "minimum": _extreme("LT"),
        "atan2": _atan2,
        # choices and conversions
        "select": lambda g, out, p, x, y: (None, _where(p, g), ops.select(p, ops.fill(0.0, g), g)),
        "clamp": _clamp,
        "convert": _convert,
        "identity": lambda g, out, x: (g,),
        "optimization_barrier": lambda g, out, x, *after: (g, *[None] * len(after)),
        "stop_gradient": lambda g, out, x: (None,),
        "custom_gradient": lambda g, out, y, *inputs, rule: (None, *rule(g)),
    }


VJP: dict[str, Rule] = {
    **_elementwise(),
    # shape
    "reshape": lambda g, out, x, *, shape: (ops.reshaped(g, x.shape),),
    "transpose": transpose_rule,
    "broadcast_in_dim": broadcast_rule,
    "slice": slice_rule,
    "pad": pad_rule,
    "concatenate": concatenate_rule,
    "reverse": _reverse,
    # indexing
    "dynamic_slice": dynamic_slice_rule,
    "dynamic_update_slice": dynamic_update_slice_rule,
    "gather": gather_rule,
    "scatter": scatter_rule,
    # reductions, products, several results
    "reduce": reduce_rule,
    "dot_general": dot_general_rule,
    "convolution": convolution_rule,
    "reduce_window": reduce_window_rule,
    "select_and_scatter": select_and_scatter_rule,
    "sort": sort_rule,
    "scan": scan_rule,
    "if": if_rule,
}

_DISCRETE = "its result is not of a floating-point dtype, or changes in jumps"
_SOURCE = "it has no operands"

NO_VJP: dict[str, str] = {
    "while": "how often it repeats is unknown, so nothing can be kept for the way back: use a scan",
    "get_tuple_element": "the sweep itself hands its cotangent to the node that it is taken from",
    "rng_bit_generator": "random bits do not depend on their key in any differentiable way",
    **dict.fromkeys(("parameter", "constant", "iota", "size_of"), _SOURCE),
    **dict.fromkeys(
        (
            *("is_finite", "compare", "bitcast_convert", "population_count"),
            *("count_leading_zeros", "not", "and", "or", "xor"),
            *("shift_left", "shift_right_arithmetic", "shift_right_logical"),
        ),
        _DISCRETE,
    ),
}
