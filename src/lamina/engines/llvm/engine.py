"""The llvm engine: graphs compiled to native code for this machine."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lamina.engines.llvm.fusion.groups import FusionGroup
from lamina.engines.llvm.fusion.plan import plan_fusion
from lamina.engines.llvm.pipeline import compile_graph
from lamina.engines.llvm.target.target import target
from lamina.engines.protocol import Executable
from lamina.ir.graph import Graph, Node
from lamina.ir.types import TensorType


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
        return compile_graph(graph, updates, flush_denormals, held)

    def parts(self, graph: Graph) -> list[list[Node]]:
        """The values that each kernel outside of loops stores, and those of each loop.

        Legalization adds nodes that have no meaning on the reference: a part may so hold a kernel
        and one that only copies its operand to another layout.
        """
        stored = plan_fusion(graph, target().costs).stored
        kernels: dict[FusionGroup, list[Node]] = {}
        for node in graph.nodes():
            if node in stored and isinstance(node.type, TensorType):
                kernels.setdefault(stored[node], []).append(node)
        return list(kernels.values())
