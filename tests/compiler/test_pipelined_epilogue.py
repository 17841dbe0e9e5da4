"""Pipelined epilogues: the update of several arrays runs during the reduction of the next tile."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm.target.machine import machine
from lamina.fuzz.check import everything_threaded, short_sums
from lamina.settings import settings

ROWS = [1, 3, 8, 9, 40, 41]
TERMS = [0, 1, 2, 15, 16, 17, 33, 130]


def step(x, g, w, m, v, rate):
    gradient = lm.matmul(lm.transpose(x), g)
    m2 = m + (gradient - m) * 0.1
    v2 = v + (gradient * gradient - v) * 0.001
    return w - rate * m2 / (lm.sqrt(v2) + 1e-7), m2, v2


def arguments(terms, rows, columns, dtype="float32"):
    rng = np.random.default_rng(terms + rows)
    shapes = [(terms, rows), (terms, columns), *[(rows, columns)] * 3, ()]
    arrays = [rng.uniform(0.1, 1, shape).astype(dtype) for shape in shapes]
    return [lm.asarray(a) for a in arrays]


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pipelined_epilogue_updates_every_row_once(rows, dtype):
    columns = 4 * machine().lanes(32)
    f = lm.compile(step)
    for terms in TERMS:
        given = arguments(terms, rows, columns, dtype)
        found = []
        for threads in (1, 2, 3):
            with settings(threads=threads):
                found.append([r.numpy() for r in f(*given)])
        close = 2e-5 if dtype == "float32" else 1e-12
        for results in zip(*found, step(*given), strict=True):
            for result in results[1:3]:
                np.testing.assert_array_equal(results[0], result)
            np.testing.assert_allclose(results[0], np.asarray(results[3]), rtol=close, atol=close)


def test_blocks_of_sums_do_not_depend_on_whether_an_epilogue_is_pending():
    """A thread's first tile has no epilogue to run, the tile of the same rows on one thread has."""
    given = arguments(33, 40, 4 * machine().lanes(32))
    found = []
    with everything_threaded(True), short_sums(True):
        for threads in (1, 2, 3, 5):
            with settings(threads=threads, cache=False):
                found.append([r.numpy() for r in lm.compile(step)(*given)])
    for results in zip(*found, strict=True):
        for result in results[1:]:
            np.testing.assert_array_equal(results[0], result)


@pytest.mark.parametrize("columns", [1, 10, 16, 33, 64])
def test_a_pipelined_epilogue_updates_any_number_of_columns_in_place(columns):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 37)), rng.normal(size=(70, columns))
    kept = []
    for engine, threads in (("llvm", 1), ("llvm", 2), ("numpy", 1)):
        with settings(engine=engine, threads=threads):
            lm.keras.utils.set_random_seed(3)
            model = lm.keras.Sequential([lm.keras.layers.Dense(columns)])
            model.compile(optimizer="adam", loss="mse")
            model.fit(x, y, batch_size=23, epochs=3, verbose=0, seed=1)
            kept.append(model.get_weights())
    for one, two, reference in zip(*kept, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_allclose(one, reference, atol=2e-6)


def test_only_memory_bound_epilogues_are_pipelined():
    columns = 4 * machine().lanes(32)
    told = lm.inspect.kernels(lm.compile(step), *arguments(32, 40, columns))
    assert ", pipelined epilogue" in str(told)
    product = lm.compile(lambda x, g: lm.matmul(lm.transpose(x), g))
    plain = lm.inspect.kernels(product, *arguments(32, 40, columns)[:2])
    assert ", pipelined epilogue" not in str(plain)
