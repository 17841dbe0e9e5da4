"""The reference interpreter as an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from lamina.engines import residence
from lamina.engines.fixed import fixed
from lamina.engines.parts import nodes_of
from lamina.interrupts import released
from lamina.ir.graph import Graph, Node
from lamina.reference import interpreter


class NumpyEngine:
    """Runs graphs node by node in NumPy: slow, plain, and what the others are compared with. It
    keeps denormals, whatever it is asked for."""

    name = "numpy"

    def compile(
        self,
        graph: Graph,
        updates: Mapping[int, int],
        flush_denormals: bool = False,
        held: Collection[int] = (),
    ) -> NumpyProgram:
        return NumpyProgram(graph, dict(updates))

    def parts(self, graph: Graph) -> list[list[Node]]:
        """Every node: none is fused with others while they are compared."""
        return nodes_of(graph)


class NumpyProgram:
    def __init__(self, graph: Graph, updates: dict[int, int]) -> None:
        self.graph, self.updates = graph, updates

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        residence.settle(arrays)
        results = list(released(interpreter.run, self.graph, list(arrays)))
        # every result is complete before the first array is overwritten
        state = [arrays[p] for p in self.updates]
        for k, value in enumerate(results):
            if any(np.may_share_memory(value, a) for a in state):
                results[k] = value.copy()
        for parameter, result in self.updates.items():
            np.copyto(arrays[parameter], results[result])
            results[result] = arrays[parameter]
        return results

    def fixed(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        return fixed(self, arrays)
