"""Rows that a program computes separately: padded, so that a short last batch compiles nothing."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax
from lamina import layers
from lamina.engines import engine
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32
from small_networks import KINDS

pytestmark = needs_jax
N = Extent.symbol("n")
SPECS = [lm.Spec(("n", 3))]


@pytest.fixture(autouse=True)
def _on_xla():
    with lm.settings(engine="xla", cache=False):
        yield


def sizes_compiled(program):
    """Numbers of rows for which a compiled function or its executable has programs."""
    if isinstance(program, lm.transforms.compiling.Compiled):
        ((_, program),) = program._programs.values()
    return sorted(key[1][0] for key in program._programs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_last_batch_of_predict_runs_in_the_program_of_the_others(kind):
    shape, parts = KINDS[kind]()
    model = lm.Sequential([lm.Input(shape), *parts])
    x = np.random.default_rng(0).normal(size=(20, *shape)).astype("f")
    found = model.predict(x, batch_size=16, verbose=0)
    (program,) = model._predictor._programs._programs.values()
    assert sizes_compiled(program._executable) == [16]
    with lm.settings(engine="llvm"):
        np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-5)


def test_few_rows_do_not_run_in_a_program_of_many():
    f = lm.compile(lambda x: lm.exp(x), signature=SPECS)
    rng = np.random.default_rng(0)
    for n in (100, 13, 12, 1, 3, 0, 90, 100):
        x = rng.normal(size=(n, 3)).astype("f")
        np.testing.assert_allclose(f(x), np.exp(x), rtol=1e-6)
    assert sizes_compiled(f) == [0, 1, 16, 100]


def test_results_of_padded_rows_own_their_memory():
    f = lm.compile(lambda x: (x + 1, lm.sum(x, axis=1), lm.swapaxes(x, 0, 1)), signature=SPECS)
    f(np.zeros((8, 3), "f"))
    added, summed, turned = (t.numpy() for t in f(np.ones((5, 3), "f")))
    assert (added.shape, summed.tolist(), turned.shape) == ((5, 3), [3] * 5, (3, 5))


TABLE = np.arange(12, dtype="f").reshape(4, 3)
SEPARATE = {
    "elementwise": lambda x: lm.tanh(x) * 2 - x,
    "a product": lambda x: x @ lm.asarray(TABLE.T),
    "a reduction of other axes": lambda x: lm.argmax(x, axis=1),
    "a sort of other axes": lambda x: lm.sort(x, axis=1),
    "a lookup": lambda x: lm.take(lm.asarray(TABLE), lm.abs(x[:, 0]).astype("int32") % 4, axis=0),
    "a batched product": lambda x: lm.einsum("bi,bj->bij", x, x),
    "a loop over another axis": lambda x: lm.cumsum(x, axis=1),
    "a scan": lambda x: lm.scan(lambda c, e: (c * e, c), lm.ones_like(x[:, 0]), x.T)[1],
    "other columns": lambda x: lm.concatenate([x[:, 1:], lm.flip(x, axis=1)], axis=1),
    "a branch": lambda x: lm.cond(lm.asarray(True), lambda x: x + 1, lambda x: x, x),
}
MIXED = {
    "a mean": lambda x: x - lm.mean(x, axis=0),
    "a sum": lambda x: lm.sum(x),
    "products of rows": lambda x: x @ x.T,
    "the number of rows": lambda x: x / x.shape[0],
    "a reversal": lambda x: lm.flip(x, axis=0),
    "a sort": lambda x: lm.sort(x, axis=0),
    "a running sum": lambda x: lm.cumsum(x, axis=0),
    "neighbors": lambda x: x + lm.roll(x, 1, axis=0),
    "rows by number": lambda x: lm.take(x, lm.asarray([-1, 0]), axis=0),
    "rows as columns": lambda x: lm.reshape(x, (3, -1)),
    "rows merged": lambda x: lm.reshape(x, (-1,)),
    "a scan over rows": lambda x: lm.scan(lambda c, e: (c + e, c), lm.zeros(3), x)[1],
    "a loop until rows agree": lambda x: lm.while_loop(lambda x: lm.max(x) < 4, lambda x: x + 1, x),
}


@pytest.mark.parametrize("name", [*SEPARATE, *MIXED])
def test_rows_are_padded_only_if_each_is_computed_separately(name):
    f = lm.compile({**SEPARATE, **MIXED}[name], signature=SPECS)
    rng = np.random.default_rng(1)
    for n in (8, 7):
        x = rng.normal(size=(n, 3)).astype("f")
        found = f(x)
        with lm.settings(engine="numpy"):
            np.testing.assert_allclose(found, f(x), atol=1e-6)
    ((_, executable), _) = f._programs.values()
    assert sizes_compiled(executable) == ([8] if name in SEPARATE else [7, 8])


def test_a_draw_of_leading_rows_is_the_same_in_a_larger_program():
    key = parameter(TensorType((2,), lm.uint32), "key")
    x = parameter(TensorType((N, 3), float32), "x")
    bits = ops.rng_bit_generator(key, shape=(N, 3))
    graph = Graph([x, key], [ops.add(x, ops.convert(bits, dtype=float32))])
    program, reference = (engine(name).compile(graph, {}) for name in ("xla", "numpy"))
    for n in (8, 5):
        arrays = [np.zeros((n, 3), "f"), np.array([1, 2], np.uint32)]
        np.testing.assert_array_equal(program(arrays)[0], reference(arrays)[0])
    assert sizes_compiled(program) == [8]
    turned = Graph([x, key], [ops.rng_bit_generator(key, shape=(3, N))])
    program, reference = (engine(name).compile(turned, {}) for name in ("xla", "numpy"))
    for n in (8, 5):
        arrays = [np.zeros((n, 3), "f"), np.array([1, 2], np.uint32)]
        np.testing.assert_array_equal(program(arrays)[0], reference(arrays)[0])


def test_a_convolution_and_a_pooling_keep_rows_separate():
    lm.set_seed(0)
    model = lm.Sequential(
        [lm.Input((6, 6, 2)), layers.Conv2D(3, 3), layers.AveragePooling2D(), layers.Flatten()]
    )
    x = np.random.default_rng(0).normal(size=(9, 6, 6, 2)).astype("f")
    whole = model.predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(x[:7], verbose=0), whole[:7], atol=1e-6)
