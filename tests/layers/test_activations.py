"""Activations: values against their formulas, names, and the memory of logits."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina import activations
from lamina.errors import ArgumentError, UnknownNameError
from lamina.layers import Activation, Dense, ReLU
from lamina.operations.logits import logits_of

X = np.array([-80.0, -6.0, -2.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 2.0, 6.0, 7.0, 80.0])
ERF = np.vectorize(math.erf)
SELU = (1.6732632423543772, 1.0507009873554805)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: SELU[1] * np.where(x > 0, x, SELU[0] * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: 0.5 * x * (1 + ERF(x / np.sqrt(2))),
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "gelu_approximate": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "log_sigmoid": lambda x: -softplus(-x),
    "exponential": np.exp,
    "softmax": lambda x: np.exp(x - x.max()) / np.exp(x - x.max()).sum(),
    "log_softmax": lambda x: x - x.max() - np.log(np.exp(x - x.max()).sum()),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values(name):
    found = activations.get(name)(lm.asarray(X)).numpy()
    np.testing.assert_allclose(found, FORMULAS[name](X), rtol=1e-6, atol=1e-9)
    assert np.isfinite(activations.get(name)(X.astype(np.float32)).numpy()).all()


def test_every_name_is_tested_or_here():
    others = {"glu", "sparsemax", "threshold"}
    assert set(activations._BY_NAME) | set(activations._ALIASES) == set(FORMULAS) | others
    halves = np.array([[1.0, 2.0, 0.0, 3.0]])
    np.testing.assert_allclose(
        activations.glu(halves).numpy(), halves[:, :2] * sigmoid(halves[:, 2:]), rtol=1e-6
    )
    np.testing.assert_allclose(
        activations.sparsemax(np.array([[0.0, 1.0, 0.9]])).numpy(), [[0, 0.55, 0.45]], rtol=1e-6
    )
    np.testing.assert_allclose(activations.threshold(X, 1.0, -3.0).numpy(), np.where(X > 1, X, -3))


@pytest.mark.parametrize(
    ("slope", "largest", "threshold"),
    [(0.0, None, 0.0), (0.1, None, 0.0), (0.0, 6.0, 0.0), (0.1, 6.0, 1.0), (0.0, 2.0, 0.5)],
)
def test_relu_of_every_kind(slope, largest, threshold):
    found = activations.relu(X, slope, largest, threshold).numpy()
    top = np.inf if largest is None else largest
    expected = np.where(X > threshold, np.minimum(X, top), slope * (X - threshold))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


def test_approximate_gelu():
    inner = np.sqrt(2 / np.pi) * (X + 0.044715 * X**3)
    found = activations.gelu(lm.asarray(X), approximate=True).numpy()
    np.testing.assert_allclose(found, 0.5 * X * (1 + np.tanh(inner)), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_logits_are_remembered_through_layers(name):
    for layer in (Dense(3, activation=name), Activation(name)):
        assert logits_of(layer(np.ones((2, 4)))) is not None


@pytest.mark.parametrize("activation", ["relu", activations.relu, ReLU(), None])
def test_activations_survive_a_configuration(activation):
    layer = Dense(2, activation=activation, kernel_initializer="ones")
    again = Dense.from_config(layer.get_config())
    x = np.array([[-1.0, 0.5], [2.0, 1.0]])
    np.testing.assert_array_equal(layer(x).numpy(), again(x).numpy())


def test_names():
    assert activations.get(None) is activations.linear
    assert activations.serialize(activations.get("swish")) == "silu"
    with pytest.raises(UnknownNameError, match=r"'rleu'\n.*'relu'"):
        Dense(2, activation="rleu")
    with pytest.raises(ArgumentError, match="lambda"):
        activations.serialize(lambda x: x)
    with pytest.raises(ArgumentError, match="neither a name nor a function"):
        activations.get(3)
