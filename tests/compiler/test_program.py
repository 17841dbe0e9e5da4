"""Whole programs on the llvm engine: state in place, loops, and memory that is planned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lamina.engines import engine
from lamina.engines.llvm.pipeline import stages_of
from lamina.engines.llvm.runtime.arena import plan
from lamina.engines.llvm.target.machine import ALIGNMENT
from lamina.errors import LaminaError
from lamina.fuzz.check import difference
from lamina.fuzz.shadow import shadows
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.types import Extent, TensorType, float32, int32
from lamina.rewrite import simplify
from lamina.settings import settings

N = Extent.symbol("n")


@pytest.fixture(autouse=True)
def _nothing_on_disk():
    with settings(cache=False, check=True):
        yield


def _x(*shape: object, name: str = "x") -> Node:
    return parameter(TensorType(tuple(shape), float32), name)  # type: ignore[arg-type]


def _array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(0, 1, shape).astype(np.float32)


# ---- state -------------------------------------------------------------------------------------
def _updated(graph: Graph, updates: dict[int, int], arrays: Sequence[np.ndarray]) -> None:
    """State holds its next value, in the caller's own arrays; all is as the reference says."""
    claims = shadows(graph, arrays, "smooth")
    given = [a.copy() for a in arrays]
    results = engine("llvm").compile(graph, updates)(given)
    for node, claim, got in zip(graph.results, claims, results, strict=True):
        message = difference(node, claim, got)
        assert not message, message
    for p, r in updates.items():
        assert results[r] is given[p]
    for k in set(range(len(arrays))) - set(updates):
        np.testing.assert_array_equal(given[k], arrays[k], err_msg=f"argument {k} was written")


def test_a_map_of_state_runs_in_place() -> None:
    x, y = _x(40), _x(40, name="y")
    graph = Graph([x, y], [ops.add(x, y)])
    _updated(graph, {0: 0}, [_array(40), _array(40, seed=1)])
    slots = stages_of(simplify(graph), {0: 0}).program.owners()
    assert [s.kind for s in slots] == ["argument", "argument"], "nothing else is stored"


def test_a_reverse_of_state_does_not_read_what_it_wrote() -> None:
    x = _x(33)
    _updated(Graph([x], [ops.reverse(x, dimensions=(0,))]), {0: 0}, [_array(33)])


def test_a_product_of_state_does_not_read_what_it_wrote() -> None:
    x = _x(17, 17)
    product = ops.dot_general(
        x, x, lhs_contracting_dimensions=(1,), rhs_contracting_dimensions=(0,)
    )
    _updated(Graph([x], [product]), {0: 0}, [_array(17, 17)])


def test_states_trade_places() -> None:
    x, y, z = (_x(5, name=name) for name in "xyz")
    arrays = [_array(5, seed=k) for k in range(3)]
    _updated(Graph([x, y], [y, x]), {0: 0, 1: 1}, arrays[:2])
    _updated(Graph([x, y, z], [y, z, x]), {0: 0, 1: 1, 2: 2}, arrays)
    _updated(Graph([x, y, z], [z, x]), {0: 0, 1: 1}, arrays)


def test_the_old_value_can_be_a_result_with_the_new_one() -> None:
    x = _x(9)
    _updated(
        Graph([x], [x, ops.tanh(x), ops.reduce(x, kind="sum", dimensions=(0,))]),
        {0: 1},
        [_array(9)],
    )


def test_a_reader_of_the_old_value_comes_first() -> None:
    """x' = broadcast(s) overwrites x, which another result still reads."""
    x, s = _x(7), _x(name="s")
    new = ops.broadcast_in_dim(s, shape=(7,), broadcast_dimensions=())
    _updated(Graph([x, s], [new, ops.add(x, new)]), {0: 0}, [_array(7), _array()])


def test_one_value_updates_two_states() -> None:
    x, y = _x(6), _x(6, name="y")
    new = ops.multiply(x, y)
    _updated(Graph([x, y], [new, new]), {0: 0, 1: 1}, [_array(6), _array(6, seed=1)])


