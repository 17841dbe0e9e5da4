"""Rounded values: the exact value, and a bound on the rounding error.

Shadow(value, error)      the exact-enough value, and a bound on |rounded value - value|
Shadow(..., signed)       and where the sign of a zero is defined (signs.py); None: nowhere
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.ir.graph import Node
from lamina.ir.types import DType, bfloat16, float32
from lamina.reference import special

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Shadow:
    """Floats as float64, all else as it is stored; `error` is float64 of the value's shape."""

    value: Array
    error: Array
    signed: Array | None = None

    def __getitem__(self, position: int) -> Shadow:
        """The shadow of one element of the leading axis."""
        signed = None if self.signed is None else self.signed[position]
        return Shadow(self.value[position], self.error[position], signed)

    @property
    def exact(self) -> bool:
        return not self.error.any()

    @property
    def known(self) -> float:
        """The share of elements about which something is claimed."""
        return float(np.isfinite(self.error).mean()) if self.error.size else 1.0


@dataclass(frozen=True, slots=True)
class Rounding:
    """Of one dtype: the unit (half the distance from 1 to the next number), the least, the most."""

    unit: float
    least: float
    most: float


ROUNDING = {
    "float64": Rounding(2.0**-52, 2.0**-1070, 1e300),  # the shadow itself rounds as much
    "float32": Rounding(2.0**-24, 2.0**-147, 1e37),
    "float16": Rounding(2.0**-11, 2.0**-25, 6e4),
    "bfloat16": Rounding(2.0**-8, 2.0**-134, 1e37),
}

# Units that an engine may be wrong by in one operation; 1 where it only rounds.
UNITS = {
    **dict.fromkeys(["exponential", "exponential_minus_one", "log", "log_plus_one", "tanh"], 8.0),
    **dict.fromkeys(["logistic", "rsqrt", "cbrt", "sine", "cosine", "erf", "atan2"], 8.0),
    "power": 32.0,
    "divide": 2.0,
}


def exact(value: Array, dtype: DType) -> Shadow:
    """Return an input array as an exact value."""
    return Shadow(wide(value, dtype), np.zeros(np.shape(value)), np.ones(np.shape(value), bool))


def wide(value: Array, dtype: DType) -> Array:
    """Floats of any width as float64, all else as it is."""
    value = np.asarray(value)
    if dtype == bfloat16:
        value = special.convert(value, dtype=float32, source=bfloat16)
    return value.astype(np.float64) if dtype.is_float else value


def stored(shadow: Shadow, dtype: DType) -> Array:
    """The array as an engine would hold it."""
    if dtype == bfloat16:
        return special.convert(shadow.value, dtype=bfloat16)
    return shadow.value.astype(dtype.storage, copy=False)


def rounded(node: Node, value: Array, error: Any, units: float | None = None) -> Shadow:
    """The value with the error of the operands, and that of rounding the result."""
    r = ROUNDING[node.dtype.name]
    units = UNITS.get(node.op, 1.0) if units is None else units
    least = r.least if units <= 2 else 2.0**-125 if node.dtype.name == "float32" else 2.0**-1021
    own = units * r.unit * (np.abs(value) + error) + least
    return Shadow(value, error + own)


def spread(xs: Sequence[Shadow], shape: Sequence[int]) -> Array:
    """Infinite where any operand has an error; operands of other shapes count as a whole."""
    unknown = np.zeros(shape, bool)
    for x in xs:
        wrong = x.error > 0
        unknown |= wrong if wrong.shape == tuple(shape) else bool(wrong.any())
    return np.where(unknown, np.inf, 0.0)
