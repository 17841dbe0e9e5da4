"""Elementwise operations that need a loop: functions, each emitted once per module.

They are as wide as their operands; a vector takes as many iterations as its slowest lane.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.exponential import power_of_two
from lamina.engines.llvm.codegen.mathlib.expression import Expr, fma, where
from lamina.engines.llvm.codegen.values import Value, bits, lanes, scalar, suffix

Body = Callable[[Builder, Value, Value], Value]


def float_remainder(b: Builder, x: Value, y: Value) -> Value:
    """C's fmod: x - y trunc(x / y), exact, with the sign of x."""
    return _call(b, "remainder", _float_remainder, x, y)


def integer_power(b: Builder, x: Value, y: Value, signed: bool) -> Value:
    """x**y modulo 2**bits; with a negative y, what the rational number truncates to."""
    if signed:
        return _call(b, "power.signed", _signed_power, x, y)
    return _call(b, "power.unsigned", _unsigned_power, x, y)


def _call(b: Builder, name: str, body: Body, x: Value, y: Value) -> Value:
    name = f"lamina.{name}.{suffix(x.type)}"
    module = b.function.module
    if all(f.name != name for f in module.functions):
        args = [("x", x.type), ("y", x.type)]
        function = module.function(name, args, returns=x.type, internal=True)
        function.builder.ret(body(function.builder, *function.args))
    return b.call(name, x.type, [x, y])


# ---- float remainder ---------------------------------------------------------------------------
STEP = 51  # bits of the quotient that one division settles


def _float_remainder(b: Builder, x: Value, y: Value) -> Value:
    """Long division, 51 bits of the quotient per iteration: r = r - y 2**k trunc(r / (y 2**k)),
    with k so that the quotient fits a double. Each fma is exact: its result is a multiple of the
    last digit of y 2**k and smaller than it. The division may round up to the next integer; the
    negative remainder then gets one y 2**k back."""
    single = scalar(x.type) == "float"
    dividend, divisor = (abs(Expr(b, v)) for v in (x, y))
    if single:
        dividend, divisor = (v.cast("fpext", "double") for v in (dividend, divisor))
    exponent = _exponent(divisor)
    with b.loop(0, _iterations(b, _exponent(dividend) - exponent), carry=[dividend.value]) as loop:
        r = Expr(b, loop.carried[0])
        k = r.bits().const(0)
        k = (_exponent(r) - exponent - STEP).intrinsic("llvm.smax", k)
        scaled = _scaled(divisor, k)
        quotient = (r / scaled).intrinsic("llvm.trunc")
        left = fma(-quotient, scaled, r)
        loop.next = [where(left < 0.0, left + scaled, left).value]
    r = where(divisor.equals(math.inf), dividend, Expr(b, loop.result[0]))
    valid = (dividend < math.inf) & (divisor > 0.0)
    r = where(valid, r, math.nan)
    return (r.cast("fptrunc", "float") if single else r).with_sign_of(Expr(b, x)).value


def _exponent(x: Expr) -> Expr:
    """The biased exponent of a double that is not negative, as though no denormals were."""
    tiny = x < 2.0**-1022
    raised = where(tiny, x * 2.0**54, x).bits() >> 52
    return raised - where(tiny, raised.const(54), 0)


def _iterations(b: Builder, difference: Expr) -> Value:
    most = _greatest(b, "smax", difference.value)
    return (Expr(b, most).intrinsic("llvm.smax", 0) / STEP + 1).value


def _scaled(x: Expr, k: Expr) -> Expr:
    """x 2**k for 0 <= k <= 2100, in three factors, since 2**1024 overflows a double."""
    for _ in range(3):
        part = k.intrinsic("llvm.smin", 1000)
        x, k = x * power_of_two(part), k - part
    return x


def _greatest(b: Builder, kind: str, x: Value) -> Value:
    """The greatest lane."""
    if not lanes(x.type):
        return x
    return b.intrinsic(f"llvm.vector.reduce.{kind}", x, returns=scalar(x.type))


# ---- integer power -----------------------------------------------------------------------------
def _unsigned_power(b: Builder, x: Value, y: Value) -> Value:
    """Square repeatedly, as often as the largest exponent has bits."""
    width = bits(x.type)
    zeros = b.call(
        f"llvm.ctlz.i{width}",
        f"i{width}",
        [_greatest(b, "umax", y), Value("false", "i1")],
    )
    iterations = width - Expr(b, zeros)
    count = iterations.value if width == 64 else iterations.cast("zext", "i64").value
    first = [Expr(b, x).const(1).value, x, y]
    with b.loop(0, count, carry=first) as loop:
        power, square, exponent = (Expr(b, v) for v in loop.carried)
        multiplied = where((exponent & 1).differs(0), power * square, power)
        loop.next = [v.value for v in (multiplied, square * square, exponent >> 1)]
    return loop.result[0]


def _signed_power(b: Builder, x: Value, y: Value) -> Value:
    base, exponent = Expr(b, x), Expr(b, y)
    negative = exponent < 0
    power = Expr(b, _unsigned_power(b, x, where(negative, exponent & 1, exponent).value))
    unit = base.equals(1) | base.equals(-1)  # (+-1)**y is (+-1)**(y & 1)
    return where(negative, where(unit, power, 0), power).value
