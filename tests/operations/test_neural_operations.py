"""Activations, cross-entropies and dropout against NumPy, and gradients of composed operations."""

import math
import weakref

import numpy as np
import pytest

import lamina as lm
from lamina.operations import logits, neural, piecewise, probabilities
from operands import close, of

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, at infinities


# ---- activations -------------------------------------------------------------------------------
def numpy_softmax(x, axis=-1):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "celu": lambda x: np.maximum(x, 0) + np.minimum(0, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + abs(x)),
    "softmax": numpy_softmax,
    "log_softmax": lambda x: np.log(numpy_softmax(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "log_sigmoid": lambda x: -np.logaddexp(-x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(abs(x) > 0.5, x, 0),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "exponential": np.exp,
    "linear": lambda x: x,
}


def activation(name):
    return next(vars(m)[name] for m in (neural, piecewise, probabilities) if name in vars(m))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = of((6, 8), "float64", -6, 6)
    close(activation(name)(x), ACTIVATIONS[name](x), rtol=1e-12, atol=1e-12)
    extremes = activation(name)(lm.asarray([[-1e4, 0.0, 50.0]]))
    assert np.isfinite(extremes.numpy()).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_activations_are_finite_far_out(name):
    def total(x):
        return lm.sum(activation(name)(x))

    gradient = lm.grad(total)(lm.asarray([[-1e4, -1.0, 0.0, 1.0, 50.0]]))
    assert np.isfinite(gradient.numpy()).all()


def test_sparsemax():
    ours = probabilities.sparsemax(lm.asarray([[3.0, 1.0, 0.2], [0.1, 0.2, 0.3]]))
    close(ours, [[1.0, 0.0, 0.0], [0.7 / 3, 1 / 3, 1.3 / 3]])


def test_glu_threshold_and_l2_normalize():
    x = of((4, 6), "float64")
    close(neural.glu(x), x[:, :3] / (1 + np.exp(-x[:, 3:])))
    close(neural.threshold(x, 0.5, -1.0), np.where(x > 0.5, x, -1.0))
    close(neural.l2_normalize(x), x / np.linalg.norm(x, axis=-1, keepdims=True))
    with pytest.raises(lm.errors.ShapeError, match="glu"):
        neural.glu(x[:, :5])
    exact = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x[0]]
    close(neural.gelu(x[0], approximate=False), exact)


def test_softmax_remembers_its_logits():
    x = lm.asarray(of((2, 3)))
    assert logits.logits_of(lm.softmax(x)) is x
    assert logits.logits_of(lm.softmax(x), "sigmoid") is None
    assert logits.logits_of(lm.sigmoid(x), "sigmoid") is x
    assert logits.logits_of(x) is None
    assert logits.logits_of(lm.softmax(x, axis=0), "softmax") is None
    kept = lm.softmax(x + 0.0)
    logits_of_kept = weakref.ref(logits.logits_of(kept))
    assert logits_of_kept() is not None
    del kept
    assert logits_of_kept() is None

    seen = []

    def traced(x):
        y = lm.softmax(x)
        seen.append(logits.logits_of(y) is not None)
        return y

    with lm.settings(engine="numpy"):
        lm.compile(traced)(x)
    assert seen == [True]


# ---- gradients of what is composed here --------------------------------------------------------
COMPOSED = {
    "sinh": (lm.sinh, np.cosh), "cosh": (lm.cosh, np.sinh),
    "asinh": (lm.asinh, lambda x: 1 / np.sqrt(x * x + 1)),
    "atan": (lm.atan, lambda x: 1 / (x * x + 1)), "tan": (lm.tan, lambda x: 1 / np.cos(x) ** 2),
    "log2": (lm.log2, lambda x: 1 / (x * np.log(2))), "cube": (lambda x: x**3, lambda x: 3 * x * x),
    "softplus": (probabilities.softplus, lambda x: 1 / (1 + np.exp(-x))),
    "logsumexp": (lambda x: lm.logsumexp(x), numpy_softmax),
    "hypot": (lambda x: lm.hypot(x, 0.0), np.sign),
    "cumsum": (lm.cumsum, lambda x: np.arange(len(x), 0.0, -1.0)),
    "std": (lm.std, lambda x: (x - x.mean()) / (len(x) * x.std())),
    "norm": (lm.linalg.norm, lambda x: x / np.linalg.norm(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
def test_gradients(name):
    f, derivative = COMPOSED[name]
    x = np.array([0.3, 1.2, 0.7, 2.1])
    close(lm.grad(lambda v: lm.sum(f(v)))(lm.asarray(x)), derivative(x), rtol=1e-9)


def test_gradients_at_zero():
    zero = lm.asarray(0.0)
    for f in (lm.sinh, lm.asinh, lm.atan, lm.asin, lm.atanh, lm.tan):
        assert lm.grad(f)(zero).item() == pytest.approx(1.0)
    assert lm.grad(lm.cosh)(zero).item() == 0.0


# ---- nn ----------------------------------------------------------------------------------------
def test_cross_entropies_on_logits():
    x = of((4, 3), "float64", -50, 50)
    labels = np.array([0, 2, 1, 1])
    expected = np.array([np.logaddexp.reduce(row) - row[k] for row, k in zip(x, labels)])
    close(lm.nn.sparse_softmax_cross_entropy_with_logits(labels, x), expected)
    close(lm.nn.softmax_cross_entropy_with_logits(np.eye(3)[labels], x), expected)
    y = of((4, 3), "bool").astype("float64")
    close(
        lm.nn.sigmoid_cross_entropy_with_logits(y, x),
        np.logaddexp(x, 0) - x * y,
    )
    with pytest.raises(lm.errors.ShapeError, match="sparse_softmax"):
        lm.nn.softmax_cross_entropy_with_logits(labels, x)


def test_dropout_keeps_the_mean():
    x = lm.ones((100, 100))
    y = lm.nn.dropout(x, 0.25, key=1).numpy()
    assert set(np.unique(y).tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert abs(y.mean() - 1) < 0.02
