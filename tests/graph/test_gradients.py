"""Gradients: every row against central differences to order 2, and what differences cannot see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from lamina.autodiff import gradients
from lamina.autodiff.check import check_gradient
from lamina.autodiff.rules import VJP
from lamina.engines import engine
from lamina.errors import DTypeError, GradientError, ShapeError
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter, substitute, topological
from lamina.ir.primitives import constant_of
from lamina.ir.types import Extent, TensorType, array_type, bool_, float16, float32, float64, int64
from lamina.ir.verify import verify
from lamina.reference.interpreter import run
from lamina.rewrite.merge_scans import merge_scans
from table import ROWS, Row, build, label

Array = np.ndarray


def rows() -> list[Row]:
    """Rows whose primitive has a gradient, on operands where differences are smooth."""
    fit = (r for r in ROWS if r.op in VJP and r.gradient and "float64" in r.dtypes)
    return [r for r in fit if r.domain != "special"]


def bent(row: Row) -> Graph:
    """The row's graph behind x + x^2 / 8, so that second derivatives are not all zero."""
    graph, _ = build(row, "float64")
    inputs = [parameter(p.type, f"y{k}") for k, p in enumerate(graph.parameters)]
    curved = [_curved(p) if p.dtype == float64 else p for p in inputs]
    results = _call(graph, curved)
    return Graph(inputs, results, row.op)


def _curved(x: Node) -> Node:
    return ops.add(x, ops.multiply(ops.multiply(x, x), ops.fill(0.125, x)))


def _call(graph: Graph, arguments: list[Node]) -> list[Node]:
    return substitute(graph.results, dict(zip(graph.parameters, arguments, strict=True)))


@pytest.mark.parametrize("row", rows(), ids=label)
def test_row_against_differences(row: Row) -> None:
    _, arrays = build(row, "float64")
    arrays = [a * 0.5 if row.op == "scan" and a.dtype == np.float64 else a for a in arrays]
    check_gradient(bent(row), arrays, order=2, tolerance=1e-5)


# ---- values ------------------------------------------------------------------------------------
def value_of(
    f: Callable[..., Node], arrays: Sequence[Array], cotangent: object = 1.0
) -> list[Array]:
    """The gradients of sum(cotangent * f) with respect to every array."""
    parameters = [parameter(array_type(a)) for a in arrays]
    result = f(*parameters)
    g = ops.broadcast(constant_of(np.asarray(cotangent, np.float64)), result.shape, ())
    graph = Graph(parameters, gradients([result], [g], parameters))
    verify(graph)
    return run(graph, list(arrays))


def test_relu_lets_nothing_through_at_zero() -> None:
    x = np.array([-1.0, 0.0, 2.0])
    (found,) = value_of(lambda x: ops.maximum(x, ops.fill(0.0, x)), [x])
    assert found.tolist() == [0, 0, 1]
    parameters = [parameter(array_type(x))]
    y = ops.maximum(parameters[0], ops.fill(0.0, parameters[0]))
    (g,) = gradients([y], [ops.fill(1.0, y)], parameters)
    cost = [n.op for n in topological([g]) if n.op not in ("constant", "broadcast_in_dim")]
    assert cost == ["parameter", "maximum", "compare", "select"]


def test_ties_share_evenly() -> None:
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
    to_x, to_y = value_of(ops.maximum, [x, y])
    assert (to_x.tolist(), to_y.tolist()) == ([0.5, 0, 1], [0.5, 1, 0])
    (found,) = value_of(
        lambda x: ops.reduce(x, kind="max", dimensions=(0,)), [np.array([2.0, 5.0, 5.0, 1.0])]
    )
    assert found.tolist() == [0, 0.5, 0.5, 0]


