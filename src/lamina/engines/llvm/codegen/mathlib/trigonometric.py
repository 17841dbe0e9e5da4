"""sin, cos and atan2.

x = n pi/2 + r with |r| <= pi/4, then sin or cos of r, a minimax polynomial each, by n modulo 4. The
reduction of float32 runs in float64; that of float64 in two doubles, from pi/2 in three (Cody and
Waite), right up to |x| = 2**38 = 2.7e11. Lanes beyond take a slower route, which is right for all.
"""

from __future__ import annotations

import math

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.expression import Expr, fma, polynomial, where
from lamina.engines.llvm.codegen.mathlib.formats import DOUBLE, SINGLE, format_of
from lamina.engines.llvm.codegen.mathlib.huge_angles import with_huge_lanes
from lamina.engines.llvm.codegen.mathlib.quarters import (
    of_quadrant,
    sine_and_cosine,
    sine_and_cosine_single,
)
from lamina.engines.llvm.codegen.values import Value

REDUCIBLE = 2.0**38
HALF_PI = (*DOUBLE.half_pi, float.fromhex("-0x1.f1976b7ed8fbcp-110"))


def sin(b: Builder, x: Value) -> Value:
    """Sine of radians, within 1.6 ulp (64 bits: 1) however large x is; sin(-0) = -0."""
    x_ = Expr(b, x)
    value = _sine(x_, 0)
    return where(x_.equals(0.0), x_, value).value


def cos(b: Builder, x: Value) -> Value:
    """Cosine of radians, within 1.6 ulp (64 bits: 1) however large x is."""
    return _sine(Expr(b, x), 1).value


def atan2(b: Builder, y: Value, x: Value) -> Value:
    """The angle of the point (x, y), within 2 ulp, in all quadrants and at all zeros as in C99.

    atan of the smaller over the greater of |x| and |y|, then reflections.
    """
    f, y_, x_ = format_of(x.type), Expr(b, y), Expr(b, x)
    steep = abs(y_) > abs(x_)
    small, great = where(steep, abs(x_), abs(y_)), where(steep, abs(y_), abs(x_))
    q = where(small.equals(great), 1.0, small / great)  # infinity over infinity is 1
    q = where(small.equals(0.0), 0.0, q)  # and 0 over 0 is 0
    z = q * q
    angle = fma(q * z, polynomial(z, f.fitted("ATAN")), q)
    angle = where(steep, _minus(f.half_pi, angle), angle)
    angle = where(x_.sign_bit(), _minus(f.pi, angle), angle).with_sign_of(y_)
    return where(Expr(b, b.fcmp("uno", x, y)), x_ + y_, angle).value


def _minus(constant: tuple[float, float], x: Expr) -> Expr:
    """A constant in two parts, less x."""
    high, low = constant
    return high - (x - low)


def _sine(x: Expr, shift: int) -> Expr:
    """Sine of x + shift pi/2."""
    reduced = _reduced_single(x) if format_of(x.type) is SINGLE else _reduced_double(x)
    sine, cosine, n = reduced
    value = of_quadrant(sine, cosine, n + shift)
    return with_huge_lanes(x, abs(x) > REDUCIBLE, value, shift)


def _quotient(x: Expr) -> tuple[Expr, Expr]:
    """-n, and an integer whose low bits hold n, the number of quarter turns in x (a double)."""
    shifted = fma(x, 2 / math.pi, DOUBLE.magic)
    return DOUBLE.magic - shifted, shifted.bits()


def _reduced_single(x: Expr) -> tuple[Expr, Expr, Expr]:
    """Sine and cosine of x less n quarter turns, and n."""
    wide = x.cast("fpext", "double")
    minus_n, n = _quotient(wide)
    r = fma(minus_n, HALF_PI[1], fma(minus_n, HALF_PI[0], wide)).cast("fptrunc", "float")
    return *sine_and_cosine_single(r), n.cast("trunc", "i32")


def _reduced_double(x: Expr) -> tuple[Expr, Expr, Expr]:
    """As for float32, but the rest r has a tail. The first product cancels exactly."""
    minus_n, n = _quotient(x)
    first = fma(minus_n, HALF_PI[0], x)
    product = minus_n * HALF_PI[1]
    product_error = fma(minus_n, HALF_PI[1], -product)
    r = first + product
    shift = r - first
    sum_error = (first - (r - shift)) + (product - shift)
    return *sine_and_cosine(r, sum_error + fma(minus_n, HALF_PI[2], product_error)), n
