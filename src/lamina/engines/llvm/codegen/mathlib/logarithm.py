"""log and log1p.

x = 2**e m with m in [sqrt(1/2), sqrt(2)), then log(x) = e ln2 + log1p(m - 1), where m - 1 is exact.
log1p of the small argument is a minimax polynomial: in f itself for float32; for float64 in
s = f / (2 + f), as log(1 + f) = log((1 + s) / (1 - s)) (fdlibm, Sun Microsystems 1993).
"""

from __future__ import annotations

import math

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.expression import Expr, fma, polynomial, where
from lamina.engines.llvm.codegen.mathlib.formats import SINGLE, Format, format_of
from lamina.engines.llvm.codegen.values import Value


def log(b: Builder, x: Value) -> Value:
    """Natural logarithm, within 1 ulp, denormals too; log(0) = -inf, of negatives NaN."""
    x_ = Expr(b, x)
    mantissa, exponent = split(x_)
    result = _combined(mantissa - 1.0, exponent)
    return _at_the_ends(x_, 0.0, result).value


def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x), within 1.5 ulp, also near 0; log1p(-1) = -inf, below it NaN.

    1 + x = 2**e (1 + f) gives e; f = 2**-e x + (2**-e - 1) then loses nothing of x's low digits.
    """
    f, x_ = format_of(x.type), Expr(b, x)
    cut = ((x_ + 1.0).bits() - f.root_half) & -(1 << f.mantissa)
    scaled = (x_.bits() - cut).floating()
    four = (f.bias + 2) << f.mantissa  # 4 * 2**-e is a normal number for every e, 2**-e is not
    scale = (cut.const(four) - cut).floating()
    result = _combined(scaled + fma(scale, 0.25, -1.0), to_float(cut.shift_signed(f.mantissa)))
    return _at_the_ends(x_, -1.0, result.with_sign_of(x_)).value


def _at_the_ends(x: Expr, pole: float, result: Expr) -> Expr:
    """`result` inside the domain; -inf at the pole, NaN below it, inf at inf, NaN of NaN."""
    outside = where(x.equals(pole), -math.inf, where(x < pole, math.nan, x))
    inside = (x > pole) & (x < math.inf)
    return where(inside, result, outside)


# ---- pieces ------------------------------------------------------------------------------------
def to_float(n: Expr) -> Expr:
    """A small integer as a float of its width; in 64 bits by way of the magic number, because the
    conversion instruction is absent before AVX-512."""
    f = format_of(n.type)
    if f is SINGLE:
        return n.cast("sitofp", "float")
    magic = (f.bias + f.mantissa << f.mantissa) + (1 << f.mantissa - 1)  # the bits of f.magic
    return (n + magic).floating() - f.magic


def split(x: Expr) -> tuple[Expr, Expr]:
    """Mantissa in [sqrt(1/2), sqrt(2)) and exponent, a float, of a positive finite number."""
    f = format_of(x.type)
    tiny, lift = x < f.smallest_normal, f.mantissa + 1
    pattern = where(tiny, x * 2.0**lift, x).bits()
    exponent = (pattern - f.root_half).shift_signed(f.mantissa)
    mantissa = (pattern - (exponent << f.mantissa)).floating()
    return mantissa, to_float(exponent) - where(tiny, x.const(lift), 0.0)


def _combined(f: Expr, exponent: Expr) -> Expr:
    """exponent ln2 + log1p(f) for f within [sqrt(1/2) - 1, sqrt(2) - 1]."""
    format_ = format_of(f.type)
    return _single(f, exponent) if format_ is SINGLE else _double(format_, f, exponent)


def _single(f: Expr, exponent: Expr) -> Expr:
    square = f * f
    rest = fma(f, polynomial(f, SINGLE.fitted("LOG")), -0.5)
    return fma(exponent, math.log(2), fma(square, rest, f))


def _double(format_: Format, f: Expr, exponent: Expr) -> Expr:
    high, low = format_.ln2
    s = f / (f + 2.0)
    z, half_square = s * s, f * f * 0.5
    series = z * polynomial(z, format_.fitted("ATANH"))
    tail = fma(s, half_square + series, exponent * low)
    return fma(exponent, high, f - (half_square - tail))
