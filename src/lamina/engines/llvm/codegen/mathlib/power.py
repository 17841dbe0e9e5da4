"""pow, with the special cases of C99.

float32 goes through float64: exp(y log|x|). float64 needs log|x| to 65 bits, since y log|x| is up
to 745 and its absolute error is the result's relative one: it is made as a pair of doubles.
"""

from __future__ import annotations

import math

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.exponential import (
    exp_of,
    exp_reduced,
    reduce_by_ln2,
    scale,
)
from lamina.engines.llvm.codegen.mathlib.expression import (
    Expr,
    at_least,
    at_most,
    fma,
    polynomial,
    where,
)
from lamina.engines.llvm.codegen.mathlib.formats import DOUBLE, SINGLE, format_of
from lamina.engines.llvm.codegen.mathlib.logarithm import log, split
from lamina.engines.llvm.codegen.values import Value

Pair = tuple[Expr, Expr]  # an unevaluated sum, the second far smaller than the first
LN2 = (math.log(2), float.fromhex("0x1.abc9e3b39803fp-56"))
TWO_THIRDS = (2 / 3, float.fromhex("0x1.5555555555555p-55"))


def pow(b: Builder, x: Value, y: Value) -> Value:
    """x**y, within 0.6 ulp (64 bits: 1.5). Negative x needs an integer y; pow(x, 0) = pow(1, y) = 1
    even of NaN."""
    x_, y_ = Expr(b, x), Expr(b, y)
    magnitude = (_single if format_of(x.type) is SINGLE else _double)(abs(x_), y_)
    magnitude = where(abs(x_).equals(1.0) & y_.equals(y_), 1.0, magnitude)
    whole, half = _is_whole(y_), y_ * 0.5
    odd = whole & half.differs(half.intrinsic("llvm.trunc"))
    result = where(odd & x_.sign_bit(), -magnitude, magnitude)
    impossible = (x_ < 0.0) & (x_ > -math.inf) & ~whole
    result = where(impossible, math.nan, result)
    return where(y_.equals(0.0) | x_.equals(1.0), 1.0, result).value


def _is_whole(y: Expr) -> Expr:
    """True for integers and infinities; for NaN too, whose power is NaN anyway."""
    return ~(y.intrinsic("llvm.trunc").differs(y) & y.equals(y))


def _single(x: Expr, y: Expr) -> Expr:
    wide = x.cast("fpext", "double")
    logarithm = Expr(x.b, log(x.b, wide.value))
    return exp_of(logarithm * y.cast("fpext", "double")).cast("fptrunc", "float")


def _double(x: Expr, y: Expr) -> Expr:
    high, low = _precise_log(x)
    high = where(x.equals(0.0), -math.inf, high)
    high = where(x < math.inf, high, x)  # infinity and NaN
    product = high * y
    tail = fma(high, y, -product) + low * y
    least, most = DOUBLE.exp_range
    tail = where(abs(product) < -least, tail, 0.0)  # where it matters; it may be huge or NaN beyond
    r, n = reduce_by_ln2(at_most(at_least(product, least), most))
    return scale(exp_reduced(r + tail), n)


def _precise_log(x: Expr) -> Pair:
    """log(x) = e ln2 + 2 s + s**3 (2/3 + s**2 P(s**2)), s = (m - 1) / (m + 1), in pairs but P."""
    m, e = split(x)
    s = _quotient(m)
    z = _product(s, s)
    far = z[0] * polynomial(z[0], DOUBLE.fitted("ATANH_FAR"))
    factor = _sum(x.const(TWO_THIRDS[0]), far)
    cubic = _product(_product(z, s), (factor[0], factor[1] + TWO_THIRDS[1]))
    shift = e * LN2[0]
    shift_tail = fma(e, LN2[0], -shift) + e * LN2[1]
    series = _sum(s[0] + s[0], cubic[0])
    total = _sum(shift, series[0])
    return _sum(total[0], total[1] + (series[1] + shift_tail + (cubic[1] + (s[1] + s[1]))))


def _quotient(m: Expr) -> Pair:
    """(m - 1) / (m + 1)."""
    above, below = m - 1.0, m + 1.0
    below_tail = m - (below - 1.0)
    inverse = 1.0 / below
    q = above * inverse
    rest = fma(-q, below_tail, fma(-q, below, above))
    return q, rest * inverse


def _sum(x: Expr, y: Expr) -> Pair:
    """x + y and its rounding error (Knuth's two-sum, for magnitudes in any order)."""
    total = x + y
    shift = total - x
    return total, (x - (total - shift)) + (y - shift)


def _product(x: Pair, y: Pair) -> Pair:
    high = x[0] * y[0]
    return high, fma(x[0], y[0], -high) + (x[0] * y[1] + x[1] * y[0])
