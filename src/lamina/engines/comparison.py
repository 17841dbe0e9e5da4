"""LAMINA_COMPARE: compare each part of a program with another engine, up to the first difference.

A second program of the same graph, the probe, returns the value of every part: of a kernel of the
llvm engine what it stores, of a program of the xla engine the value of every node. Whenever the
program is called, the probe runs on its arguments; the other engine (the reference, unless another
one is named) computes each part from the values that the part was given; then the program itself
runs, and its results are compared with the probe's. Loops are compared as a whole, by their
results; of one that differs, the first iteration is then compared part by part.

Rounding differs, and how much that matters depends on the part and its data. So the other engine
runs a second time, on operands of which each is moved by one unit in the last place, up or down:
the change of the result, times a generous factor, is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from lamina.engines import residence
from lamina.engines.fixed import fixed
from lamina.engines.protocol import Engine, Executable
from lamina.errors import ComparisonError, LaminaError
from lamina.ir.graph import Graph, Node, parameter, substitute
from lamina.ir.types import DType, TensorType, bfloat16
from lamina.ir.verify import regions
from lamina.reference import interpreter
from lamina.rewrite import simplify
from lamina.settings import settings

MOVED = 100.0  # times the change that moved operands make
ROUNDED = 32.0  # units in the last place of the largest element, always allowed
LEAST = float(np.finfo(np.float32).tiny)  # the xla engine takes what is below for zero
UNITS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

Arrays = Sequence[np.ndarray]


class ComparedEngine:
    """An engine whose programs are compared with those of another one at each call; slow."""

    def __init__(self, engine: Engine, other: Engine) -> None:
        self.engine, self.other, self.name = engine, other, engine.name

    def compile(
        self,
        graph: Graph,
        updates: Mapping[int, int],
        flush_denormals: bool = False,
        held: Collection[int] = (),
    ) -> Executable:
        return Compared(graph, updates, self.engine, self.other, held)

    def parts(self, graph: Graph) -> list[list[Node]]:
        return self.engine.parts(graph)


class Check:
    """The values of one part as a graph: the program's parameters, then `reads`, the values that
    other parts computed."""

    def __init__(self, graph: Graph, stores: list[Node], reads: list[Node], other: Engine) -> None:
        self.graph, self.stores, self.reads, self._other = graph, stores, reads, other

    @cached_property
    def unit(self) -> float:
        """The unit in the last place of 1, of the coarsest floats in it."""
        return max((UNITS[d.name] for d in _dtypes(self.graph) if d.is_float), default=0.0)

    @cached_property
    def run(self) -> Executable:
        """The part on the other engine."""
        return self._other.compile(self.graph, {})


class Compared:
    """A program of `engine` that is compared with `other` at each call."""

    def __init__(
        self,
        graph: Graph,
        updates: Mapping[int, int],
        engine: Engine,
        other: Engine,
        held: Collection[int] = (),
    ) -> None:
        self.graph, self.updates, self.engine, self.other = graph, dict(updates), engine, other
        # denormals are kept, as in the reference
        self.program = engine.compile(graph, updates, False, held)
        simple = simplify(graph)
        self.checks = checks(simple, engine, other)
        self.stored = list(dict.fromkeys(node for c in self.checks for node in c.stores))
        self.unit = max((c.unit for c in self.checks), default=0.0)
        results = [*simple.results, *self.stored]
        self.probe = engine.compile(Graph(graph.parameters, results, f"{graph.name} probe"), {})

    def __call__(self, arrays: Arrays) -> list[np.ndarray]:
        residence.settle(arrays)
        probed = self._probed(arrays)
        results = self.program(arrays)
        self._compare_whole(list(map(residence.settled, results)), probed)
        return results

    def fixed(self, arrays: Arrays) -> tuple[list[np.ndarray], Callable[[], None]]:
        return fixed(self, arrays)

    # ---- one call ------------------------------------------------------------------------------
    def _probed(self, arrays: Arrays) -> list[np.ndarray]:
        """The results of the probe, after each part has been compared."""
        found = self.probe(arrays)
        count = len(self.graph.results)
        values = dict(zip(self.stored, found[count:], strict=True))
        for check in self.checks:
            self._compare(check, arrays, values)
        return found[:count]

    def _compare(self, check: Check, arrays: Arrays, values: Mapping[Node, np.ndarray]) -> None:
        given = [*arrays, *(values[node] for node in check.reads)]
        with settings(compare=False):
            expected = check.run(given)
            moved = check.run([_moved(a) for a in given])
        for node, want, near in zip(check.stores, expected, moved, strict=True):
            found, right, shaken = (_floats(node, a) for a in (values[node], want, near))
            difference = first_difference(found, right, shaken, check.unit)
            if difference:
                self._look_inside(check, given)
                raise ComparisonError(
                    f"{self.graph.name}: the {self.engine.name} engine computed {node.op} : "
                    f"{node.type} as {difference} by the {self.other.name} engine",
                    hint=HINTS.get(self.engine.name, HINTS["llvm"]),
                )

    def _look_inside(self, check: Check, given: Arrays) -> None:
        """Compare the first iterations of the loops of a part; raises where one differs."""
        for node in check.graph.nodes():
            if node.op == "scan":
                body = node.params["body"]
                try:
                    arrays = _first_iteration(check.graph, node, given)
                    inside = Compared(body, {}, self.engine, self.other)
                    inside._probed(arrays)
                except ComparisonError:
                    raise
                except LaminaError:  # an extent of the body is known outside of it only
                    continue

    def _compare_whole(self, results: Arrays, probed: Arrays) -> None:
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


HINTS = {
    "llvm": "lm.inspect.kernels and LAMINA_DEBUG=4 show its nest; LAMINA_ENGINE=numpy runs the "
    "program without the compiler",
    "xla": "lm.inspect.stablehlo and lm.inspect.hlo show XLA's program",
}


def _first_iteration(graph: Graph, scan: Node, given: Arrays) -> list[np.ndarray]:
    """The arguments of a scan's body in its first iteration."""
    operands = interpreter.run(Graph(graph.parameters, list(scan.args), graph.name), given)
    first = scan.params["num_consts"] + scan.params["num_carry"]
    at = -1 if scan.params["reverse"] else 0
    elements = [np.ascontiguousarray(sequence[at]) for sequence in operands[first:]]
    return [*operands[:first], *elements]


def checks(graph: Graph, engine: Engine, other: Engine) -> list[Check]:
    """Return a check for each part of a simplified graph."""
    parts = engine.parts(graph)
    stand_ins = {
        node: parameter(node.type, "stored")
        for part in parts
        for node in part
        if isinstance(node.type, TensorType)
    }
    return [_check(graph, part, stand_ins, other) for part in parts]


def _check(graph: Graph, own: list[Node], stand_ins: Mapping[Node, Node], other: Engine) -> Check:
    others = {node: stand_in for node, stand_in in stand_ins.items() if node not in own}
    results = substitute(own, others)
    reached = set(Graph([], results).nodes())
    reads = [node for node, stand_in in others.items() if stand_in in reached]
    parameters = [*graph.parameters, *(others[node] for node in reads)]
    return Check(Graph(parameters, results, graph.name), own, reads, other)


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
    allowed = MOVED * changed + ROUNDED * unit * largest + LEAST
    unsettled = np.isfinite(expected) != np.isfinite(moved)
    return same | unsettled | (np.abs(found - expected) <= allowed)
