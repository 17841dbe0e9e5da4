"""Typical sizes: assumed values of symbolic extents, for cost estimates only.

A guess decides how a kernel is arranged, never what it computes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from lamina.ir.types import FLOORS, Dim, evaluate


class _Typical(dict[str, int]):
    """Every symbolic size, before it is known."""

    def __contains__(self, symbol: object) -> bool:
        return symbol not in FLOORS

    def __missing__(self, symbol: str) -> int:
        return 32


TYPICAL_SIZES = _Typical()


def guess(extent: Dim) -> int:
    """An extent to reckon with: never below 1, for costs are divided by it."""
    return max(evaluate(extent, TYPICAL_SIZES), 1)


def guess_size(extents: Iterable[Dim]) -> int:
    """The product of extents to reckon with: elements of a shape, iterations of loops."""
    return math.prod(map(guess, extents))
