"""float16 and bfloat16, as their bits in an i16, to and from float32.

float16 is converted by the machine's instruction if there is one; bfloat16, and float16 elsewhere,
in integer arithmetic. It is written out because LLVM without an instruction calls a function of a
run-time library that may not be there; it does so even to move such numbers between blocks.
Rounding is to nearest even; NaN stays NaN; float16 beyond 65519 becomes infinity; denormals are
exact, also if the program flushes those of float32.
"""

from __future__ import annotations

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.mathlib.expression import Expr, where
from lamina.engines.llvm.codegen.values import Value, like, scalar
from lamina.engines.llvm.target.target import target
from lamina.ir.types import DType, float16


def widen_float(b: Builder, x: Value, dtype: DType) -> Value:
    """A 16-bit float as float; always exact. Other dtypes as they are."""
    if not dtype.is_storage_only:
        return x
    if dtype == float16 and target().machine.converts_half:
        return b.cast("fpext", b.bitcast(x, like(x.type, "half")), like(x.type, "float"))
    pattern = Expr(b, x).cast("zext", "i32")
    if dtype != float16:
        return (pattern << 16).floating().value
    sign, magnitude = (pattern & 0x8000) << 16, pattern & 0x7FFF
    denormal = (magnitude.cast("sitofp", "float") * 2.0**-24).bits()
    finite = where(magnitude < 0x400, denormal, (magnitude << 13) + (112 << 23))
    special = (magnitude << 13) | 0x7F800000
    return (where(magnitude >= 0x7C00, special, finite) | sign).floating().value


def narrow_float(b: Builder, x: Value, dtype: DType) -> Value:
    """Float or double as a 16-bit float, rounded once."""
    single = _to_odd(Expr(b, x)) if scalar(x.type) == "double" else Expr(b, x)
    if dtype == float16 and target().machine.converts_half:
        return b.bitcast(b.cast("fptrunc", single.value, like(x.type, "half")), like(x.type, "i16"))
    pattern = (_to_half if dtype == float16 else _to_bfloat)(single)
    return pattern.cast("trunc", "i16").value


def _to_odd(x: Expr) -> Expr:
    """Double as float, rounded to odd: inexact results get their last bit set, toward zero.

    A second rounding to fewer bits is then the same as one rounding of the double (Boldo and
    Melquiond, 2005).
    """
    nearest = x.cast("fptrunc", "float")
    back = nearest.cast("fpext", "double")
    toward_zero = nearest.bits() - (abs(back) > abs(x)).cast("zext", "i32")
    odd = (toward_zero | back.differs(x).cast("zext", "i32")).floating()
    return where(x.is_nan(), nearest, odd)


def _to_bfloat(x: Expr) -> Expr:
    pattern = x.bits()
    even = (pattern >> 16) & 1
    rounded = (pattern + even + 0x7FFF) >> 16
    return where(x.is_nan(), (pattern >> 16) | 0x40, rounded)


def _to_half(x: Expr) -> Expr:
    """After Giesen, "Float to half" (2012): normal numbers are rounded as integers, denormal ones
    by adding 0.5, whose last digit is the last digit of a denormal float16."""
    sign = (x.bits() >> 16) & 0x8000
    pattern = x.bits() & 0x7FFFFFFF
    magnitude = pattern.floating()
    even = (pattern >> 13) & 1
    normal = (pattern + even + (0xFFF - (112 << 23))) >> 13
    denormal = (magnitude + 0.5).bits() - 0x3F000000
    finite = where(magnitude < 2.0**-14, denormal, normal)
    special = where(x.is_nan(), finite.const(0x7E00), 0x7C00)
    return where(pattern >= 0x47800000, special, finite) | sign
