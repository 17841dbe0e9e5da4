"""Analysis of the zeros whose sign is defined, so that results can be compared by their bits.

    rule(xs, value, params) -> mask         True where a zero of `value` has a defined sign

Arithmetic on single elements defines it (IEEE 754), and so does what moves elements. Undefined is
the sign of a zero that is a sum, a product or an extreme of several elements, for these may be
formed in any order; of the larger of 0.0 and -0.0; and of what loops and rounding lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.fuzz.bounds import Array, Shadow
from lamina.ir.graph import Node
from lamina.reference.meaning import MEANING

Mask = Array | None  # None: nowhere
Rule = Callable[[Sequence[Shadow], Array, dict[str, Any]], Mask]


def signed(node: Node, xs: Sequence[Any], value: Array, params: dict[str, Any]) -> Mask:
    """The mask of a node's value."""
    rule = RULES.get(node.op)
    if rule is None or not node.dtype.is_float:
        return None
    return rule(xs, value, params)


def _everywhere(xs: Sequence[Shadow], value: Array, params: dict[str, Any]) -> Mask:
    return np.ones(np.shape(value), bool)


def _all_known(xs: Sequence[Shadow], value: Array, params: dict[str, Any]) -> Mask:
    """Every operand's sign is needed: that of a quotient, of -0.0 + -0.0."""
    masks = [known(x) for x in xs]
    return np.logical_and.reduce(np.broadcast_arrays(*masks))


def _moved(op: str, count: int) -> Rule:
    """The masks go where the elements go."""

    def rule(xs: Sequence[Shadow], value: Array, params: dict[str, Any]) -> Mask:
        data = [np.asarray(known(x)) for x in xs[:count]]
        return np.asarray(MEANING[op](*data, *(x.value for x in xs[count:]), **params))

    return rule


def _joined(xs: Sequence[Shadow], value: Array, params: dict[str, Any]) -> Mask:
    return np.asarray(MEANING["concatenate"](*map(known, xs), **params))


def _selected(xs: Sequence[Shadow], value: Array, params: dict[str, Any]) -> Mask:
    pred, x, y = xs
    return np.where(pred.value, known(x), known(y)) & (pred.error == 0)


def _extreme(xs: Sequence[Shadow], value: Array, params: dict[str, Any]) -> Mask:
    x, y = xs
    same = np.signbit(x.value) == np.signbit(y.value)
    return known(x) & known(y) & (same | (x.value != y.value))


def _converted(xs: Sequence[Shadow], value: Array, params: dict[str, Any]) -> Mask:
    return known(xs[0]) if xs[0].value.dtype.kind == "f" else _everywhere(xs, value, params)


def known(x: Shadow) -> Array:
    """The mask of an operand: where its sign is defined, or it is not zero and was not rounded."""
    nonzero = (x.value != 0) & (x.error == 0)
    return nonzero if x.signed is None else nonzero | (x.signed & (x.error == 0))


MOVED = {
    **dict.fromkeys(["reshape", "transpose", "broadcast_in_dim", "slice", "reverse", "gather"], 1),
    **dict.fromkeys(["dynamic_update_slice", "pad"], 2),
    "dynamic_slice": 1,
}

RULES: dict[str, Rule] = {
    **dict.fromkeys(["constant", "iota", "size_of", "abs"], _everywhere),
    **dict.fromkeys(["negate", "floor", "ceil", "round_nearest_even", "sign"], _all_known),
    **dict.fromkeys(["add", "subtract", "multiply", "divide", "sqrt"], _all_known),
    **dict.fromkeys(["identity", "optimization_barrier", "stop_gradient"], _all_known),
    **{op: _moved(op, count) for op, count in MOVED.items()},
    "concatenate": _joined,
    "select": _selected,
    **dict.fromkeys(["maximum", "minimum"], _extreme),
    "convert": _converted,
}
