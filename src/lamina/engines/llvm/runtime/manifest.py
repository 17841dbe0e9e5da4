"""The manifest: what an executable needs to know of its program, as plain data for the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lamina.ir.types import FLOORS, Dim, Extent, dtype

THREADS = "number of threads"  # a symbol in a block's bytes


@dataclass
class Array:
    """An argument or a result: its extents and dtype; `owner` is the argument it updates, or -1."""

    shape: list[Dim]
    dtype: Any
    owner: int = -1


@dataclass
class Block:
    """A row of the program's table: whose memory it is, how many bytes, and while which phases."""

    kind: str
    number: int
    bytes: Dim
    life: tuple[int, int]


@dataclass
class Plan:
    symbols: list[str]
    arguments: list[Array]
    results: list[Array]
    blocks: list[Block]
    work: list[Dim]  # each kernel's operations

    def to_json(self) -> dict[str, Any]:
        dims = [d for a in (*self.arguments, *self.results) for d in a.shape]
        dims += [b.bytes for b in self.blocks] + self.work
        return {
            "symbols": self.symbols,
            "floors": _floors(dims),
            "arguments": [_array_json(a) for a in self.arguments],
            "results": [_array_json(a) for a in self.results],
            "blocks": [[b.kind, b.number, _dim_json(b.bytes), *b.life] for b in self.blocks],
            "work": [_dim_json(w) for w in self.work],
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Plan:
        for name, (value, by) in data["floors"].items():
            FLOORS[name] = (_dim(value), _dim(by))
        return Plan(
            data["symbols"],
            [_array(a) for a in data["arguments"]],
            [_array(a) for a in data["results"]],
            [Block(k, n, _dim(size), (a, z)) for k, n, size, a, z in data["blocks"]],
            [_dim(w) for w in data["work"]],
        )


def _floors(dims: list[Dim]) -> dict[str, Any]:
    """The meaning of every floor division that the extents mention, innermost too."""
    found: dict[str, Any] = {}
    stack = [d for d in dims if isinstance(d, Extent)]
    while stack:
        for monomial in stack.pop().terms:
            for symbol in monomial:
                if symbol in FLOORS and symbol not in found:
                    value, by = FLOORS[symbol]
                    found[symbol] = [_dim_json(value), _dim_json(by)]
                    stack += [d for d in (value, by) if isinstance(d, Extent)]
    return found


def _dim_json(extent: Dim) -> Any:
    if not isinstance(extent, Extent):
        return int(extent)
    return [[c, list(m)] for m, c in extent.terms.items()]


def _dim(data: Any) -> Dim:
    return data if isinstance(data, int) else Extent({tuple(m): c for c, m in data})


def _array_json(a: Array) -> list[Any]:
    return [[_dim_json(d) for d in a.shape], a.dtype.name, a.owner]


def _array(data: list[Any]) -> Array:
    shape, name, owner = data
    return Array([_dim(d) for d in shape], dtype(name), owner)


def bindable(shape: list[Dim]) -> list[tuple[int, str, int]]:
    """Axes from which a symbol's size follows: (axis, symbol, coefficient) of extents like 2*n."""
    found = []
    for axis, extent in enumerate(shape):
        if isinstance(extent, Extent) and len(extent.terms) == 1:
            ((monomial, coefficient),) = extent.terms.items()
            if len(monomial) == 1 and monomial[0] not in FLOORS:
                found.append((axis, monomial[0], coefficient))
    return found