def test_clamp_passes_at_its_bounds() -> None:
    low, high = np.full(5, -1.0), np.full(5, 1.0)
    found = value_of(ops.clamp, [low, np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), high])
    assert [f.tolist() for f in found] == [[1, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("x", "expected"),
    [([2.0, 0.0, 3.0], [0, 6, 0]), ([0.0, 0.0, 3.0], [0, 0, 0]), ([2.0, 3.0, 5.0], [15, 10, 6])],
)
def test_product_with_zeros(x: list[float], expected: list[float]) -> None:
    (found,) = value_of(lambda x: ops.reduce(x, kind="product", dimensions=(0,)), [np.array(x)])
    assert found.tolist() == expected


def test_power_at_zero() -> None:
    x, y = np.array([0.0, 0.0, 2.0]), np.array([2.0, 0.0, 0.0])
    to_x, to_y = value_of(ops.power, [x, y])
    assert to_x.tolist() == [0, 0, 0]
    np.testing.assert_allclose(to_y, [0, 0, np.log(2)])


SCATTER = {
    "update_window_dims": (), "inserted_window_dims": (0,), "scatter_dims_to_operand_dims": (0,),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "to_x", "to_updates"),
    [
        ("set", [0, 1, 0], [0, 1, 1, 0]),  # the last of those that meet stays
        ("add", [1, 1, 1], [1, 1, 1, 0]),
        ("multiply", [35, 1, 11], [14, 10, 3, 0]),
        ("max", [0, 1, 0], [0, 1, 1, 0]),
        ("min", [1, 1, 1], [0, 0, 0, 0]),
    ],
)
def test_scatter_where_updates_meet_or_fall_outside(
    kind: str, to_x: list[float], to_updates: list[float]
) -> None:
    x, indices = np.array([2.0, 9.0, 3.0]), np.array([[0], [0], [2], [3]])
    updates = np.array([5.0, 7.0, 11.0, 13.0])
    found = value_of(
        lambda x, u: ops.scatter(x, constant_of(indices), u, kind=kind, **SCATTER), [x, updates]
    )
    assert [f.tolist() for f in found] == [to_x, to_updates]


def test_scatter_multiply_by_zero() -> None:
    indices = constant_of(np.array([[0], [0], [1]]))
    to_x, to_updates = value_of(
        lambda x, u: ops.scatter(x, indices, u, kind="multiply", **SCATTER),
        [np.array([2.0, 3.0]), np.array([0.0, 5.0, 0.0])],
    )
    assert (to_x.tolist(), to_updates.tolist()) == ([0, 0], [10, 0, 3])


# ---- the sweep ---------------------------------------------------------------------------------
def test_custom_gradient_and_stop_gradient() -> None:
    def f(x: Node) -> Node:
        return ops.custom_gradient(
            ops.multiply(x, x), x, rule=lambda g: (ops.multiply(g, ops.fill(7.0, g)),)
        )

    assert value_of(f, [np.array([1.0, 2.0])])[0].tolist() == [7, 7]
    stopped = value_of(lambda x: ops.multiply(x, ops.stop_gradient(x)), [np.array([3.0])])
    assert stopped[0].tolist() == [3]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda g: (g, g), "the rule gave 2 gradients for 1 inputs"),
        (lambda g: (ops.reshape(g, shape=(1, 2)),), r"of input 0 is float64\[1, 2\], expected"),
    ],
)
def test_a_custom_rule_is_checked(rule: Callable[..., object], message: str) -> None:
    with pytest.raises((GradientError, ShapeError), match=message):
        value_of(lambda x: ops.custom_gradient(x, x, rule=rule), [np.array([1.0, 2.0])])


def test_16_bit_floats_are_summed_in_float32() -> None:
    x = parameter(TensorType((3,), float16))
    wide = ops.convert(ops.broadcast(x, (3, 4), (0,)), dtype=float64)
    rows = ops.gather(
        x, constant_of(np.array([[0], [0], [2]])), offset_dims=(), collapsed_slice_dims=(0,),
        start_index_map=(0,), slice_sizes=(1,),
    )  # fmt: skip
    results = [wide, ops.convert(rows, dtype=float64)]
    (g,) = gradients(results, [ops.fill(1.0, r) for r in results], [x])
    verify(graph := Graph([x], [g]))
    (found,) = run(graph, [np.zeros(3, np.float16)])
    assert found.dtype == np.float16
    assert found.tolist() == [6, 4, 5]


def test_inputs_may_be_any_nodes_and_unreached_inputs_get_zeros() -> None:
    x, other = parameter(TensorType((2,), float64)), parameter(TensorType((3,), float64))
    middle = ops.multiply(x, x)
    y = ops.multiply(middle, middle)
    found = gradients([y], [ops.fill(1.0, y)], [x, middle, other])
    arrays = run(Graph([x, other], found), [np.array([1.0, 2.0]), np.zeros(3)])
    assert [a.tolist() for a in arrays] == [[4, 32], [2, 8], [0, 0, 0]]


def test_only_what_depends_on_the_inputs_is_walked() -> None:
    x, big = parameter(TensorType((2,), float64)), parameter(TensorType((2,), float64))
    y = ops.add(ops.sine(big), x)
    (g,) = gradients([y], [ops.fill(1.0, y)], [x])
    assert big not in topological([g])


