"""A program of loop nests: its statements and its buffers.

program = slot ... ; statement ...          (statements.py)
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.program.statements import Statement, leaves, mentioned


@dataclass(eq=False)
class Program:
    """`arguments`, then `results`, are the caller's memory; a result that updates an argument is
    that argument's slot. `tables` are constants, `stacks` the results of loops, branches and
    routines. If `is_synchronized`, threads wait for each other only at barriers (barriers.py); else
    they do so after every statement. Each thread has its own copy of what is `private`
    (replicate.py). `lives` are the first and last phase of each buffer
    (plan_memory.py)."""

    statements: list[Statement]
    arguments: list[Slot]
    results: list[Slot]
    tables: list[Slot] = field(default_factory=list)
    stacks: set[Slot] = field(default_factory=set)
    is_synchronized: bool = False
    private: set[Slot] = field(default_factory=set)
    lives: dict[Slot, tuple[int, int]] = field(default_factory=dict)

    def slots(self) -> list[Slot]:
        """Return every slot that owns memory, and every loop slice."""
        seen: dict[Slot, None] = dict.fromkeys([*self.arguments, *self.results, *self.tables])
        for statement in leaves(self.statements):
            for slot in mentioned(statement):
                seen[slot.actual] = None
                seen[slot.memory] = None
        return list(seen)

    def owners(self) -> list[Slot]:
        """Return every slot that owns memory."""
        return [s for s in self.slots() if s.alias_of is None and s.slice_of is None]


MemoryUsers = Mapping[Slot, Set[object]]


def users_of_memory(program: Program) -> MemoryUsers:
    """Return the statements that access each buffer; the program itself reads the results."""
    found: dict[Slot, set[object]] = {r.memory: {program} for r in program.results}
    for leaf in leaves(program.statements):
        for slot in mentioned(leaf):
            found.setdefault(slot.memory, set()).add(leaf)
    return found
