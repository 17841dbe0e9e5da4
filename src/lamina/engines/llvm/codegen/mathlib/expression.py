"""Arithmetic on LLVM values in Python's own operators, so that formulas read as formulas.

    x = Expr(b, value)
    y = x * x + 1.0          emits fmul, fadd
    y = fma(x, x, 1.0)       emits one fused multiply-add
    n = x.bits() >> 23       the bit pattern, shifted without sign

Python numbers become constants of the other operand's type. Comparisons are ordered (false where an
operand is NaN), except `differs`. Nothing here is reassociated or contracted: what is written runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.values import Value, bits, constant, is_float, like
from lamina.engines.llvm.target.target import target


@dataclass(frozen=True, slots=True, eq=False)
class Expr:
    """A value and the builder that extends it: floats, integers or i1 masks, at any width."""

    b: Builder
    value: Value

    # ---- making others like this one -----------------------------------------------------------
    @property
    def type(self) -> str:
        return self.value.type

    def const(self, number: float | int) -> Expr:
        return Expr(self.b, constant(self.type, number))

    def lift(self, other: Expr | float | int) -> Expr:
        return other if isinstance(other, Expr) else self.const(other)

    def _binary(self, float_op: str, int_op: str, other: Expr | float | int) -> Expr:
        op = float_op if is_float(self.type) else int_op
        return Expr(self.b, self.b.binary(op, self.value, self.lift(other).value))

    # ---- arithmetic ----------------------------------------------------------------------------
    def __add__(self, other: Expr | float | int) -> Expr:
        return self._binary("fadd", "add", other)

    def __sub__(self, other: Expr | float | int) -> Expr:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: float | int) -> Expr:
        return self.const(other) - self

    def __mul__(self, other: Expr | float | int) -> Expr:
        return self._binary("fmul", "mul", other)

    def __truediv__(self, other: Expr | float | int) -> Expr:
        return self._binary("fdiv", "sdiv", other)

    def __rtruediv__(self, other: float | int) -> Expr:
        return self.const(other) / self

    def __neg__(self) -> Expr:
        return Expr(self.b, self.b.fneg(self.value)) if is_float(self.type) else 0 - self

    def __and__(self, other: Expr | int) -> Expr:
        return self._binary("and", "and", other)

    def __or__(self, other: Expr | int) -> Expr:
        return self._binary("or", "or", other)

    def __xor__(self, other: Expr | int) -> Expr:
        return self._binary("xor", "xor", other)

    def __invert__(self) -> Expr:
        return self ^ -1

    def __lshift__(self, other: Expr | int) -> Expr:
        return self._binary("shl", "shl", other)

    def __rshift__(self, other: Expr | int) -> Expr:
        return self._binary("lshr", "lshr", other)

    def shift_signed(self, by: int) -> Expr:
        """Shifted right, filled with the sign."""
        return self._binary("ashr", "ashr", by)

    # ---- comparisons ---------------------------------------------------------------------------
    def _compare(self, float_op: str, int_op: str, other: Expr | float | int) -> Expr:
        y = self.lift(other).value
        if is_float(self.type):
            return Expr(self.b, self.b.fcmp(float_op, self.value, y))
        return Expr(self.b, self.b.icmp(int_op, self.value, y))

    def __lt__(self, other: Expr | float | int) -> Expr:
        return self._compare("olt", "slt", other)

    def __le__(self, other: Expr | float | int) -> Expr:
        return self._compare("ole", "sle", other)

    def __gt__(self, other: Expr | float | int) -> Expr:
        return self._compare("ogt", "sgt", other)

    def __ge__(self, other: Expr | float | int) -> Expr:
        return self._compare("oge", "sge", other)

    def equals(self, other: Expr | float | int) -> Expr:
        return self._compare("oeq", "eq", other)

    def differs(self, other: Expr | float | int) -> Expr:
        """Not equal; true where an operand is NaN."""
        return self._compare("une", "ne", other)

    def is_nan(self) -> Expr:
        return Expr(self.b, self.b.fcmp("uno", self.value, self.value))

    # ---- representation ------------------------------------------------------------------------
    def bits(self) -> Expr:
        """The float's bit pattern as an integer of its width."""
        return Expr(self.b, self.b.bitcast(self.value, like(self.type, f"i{bits(self.type)}")))

    def floating(self) -> Expr:
        """The integer's bits as a float of its width."""
        name = {32: "float", 64: "double"}[bits(self.type)]
        return Expr(self.b, self.b.bitcast(self.value, like(self.type, name)))

    def cast(self, op: str, element: str) -> Expr:
        """An LLVM conversion to `element` type, at the same width."""
        return Expr(self.b, self.b.cast(op, self.value, like(self.type, element)))

    def intrinsic(self, name: str, *others: Expr | float | int) -> Expr:
        values = [self.lift(o).value for o in others]
        return Expr(self.b, self.b.intrinsic(name, self.value, *values))

    def __abs__(self) -> Expr:
        return self.intrinsic("llvm.fabs")

    def with_sign_of(self, other: Expr) -> Expr:
        return self.intrinsic("llvm.copysign", other)

    def sign_bit(self) -> Expr:
        """True for negative numbers, -0 included."""
        return self.bits() < 0


