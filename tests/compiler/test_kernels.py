"""Which kernels the llvm engine makes of a graph, and that what it joins and cuts stays right."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from lamina.engines import engine
from lamina.engines.llvm.codegen.versions import emit
from lamina.engines.llvm.loopopt.split_at_guards import split_at_guards
from lamina.engines.llvm.loops.buffers import Counter, Slot
from lamina.engines.llvm.loops.index import Var, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Buffer, ExprBuilder, Nest, NestKind, Store, walk
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.engines.llvm.pipeline import stages_of
from lamina.engines.llvm.program.statements import (
    If,
    Loop,
    RowTile,
    While,
    bodies,
    kernels_of,
    loops,
)
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.target import target
from lamina.errors import EngineError
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.types import Extent, TensorType, bool_, float16, float32
from lamina.reference import interpreter
from lamina.rewrite import simplify
from lamina.settings import settings

N = Extent.symbol("n")


def _x(*shape: object, dtype: object = float32, name: str = "x") -> Node:
    return parameter(TensorType(tuple(shape), dtype), name)  # type: ignore[arg-type]


def kernels(graph: Graph) -> list[Kernel]:
    return kernels_of(stages_of(simplify(graph), {}).program.statements)


def check(graph: Graph, rows: int = 5) -> None:
    """The llvm engine computes what the reference does."""
    rng = np.random.default_rng(0)
    shapes = [tuple(rows if d is N else d for d in p.shape) for p in graph.parameters]
    pairs = zip(shapes, graph.parameters, strict=True)
    arrays = [(rng.standard_normal(s) / 8).astype(p.dtype.storage) for s, p in pairs]
    wanted = interpreter.run(graph, arrays)
    for threads in (1, 2):
        with settings(cache=False, threads=threads):
            found = engine("llvm").compile(graph, {})(arrays)
        for want, got in zip(wanted, found, strict=True):
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)


def _part(x: Node, first: int, last: int) -> Node:
    begin, end = (0, first), (x.shape[0], last)
    return ops.slice(x, start_indices=begin, limit_indices=end, strides=(1, 1))


def _gates() -> Graph:
    """Four parts of one array, each through a different function, and their combination."""
    x, c = _x(N, 64), _x(N, 16, name="c")
    functions = (ops.logistic, ops.logistic, ops.tanh, ops.logistic)
    i, f, g, o = (fn(_part(x, 16 * k, 16 * k + 16)) for k, fn in enumerate(functions))
    state = ops.add(ops.multiply(f, c), ops.multiply(i, g))
    return Graph([x, c], [i, f, g, o, state, ops.multiply(o, ops.tanh(state))], "gates")


def _together() -> Graph:
    """A concatenation of parts that cost something."""
    x = _x(N, 16)
    parts = [ops.tanh(x), ops.multiply(x, x), ops.exponential(x)]
    return Graph([x], [ops.concatenate(*parts, dimension=1)], "together")


def _several_sums() -> Graph:
    """Two sums over the same elements, of which the second reads what the first also needs."""
    x = _x(N, 300)
    squares = ops.reduce(ops.multiply(x, x), kind="sum", dimensions=(1,))
    return Graph([x], [ops.reduce(x, kind="sum", dimensions=(1,)), squares], "several_sums")


@pytest.mark.parametrize("make", [_gates, _together, _several_sums])
def test_operations_over_the_same_points_are_one_kernel(make: Callable[[], Graph]) -> None:
    graph = make()
    assert len(kernels(graph)) == 1
    check(graph)


def test_a_value_rounded_in_memory_is_read_back() -> None:
    x = _x(N, 40)
    y = ops.convert(ops.exponential(x), dtype=float16)
    graph = Graph([x], [y, ops.log(ops.convert(y, dtype=float32))], "rounded")
    check(graph)


def test_a_kernel_reads_elsewhere_only_what_an_earlier_one_wrote() -> None:
    x = _x(20, 20)
    y = ops.tanh(x)
    turned = ops.add(ops.transpose(y, permutation=(1, 0)), y)
    graph = Graph([x], [y, turned], "turned")
    check(graph)


def test_pieces_of_unequal_length() -> None:
    x, y = _x(N, 24), _x(N, 8, name="y")
    graph = Graph([x, y], [ops.concatenate(ops.tanh(x), ops.exponential(y), dimension=1)], "parts")
    assert len(kernels(graph)) == 1
    check(graph)


def test_light_values_are_computed_where_they_are_read() -> None:
    """A product whose result is summed as it is, and times something else: one array is stored."""
    x, w, z = _x(N, 16), _x(16, 24, name="w"), _x(N, 24, name="z")
    y = ops.dot_general(x, w, lhs_contracting_dimensions=(1,), rhs_contracting_dimensions=(0,))
    sums = [ops.reduce(v, kind="sum", dimensions=(0,)) for v in (y, ops.multiply(y, z))]
    graph = Graph([x, w, z], sums, "light")
    first, *_ = kernels(graph)
    assert len(first.nest.stores) == 1
    check(graph, rows=50)


def _convolved(x: Node, w: Node) -> Node:
    """A 3x3 convolution with a border of one."""
    specs = {"lhs_spec": (0, 3, 1, 2), "rhs_spec": (3, 2, 0, 1), "out_spec": (0, 3, 1, 2)}
    once = {"window_strides": (1, 1), "lhs_dilation": (1, 1), "rhs_dilation": (1, 1)}
    groups = {"feature_group_count": 1, "batch_group_count": 1}
    return ops.convolution(x, w, **specs, **once, **groups, padding=((1, 1), (1, 1)))


@pytest.mark.parametrize("read_again", [False, True])
def test_a_padded_operand_of_a_convolution_is_stored_inside_its_halo(read_again: bool) -> None:
    """And others read it there, as a whole or along an axis."""
    x, w = _x(N, 16, 16, 16), _x(3, 3, 16, 16, name="w")
    inner = _convolved(x, w)
    results = [_convolved(inner, w)]
    if read_again:
        results += [ops.reduce(inner, kind="sum", dimensions=(1, 2)), ops.tanh(inner)]
    graph = Graph([x, w], results, "bordered")
    padded = [k for k in kernels(graph) if any(e.kind == "guard" for e in walk(k.nest.roots()))]
    assert len(padded) == 1  # a copy of x, which is not the program's own
    with settings(check=True):
        check(graph, rows=3)


def test_operands_of_library_code_are_contiguous() -> None:
    """Sorting reads memory in its order, so a value that it reads has no border around it."""
    x, w = _x(N, 16, 16, 16), _x(3, 3, 16, 16, name="w")
    inner = _convolved(x, w)
    ordered = ops.elements(ops.sort(inner, dimension=3))
    graph = Graph([x, w], [_convolved(inner, w), *ordered], "sorted")
    check(graph, rows=3)


# ---- rules that no network reaches, on nests written by hand ------------------------------------
def test_two_unrolled_loops_of_one_symbolic_stride_have_separate_addresses():
    rows, columns, maker = Var("i", 2), Var("j", 2), ExprBuilder()
    stride, offset = Extent.symbol("stride"), of(rows) * 2 + of(columns)
    value = maker.load(Buffer(1, float32), of(rows) * stride + of(columns) * stride)
    nest = Nest(NestKind.MAP, [rows, columns], stores=[Store(Buffer(0, float32), offset, value)])
    schedule = Schedule((rows, columns), None, 1, {rows: 2, columns: 2})
    module, sizes = emit(nest, schedule, "kernel", buffers=2)
    assert sizes == ["stride"]
    library = toolchain.link([toolchain.compile_object(str(module))], ["kernel"])
    found, given = np.zeros(4, np.float32), np.arange(9, dtype=np.float32)
    arguments = [found.ctypes.data, given.ctypes.data, 3, 0, 1]
    types = [ctypes.c_void_p] * 2 + [ctypes.c_int64] * 3
    ctypes.CFUNCTYPE(None, *types)(library.address("kernel"))(*arguments)
    assert found.tolist() == [0, 3, 3, 6]


def test_a_padded_buffer_is_as_large_as_its_outermost_axis_for_every_size():
    batch, time = Extent.symbol("batch"), Extent.symbol("time")
    shape, strides = (time, batch, 4), (4, time * 4, 1)  # batch-major memory of (time, batch, 4)
    assert Slot(shape, float32, strides=strides).bytes == batch * time * 16
    typical = Extent.symbol("rows")  # larger than 100 only if the size is known at run time
    slot = Slot((typical, 100), float32, strides=(128, 1))
    assert slot.bytes == typical * 128 * 4
    with pytest.raises(EngineError, match="no axis spans all others"):
        _ = Slot((batch, time), float32, strides=(1, 1)).bytes


def test_a_kernel_keeps_its_annotations_when_its_guards_are_cut():
    loop, maker = Var("i", 32), ExprBuilder()
    source = maker.load(Buffer(1, float32), of(loop))
    value = maker.guard(((of(loop), 0, 16),), source, maker.constant(0, float32))
    store = Store(Buffer(0, float32), of(loop), value)
    nest = Nest(NestKind.MAP, [loop], stores=[store])
    kernel = Kernel(nest, [Slot((32,), float32), Slot((32,), float32)], halo=True)
    cut = split_at_guards(kernel, target().costs)
    assert len(cut.nest.stores) == 2 and cut.halo


def test_loops_and_leaves_are_found_inside_every_kind_of_statement():
    inner = Loop(3, Counter())
    condition = Slot((), bool_)
    for around in (
        Loop(2, Counter(), [inner]),
        RowTile([inner], 8, 2, {}),
        While(condition, [], [inner]),
        If(condition, [], [inner]),
    ):
        assert inner in loops([around])
        assert [item for body in bodies(around) for item in body] == [inner]