def test_a_thousand_nodes_deep() -> None:
    x = parameter(TensorType((), float64))
    y = x
    for _ in range(5000):
        y = ops.add(y, x)
    (g,) = gradients([y], [ops.fill(1.0, y)], [x])
    assert run(Graph([x], [g]), [np.array(1.0)])[0] == 5001


def test_integers_have_no_gradient() -> None:
    n = parameter(TensorType((2,), int64))
    y = ops.convert(n, dtype=float64)
    with pytest.raises(DTypeError, match=r"input 0 is int64\[2\], expected a floating point"):
        gradients([y], [ops.fill(1.0, y)], [n])


def test_a_cotangent_has_its_output_s_type() -> None:
    x = parameter(TensorType((2,), float64))
    with pytest.raises(ShapeError, match="cotangent of output 0"):
        gradients([x], [ops.fill(1.0, shape=(3,), dtype=float64)], [x])


def test_a_gradient_through_while_raises_with_the_alternative() -> None:
    x, p = parameter(TensorType((), float64)), parameter(TensorType((), float64))
    q = parameter(TensorType((), float64))
    cond = Graph([p], [ops.fill(False, shape=(), dtype=bool_)])
    (y,) = ops.elements(ops.while_(x, cond=cond, body=Graph([q], [ops.sine(q)])))
    with pytest.raises(GradientError, match="use a scan"):
        gradients([y], [ops.fill(1.0, y)], [x])


# ---- symbolic extents --------------------------------------------------------------------------
BATCH = Extent.symbol("batch")


def _layer(x: Node, w: Node, b: Node) -> Node:
    y = ops.dot_general(x, w, lhs_contracting_dimensions=(1,), rhs_contracting_dimensions=(0,))
    y = ops.tanh(ops.add(y, ops.broadcast(b, y.shape, (1,))))
    rows = x.shape[0]
    shifted = ops.slice(y, start_indices=(1, 0), limit_indices=(rows, 4), strides=(1, 2))
    joined = ops.concatenate(shifted, shifted, dimension=0)
    flat = ops.reshape(joined, shape=((rows - 1) * 4,))
    return ops.reduce(ops.multiply(flat, flat), kind="sum", dimensions=(0,))


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_one_gradient_for_every_batch_size(rows: int) -> None:
    rng = np.random.default_rng(rows)
    types = [
        TensorType((BATCH, 3), float64),
        TensorType((3, 4), float64),
        TensorType((4,), float64),
    ]
    graph = Graph(inputs := [parameter(t) for t in types], [_layer(*inputs)])
    found = gradients(graph.results, [ops.fill(1.0, graph.results[0])], inputs)
    verify(Graph(inputs, found))
    arrays = [rng.standard_normal(s) for s in ((rows, 3), (3, 4), (4,))]
    fixed = value_of(_layer, arrays)
    for symbolic, static in zip(run(Graph(inputs, found), arrays), fixed, strict=True):
        np.testing.assert_array_equal(symbolic, static)
    check_gradient(_layer, arrays, tolerance=1e-5)


def test_gather_from_a_symbolic_extent() -> None:
    x = parameter(TensorType((BATCH, 3), float64))
    y = ops.gather(
        x, constant_of(np.array([[0], [9], [0]])), offset_dims=(1,), collapsed_slice_dims=(0,),
        start_index_map=(0,), slice_sizes=(1, 3),
    )  # fmt: skip
    (g,) = gradients([y], [ops.fill(1.0, y)], [x])
    (found,) = run(Graph([x], [g]), [np.zeros((4, 3))])
    assert found[:, 0].tolist() == [2, 0, 0, 1]  # 9 was moved to the last row


# ---- loops -------------------------------------------------------------------------------------
def _recurrent(w: Node, h: Node, xs: Node) -> list[Node]:
    """h' = tanh(h w + x * (step + 1)), with an integer carry that counts the steps."""
    wi, hi = parameter(TensorType((4, 4), float64)), parameter(TensorType((2, 4), float64))
    n, x = parameter(TensorType((), int64)), parameter(TensorType((2, 4), float64))
    z = ops.dot_general(hi, wi, lhs_contracting_dimensions=(1,), rhs_contracting_dimensions=(0,))
    later = ops.add(n, ops.fill(1, n))
    scale = ops.broadcast(ops.convert(later, dtype=float64), x.shape, ())
    new = ops.tanh(ops.add(z, ops.multiply(x, scale)))
    body = Graph([wi, hi, n, x], [new, later, ops.multiply(hi, x)], "step")
    node = ops.scan(
        w, h, ops.fill(0, n), xs, body=body, num_consts=1, num_carry=2, length=xs.shape[0]
    )
    return [ops.elements(node)[k] for k in (0, 2)]


