"""What a program does, in order: kernels, routines, and what encloses them.

item = kernel | routine | strip ( kernel ... ) | loop ( item ... )
     | while ( item ... ; item ... ) | if ( item ... ; item ... )
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.ir.graph import Node
from lamina.ir.types import Dim


@dataclass(eq=False)
class Loop:
    """`items` once for each of `count` turns; `reverse` counts down. With `rows`, the threads may
    divide so many rows among them, and need not wait for each other (row_parallel.py)."""

    count: Dim
    reverse: bool
    items: list[Item] = field(default_factory=list)
    rows: Dim | None = None


@dataclass(eq=False)
class Strip:
    """Items that each thread takes over `step` of its own rows at a time (row_tiling.py), or over
    all of them (parallel_regions.py). Of the memory in `inner`, with the bytes of a row, nobody
    else reads anything. With fewer rows than the threads can share, the items come in turn: some
    may be strips of finer rows."""

    items: list[Item]
    rows: Dim
    step: int | None
    inner: Mapping[Slot, int]


@dataclass(eq=False)
class While:
    """`test` items, then, if `condition` holds, the `items`, and again."""

    condition: Slot
    test: list[Item] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


@dataclass(eq=False)
class If:
    """`items` where `condition` holds, else the `otherwise` items."""

    condition: Slot
    items: list[Item] = field(default_factory=list)
    otherwise: list[Item] = field(default_factory=list)


@dataclass(eq=False)
class Routine:
    """A primitive that has code of its own (sort, scatter): its node, operands and results."""

    node: Node
    inputs: list[Slot]
    outputs: list[Slot]
    scratch: list[Slot]

    @property
    def slots(self) -> list[Slot]:
        return [*self.inputs, *self.outputs, *self.scratch]

    @property
    def written(self) -> set[Slot]:
        return {s.memory for s in (*self.outputs, *self.scratch)}

    @property
    def touched(self) -> set[Slot]:
        return {s.memory for s in self.slots}


Item = Kernel | Routine | Strip | Loop | While | If


def bodies(item: Item) -> list[list[Item]]:
    """The lists of items inside an item, in the order in which they run."""
    if isinstance(item, (Loop, Strip)):
        return [item.items]
    if isinstance(item, While):
        return [item.test, item.items]
    return [item.items, item.otherwise] if isinstance(item, If) else []


def map_bodies(items: list[Item], change: Callable[[list[Item]], list[Item]]) -> list[Item]:
    """What `change` makes of a list of items, after it was applied to each list inside of them."""
    for item in items:
        if isinstance(item, While):
            item.test = map_bodies(item.test, change)
        if isinstance(item, If):
            item.otherwise = map_bodies(item.otherwise, change)
        if isinstance(item, (Loop, Strip, While, If)):
            item.items = map_bodies(item.items, change)
    return change(items)


def loops(items: Sequence[Item]) -> Iterator[Loop]:
    """Every loop, those inside loops and branches included."""
    for item in items:
        if isinstance(item, Loop):
            yield item
        for body in bodies(item):
            yield from loops(body)


def leaves(items: Sequence[Item]) -> Iterator[Kernel | Routine | While | If]:
    """Every kernel and routine, those inside loops and branches included."""
    for item in items:
        if isinstance(item, While):
            yield from leaves(item.test)
            yield item
            yield from leaves(item.items)
            continue
        if not isinstance(item, (Loop, Strip)):
            yield item
        for body in bodies(item):
            yield from leaves(body)


def mentioned(item: Kernel | Routine | While | If) -> list[Slot]:
    return [item.condition] if isinstance(item, (While, If)) else item.slots


def touched(item: Item) -> set[Slot]:
    if isinstance(item, (Kernel, Routine)):
        return item.touched
    found: set[Slot] = set()
    for leaf in leaves([item]):
        found |= {s.memory for s in mentioned(leaf)}
    return found


def read(item: Item) -> set[Slot]:
    """The memory that an item reads; of all but kernels, whatever it touches."""
    return item.read if isinstance(item, Kernel) else touched(item)
