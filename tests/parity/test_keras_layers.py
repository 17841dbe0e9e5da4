"""Layers, activations, regularizers, constraints against Keras's: same weights, same numbers."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina import activations, constraints, initializers, layers, models, regularizers  # noqa: E402

pytestmark = pytest.mark.parity

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 3, 4)).astype("float32")
A, B, C = X[:, 0], X[:, 1], X[:, 2]
FOUR, FIVE = X.reshape(2, 3, 2, 2), X.reshape(2, 3, 2, 2, 1)
MASK = np.array([[True, False, True, True], [False, False, False, False]])

# class, arguments, inputs
CASES = [
    ("Dense", {"units": 5, "activation": "gelu", "bias_initializer": "ones"}, A),
    ("Dense", {"units": 2, "use_bias": False}, X),
    ("Flatten", {}, X),
    ("Flatten", {"data_format": "channels_first"}, X),
    ("Reshape", {"target_shape": (-1, 2)}, X),
    ("Permute", {"dims": (3, 1, 2)}, FOUR),
    ("RepeatVector", {"n": 3}, A),
    ("Activation", {"activation": "mish"}, A),
    ("Identity", {}, A),
    ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, A),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, A),
    ("LeakyReLU", {}, A),
    ("ELU", {"alpha": 0.7}, A),
    ("PReLU", {"alpha_initializer": "he_normal", "shared_axes": [1]}, X),
    ("PReLU", {"alpha_initializer": "random_uniform"}, A),
    ("Softmax", {}, X),
    ("Softmax", {"axis": (1, 2)}, X),
    ("Add", {}, [A, B, C]),
    ("Add", {}, [X, A]),
    ("Subtract", {}, [A, B]),
    ("Multiply", {}, [A, B, C]),
    ("Average", {}, [A, B, C]),
    ("Maximum", {}, [A, B, C]),
    ("Minimum", {}, [A, B, C]),
    ("Concatenate", {}, [A, B]),
    ("Concatenate", {"axis": 1}, [X, X[:, :2]]),
    ("Dot", {"axes": 1}, [A, B]),
    ("Dot", {"axes": -1}, [X, A]),
    ("Dot", {"axes": 2}, [X, X]),
    ("Dot", {"axes": (2, 3)}, [X[:, :, :2], FOUR]),
    ("Dot", {"axes": (1, 2), "normalize": True}, [X[:, :, :2], X[:, :2, :3]]),
    ("Dropout", {"rate": 0.5}, A),
    ("GaussianNoise", {"stddev": 0.5}, A),
    ("GaussianDropout", {"rate": 0.5}, A),
    ("AlphaDropout", {"rate": 0.5}, A),
    ("SpatialDropout1D", {"rate": 0.5}, X),
    ("SpatialDropout2D", {"rate": 0.5}, FOUR),
    ("SpatialDropout3D", {"rate": 0.5}, FIVE),
]
IDS = [f"{name}-{k}" for k, (name, _, _) in enumerate(CASES)]


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=IDS)
def test_layers(name, arguments, inputs):
    theirs = getattr(keras.layers, name)(**arguments)
    ours = getattr(layers, name)(**arguments)
    expected, found = np.asarray(theirs(inputs)), ours(inputs)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    ours.set_weights(theirs.get_weights())
    found = ours(inputs)
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-5, atol=2e-6)
    penalties = [float(loss) for loss in theirs.losses]
    np.testing.assert_allclose([loss.item() for loss in ours.losses], penalties, rtol=1e-5)
    shape = [i.shape for i in inputs] if isinstance(inputs, list) else inputs.shape
    assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))


@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=IDS)
def test_configurations_have_keras_keys_and_values(name, arguments, inputs):
    theirs = getattr(keras.layers, name)(**arguments).get_config()
    ours = getattr(layers, name)(**arguments).get_config()
    # what we leave out or keep as it was written: names are counted from the model, not the process
    later = {"lora_rank", "lora_alpha", "quantization_config", "autocast", "name", "data_format"}
    theirs = {k: None if (k, v) == ("activation", "linear") else v for k, v in theirs.items()}
    plain = {
        key: value
        for key, value in theirs.items()
        if isinstance(value, (bool, int, float, str)) and key not in later
    }
    assert {key: ours.get(key) for key in plain} == plain


def test_softmax_with_a_mask():
    expected = np.asarray(keras.layers.Softmax()(A, mask=MASK))
    np.testing.assert_allclose(layers.Softmax()(A, mask=MASK).numpy(), expected, atol=1e-6)


# Keras 3.15 is wrong about sparsemax: of four equal numbers it makes no four quarters
NAMES = [n for n in sorted(activations._BY_NAME) if n not in ("threshold", "sparsemax")]


@pytest.mark.parametrize("name", NAMES)
def test_activations(name):
    edges = [-30, -6, -3, -1, -0.5, 0, 0.5, 1, 3, 6, 30, 0.1]
    x = np.concatenate([X.ravel() * 3, edges]).astype("float32").reshape(-1, 4)
    expected = np.asarray(keras.activations.get(name)(x))
    np.testing.assert_allclose(activations.get(name)(x).numpy(), expected, rtol=2e-5, atol=2e-6)


def test_every_name_of_keras_is_here():
    def public(module):
        return {n for n in dir(module) if not n.startswith("_")}

    later = {"deserialize", "serialize", "get"}
    assert public(keras.activations) - public(activations) - later == set()
    assert public(keras.initializers) - public(initializers) - later == set()
    assert public(keras.regularizers) - public(regularizers) - later == set()
    assert public(keras.constraints) - public(constraints) - {*later, "clip_by_value"} == set()


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_regularizers(name):
    expected = float(getattr(keras.regularizers, name)()(A))
    assert getattr(regularizers, name)()(A).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MaxNorm", {"max_value": 0.5}),
        ("MinMaxNorm", {"min_value": 0.5, "max_value": 0.8, "rate": 0.3}),
        ("NonNeg", {}),
        ("UnitNorm", {"axis": 1}),
    ],
)
def test_constraints(name, arguments):
    expected = np.asarray(getattr(keras.constraints, name)(**arguments)(A))
    found = getattr(constraints, name)(**arguments)(A)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", None])
@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
def test_stft_initializer(name, side, scaling):
    pytest.importorskip("scipy")
    arguments = {"side": side, "window": name, "scaling": scaling, "periodic": True}
    expected = np.asarray(keras.initializers.STFT(**arguments)((16, 1, 9)))
    found = initializers.STFT(**arguments)((16, 1, 9)).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-5)


# ---- whole models -------------------------------------------------------------------------------
def branching(k, model):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = k.Dense(3, activation="tanh")
    left, right = shared(a), k.Dense(6)(k.Dense(2)(b))
    joined = k.Concatenate()([left, shared(b), right])
    out = k.Dense(2, activation="softmax")(joined)
    return model([a, b], [out, k.Add()([k.Dense(3)(right), left])])


def test_weights_of_a_branching_model_come_in_keras_order():
    theirs, ours = branching(keras.layers, keras.Model), branching(layers, models.Model)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    ours.set_weights(theirs.get_weights())
    for expected, found in zip(theirs([A, B]), ours([A, B]), strict=True):
        np.testing.assert_allclose(found.numpy(), np.asarray(expected), rtol=2e-5, atol=2e-6)
    assert ours.count_params() == theirs.count_params()
