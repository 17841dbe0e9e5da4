"""The llvm engine: graphs compiled to native code for this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lamina.engines.llvm.pipeline import compile_graph
from lamina.engines.llvm.tools.compare import Compared
from lamina.engines.protocol import Executable
from lamina.ir.graph import Graph
from lamina.settings import settings


class LlvmEngine:
    """Whole programs in machine code; see pipeline.py for how."""

    name = "llvm"

    def compile(
        self,
        graph: Graph,
        updates: Mapping[int, int],
        flush_denormals: bool = False,
        held: Collection[int] = (),
    ) -> Executable:
        if settings.compare:
            return Compared(graph, updates)  # keeps denormals, as the reference does
        return compile_graph(graph, updates, flush_denormals)