def _recurrent_arrays() -> list[Array]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s) * 0.5 for s in ((4, 4), (2, 4), (5, 2, 4))]


def test_recurrence_to_the_third_order() -> None:
    check_gradient(_recurrent, _recurrent_arrays(), order=3, tolerance=1e-5)


def test_the_gradient_of_a_loop_shares_its_forward_loop() -> None:
    arrays = _recurrent_arrays()
    inputs = [parameter(array_type(a)) for a in arrays]
    outputs = _recurrent(*inputs)
    found = gradients(outputs, [ops.fill(1.0, o) for o in outputs], inputs)
    every = [*outputs, *found]
    shared = merge_scans(every)
    assert [n.op for n in topological(every)].count("scan") == 3
    assert [n.op for n in topological(shared)].count("scan") == 2
    verify(Graph(inputs, shared))
    pairs = zip(run(Graph(inputs, every), arrays), run(Graph(inputs, shared), arrays))
    assert all(np.array_equal(x, y) for x, y in pairs)


def test_stacked_loops_are_shared_each() -> None:
    arrays = _recurrent_arrays()
    w, h, xs = inputs = [parameter(array_type(a)) for a in arrays]
    _, lower = _recurrent(w, h, xs)
    last, upper = _recurrent(w, h, lower)
    found = gradients([last, upper], [ops.fill(1.0, last), ops.fill(1.0, upper)], inputs)
    every = [last, upper, *found]
    shared = merge_scans(every)
    assert [n.op for n in topological(every)].count("scan") == 6
    assert [n.op for n in topological(shared)].count("scan") == 4
    verify(Graph(inputs, shared))
    pairs = zip(run(Graph(inputs, every), arrays), run(Graph(inputs, shared), arrays))
    assert all(np.array_equal(x, y) for x, y in pairs)


def test_unneeded_gradients_are_not_computed() -> None:
    inputs = [parameter(array_type(a)) for a in _recurrent_arrays()]
    outputs = _recurrent(*inputs)
    (g,) = gradients(outputs[:1], [ops.fill(1.0, outputs[0])], [inputs[1]])
    backward = [n for n in topological([g]) if n.op == "scan" and n.params.get("reverse")]
    assert [n.params["num_carry"] for n in backward] == [1]  # no sum for w


def test_loops_in_loops() -> None:
    def inner(h: Node, xs: Node) -> list[Node]:
        a, b = parameter(TensorType((2,), float64)), parameter(TensorType((2,), float64))
        body = Graph([a, b], [ops.sine(ops.multiply(a, b)), ops.multiply(a, a)], "inner")
        return ops.elements(ops.scan(h, xs, body=body, num_consts=0, num_carry=1, length=3))

    def outer(h: Node, xs: Node) -> list[Node]:
        a, b = parameter(TensorType((2,), float64)), parameter(TensorType((3, 2), float64))
        new, stacked = inner(a, b)
        body = Graph([a, b], [ops.add(new, a), stacked], "outer")
        return ops.elements(
            ops.scan(h, xs, body=body, num_consts=0, num_carry=1, length=4, reverse=True)
        )

    rng = np.random.default_rng(0)
    check_gradient(outer, [rng.standard_normal(2), rng.standard_normal((4, 3, 2))], tolerance=1e-5)


def test_the_check_itself_finds_a_wrong_gradient() -> None:
    def wrong(x: Node) -> Node:
        y = ops.multiply(x, x)
        return ops.custom_gradient(y, x, rule=lambda g: (ops.multiply(g, x),))

    with pytest.raises(GradientError, match="derivative of order 1"):
        check_gradient(wrong, [np.array([1.0, 2.0])])


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_gradients_of_strided_slices_have_the_size_of_what_is_sliced(rows: int) -> None:
    x = parameter(TensorType((BATCH,), float32))
    doubled = ops.add(x, x)
    y = ops.slice(doubled, start_indices=(0,), limit_indices=(BATCH,), strides=(3,))
    (gradient,) = gradients([y], [ops.fill(1.0, y)], [x])
    graph = Graph([x], [ops.add(gradient, x)])
    expected = np.where(np.arange(rows) % 3, 0, 2).astype(np.float32)
    for name in ("numpy", "llvm"):
        (found,) = engine(name).compile(graph, {})([np.zeros(rows, np.float32)])
        np.testing.assert_array_equal(found, expected)
