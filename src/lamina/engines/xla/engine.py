"""The xla engine: what `engines.engine("xla")` gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lamina.engines.parts import nodes_of
from lamina.engines.xla import backend
from lamina.engines.xla.executable import XlaProgram
from lamina.ir.graph import Graph, Node


class XlaEngine:
    """Graphs through `jax.jit` on the devices that JAX finds. It takes numbers below the smallest
    normal one for zero, whatever it is asked for."""

    name = "xla"

    def __init__(self) -> None:
        self.platform = backend.started()

    def compile(
        self,
        graph: Graph,
        updates: Mapping[int, int],
        flush_denormals: bool = False,
        held: Collection[int] = (),
    ) -> XlaProgram:
        return XlaProgram(graph, updates, held)

    def parts(self, graph: Graph) -> list[list[Node]]:
        """Every node: none is fused with others while they are compared."""
        return nodes_of(graph)
