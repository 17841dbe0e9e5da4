"""Sine and cosine of numbers so large that their distance to a multiple of pi/2 takes a thousand
bits of 2/pi (Payne and Hanek, "Radian reduction for trigonometric functions", 1983).

x = m 2**e with an integer m of 53 bits. Of x 2/pi only the value modulo 4 matters: the bits of 2/pi
whose products with x are multiples of 4 are left out, and 192 bits from there on are enough.

One scalar function a module, which the vector code calls for the lanes that need it: in practice
none, so that it is a branch never taken.
"""

from __future__ import annotations

import math

from lamina.engines.llvm.codegen.builder import Builder, Module
from lamina.engines.llvm.codegen.mathlib.coefficients import TWO_OVER_PI
from lamina.engines.llvm.codegen.mathlib.expression import Expr, fma, where
from lamina.engines.llvm.codegen.mathlib.formats import DOUBLE
from lamina.engines.llvm.codegen.mathlib.quarters import of_quadrant, sine_and_cosine
from lamina.engines.llvm.codegen.values import Value, constant, lanes, scalar, zero

TABLE = "@lamina.two_over_pi"  # a word of zeros, then the bits after the binary point


def with_huge_lanes(x: Expr, huge: Expr, usual: Expr, shift: int) -> Expr:
    """`usual`, but sin(x + shift pi/2) in the lanes where `huge`."""
    b, count = x.b, lanes(x.type)
    name = _function(b.function.module, shift)
    found = huge.value
    if count:
        found = b.intrinsic("llvm.vector.reduce.or", found, returns="i1")
    iterations = b.select(found, constant("i64", max(count, 1)), zero("i64"))
    with b.loop(0, iterations, carry=[usual.value]) as loop:
        lane, (result,) = loop.value, loop.carried
        if not count:
            loop.next = [_called(b, name, x.value)]
        else:
            angle = b.emit(scalar(x.type), f"extractelement {x.value}, {lane}")
            asked = b.emit("i1", f"extractelement {huge.value}, {lane}")
            before = b.emit(scalar(x.type), f"extractelement {result}, {lane}")
            new = b.select(asked, _called(b, name, angle), before)
            loop.next = [b.emit(x.type, f"insertelement {result}, {new}, {lane}")]
    return Expr(b, loop.result[0])


def _called(b: Builder, name: str, x: Value) -> Value:
    if x.type == "double":
        return b.call(name, "double", [x])
    return b.cast("fptrunc", b.call(name, "double", [b.cast("fpext", x, "double")]), "float")


def _function(module: Module, shift: int) -> str:
    name = f"lamina.huge_angle.{shift}"
    if all(f.name != name for f in module.functions):
        words = ", ".join(f"i64 {word}" for word in (0, *TWO_OVER_PI))
        size = len(TWO_OVER_PI) + 1
        module.globals[TABLE] = f"{TABLE} = internal constant [{size} x i64] [{words}]"
        function = module.function(name, [("x", "double")], returns="double", internal=True)
        x = Expr(function.builder, function.args[0])
        function.builder.ret(_sine(x, shift).value)
    return name


def _sine(x: Expr, shift: int) -> Expr:
    """sin(x + shift pi/2); NaN where x is not finite."""
    r, tail, n = _reduced(abs(x))
    sine, cosine = sine_and_cosine(r, tail)
    value = of_quadrant(sine, cosine, n + shift)
    if shift == 0:
        value = where(x < 0.0, -value, value)
    return where(abs(x) < math.inf, value, math.nan)


def _reduced(x: Expr) -> tuple[Expr, Expr, Expr]:
    """x - n pi/2 as a sum of two doubles, and n modulo 4."""
    pattern = x.bits()
    mantissa = (pattern & ((1 << 52) - 1)) | (1 << 52)
    start = (pattern >> 52) - (1075 - 62)  # e + 62: where in the table the bits begin to matter
    start = start.intrinsic("llvm.smax", 0)  # other lanes are computed too, then left
    iterations = _window(x.b, start) * mantissa.cast("zext", "i192")  # quarter turns, times 2**190
    n = ((iterations + (1 << 189)) >> 190).cast("trunc", "i64")
    fraction = iterations << 2
    upper = (fraction >> 128).cast("trunc", "i64")
    lower = (fraction >> 64).cast("trunc", "i64")
    first = upper.shift_signed(32).cast("sitofp", "double") * 2.0**-32
    second = (upper & 0xFFFFFFFF).cast("sitofp", "double") * 2.0**-64
    third = (lower >> 1).cast("sitofp", "double") * 2.0**-127
    high = first + second
    low = (second - (high - first)) + third
    r = high * DOUBLE.half_pi[0]
    tail = fma(high, DOUBLE.half_pi[0], -r) + fma(high, DOUBLE.half_pi[1], low * DOUBLE.half_pi[0])
    return r, tail, n


def _window(b: Builder, start: Expr) -> Expr:
    """192 bits of the table from bit number `start` on."""
    index, offset = start >> 6, start & 63
    window: Expr | None = None
    for k in range(4):
        address = b.element(Value(TABLE, "ptr"), (index + k).value, "i64")
        word = Expr(b, b.load("i64", address)).cast("zext", "i256") << (192 - 64 * k)
        window = word if window is None else window | word
    assert window is not None
    return ((window << offset.cast("zext", "i256")) >> 64).cast("trunc", "i192")
