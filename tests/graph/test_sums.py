"""Sums of many terms: close to float64 on both engines, and the same bits on any number of threads.

The numbers are such that float32 sums of one term after the other are wrong in most of the cases.
"""

import numpy as np
import pytest

import lamina as lm
from lamina.keras import ops

CLOSE = 1e-6  # relative: plain sums of the same terms are wrong by 1e-5 to 1e-3
PROMISED = 1024 * 2.0**-24  # relative: terms of one sign, of which at most 1024 are added at a time

# shape, axes
ARRANGEMENTS = {
    "first axis": ((400_000, 2), 0),
    "first axis of many columns": ((100_000, 65), 0),
    "only axis": ((1_000_003,), 0),
    "all axes": ((40, 250, 101), None),
    "last axis": ((3, 400_001), 1),
    "middle axis": ((2, 200_000, 3), 1),
    "leading axes": ((40, 50, 60, 3), (0, 1, 2)),
    "outer axes": ((1500, 4, 300), (0, 2)),
    "trailing axes": ((3, 700, 701), (1, 2)),
}
FUNCTIONS = {"sum": np.sum, "mean": np.mean, "var": np.var, "std": np.std}


def numbers(*shape):
    """Terms of one sign and some spread, such as temperatures in kelvin."""
    return np.random.default_rng(0).uniform(250, 320, shape).astype(np.float32)


def relative(found, expected):
    """The greatest error relative to a float64 value."""
    return float(np.max(np.abs(np.asarray(found, np.float64) - expected) / np.abs(expected)))


def one_by_one(x, axes):
    """The float32 sum along axes, one term after the other."""
    kept = [d for d in range(x.ndim) if axes is not None and d not in np.atleast_1d(axes)]
    columns = x.transpose([d for d in range(x.ndim) if d not in kept] + kept)
    columns = columns.reshape(-1, *(x.shape[d] for d in kept))
    return np.cumsum(columns, axis=0, dtype=np.float32)[-1]


def on_threads(f, *given):
    """The result of a compiled function, after a check that threads do not change its bits."""
    found = []
    for threads in (1, 3):
        with lm.settings(threads=threads):
            found.append(f(*given).numpy())
    np.testing.assert_array_equal(found[0], found[1])
    return found[0]


def symbolic(f, *shapes):
    """f compiled for any size of the axes that are named."""
    return lm.compile(f, signature=[lm.Spec(shape, "float32") for shape in shapes])


@pytest.mark.parametrize("place", ARRANGEMENTS)
def test_plain_float32_sums_of_these_numbers_are_wrong(place):
    shape, axes = ARRANGEMENTS[place]
    x = numbers(*shape)
    assert relative(one_by_one(x, axes), np.sum(x, axes, dtype=np.float64)) > 4 * CLOSE


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("place", ARRANGEMENTS)
def test_reductions_of_many_terms_are_close_to_float64(place, name):
    shape, axes = ARRANGEMENTS[place]
    x = numbers(*shape)
    expected = FUNCTIONS[name](x.astype(np.float64), axis=axes)

    def f(x):
        return getattr(lm, name)(x, axis=axes)

    assert relative(f(lm.asarray(x)).numpy(), expected) < CLOSE
    assert relative(on_threads(lm.compile(f), x), expected) < CLOSE
    named = tuple(f"n{d}" for d in range(len(shape)))
    assert relative(on_threads(symbolic(f, named), x), expected) < CLOSE
    first = ("rows", *shape[1:])
    assert relative(on_threads(symbolic(f, first), x), expected) < CLOSE


@pytest.mark.parametrize("place", ARRANGEMENTS)
def test_sums_of_equal_terms_keep_the_promised_bound(place):
    """The worst case: every rounding goes the same way."""
    shape, axes = ARRANGEMENTS[place]
    x = np.full(shape, 0.1, np.float32)
    expected = np.sum(x, axes, dtype=np.float64)

    def f(x):
        return lm.sum(x, axis=axes)

    assert relative(f(lm.asarray(x)).numpy(), expected) < PROMISED
    assert relative(on_threads(lm.compile(f), x), expected) < PROMISED
    named = tuple(f"n{d}" for d in range(len(shape)))
    assert relative(on_threads(symbolic(f, named), x), expected) < PROMISED


@pytest.mark.parametrize("count", [1, 2, 511, 512, 513, 1023, 1024, 1025, 1536, 2049, 70_001])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_program_for_any_size_sums_short_and_long_axes(count, axis):
    shape = (count, 37) if axis == 0 else (37, count)
    x = numbers(*shape)
    f = symbolic(lambda x: lm.sum(x, axis=axis), ("n", 37) if axis == 0 else (37, "n"))
    assert relative(on_threads(f, x), np.sum(x, axis, dtype=np.float64)) < CLOSE
    both = symbolic(lambda x: lm.sum(x), ("n", "m"))
    assert relative(on_threads(both, x), np.sum(x, dtype=np.float64)) < CLOSE


