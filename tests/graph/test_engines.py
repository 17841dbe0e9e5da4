"""The compiled engines compared with the reference: the table, many sizes, 1 to 3 threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from engine_names import COMPILED, ENGINES, needs_jax
from lamina.engines import engine
from lamina.engines.llvm.pipeline import stages_of
from lamina.engines.llvm.program.statements import kernels_of
from lamina.fuzz.bounds import Shadow
from lamina.fuzz.check import difference, everything_threaded
from lamina.fuzz.shadow import shadows
from lamina.fuzz.voting import LEAST
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.types import Extent, TensorType, bool_, float32, float64, int32, uint32
from lamina.reference import interpreter
from lamina.rewrite import simplify
from lamina.settings import settings
from table import ROWS, Row, build

SIZES = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65)
FEW_SIZES = (0, 1, 7, 33)  # where each is compiled for itself
N = Extent.symbol("n")


@pytest.fixture(autouse=True)
def _nothing_on_disk():
    with settings(cache=False):
        yield


def run(
    graph: Graph, arrays: Sequence[np.ndarray], threads: int = 1, name: str = "llvm"
) -> list[np.ndarray]:
    with settings(threads=threads):
        program = engine(name).compile(graph, {})
        return [np.array(r) for r in program([np.array(a, order="C") for a in arrays])]


def agree(
    graph: Graph,
    arrays: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    what: str,
    name: str = "llvm",
) -> None:
    """Integers, truth values and bits exactly; floats within the running bound of their shadow,
    or, where that claims nothing (NaN, infinities), as the reference has them. The xla engine takes
    numbers below the smallest normal one for zero."""
    claims = shadows(graph, arrays, "smooth")
    wanted = interpreter.run(graph, list(arrays))
    for node, claim, want, got in zip(graph.results, claims, wanted, found, strict=True):
        assert got.shape == want.shape, what
        assert got.dtype == want.dtype, what
        claim = _claim(node, claim, want)
        if name == "xla" and node.dtype.is_float:
            claim = Shadow(claim.value, claim.error + LEAST)
        message = difference(node, claim, got)
        assert not message, f"{what}: {message}"


def _claim(node: Node, claim: Shadow, want: np.ndarray) -> Shadow:
    if not node.dtype.is_float:
        return Shadow(want, np.zeros(want.shape))
    if node.dtype.name == "bfloat16":
        return claim
    unclaimed = np.isinf(claim.error)
    near = np.abs(want.astype(np.float64)) * 64 * float(np.finfo(want.dtype).eps)
    error = np.where(unclaimed, np.where(np.isfinite(near), near, 0.0), claim.error)
    return Shadow(np.where(unclaimed, want, claim.value), error)


def joined(pairs: Iterable[tuple[Graph, list[np.ndarray]]]) -> tuple[Graph, list[np.ndarray]]:
    """Several graphs as one program: compiled at once, called once."""
    graphs, arrays = zip(*pairs, strict=True)
    whole = Graph(
        [p for g in graphs for p in g.parameters], [r for g in graphs for r in g.results], "joined"
    )
    return whole, [a for each in arrays for a in each]


def by_operation() -> list[str]:
    return list(dict.fromkeys(row.op for row in ROWS))


QUICK = ("float32", "float64", "bfloat16", "int32", "uint8", "bool")  # XLA compiles slowly
WARNING = "ignore:invalid value:RuntimeWarning"


@pytest.mark.filterwarnings(WARNING)
@pytest.mark.parametrize("op", by_operation())
@pytest.mark.parametrize("name", COMPILED)
def test_every_row_of_the_table(op: str, name: str) -> None:
    _agree_on_rows(op, name, lambda dtype: name == "llvm" or dtype in QUICK)


@needs_jax
@pytest.mark.slow
@pytest.mark.filterwarnings(WARNING)
@pytest.mark.parametrize("op", by_operation())
def test_every_row_of_the_table_on_xla_in_the_other_dtypes(op: str) -> None:
    _agree_on_rows(op, "xla", lambda dtype: dtype not in QUICK)


def _agree_on_rows(op: str, name: str, takes: Callable[[str], bool]) -> None:
    rows = [(row, d) for row in ROWS if row.op == op for d in row.dtypes if takes(d)]
    built = [(row, dtype, *build(row, dtype)) for row, dtype in rows]
    symbolic = [
        b for b in built if any(isinstance(d, Extent) for p in b[2].parameters for d in p.shape)
    ]
    for batch in (symbolic, [b for b in built if b not in symbolic]):
        for start in range(0, len(batch), 20):
            _agree_together(batch[start : start + 20], name)


def _agree_together(batch: list[tuple[Row, str, Graph, list[np.ndarray]]], name: str) -> None:
    graph, arrays = joined((g, a) for _, _, g, a in batch)
    found = iter(run(graph, arrays, name=name))
    for row, dtype, each, given in batch:
        agree(each, given, [next(found) for _ in each.results], f"{row} {dtype}", name)


# ---- any size ----------------------------------------------------------------------------------
def _x(*shape: object, dtype: object = float32, name: str = "x") -> Node:
    return parameter(TensorType(tuple(shape), dtype), name)  # type: ignore[arg-type]


def _dot(x: Node, y: Node, left: int, right: int) -> Node:
    return ops.dot_general(
        x, y, lhs_contracting_dimensions=(left,), rhs_contracting_dimensions=(right,)
    )


def _softmax(x: Node) -> Node:
    top = ops.broadcast(ops.reduce(x, kind="max", dimensions=(1,)), x.shape, (0,))
    e = ops.exponential(ops.subtract(x, top))
    return ops.divide(e, ops.broadcast(ops.sum_over(e, (1,)), x.shape, (0,)))


def _elementwise() -> Graph:
    x, y = _x(N, 5), _x(N, 5, name="y")
    return Graph([x, y], [ops.tanh(ops.add(x, y)), ops.compare(x, y, direction="LT")])


def _reductions() -> Graph:
    x = _x(N, 7)
    kinds = ("sum", "max", "min", "product")
    results = [ops.reduce(x, kind=k, dimensions=d) for k in kinds for d in ((0,), (1,), (0, 1))]
    return Graph([x], [*results, ops.reduce(x, kind="argmax", dimensions=(0,))])


def _products() -> Graph:
    x, w = _x(N, 9), _x(9, 17, name="w")
    y = _dot(x, w, 1, 0)
    return Graph([x, w], [y, _dot(x, y, 0, 0), _dot(y, w, 1, 1)])


def _softmaxes() -> Graph:
    x, square = _x(N, 10), _x(3, N, name="s")
    return Graph([x, square], [_softmax(x), _softmax(square)])


def _views() -> Graph:
    x = _x(N, 6)
    turned = ops.reverse(ops.transpose(x, permutation=(1, 0)), dimensions=(0, 1))
    flat = ops.reverse(ops.reshape(x, shape=(N * 6,)), dimensions=(0,))
    twice = ops.concatenate(x, x, dimension=0)
    third = ops.slice_(x, start_indices=(0, 1), limit_indices=(N, 6), strides=(3, 2))
    wide = ops.pad(
        x, ops.constant(value=np.array(2.5, np.float32), dtype=float32),
        edge_padding_low=(2, 0), edge_padding_high=(1, -1), interior_padding=(0, 1),
    )  # fmt: skip
    return Graph([x], [turned, flat, twice, third, wide])


def _loops() -> Graph:
    x, h = _x(N, 3), _x(3, name="h")
    carry, element = _x(3, name="c"), _x(3, name="e")
    body = Graph([carry, element], [ops.tanh(ops.add(carry, element)), carry], "step")
    node = ops.scan(h, x, body=body, num_consts=0, num_carry=1, length=N)
    back = ops.scan(h, x, body=body, num_consts=0, num_carry=1, length=N, reverse=True)
    return Graph([x, h], [*ops.elements(node), *ops.elements(back)])


def _positions() -> Graph:
    x, at = _x(N, 4), _x(N, 1, dtype=int32, name="at")
    table = _x(5, 3, name="table")
    rows = ops.gather(
        table, at, offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,),
        slice_sizes=(1, 3),
    )  # fmt: skip
    summed = ops.scatter(
        table, at, rows, kind="add", update_window_dims=(1,), inserted_window_dims=(0,),
        scatter_dims_to_operand_dims=(0,),
    )  # fmt: skip
    ordered = ops.elements(ops.sort(x, dimension=0))
    return Graph([x, at, table], [rows, summed, *ordered, ops.size_of(extent=N * 2 + 1)])


PROGRAMS = {
    f.__name__.strip("_"): f
    for f in (
        _elementwise, _reductions, _products, _softmaxes, _views, _loops, _positions,
    )
}  # fmt: skip


def sample(p: Node, n: int) -> np.ndarray:
    rng = np.random.default_rng([n, len(p.shape)])
    shape = tuple(interpreter.resolve({"shape": p.shape}, {"n": n})["shape"])
    if p.dtype.is_float:
        return rng.normal(0, 1, shape).astype(p.dtype.storage)
    return rng.integers(-1, 6, shape).astype(p.dtype.storage)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("name", COMPILED)
def test_one_executable_serves_every_size(program: str, name: str) -> None:
    graph = PROGRAMS[program]()
    with settings(threads=1):
        executable = engine(name).compile(graph, {})
    for n in SIZES if name == "llvm" else FEW_SIZES:
        arrays = [sample(p, n) for p in graph.parameters]
        agree(graph, arrays, executable(arrays), f"{program} of {n}", name)


# ---- any number of threads ---------------------------------------------------------------------
def _training_step() -> tuple[Graph, dict[int, int]]:
    """Forward, backward and a plain descent of a network with one hidden layer."""
    x, t = _x(N, 100), _x(N, 10, name="t")
    w1, w2 = _x(100, 64, name="w1"), _x(64, 10, name="w2")
    zeros = ops.fill(0.0, shape=(N, 64), dtype=float32)
    z = _dot(x, w1, 1, 0)
    h = ops.maximum(z, zeros)
    p = _softmax(_dot(h, w2, 1, 0))
    g = ops.subtract(p, t)
    g_h = ops.select(ops.compare(z, zeros, direction="GT"), _dot(g, w2, 1, 1), zeros)
    loss = ops.sum_over(ops.multiply(g, g), (0, 1))
    new = [
        ops.subtract(w, ops.multiply(d, ops.fill(0.01, d)))
        for w, d in ((w1, _dot(x, g_h, 0, 0)), (w2, _dot(h, g, 0, 0)))
    ]
    return Graph([x, t, w1, w2], [loss, *new], "step"), {2: 1, 3: 2}


def _large_sums() -> tuple[Graph, dict[int, int]]:
    x = _x(300, 301)
    sums = [ops.reduce(x, kind="sum", dimensions=d) for d in ((0, 1), (0,), (1,))]
    return Graph([x], [*sums, _softmax(x)]), {}


THREADED = {
    "training step": _training_step,
    "large sums": _large_sums,
    **{name: (lambda f=f: (f(), {})) for name, f in PROGRAMS.items()},
}


@pytest.mark.parametrize("name", THREADED)
@pytest.mark.parametrize("small_too", [False, True], ids=["as it is", "every kernel threaded"])
def test_the_same_bits_on_any_number_of_threads(name: str, small_too: bool) -> None:
    graph, updates = THREADED[name]()
    arrays = [sample(p, 33) for p in graph.parameters]
    with everything_threaded(small_too):
        program = engine("llvm").compile(graph, updates)
        runs = []
        for threads in (1, 2, 3, 2, 3):
            with settings(threads=threads):
                given = [a.copy() for a in arrays]
                for _ in range(3):
                    results = program(given)
                runs.append([r.tobytes() for r in results])
    assert all(bits == runs[0] for bits in runs)


# ---- special values ----------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", COMPILED)
def test_nan_and_infinity_follow_the_reference(dtype: object, name: str) -> None:
    small = 1e-40 if name == "llvm" else 1e-30  # xla takes the former for zero
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5, small, 3.4e38, 7.0])
    x, y = _x(10, 10, dtype=dtype), _x(10, 10, dtype=dtype, name="y")
    results = [
        *(getattr(ops, op)(x, y) for op in ("maximum", "minimum", "add", "multiply", "divide")),
        *(ops.compare(x, y, direction=d) for d in ("EQ", "NE", "LT", "LE", "GT", "GE")),
        *(
            ops.reduce(x, kind=k, dimensions=(0,))
            for k in ("max", "min", "argmax", "argmin", "sum")
        ),
        *(ops.reduce(y, kind=k, dimensions=(0,)) for k in ("max", "min", "argmax", "argmin")),
        *(getattr(ops, op)(x) for op in ("exponential", "log", "tanh", "sqrt", "is_finite")),
        *(ops.convert(x, dtype=d) for d in (int32, uint32, bool_)),
        ops.select(ops.is_finite(x), x, y),
    ]
    graph = Graph([x, y], results)
    arrays = [np.repeat(odd, 10).reshape(10, 10), np.tile(odd, (10, 1))]
    arrays = [a.astype(dtype.storage) for a in arrays]  # type: ignore[attr-defined]
    for want, got in zip(
        interpreter.run(graph, arrays), run(graph, arrays, name=name), strict=True
    ):
        if want.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=1e-6, atol=2e-38)
        else:
            np.testing.assert_array_equal(got, want)


# ---- long sums ---------------------------------------------------------------------------------
def _weight_gradient() -> tuple[Graph, list[np.ndarray]]:
    """The gradient of a convolution's kernel, whose sums run over images, rows and columns."""
    x, dy = _x(N, 34, 34, 16), _x(N, 32, 32, 32, name="dy")
    specs = {"lhs_spec": (3, 0, 1, 2), "rhs_spec": (3, 0, 1, 2), "out_spec": (2, 3, 0, 1)}
    once = {"window_strides": (1, 1), "lhs_dilation": (1, 1), "rhs_dilation": (1, 1)}
    groups = {"feature_group_count": 1, "batch_group_count": 1}
    out = ops.convolution(x, dy, **specs, **once, **groups, padding=((0, 0), (0, 0)))
    graph = Graph([x, dy], [ops.multiply(out, out)], "weight_gradient")
    rng = np.random.default_rng(0)
    return graph, [rng.standard_normal((2, *p.shape[1:]), np.float32) for p in (x, dy)]


