"""Programs with a known batch size take the passes of those with a symbolic one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import lamina as lm
from lamina import layers
from lamina.engines import engine
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.pipeline import run_passes, until
from lamina.engines.llvm.program.parallel_regions import form_parallel_regions
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.row_tiling import tile_rows
from lamina.engines.llvm.program.statements import (
    Loop,
    ParallelRegion,
    Peeled,
    RowTile,
    Statement,
    bodies,
    kernels_of,
)
from lamina.engines.llvm.target.target import host, target, using
from lamina.fuzz.check import everything_threaded
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Dim, Extent, TensorType, evaluate, float32
from lamina.rewrite import simplify
from lamina.settings import settings
from lamina.transforms.compiling import build
from lamina.transforms.tracing import Recorded, record

BATCH, TIME, UNITS = 40, 5, 128
B, T = Extent.symbol("batch"), Extent.symbol("time")
TYPICAL = 32  # what a symbolic size is taken to be (ir/typical.py)


@pytest.fixture(autouse=True)
def _nothing_on_disk() -> Iterator[None]:
    with settings(cache=False):
        yield


def _recurrent(kind: str) -> Callable[..., Any]:
    """The gradient of the weights of a recurrent layer, whose states are summed."""
    cells: dict[str, tuple[int, Callable[..., Any]]] = {
        "SimpleRNN": (1, lambda z, h, c, r: (lm.tanh(z + h @ r), c)),
        "GRU": (3, _gru),
        "LSTM": (4, _lstm),
    }
    gates, cell = cells[kind]

    def loss(kernel: Any, recurrent: Any, x: Any) -> Any:
        start = lm.zeros((x.shape[0], UNITS))
        z = lm.swapaxes(x @ kernel, 0, 1)

        def step(carry: Any, z: Any) -> Any:
            h, c = cell(z, *carry, recurrent)
            return (h, c), None

        return lm.sum(lm.scan(step, (start, start), z)[0][0] ** 2)

    def f(x: Any, kernel: Any, recurrent: Any) -> Any:
        return lm.grad(loss, argnums=(0, 1))(kernel, recurrent, x)

    shapes = [(16, gates * UNITS), (UNITS, gates * UNITS)]
    return lambda batch, time=TIME: (f, [(batch, time, 16), *shapes])


def _lstm(z: Any, h: Any, c: Any, recurrent: Any) -> Any:
    i, f, g, o = lm.split(z + h @ recurrent, 4, axis=-1)
    c = lm.sigmoid(f) * c + lm.sigmoid(i) * lm.tanh(g)
    return lm.sigmoid(o) * lm.tanh(c), c


def _gru(z: Any, h: Any, c: Any, recurrent: Any) -> Any:
    a, b, new = lm.split(z, 3, axis=-1)
    d, e, inner = lm.split(h @ recurrent, 3, axis=-1)
    update, reset = lm.sigmoid(a + d), lm.sigmoid(b + e)
    return update * h + (1 - update) * lm.tanh(new + reset * inner), c


def _mlp(batch: Dim) -> Any:
    def loss(w: Any, v: Any, x: Any) -> Any:
        return lm.sum((lm.relu(x @ w) @ v) ** 2)

    def f(x: Any, w: Any, v: Any) -> Any:
        return lm.grad(loss, argnums=(0, 1))(w, v, x)

    return f, [(batch, 64), (64, 128), (128, 10)]


def _cnn(batch: Dim) -> Any:
    def f(x: Any, first: Any, second: Any) -> Any:
        x = lm.relu(lm.nn.conv(x, first, padding="same"))
        return lm.nn.conv(x, second, padding="same")

    return f, [(batch, 20, 20, 40), (3, 3, 40, 40), (3, 3, 40, 40)]


MODELS: dict[str, Callable[..., Any]] = {
    "MLP gradient": _mlp,
    "CNN prediction": _cnn,
    **{f"{kind} gradient": _recurrent(kind) for kind in ("SimpleRNN", "GRU", "LSTM")},
}


def _recorded(f: Callable[..., Any], shapes: Sequence[Sequence[Dim]]) -> Recorded:
    return record(f, [TensorType(tuple(shape), float32) for shape in shapes], "f")


def _program(name: str, *sizes: Dim) -> list[Statement]:
    return _statements(_recorded(*MODELS[name](*sizes)).graph)


def _statements(graph: Graph) -> list[Statement]:
    """The statements of the program before its rows have versions."""
    program: Program = run_passes(simplify(graph), {}, passes=until("replicate"))
    return program.statements


# ---- structure ---------------------------------------------------------------------------------
def _structure(statements: Sequence[Statement], batch: int) -> list[Any]:
    """Return the divided rows, tiles and prefetches, with `batch` in place of the symbol."""
    return [_of(statement, batch) for statement in statements]


def _of(statement: Statement, batch: int) -> Any:
    inside = [_structure(body, batch) for body in bodies(statement)]
    if isinstance(statement, Kernel):
        return _of_kernel(statement, batch)
    head: list[Any] = [type(statement).__name__]
    if isinstance(statement, (Loop, ParallelRegion, RowTile)) and statement.rows is not None:
        head.append(evaluate(statement.rows, {"batch": batch}))
    if isinstance(statement, Peeled):
        head.append(statement.first)
    if isinstance(statement, RowTile):
        head.append(sorted(statement.contracted.values()))
    return head, inside


def _of_kernel(kernel: Kernel, batch: int) -> Any:
    nest, row = kernel.nest, kernel.row_loop
    return (
        nest.name,
        row and [evaluate(n, {"batch": batch}) for n in (row.rows, row.size)],
        # how much is prefetched depends on the rows of a register tile
        [a.row for a in kernel.chosen.prefetches] if batch == TYPICAL else None,
        nest.split_reduction is not None,
    )


def _count(kind: type, statements: Sequence[Statement]) -> int:
    inside = (_count(kind, body) for s in statements for body in bodies(s))
    return sum(isinstance(s, kind) for s in statements) + sum(inside)


@pytest.mark.parametrize("batch", [BATCH, TYPICAL])
@pytest.mark.parametrize("name", MODELS)
def test_a_program_has_the_same_structure_for_a_known_batch_size_as_for_a_symbolic_one(
    name: str, batch: int
) -> None:
    assert _structure(_program(name, batch), batch) == _structure(_program(name, B), batch)


@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM"])
def test_a_recurrent_gradient_of_a_known_batch_size_is_one_parallel_region_with_prefetches(
    kind: str,
) -> None:
    statements = _program(f"{kind} gradient", BATCH)
    (region,) = [s for s in statements if isinstance(s, ParallelRegion)]
    assert [s.rows for s in region.statements if isinstance(s, Loop)] == [BATCH, BATCH]
    assert any(k.chosen.prefetches for k in kernels_of([region]))
    assert sum(k.nest.split_reduction is not None for k in kernels_of(statements)) >= 1


def test_a_prediction_of_images_of_a_known_batch_size_is_tiled_by_rows() -> None:
    assert _count(RowTile, _program("CNN prediction", BATCH)) > 0


@pytest.mark.parametrize("sizes", [(B, T), (BATCH, T)], ids=["batch and time", "time"])
@pytest.mark.parametrize("kind", ["SimpleRNN", "GRU", "LSTM"])
def test_the_input_projection_joins_the_parallel_region_if_time_is_symbolic(
    kind: str, sizes: Sequence[Dim]
) -> None:
    statements = _program(f"{kind} gradient", *sizes)
    (region,) = [s for s in statements if isinstance(s, ParallelRegion)]
    assert region.rows == sizes[0] and sum(isinstance(s, Loop) for s in region.statements) == 2
    names = [s.nest.name for s in region.statements if isinstance(s, Kernel)]
    assert "dot_general" in names
    for kernel in kernels_of(statements):  # halves of the batch, not of time
        if kernel.nest.split_reduction is not None:
            assert kernel.nest.split_reduction.limit == sizes[0]


def test_statements_keep_their_order_where_no_region_or_tile_forms() -> None:
    f, shapes = _mlp(B)
    graph = simplify(_recorded(f, shapes).graph)
    program = run_passes(graph, {}, passes=until("schedule"))
    before = list(program.statements)
    after = tile_rows(form_parallel_regions(program, target()), target())
    assert after.statements == before


def test_accidentally_equal_extents_do_not_make_rows() -> None:
    """A square recurrent weight and a batch of as many rows: the rows are those of the batch."""
    f, shapes = _recurrent("LSTM")(UNITS)
    statements = _statements(_recorded(f, shapes).graph)
    (region,) = [s for s in statements if isinstance(s, ParallelRegion)]
    for kernel in kernels_of([region]):
        row = kernel.row_loop
        assert row is not None and row.loop is kernel.nest.loops[0]


def test_a_region_keeps_the_rows_that_the_kernels_of_its_loops_have() -> None:
    """Alone, the loop has independent rows; with the sums before it, only independent columns."""
    x, element = (parameter(TensorType(shape, float32)) for shape in ((B, 8), (8,)))
    ones = ops.fill(1.0, shape=(B, B), dtype=float32)
    sums = ops.reduce(ones, dimensions=(0,), kind="sum")
    columns = ops.broadcast_in_dim(sums, broadcast_dimensions=(1,), shape=(B, B))
    body = Graph([element], [columns], "body")
    scanned = ops.scan(x, body=body, length=B, num_carry=0, num_consts=0, reverse=False)
    eager = replace(host(), costs=host().costs.eager())
    with using(eager), everything_threaded(True):
        program = engine("llvm").compile(Graph([x], ops.elements(scanned)), {})
        for threads in (1, 2, 3, 5):
            with settings(threads=threads):
                (found,) = program([np.ones((31, 8), np.float32)])
            np.testing.assert_array_equal(found, np.full((31, 31, 31), 31, np.float32))


def test_a_batch_of_one_row_has_no_rows_to_divide() -> None:
    assert _count(ParallelRegion, _program("LSTM gradient", 1)) == 0


# ---- results -----------------------------------------------------------------------------------
def _given(shapes: Sequence[Sequence[Dim]]) -> list[np.ndarray]:
    sizes = {"batch": BATCH, "time": TIME}
    known = [tuple(evaluate(n, sizes) for n in shape) for shape in shapes]
    rng = np.random.default_rng(math.prod(known[0]))
    return [(rng.normal(size=s) / max(s[-2] ** 0.5, 1)).astype(np.float32) for s in known]


KNOWN = [(name, (BATCH,)) for name in MODELS] + [
    (f"{kind} gradient", sizes)
    for kind in ("SimpleRNN", "GRU", "LSTM")
    for sizes in [(5,), (UNITS,), (BATCH, T), (B, T)]
]


@pytest.mark.parametrize(("name", "sizes"), KNOWN, ids=str)
def test_a_known_batch_size_gives_equal_bits_on_any_number_of_threads(
    name: str, sizes: Sequence[Dim]
) -> None:
    if (len(sizes) > 1 and "MLP" in name) or ("CNN" in name and sizes != (BATCH,)):
        pytest.skip("has no time")
    f, shapes = MODELS[name](*sizes)
    made = _recorded(f, shapes)
    program, given = build(made, ""), _given(shapes)
    with settings(engine="numpy"):
        expected = [np.asarray(e) for e in _results(f(*map(lm.asarray, given)))]
    found = []
    for threads in (1, 2, 3, 5, 2):
        with settings(threads=threads):
            found.append([r.copy() for r in program([*given, *made.captured])])
    for results in found:
        for one, other, right in zip(results, found[0], expected, strict=True):
            np.testing.assert_array_equal(one, other)
            np.testing.assert_allclose(one, right, rtol=2e-4, atol=2e-4 * np.abs(right).max())


@pytest.mark.parametrize("batch", [TYPICAL, 5])
def test_many_threads_divide_few_rows_to_equal_bits(batch: int) -> None:
    """Of 32 rows, 4 threads take 8, 8 take 4, and 16 share each kernel instead."""
    f, shapes = _recurrent("LSTM")(batch)
    made = _recorded(f, shapes)
    program, given = build(made, ""), _given(shapes)
    found = []
    for threads in (1, 4, 8, 16):
        with settings(threads=threads):
            found.append([r.copy() for r in program([*given, *made.captured])])
    for results in found[1:]:
        for one, other in zip(found[0], results, strict=True):
            np.testing.assert_array_equal(one, other)


def _results(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_model_of_a_known_batch_size_trains_to_equal_bits_on_any_number_of_threads(
    kind: str,
) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 7, 5)), rng.integers(0, 3, 80)
    kept = []
    for threads in (1, 2, 3, 5):
        with settings(threads=threads):
            lm.set_seed(3)
            model = lm.Sequential(
                [
                    lm.Input((7, 5), batch_size=BATCH),
                    getattr(layers, kind)(24),
                    layers.Dense(3, "softmax"),
                ]
            )
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)
            kept.append(model.get_weights())
    for other in kept[1:]:
        for one, two in zip(kept[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
