"""`keras.config`, dtype policies and scopes: defaults of the process for layers and `fit`."""

import logging

import numpy as np
import pytest

from lamina import dtype_policies, keras
from lamina.defaults import DEFAULTS, Defaults
from lamina.errors import ArgumentError, UnknownNameError
from lamina.keras import config, layers

X, Y = np.ones((8, 3), "float32"), np.zeros((8, 1), "float32")


@pytest.fixture(autouse=True)
def restored_defaults():
    """Puts the defaults of the process back."""
    before = dict(vars(DEFAULTS))
    yield
    vars(DEFAULTS).update(before)


def compiled():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_defaults_are_those_of_keras():
    assert (config.floatx(), config.epsilon(), config.image_data_format()) == (
        "float32", 1e-7, "channels_last",
    )  # fmt: skip
    assert vars(Defaults()).keys() == vars(DEFAULTS).keys()


def test_floatx_is_the_dtype_of_new_weights_and_of_numpys_doubles():
    config.set_floatx("float64")
    assert layers.Dense(1).dtype == "float64" == keras.random.normal((2,)).dtype
    assert keras.Variable(np.ones(2)).dtype == keras.activations.relu(np.ones(2)).dtype == "float64"
    with pytest.raises(ArgumentError, match="got 'float8'"):
        config.set_floatx("float8")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: keras.ops.image.resize(x, (4, 4)),
        lambda x: keras.ops.conv(x, np.ones((1, 1, 3, 3), "float32")),
        lambda x: keras.ops.max_pool(x, 1),
        lambda x: keras.ops.image.gaussian_blur(x),
        layers.SpatialDropout2D(0.5),
    ],
)
def test_image_data_format_holds_for_inputs_and_results_of_operations(function):
    config.set_image_data_format("channels_first")
    assert function(np.ones((2, 3, 4, 4), "float32")).shape == (2, 3, 4, 4)


def test_image_data_format_is_that_of_flatten_and_of_single_images():
    x = np.arange(8.0, dtype="float32").reshape(1, 2, 2, 2)
    moved = layers.Flatten(data_format="channels_first")(x).numpy()
    config.set_image_data_format("channels_first")
    np.testing.assert_array_equal(layers.Flatten()(x), moved)
    assert keras.utils.img_to_array(np.ones((4, 5, 3))).shape == (3, 4, 5)


def test_image_data_format_is_that_of_layers_without_one():
    config.set_image_data_format("channels_first")
    assert layers.Conv2D(2, 3).data_format == "channels_first"
    assert layers.Conv2D(2, 3, data_format="channels_last").data_format == "channels_last"
    with pytest.raises(UnknownNameError, match="'channels_lost'"):
        config.set_image_data_format("channels_lost")


def test_limits_of_epochs_and_steps_hold_for_fit_evaluate_and_predict():
    config.set_max_epochs(2)
    config.set_max_steps_per_epoch(1)
    model = compiled()
    assert model.fit(X, Y, batch_size=4, epochs=5, verbose=0).epoch == [0, 1]
    assert model.optimizer.iterations.numpy() == 2
    assert model.predict(keras.utils.split_dataset(X, 4)[0].batch(2), verbose=0).shape == (2, 1)


def test_without_interactive_logging_progress_goes_to_the_log(capsys, caplog):
    config.disable_interactive_logging()
    with caplog.at_level(logging.INFO, "lamina"):
        compiled().fit(X, Y, verbose=2)
    assert not capsys.readouterr().out
    assert any("loss" in record.message for record in caplog.records)
    assert not keras.utils.is_interactive_logging_enabled()


# ---- dtype policies ----------------------------------------------------------------------------
def test_a_policy_is_that_of_layers_made_without_a_dtype():
    keras.mixed_precision.set_global_policy("float64")
    layer = layers.Dense(1)
    assert layer.dtype_policy == keras.DTypePolicy("float64") != keras.DTypePolicy("float32")
    assert (layer.dtype, layer.compute_dtype, layer.variable_dtype) == ("float64",) * 3
    assert isinstance(layers.Dense(1, dtype="float32").dtype, str)


def test_a_mixed_policy_keeps_weights_in_float32():
    config.set_dtype_policy("mixed_bfloat16")
    layer = layers.Dense(1)
    assert layer(X).dtype == layer.compute_dtype == "bfloat16" and layer.kernel.dtype == "float32"
    assert layer.dtype_policy.name == "mixed_bfloat16"
    with pytest.raises(UnknownNameError, match=r"unknown policy .*got 'mixed_float8'"):
        keras.DTypePolicy("mixed_float8")


def test_policies_are_written_down_and_made_again():
    policies = keras.dtype_policies.DTypePolicyMap("float64", {"head/.*": "float32"})
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert again["head/dense"].name == "float32" and again["body"].name == "float64"
    assert dtype_policies.get("int8_from_float32").quantization_mode == "int8"
    policies["head/dense"] = "float64"
    assert policies["head/dense"].name == "float64"
    policies["head/d.*"] = "float64"
    with pytest.raises(ArgumentError, match="several keys match 'head/d'"):
        policies["head/d"]


def test_autocast_converts_floating_inputs_unless_it_is_off():
    x = np.ones((1, 2), "float64")
    assert layers.Identity()(x).dtype == "float32"
    assert layers.Identity(autocast=False)(x).dtype == "float64"


# ---- scopes ------------------------------------------------------------------------------------
def test_names_of_scopes_and_layers_are_in_the_paths_of_variables():
    with keras.name_scope("outer"), keras.name_scope("inner"):
        assert keras.Variable(0.0, name="v").path == "outer/inner/v"
    assert keras.Variable(0.0, name="v").path == "v"
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="head")], name="net")
    assert [v.path for v in model.weights] == ["net/head/kernel", "net/head/bias"]


def test_a_stateless_scope_changes_no_variable():
    v, w = keras.Variable(1.0), keras.Variable(2.0)
    with keras.StatelessScope([(v, 5.0)]) as scope:
        w.assign(v * 2)
        v.assign_add(1)
    assert [float(scope.get_current_value(each)) for each in (v, w)] == [6.0, 10.0]
    assert (float(v), float(w)) == (1.0, 2.0)
    with pytest.raises(ArgumentError, match="pairs of a Variable and its value"):
        keras.StatelessScope([("v", 1.0)])


def test_a_device_that_is_not_there_is_named():
    with keras.device("/device:CPU:0"):
        pass
    with pytest.raises(UnknownNameError, match="unknown device 'tpu:7'"), keras.device("tpu:7"):
        pass


def test_remat_computes_the_same():
    layer = layers.Dense(2)
    with keras.RematScope("full"):
        np.testing.assert_array_equal(keras.remat(layer)(X), layer(X))
    with pytest.raises(ValueError, match="mode"):
        keras.RematScope("half")
