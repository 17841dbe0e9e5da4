"""Counts of the random programs that each pass of the compiler changes."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.engines.llvm.pipeline import NAMES, PASSES, run_passes
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.text import to_text as program_text
from lamina.engines.llvm.tools.dump import Log
from lamina.engines.llvm.tools.stages import Pass
from lamina.fuzz.check import everything_threaded
from lamina.fuzz.generate import Case
from lamina.ir.graph import Graph
from lamina.ir.text import to_text


class Changes(Log):
    """Counts the programs whose text each pass changes."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(NAMES, 0)
        self.text = ""

    def before(self, step: Pass, value: Graph | Program) -> None:
        self.text = _text(value)

    def after(self, step: Pass, value: Graph | Program) -> None:
        super().after(step, value)
        self.counts[step.name] += _text(value) != self.text


def _text(value: Graph | Program) -> str:
    return to_text(value) if isinstance(value, Graph) else program_text(value)


def coverage(cases: Iterable[Case]) -> dict[str, int]:
    """The number of these programs that each pass changes, in the order of the passes.

    No program runs. `bufferize` changes all: it turns graphs into programs.
    """
    changes = Changes()
    with everything_threaded(True):
        for case in cases:
            run_passes(case.graph, case.updates, changes, PASSES)
    return changes.counts


def table(counts: dict[str, int]) -> str:
    """The counts, a line a pass; * marks passes that LAMINA_SKIP can leave out."""
    marks = {each.name: "*" if each.optional else "" for each in PASSES}
    return "\n".join(f"{name + marks[name]:24} {count:6}" for name, count in counts.items())
