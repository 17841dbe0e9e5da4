"""Values in every lane of a register, and the masks of lanes that may be read or written."""

from __future__ import annotations

from typing import Any

from lamina.engines.llvm.codegen.scope import Point, Scope
from lamina.engines.llvm.codegen.values import Value, integers, lanes, vector


class Lanes:
    """Widens values, and combines the masks of partial tiles and of guards."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.b = scope, scope.b
        self.guards: list[tuple[Any, Value]] = []

    def even(self, args: list[Value]) -> list[Value]:
        """Return the operands at one width."""
        count = max((lanes(a.type) for a in args), default=0)
        return [self.wide(a) if count else a for a in args]

    def wide(self, value: Value) -> Value:
        """Return the value in every lane."""
        if lanes(value.type) or self.scope.width <= 1:
            return value
        key = ("wide", value.text, value.type)
        known = self.scope.known(key)
        if known is None:
            known = self.scope.remember(key, self.b.splat(value, self.scope.width))
        return known

    def as_wide(self, value: Value, like: Value) -> Value:
        return self.wide(value) if lanes(like.type) else value

    def mask(self, point: Point) -> Value | None:
        """Return the mask of lanes that may be accessed; None means all."""
        mask: Value | None = None
        if self.scope.mask_on and self.scope.vector is not None:
            mask = self._edge_mask(point.get(self.scope.vector, 0))
        for _, condition in self.guards:
            wide = self.wide(condition)
            mask = wide if mask is None else self.b.and_(mask, wide)
        return mask

    def _edge_mask(self, position: int) -> Value:
        assert self.scope.vector is not None
        remaining = self.scope.remaining[self.scope.vector]
        key = ("edge", position, remaining.text)
        known = self.scope.known(key)
        if known is None:
            numbers = self.numbers(position * self.scope.width)
            known = self.scope.remember(key, self.b.icmp("slt", numbers, self.wide(remaining)))
        return known

    def numbers(self, start: int = 0) -> Value:
        return integers(vector("i64", self.scope.width), range(start, start + self.scope.width))
