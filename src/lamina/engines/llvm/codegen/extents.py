"""Extents as numbers of a program: polynomials in the sizes that it is given."""

from __future__ import annotations

from collections.abc import Callable

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.ir.types import FLOORS, Dim, Extent, is_static


def emit_extent(
    b: Builder, extent: Dim, size: Callable[[str], Value | None], dim: Callable[[Dim], Value]
) -> Value:
    """Emit an extent as an i64. `size` gives the value of a symbol, or None if the symbol is a
    quotient of extents, which `dim` emits."""
    if is_static(extent):
        return constant("i64", int(extent))
    assert isinstance(extent, Extent)
    total = constant("i64", 0)
    for monomial, coefficient in extent.terms.items():
        term = constant("i64", coefficient)
        for symbol in monomial:
            value = size(symbol)
            if value is None:
                dividend, divisor = FLOORS[symbol]
                value = b.binary("sdiv", dim(dividend), dim(divisor))
            term = b.mul(term, value)
        total = b.add(total, term)
    return total
