"""One random program on all engines that are installed: which of them strays from the bounds?

The reference defines what is right, and the bounds are computed with it in float64; but a defect
in a meaning would be in both. Three independent engines settle it: the message says which engine
deviates from which.

The xla engine takes numbers below the smallest normal one for zero. So the arrays hold none, the
bounds are wider by the smallest normal number, and no sign of a zero is compared; a program with
such constants isn't run. XLA multiplies by the rounded reciprocal of a broadcast divisor: programs
that divide floats are compared within the bounds of rounding, also in lanes of exact numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lamina.engines import engine
from lamina.errors import MissingExtraError, ShapeError
from lamina.fuzz.bounds import Shadow
from lamina.fuzz.check import Failure, difference
from lamina.fuzz.generate import Case
from lamina.fuzz.shadow import Refused, shadows
from lamina.ir.graph import Graph, Node
from lamina.settings import settings

LEAST = float(np.finfo(np.float32).tiny)  # also where a float64 is made of a float32


@functools.cache
def voters() -> tuple[str, ...]:
    """The engines that this process has."""
    try:
        engine("xla")
    except MissingExtraError:
        return ("numpy", "llvm")
    return ("numpy", "llvm", "xla")


def check_votes(case: Case) -> Failure | None:
    """Compare each engine's results with the bounds of the program's; None if all are within."""
    if _has_denormals(case.graph):
        return None
    for arrays in (case.arrays, *case.more):
        failure = _voted(case, [_flushed(a) for a in arrays])
        if failure is not None:
            return failure
    return None


def _voted(case: Case, arrays: list[np.ndarray]) -> Failure | None:
    try:
        expected = shadows(case.graph, arrays, case.lane)
    except (Refused, ShapeError):
        return None
    rounded = shadows(case.graph, arrays, "smooth") if _divides(case.graph) else expected
    strays = {
        name: _stray(name, case, arrays, rounded if name == "xla" else expected)
        for name in voters()
    }
    wrong = {name: message for name, message in strays.items() if message}
    if not wrong:
        return None
    right = " and ".join(name for name in strays if name not in wrong) or "no engine"
    lines = [f"within the bounds: {right}", *(f"{name}: {text}" for name, text in wrong.items())]
    return Failure("vote", "\n".join(lines))


def _stray(name: str, case: Case, arrays: list[np.ndarray], expected: Sequence[Shadow]) -> str:
    """Describe the difference of an engine's results from the expected ones; empty if none."""
    with settings(cache=False, threads=1):
        executable = engine(name).compile(case.graph, case.updates)
        found = executable([a.copy() for a in arrays])
    for k, (node, shadow, array) in enumerate(zip(case.graph.results, expected, found)):
        if array.shape != shadow.value.shape:
            return f"result {k} ({node.op}) is {array.shape}, expected {shadow.value.shape}"
        message = difference(node, _wider(node, shadow), array)
        if message:
            return f"result {k} ({node.op}): {message}"
    return ""


def _wider(node: Node, shadow: Shadow) -> Shadow:
    least = LEAST if node.dtype.is_float else 0.0
    return replace(shadow, error=shadow.error + least, signed=None)


def _flushed(array: np.ndarray) -> np.ndarray:
    small = _is_denormal(array)
    return np.where(small, np.zeros_like(array), array) if small.any() else array


def _is_denormal(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return np.zeros(array.shape, bool)
    return (np.abs(array) < np.finfo(array.dtype).tiny) & (array != 0)


def _divides(graph: Graph) -> bool:
    return any(n.op == "divide" and n.dtype.is_float for n in _nodes(graph))


def _has_denormals(graph: Graph) -> bool:
    """True if a constant is below the smallest normal number."""
    constants = [n for n in _nodes(graph) if n.op == "constant"]
    return any(_is_denormal(np.asarray(n.params["value"])).any() for n in constants)


def _nodes(graph: Graph) -> Iterator[Node]:
    """All nodes, those of loops and branches among them."""
    for node in graph.nodes():
        yield node
        for value in node.params.values():
            if isinstance(value, Graph):
                yield from _nodes(value)
