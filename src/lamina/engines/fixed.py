"""`fixed`, for executables that have no shorter way than to be called."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lamina.engines.protocol import Executable
from lamina.ir.types import evaluate
from lamina.reference import interpreter


def fixed(
    executable: Executable, arrays: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], Callable[[], None]]:
    """An implementation of `Executable.fixed` by calls: each run copies the results."""
    graph = executable.graph
    sizes = interpreter.bind_sizes(graph.parameters, [a.shape for a in arrays])
    owner = {result: parameter for parameter, result in executable.updates.items()}
    results = []
    for k, node in enumerate(graph.results):
        shape = [evaluate(n, sizes) for n in node.shape]
        fresh = k not in owner
        results.append(np.empty(shape, node.dtype.storage) if fresh else arrays[owner[k]])

    def run() -> None:
        for result, value in zip(results, executable(arrays), strict=True):
            if result is not value:
                np.copyto(result, value)

    return results, run
