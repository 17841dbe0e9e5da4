"""Properties of floating-point formats that the algorithms need, and their constants."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.engines.llvm.codegen.mathlib import coefficients
from lamina.engines.llvm.codegen.values import bits


@dataclass(frozen=True)
class Format:
    """Float32 or float64. A constant in two parts is `high`, with trailing zeros where products
    with small integers must be exact, and `low`, the rest."""

    width: int
    mantissa: int  # bits stored
    bias: int
    smallest_normal: float
    magic: float  # 1.5 * 2**mantissa: adding it rounds to an integer, left in the low bits
    ln2: tuple[float, float]
    exp_range: tuple[float, float]  # outside it, exp is 0 and infinity
    expm1_least: float  # below it, expm1 is -1
    tanh_most: float  # above it, tanh is 1
    erf_edge: float
    erf_middle: float
    erf_most: float  # from it on, erf is 1
    half_pi: tuple[float, float]
    pi: tuple[float, float]

    def fitted(self, name: str) -> tuple[float, ...]:
        """The coefficients of a polynomial in this precision."""
        found: tuple[float, ...] = getattr(coefficients, f"{name}_{self.width}")
        return found

    @property
    def one(self) -> int:
        """The bits of 1.0."""
        return self.bias << self.mantissa

    @property
    def root_half(self) -> int:
        """The bits of sqrt(1/2), where log cuts mantissas."""
        return 0x3F3504F3 if self.width == 32 else 0x3FE6A09E667F3BCD


SINGLE = Format(
    width=32,
    mantissa=23,
    bias=127,
    smallest_normal=2.0**-126,
    magic=1.5 * 2**23,
    ln2=(float.fromhex("0x1.62e4p-1"), float.fromhex("0x1.7f7d1cp-20")),
    exp_range=(-104.0, 89.0),
    expm1_least=-30.0,
    tanh_most=10.0,
    erf_edge=0.9375,
    erf_middle=1.0,
    erf_most=4.0,
    half_pi=(float.fromhex("0x1.921fb6p+0"), float.fromhex("-0x1.777a5cp-25")),
    pi=(float.fromhex("0x1.921fb6p+1"), float.fromhex("-0x1.777a5cp-24")),
)

DOUBLE = Format(
    width=64,
    mantissa=52,
    bias=1023,
    smallest_normal=2.0**-1022,
    magic=1.5 * 2**52,
    ln2=(float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")),
    exp_range=(-746.0, 710.0),
    expm1_least=-50.0,
    tanh_most=20.0,
    erf_edge=1.0,
    erf_middle=1.5,
    erf_most=6.0,
    half_pi=(float.fromhex("0x1.921fb54442d18p+0"), float.fromhex("0x1.1a62633145c07p-54")),
    pi=(float.fromhex("0x1.921fb54442d18p+1"), float.fromhex("0x1.1a62633145c07p-53")),
)


def format_of(type_: str) -> Format:
    """The format of an LLVM type's elements: "float" or "double"."""
    return SINGLE if bits(type_) == 32 else DOUBLE
