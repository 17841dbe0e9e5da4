"""First values: their distributions, that they repeat, and do not depend on other layers."""

import numpy as np
import pytest

import lamina as lm
from lamina import initializers
from lamina.errors import RangeError, ShapeError, UnknownNameError
from lamina.initializers import sources
from lamina.layers import Dense, Dropout
from lamina.models import Sequential
from lamina.operations import random_keys

SHAPE = (300, 200)
FAN_IN, FAN_OUT = SHAPE

# name, variance, largest absolute value
SCALED = [
    ("glorot_uniform", 2 / (FAN_IN + FAN_OUT), np.sqrt(6 / (FAN_IN + FAN_OUT))),
    ("glorot_normal", 2 / (FAN_IN + FAN_OUT), None),
    ("he_uniform", 2 / FAN_IN, np.sqrt(6 / FAN_IN)),
    ("he_normal", 2 / FAN_IN, None),
    ("lecun_uniform", 1 / FAN_IN, np.sqrt(3 / FAN_IN)),
    ("lecun_normal", 1 / FAN_IN, None),
]


def drawn(name, shape=SHAPE, **arguments):
    initializer = getattr(initializers, name)(**arguments)
    return initializer(shape).numpy()


@pytest.mark.parametrize(("name", "variance", "limit"), SCALED)
def test_the_variance_is_the_one_of_the_formula(name, variance, limit):
    values = drawn(name, seed=3)
    assert values.dtype == np.float32 and values.shape == SHAPE
    assert abs(values.var() / variance - 1) < 0.03
    assert abs(values.mean()) < 4 * np.sqrt(variance / values.size)
    # a truncated normal ends at two standard deviations, as they are before the correction
    cut = 2 * np.sqrt(variance) / sources.TRUNCATED_STDDEV if limit is None else limit
    assert 0.97 * cut < np.abs(values).max() <= cut * 1.0001


def test_plain_distributions():
    normal = drawn("random_normal", mean=1.0, stddev=0.1, seed=1)
    assert abs(normal.mean() - 1) < 0.002 and abs(normal.std() - 0.1) < 0.002
    uniform = drawn("random_uniform", minval=-2.0, maxval=3.0, seed=1)
    assert uniform.min() >= -2 and uniform.max() < 3 and abs(uniform.mean() - 0.5) < 0.03
    cut = drawn("truncated_normal", stddev=1.0, seed=1)
    assert np.abs(cut).max() <= 2 and abs(cut.std() - sources.TRUNCATED_STDDEV) < 0.01


def test_values_of_deterministic_initializers():
    assert (drawn("zeros") == 0).all() and (drawn("ones") == 1).all()
    assert (drawn("constant", value=2.5) == 2.5).all()
    assert (drawn("constant", (2, 3), value=[1, 2, 3]) == [[1, 2, 3], [1, 2, 3]]).all()
    assert (drawn("identity", (3, 3), gain=2.0) == 2 * np.eye(3)).all()


@pytest.mark.parametrize("shape", [(40, 40), (60, 20), (20, 60), (3, 3, 4, 8)])
def test_orthogonal_rows_or_columns(shape):
    matrix = drawn("orthogonal", shape, gain=2.0, seed=5).reshape(-1, shape[-1]).astype(np.float64)
    product = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_stft_kernels_analyse_a_wave():
    length, bands = 16, 9
    wave = np.cos(2 * np.pi * 3 * np.arange(length) / 16)
    real = drawn("stft", (length, 1, bands), side="real", window=None)[:, 0]
    imaginary = drawn("stft", (length, 1, bands), side="imag", window=None)[:, 0]
    expected = np.fft.rfft(wave)
    np.testing.assert_allclose(wave @ real + 1j * (wave @ imaginary), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((7,), (7, 7)), ((3, 5), (3, 5)), ((3, 3, 4, 8), (36, 72)), ((2, 3, 4), (6, 8))],
)
def test_fans(shape, fans):
    assert initializers.compute_fans(shape) == fans


def test_fans_of_named_axes():
    assert initializers.compute_fans((4, 2, 8), input_axes=(0,), output_axes=(1, 2)) == (4, 16)


