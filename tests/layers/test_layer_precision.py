"""Policies of layers: in which dtype they compute, and in which they keep their weights."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras, layers
from lamina.defaults import DEFAULTS
from lamina.errors import ArgumentError, DTypeError, UnknownNameError
from lamina.variables import bound

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6)).astype("float32")


@pytest.fixture(autouse=True)
def unchanged_defaults():
    yield
    DEFAULTS.floatx, DEFAULTS.dtype_policy = "float32", None


def test_mixed_layer_multiplies_rounded_inputs_and_weights_and_rounds_the_sum_once():
    layer = layers.Dense(4, use_bias=False, dtype="mixed_bfloat16")
    found = layer(X)
    rounded = [lm.astype(lm.astype(a, "bfloat16"), "float64") for a in (X, layer.kernel.read())]
    exact = lm.matmul(*rounded)
    assert found.tolist() == lm.astype(lm.astype(exact, "float32"), "bfloat16").tolist()
    assert layer.kernel.dtype == "float32" and layer.kernel.read().dtype == "float32"


def test_gradient_of_a_mixed_layer_comes_in_the_dtype_of_its_variables():
    layer = layers.Dense(4, dtype="mixed_float16")
    layer(X)
    variables = layer.trainable_variables

    def loss(*values):
        with bound(dict(zip(variables, values, strict=True))):
            return lm.mean(lm.square(layer(X)))

    value, gradients = lm.value_and_grad(loss, argnums=(0, 1))(*(v.read() for v in variables))
    assert value.dtype == "float16" and {g.dtype.name for g in gradients} == {"float32"}


def test_policy_of_a_layer_is_read_from_names_policies_dtypes_and_configurations():
    policy = keras.DTypePolicy("mixed_bfloat16")
    written = keras.dtype_policies.serialize(policy)
    for given in ("mixed_bfloat16", policy, written):
        layer = layers.Dense(2, dtype=given)
        assert (layer.dtype, layer.compute_dtype) == ("float32", "bfloat16")
        assert layer.dtype_policy == policy
    assert layers.Dense(2, dtype=lm.float16).compute_dtype == "float16"
    assert layers.Dense(2, dtype=np.float64).variable_dtype == "float64"


def test_layer_rebuilt_from_its_configuration_has_its_policy():
    layer = layers.Dense(2, dtype="mixed_float16")
    assert layer.get_config()["dtype"]["config"] == {"name": "mixed_float16"}
    assert layers.Dense.from_config(layer.get_config()).dtype_policy.name == "mixed_float16"
    model = lm.Sequential([lm.Input((6,)), layer], name="m")
    again = lm.Sequential.from_config(model.get_config())
    assert again.layers[0].dtype_policy.name == "mixed_float16"


def test_global_policy_is_that_of_layers_without_a_dtype():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert keras.mixed_precision.global_policy().compute_dtype == "bfloat16"
    assert layers.Dense(2).compute_dtype == "bfloat16"
    assert layers.Dense(2, dtype="float32").compute_dtype == "float32"
    assert lm.Input((3,)).dtype == "float32"


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float64"])
def test_floatx_is_the_dtype_of_layers_and_inputs(name):
    keras.config.set_floatx(name)
    assert layers.Dense(2).dtype == name and keras.backend.floatx() == name
    assert lm.Input((3,)).dtype == name
    made = keras.ops.zeros((2,)), keras.ops.eye(2), keras.ops.linspace(0, 1, 3)
    drawn = keras.random.normal((2,)), keras.random.uniform((2,))
    assert {x.dtype.name for x in (*made, *drawn)} == {name}


def test_sublayers_have_the_policy_of_the_layer_that_makes_them():
    layer = layers.TransformerEncoder(8, 2, dtype="mixed_bfloat16")
    layer(RNG.normal(size=(2, 3, 4)).astype("float32"))
    inside = {each.dtype_policy.name for each in layer._flatten_layers()}
    assert inside == {"mixed_bfloat16"}
    assert {w.dtype.name for w in layer.weights} == {"float32"}


def test_float32_layer_inside_a_mixed_one_reads_its_weights_in_float32():
    class Outer(layers.Layer):
        def __init__(self, **options):
            super().__init__(**options)
            self.inner = layers.Dense(3, dtype="float32")

        def call(self, inputs):
            return self.inner(inputs)

    outer = Outer(dtype="mixed_float16")
    found = outer(X)
    assert found.dtype == "float32"
    half = lm.astype(lm.astype(X, "float16"), "float32")
    np.testing.assert_allclose(found, half @ outer.inner.kernel, rtol=1e-6)


def test_own_layer_computes_in_the_dtype_of_its_policy_without_any_code_for_it():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(input_shape[-1:], initializer="ones")
            self.exact = self.add_weight(input_shape[-1:], initializer="ones", autocast=False)

        def call(self, inputs):
            assert self.exact.read().dtype == "float32"
            return inputs * self.factor

    scale = Scale(dtype="mixed_bfloat16")
    assert scale(X).dtype == "bfloat16"
    assert {w.dtype.name for w in scale.weights} == {"float32"}


def test_variables_assigned_in_a_mixed_layer_keep_their_digits():
    class Counter(layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight((), initializer="zeros", trainable=False)

        def call(self, inputs):
            self.count.assign_add(0.001)
            return inputs

    counter = Counter(dtype="mixed_bfloat16")
    for _ in range(100):
        counter(X)
    assert abs(counter.count.numpy() - 0.1) < 1e-6


@pytest.mark.parametrize("make", [layers.LayerNormalization, layers.BatchNormalization])
def test_normalization_computes_statistics_in_float32(make):
    training = {"training": True} if make is layers.BatchNormalization else {}
    large = (300.0 + X).astype("float16")  # squares are beyond the range of float16
    found = make(dtype="mixed_float16")(large, **training)
    exact = make()(large.astype("float32"), **training)
    assert found.dtype == "float16"
    np.testing.assert_allclose(lm.astype(found, "float32"), exact, atol=2e-3)


def test_masked_maximum_and_padded_average_of_bfloat16():
    x = lm.asarray(RNG.normal(size=(2, 4, 3)), dtype="bfloat16")
    mask = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], bool)
    found = layers.GlobalMaxPooling1D(dtype="bfloat16")(x, mask=mask)
    assert found[1].tolist() == x[1, 0].tolist()
    padded = layers.AveragePooling1D(3, 1, padding="same", dtype="bfloat16")(x)
    assert padded.dtype == "bfloat16"
    wide = layers.AveragePooling1D(3, 1, padding="same")(lm.astype(x, "float32"))
    np.testing.assert_allclose(lm.astype(padded, "float32"), wide, rtol=2.0**-8)


def test_stateful_layer_of_16_bits_keeps_states_of_16_bits():
    layer = layers.LSTM(3, stateful=True, dtype="bfloat16")
    x = RNG.normal(size=(2, 4, 5)).astype("float32")
    layer(x)
    assert {v.dtype.name for v in layer.states} == {"bfloat16"}
    whole = layers.LSTM(3, dtype="bfloat16")
    whole(x)
    whole.set_weights(layer.get_weights())
    layer.reset_state()
    layer(x[:, :2])
    assert layer(x[:, 2:]).tolist() == whole(x).tolist()


@pytest.mark.parametrize("dtype", ["int32", "mixed_float8"])
def test_layer_refuses_a_dtype_that_it_cannot_compute_in(dtype):
    with pytest.raises((DTypeError, UnknownNameError), match=r"Dense.*dtype"):
        layers.Dense(2, dtype=dtype)


def test_floatx_refuses_other_names():
    with pytest.raises(ArgumentError, match="set_floatx"):
        keras.config.set_floatx("int8")
