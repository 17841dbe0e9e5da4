"""Compiled programs by their sizes, and their calls.

XLA compiles for fixed shapes: a graph with symbolic extents is compiled once for each set of sizes
that comes, and the last `KEPT` of them are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from lamina.engines.fixed import fixed
from lamina.engines.xla import backend
from lamina.engines.xla.elementwise import jax_dtype
from lamina.engines.xla.translate import run
from lamina.errors import EngineError, describe
from lamina.interrupts import released
from lamina.ir.graph import Graph
from lamina.locks import renewed
from lamina.reference import interpreter
from lamina.rewrite import defer_accumulation, hoist_invariants, simplify

KEPT = 32  # sets of sizes whose programs are kept in memory


@dataclass(frozen=True)
class _Program:
    """The program for one set of sizes: JAX's compiled object, and the same before compilation."""

    compiled: Any
    lowered: Any


class XlaProgram:
    """Called with arrays, returns arrays."""

    def __init__(self, graph: Graph, updates: Mapping[int, int]) -> None:
        self.graph, self.updates = graph, dict(updates)
        self._simplified = hoist_invariants(defer_accumulation(simplify(graph)))
        self._programs: OrderedDict[Any, _Program] = OrderedDict()
        self._dtypes = [jax_dtype(p.dtype) for p in graph.parameters]
        self._storage = [p.dtype.storage for p in graph.parameters]
        self.lock = renewed(self)

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        with self.lock, backend.wide():
            program = self._program(arrays)
            results = released(self._computed, program, arrays)
        for parameter, result in self.updates.items():
            np.copyto(arrays[parameter], results[result])
            results[result] = arrays[parameter]
        return results

    def _computed(self, program: _Program, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The results, in memory of their own."""
        given = [a.view(d) for a, d in zip(arrays, self._dtypes, strict=True)]
        found = program.compiled(*given)
        pairs = zip(found, self.graph.results, strict=True)
        return [np.array(value).view(node.dtype.storage) for value, node in pairs]

    def fixed(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        return fixed(self, arrays)

    # ---- compilation ---------------------------------------------------------------------------
    def _program(self, arrays: Sequence[np.ndarray]) -> _Program:
        key = tuple([a.shape for a in arrays])
        known = self._programs.get(key)
        if known is None:
            known = self._programs[key] = self._compiled(arrays)
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return known

    def _compiled(self, arrays: Sequence[np.ndarray]) -> _Program:
        sizes = self._checked(arrays)
        lowered = self.lower([a.shape for a in arrays], sizes)
        return _Program(lowered.compile(compiler_options=dict(backend.OPTIONS)), lowered)

    def lower(self, shapes: Sequence[tuple[int, ...]], sizes: Mapping[str, int]) -> Any:
        """JAX's `Lowered`, which has the StableHLO text."""
        graph = self._simplified

        def main(*given: Any) -> list[Any]:
            return run(graph, given, sizes)

        main.__name__ = graph.name.replace(" ", "_")
        pairs = zip(shapes, self._dtypes, strict=True)
        with backend.wide():
            return jax.jit(main).lower(*(jax.ShapeDtypeStruct(s, d) for s, d in pairs))

    def _checked(self, arrays: Sequence[np.ndarray]) -> dict[str, int]:
        """The sizes of the graph's symbols. Raises an error where arrays do not fit the graph."""
        parameters = self.graph.parameters
        if len(arrays) != len(parameters):
            raise EngineError(f"program: takes {len(parameters)} arrays, got {len(arrays)}")
        for node, array in zip(parameters, arrays, strict=True):
            if array.dtype != node.dtype.storage:
                name = node.params.get("name") or "parameter"
                raise EngineError(f"{name}: {describe(array)} came, expected {node.type}")
        return interpreter.bind_sizes(parameters, [a.shape for a in arrays])
