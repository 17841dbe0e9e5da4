"""Functions missing in NumPy: the error function, integer powers and bits, saturating
conversions."""

from __future__ import annotations

import numpy as np

from lamina.ir.types import DType

Array = np.ndarray

# W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969):
# erf(x) = x p(x^2)/q(x^2) up to 0.5; erfc(x) = exp(-x^2) p(x)/q(x) up to 4; beyond, an asymptotic
# form in 1/x^2. Coefficients from the highest power down. Relative error below 6e-19 in theory.
_NEAR = (
    (0.185777706184603153, 3.16112374387056560, 113.864154151050156, 377.485237685302021,
     3209.37758913846947),
    (1.0, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062),
)  # fmt: skip
_MIDDLE = (
    (2.15311535474403846e-8, 0.564188496988670089, 8.88314979438837594, 66.1191906371416295,
     298.635138197400131, 881.952221241769090, 1712.04761263407058, 2051.07837782607147,
     1230.33935479799725),
    (1.0, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019,
     3290.79923573345963, 4362.61909014324716, 3439.36767414372164, 1230.33935480374942),
)  # fmt: skip
_FAR = (
    (0.0163153871373020978, 0.305326634961232344, 0.360344899949804439, 0.125781726111229246,
     0.0160837851487422766, 0.000658749161529837803),
    (1.0, 2.56852019228982242, 1.87295284992346725, 0.527905102951428412, 0.0605183413124413191,
     0.00233520497626869185),
)  # fmt: skip


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    above, below = coefficients
    return np.polyval(above, x) / np.polyval(below, x)


def erf(x: Array) -> Array:
    """2/sqrt(pi) times the integral of exp(-t^2) from 0 to x, computed in float64."""
    wide = x.astype(np.float64)
    a = np.minimum(np.abs(wide), 6.0)  # erf(6) rounds to 1
    b = np.maximum(a, 0.5)
    inverse = 1.0 / (b * b)
    far = (1.0 / np.sqrt(np.pi) - inverse * _ratio(_FAR, inverse)) / b
    tail = np.exp(-b * b) * np.where(b <= 4.0, _ratio(_MIDDLE, b), far)
    value = np.where(a <= 0.5, a * _ratio(_NEAR, a * a), 1.0 - tail)
    return np.copysign(value, wide).astype(x.dtype)


# ---- integers ----------------------------------------------------------------------------------
def unsigned(x: Array) -> Array:
    """The bits of integers as unsigned numbers."""
    return x.view(np.dtype(f"u{x.itemsize}"))


def divide_integers(x: Array, y: Array) -> Array:
    """x / y toward zero; x / 0 has all bits set."""
    if x.dtype.kind == "u":
        return np.where(y == 0, ~np.zeros_like(x), x // y)
    quotient = unsigned(np.abs(x)) // unsigned(np.abs(y))  # |INT_MIN| is right as unsigned bits
    signed = quotient.view(x.dtype)
    return np.where(y == 0, -np.ones_like(x), np.where((x < 0) != (y < 0), -signed, signed))


def remainder_integers(x: Array, y: Array) -> Array:
    """x - y * (x / y), whose sign is x's; x where y is 0."""
    return np.where(y == 0, x, np.fmod(x, np.where((y == 0) | (y == -1), 1, y).astype(x.dtype)))


def power_integers(x: Array, y: Array) -> Array:
    """x to the power y modulo 2**bits, by squaring; of negative powers only 1 and -1 have any."""
    result, base, rest = np.ones_like(x), x, unsigned(y)
    for _ in range(x.itemsize * 8):
        result = np.where(rest & 1, result * base, result)
        base, rest = base * base, rest >> 1
    if x.dtype.kind == "u":
        return result
    inverse = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0)).astype(x.dtype)
    return np.where(y < 0, inverse, result)


def count_leading_zeros(x: Array) -> Array:
    """Zero bits above the highest one: first every bit below that one is set, then they count."""
    bits, width = unsigned(x), x.itemsize * 8
    for shift in (1, 2, 4, 8, 16, 32):
        if shift < width:
            bits = bits | (bits >> shift)
    return (width - np.bitwise_count(bits)).astype(x.dtype)


def shift_left(x: Array, by: Array) -> Array:
    """Bits moved up; nothing is left where all are moved out."""
    width, amount = x.itemsize * 8, unsigned(by)
    return np.where(amount < width, unsigned(x) << np.minimum(amount, width - 1), 0).astype(x.dtype)


def shift_right_logical(x: Array, by: Array) -> Array:
    """Bits moved down, zeros from above."""
    width, amount = x.itemsize * 8, unsigned(by)
    return np.where(amount < width, unsigned(x) >> np.minimum(amount, width - 1), 0).astype(x.dtype)


def shift_right_arithmetic(x: Array, by: Array) -> Array:
    """Bits moved down, the highest bit (of unsigned numbers too) repeated from above."""
    amount = np.minimum(unsigned(by), x.itemsize * 8 - 1)
    signed = x.view(np.dtype(f"i{x.itemsize}"))
    return (signed >> amount.view(signed.dtype)).view(x.dtype)


# ---- conversions -------------------------------------------------------------------------------
def convert(x: Array, *, dtype: DType, source: DType | None = None) -> Array:
    """x as another dtype; `source` is that of x where its array cannot say so (bfloat16)."""
    if source is not None and source.name == "bfloat16":
        x = (x.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if dtype.name == "bfloat16":
        return _bfloat16_bits(x)
    if dtype.kind == "b":
        return x != 0
    if dtype.is_integer and x.dtype.kind == "f":
        return _saturated(x, dtype.storage)
    if dtype.name == "float16" and x.dtype.kind != "f":
        x = x.astype(np.float64)
    return x.astype(dtype.storage)


def _saturated(x: Array, to: np.dtype) -> Array:
    limits = np.iinfo(to)
    wide = np.trunc(x.astype(np.float64))
    inside = np.where((wide > float(limits.min)) & (wide < float(limits.max)), wide, 0).astype(to)
    low = np.where(wide <= float(limits.min), to.type(limits.min), inside)
    return np.where(wide >= float(limits.max), to.type(limits.max), low)


def _bfloat16_bits(x: Array) -> Array:
    """The upper half of x as float32, rounded once, to nearest even."""
    narrow = x if x.dtype == np.float32 else _rounded_to_odd(x.astype(np.float64))
    bits = narrow.view(np.uint32)
    even = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    quiet_nan = (bits | np.uint32(0x00400000)) & np.uint32(0xFFFF0000)
    return (np.where(np.isnan(narrow), quiet_nan, even) >> np.uint32(16)).astype(np.uint16)


def _rounded_to_odd(x: Array) -> Array:
    """float64 as float32 so that a second rounding, to fewer bits, comes out as one would."""
    narrow = x.astype(np.float32)
    away = np.abs(narrow.astype(np.float64)) > np.abs(x)
    bits = np.asarray(narrow).view(np.uint32) - away.astype(np.uint32)
    odd = bits | (narrow.astype(np.float64) != x).astype(np.uint32)
    return np.where(np.isfinite(x), odd, narrow.view(np.uint32)).view(np.float32)
