"""Counts of the random programs that each pass changes, and of those with each form of code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext

from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.schedule import Schedule, Tail
from lamina.engines.llvm.pipeline import NAMES, PASSES, run_passes
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Peeled,
    Replicated,
    Statement,
    leaves,
    mentioned,
    walk,
)
from lamina.engines.llvm.program.text import to_text as program_text
from lamina.engines.llvm.target.target import using
from lamina.engines.llvm.tools.dump import Log
from lamina.engines.llvm.tools.stages import Pass
from lamina.fuzz.check import eager_target, everything_threaded
from lamina.fuzz.generate import Case
from lamina.ir.graph import Graph
from lamina.ir.text import to_text
from lamina.ir.typical import guess


class Changes(Log):
    """Counts the programs whose text each pass changes, and those that have each form."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(NAMES, 0)
        self.forms = dict.fromkeys([*FORMS, *STATEMENTS], 0)
        self.value: Graph | Program | None = None
        self.text = ""

    def before(self, step: Pass, value: Graph | Program) -> None:
        if value is not self.value:  # else its text is known: the pass before returned it
            self.text = _text(value)

    def after(self, step: Pass, value: Graph | Program) -> None:
        super().after(step, value)
        before, self.text, self.value = self.text, _text(value), value
        self.counts[step.name] += self.text != before
        if step is PASSES[-1] and isinstance(value, Program):
            kernels = [k for k in leaves(value.statements) if isinstance(k, Kernel)]
            for name, has in FORMS.items():
                self.forms[name] += any(map(has, kernels))
            for name, exists in STATEMENTS.items():
                self.forms[name] += any(map(exists, walk(value.statements)))


def _text(value: Graph | Program) -> str:
    return to_text(value) if isinstance(value, Graph) else program_text(value)


# ---- forms -------------------------------------------------------------------------------------
def _stores_in_pieces(kernel: Kernel) -> bool:
    buffers = [store.buffer.number for store in kernel.nest.stores]
    return len(set(buffers)) < len(buffers)


def _updates_argument(kernel: Kernel) -> bool:
    return any(slot.kind == "argument" and slot in kernel.read for slot in kernel.written)


def _has_gaps(slot: Slot) -> bool:
    """True if the elements of a buffer are fewer than it spans."""
    if slot.strides is None or slot.alias_of is not None or slot.slice_of is not None:
        return False
    spans = (guess(n) * guess(step) for n, step in zip(slot.shape, slot.strides, strict=True))
    return max(spans, default=0) > math.prod(map(guess, slot.shape))


def _is_batch_major(slot: Slot) -> bool:
    strides = slot.actual.memory.strides
    return strides is not None and len(strides) > 1 and guess(strides[0]) < guess(strides[1])


def _schedules(schedule: Schedule) -> Iterator[Schedule]:
    """Yield a schedule and its versions."""
    yield schedule
    for version in schedule.versions:
        yield from _schedules(version.schedule)


def _has(test: Callable[[Schedule], bool]) -> Callable[[Kernel], bool]:
    return lambda kernel: any(map(test, _schedules(kernel.chosen)))


def _has_version(below: bool) -> Callable[[Kernel], bool]:
    return _has(lambda schedule: any(v.condition.below is below for v in schedule.versions))


def _has_tail(tail: Tail) -> Callable[[Kernel], bool]:
    return _has(lambda schedule: tail in schedule.tails.values())


FORMS: dict[str, Callable[[Kernel], bool]] = {
    "in-place update": _updates_argument,
    "padded strides": lambda kernel: any(map(_has_gaps, mentioned(kernel))),
    "batch-major sequence": lambda kernel: any(map(_is_batch_major, mentioned(kernel))),
    "halo": lambda kernel: kernel.halo,
    "split at guards": _stores_in_pieces,
    "few-rows version": _has_version(True),
    "long-reduction version": _has_version(False),
    **{f"{tail.value} tail": _has_tail(tail) for tail in Tail if tail is not Tail.EXACT},
    "pipelined epilogue": _has(lambda schedule: schedule.pipelined),
    "in-register transpose": _has(lambda schedule: schedule.transposed is not None),
}


STATEMENTS: dict[str, Callable[[Statement], bool]] = {
    "peeled first iteration": lambda statement: isinstance(statement, Peeled) and statement.first,
    "skipped last iteration": lambda s: isinstance(s, Peeled) and not s.first,
    "replicated kernel": lambda statement: isinstance(statement, Replicated),
}


# ---- counting ----------------------------------------------------------------------------------
def coverage(cases: Iterable[Case], eager: bool = False) -> Changes:
    """Count the programs that each pass changes, and those that have each form.

    No program runs. `bufferize` changes all: it converts graphs to programs.
    """
    changes = Changes()
    for case in cases:
        with using(eager_target(case.seed)) if eager else nullcontext(), everything_threaded(True):
            run_passes(case.graph, case.updates, changes, PASSES)
    return changes


def table(changes: Changes) -> str:
    """The counts, a line for each pass and form; * marks passes that LAMINA_SKIP can leave out."""
    marks = {each.name: "*" if each.optional else "" for each in PASSES}
    rows = [(name + marks[name], count) for name, count in changes.counts.items()]
    return "\n".join(f"{name:24} {count:6}" for name, count in [*rows, *changes.forms.items()])