def test_a_constant_becomes_state() -> None:
    x = _x(4)
    _updated(Graph([x], [ops.fill(2.5, x)]), {0: 0}, [_array(4)])


# ---- results -----------------------------------------------------------------------------------
def test_arguments_and_constants_as_results() -> None:
    x = _x(3)
    table = ops.constant(value=np.arange(5, dtype=np.float32), dtype=float32)
    _updated(Graph([x], [x, x, table, ops.fill(1.0, x)]), {}, [_array(3)])


def test_results_do_not_share_memory_with_arguments_or_each_other() -> None:
    x = _x(3)
    y = ops.negate(x)
    program = engine("llvm").compile(Graph([x], [x, y, y]), {})
    given = _array(3)
    results = program([given])
    again = program([given])
    every = [given, *results, *again]
    for i, a in enumerate(every):
        assert not any(np.shares_memory(a, b) for b in every[i + 1 :])


# ---- loops -------------------------------------------------------------------------------------
def _loop(length: object, reverse: bool = False) -> Graph:
    """h' = tanh(h w + x), which is stacked; and the number of iterations."""
    w, h, x = _x(5, 5, name="w"), _x(5, name="h"), _x(5, name="e")
    turns = parameter(TensorType((), int32), "turns")
    new = ops.tanh(
        ops.add(
            ops.dot_general(h, w, lhs_contracting_dimensions=(0,), rhs_contracting_dimensions=(0,)),
            x,
        )
    )
    body = Graph([w, h, turns, x], [new, ops.add(turns, ops.fill(1, turns)), new], "step")
    weights, first, xs = _x(5, 5, name="w"), _x(5, name="h"), _x(length, 5, name="xs")
    zero = ops.constant(value=np.zeros((), np.int32), dtype=int32)
    node = ops.scan(
        weights,
        first,
        zero,
        xs,
        body=body,
        num_consts=1,
        num_carry=2,
        length=length,
        reverse=reverse,
    )
    return Graph([weights, first, xs], ops.elements(node), "loop")


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 7])
def test_scan(length: int, reverse: bool) -> None:
    arrays = [_array(5, 5), _array(5), _array(length, 5)]
    _updated(_loop(length, reverse), {}, arrays)
    _updated(_loop(N, reverse), {}, arrays)
    _updated(_loop(N, reverse), {1: 0}, arrays)  # the carry is state, kept in place


def test_carries_trade_places() -> None:
    a, b, x = _x(3, name="a"), _x(3, name="b"), _x(3, name="e")
    body = Graph([a, b, x], [b, a, ops.add(a, x)], "swap")
    first, second, xs = _x(3, name="a"), _x(3, name="b"), _x(5, 3, name="xs")
    node = ops.scan(first, second, xs, body=body, num_consts=0, num_carry=2, length=5)
    arrays = [_array(3), _array(3, seed=1), _array(5, 3)]
    _updated(Graph([first, second, xs], ops.elements(node)), {}, arrays)


def test_a_carry_that_stays_and_one_that_becomes_an_element() -> None:
    a, b, x = _x(3, name="a"), _x(3, name="b"), _x(3, name="e")
    body = Graph([a, b, x], [a, x, b], "delay")
    first, second, xs = _x(3, name="a"), _x(3, name="b"), _x(4, 3, name="xs")
    node = ops.scan(first, second, xs, body=body, num_consts=0, num_carry=2, length=4)
    arrays = [_array(3), _array(3, seed=1), _array(4, 3)]
    _updated(Graph([first, second, xs], ops.elements(node)), {}, arrays)


