"""The first and the last turn of a loop; what is fetched for the next; rows of threads' own from
one loop to another; memory with gaps."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.engines.llvm import pipeline
from lamina.engines.llvm.items import Loop, Strip, leaves, loops
from lamina.ir.types import Extent, TensorType, float32
from lamina.rewrite import simplify
from lamina.settings import settings
from lamina.transforms.compiling import build
from lamina.transforms.loops import scan
from lamina.transforms.tracing import record

UNITS = 64  # 256 columns: a kilobyte, so that memory lies with gaps and weights in panels
rng = np.random.default_rng(1)
RECURRENT = lm.asarray(rng.normal(size=(UNITS, 4 * UNITS)).astype(np.float32) / 16)
KERNEL = lm.asarray(rng.normal(size=(5, 4 * UNITS)).astype(np.float32) / 4)


def cell(h, x, recurrent):
    z = x + lm.matmul(h, recurrent)
    a, b, c, d = (z[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
    return lm.tanh(a) * lm.sigmoid(b) + lm.sin(c) * 0.5 * lm.sigmoid(d)


def network(x, recurrent=RECURRENT, start=0.0, reverse=False):
    """The last state of each sequence of x (batch, time, 5), and all of them."""
    batch = x.shape[0]
    given = lm.transpose(lm.matmul(x, KERNEL), (1, 0, 2))
    h = lm.broadcast_to(lm.asarray(np.float32(start)), (batch, UNITS))

    def turn(h, z):
        h = cell(h, z, recurrent)
        return h, h

    return scan(turn, h, given, reverse=reverse)


def loss(x, recurrent):
    return lm.mean(lm.sin(network(x, recurrent)[0]))


# What is computed of x; whether the first turn has a product less, the last a kernel less.
PROGRAMS = {
    "zeros": (lambda x: network(x), True, False),
    "from the end": (lambda x: network(x, reverse=True), True, False),
    "ones": (lambda x: network(x, start=1.0), False, False),
    "a loss": (lambda x: loss(x, RECURRENT), True, False),
    "its gradient": (lambda x: lm.grad(loss, argnums=1)(x, RECURRENT), True, True),
    "gradient of x": (lambda x: lm.grad(loss, argnums=0)(x, RECURRENT), True, True),
}


def recorded(program, turns):
    return record(program, [TensorType((Extent.symbol("batch"), turns, 5), float32)], "f")


def sequences(batch, turns):
    return np.random.default_rng(batch).normal(size=(batch, turns, 5)).astype(np.float32)


def staged(name):
    made = recorded(PROGRAMS[name][0], 6)
    return pipeline.stages_of(simplify(made.graph), {}).program.items


@pytest.mark.parametrize("name", PROGRAMS)
def test_products_with_zeros_and_what_nobody_reads_are_left_out(name):
    _, first, last = PROGRAMS[name]
    kernels = [k for k in leaves(staged(name)) if hasattr(k, "nest")]
    assert any(k.at_first is not None for k in kernels) is first
    assert any(k.not_at_last for k in kernels) is last


@pytest.mark.parametrize("turns", [1, 2, 7])
@pytest.mark.parametrize("name", PROGRAMS)
def test_any_number_of_threads_rows_and_turns_gives_the_same(name, turns):
    program = PROGRAMS[name][0]
    made = recorded(program, turns)
    f = build(made, "")
    for batch in (1, 5, 8, 17, 40):
        x, found = sequences(batch, turns), []
        for threads in (1, 2, 3, 5):
            with settings(threads=threads):
                for _ in range(2):
                    found.append([r.copy() for r in f([x, *made.captured])])
        with settings(engine="numpy"):
            expected = program(lm.asarray(x))
        expected = expected if isinstance(expected, tuple) else (expected,)
        for results in found:
            for one, other, right in zip(results, found[0], expected, strict=True):
                np.testing.assert_array_equal(one, other)
                np.testing.assert_allclose(one, np.asarray(right), rtol=2e-4, atol=2e-5)


def test_rows_stay_with_their_threads_from_one_loop_to_the_next():
    (region,) = [item for item in staged("its gradient") if isinstance(item, Strip)]
    assert region.step is None
    assert sum(isinstance(item, Loop) for item in region.items) == 2
    backward = [k for loop in loops(region.items) for k in loop.items if k.nest.ahead]
    assert backward, "nothing is fetched ahead"


def models():
    def stacked():
        yield keras.layers.LSTM(64, return_sequences=True)
        yield keras.layers.GRU(64)

    def bidirectional():
        yield keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True))
        yield keras.layers.GlobalAveragePooling1D()

    def after_a_convolution():
        yield keras.layers.Conv1D(32, 3, padding="same", activation="relu")
        yield keras.layers.LSTM(64, dropout=0.2, recurrent_dropout=0.1)

    def masked():
        yield keras.layers.Masking()
        yield keras.layers.LSTM(64)

    def after_pictures():
        yield keras.layers.Reshape((6, 5, 1))
        yield keras.layers.UpSampling2D(4)
        yield keras.layers.Conv2D(16, 3, padding="same", activation="relu")
        yield keras.layers.Conv2D(16, 3, padding="same")
        yield keras.layers.Reshape((24, 320))
        yield keras.layers.SimpleRNN(64)

    return [stacked, bidirectional, after_a_convolution, masked, after_pictures]


@pytest.mark.parametrize("layers", models(), ids=lambda layers: layers.__name__)
def test_recurrent_networks_learn_the_same_on_both_engines(layers):
    x, y = sequences(45, 6), np.random.default_rng(0).integers(0, 3, 45)
    x[::3, 4:] = 0
    kept = []
    for engine, threads in (("llvm", 1), ("llvm", 2), ("llvm", 4), ("numpy", 1)):
        with settings(engine=engine, threads=threads):
            keras.utils.set_random_seed(3)
            model = keras.Sequential([*layers(), keras.layers.Dense(3, activation="softmax")])
            model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=20, epochs=2, verbose=0, seed=1)  # 20, 20 and 5 sequences
            kept.append(model.get_weights())
    for one, two, four, right in zip(*kept, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, four)
        np.testing.assert_allclose(one, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("columns", [16, 256, 512])
def test_what_lies_with_gaps_is_what_it_was(columns):
    """As the right side of a product, whole, in part, turned round and sorted."""
    x = rng.normal(size=(33, columns)).astype(np.float32)
    left = rng.normal(size=(33, 20)).astype(np.float32)

    def f(x, left):
        y = lm.sin(x) * lm.cumsum(x, axis=0)
        product = lm.matmul(lm.transpose(left), y)
        return product, y[3:5], lm.flip(y, axis=1) * 2, lm.sort(y, axis=1), lm.sum(y, axis=0)

    found = lm.compile(f)(lm.asarray(x), lm.asarray(left))
    with settings(engine="numpy"):
        expected = f(lm.asarray(x), lm.asarray(left))
    for one, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), np.asarray(right), rtol=2e-4, atol=2e-4)
