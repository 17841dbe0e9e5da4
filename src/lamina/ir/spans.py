"""Spans: which call of a layer, and which gradient, made a node of a graph while it was recorded.

    spans = intervals of node numbers        span = (first, last, layer) | (first, last, node)

Nodes are numbered as they are made, so the nodes that a call makes are an interval, and of several
intervals that hold a node the one that began last is the innermost. The nodes of the gradient of a
node belong to the layer of that node.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from lamina.ir.graph import Node, next_number

Direction: TypeAlias = Literal["forward", "backward", "update"]


class Place(NamedTuple):
    """The origin of a node: forward pass, backward pass or update, and the path of the layer, empty
    outside of layers."""

    direction: Direction
    layer: str


@dataclass
class _Span:
    first: int
    last: int | None  # None while it is open
    layer: str = ""
    is_gradient: bool = False
    source: int | None = None  # number of the node whose gradient is taken

    def holds(self, number: int) -> bool:
        return self.first < number and (self.last is None or number < self.last)


class Spans:
    """The spans of one recording, in the order in which they began."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []

    @contextmanager
    def of_layer(self, path: str) -> Iterator[None]:
        """Within: nodes belong to the call of a layer."""
        with self._open(_Span(next_number(), None, path)):
            yield

    @contextmanager
    def of_gradient(self, source: Node | None = None) -> Iterator[None]:
        """Within: nodes belong to a backward pass, and to the gradient of one node, if one is
        given."""
        number = None if source is None else source.number
        with self._open(_Span(next_number(), None, "", True, number)):
            yield

    @contextmanager
    def _open(self, span: _Span) -> Iterator[None]:
        self._spans.append(span)
        try:
            yield
        finally:
            span.last = next_number()

    def place(self, number: int) -> Place:
        """Return where the node of this number was made. What follows a backward pass, outside of
        layers, is the update."""
        around = [span for span in self._spans if span.holds(number)]
        if not around:
            after = any(
                s.is_gradient and s.last is not None and s.last < number for s in self._spans
            )
            return Place("update" if after else "forward", "")
        inner = around[-1]
        if inner.source is not None:
            return Place("backward", self.place(inner.source).layer)
        return Place("backward" if any(s.is_gradient for s in around) else "forward", inner.layer)
