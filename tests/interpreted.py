"""Tests without compiling: graphs and programs interpreted after each pass, compared with the
reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.engines.llvm.pipeline import PASSES, run_passes
from lamina.engines.llvm.program.interpreter import Order, run
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import kernels_of
from lamina.engines.llvm.program.text import Names, nest_text, to_text
from lamina.engines.llvm.tools.dump import Log
from lamina.fuzz.check import difference
from lamina.fuzz.generate import Case
from lamina.fuzz.shadow import shadows
from lamina.ir.graph import Graph
from lamina.ir.text import to_text as to_graph_text
from lamina.ir.verify import verify
from lamina.reference import interpreter


class Wrong(AssertionError):
    """A graph or program computes something else, or breaks a promise; the pass before is named."""


class Interpreted(Log):
    """Interprets the graph or program after each pass that changed it."""

    def __init__(self, graph: Graph, every: Sequence[Sequence[np.ndarray]], lane: str) -> None:
        self.graph, self.text = graph, to_graph_text(graph)
        self.expected = [(list(arrays), shadows(graph, arrays, lane)) for arrays in every]
        self.changed: set[str] = set()
        self.running = ""  # the pass

    def before(self, step: Any, value: Any) -> None:
        self.running = step.name

    def after(self, step: Any, value: Any) -> None:
        text = whole_text(value) if isinstance(value, Program) else to_graph_text(value)
        if text == self.text:
            return
        self.text = text
        self.changed.add(step.name)
        if isinstance(value, Graph):
            verify(value)
        for seed, (arrays, expected) in enumerate(self.expected):
            if isinstance(value, Graph):
                results = interpreter.run(value, arrays)
            else:
                order = Order(2 + seed % 2, arrays is self.expected[-1][0], seed)
                results = run(value, arrays, order)
            rows = zip(self.graph.results, expected, results, strict=True)
            for k, (node, shadow, found) in enumerate(rows):
                message = difference(node, shadow, found)
                if message:
                    raise Wrong(f"after {step.name}: result {k} ({node.op}): {message}")


def whole_text(program: Program) -> str:
    """The program, and each of its nests."""
    names = Names(len(program.arguments))
    found = kernels_of(program.statements)
    nests = [nest_text(k, names) for k in found]
    return "\n".join([to_text(program), *nests])


def interpret(
    graph: Graph,
    updates: Mapping[int, int],
    every: Sequence[Sequence[np.ndarray]],
    lane: str = "smooth",
) -> set[str]:
    """Run all passes and interpret the program after each; the passes that changed it.

    Raises:
        Wrong: a pass broke the program.
    """
    log = Interpreted(graph, every, lane)
    try:
        run_passes(graph, updates, log, PASSES)
    except Wrong:
        raise
    except Exception as error:  # of the pass, the verifier or an interpreter
        raise Wrong(f"after {log.running}: {type(error).__name__}: {error}") from error
    return log.changed


def interpret_case(case: Case) -> set[str]:
    """The same for a random program, at each of its sizes."""
    return interpret(case.graph, case.updates, [case.arrays, *case.more], case.lane)
