"""From loop to loop, each thread keeps to rows of its own.

    z <- x W;  for turn: h <- f(z, h);  y <- softmax(h);  for turn: dz <- ...
        ->  z[mine] <- x[mine] W;  for turn: h[mine] <- ...;  y[mine] <- ...;  for turn: ...

Loops whose rows need nothing of each other (row_parallel.py) are often followed by kernels of the
same kind, up to the gradients' loops. Then the threads do not meet in between, and none reads what
another has written, which is slow where processors don't share a cache. What all rows read, such as
weights, each thread reads for itself, so it has to be little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.clusters import Group, gathered, over_same_rows
from lamina.engines.llvm.program.program import Program, Touching, touching_of
from lamina.engines.llvm.program.row_parallel import accesses, over_rows, own_rows
from lamina.engines.llvm.program.statements import Item, Loop, Strip, leaves, mentioned
from lamina.engines.llvm.target.target import Target
from lamina.ir.types import is_static

NAMES = {"map", "copy", "zeros", "reduce", "dot_general"}


def form_parallel_regions(program: Program, target: Target) -> Program:
    """Gather row-parallel loops, and the kernels around them, into parallel regions."""
    new = partial(_Region, touching_of(program), target.costs.region_shared)
    program.items = gathered(program.items, new, lambda loop: True)
    return program


class _Region(Group):
    """Kernels and loops over the same rows, in the making."""

    def __init__(self, touching: Touching, shared: int) -> None:
        super().__init__()
        self.touching, self.shared = touching, shared

    def takes(self, item: Item) -> bool:
        if isinstance(item, Loop):
            if item.rows is None:
                return False
        elif not isinstance(item, Kernel) or not _is_small(item, self.shared):
            return False
        kernels = over_same_rows(self.kernels, item)
        if kernels is None or own_rows(kernels) is None:
            return False
        self.members.append(item)
        self.kernels = kernels
        return True

    def items(self, later: Sequence[Item]) -> Sequence[Item]:
        """One strip; or the members, if that is better."""
        if len(self.members) < 2 or not any(isinstance(m, Loop) for m in self.members):
            return self.members
        self.keep_apart()
        self._share({*self.kernels, *leaves(later)})
        rows = next(iter(self.kernels.values())).rows
        return [Strip(self.members, rows, None, {})]

    def _share(self, from_here: Set[object]) -> None:
        """Where a value is read for the last time before another of the same form is made, that
        takes its memory, if rows are in the same places: so no thread is in the way of another."""
        free: list[tuple[int, Slot]] = []
        widths = own_rows(self.kernels) or {}
        for slot, (first, last) in self._lives().items():
            own = slot.kind == "temporary" and slot.memory is slot
            if not own or not self.touching[slot] <= from_here:
                continue
            alike = (s for end, s in free if end < first and _is_alike(s, slot))
            found = next((s for s in alike if widths.get(s) == widths.get(slot)), None)
            if found is not None:
                free = [(end, s) for end, s in free if s is not found]
                slot.same = found
            if self.touching[slot] <= self.kernels.keys():
                free.append((last, found or slot))

    def _lives(self) -> dict[Slot, tuple[int, int]]:
        """The first and the last member that each memory is in use by, in order of the first."""
        lives: dict[Slot, tuple[int, int]] = {}
        for place, member in enumerate(self.members):
            for leaf in leaves([member]):
                for slot in mentioned(leaf):
                    first, _ = lives.get(slot.memory, (place, place))
                    lives[slot.memory] = first, place
        return lives


def _is_alike(slot: Slot, other: Slot) -> bool:
    same = slot.shape == other.shape and slot.dtype == other.dtype
    return same and list(slot.layout) == list(other.layout)


def _is_small(kernel: Kernel, most: int) -> bool:
    """Whether all rows together read little besides their own."""
    return kernel.nest.name in NAMES and sum(_fixed(kernel, most)) <= most


def _fixed(kernel: Kernel, most: int) -> Iterator[int]:
    apart = over_rows(kernel)
    seen: set[Slot] = set()
    for slot, index, _ in accesses(kernel):
        if apart is None or slot.memory in seen or apart.loop in index.vars:
            continue
        seen.add(slot.memory)
        yield int(slot.bytes) if is_static(slot.bytes) else most + 1
