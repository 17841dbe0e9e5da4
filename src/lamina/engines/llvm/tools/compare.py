"""LAMINA_COMPARE=1: compare each kernel with the reference, and stop at the first difference.

A second program of the same graph, the probe, returns every value that kernels store. Whenever the
program is called, the probe runs on its arguments; the reference computes what each kernel stores
from the values that the kernel was given; then the program itself runs, and its results are
compared with the probe's. Kernels inside a loop are compared as a whole, by the loop's results.

Rounding differs, and how much that matters depends on the kernel and its data. So the reference
runs a second time, on operands of which each is moved by one unit in the last place, up or down:
the change of the result, times a generous factor, is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lamina.engines.fixed import fixed
from lamina.engines.llvm.fusion.groups import FusionGroup
from lamina.engines.llvm.fusion.plan import plan_fusion
from lamina.engines.llvm.pipeline import compile_graph
from lamina.engines.llvm.target.target import target
from lamina.errors import ComparisonError
from lamina.ir.graph import Graph, Node, parameter, substitute
from lamina.ir.types import DType, TensorType, bfloat16
from lamina.ir.verify import regions
from lamina.reference import interpreter
from lamina.rewrite import simplify

MOVED = 100.0  # times the change that moved operands make
ROUNDED = 32.0  # units in the last place of the largest element, always allowed
UNITS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


@dataclass
class Check:
    """The values that one kernel stores, as a graph: the program's parameters, then `reads`, the
    values that other kernels computed."""

    graph: Graph
    stores: list[Node]
    reads: list[Node]

    @cached_property
    def unit(self) -> float:
        """The unit in the last place of 1, of the coarsest floats in it."""
        return max((UNITS[d.name] for d in _dtypes(self.graph) if d.is_float), default=0.0)


class Compared:
    """A program that is compared with the reference at each call; slow."""

    def __init__(self, graph: Graph, updates: Mapping[int, int]) -> None:
        self.graph, self.updates = graph, dict(updates)
        self.program = compile_graph(graph, updates)
        simple = simplify(graph)
        self.checks = checks(simple)
        self.stored = list(dict.fromkeys(node for c in self.checks for node in c.stores))
        self.unit = max((c.unit for c in self.checks), default=0.0)
        results = [*simple.results, *self.stored]
        self.probe = compile_graph(Graph(graph.parameters, results, f"{graph.name} probe"), {})

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = self.probe(arrays)
        count = len(self.graph.results)
        values = dict(zip(self.stored, found[count:], strict=True))
        for check in self.checks:
            self._compare(check, arrays, values)
        results: list[np.ndarray] = self.program(arrays)
        self._compare_whole(results, found[:count])
        return results

    def fixed(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        return fixed(self, arrays)

    def _compare(
        self, check: Check, arrays: Sequence[np.ndarray], values: Mapping[Node, np.ndarray]
    ) -> None:
        given = [*arrays, *(values[node] for node in check.reads)]
        expected = interpreter.run(check.graph, given)
        moved = interpreter.run(check.graph, [_moved(a) for a in given])
        for node, want, near in zip(check.stores, expected, moved, strict=True):
            found, right, shaken = (_floats(node, a) for a in (values[node], want, near))
            difference = first_difference(found, right, shaken, check.unit)
            if difference:
                raise ComparisonError(
                    f"{self.graph.name}: a kernel that stores {node.op} : {node.type} computed "
                    f"{difference}",
                    hint="lm.inspect.kernels and LAMINA_DEBUG=4 show its nest; "
                    "LAMINA_ENGINE=numpy runs the program without the compiler",
                )

    def _compare_whole(self, results: Sequence[np.ndarray], probed: Sequence[np.ndarray]) -> None:
        """The program itself, which updates state in place, and the probe, which does not."""
        for number, (got, want) in enumerate(zip(results, probed, strict=True)):
            node = self.graph.results[number]
            found, expected = _floats(node, got), _floats(node, want)
            difference = first_difference(found, expected, expected, self.unit)
            if difference:
                raise ComparisonError(
                    f"{self.graph.name}: result {number} differs from what its kernels computed "
                    f"one by one: {difference}",
                    hint="state may have been overwritten before it was read",
                )


def checks(graph: Graph) -> list[Check]:
    """Return a check for each kernel outside of loops, and for each loop, of a simplified graph.

    Legalization adds nodes that have no meaning on the reference: a check may so cover a kernel and
    one that only copies its operand to another layout.
    """
    stored = plan_fusion(graph, target().costs).stored
    kernels: dict[FusionGroup, list[Node]] = {}
    for node in graph.nodes():
        if node in stored and isinstance(node.type, TensorType):
            kernels.setdefault(stored[node], []).append(node)
    return [_check(graph, own, stored) for own in kernels.values()]


def _check(graph: Graph, own: list[Node], stored: Mapping[Node, FusionGroup]) -> Check:
    others = {
        node: parameter(node.type, "stored")
        for node in stored
        if node not in own and isinstance(node.type, TensorType)
    }
    results = substitute(own, others)
    reached = set(Graph([], results).nodes())
    reads = [node for node, stand_in in others.items() if stand_in in reached]
    parameters = [*graph.parameters, *(others[node] for node in reads)]
    return Check(Graph(parameters, results, graph.name), own, reads)


def _dtypes(graph: Graph) -> Iterator[DType]:
    for node in graph.nodes():
        types = node.type if isinstance(node.type, tuple) else (node.type,)
        yield from (t.dtype for t in types)
        for body in regions(node).values():
            yield from _dtypes(body)


# ---- differences --------------------------------------------------------------------------------
def _floats(node: Node, array: np.ndarray) -> np.ndarray:
    """bfloat16, which NumPy holds as bits, as float32."""
    is_bits = node.dtype == bfloat16
    return (array.astype(np.uint32) << 16).view(np.float32) if is_bits else array


def _moved(array: np.ndarray) -> np.ndarray:
    """Each float one unit in the last place up or down, the same each time."""
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        return array
    up = np.random.default_rng(array.size).integers(0, 2, array.shape).astype(bool)
    infinity = array.dtype.type(np.inf)
    return np.asarray(np.where(up, np.nextafter(array, infinity), np.nextafter(array, -infinity)))


def first_difference(
    found: np.ndarray, expected: np.ndarray, moved: np.ndarray, unit: float
) -> str | None:
    """Describe the first difference of `found` that rounding does not explain; None without one."""
    wrong = ~_agrees(found, expected, moved, unit)
    if not wrong.any():
        return None
    at = tuple(int(k) for k in np.argwhere(wrong)[0])
    where = f" at {list(at)}" if at else ""
    count = f"{int(wrong.sum())} of {wrong.size} differ"
    return f"{found[at]!s}{where}, expected {expected[at]!s}; {count}"


@np.errstate(all="ignore")
def _agrees(found: np.ndarray, expected: np.ndarray, moved: np.ndarray, unit: float) -> Any:
    same = (found == expected) | ((found != found) & (expected != expected))
    if found.dtype.kind != "f":
        return same | (moved != expected)  # a tie that rounding decides
    finite = np.isfinite(expected) & np.isfinite(moved)
    changed = np.abs(np.where(finite, moved - expected, 0)).max(initial=0)
    largest = np.abs(np.where(finite, expected, 0)).max(initial=0)
    allowed = MOVED * changed + ROUNDED * unit * largest
    unsettled = np.isfinite(expected) != np.isfinite(moved)
    return same | unsettled | (np.abs(found - expected) <= allowed)
