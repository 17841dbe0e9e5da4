"""Kernels in a reader's words: names, memory, schedules, one line each or in full.

dot_general[32 x 512 over 784]    float32 arg0[32, 784], arg2[784, 512] -> t0[32, 512]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.statements import Item, Routine, leaves
from lamina.engines.llvm.program.text import Names
from lamina.ir.types import Dim


def running(items: Sequence[Item]) -> list[Kernel | Routine]:
    """What a program runs, in order; copies of memory onto itself, which have no code, left out."""
    return [
        item
        for item in leaves(items)
        if isinstance(item, Routine) or (isinstance(item, Kernel) and not item.is_identity)
    ]


def name_of(item: Kernel | Routine) -> str:
    """The primitive at its heart and its domain: `reduce[32 over 10]`."""
    if isinstance(item, Routine):
        return f"{item.node.op}[{_times(item.node.args[0].shape)}]"
    nest = item.nest
    over = f" over {_times([v.extent for v in nest.reductions])}" if nest.reductions else ""
    return f"{nest.name}[{_times([v.extent for v in nest.loops])}{over}]"


def memory_of(item: Kernel | Routine, names: Names) -> str:
    """What it reads and what it writes."""
    if isinstance(item, Routine):
        reads, writes = list(item.inputs), list(item.outputs)
    else:
        stored = {s.buffer.number for s in item.nest.stores}
        writes = [s for k, s in enumerate(item.slots) if k in stored]
        reads = [s for k, s in enumerate(item.slots) if k not in stored]
    return f"{_slots(reads, names)} -> {_slots(writes, names)}"


def buffers_of(kernel: Kernel, names: Names) -> list[str]:
    """One line a buffer of the nest: `b0 = arg0 float32[32, 784]`."""
    return [
        f"b{k} = {names(s)} {s.dtype}[{', '.join(map(str, s.shape))}]"
        for k, s in enumerate(kernel.slots)
    ]


def line_of(item: Kernel | Routine, names: Names) -> str:
    """Name, schedule and memory on one line."""
    if isinstance(item, Routine):
        return f"{name_of(item)}  {memory_of(item, names)}"
    crew = "one thread" if item.chosen.serial else "all threads"
    return f"{name_of(item)}  {crew}, {item.chosen}  {memory_of(item, names)}"


def _slots(slots: Sequence[Slot], names: Names) -> str:
    shown = [f"{names(s)} {s.dtype}[{', '.join(map(str, s.shape))}]" for s in slots]
    return ", ".join(dict.fromkeys(shown)) or "nothing"


def _times(extents: Iterable[Dim]) -> str:
    return " x ".join(map(str, extents)) or "1"