def _deep_product() -> tuple[Graph, list[np.ndarray]]:
    x, y = _x(N, 4096), _x(4096, 70, name="y")
    graph = Graph([x, y], [ops.tanh(_dot(x, y, 1, 0))], "deep_product")
    rng = np.random.default_rng(0)
    shapes = [(33, 4096), (4096, 70)]
    return graph, [rng.standard_normal(s, np.float32) / 64 for s in shapes]


@pytest.mark.parametrize("make", [_weight_gradient, _deep_product])
def test_sums_in_blocks(make: Callable[[], tuple[Graph, list[np.ndarray]]]) -> None:
    graph, arrays = make()
    kernels = kernels_of(stages_of(simplify(graph), {}).program.statements)
    assert any(k.nest.sequential_outer is not None for k in kernels)
    found = [run(graph, arrays, threads) for threads in (1, 2, 3)]
    agree(graph, arrays, found[0], graph.name)
    assert all(np.array_equal(found[0][0], other[0]) for other in found[1:])


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_sums_over_blocks_of_which_there_may_be_none(rows):
    x, y = (parameter(TensorType((N, 256, 64), float32), name) for name in "xy")
    over = {"lhs_contracting_dimensions": (0, 1), "rhs_contracting_dimensions": (0, 1)}
    none = {"lhs_batching_dimensions": (), "rhs_batching_dimensions": ()}
    plain = ops.dot_general(x, y, **over, **none)
    graph = Graph([x, y], [plain, ops.tanh(ops.dot_general(y, x, **over, **none))], "no_blocks")
    kernels = kernels_of(stages_of(simplify(graph), {}).program.statements)
    blocks = [k.nest.sequential_outer for k in kernels if k.nest.sequential_outer]
    assert len(blocks) == 2
    arrays = [np.random.default_rng(k).normal(size=(rows, 256, 64)).astype("f") for k in (1, 2)]
    run(graph, [np.ones_like(a) for a in arrays])  # nothing of what was there before is left
    agree(graph, arrays, run(graph, arrays), graph.name)


@pytest.mark.parametrize("name", ENGINES)
def test_fixed_arrays_are_read_at_each_run(name):
    x, state = parameter(TensorType((3,), float32), "x"), parameter(TensorType((), float32), "s")
    total = ops.add(state, ops.reduce(x, kind="sum", dimensions=(0,)))
    graph = Graph([x, state], [ops.multiply(x, x), total])
    given, kept = np.array([1, 2, 3], "float32"), np.zeros((), "float32")
    (squares, sums), run = engine(name).compile(graph, {1: 1}).fixed([given, kept])
    assert sums is kept
    run()
    given[...] = [1, 0, 0]
    run()
    assert squares.tolist() == [1.0, 0.0, 0.0]
    assert kept.item() == 7.0
