"""Reductions of stacked values: split in two parts, and without iterations that are zero."""

from dataclasses import replace

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm import pipeline
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.statements import leaves
from lamina.engines.llvm.target.target import host, using
from lamina.fuzz.check import check, eager_target, everything_threaded
from lamina.fuzz.generate import generate
from lamina.ir import types
from lamina.ir.types import Extent, TensorType
from lamina.rewrite import simplify
from lamina.settings import settings
from lamina.transforms.compiling import build
from lamina.transforms.tracing import record

UNITS, ITERATIONS = 32, 6
rng = np.random.default_rng(4)
WEIGHTS = (rng.normal(size=(UNITS, UNITS)) / 8).astype(np.float32)


@pytest.fixture(autouse=True)
def _on_all_threads():
    with settings(cache=False), everything_threaded(True):
        yield


def last_state(weights, x, start, reverse=False):
    """The last state of a plain recurrent network; x is (batch, time, units)."""

    def turn(h, z):
        h = lm.tanh(lm.matmul(h, weights) + z)
        return h, h

    return lm.scan(turn, start, lm.transpose(x, (1, 0, 2)), reverse=reverse)[0]


def gradient(reverse=False, start=0.0):
    """Of the recurrent weights: a reduction over iterations and rows."""

    def f(x):
        begin = lm.full((x.shape[0], UNITS), start)
        of = lm.grad(lambda w: lm.sum(lm.square(last_state(w, x, begin, reverse))))
        return of(lm.asarray(WEIGHTS))

    return f


def recorded(f):
    return record(
        f, [TensorType((Extent.symbol("batch"), ITERATIONS, UNITS), types.dtype("float32"))], "f"
    )


def split_reductions(made):
    """Return the kernels with a split reduction, and the iterations of each."""
    program = pipeline.stages_of(simplify(made.graph), {}).program
    kernels = [
        k for k in leaves(program.statements) if isinstance(k, Kernel) and k.nest.split_reduction
    ]
    static = [
        int(
            np.prod(
                [int(v.extent) for v in k.nest.reductions if v is not k.nest.split_reduction.row]
            )
        )
        * (1 if k.nest.sequential_outer is None else int(k.nest.sequential_outer.extent))
        for k in kernels
    ]
    return kernels, static


VARIANTS = {
    "from zeros": (gradient(), ITERATIONS - 1),
    "from zeros, backwards": (gradient(reverse=True), ITERATIONS - 1),
    "from ones": (gradient(start=1.0), ITERATIONS),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_reductions_of_stacked_values_are_split_and_skip_the_zero_iteration(name):
    kernels, iterations = split_reductions(recorded(VARIANTS[name][0]))
    assert len(kernels) == 1
    assert iterations == [VARIANTS[name][1]]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("batch", [1, 2, 3, 8, 17, 33, 64])
def test_split_reductions_give_equal_bits_on_any_number_of_threads(name, batch):
    made = recorded(VARIANTS[name][0])
    f = build(made, "")
    x = np.random.default_rng(batch).normal(size=(batch, ITERATIONS, UNITS)).astype(np.float32)
    with settings(engine="numpy"):
        expected = VARIANTS[name][0](lm.asarray(x)).numpy()
    found = []
    for threads in (1, 2, 3, 4, 5, 2):
        with settings(threads=threads):
            found.append(f([x, *made.captured])[0].copy())
    np.testing.assert_allclose(found[0], expected, rtol=2e-4, atol=1e-4)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


def narrow(x, scale):
    """A sum of which one factor is equal in both halves; 28 iterations of one unit."""
    z = lm.transpose(lm.sum(x, axis=2, keepdims=True), (1, 0, 2))
    start = lm.ones((x.shape[0], 1))
    h = lm.scan(lambda h, v: (lm.tanh(h * 0.5 + v),) * 2, start, z)[1]
    return lm.einsum("tbu,bti->ui", h * scale, x)


@pytest.mark.parametrize("batch", [1, 2, 3, 17, 33])
def test_no_part_of_a_split_reduction_reads_a_row_past_the_end(batch):
    inputs = [
        TensorType((Extent.symbol("batch"), 28, 3), types.float32),
        TensorType((1,), types.float32),
    ]
    made = record(narrow, inputs, "narrow")
    f = build(made, "")
    x = rng.normal(size=(batch + 1, 28, 3)).astype(np.float32)
    x[batch] = np.nan  # past the end
    scale = np.ones(1, np.float32)
    with settings(engine="numpy"):
        expected = narrow(lm.asarray(x[:batch]), lm.asarray(scale)).numpy()
    for threads in (1, 2, 3):
        with settings(threads=threads):
            found = f([x[:batch], scale, *made.captured])[0]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_few_rows_of_a_known_number_are_split_in_blocks(rows, iterations):
    """Each part has one row, or each block one iteration: loops of one iteration."""
    inputs = [TensorType((rows, iterations, 3), types.float32), TensorType((1,), types.float32)]
    made = record(narrow, inputs, "narrow")
    x = rng.normal(size=(rows, iterations, 3)).astype(np.float32)
    scale = np.ones(1, np.float32)
    with settings(engine="numpy"):
        expected = narrow(lm.asarray(x), lm.asarray(scale)).numpy()
    eager = replace(host(), costs=replace(host().costs.eager(), serial=0, block_least=1))
    with using(eager), settings(check=True, threads=2):
        found = build(made, "")([x, scale, *made.captured])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_two_known_rows_of_a_recurrent_gradient_are_split_and_coalesced():
    """A random program in which a split loop of one iteration disappeared."""
    case = generate("interpreted:159", most=12)
    with using(eager_target(case.seed)):
        assert check(case, threads=(1, 2)) is None
