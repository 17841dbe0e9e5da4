"""The stages between a graph and machine code: passes, their levels, texts, all results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from lamina.engines.llvm.codegen.program import Driven
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.runtime.manifest import Plan
from lamina.ir.graph import Graph

Level = Literal["graph", "program", "scheduled"]
GRAPH: Level = "graph"
PROGRAM: Level = "program"
SCHEDULED: Level = "scheduled"


@dataclass(frozen=True)
class Pass:
    """A compilation pass: `run` takes a value of the `level` (a graph, a program of nests or a
    scheduled program) and returns the next. LAMINA_SKIP can leave out `optional` passes. A pass
    that `changes_bits` may reorder the sums of floating-point numbers."""

    name: str
    level: Level
    run: Callable[..., Any]  # (value, target) -> value
    optional: bool = False
    changes_bits: bool = False


class KernelText(NamedTuple):
    """A kernel's symbol, its LLVM text, and the symbolic sizes that it takes."""

    symbol: str
    text: str
    sizes: list[str]


@dataclass
class Stages:
    """Everything between a graph and the machine code, for inspection."""

    graph: Graph
    program: Program
    kernels: dict[Kernel, KernelText]
    driven: Driven
    plan: Plan
