"""Details of layers that programs for Keras rely on."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.keras import layers

X = np.random.default_rng(0).normal(size=(3, 6, 4)).astype("float32")


def test_layers_without_weights_are_built_and_those_of_users_are_not():
    class Mine(layers.Layer):
        def call(self, inputs):
            return inputs

    class Derived(layers.ReLU):
        def build(self, input_shape):
            pass

    assert layers.ReLU().built and layers.Flatten().built
    assert not Mine().built and not Derived().built and not layers.Dense(2).built
    mine = Mine()
    mine.build((None, 3))
    assert mine.built


def test_errors_of_wrong_types_are_type_errors_and_value_errors():
    for kind in (TypeError, ValueError):
        with pytest.raises(kind):
            layers.RepeatVector("3")
        with pytest.raises(kind):
            layers.Embedding(3.7, 8)


def test_normalization_in_float16_reads_inputs_beyond_its_range():
    layer = layers.GroupNormalization(groups=2, dtype="mixed_float16")
    assert not np.isnan(layer(np.full((2, 4, 8), 70000.0, "float32")).numpy()).any()


def test_convolution_is_adapted_by_a_product_of_low_rank(tmp_path):
    model = keras.Sequential([keras.Input((6, 4)), layers.Conv1D(5, 3)])
    before = model.predict(X, verbose=0)
    layer = model.layers[0]
    layer.enable_lora(2, lora_alpha=3.0)
    np.testing.assert_allclose(model.predict(X, verbose=0), before, rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    model.fit(X, np.ones((3, 4, 5), "float32"), epochs=2, verbose=0)
    a, b = layer.lora_kernel_a.numpy(), layer.lora_kernel_b.numpy()
    base = next(w for w in layer.weights if w.name == "kernel").numpy()
    np.testing.assert_allclose(layer.kernel.numpy(), base + 1.5 * a @ b, rtol=1e-5, atol=1e-6)
    model.save(str(tmp_path / "m.lamina"))
    again = lm.load_model(str(tmp_path / "m.lamina"))
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_sequential_of_built_layers_is_saved_before_its_first_call(tmp_path):
    layer = layers.Dense(3)
    layer.build((None, 4))
    keras.Sequential([layer]).save(str(tmp_path / "m.lamina"))
    again = lm.load_model(str(tmp_path / "m.lamina"))
    np.testing.assert_array_equal(again.predict(X[0], verbose=0), layer(X[0]).numpy())


def test_own_variables_are_stored_by_number():
    layer, other, stored = layers.Dense(3), layers.Dense(3), {}
    layer.build((None, 4))
    other.build((None, 4))
    layer.save_own_variables(stored)
    assert sorted(stored) == ["0", "1"]
    other.load_own_variables(stored)
    np.testing.assert_array_equal(other.kernel.numpy(), layer.kernel.numpy())
    with pytest.raises(ValueError, match="expected 2 arrays"):
        other.load_own_variables({})


def test_input_layer_has_an_output_that_a_model_can_begin_with():
    source = layers.InputLayer((4,))
    model = keras.Model(source.output, layers.Dense(2)(source.output))
    assert model.predict(X[0], verbose=0).shape == (6, 2)
    with pytest.raises(ValueError, match="contradicts"):
        layers.InputLayer((5,), input_tensor=source.output)


def test_attention_takes_further_axes_as_batches():
    query = np.random.default_rng(1).normal(size=(2, 3, 6, 4)).astype("float32")
    found = layers.Attention()([query, query]).numpy()
    for row in range(3):
        alone = layers.Attention()([query[:, row], query[:, row]]).numpy()
        np.testing.assert_allclose(found[:, row], alone, rtol=1e-5, atol=1e-6)


def test_layer_normalization_by_the_standard_deviation_alone():
    x = np.arange(5, dtype="float32")[None]
    found = layers.LayerNormalization(rms_scaling=True)(x).numpy()
    np.testing.assert_allclose(found, x / np.sqrt(x.var() + 1e-3), rtol=1e-5)


def test_values_of_a_model_are_a_tree_by_names_that_can_be_assigned():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.BatchNormalization()])
    model.compile("adam", "mse")
    tree = model.get_state_tree(value_format="numpy_array")
    assert sorted(tree["non_trainable_variables"]["batch_normalization"]) == [
        "moving_mean",
        "moving_variance",
    ]
    kernel = tree["trainable_variables"]["dense"]["kernel"] + 1
    model.set_state_tree({"trainable_variables": {"dense": {"kernel": kernel}}})
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), kernel)
    with pytest.raises(ValueError, match="dense/kernels"):
        model.set_state_tree({"trainable_variables": {"dense": {"kernels": kernel}}})
