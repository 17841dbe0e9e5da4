"""The llvm engine: graphs compiled to native code for this machine."""

from __future__ import annotations

from collections.abc import Mapping

from lamina.engines.llvm.executable import LlvmProgram
from lamina.engines.llvm.pipeline import compile_graph
from lamina.ir.graph import Graph


class LlvmEngine:
    """Whole programs in machine code; see pipeline.py for how."""

    name = "llvm"

    def compile(self, graph: Graph, updates: Mapping[int, int]) -> LlvmProgram:
        program = compile_graph(graph, updates)
        program.graph, program.updates = graph, dict(updates)
        return program
