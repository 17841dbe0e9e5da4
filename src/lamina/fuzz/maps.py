"""Ways to grow a program element by element, and what their operands must be."""

from __future__ import annotations

from typing import Any

from lamina.fuzz.grower import Grower, Refused
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.primitives import PRIMITIVES, constant_of
from lamina.ir.types import (
    DTYPES,
    TensorType,
    bool_,
    float32,
    int32,
    is_static,
    uint32,
)

TAME = ["tanh", "logistic", "sine", "cosine", "erf", "abs", "negate", "negate"]
WILD = ["exponential", "sqrt", "log", "log_plus_one", "exponential_minus_one", "rsqrt", "cbrt"]
STEPS = ["floor", "ceil", "round_nearest_even", "sign"]
SAFE = ["abs", "negate", *STEPS]


def numeric(n: Node) -> bool:
    return n.dtype.kind != "b" and not n.dtype.is_storage_only


def real(n: Node) -> bool:
    return n.dtype.is_float and not n.dtype.is_storage_only


def wide(n: Node) -> bool:
    return n.ndim >= 1 and not n.dtype.is_storage_only


# ---- maps --------------------------------------------------------------------------------------
def unary(g: Grower) -> None:
    x = g.pick(real)
    names = [*TAME, *TAME, *WILD, *STEPS] if g.lane == "smooth" else SAFE
    g.put(PRIMITIVES[g.rng.choice(names)](x))


def binary(g: Grower) -> None:
    x = g.pick(numeric)
    names = ["add", "subtract", "multiply", "maximum", "minimum"]
    if g.lane == "special":
        names = [*names, "divide"] if real(x) and not g.depth else names[3:]
    elif g.lane == "smooth" and real(x):
        names += ["add", "multiply", "divide", "power", "atan2", "remainder"]
    elif x.dtype.is_integer:
        names += ["and", "or", "xor", "divide", "remainder", "shift_left", "shift_right_logical"]
    op = PRIMITIVES[g.rng.choice(names)]
    y = g.like(x)
    g.put(op(x, y) if g.rng.random() < 0.7 else op(y, x))


def neutral(g: Grower) -> None:
    """Arithmetic with 0, -0.0, 1 or -1, which rewriting knows."""
    if g.lane == "special" and g.depth:
        raise Refused
    x = g.pick(numeric)
    numbers = [0.0, -0.0, 1.0, -1.0] if real(x) else [0, 1]
    y = g.put(ops.broadcast(constant_of(g.rng.choice(numbers), x.dtype), x.shape, ()))
    op = PRIMITIVES[g.rng.choice(["add", "add", "subtract", "multiply"])]
    g.put(op(x, y) if g.rng.random() < 0.6 else op(y, x))


def choice(g: Grower) -> None:
    x = g.pick(lambda n: not n.dtype.is_storage_only)
    direction = g.rng.choice(["EQ", "NE", "LT", "LE", "GT", "GE"])
    pred = ops.compare(x, g.like(x), direction=direction)
    same = [n for n in g.nodes if n.shape == x.shape and not n.dtype.is_storage_only]
    y = g.rng.choice(same)
    g.put(ops.select(pred, y, g.like(y)))


def logic(g: Grower) -> None:
    x = g.pick(lambda n: n.dtype == bool_)
    if g.rng.random() < 0.3:
        g.put(ops.not_(x))
    else:
        g.put(PRIMITIVES[g.rng.choice(["and", "or", "xor"])](x, g.like(x)))


def clamped(g: Grower) -> None:
    x = g.pick(numeric)
    low, high = (ops.broadcast(constant_of(v, x.dtype), x.shape, ()) for v in (0, 1))
    g.put(ops.clamp(low, x, high))


def converted(g: Grower) -> None:
    x = g.pick()
    names = ["float32", "float32", "int32", "uint8", "bool", "int8", "int64", "uint16"]
    if g.lane == "smooth":
        names += ["float64", "float16", "bfloat16"]
    if x.dtype.is_storage_only:
        names = ["float32"]
    g.put(ops.convert(x, dtype=DTYPES[g.rng.choice(names)]))


def integer_bits(g: Grower) -> None:
    x = g.pick(lambda n: n.dtype.is_integer)
    g.put(PRIMITIVES[g.rng.choice(["population_count", "count_leading_zeros", "not"])](x))


def counted(g: Grower) -> None:
    """Positions along an axis, alone or compared with labels: a one-hot encoding."""
    shape = g.shape() or (g.extent(),)
    axis = g.rng.randrange(len(shape))
    dtype = g.rng.choice([int32, int32, float32])
    iota = ops.iota(shape=shape, dtype=dtype, iota_dimension=axis)
    labels = [n for n in g.nodes if n.type == TensorType(shape[:axis] + shape[axis + 1 :], dtype)]
    if not labels:
        g.put(iota)
        return
    dims = tuple(d for d in range(len(shape)) if d != axis)
    label = ops.broadcast(g.rng.choice(labels), shape, dims)
    g.put(ops.convert(ops.compare(iota, label, direction="EQ"), dtype=float32))


def sized(g: Grower) -> None:
    extent: Any = g.extent()
    if is_static(extent):
        raise Refused
    g.put(ops.convert(ops.size_of(extent=extent + 1), dtype=float32))


def noise(g: Grower) -> None:
    """Random bits as numbers in [0, 1)."""
    keys = [n for n in g.nodes if n.type == TensorType((2,), uint32)]
    key = g.rng.choice(keys) if keys else g.parameter((2,), uint32, "key")
    bits = ops.rng_bit_generator(key, shape=g.shape())
    shifted = ops.shift_right_logical(bits, ops.fill(8 if g.lane == "smooth" else 28, bits))
    g.put(ops.convert(shifted, dtype=float32))
    if g.lane == "smooth":
        number = g.nodes[-1]
        g.put(ops.multiply(number, ops.fill(2.0**-24, number)))