def fma(x: Expr, y: Expr | float, z: Expr | float) -> Expr:
    """x * y + z with one rounding: an instruction on x86 since 2013 and on every 64-bit ARM.
    Elsewhere the exact product is computed, so that its error may be half a unit more."""
    if target().machine.fma:
        return x.intrinsic("llvm.fma", y, z)
    y, z = x.lift(y), x.lift(z)
    if bits(x.type) == 32:
        wide_x, wide_y, wide_z = (v.cast("fpext", "double") for v in (x, y, z))
        return (wide_x * wide_y + wide_z).cast("fptrunc", "float")
    product, low = _two_product(x, y)
    total = product + z
    rest = total - product
    low = low + ((product - (total - rest)) + (z - rest))
    near = where((abs(low) > 0.0) & (abs(low) < math.inf), total + low, total)
    return where(abs(product) < math.inf, near, (x * 0.5 * y + z * 0.5) * 2.0)


def _two_product(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """x * y of doubles as a sum: rounded, and the error (Dekker 1971), not finite on overflow."""
    product = x * y
    (x_high, x_low), (y_high, y_low) = _split(x), _split(y)
    crossed = ((x_high * y_high - product) + x_high * y_low) + x_low * y_high
    return product, crossed + x_low * y_low


def _split(x: Expr) -> tuple[Expr, Expr]:
    """A double as a sum of two of 26 bits (Veltkamp's splitting)."""
    shifted = x * (2.0**27 + 1)
    high = shifted - (shifted - x)
    return high, x - high


def where(condition: Expr, yes: Expr | float, no: Expr | float) -> Expr:
    """`yes` in the lanes where condition is true, else `no`; one of the two must be an Expr."""
    model = yes if isinstance(yes, Expr) else no
    assert isinstance(model, Expr)
    yes, no = model.lift(yes), model.lift(no)
    return Expr(model.b, model.b.select(condition.value, yes.value, no.value))


def polynomial(x: Expr, coefficients: Sequence[float]) -> Expr:
    """Horner's rule, by fused multiply-adds where there are such; lowest power first."""
    result: Expr | float = coefficients[-1]
    for k in reversed(range(len(coefficients) - 1)):  # the last step decides the error
        is_fused = k == 0 or target().machine.fma
        result = fma(x, result, coefficients[k]) if is_fused else x * result + coefficients[k]
    return x.lift(result)


def at_most(x: Expr, limit: float) -> Expr:
    """min(x, limit), one instruction; NaN stays."""
    return where(x > limit, limit, x)


def at_least(x: Expr, limit: float) -> Expr:
    """max(x, limit), one instruction; NaN stays."""
    return where(x < limit, limit, x)


# ---- operations with an instruction on some processors -----------------------------------------
_SCALING = {  # of AVX-512: its intrinsic, and the type of its mask
    "<16 x float>": ("llvm.x86.avx512.mask.scalef.ps.512", "i16"),
    "<8 x double>": ("llvm.x86.avx512.mask.scalef.pd.512", "i8"),
}
CURRENT_ROUNDING = 4


def has_scaling(type_: str) -> bool:
    """Return whether there is one instruction for x 2**n at this width."""
    return type_ in _SCALING and target().machine.vector_bits == 512


def scaled(x: Expr, n: Expr) -> Expr:
    """x 2**n for n a whole number, rounded once."""
    name, mask = _SCALING[x.type]
    args = [x.value, n.value, x.value, constant(mask, -1), constant("i32", CURRENT_ROUNDING)]
    return Expr(x.b, x.b.call(name, x.type, args))
