"""`keras.ops` compared with NumPy: one row a name."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import (
    ArgumentError,
    RangeError,
    ShapeError,
)
from lamina.keras import ops

N = np.float32([[3.0, np.nan, -1.0], [0.5, 2.0, np.inf], [-np.inf, 0.0, 7.0]])
X = np.float32([[3.0, -2.0, 0.0], [0.5, 2.0, 1.5]])
Y = np.float32([[1.0, -2.0, 4.0], [0.25, 1.0, -1.5]])
HOLES = np.float32([[3.0, np.nan, -1.0], [np.nan, 2.0, 6.0]])
K = np.int32([5, 0, 3])

# the name, or what is called in NumPy and in Keras if these differ, and the arguments
SAME = [
    ("allclose", X, X + 1e-9), ("allclose", X, Y), ("append", X, Y), ("append", X, Y, 1),
    ("bartlett", 7), ("blackman", 7), ("hamming", 7), ("hanning", 7), ("kaiser", 7, 3.0),
    ("bitwise_not", K), ("left_shift", K, 2), ("right_shift", K, 1), ("conj", X),
    ("conjugate", X), ("real", X), ("isreal", X), ("copy", X), ("deg2rad", X), ("rad2deg", X),
    ("diagflat", K), ("diagflat", X, 1), ("digitize", X, np.float32([0.0, 1.0, 2.0])),
    ("dsplit", np.ones((2, 2, 4)), 2), ("vsplit", X, 2), ("hsplit", X, [1]), ("hsplit", K, 3),
    ("dstack", [X, Y]), ("dstack", [K, K]), ("fliplr", X), ("flipud", X), ("fmax", N, 1.0),
    ("fmin", 1.0, N), ("geomspace", 1.0, 1000.0, 4), ("heaviside", X, 0.5), ("isposinf", N),
    ("isneginf", N), ("kron", X, Y), ("kron", K, X), ("ldexp", X, K), ("logaddexp2", X, Y),
    ("nan_to_num", N), ("nan_to_num", K),
    ("nanargmax", HOLES, 1), ("nanargmin", HOLES, 0), ("nancumprod", HOLES, 1),
    ("nancumsum", HOLES, 0), ("nanmax", HOLES), ("nanmax", HOLES, 1), ("nanmin", HOLES, 0),
    ("nanmean", HOLES, 1), ("nanprod", HOLES, 0), ("nanstd", HOLES, 1), ("nansum", HOLES),
    ("nanvar", HOLES), ("percentile", X, 30.0), ("percentile", X, [10, 90], 1), ("ptp", X),
    ("ptp", X, 0), ("quantile", X, 0.4, 0), ("quantile", K, [0.0, 1.0]), ("rot90", X),
    ("rot90", X, 2), ("rot90", X, 3), ("rot90", np.ones((2, 3, 4)), -1, (1, 2)),
    ("quantile", np.ones((2, 3, 4)) * X[:, :, None], [0.2, 0.9], (0, 1)), ("argsort", np.int32(1)),
    ("select", [X > 1, X < 0], [X, Y], 9.0), ("sinc", X), ("trapezoid", X), ("trapezoid", X, Y),
    ("trapezoid", X, np.float32([0.0, 1.0, 4.0])), ("trapezoid", X, None, 0.5, 0), ("tri", 3),
    ("tri", 2, 4, 1), ("unravel_index", K, (2, 3)), ("vander", X[0]), ("vander", X[0], 2, True),
    ("vdot", X, Y),
]  # fmt: skip


@pytest.mark.parametrize("row", SAME, ids=lambda row: row[0])
def test_the_same_as_numpy(row):
    name, *arguments = row
    found, expected = getattr(ops, name)(*arguments), getattr(np, name)(*arguments)
    several = isinstance(expected, (tuple, list))
    for a, b in zip(*(found, expected) if several else ([found], [expected]), strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(np.asarray(a), b, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles_by_every_method(method):
    for axis in (None, 0, 1):
        found = ops.quantile(X, [0.2, 0.7], axis, method, True)
        expected = np.quantile(X, [0.2, 0.7], axis, method=method, keepdims=True)
        assert found.shape == expected.shape
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6)


def count_up(i, total):
    return i + 1, total + i


OWN = {
    "while": (lambda: ops.while_loop(lambda i, s: i < 5, count_up, (0, 0)), [5, 10]),
    "while, at most": (lambda: ops.while_loop(lambda i, s: i < 5, count_up, (0, 0), 2), [2, 1]),
    "while of one": (lambda: ops.while_loop(lambda i: i < 5, lambda i: i + 2, 0), 6),
    "fori": (lambda: ops.fori_loop(2, 5, lambda i, total: total + i, 0), 9),
    "map": (lambda: ops.map(lambda row: ops.sum(row) * 2, X), 2 * X.sum(1)),
    "switch": (lambda: ops.switch(1, [lambda x: x, lambda x: -x], 3.0), -3.0),
    "scatter": (lambda: ops.scatter([[0, 1], [1, 0], [0, 1]], [1.0, 2.0, 5.0], (2, 2)),
                [[0, 6], [2, 0]]),
    "update": (lambda: ops.scatter_update(ops.zeros(3), [[2], [0]], [1.0, 2.0]), [2, 0, 1]),
    "update, add": (lambda: ops.scatter_update(ops.ones(3), [[2], [2]], [1.0, 2.0], "add"),
                    [1, 1, 4]),
    "update, mul": (lambda: ops.scatter_update(2 * ops.ones(2), [[1]], [3.0], "mul"), [2, 6]),
    "slice": (lambda: ops.slice_update(ops.zeros((2, 3)), [0, 1], ops.ones((2, 1))),
              [[0, 1, 0], [0, 1, 0]]),
    "segments": (lambda: ops.segment_sum(X.T, [0, 2, 0]), [[3, 2], [0, 0], [-2, 2]]),
    "segment max": (lambda: ops.segment_max([3, 1, 2], [0, 1, 0], num_segments=2), [3, 1]),
    "segment min": (lambda: ops.segment_min([3, 1, 2], [0, 1, 0]), [2, 1]),
    "segment prod": (lambda: ops.segment_prod([3, 1, 2], [0, 1, 0]), [6, 1]),
    "layer normalization": (lambda: ops.layer_normalization(X, 2.0, 1.0),
                            1 + 2 * (X - X.mean(1, keepdims=True)) / X.std(1, keepdims=True)),
    "rms": (lambda: ops.rms_normalization(X, 2.0),
            2 * X / np.sqrt((X**2).mean(1, keepdims=True))),
    "batch normalization": (lambda: ops.batch_normalization(X, [1.0, 2.0], [4.0, 9.0], 0,
                            [0.0, 1.0], [2.0, 3.0], 0.0), [X[0] - 1, X[1] - 1]),
    "in top k": (lambda: ops.in_top_k([0, 2], X, 1), [True, False]),
    "in top 2": (lambda: ops.in_top_k([0, 2], X, 2), [True, True]),
    "multi hot": (lambda: ops.multi_hot([[0, 2], [1, 1]], 3), [[1, 0, 1], [0, 1, 0]]),
    "sparse sigmoid": (lambda: ops.sparse_sigmoid([-3.0, 0.5, 2.0]), [0, 0.75, 1]),
    "threshold": (lambda: ops.threshold([-3.0, 0.5, 2.0], 0.5, 9.0), [9, 9, 2]),
    "saturate": (lambda: ops.saturate_cast([-3.0, 7.5, 300.0], "uint8"), [0, 7, 255]),
    "cdist": (lambda: ops.cdist(X, Y), np.linalg.norm(X[:, None] - Y[None], axis=-1)),
    "psnr": (lambda: ops.psnr(X, X + 0.5, 2.0), 20 * np.log10(4.0)),
    "nan to num": (lambda: ops.nan_to_num(N[0:2], 9.0, 5.0, -5.0), [[3, 9, -1], [0.5, 2, 5]]),
    "erfc": (lambda: ops.erfc([0.0, 1.0]), [1.0, 0.15729921]),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_operations_that_numpy_lacks(name):
    compute, expected = OWN[name]
    found = compute()
    if isinstance(found, tuple):
        found = [each.item() for each in found]
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("linspace", {"num": 5}),
        ("linspace", {"num": 4, "endpoint": False, "axis": -1}),
        ("logspace", {"num": 3, "base": 2.0}),
        ("geomspace", {"num": 4, "axis": -1}),
    ],
)
def test_sequences_between_ends_that_a_program_computes(name, options):
    start, stop = np.float32([1.0, 2.0]), np.float32([8.0, 3.0])
    compiled = lm.compile(lambda a, b: getattr(ops, name)(a, b, **options))
    expected = getattr(np, name)(start, stop, **options)
    np.testing.assert_allclose(compiled(start, stop), expected, rtol=1e-6)


def test_numbers_that_are_missing_have_no_position_and_are_distinct():
    rows = np.float32([[np.nan, np.nan], [1.0, np.nan]])
    assert ops.nanargmax(rows, axis=1).tolist() == [-1, 0] == ops.nanargmin(rows, axis=1).tolist()
    assert ops.unique(np.float32([np.nan, 1.0, np.nan])).shape == (3,)


def test_correlations_and_weighted_means_have_the_dtypes_of_keras():
    assert ops.correlate(np.int32([1, 2]), np.int32([0, 1])).dtype == "float32"
    half = ops.ones((2,), "bfloat16")
    assert ops.average(np.int32([1, 2]), weights=half).dtype == "bfloat16"
    with pytest.raises(ArgumentError, match="rot90: expected two different axes"):
        ops.rot90(X, axes=(0, -2))


@pytest.mark.parametrize("name", ["layer_normalization", "rms_normalization"])
def test_normalizations_keep_the_dtype_of_their_input(name):
    x, weights = ops.ones((2, 4), "bfloat16"), lm.Variable(np.ones(4, "float32"))
    assert getattr(ops, name)(x, weights).dtype == "bfloat16"


@pytest.mark.parametrize("stride", [0, -1, 2.5])
def test_the_stride_of_a_spectrum_is_a_positive_integer(stride):
    signal = np.ones(32, "float32")
    with pytest.raises(ValueError, match="stft: invalid sequence_stride"):
        ops.stft(signal, 8, stride, 8)
    with pytest.raises(ValueError, match="istft: invalid sequence_stride"):
        ops.istft(ops.stft(signal, 8, 4, 8), 8, stride, 8)


def test_the_kind_of_numbers():
    assert ops.dtype(X) == "float32" and ops.dtype(np.int32(1)) == "int32"


def test_gradients_pass_through():
    gradient = lm.grad(lambda x: ops.sum(ops.quantile(x, 0.5, axis=1)))(lm.asarray(X))
    assert gradient.tolist() == [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize("ord", ["fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf])
def test_the_norm_of_a_matrix_compiles(ord):
    compiled = lm.compile(lambda x: ops.norm(x, ord))
    np.testing.assert_allclose(compiled(lm.asarray(X)), np.linalg.norm(X, ord), rtol=1e-6)


@pytest.mark.parametrize("ord", ["nuc", 2, -2])
def test_the_gradient_of_a_norm_of_singular_values_is_that_of_differences(ord):
    x = lm.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)))
    direction = np.random.default_rng(1).normal(size=x.shape)

    def total(x):
        return lm.sum(ops.norm(x, ord, axis=(1, 2)))

    ahead, back = (total(x + step * lm.asarray(direction)).item() for step in (1e-6, -1e-6))
    found = np.sum(lm.grad(total)(x).numpy() * direction)
    np.testing.assert_allclose(found, (ahead - back) / 2e-6, rtol=1e-6)


def test_operations_by_name_compile_and_have_gradients():
    def loss(x):
        cut = ops.clip(x, x_min=-1.0, x_max=2.0)
        rows = ops.segment_sum(cut, segment_ids=lm.asarray([-1, 0]), num_segments=2)
        return ops.sum(ops.where(condition=rows > 0, x1=rows, x2=0.0) * ops.trace(x[:, :2]))

    x = lm.asarray(X)
    np.testing.assert_allclose(lm.compile(loss)(x), loss(x), rtol=1e-6)
    np.testing.assert_allclose(lm.compile(lm.grad(loss))(x), lm.grad(loss)(x), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8"])
def test_integers_round_to_tens_as_in_numpy(dtype):
    x = np.arange(-120 if dtype[0] == "i" else 0, 120).astype(dtype)
    for decimals in (-1, -2):
        expected = np.round(x.astype("int64"), decimals)
        np.testing.assert_array_equal(lm.round(x, decimals), expected)
    assert lm.round(x, -1).dtype == dtype


def test_numpy_float64_becomes_float32_and_a_tensor_of_float64_stays():
    doubles = np.ones((2, 2))
    for x in (doubles, [doubles, doubles], (np.float64(2.0), 1)):
        assert ops.convert_to_tensor(x).dtype == ops.add(x, 1).dtype == "float32"
    assert ops.add(lm.asarray(doubles), doubles).dtype == "float64"
    assert ops.convert_to_tensor(doubles, dtype="float64").dtype == "float64"
    assert lm.add(doubles, 1).dtype == "float64"
    assert lm.Variable(doubles).dtype == lm.activations.relu(doubles).dtype == "float32"
    assert lm.Variable(doubles, dtype="float64").dtype == "float64"
    assert lm.losses.mean_squared_error(lm.asarray(doubles), lm.asarray(doubles)).dtype == "float64"


ERRORS = [
    (lambda: ops.norm(X, 3), ArgumentError, "ord must be 'fro'"),
    (lambda: ops.norm(X, 0), ArgumentError, "ord must be 'fro'"),
    (lambda: ops.norm(X[0], "fro"), ArgumentError, "must be a number for vectors"),
    (lambda: ops.norm(np.ones((2, 2, 2)), 1), ArgumentError, "3 axes"),
    (lambda: ops.where(X > 0, X), ArgumentError, "only one of x1 and x2"),
    (lambda: ops.pad(X, 1, "edge", constant_values=1), ArgumentError, "no meaning"),
    (lambda: ops.unstack(X, num=3), ArgumentError, "2 slices"),
    (lambda: ops.cross(np.ones(4), np.ones(3)), ShapeError, "2 or 3 elements"),
    (lambda: ops.normalize(X, order=0), ArgumentError, "at least 1"),
    (lambda: ops.one_hot([1], 2, sparse=True), ArgumentError, "sparse"),
    (lambda: ops.layer_normalization(X, gama=1.0), ArgumentError, "gama"),
    (lambda: keras.initializers.RandomNormal(seed="1"), RangeError, "SeedGenerator"),
    (lambda: ops.quantile(X, 1.5), RangeError, "from 0 to 1"),
    (lambda: ops.quantile(X, 0.5, method="none"), RangeError, "'linear'"),
    (lambda: ops.scatter_update(X, [[0, 0]], [1.0], "mean"), ArgumentError, "reduction"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=range(len(ERRORS)))
def test_mistakes(call, kind, text):
    with pytest.raises(kind, match=text):
        call()
