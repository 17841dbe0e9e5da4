"""Peeled loops, prefetching, parallel regions over several loops, and padded strides."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.engines.llvm import pipeline
from lamina.engines.llvm.program.footprints import row_footprints
from lamina.engines.llvm.program.statements import (
    Loop,
    ParallelRegion,
    Peeled,
    kernels_of,
    leaves,
    loops,
    walk,
)
from lamina.fuzz.check import everything_threaded
from lamina.ir.types import Extent, TensorType, float32
from lamina.rewrite import simplify
from lamina.settings import settings
from lamina.transforms.compiling import build
from lamina.transforms.loops import scan
from lamina.transforms.tracing import record

UNITS = 64  # 256 columns: a kilobyte, so that rows have gaps between them and weights are in panels
rng = np.random.default_rng(1)
RECURRENT = lm.asarray(rng.normal(size=(UNITS, 4 * UNITS)).astype(np.float32) / 16)
KERNEL = lm.asarray(rng.normal(size=(5, 4 * UNITS)).astype(np.float32) / 4)


@pytest.fixture(autouse=True)
def _on_all_threads():
    with settings(cache=False), everything_threaded(True):
        yield


def cell(h, x, recurrent):
    z = x + lm.matmul(h, recurrent)
    a, b, c, d = (z[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
    return lm.tanh(a) * lm.sigmoid(b) + lm.sin(c) * 0.5 * lm.sigmoid(d)


def network(x, recurrent=RECURRENT, start=0.0, reverse=False):
    """The last state of each sequence of x (batch, time, 5), and all of them."""
    batch = x.shape[0]
    given = lm.transpose(lm.matmul(x, KERNEL), (1, 0, 2))
    h = lm.broadcast_to(lm.asarray(np.float32(start)), (batch, UNITS))

    def iteration(h, z):
        h = cell(h, z, recurrent)
        return h, h

    return scan(iteration, h, given, reverse=reverse)


def loss(x, recurrent):
    return lm.mean(lm.sin(network(x, recurrent)[0]))


# Program of x; whether peeling drops a product of the first, a kernel of the last iteration.
PROGRAMS = {
    "zeros": (lambda x: network(x), True, False),
    "from the end": (lambda x: network(x, reverse=True), True, False),
    "ones": (lambda x: network(x, start=1.0), False, False),
    "a loss": (lambda x: loss(x, RECURRENT), True, False),
    "its gradient": (lambda x: lm.grad(loss, argnums=1)(x, RECURRENT), True, True),
    "gradient of x": (lambda x: lm.grad(loss, argnums=0)(x, RECURRENT), True, True),
}


def recorded(program, iterations):
    return record(program, [TensorType((Extent.symbol("batch"), iterations, 5), float32)], "f")


def sequences(batch, iterations):
    return np.random.default_rng(batch).normal(size=(batch, iterations, 5)).astype(np.float32)


def staged(name):
    made = recorded(PROGRAMS[name][0], 6)
    return pipeline.stages_of(simplify(made.graph), {}).program.statements


@pytest.mark.parametrize("name", PROGRAMS)
def test_peeling_skips_products_with_zeros_and_results_that_are_not_read(name):
    _, first, last = PROGRAMS[name]
    peeled = [statement for statement in walk(staged(name)) if isinstance(statement, Peeled)]
    assert any(statement.first for statement in peeled) is first
    assert any(not statement.first for statement in peeled) is last


@pytest.mark.parametrize("iterations", [1, 2, 7])
@pytest.mark.parametrize("name", PROGRAMS)
def test_peeled_loops_agree_with_the_reference_on_any_threads_rows_and_iterations(name, iterations):
    program = PROGRAMS[name][0]
    made = recorded(program, iterations)
    f = build(made, "")
    for batch in (1, 5, 8, 17, 40):
        x, found = sequences(batch, iterations), []
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


def test_forward_and_backward_loop_form_one_parallel_region():
    (region,) = [item for item in walk(staged("its gradient")) if isinstance(item, ParallelRegion)]
    assert sum(isinstance(item, Loop) for item in region.statements) == 2
    backward = [
        k for loop in loops(region.statements) for k in kernels_of([loop]) if k.chosen.prefetches
    ]
    assert backward, "no kernel prefetches"


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

    def after_images():
        yield keras.layers.Reshape((6, 5, 1))
        yield keras.layers.UpSampling2D(4)
        yield keras.layers.Conv2D(16, 3, padding="same", activation="relu")
        yield keras.layers.Conv2D(16, 3, padding="same")
        yield keras.layers.Reshape((24, 320))
        yield keras.layers.SimpleRNN(64)

    return [stacked, bidirectional, after_a_convolution, masked, after_images]


@pytest.mark.parametrize("layers", models(), ids=lambda layers: layers.__name__)
def test_recurrent_networks_train_alike_on_both_engines(layers):
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
def test_padded_strides_do_not_change_values(columns):
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


SQUARE = lm.asarray(rng.normal(size=(UNITS, UNITS)).astype(np.float32) / 8)
FILTERS = lm.asarray(rng.normal(size=(3, UNITS, UNITS)).astype(np.float32) / 15)
STRETCHED = lm.asarray(rng.normal(size=(5, UNITS)).astype(np.float32) / 2)

WIDENED = lm.asarray(rng.normal(size=(5, 512)).astype(np.float32) / 2)
NARROWED = lm.asarray(rng.normal(size=(512, UNITS)).astype(np.float32) / 16)


def states(z, weights=SQUARE):
    """The last state of a plain recurrent network, and all of them; z is (time, batch, units)."""
    start = lm.zeros((z.shape[1], z.shape[2]))
    return scan(lambda h, x: (lm.tanh(lm.matmul(h, weights) + x),) * 2, start, z)


def turned(x):
    return lm.transpose(lm.matmul(x, STRETCHED), (1, 0, 2))


def before_strips(x):
    """A region of a loop, and convolutions over the same rows with much between them."""
    h, _ = scan(
        lambda h, _: (lm.tanh(lm.matmul(h, SQUARE) + 1), None),
        lm.tanh(lm.matmul(lm.mean(x, axis=1), STRETCHED)),
        length=5,
    )
    y = lm.matmul(x, STRETCHED) * h[:, None]
    return lm.nn.conv(lm.nn.conv(y, FILTERS, padding="valid"), FILTERS, padding="valid")


def rows_elsewhere(x):
    """The second loop's input has the form of the first's, but is batch-major."""
    h, _ = states(turned(x))
    second = lm.matmul(lm.sin(lm.matmul(x, STRETCHED) + h[:, None]), SQUARE)
    return states(lm.reshape(second, (x.shape[1], x.shape[0], UNITS)))[0]


def one_sum(x):
    """A product whose sums go along the registers, and what is read at the next iteration."""
    column = SQUARE[:, :1]

    def iteration(h, z):
        return (lm.tanh(lm.sum(lm.sin(lm.matmul(h, column)), axis=1, keepdims=True) + z),) * 2

    return scan(iteration, lm.ones((x.shape[0], UNITS)), turned(x))


def by_iteration(x):
    """Iterations of a wide value are between the rows of other threads."""
    wide = lm.sin(lm.transpose(lm.matmul(x, WIDENED), (1, 0, 2)))
    start = lm.sin(lm.matmul(x[:, 0], STRETCHED))
    given = lm.matmul(wide, NARROWED) + 0.5
    return scan(lambda h, z: (lm.tanh(lm.matmul(h, SQUARE) + z),) * 2, start, given)


OTHERS = {
    "iteration by iteration": (by_iteration, 40),
    "a region and a strip": (before_strips, 200),
    "rows elsewhere": (rows_elsewhere, 40),
    "one sum": (one_sum, 6),
}


@pytest.mark.parametrize("name", OTHERS)
def test_programs_with_loops_give_equal_bits_on_any_number_of_threads(name):
    program, iterations = OTHERS[name]
    made = recorded(program, iterations)
    f = build(made, "")
    for batch in (1, 17, 40, 200):
        x = sequences(batch, iterations)
        with settings(engine="numpy"):
            expected = program(lm.asarray(x))
        expected = expected if isinstance(expected, tuple) else (expected,)
        for threads in (1, 2, 3, 5, 2, 3, 5):
            with settings(threads=threads):
                found = f([x, *made.captured])
            for one, right in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, np.asarray(right), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_only_buffers_with_contiguous_rows_are_displaced_per_thread(name):
    program, iterations = OTHERS[name]
    made = recorded(program, iterations)
    statements = pipeline.stages_of(simplify(made.graph), {}).program.statements
    regions = [item for item in walk(statements) if isinstance(item, ParallelRegion)]
    moved = [slot for region in regions for slot in region.displaced]
    assert moved
    for slot in moved:
        steps = dict(zip(slot.shape, slot.layout, strict=True))
        (row,) = [step for extent, step in steps.items() if not isinstance(extent, int)]
        assert all(isinstance(step, int) and step <= row for step in slot.layout)


def test_a_region_reuses_memory_only_between_equal_row_layouts():
    made = recorded(rows_elsewhere, 40)
    program = pipeline.stages_of(simplify(made.graph), {}).program
    regions = [item for item in walk(program.statements) if isinstance(item, ParallelRegion)]
    assert regions
    for region in regions:
        assert row_footprints({k: k.row_loop for k in leaves([region])}) is not None


def stack(x, units=256):
    weights = lm.asarray(np.random.default_rng(2).normal(size=(units, units)) / 16, "float32")
    start = lm.zeros((units,))
    return scan(lambda h, z: (lm.tanh(lm.matmul(h, weights) + z),) * 2, start, x)[1]


def sorted_turns(x):
    z = lm.sin(lm.reshape(lm.concatenate([x, x + 1, x * 2, x - 1], axis=0), (5, 8, 256)))
    return scan(lambda h, v: (lm.tanh(h + lm.sort(v, axis=-1)), h), lm.zeros((8, 256)), z)[1]


# Values with padded strides, written or read one iteration at a time.
GAPS = {
    "slices of a stack": lambda x: lm.sin(stack(x)[3]) + stack(x)[7],
    "a product of a stack": lambda x: lm.matmul(lm.transpose(x[:, :7]), stack(x)),
    "read by both": lambda x: (lm.matmul(x[:, :10], lm.sin(x)), stack(lm.sin(x))),
    "sorted": sorted_turns,
}


@pytest.mark.parametrize("name", GAPS)
def test_a_loop_reads_slices_of_values_with_padded_strides(name):
    x = lm.asarray(np.random.default_rng(3).normal(size=(10, 256)).astype(np.float32))
    found = lm.compile(GAPS[name])(x)
    with settings(engine="numpy"):
        expected = GAPS[name](x)
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    for one, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), np.asarray(right), rtol=2e-4, atol=2e-4)


def test_profile_counts_the_kernels_of_the_program_that_it_runs():
    """Work that moves out of a loop makes more kernels than the recorded graph has."""
    signature = (lm.Spec(("batch", "time", 5)), lm.Spec(RECURRENT.shape))
    gradient = lm.compile(lm.grad(loss, (0, 1)), signature=signature)
    assert lm.inspect.profile(gradient, lm.ones((40, 6, 5)), RECURRENT, seconds=0.01).rows
