"""Simplification: each rule does what its comment says, and no value changes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from lamina.fuzz import generate
from lamina.fuzz.check import difference
from lamina.fuzz.shadow import Refused, shadows
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.types import DTYPES, Extent, TensorType, bool_, float32, int32
from lamina.ir.verify import verify
from lamina.reference import interpreter
from lamina.rewrite import defer_accumulation, hoist_invariants, simplify
from lamina.rewrite.algebra import RULES

X, Y = (parameter(TensorType((3, 4), float32), name) for name in "xy")
P = parameter(TensorType((3, 4), bool_), "p")
I = parameter(TensorType((3, 4), int32), "i")
S = parameter(TensorType((), float32), "s")
V = parameter(TensorType((4,), float32), "v")
PARAMETERS = [X, Y, P, I, S, V]


def _fill(value: float, like: Node = X) -> Node:
    return ops.fill(value, like)


def _dot(x: Node, y: Node) -> Node:
    return ops.dot_general(x, y, lhs_contracting_dimensions=(1,), rhs_contracting_dimensions=(0,))


def _turned(x: Node) -> Node:
    return ops.transpose(x, permutation=(1, 0))


def _repeated(x: Node = V) -> Node:
    return ops.broadcast_in_dim(x, shape=(3, 4), broadcast_dimensions=(1,))


def _sum(x: Node, *axes: int) -> Node:
    return ops.reduce(x, kind="sum", dimensions=axes)


def _max(x: Node, *axes: int) -> Node:
    return ops.reduce(x, kind="max", dimensions=axes)


def _to(x: Node, dtype: str) -> Node:
    return ops.convert(x, dtype=DTYPES[dtype])


def _slice(x: Node, starts: tuple[int, ...], limits: tuple[int, ...]) -> Node:
    return ops.slice_(x, start_indices=starts, limit_indices=limits, strides=(1,) * x.ndim)


def _pad(x: Node, low: int) -> Node:
    zero = ops.fill(0.0, shape=(), dtype=float32)
    return ops.pad(
        x, zero, edge_padding_low=(low, 0), edge_padding_high=(0, 0), interior_padding=(0, 0)
    )


FILL = ["constant", "broadcast_in_dim"]

# (name, the node before, what it becomes: a node, or the primitives in order)
ROWS: list[tuple[str, Node, Node | list[str]]] = [
    ("x + -0.0", ops.add(X, _fill(-0.0)), X),
    ("-0.0 + x", ops.add(_fill(-0.0), X), X),
    ("x + 0.0 keeps its sum, which of -0.0 is 0.0", ops.add(X, _fill(0.0)), [*FILL, "add"]),
    ("x - 0.0", ops.subtract(X, _fill(0.0)), X),
    ("x - -0.0 keeps its difference", ops.subtract(X, _fill(-0.0)), [*FILL, "subtract"]),
    ("x + -y", ops.add(X, ops.negate(Y)), ["subtract"]),
    ("x - -y", ops.subtract(X, ops.negate(Y)), ["add"]),
    ("x * 1", ops.multiply(_fill(1), X), X),
    ("x * -1", ops.multiply(X, _fill(-1)), ["negate"]),
    ("-x * -y", ops.multiply(ops.negate(X), ops.negate(Y)), ["multiply"]),
    ("x / 4", ops.divide(X, _fill(4)), ["constant", "broadcast_in_dim", "multiply"]),
    ("x / 3", ops.divide(X, _fill(3)), ["constant", "broadcast_in_dim", "divide"]),
    ("x / 2**-140", ops.divide(X, _fill(2.0**-140)), ["constant", "broadcast_in_dim", "divide"]),
    ("--x", ops.negate(ops.negate(X)), X),
    ("abs(-x)", ops.abs(ops.negate(X)), ["abs"]),
    ("x ** 2", ops.power(X, _fill(2)), ["multiply"]),
    ("maximum(x, x)", ops.maximum(X, X), X),
    ("not not p", ops.not_(ops.not_(P)), P),
    ("not x == y", ops.not_(ops.compare(X, Y, direction="EQ")), ["compare"]),
    ("not x < y", ops.not_(ops.compare(X, Y, direction="LT")), ["compare", "not"]),
    ("p and true", ops.and_(P, _fill(True, P)), P),
    ("p or true", ops.or_(P, _fill(True, P)), ["constant", "broadcast_in_dim"]),
    ("convert(p) != 0", ops.compare(_to(P, "float32"), _fill(0), direction="NE"), P),
    ("i == i", ops.compare(I, I, direction="EQ"), ["constant", "broadcast_in_dim"]),
    ("x == x", ops.compare(X, X, direction="EQ"), ["compare"]),
    ("select(not p)", ops.select(ops.not_(P), X, Y), ["select"]),
    ("select in select", ops.select(P, ops.select(P, X, Y), Y), ["select"]),
    ("select(p, true, false)", ops.select(P, _fill(True, P), _fill(False, P)), P),
    ("float32 to float64 to float32", _to(_to(X, "float64"), "float32"), X),
    ("int32 to int64 to float32", _to(_to(I, "int64"), "float32"), ["convert"]),
    ("int32 to float64 to int8", _to(_to(I, "float64"), "int8"), ["convert", "convert"]),
    ("float32 to int32 to float32", _to(_to(X, "int32"), "float32"), ["convert", "convert"]),
    ("reshape of a fill", ops.reshape(_fill(2), shape=(12,)), ["constant", "broadcast_in_dim"]),
    ("reverse twice", ops.reverse(ops.reverse(X, dimensions=(0,)), dimensions=(0,)), X),
    ("slice of everything", _slice(X, (0, 0), (3, 4)), X),
    ("pad by nothing", _pad(X, 0), X),
    ("pad", _pad(X, 1), ["constant", "pad"]),
    ("an empty part", ops.concatenate(X, _slice(X, (0, 0), (0, 4)), dimension=0), X),
    (
        "broadcast of a reshape",
        ops.broadcast_in_dim(
            ops.reshape(V, shape=(1, 4)), shape=(3, 4), broadcast_dimensions=(0, 1)
        ),
        ["broadcast_in_dim"],
    ),
    ("sum of a sum", _sum(_sum(X, 0), 0), ["reduce"]),
    ("sum of all of a transpose", _sum(_turned(X), 0, 1), ["reduce"]),
    ("sum of a reverse", _sum(ops.reverse(X, dimensions=(0,)), 0), ["reduce"]),
    ("max of a broadcast", _max(_repeated(), 0), V),
    ("sum of a broadcast", _sum(_repeated(), 0), ["constant", "broadcast_in_dim", "multiply"]),
    ("transposed product", _turned(_dot(X, _turned(Y))), ["transpose", "dot_general"]),
    (
        "outer product",
        _dot(ops.reshape(V, shape=(4, 1)), ops.reshape(V, shape=(1, 4))),
        ["broadcast_in_dim", "broadcast_in_dim", "multiply"],
    ),
]


@pytest.mark.parametrize(("before", "after"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_each_rule(before: Node, after: Node | list[str]) -> None:
    graph = simplify(Graph(PARAMETERS, [before]))
    verify(graph)
    if isinstance(after, Node):
        assert graph.results[0] is after
    else:
        made = [n.op for n in graph.nodes() if n.op != "parameter"]
        assert [op for op in made if op != "reshape"] == after
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.normal(0, 2, p.shape)).astype(p.dtype.storage) for p in PARAMETERS]
    for array in arrays:
        array.flat[0] = -0.0
    (want,) = interpreter.run(Graph(PARAMETERS, [before]), arrays)
    (got,) = interpreter.run(graph, arrays)
    np.testing.assert_allclose(got, want, rtol=1e-6 if "reduce" in str(after) else 0)
    if got.dtype.kind == "f" and before.op not in ("reduce", "transpose", "dot_general"):
        assert (np.signbit(got) == np.signbit(want)).all()


def test_every_rule_is_of_a_primitive() -> None:
    from lamina.ir.primitives import PRIMITIVES

    assert set(RULES) <= set(PRIMITIVES)


@pytest.mark.parametrize("number", range(60))
def test_random_programs_keep_their_values(number: int) -> None:
    case = generate(f"rewrite:{number}")
    graph = simplify(case.graph)
    verify(graph)
    try:
        claims = shadows(case.graph, case.arrays, case.lane)
    except Refused:
        return
    for node, claim, got in zip(
        case.graph.results, claims, interpreter.run(graph, case.arrays), strict=True
    ):
        message = difference(node, claim, got)
        assert not message, message


def test_simplifying_twice_changes_nothing() -> None:
    for number in range(20):
        once = simplify(generate(f"rewrite:{number}").graph)
        twice = simplify(once)
        assert [n.op for n in twice.nodes()] == [n.op for n in once.nodes()]


def test_equal_nodes_are_one() -> None:
    graph = Graph(PARAMETERS, [ops.tanh(ops.add(X, Y)), ops.tanh(ops.add(X, Y))])
    simple = simplify(graph)
    assert simple.results[0] is simple.results[1]


# ---- loops -------------------------------------------------------------------------------------
def _loop() -> Node:
    """Two carries and two stacked results; the second carry feeds the second stack only."""
    n = Extent.symbol("n")
    names = ("c", "a", "b", "e")
    c, a, b, e = (parameter(TensorType((4,), float32), name) for name in names)
    body = Graph(
        [c, a, b, e], [ops.tanh(ops.add(a, e)), ops.multiply(b, c), ops.add(a, a), b], "body"
    )
    xs = parameter(TensorType((n, 4), float32), "xs")
    return ops.scan(V, V, V, xs, body=body, num_consts=1, num_carry=2, length=n)


@pytest.mark.parametrize(
    ("wanted", "carries", "operands"), [((0,), 1, 2), ((2,), 1, 2), ((3,), 1, 2), ((0, 3), 2, 4)]
)
def test_unread_results_of_a_loop_are_not_computed(
    wanted: tuple[int, ...], carries: int, operands: int
) -> None:
    node = _loop()
    results = [ops.elements(node)[k] for k in wanted]
    graph = Graph([*PARAMETERS, node.args[-1]], results)
    simple = simplify(graph)
    verify(simple)
    (loop,) = [n for n in simple.nodes() if n.op == "scan"]
    assert loop.params["num_carry"] == carries
    assert len(loop.args) == operands
    arrays = [np.zeros(p.shape, p.dtype.storage) for p in PARAMETERS]
    arrays[-1] += 0.5
    arrays.append(np.arange(20, dtype=np.float32).reshape(5, 4))
    for want, got in zip(
        interpreter.run(graph, arrays), interpreter.run(simple, arrays), strict=True
    ):
        np.testing.assert_array_equal(got, want)


def test_loop_invariants_are_computed_before_the_loop() -> None:
    """A product and an exponential of consts leave the loop; a light map of one stays."""
    w, c, e = (
        parameter(TensorType(s, float32), n) for s, n in (((4, 4), "w"), ((4,), "c"), ((4,), "e"))
    )
    square = _dot(w, w)
    step = ops.dot_general(
        c, square, lhs_contracting_dimensions=(0,), rhs_contracting_dimensions=(0,)
    )
    shift = ops.reduce(ops.exponential(w), kind="sum", dimensions=(0,))
    light = ops.reshape(_slice(ops.negate(w), (0, 0), (1, 4)), shape=(4,))
    new = ops.tanh(ops.add(ops.add(step, shift), ops.add(light, e)))
    body = Graph([w, c, e], [new, light], "body")
    weights, xs = (parameter(TensorType(s, float32), n) for s, n in (((4, 4), "w"), ((5, 4), "xs")))
    node = ops.scan(weights, V, xs, body=body, num_consts=1, num_carry=1, length=5)
    graph = Graph([V, weights, xs], ops.elements(node))
    hoisted = hoist_invariants(graph)
    verify(hoisted)
    (loop,) = [n for n in hoisted.nodes() if n.op == "scan"]
    assert loop.params["num_consts"] == 3
    inside = {n.op for n in loop.params["body"].nodes()}
    assert "negate" in inside
    assert not {"exponential", "reduce"} & inside
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, 0.5, p.shape).astype(np.float32) for p in graph.parameters]
    for want, got in zip(
        interpreter.run(graph, arrays), interpreter.run(hoisted, arrays), strict=True
    ):
        np.testing.assert_array_equal(got, want)
    again = hoist_invariants(hoisted)
    assert [n.op for n in again.nodes()] == [n.op for n in hoisted.nodes()]


# ---- time --------------------------------------------------------------------------------------
def test_simplifying_is_quick() -> None:
    """500 nodes in well under the time that one kernel takes to compile."""
    x: Node = X
    unary: list[Callable[..., Node]] = [ops.tanh, ops.abs, ops.negate]
    for k in range(125):
        x = ops.add(unary[k % 3](x), ops.multiply(Y, _fill(k + 2)))
    graph = Graph(PARAMETERS, [x])
    count = len(graph.nodes())
    assert count > 500
    best = min(_seconds(graph) for _ in range(5))
    assert best < 0.1, f"{count} nodes took {best * 1000:.0f} ms"


def _seconds(graph: Graph) -> float:
    begun = time.thread_time()  # of the processor: other work on the machine takes none of it
    simplify(graph)
    return time.thread_time() - begun


# ---- sums that a loop only adds to -------------------------------------------------------------
def _summing_loop(uses_total: bool) -> Graph:
    """total += u v for each step, with v made of what the loop carries."""
    total = parameter(TensorType((40, 30), float32), "total")
    h = parameter(TensorType((8, 30), float32), "h")
    u = parameter(TensorType((8, 40), float32), "u")
    v = ops.tanh(h)
    product = ops.dot_general(
        u, v, lhs_contracting_dimensions=(0,), rhs_contracting_dimensions=(0,)
    )
    bias = ops.fill(0.5, shape=(30,), dtype=float32)
    if uses_total:
        bias = ops.reduce(total, kind="sum", dimensions=(0,))
    after = ops.add(ops.multiply(v, ops.fill(0.9, v)), ops.broadcast(bias, (8, 30), (1,)))
    body = Graph([total, h, u], [ops.add(total, product), after, v], "body")
    us = parameter(TensorType((5, 8, 40), float32), "us")
    loop = ops.scan(total, h, us, body=body, num_consts=0, num_carry=2, length=5, reverse=True)
    return Graph([total, h, us], ops.elements(loop), "summing")


def test_a_sum_of_products_is_taken_out_of_its_loop() -> None:
    graph = _summing_loop(uses_total=False)
    sunk = defer_accumulation(graph)
    verify(sunk)
    (loop,) = [n for n in sunk.nodes() if n.op == "scan"]
    assert all(n.op != "dot_general" for n in loop.params["body"].nodes())
    assert loop.params["num_carry"] == 1
    assert len(loop.type) == 2  # v is kept once, for the product and for its own sake
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(p.shape, np.float32) for p in graph.parameters]
    wanted, found = (interpreter.run(each, arrays) for each in (graph, sunk))
    for want, got in zip(wanted, found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_a_sum_that_the_loop_reads_stays_in_it() -> None:
    graph = _summing_loop(uses_total=True)
    assert defer_accumulation(graph).results == graph.results
