"""Layers of convolutional networks against Keras's: same weights, same numbers and gradients."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

import lamina as lm  # noqa: E402
from lamina import layers  # noqa: E402

# Keras' arrays on some backends speak an older __array__ than this NumPy asks for.
OLD = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings(OLD)]

rng = np.random.default_rng(0)


def data(*shape):
    return rng.normal(size=shape).astype("float32")


STEPS, PICTURE = data(2, 9, 4), data(2, 7, 6, 4)
VOLUME, DOT = data(2, 5, 4, 6, 2), data(1, 1, 1, 3)
FIRST = {"data_format": "channels_first"}

# class, arguments, inputs
CONVOLUTIONS = [
    ("Conv2D", {"filters": 5, "kernel_size": 3, "activation": "relu"}, PICTURE),
    ("Conv2D", {"filters": 5, "kernel_size": (3, 2), "padding": "same"}, PICTURE),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "padding": "same", "strides": 2}, PICTURE),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "strides": (2, 3), "groups": 2}, PICTURE),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "same"}, PICTURE),
    ("Conv2D", {"filters": 3, "kernel_size": (2, 3), "dilation_rate": (3, 1)}, PICTURE),
    ("Conv2D", {"filters": 8, "kernel_size": 1, "groups": 4, "use_bias": False}, PICTURE),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "padding": "same"}, DOT),
    ("Conv2D", {"filters": 33, "kernel_size": 3, "padding": "same"}, data(1, 5, 5, 17)),
    ("Conv1D", {"filters": 5, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, STEPS),
    ("Conv1D", {"filters": 5, "kernel_size": 4, "strides": 3, "padding": "same"}, STEPS),
    ("Conv3D", {"filters": 3, "kernel_size": 2, "padding": "same", "strides": (1, 2, 2)}, VOLUME),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3}, PICTURE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, PICTURE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "strides": 3}, PICTURE),
    (
        "Conv2DTranspose",
        {"filters": 3, "kernel_size": 4, "strides": 3, "padding": "same", "output_padding": 1},
        PICTURE,
    ),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "dilation_rate": 2}, PICTURE),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, STEPS),
    ("Conv3DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2}, VOLUME),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, PICTURE),
    ("DepthwiseConv2D", {"kernel_size": (2, 3), "strides": 2}, PICTURE),
    ("DepthwiseConv1D", {"kernel_size": 3, "dilation_rate": 2, "depth_multiplier": 3}, STEPS),
    ("SeparableConv2D", {"filters": 3, "kernel_size": 3, "depth_multiplier": 2}, PICTURE),
    ("SeparableConv1D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, STEPS),
]
OTHERS = [
    ("MaxPooling1D", {}, STEPS),
    ("MaxPooling2D", {"pool_size": (2, 3)}, PICTURE),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, PICTURE),
    ("MaxPooling2D", {"pool_size": 3, "strides": 1}, PICTURE),
    ("MaxPooling3D", {"pool_size": 2}, VOLUME),
    ("AveragePooling1D", {"pool_size": 4, "strides": 2, "padding": "same"}, STEPS),
    ("AveragePooling2D", {"pool_size": 2}, PICTURE),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, PICTURE),
    ("AveragePooling3D", {"pool_size": 2, "padding": "same"}, VOLUME),
    ("GlobalMaxPooling1D", {}, STEPS),
    ("GlobalMaxPooling2D", {"keepdims": True}, PICTURE),
    ("GlobalMaxPooling3D", FIRST, VOLUME),
    ("GlobalAveragePooling1D", {}, STEPS),
    ("GlobalAveragePooling2D", FIRST, PICTURE),
    ("GlobalAveragePooling3D", {"keepdims": True}, VOLUME),
    ("AdaptiveAveragePooling1D", {"output_size": 4}, STEPS),
    ("AdaptiveAveragePooling2D", {"output_size": (3, 2)}, PICTURE),
    ("AdaptiveMaxPooling2D", {"output_size": 3}, PICTURE),
    ("AdaptiveMaxPooling1D", {"output_size": 2}, STEPS),
    ("AdaptiveAveragePooling3D", {"output_size": 2}, VOLUME),
    ("AdaptiveMaxPooling3D", {"output_size": (1, 2, 4)}, VOLUME),
    ("BatchNormalization", {}, PICTURE),
    ("BatchNormalization", {"axis": 1, "epsilon": 0.1, "scale": False}, PICTURE),
    ("LayerNormalization", {}, PICTURE),
    ("LayerNormalization", {"axis": [1, 2], "beta_initializer": "ones"}, PICTURE),
    ("GroupNormalization", {"groups": 2}, PICTURE),
    ("GroupNormalization", {"groups": -1, "axis": 1, "center": False}, PICTURE),
    ("RMSNormalization", {}, PICTURE),
    ("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, STEPS),
    ("UnitNormalization", {}, PICTURE),
    ("UnitNormalization", {"axis": [1, 2]}, PICTURE),
    ("ZeroPadding1D", {"padding": (1, 2)}, STEPS),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, PICTURE),
    ("ZeroPadding2D", {"padding": (1, 2), **FIRST}, PICTURE),
    ("ZeroPadding3D", {"padding": 2}, VOLUME),
    ("Cropping1D", {"cropping": (1, 2)}, STEPS),
    ("Cropping2D", {"cropping": ((1, 0), (2, 3))}, PICTURE),
    ("Cropping2D", {"cropping": 1, **FIRST}, PICTURE),
    ("Cropping3D", {"cropping": (1, 1, 2)}, VOLUME),
    ("UpSampling1D", {"size": 3}, STEPS),
    ("UpSampling2D", {"size": (2, 3)}, PICTURE),
    ("UpSampling2D", {"size": (3, 2), "interpolation": "bilinear"}, PICTURE),
    ("UpSampling2D", {"size": 2, "interpolation": "bicubic"}, PICTURE),
    ("UpSampling2D", {"size": 2, "interpolation": "lanczos3", **FIRST}, PICTURE),
    ("UpSampling3D", {"size": (1, 2, 3)}, VOLUME),
]
CASES = CONVOLUTIONS + OTHERS
IDS = [f"{name}-{k}" for k, (name, _, _) in enumerate(CASES)]


def spread(weights):
    """Random weights in the place of zeros and ones, variances positive."""
    return [np.abs(data(*w.shape)) + 0.5 for w in weights]


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=IDS)
def test_layers(name, arguments, inputs):
    theirs = getattr(keras.layers, name)(**arguments)
    ours = getattr(layers, name)(**arguments)
    theirs(inputs), ours(inputs)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    weights = spread(theirs.get_weights())
    theirs.set_weights(weights), ours.set_weights(weights)
    expected = np.asarray(theirs(inputs))
    np.testing.assert_allclose(ours(inputs).numpy(), expected, rtol=3e-5, atol=3e-5)
    assert ours.compute_output_shape(inputs.shape) == tuple(
        theirs.compute_output_shape(inputs.shape)
    )


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=IDS)
def test_compiled(name, arguments, inputs):
    ours = getattr(layers, name)(**arguments)
    eager = ours(inputs).numpy()
    compiled = lm.compile(ours)(lm.as_tensor(inputs)).numpy()
    np.testing.assert_allclose(compiled, eager, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=IDS)
def test_configurations_have_keras_keys_and_values(name, arguments, inputs):
    theirs = getattr(keras.layers, name)(**arguments).get_config()
    ours = getattr(layers, name)(**arguments).get_config()
    later = {"quantization_config", "name", "data_format", "synchronized", "renorm", "rms_scaling"}
    later |= {"renorm_momentum"}
    theirs = {k: None if (k, v) == ("activation", "linear") else v for k, v in theirs.items()}
    plain = {
        key: value
        for key, value in theirs.items()
        if isinstance(value, (bool, int, float, str)) and key not in later
    }
    assert {key: ours.get(key) for key in plain} == plain


@pytest.mark.parametrize(
    ("name", "arguments", "inputs"), CONVOLUTIONS, ids=IDS[: len(CONVOLUTIONS)]
)
def test_channels_first_gives_the_same_with_axes_moved(name, arguments, inputs):
    last, first = (getattr(layers, name)(**arguments, **more) for more in ({}, FIRST))
    moved = np.moveaxis(inputs, -1, 1)
    last(inputs), first(moved)
    weights = spread(last.get_weights())
    last.set_weights(weights), first.set_weights(weights)
    expected = np.moveaxis(last(inputs).numpy(), -1, 1)
    np.testing.assert_allclose(first(moved).numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.99, 0.5])
def test_moving_statistics_after_some_steps(momentum):
    theirs = keras.layers.BatchNormalization(momentum=momentum)
    ours = layers.BatchNormalization(momentum=momentum)
    for _ in range(5):
        x = data(8, 3, 3, 4) * 2 + 1
        expected = np.asarray(theirs(x, training=True))
        np.testing.assert_allclose(ours(x, training=True).numpy(), expected, rtol=2e-5, atol=2e-5)
    for found, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


def test_a_mask_leaves_steps_out_of_the_statistics():
    mask = rng.random((2, 9)) < 0.6
    theirs, ours = keras.layers.BatchNormalization(), layers.BatchNormalization()
    expected = np.asarray(theirs(STEPS, training=True, mask=mask))
    found = ours(STEPS, training=True, mask=mask).numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(ours.get_weights()[2], theirs.get_weights()[2], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    "interpolation", ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
)
@pytest.mark.parametrize("size", [(14, 3), (5, 5)])
@pytest.mark.parametrize("antialias", [False, True])
def test_resize(interpolation, size, antialias):
    expected = keras.ops.image.resize(PICTURE, size, interpolation, antialias)
    found = lm.nn.resize(PICTURE, size, interpolation, antialias)
    np.testing.assert_allclose(found.numpy(), np.asarray(expected), rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_channels_and_space(data_format):
    x = data(2, 8, 8, 8)
    for name in ("depth_to_space", "space_to_depth"):
        expected = np.asarray(getattr(keras.ops, name)(x, 2, data_format))
        np.testing.assert_array_equal(getattr(lm.nn, name)(x, 2, data_format).numpy(), expected)


def test_gradients_of_a_network():
    def build(k, model):
        x = k.Input((9, 8, 3))
        h = k.Conv2D(4, 3, padding="same", strides=2, activation="tanh")(x)
        h = k.BatchNormalization()(h)
        h = k.DepthwiseConv2D(2)(k.MaxPooling2D(2, strides=1, padding="same")(h))
        h = k.Conv2DTranspose(3, 3, strides=2, padding="same")(k.AveragePooling2D(2)(h))
        return model(x, k.Dense(2)(k.GlobalAveragePooling2D()(h)))

    import jax

    theirs, ours = build(keras.layers, keras.Model), build(layers, lm.Model)
    ours.set_weights(theirs.get_weights())
    x = data(3, 9, 8, 3)

    def loss(trainable, others):
        out, _ = theirs.stateless_call(trainable, others, x, training=True)
        return (out**2).sum()

    both = (theirs.trainable_variables, theirs.non_trainable_variables)
    expected = jax.grad(loss)(*[[v.value for v in group] for group in both])

    def our_loss(variables):
        return lm.sum(ours(x, training=True) ** 2)

    found = lm.grad(our_loss)(ours.trainable_variables)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), np.asarray(other), rtol=2e-3, atol=2e-4)
