"""Elementwise primitives in `jax.lax`.

Where StableHLO leaves a choice, XLA makes the one that `llvm/codegen/elementwise.py` lists: x / 0
has all bits set, a shift by the width or more moves all bits out. Rows that are longer than a name
are those in which `lax` or XLA differs from the reference.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.ir.graph import Node
from lamina.ir.types import DType

Params = dict[str, Any]


def jax_dtype(dtype: DType) -> np.dtype:
    """The dtype that JAX has for a dtype."""
    return np.dtype(jnp.bfloat16) if dtype.name == "bfloat16" else dtype.storage


# ---- rows that take the operands alone ---------------------------------------------------------
def _sign(x: Any) -> Any:
    """-1, 0 or 1; keeps -0.0."""
    return lax.select(lax.eq(x, lax.full_like(x, 0)), x, lax.sign(x))


def _abs(x: Any) -> Any:
    return x if x.dtype.kind == "u" else lax.abs(x)


def _log_plus_one(x: Any) -> Any:
    """log(1 + x). XLA's own is wrong by 40 units in the last place of float64: there, small x take
    the series of 2 artanh(x / (2 + x)), and others log, corrected by what rounding 1 + x lost."""
    if x.dtype != np.float64:
        return lax.log1p(x)
    z = x / (x + np.float64(2))
    series = lax.full_like(x, 0)
    for n in range(25, 0, -2):
        series = series * (z * z) + np.float64(2 / n)
    total = x + np.float64(1)
    corrected = lax.log(total) * (x / (total - np.float64(1)))
    large = lax.select(lax.is_finite(total), corrected, lax.log(total))
    return lax.select(lax.lt(lax.abs(x), lax.full_like(x, 0.4)), z * series, large)


def _clamp(low: Any, x: Any, high: Any) -> Any:
    return lax.min(lax.max(x, low), high)


def _power(x: Any, y: Any) -> Any:
    return lax.pow(x, y) if x.dtype.kind == "f" else _integer_power(x, y)


def _integer_power(x: Any, y: Any) -> Any:
    """x to the power y modulo 2**bits, by squaring; of negative powers only 1 and -1 have any."""
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    one, zero = lax.full_like(x, 1), lax.full_like(x, 0)

    def square(_: Any, state: Any) -> Any:
        result, base, rest = state
        odd = lax.eq(rest & unsigned.type(1), unsigned.type(1))
        return lax.select(odd, result * base, result), base * base, rest >> unsigned.type(1)

    bits = lax.bitcast_convert_type(y, unsigned)
    result, _, _ = lax.fori_loop(0, 8 * x.dtype.itemsize, square, (one, x, bits))
    if x.dtype.kind == "u":
        return result
    alternating = one - (y & one) - (y & one)
    inverse = lax.select(lax.eq(x, one), one, lax.select(lax.eq(x, -one), alternating, zero))
    return lax.select(lax.lt(y, zero), inverse, result)


ALONE = {
    "optimization_barrier": lambda *xs: lax.optimization_barrier(xs)[0],
    "exponential": lax.exp,
    "exponential_minus_one": lax.expm1,
    "log": lax.log,
    "log_plus_one": _log_plus_one,
    "tanh": lax.tanh,
    "logistic": lax.logistic,
    "erf": lax.erf,
    "sqrt": lax.sqrt,
    "rsqrt": lax.rsqrt,
    "cbrt": lax.cbrt,
    "sine": lax.sin,
    "cosine": lax.cos,
    "floor": lax.floor,
    "ceil": lax.ceil,
    "round_nearest_even": lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    "negate": lax.neg,
    "abs": _abs,
    "sign": _sign,
    "population_count": lax.population_count,
    "count_leading_zeros": lax.clz,
    "not": lax.bitwise_not,
    "is_finite": lax.is_finite,
    "atan2": lax.atan2,
    "add": lax.add,
    "subtract": lax.sub,
    "multiply": lax.mul,
    "remainder": lax.rem,
    "power": _power,
    "maximum": lax.max,
    "minimum": lax.min,
    "and": lax.bitwise_and,
    "or": lax.bitwise_or,
    "xor": lax.bitwise_xor,
    "shift_left": lax.shift_left,
    "shift_right_arithmetic": lax.shift_right_arithmetic,
    "shift_right_logical": lax.shift_right_logical,
    "select": lax.select,
    "clamp": _clamp,
}


# ---- rows with params --------------------------------------------------------------------------
COMPARE = {"EQ": lax.eq, "NE": lax.ne, "LT": lax.lt, "LE": lax.le, "GT": lax.gt, "GE": lax.ge}


def _divide(node: Node, xs: list[Any], p: Params) -> Any:
    """x / y. Between quotients of quotients, a barrier: XLA makes x / (y * z) of (x / y) / z, and
    x * z / y of x / (y / z), whose products overflow."""
    if node.dtype.is_float and any(_is_quotient(a) for a in node.args):
        xs = lax.optimization_barrier(xs)
    return lax.div(*xs)


def _is_quotient(x: Node) -> bool:
    while x.op in ("broadcast_in_dim", "reshape", "transpose"):
        (x,) = x.args
    return x.op == "divide"


def _compare(node: Node, xs: list[Any], p: Params) -> Any:
    return COMPARE[p["direction"]](*xs)


def _convert(node: Node, xs: list[Any], p: Params) -> Any:
    """As the reference: to bool x != 0, floats to integers truncated and saturated."""
    (x,), source, target = xs, node.args[0].dtype, p["dtype"]
    if target == source:
        return x
    if target.kind == "b":
        return lax.ne(x, lax.full_like(x, 0))
    if source.is_float and target.is_integer and target.bits < 32:
        limits = np.iinfo(target.storage)
        whole = lax.convert_element_type(x, np.int32)
        clipped = lax.clamp(np.int32(limits.min), whole, np.int32(limits.max))
        return lax.convert_element_type(clipped, target.storage)
    if source.name == "float64" and target.name == "bfloat16":
        return lax.convert_element_type(_rounded_to_odd(x), jnp.bfloat16)
    return lax.convert_element_type(x, jax_dtype(target))


def _rounded_to_odd(x: Any) -> Any:
    """float64 as float32 so that a second rounding, to fewer bits, comes out as one would."""
    narrow = lax.convert_element_type(x, np.float32)
    back = lax.convert_element_type(narrow, np.float64)
    bits = lax.bitcast_convert_type(narrow, np.uint32)
    away = lax.convert_element_type(lax.gt(lax.abs(back), lax.abs(x)), np.uint32)
    inexact = lax.convert_element_type(lax.ne(back, x), np.uint32)
    odd = lax.select(lax.is_finite(x), (bits - away) | inexact, bits)
    return lax.bitcast_convert_type(odd, np.float32)


def _bitcast(node: Node, xs: list[Any], p: Params) -> Any:
    return lax.bitcast_convert_type(xs[0], jax_dtype(p["dtype"]))


def _first(node: Node, xs: list[Any], p: Params) -> Any:
    return xs[0]


def _alone(function: Any) -> Any:
    return lambda node, xs, p: function(*xs)


ROWS = {
    **{name: _alone(function) for name, function in ALONE.items()},
    "compare": _compare,
    "convert": _convert,
    "bitcast_convert": _bitcast,
    "divide": _divide,
    **dict.fromkeys(["identity", "stop_gradient", "custom_gradient"], _first),
}
