"""Protocols of engines and of executables.

    engine.compile(graph, updates, flush_denormals, held) -> executable
    executable(arrays) -> arrays        executable.fixed(arrays) -> arrays, run

`updates` maps a parameter's position to a result's: that result is the parameter's next value, and
the engine writes it into the parameter's own array. With `flush_denormals` an engine may make
results below the smallest normal number zero, where the processor is slow with them. `held` are
the positions of parameters whose arrays are the memory of Variables, or never change: an engine may
keep their values on its devices (residence.py), and programs of another engine settle them first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import numpy as np

from lamina.ir.graph import Graph, Node


class Executable(Protocol):
    """A compiled graph. Arrays are C-contiguous, of the parameters' dtypes; symbolic extents take
    their sizes from the arrays' shapes. Results that update a parameter are that very array.
    `graph` and `updates` are what it was compiled from."""

    graph: Graph
    updates: dict[int, int]

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]: ...

    def fixed(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        """Arrays for the results, and a function that fills them from what these very arguments
        hold when it is called: the shortest way to run a small program again and again."""
        ...


class Engine(Protocol):
    name: str

    def compile(
        self,
        graph: Graph,
        updates: Mapping[int, int],
        flush_denormals: bool = False,
        held: Collection[int] = (),
    ) -> Executable: ...

    def parts(self, graph: Graph) -> list[list[Node]]:
        """The values of a simplified graph that are compared together (comparison.py): what each
        kernel stores, or every node."""
        ...
