"""Kernels in a reader's words: names, memory, schedules, one line each or in full.

dot_general[32 x 512 over 784]    float32 arg0[32, 784], arg2[784, 512] -> t0[32, 512]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.statements import Routine, Statement, leaves
from lamina.engines.llvm.program.text import Names
from lamina.ir.types import Dim


def running(statements: Sequence[Statement]) -> list[Kernel | Routine]:
    """Return the kernels and routines of a program, in order, each once."""
    found = [s for s in leaves(statements) if isinstance(s, (Kernel, Routine))]
    return list(dict.fromkeys(found))


def name_of(statement: Kernel | Routine) -> str:
    """The primitive at its heart and its domain: `reduce[32 over 10]`."""
    if isinstance(statement, Routine):
        return f"{statement.node.op}[{_times(statement.node.args[0].shape)}]"
    nest = statement.nest
    over = f" over {_times([v.extent for v in nest.reductions])}" if nest.reductions else ""
    return f"{nest.name}[{_times([v.extent for v in nest.loops])}{over}]"


def memory_of(statement: Kernel | Routine, names: Names) -> str:
    """Return the buffers that a statement reads and those that it writes."""
    if isinstance(statement, Routine):
        reads, writes = list(statement.inputs), list(statement.outputs)
    else:
        stored = {s.buffer.number for s in statement.nest.stores}
        writes = [s for k, s in enumerate(statement.slots) if k in stored]
        reads = [s for k, s in enumerate(statement.slots) if k not in stored]
    return f"{_slots(reads, names)} -> {_slots(writes, names)}"


def buffers_of(kernel: Kernel, names: Names) -> list[str]:
    """One line a buffer of the nest: `b0 = arg0 float32[32, 784]`."""
    return [
        f"b{k} = {names(s)} {s.dtype}[{', '.join(map(str, s.shape))}]"
        for k, s in enumerate(kernel.slots)
    ]


def line_of(statement: Kernel | Routine, names: Names) -> str:
    """Name, schedule and memory on one line."""
    if isinstance(statement, Routine):
        return f"{name_of(statement)}  {memory_of(statement, names)}"
    return f"{name_of(statement)}  {statement.chosen}  {memory_of(statement, names)}"


def _slots(slots: Sequence[Slot], names: Names) -> str:
    shown = [f"{names(s)} {s.dtype}[{', '.join(map(str, s.shape))}]" for s in slots]
    return ", ".join(dict.fromkeys(shown)) or "nothing"


def _times(extents: Iterable[Dim]) -> str:
    return " x ".join(map(str, extents)) or "1"