def test_a_seed_gives_the_same_values_each_time():
    same = initializers.GlorotUniform(seed=7)
    assert (same((4, 4)).numpy() == same((4, 4)).numpy()).all()
    other = initializers.GlorotUniform(seed=8)
    assert (same((4, 4)).numpy() != other((4, 4)).numpy()).any()


def test_without_a_seed_the_global_one_counts():
    random_keys.set_seed(11)
    first = [drawn("glorot_uniform", (3, 3)) for _ in range(2)]
    random_keys.set_seed(11)
    again = [drawn("glorot_uniform", (3, 3)) for _ in range(2)]
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    assert (first[0] != first[1]).any()


def test_float64():
    values = initializers.HeNormal(seed=1)((4, 4), dtype="float64").numpy()
    assert values.dtype == np.float64 and (values != values.astype(np.float32)).any()


def dense_kernels(*layers):
    random_keys.set_seed(2)
    model = Sequential([*layers])
    model.build((None, 6))
    return {name: v.numpy() for name, v in model.named_weights().items() if "kernel" in name}


def test_another_layer_does_not_change_first_values():
    few = dense_kernels(Dense(5), Dense(4))
    more = dense_kernels(Dropout(0.1), Dense(5), Dropout(0.5), Dense(4), Dense(3))
    assert list(few) == ["dense/kernel", "dense_1/kernel"]
    assert all((few[name] == more[name]).all() for name in few)


def test_layers_of_one_shape_start_differently():
    kernels = list(dense_kernels(Dense(6), Dense(6)).values())
    assert (kernels[0] != kernels[1]).any()


def test_equal_models_start_differently_and_repeat_after_the_seed():
    def build_two():
        random_keys.set_seed(4)
        return [Sequential([Dense(3, input_shape=(2,))]).get_weights()[0] for _ in range(2)]

    first, again = build_two(), build_two()
    assert (first[0] != first[1]).any()
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()


@pytest.mark.parametrize(
    "identifier",
    [
        "he_normal",
        "HeNormal",
        initializers.HeNormal,
        initializers.HeNormal(),
        {"class_name": "HeNormal", "config": {}},
        initializers.serialize(initializers.HeNormal()),
    ],
)
def test_get_finds_every_spelling(identifier):
    assert isinstance(initializers.get(identifier), initializers.HeNormal)


def test_get_keeps_functions_and_none():
    def function(shape, dtype=None):
        return np.full(shape, 3.0)

    assert initializers.get(function) is function
    assert initializers.get(None) is None
    assert (Dense(2, kernel_initializer=function)(np.ones((1, 4))).numpy() == 12).all()


@pytest.mark.parametrize("initializer", initializers._CLASSES)
def test_configurations_make_equal_objects(initializer):
    written = initializers.serialize(initializer())
    again = initializers.deserialize(written)
    assert type(again) is initializer and initializers.serialize(again) == written


def test_mistakes():
    with pytest.raises(UnknownNameError, match=r"glorot_unifrom.*\n.*'glorot_uniform'"):
        initializers.get("glorot_unifrom")
    with pytest.raises(RangeError, match="mode must be one of"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(RangeError, match="scale must be positive"):
        initializers.VarianceScaling(scale=0)
    with pytest.raises(ShapeError, match="2 or more axes"):
        initializers.Orthogonal()((3,))
    with pytest.raises(ShapeError, match="gave shape"):
        Dense(2, kernel_initializer=lambda shape, dtype=None: np.ones(3))(np.ones((1, 4)))


def test_an_initializer_with_a_seed_generator_draws_new_numbers_and_is_saved_with_it(tmp_path):
    initializer = initializers.GlorotUniform(seed=lm.keras.random.SeedGenerator(1))
    shared = [lm.layers.Dense(2, kernel_initializer=initializer) for _ in range(2)]
    model = lm.Sequential([lm.Input((2,)), *shared])
    first, second = (layer.kernel.numpy() for layer in shared)
    assert not np.array_equal(first, second)
    again = initializers.deserialize(initializers.serialize(initializer))
    np.testing.assert_array_equal(again((2, 2)), first)
    model.save(tmp_path / "model.lamina")
    loaded = lm.load_model(tmp_path / "model.lamina")
    np.testing.assert_array_equal(loaded.layers[1].kernel.numpy(), second)
