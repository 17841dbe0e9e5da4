"""exp, expm1, tanh and logistic.

x = n ln2 + r with n an integer and |r| <= ln2 / 2 (Cody and Waite's two-part ln2), then
exp(x) = 2**n exp(r) with exp(r) a minimax polynomial. n comes out of one addition: x / ln2 + magic
has n in its low bits, where it is shifted into the exponent field.
"""

from __future__ import annotations

import math

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.expression import (
    Expr,
    at_least,
    at_most,
    fma,
    has_scaling,
    polynomial,
    scaled,
    where,
)
from lamina.engines.llvm.codegen.mathlib.formats import format_of
from lamina.engines.llvm.codegen.values import Value


def exp(b: Builder, x: Value) -> Value:
    """e**x, within 1 ulp; gradual underflow, exact 0, infinity and NaN at the ends."""
    return exp_of(Expr(b, x)).value


def expm1(b: Builder, x: Value) -> Value:
    """e**x - 1, within 1.5 ulp (64 bits: 2), also near 0, where it is x."""
    f, x_ = format_of(x.type), Expr(b, x)
    clamped = at_most(at_least(x_, f.expm1_least), f.exp_range[1])
    half = expm1_half(clamped)  # at half the scale, for 2**128 is no float32
    return where(abs(x_) < 2.0 ** -(f.mantissa + 2), x_, half + half).value


def tanh(b: Builder, x: Value) -> Value:
    """t / (t + 2) with t = expm1(2|x|), within 2.5 ulp; exactly 1 from 10 (64 bits: 20) on."""
    f, x_ = format_of(x.type), Expr(b, x)
    magnitude = at_most(abs(x_), f.tanh_most)
    t = expm1_moderate(magnitude + magnitude)
    return (t / (t + 2.0)).with_sign_of(x_).value


def logistic(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x)), within 2.5 ulp at both ends: exp(-|x|) never overflows, and it is the
    numerator where x is negative."""
    x_ = Expr(b, x)
    e = exp_of(-abs(x_), may_overflow=False)
    return (where(x_ >= 0.0, 1.0, e) / (e + 1.0)).value


# ---- pieces, which other pages use too ---------------------------------------------------------
def reduce_by_ln2(x: Expr) -> tuple[Expr, Expr]:
    """r = x - n ln2, and n + magic, whose low bits hold the integer n."""
    f = format_of(x.type)
    shifted = fma(x, 1 / math.log(2), f.magic)
    n = shifted - f.magic
    high, low = f.ln2
    return fma(-n, low, fma(-n, high, x)), shifted


def power_of_two(n: Expr) -> Expr:
    """2**n for n (the low bits of an integer) within the exponents of normal numbers."""
    f = format_of(n.type)
    return ((n << f.mantissa) + f.one).floating()


def exp_reduced(r: Expr) -> Expr:
    """exp(r) for |r| <= ln2 / 2."""
    return polynomial(r, (1.0, 1.0, *format_of(r.type).fitted("EXP")))


def scale(x: Expr, shifted: Expr) -> Expr:
    """x 2**n, over the whole range of exponents, rounded once: by the one instruction that does,
    or in two halves; n as `reduce_by_ln2` gives it."""
    f = format_of(x.type)
    if has_scaling(x.type):
        return scaled(x, shifted - f.magic)
    n = shifted.bits()
    half = n >> 1
    return x * power_of_two(n - half) * power_of_two(half)


def exp_of(x: Expr, may_overflow: bool = True) -> Expr:
    """exp(x); of arguments of at most 0 where it may not overflow."""
    least, most = format_of(x.type).exp_range
    clamped = at_least(x, least)
    r, n = reduce_by_ln2(at_most(clamped, most) if may_overflow else clamped)
    return scale(exp_reduced(r), n)


def exp_moderate(x: Expr) -> Expr:
    """exp(x) where neither x nor the result leaves the normal numbers."""
    r, n = reduce_by_ln2(x)
    return exp_reduced(r) * power_of_two(n.bits())


def _expm1_reduced(r: Expr) -> Expr:
    return fma(r * r, polynomial(r, format_of(r.type).fitted("EXPM1")), r)


def expm1_moderate(x: Expr) -> Expr:
    """expm1(x) = 2**n expm1(r) + (2**n - 1), where exp(x) stays a normal number."""
    r, n = reduce_by_ln2(x)
    s = power_of_two(n.bits())
    return fma(s, _expm1_reduced(r), s - 1.0)


def expm1_half(x: Expr) -> Expr:
    """expm1(x) / 2, which doesn't overflow before expm1 does."""
    r, n = reduce_by_ln2(x)
    s = power_of_two(n.bits() - 1)
    return fma(s, _expm1_reduced(r), s - 0.5)
