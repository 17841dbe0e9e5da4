"""In-register transposes of maps that read along one loop and write along another."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.pipeline import run_passes, until
from lamina.engines.llvm.program.statements import leaves
from lamina.engines.llvm.target.machine import machine
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32
from lamina.settings import settings


def schedule(shape, permutation):
    x = parameter(TensorType(shape, float32), "x")
    graph = Graph([x], [ops.transpose(x, permutation=permutation)])
    (kernel,) = leaves(run_passes(graph, {}, passes=until("schedule")).statements)
    assert isinstance(kernel, Kernel)
    return kernel.chosen


@pytest.mark.skipif(machine().lanes(32) < 2, reason="the machine has no vectors")
def test_transposes_use_registers_if_squares_fit_the_nest():
    lanes, batch = machine().lanes(32), Extent.symbol("batch")
    found = schedule((batch, 2 * lanes, 4 * lanes), (0, 2, 1))
    assert found.transposed is not None and found.unroll[found.transposed] == lanes
    assert found.order[-2:] == (
        found.vector,
        found.transposed,
    )  # threads share the rows that are read
    assert schedule((batch, 2 * lanes, 4 * lanes + 1), (0, 2, 1)).transposed is None
    assert schedule((3, 2 * lanes, 4 * lanes), (1, 0, 2)).transposed is None


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "int64", "bool"])
def test_an_in_register_transpose_moves_every_element(dtype):
    rng = np.random.default_rng(0)
    x = lm.asarray(rng.integers(-99, 99, (3, 64, 32)).astype(dtype))
    y = lm.asarray(rng.integers(-99, 99, (3, 32, 64)).astype(dtype))

    def f(x, y):
        turned = lm.transpose(x, (0, 2, 1))
        return turned, lm.where(turned == y, turned, y), lm.transpose(lm.flip(x, axis=1), (2, 0, 1))

    found = []
    for threads in (1, 2, 3):
        with settings(threads=threads):
            found.append([r.numpy() for r in lm.compile(f)(x, y)])
    for results in zip(*found, f(x, y), strict=True):
        for result in results[:3]:
            np.testing.assert_array_equal(result, np.asarray(results[3]))
