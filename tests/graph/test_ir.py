"""The language: extents, the verifier, the text form, and how the interpreter binds sizes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.autodiff import gradients
from lamina.errors import EngineError, FileFormatError, ShapeError, VerifyError
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.primitives import PRIMITIVES, constant_of
from lamina.ir.text import parse, to_text
from lamina.ir.types import (
    DTYPES,
    Dim,
    Extent,
    TensorType,
    bfloat16,
    evaluate,
    float32,
    float64,
    int32,
)
from lamina.ir.verify import verify
from lamina.reference.interpreter import evaluate_nodes, run
from table import ROWS, Row, build, label

BATCH, STEPS = Extent.symbol("batch"), Extent.symbol("steps")


def tensor(*shape: Dim, dtype: object = float32, name: str = "x") -> Node:
    return parameter(TensorType(shape, DTYPES[str(dtype)]), name)


# ---- text --------------------------------------------------------------------------------------
@pytest.mark.parametrize("row", ROWS, ids=label)
def test_text_reads_back_as_the_same_graph(row: Row) -> None:
    for dtype in row.dtypes:
        graph, arrays = build(row, dtype)
        text = to_text(graph, full=True)
        if row.op == "custom_gradient":
            with pytest.raises(FileFormatError, match="Python function"):
                parse(text)
            return
        again = parse(text)
        verify(again)
        assert to_text(again, full=True) == text
        for x, y in zip(run(graph, arrays), run(again, arrays), strict=True):
            np.testing.assert_array_equal(x, y)


def network() -> Graph:
    x, w = tensor(BATCH, 784), tensor(784, 10, name="w")
    y = ops.dot_general(x, w, lhs_contracting_dimensions=(1,), rhs_contracting_dimensions=(0,))
    y = ops.maximum(y, ops.fill(0.0, y))
    loss = ops.sum_over(y, (0, 1))
    return Graph([x, w], [loss, *gradients([loss], [ops.fill(1.0, loss)], [w])], "step")


def test_text_is_readable() -> None:
    lines = to_text(network()).splitlines()
    assert lines[0] == '"step" {'
    assert lines[1] == '  %0 = parameter name="x" : float32[batch, 784]'
    assert lines[3] == (
        "  %2 = dot_general %0, %1, lhs_contracting_dimensions=(1,), "
        "rhs_contracting_dimensions=(0,) : float32[batch, 10]"
    )
    assert lines[4] == "  %3 = constant dtype=float32, value=0.0 : float32[]"
    assert lines[-2:] == ["  return %6, %13", "}"]
    assert to_text(network()) == to_text(network())


def test_large_constants_are_a_hash_unless_full() -> None:
    value = np.linspace(0, 1, 100, dtype=np.float32)
    one, same, other = (
        Graph([], [constant_of(v)]) for v in (value, value.copy(), value + np.float32(1e-6))
    )
    assert "0.0 to 1.0, mean 0.5" in to_text(one)
    assert to_text(one) == to_text(same) != to_text(other)
    with pytest.raises(FileFormatError, match="full=True"):
        parse(to_text(one))
    (read,) = run(parse(to_text(one, full=True)), [])
    np.testing.assert_array_equal(read, value)


@pytest.mark.parametrize("value", [0.1, 1 / 3, -0.0, np.inf, -np.inf, np.nan, 1e-45, 16777217.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_are_read_back_to_the_bit(value: float, dtype: type) -> None:
    array = np.asarray(value, dtype)
    (read,) = run(parse(to_text(Graph([], [constant_of(array)]), full=True)), [])
    assert read.dtype == dtype
    assert read.tobytes() == array.tobytes()


def extents() -> st.SearchStrategy[Dim]:
    leaves = st.one_of(st.integers(-3, 9), st.sampled_from([BATCH, STEPS]))

    def larger(inner: st.SearchStrategy[Dim]) -> st.SearchStrategy[Dim]:
        pairs = st.tuples(inner, inner)
        return st.one_of(
            pairs.map(lambda p: p[0] + p[1]),
            pairs.map(lambda p: p[0] * p[1]),
            st.tuples(inner, st.integers(1, 4)).map(lambda p: p[0] // p[1]),
        )

    return st.recursive(leaves, larger, max_leaves=6)


@settings(max_examples=200, deadline=None)
@given(extents())
def test_extents_read_back(extent: Dim) -> None:
    x = parameter(TensorType((extent,), float32), "x")
    (read,) = parse(to_text(Graph([x], [x]))).parameters
    assert read.shape == (extent,)
    sizes = {"batch": 5, "steps": 7}
    assert evaluate(read.shape[0], sizes) == evaluate(extent, sizes)


def test_odd_names_read_back() -> None:
    x = tensor(2, name='a " : b, (\\')
    graph = Graph([x], [ops.negate(x)], 'na"me {\n')
    again = parse(to_text(graph))
    assert (again.name, again.parameters[0].params["name"]) == (graph.name, x.params["name"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%1 = add %0, %7 : float32[2]", "%7 is not defined"),
        ("%1 = ad %0, %0 : float32[2]", "no primitive is named 'ad'"),
        ("%1 = add %0, %0 : float32[3]", r"its type should be float32\[2\]"),
        ("%1 = add %0, %0 : float3[2]", "is not a type"),
        ("%2 = negate %0 : float32[2]", "expected '%1 = ...'"),
        ("%1 = reduce %0, dimensions=(5,), kind=sum : float32[]", "needs distinct axes"),
        ("%1 = reduce %0, kind=sum : float32[]", "dimensions"),
        ("%1 = reshape %0, shape=(2 +) : float32[2]", "extent"),
    ],
)
def test_wrong_text_names_its_line(line: str, message: str) -> None:
    text = f'"main" {{\n  %0 = parameter name="x" : float32[2]\n  {line}\n  return %1\n}}\n'
    with pytest.raises(FileFormatError, match=f"line 3: .*{message}"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["", "hello", '"main" {', '"main" {\n return\n', '"m" {\nreturn\n}\nx']
)
def test_text_that_is_not_a_graph_raises(text: str) -> None:
    with pytest.raises(FileFormatError):
        parse(text)


def test_text_is_quick() -> None:
    x = tensor(BATCH, 512)
    y = x
    for _ in range(250):
        y = ops.add(y, ops.broadcast(ops.reduce(y, kind="sum", dimensions=(1,)), y.shape, (0,)))
    graph = Graph([x], [y])
    best = min(_seconds(lambda: to_text(graph)) for _ in range(5))
    assert best < 0.05  # 750 nodes; some 5 ms on an idle machine


def _seconds(f: object) -> float:
    start = time.thread_time()  # of the processor: other work on the machine takes none of it
    f()  # type: ignore[operator]
    return time.thread_time() - start


# ---- the verifier ------------------------------------------------------------------------------
def test_verify_accepts_every_row() -> None:
    for row in ROWS:
        verify(build(row, row.dtypes[0])[0])
    verify(network())


def raw(op: str, args: list[Node], type_: object, **params: object) -> Node:
    """A node whose type was not inferred."""
    return Node(op, args, params, type_)  # type: ignore[arg-type]


X = tensor(3)
HALF = tensor(3, dtype="float16")
STEP = Graph([X], [ops.negate(X)], "step")


@pytest.mark.parametrize(
    ("parameters", "result", "message"),
    [
        ([X], raw("add", [X, X], TensorType((4,), float32)), r"%1 = add\(float32\[3\]"),
        ([X], raw("add", [X], X.type), "takes 2 operands"),
        ([X], raw("reduce", [X], X.type), "cannot be inferred.*kind"),
        ([X], raw("plus", [X], X.type), "no primitive has this name"),
        ([], ops.negate(X), "not among the graph's own"),
        ([X, X], X, "listed twice"),
        ([X], ops.sort(X, dimension=0), "not a tensor"),
        ([HALF], raw("exponential", [HALF], HALF.type), "cannot be inferred"),
        ([X], raw("negate", [ops.sort(X, dimension=0)], X.type), "several results"),
    ],
)
def test_verify_names_the_node_and_the_rule(
    parameters: list[Node], result: Node, message: str
) -> None:
    with pytest.raises(VerifyError, match=message):
        verify(Graph(parameters, [result]))


def test_verify_looks_into_loops() -> None:
    outer, h = tensor(3, name="outer"), tensor(3, name="h")
    body = Graph([h], [ops.add(h, outer)], "step")
    params = {"body": body, "num_consts": 0, "num_carry": 1, "length": 4, "reverse": False}
    node = Node("scan", [outer], params, (outer.type,))
    with pytest.raises(VerifyError, match=r"scan: body 'step' refers to the parameter 'outer'"):
        verify(Graph([outer], ops.elements(node)))


def test_verify_names_where_a_node_comes_from() -> None:
    node = raw("add", [X, X], TensorType((4,), float32))
    node.origin = "Dense 'head'"
    with pytest.raises(VerifyError, match="from Dense 'head'"):
        verify(Graph([X], [node]))


# ---- the interpreter ---------------------------------------------------------------------------
def test_sizes_are_bound_and_checked() -> None:
    x, y = tensor(BATCH, 2), tensor(BATCH * 2 + 1, name="y")
    graph = Graph([x, y], [ops.size_of(extent=BATCH * 3)])
    arrays = [np.zeros((4, 2), np.float32), np.zeros(9, np.float32)]
    assert run(graph, arrays) == [12]
    with pytest.raises(ShapeError, match=r"y: shape \(8,\) came, expected .* \(with batch = 4\)"):
        run(graph, [arrays[0], np.zeros(8, np.float32)])
    with pytest.raises(ShapeError, match=r"x: shape \(4, 3\) came, expected float32\[batch, 2\]"):
        run(graph, [np.zeros((4, 3), np.float32), arrays[1]])
    assert run(Graph([y], [ops.size_of(extent=BATCH)]), [arrays[1]]) == [4]


def test_wrong_arguments_are_errors() -> None:
    graph = Graph([X], [ops.negate(X)])
    with pytest.raises(EngineError, match="takes 1 arrays, 0 came"):
        run(graph, [])
    with pytest.raises(EngineError, match=r"x: float64 array of shape \(3,\) came"):
        run(graph, [np.zeros(3)])
    with pytest.raises(EngineError, match="parameter 'x' was given no value"):
        evaluate_nodes([ops.negate(X)])


def test_known_values_are_used_and_not_computed_again() -> None:
    x = tensor(2, dtype=float64)
    y = ops.sine(x)
    y.value = np.array([3.0, 4.0])  # not what sine would give
    z = ops.add(y, y)
    assert evaluate_nodes([z])[0].tolist() == [6, 8]
    assert evaluate_nodes([z], {y: np.array([1.0, 1.0])})[0].tolist() == [2, 2]


def test_arguments_are_never_written_to() -> None:
    for row in ROWS:
        graph, arrays = build(row, row.dtypes[0])
        before = [a.copy() for a in arrays]
        for a in arrays:
            a.flags.writeable = False
        run(graph, arrays)
        for a, b in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(a, b)


def test_float32_stays_float32() -> None:
    for row in ROWS:
        if "float32" in row.dtypes:
            graph, arrays = build(row, "float32")
            for node, result in zip(graph.results, run(graph, arrays), strict=True):
                assert result.dtype == node.dtype.storage, row


def test_a_graph_that_changes_is_planned_again() -> None:
    x = tensor(2, dtype=float64)
    graph = Graph([x], [ops.negate(x)])
    assert run(graph, [np.ones(2)])[0].tolist() == [-1, -1]
    graph.results[0] = ops.add(x, x)
    assert run(graph, [np.ones(2)])[0].tolist() == [2, 2]


def test_bfloat16_is_converted_as_such() -> None:
    x = parameter(TensorType((2,), bfloat16), "x")
    graph = Graph([x], [ops.convert(x, dtype=float32)])
    (found,) = run(graph, [np.array([0x3F80, 0xC000], np.uint16)])
    assert found.tolist() == [1.0, -2.0]


def test_a_scan_of_no_iterations() -> None:
    h, n = tensor(2, dtype=float64), parameter(TensorType((), int32), "n")
    body = Graph([h, n], [ops.negate(h), h], "step")
    x = tensor(2, dtype=float64)
    turns = parameter(TensorType((BATCH,), int32), "turns")
    node = PRIMITIVES["scan"](x, turns, body=body, num_consts=0, num_carry=1, length=BATCH)
    graph = Graph([x, turns], ops.elements(node))
    last, stacked = run(graph, [np.ones(2), np.zeros(0, np.int32)])
    assert last.tolist() == [1, 1]
    assert stacked.shape == (0, 2)
