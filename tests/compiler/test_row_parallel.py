"""Row-parallel loops: each thread runs all iterations on its own rows of the batch."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm.pipeline import run_passes, until
from lamina.engines.llvm.program.footprints import Footprints
from lamina.engines.llvm.program.row_parallel import independent_rows
from lamina.engines.llvm.program.statements import loops
from lamina.ir.types import Extent, TensorType, float32
from lamina.settings import settings
from lamina.transforms.compiling import build
from lamina.transforms.loops import scan
from lamina.transforms.tracing import record

BATCHES = [1, 7, 8, 15, 16, 17, 24, 31, 33, 64, 100]
UNITS = 32
WEIGHTS = lm.asarray(np.random.default_rng(1).normal(size=(UNITS, UNITS)).astype(np.float32) / 8)

# The body of an iteration; whether each of its rows needs that row alone.
BODIES = {
    "product": (lambda h, x: lm.tanh(h @ WEIGHTS + x), True),
    "two products": (lambda h, x: lm.tanh((lm.sin(h @ WEIGHTS) + x) @ WEIGHTS), True),
    "softmax": (lambda h, x: lm.softmax(h @ WEIGHTS + x), True),
    "map": (lambda h, x: lm.sin(h) * 0.5 + x, True),
    "turned round": (lambda h, x: lm.tanh(lm.flip(h, axis=1) @ WEIGHTS + x), True),
    "upside down": (lambda h, x: lm.tanh(lm.flip(h, axis=0) @ WEIGHTS + x), False),
    "centred": (lambda h, x: lm.tanh(h @ WEIGHTS + x - lm.mean(h, axis=0)), False),
    "first row": (
        lambda h, x: lm.tanh(h @ WEIGHTS + x * lm.take(h, lm.zeros((1,), dtype="int32"), axis=0)),
        False,
    ),
}


def loop(body):
    def f(h, xs):
        return scan(lambda h, x: (body(h, x), h * 2), h, xs)

    return f


def recorded(body):
    batch = Extent.symbol("batch")
    types = [TensorType((batch, UNITS), float32), TensorType((9, batch, UNITS), float32)]
    return record(loop(body), types, "f")


def given(batch):
    rng = np.random.default_rng(batch)
    h, xs = rng.normal(size=(batch, UNITS)), rng.normal(size=(9, batch, UNITS))
    return [h.astype(np.float32), xs.astype(np.float32)]


@pytest.mark.parametrize("name", BODIES)
def test_a_loop_is_row_parallel_only_if_its_rows_are_independent(name):
    body, alone = BODIES[name]
    program = run_passes(recorded(body).graph, {}, passes=until("schedule"))
    (found,) = loops(program.statements)
    assert bool(independent_rows(found.statements, Footprints())) is alone


@pytest.mark.parametrize("name", BODIES)
def test_row_parallel_loops_give_equal_bits_on_any_number_of_threads_and_rows(name):
    body, _ = BODIES[name]
    program = recorded(body)
    f = build(program, "")
    for batch in BATCHES:
        found = []
        for threads in (1, 2, 3, 5):
            with settings(threads=threads):
                for _ in range(3):
                    found.append([r.copy() for r in f([*given(batch), *program.captured])])
        with settings(engine="numpy"):
            expected = loop(body)(*map(lm.asarray, given(batch)))
        for results in found:
            for one, other, right in zip(results, found[0], expected, strict=True):
                np.testing.assert_array_equal(one, other)
                np.testing.assert_allclose(one, np.asarray(right), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_networks_train_to_equal_bits_on_any_number_of_threads(kind):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(150, 11, 5)), rng.integers(0, 3, 150)
    kept = []
    for threads in (1, 2, 3):
        with settings(threads=threads):
            lm.keras.utils.set_random_seed(3)
            recurrent = getattr(lm.keras.layers, kind)(24)
            model = lm.keras.Sequential([recurrent, lm.keras.layers.Dense(3, "softmax")])
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=40, epochs=3, verbose=0, seed=1)  # 40, 40, 40 and 30 rows
            kept.append(model.get_weights())
    for one, two, three in zip(*kept, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