def test_infinite_and_undefined_terms_show_in_long_sums():
    x = np.ones((100_000, 4), np.float32)
    x[70_000, 1], x[300, 2], x[301, 2], x[99_999, 3] = np.inf, np.inf, -np.inf, np.nan
    expected = np.array([100_000, np.inf, np.nan, np.nan], np.float32)
    for f in (lambda x: lm.sum(x, axis=0), lm.compile(lambda x: lm.sum(x, axis=0))):
        np.testing.assert_array_equal(np.asarray(f(lm.asarray(x))), expected)


def test_long_sums_of_float64_are_added_in_blocks():
    x = np.full((1_000_000, 2), 0.1)
    for f in (lambda x: lm.sum(x, axis=0), lm.compile(lambda x: lm.sum(x, axis=0))):
        assert relative(f(lm.asarray(x)).numpy(), 100_000.0) < 3000 * 2.0**-53


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sums_of_16_bit_floats_are_added_in_float32(dtype):
    x = lm.astype(lm.asarray(np.full((40_000, 2), 0.1, np.float32)), dtype)
    value = float(lm.astype(x[0, 0], "float32"))
    close = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    for f in (lambda x: lm.mean(x, axis=0), lm.compile(lambda x: lm.mean(x, axis=0))):
        assert relative(lm.astype(f(x), "float32").numpy(), value) <= close


# ---- products ----------------------------------------------------------------------------------
ROWS = 300_000