def test_a_loop_in_a_loop() -> None:
    total, x = _x(name="t"), _x(name="e")
    inner = Graph([total, x], [ops.add(ops.multiply(total, x), x)], "inner")
    outer_total, row = _x(name="t"), _x(6, name="row")
    sums = ops.scan(outer_total, row, body=inner, num_consts=0, num_carry=1, length=6)
    (last,) = ops.elements(sums)
    outer = Graph([outer_total, row], [ops.tanh(last), last], "outer")
    start, rows = _x(name="s"), _x(N, 6, name="rows")
    node = ops.scan(start, rows, body=outer, num_consts=0, num_carry=1, length=N)
    _updated(Graph([start, rows], ops.elements(node)), {0: 0}, [_array(), _array(9, 6)])


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("limit", [0.0, 1.5, 100.0])
def test_while(limit: float, threads: int) -> None:
    """Doubles x until its largest element reaches the limit; the condition is a reduction."""

    def graph(result: Node, most: Node, x: Node, name: str) -> Graph:
        return Graph([most, x], [result], name)

    most, x = _x(name="limit"), _x(40, name="x")
    below = ops.compare(ops.reduce(x, kind="max", dimensions=(0,)), most, direction="LT")
    cond = graph(below, most, x, "cond")
    most, x = _x(name="limit"), _x(40, name="x")
    body = graph(ops.add(x, x), most, x, "body")
    bound, start = _x(name="limit"), _x(40)
    node = ops.while_(bound, start, cond=cond, body=body, num_consts=1)
    arrays = [np.array(limit, np.float32), np.abs(_array(40)) + 0.1]
    with settings(threads=threads):
        for _ in range(20):
            _updated(Graph([bound, start], ops.elements(node)), {1: 0}, arrays)


# ---- sizes -------------------------------------------------------------------------------------
def test_contradicting_sizes_are_an_error() -> None:
    x, y = _x(N), _x(N, name="y")
    program = engine("llvm").compile(Graph([x, y], [ops.add(x, y)]), {})
    with pytest.raises(LaminaError, match="shape"):
        program([_array(3), _array(4)])


def test_sizes_change_from_call_to_call() -> None:
    x = _x(N, 3)
    program = engine("llvm").compile(Graph([x], [ops.reduce(x, kind="sum", dimensions=(0,))]), {})
    for n in [5, 0, 40, 5, *range(1, 20), 5]:
        given = _array(n, 3)
        np.testing.assert_allclose(program([given])[0], given.sum(0), rtol=1e-5, atol=1e-5)


# ---- memory ------------------------------------------------------------------------------------
def _clashes(
    sizes: Sequence[int], lives: Sequence[tuple[int, int]], offsets: Sequence[int]
) -> bool:
    rows = list(zip(sizes, lives, offsets, strict=True))
    return any(
        a[0] and b[0]
        and a[1][0] <= b[1][1] and b[1][0] <= a[1][1]
        and a[2] < b[2] + b[0] and b[2] < a[2] + a[0]
        for i, a in enumerate(rows)
        for b in rows[:i]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_buffers_that_live_together_do_not_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    sizes = [int(s) for s in rng.choice([0, 1, 63, 64, 65, 1000, 4096], count)]
    starts = rng.integers(0, 20, count)
    lives = [(int(a), int(a + rng.integers(0, 6))) for a in starts]
    offsets, total = plan(sizes, lives)
    assert not _clashes(sizes, lives, offsets)
    assert all(o % ALIGNMENT == 0 and o + s <= total for o, s in zip(offsets, sizes, strict=True))


def test_a_chain_needs_two_blocks() -> None:
    sizes, lives = [1024] * 10, [(k, k + 1) for k in range(10)]
    assert plan(sizes, lives)[1] == 2 * 1024


def test_temporaries_share_memory() -> None:
    """Eight products one after the other: two of their results are alive at any time."""
    x, w = _x(64, 64), _x(64, 64, name="w")
    y: Node = x
    for _ in range(8):
        y = ops.dot_general(y, w, lhs_contracting_dimensions=(1,), rhs_contracting_dimensions=(0,))
    program = stages_of(simplify(Graph([x, w], [y])), {}).program
    temporary = [s for s in program.owners() if s.kind == "temporary"]
    sizes = [int(s.bytes) for s in temporary]  # type: ignore[arg-type]
    _, total = plan(sizes, [program.lives[s] for s in temporary])
    assert len(temporary) >= 7
    assert total <= 3 * 64 * 64 * 4
