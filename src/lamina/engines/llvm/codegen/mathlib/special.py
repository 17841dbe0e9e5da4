"""erf and cbrt."""

from __future__ import annotations

import math

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.exponential import exp_moderate
from lamina.engines.llvm.codegen.mathlib.expression import Expr, at_most, fma, polynomial, where
from lamina.engines.llvm.codegen.mathlib.formats import SINGLE, format_of
from lamina.engines.llvm.codegen.mathlib.logarithm import to_float
from lamina.engines.llvm.codegen.values import Value


def erf(b: Builder, x: Value) -> Value:
    """2/sqrt(pi) times the integral of exp(-t**2) from 0 to x, within 1.1 ulp (64 bits: 1.5).

    Near 0 an odd polynomial; farther 1 - exp(P(|x|)), where P is log(erfc).
    """
    f, x_ = format_of(x.type), Expr(b, x)
    magnitude = at_most(abs(x_), f.erf_most)
    z = x_ * x_
    near = fma(x_, polynomial(z, f.fitted("ERF_SMALL")), x_)
    complement = exp_moderate(polynomial(magnitude - f.erf_middle, f.fitted("ERF_LARGE")))
    far = (1.0 - complement).with_sign_of(x_)
    return where(magnitude < f.erf_edge, near, far).value


def cbrt(b: Builder, x: Value) -> Value:
    """Cube root, within 0.9 ulp; negative of negative numbers; zeros, infinities and NaN stay.

    A third of the bit pattern is a guess of |x|**(-1/3) within 4%; each refinement makes the error
    its fourth power (Householder); one Newton step with an exact residual rounds the product.
    """
    f, x_ = format_of(x.type), Expr(b, x)
    tiny, lift = abs(x_) < f.smallest_normal, 54 if f.width == 64 else 24
    a = where(tiny, abs(x_) * 2.0**lift, abs(x_))
    y = _inverse_cube_root(a)
    for _ in range(f.width // 32):
        y = _refined(a, y)
    root = a * y * y
    square = root * root
    residual = fma(square, root, -a) + fma(root, root, -square) * root
    root = fma(residual * (y * y), -1 / 3, root)
    root = where(tiny, root * 2.0 ** -(lift // 3), root).with_sign_of(x_)
    usual = (abs(x_) > 0.0) & (abs(x_) < math.inf)
    return where(usual, root, x_).value


def _inverse_cube_root(a: Expr) -> Expr:
    """A guess: the bit pattern is nearly a logarithm. -1/3 of it, in floating point, which has a
    vector conversion everywhere; of a double its upper half will do."""
    if format_of(a.type) is SINGLE:
        third = fma(a.bits().cast("sitofp", "float"), -1 / 3, float(0x54A2FA8C))
        return third.cast("fptosi", "i32").floating()
    upper = to_float(a.bits() >> 32)
    shifted = fma(upper, -1 / 3, 1.5 * 2**52 + 0x553EF0FF)
    return (shifted.bits() << 32).floating()


def _refined(a: Expr, y: Expr) -> Expr:
    h = fma(-(a * y), y * y, 1.0)  # y (1 - h)**(-1/3), as a series in h
    return fma(y * h, polynomial(h, (1 / 3, 2 / 9, 14 / 81)), y)
