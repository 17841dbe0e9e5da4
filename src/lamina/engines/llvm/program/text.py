"""A program as text: its buffers, then its statements, with loops, tiles and regions around them.

buffers
  t0 float32[8, 64], strides (128, 1)
loop 28 in reverse, row-parallel over batch
  dot_general[batch x 256 over 64]  t0, arg2 -> t1  [vector n of 16 lanes, ...]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Barrier,
    If,
    Loop,
    ParallelRegion,
    Peeled,
    Replicated,
    Routine,
    RowTile,
    RowVersions,
    Statement,
    While,
    leaves,
    mentioned,
)
from lamina.ir.types import Dim


class Names:
    """Names of slots: arg2, result0, table1, t3 (temporaries in order of appearance), and
    arg0[iteration] for the slice that an iteration of a loop works on."""

    def __init__(self, arguments: int, private: Set[Slot] = frozenset()) -> None:
        self.arguments, self.private = arguments, private
        self.temporaries: dict[Slot, int] = {}

    def __call__(self, slot: Slot) -> str:
        slot = slot.actual
        if slot.slice_of is not None:
            return f"{self(slot.slice_of)}[iteration]"
        if slot.kind == "argument":
            is_result = slot.number >= self.arguments
            number = slot.number - self.arguments if is_result else slot.number
            return f"{'result' if is_result else 'arg'}{number}"
        if slot.kind == "table":
            return f"table{slot.number}"
        return f"t{self.temporaries.setdefault(slot, len(self.temporaries))}"


def to_text(program: Program, kernels: str = "") -> str:
    """Print a program. With `kernels`, print only the nests of kernels of that name, in full."""
    names = Names(len(program.arguments), program.private)
    if kernels:
        return "\n\n".join(
            nest_text(leaf, names)
            for leaf in leaves(program.statements)
            if isinstance(leaf, Kernel) and leaf.nest.name == kernels
        )
    statements = list(_lines(program.statements, names, 0))
    return "\n".join(["buffers", *_buffers(program, names), "statements", *statements])


def nest_text(kernel: Kernel, names: Names) -> str:
    """Print a kernel in full: buffers, nest, schedule."""
    buffers = [f"b{k} = {_buffer(s, names)}" for k, s in enumerate(kernel.slots)]
    schedule = [f"  schedule {kernel.schedule}"] if kernel.schedule is not None else []
    return "\n".join([*buffers, str(kernel.nest), *_annotations(kernel, names), *schedule])


def _annotations(kernel: Kernel, names: Names) -> list[str]:
    """Return what passes have noted on a kernel in addition to its nest and its schedule."""
    found = ["  writes the halo only"] if kernel.halo else []
    if kernel.prefetched:
        found.append(f"  prefetches {_list(kernel.prefetched, names)}")
    return found


def _buffers(program: Program, names: Names) -> Iterator[str]:
    seen: dict[Slot, None] = {}
    for leaf in leaves(program.statements):
        for slot in mentioned(leaf):
            seen[slot.actual] = None
    for slot in seen:
        lives = program.lives.get(slot) if slot.kind == "temporary" else None
        live = f", live in phases {lives[0]} to {lives[1]}" if lives is not None else ""
        yield f"  {_buffer(slot, names)}{live}"


def _buffer(slot: Slot, names: Names) -> str:
    """Return name, type, and how the memory differs from a contiguous array."""
    shape = ", ".join(map(str, slot.shape))
    actual, notes = slot.actual, [f"{names(slot)} {slot.dtype}[{shape}]"]
    if slot.strides is not None:
        notes.append(f"strides ({', '.join(map(str, slot.strides))})")
    if slot.offset != 0:
        notes.append(f"offset {slot.offset}")
    if actual is not slot:
        notes.append(f"alias of {names(actual)}")
    if actual.iteration:
        notes.append(f"{actual.iteration} iterations later")
    if slot.memory in names.private:
        notes.append("private to each thread")
    return ", ".join(notes)


def _lines(statements: Sequence[Statement], names: Names, depth: int) -> Iterator[str]:
    for statement in statements:
        for head, body in _parts(statement, names):
            yield "  " * (depth + 1) + head
            yield from _lines(body, names, depth + 1)


def _parts(statement: Statement, names: Names) -> list[tuple[str, Sequence[Statement]]]:
    """Return the lines of a statement, each with the statements below it."""
    if isinstance(statement, Loop):
        order = " in reverse" if statement.counter.reverse else ""
        rows = f", row-parallel over {statement.rows}" if statement.rows is not None else ""
        return [(f"loop {statement.count}{order}{rows}", statement.statements)]
    if isinstance(statement, RowTile):
        contracted = ", ".join(names(slot) for slot in statement.contracted)
        kept = f", contracted {contracted}" if contracted else ""
        head = f"tile of {statement.step} rows over {statement.rows}{kept}"
        return [(head, statement.statements)]
    if isinstance(statement, ParallelRegion):
        moved = ", ".join(names(slot) for slot in statement.displaced)
        displaced = f", displaced {moved}" if moved else ""
        head = f"parallel region, rows over {statement.rows}{displaced}"
        return [(head, statement.statements)]
    if isinstance(statement, Peeled):
        if not statement.first:
            return [("unless last iteration", statement.otherwise)]
        return [("if first iteration", statement.statements), ("else", statement.otherwise)]
    if isinstance(statement, Replicated):
        return [("in each thread", statement.statements)]
    if isinstance(statement, RowVersions):
        return [(f"if {statement.test}", statement.statements), ("else", statement.otherwise)]
    if isinstance(statement, While):
        return [
            ("while", statement.test),
            (f"holds {names(statement.condition)}: do", statement.statements),
        ]
    if isinstance(statement, If):
        return [
            (f"if {names(statement.condition)}", statement.statements),
            ("else", statement.otherwise),
        ]
    return [("barrier" if isinstance(statement, Barrier) else _leaf(statement, names), [])]


def _leaf(statement: Kernel | Routine, names: Names) -> str:
    if isinstance(statement, Routine):
        outputs = _list(statement.outputs, names)
        return f"{statement.node.op}  {_list(statement.inputs, names)} -> {outputs}"
    nest = statement.nest
    written = {s.buffer.number for s in nest.stores}
    reads = [s for k, s in enumerate(statement.slots) if k not in written]
    writes = [s for k, s in enumerate(statement.slots) if k in written]
    notes = "; ".join(note.strip() for note in (*nest.notes(), *_annotations(statement, names)))
    over = f" over {_domain(v.extent for v in nest.reductions)}" if nest.reductions else ""
    domain = f"{nest.name}[{_domain(v.extent for v in nest.loops)}{over}]"
    schedule = f"  [{statement.schedule}]" if statement.schedule is not None else ""
    line = f"{domain}  {_list(reads, names)} -> {_list(writes, names)}{schedule}"
    return f"{line}  ({notes})" if notes else line


def _list(slots: Sequence[Slot], names: Names) -> str:
    return ", ".join(dict.fromkeys(map(names, slots))) or "nothing"


def _domain(extents: Iterator[Dim]) -> str:
    return " x ".join(map(str, extents)) or "1"