PRODUCTS = {
    "weights": (lambda x, y: lm.matmul(lm.transpose(x), y), (5, 3)),
    "weights of many features": (lambda x, y: lm.matmul(lm.transpose(x), y), (16, 32)),
    "one column": (lambda x, y: lm.matmul(lm.transpose(x), y), (2, 1)),
    "vectors": (lambda x, y: lm.matmul(x[:, 0], y[:, 0]), (1, 1)),
    "ones": (lambda x, y: lm.matmul(lm.broadcast_to(1.0, (1, x.shape[0])), y), (1, 3)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_with_long_contractions_are_close_to_float64(name):
    f, (m, n) = PRODUCTS[name]
    x, y = numbers(ROWS, m), numbers(ROWS, n)
    left = np.ones_like(x) if name == "ones" else x
    expected = np.asarray(left.T.astype(np.float64) @ y.astype(np.float64))
    expected = expected.reshape(np.shape(f(lm.asarray(x[:2]), lm.asarray(y[:2]))))
    assert relative(f(lm.asarray(x), lm.asarray(y)).numpy(), expected) < 2 * CLOSE
    assert relative(on_threads(lm.compile(f), x, y), expected) < 2 * CLOSE
    rows = symbolic(f, ("rows", m), ("rows", n))
    assert relative(on_threads(rows, x, y), expected) < CLOSE


def test_an_update_after_a_long_product_is_close_to_float64():
    """Here the products of a tile are added up while the update of the last one is computed."""
    x, y = numbers(50_000, 24), numbers(50_000, 64)
    weights = np.ones((24, 64), np.float32)

    def step(x, y, w, m, v):
        g = lm.matmul(lm.transpose(x), y)
        m2, v2 = m + (g - m) * 0.5, v + (g * g - v) * 0.5
        return w - m2 / lm.sqrt(v2), m2, v2

    shapes = [("rows", 24), ("rows", 64), *[(24, 64)] * 3]
    f = symbolic(lambda *args: step(*args)[1], *shapes)
    updated = symbolic(lambda *args: lm.concat([lm.ravel(r) for r in step(*args)]), *shapes)
    given = (x, y, weights, weights, weights)
    expected = 0.5 + 0.5 * (x.T.astype(np.float64) @ y.astype(np.float64))
    assert relative(on_threads(f, *given), expected) < CLOSE
    middle = on_threads(updated, *given)[24 * 64 : 2 * 24 * 64].reshape(24, 64)
    assert relative(middle, expected) < CLOSE


# ---- layers and gradients ----------------------------------------------------------------------
def test_the_bias_gradient_of_many_rows_is_close_to_float64():
    x = numbers(200_000, 3)

    def gradient(x):
        return lm.grad(lambda b: lm.sum((x + b) * 1.1))(lm.zeros((3,)))

    expected = np.full(3, 200_000 * float(np.float32(1.1)))
    assert relative(gradient(lm.asarray(x)).numpy(), expected) < PROMISED
    assert relative(on_threads(symbolic(gradient, ("rows", 3)), x), expected) < PROMISED


def test_batch_statistics_and_global_pooling_of_many_pixels_are_close_to_float64():
    x = numbers(24, 96, 97, 2)

    def statistics(x):
        layer = lm.keras.layers.BatchNormalization(momentum=0.0)
        layer(x, training=True)
        return lm.stack([layer.moving_mean.read(), layer.moving_variance.read()])

    wide = x.astype(np.float64)
    expected = np.stack([wide.mean((0, 1, 2)), wide.var((0, 1, 2))])
    assert relative(statistics(lm.asarray(x)).numpy(), expected) < CLOSE
    pooling = lm.keras.layers.GlobalAveragePooling2D()
    big = numbers(1, 600, 601, 2)
    pooled = big.mean((1, 2), dtype=np.float64)
    assert relative(pooling(big).numpy(), pooled) < CLOSE
    assert relative(on_threads(symbolic(pooling, ("n", "h", "w", 2)), big), pooled) < CLOSE


def test_the_kernel_gradient_of_a_convolution_over_many_pixels_is_close_to_float64():
    x, out = numbers(2, 300, 301, 1), (2, 300, 301, 2)

    def gradient(x):
        return lm.grad(lambda w: lm.sum(lm.nn.conv(x, w, padding="same")))(lm.ones((3, 3, 1, 2)))

    padded = np.pad(x[..., 0].astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    taps = [padded[:, i : i + out[1], j : j + out[2]].sum() for i in range(3) for j in range(3)]
    expected = np.repeat(np.reshape(taps, (3, 3, 1, 1)), 2, axis=3)
    assert relative(gradient(lm.asarray(x)).numpy(), expected) < CLOSE
    assert relative(on_threads(lm.compile(gradient), x), expected) < CLOSE


def test_the_loss_of_an_epoch_of_many_batches_is_close_to_float64():
    layer = lm.keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer="ones")
    model = lm.keras.Sequential([layer])
    model.compile(optimizer=lm.keras.optimizers.SGD(0.0), loss="mae")
    x, y = np.zeros((200_000, 1), np.float32), np.full((200_000, 1), 1.1, np.float32)
    found = model.fit(x, y, batch_size=4, verbose=0).history["loss"][0]
    of_one = float(np.float32(1.1) - np.float32(1.0))
    assert relative(found, of_one) < CLOSE
    plain = np.cumsum(np.full(50_000, of_one, np.float32), dtype=np.float32)[-1] / 50_000
    assert relative(plain, of_one) > 4 * CLOSE


def test_a_softmax_over_very_many_classes_sums_to_one():
    x = np.zeros((2, 1_000_001), np.float32)
    for f in (lm.softmax, lm.compile(lm.softmax)):
        total = np.asarray(f(lm.asarray(x))).sum(axis=1, dtype=np.float64)
        np.testing.assert_allclose(total, 1.0, rtol=CLOSE)


def test_windows_of_many_terms_are_close_to_float64():
    x = numbers(1, 700, 701, 2)
    expected = x[:, :600, :600].mean((1, 2), dtype=np.float64)

    def f(x):
        return lm.nn.average_pool(x, 600)[:, 0, 0]

    assert relative(f(lm.asarray(x)).numpy(), expected) < CLOSE
    assert relative(on_threads(lm.compile(f), x), expected) < CLOSE


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
def test_segment_sums_of_many_rows_are_close_to_float64(engine):
    x, ids = numbers(300_000, 2), np.arange(300_000) % 3
    expected = np.stack([x[k::3].sum(0, dtype=np.float64) for k in range(3)])
    with lm.settings(engine=engine):
        f = lm.compile(lambda x: ops.segment_sum(x, lm.asarray(ids), 3))
        assert relative(on_threads(f, x), expected) < CLOSE
        signature = [lm.Spec(("rows", 2), "float32"), lm.Spec(("rows",), "int64")]
        f = lm.compile(lambda x, ids: ops.segment_sum(x, ids, 3), signature=signature)
        assert relative(on_threads(f, x, ids), expected) < CLOSE


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
@pytest.mark.parametrize("name", ["cumsum", "logcumsumexp"])
def test_running_sums_of_many_terms_are_close_to_float64(engine, name):
    x = numbers(200_000, 2) if name == "cumsum" else numbers(20_000, 2) / 100
    wide = x.astype(np.float64)
    expected = np.cumsum(wide, 0) if name == "cumsum" else np.logaddexp.accumulate(wide, 0)
    with lm.settings(engine=engine):
        for rows in ("rows", len(x)):
            f = symbolic(lambda x: getattr(lm, name)(x, axis=0), (rows, 2))
            assert relative(on_threads(f, x), expected) < CLOSE
