"""ConvLSTM compared with Keras's: same weights, same inputs, same numbers, for every option."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina import layers  # noqa: E402

pytestmark = pytest.mark.parity

rng = np.random.default_rng(0)
FILM = rng.normal(size=(2, 4, 6, 5, 3)).astype("float32")

OPTIONS = [
    {},
    {"padding": "same", "return_sequences": True},
    {"strides": 2, "padding": "same", "return_state": True},
    {"dilation_rate": 2, "use_bias": False},
    {"strides": (1, 2), "return_sequences": True, "go_backwards": True},
    {"activation": "relu", "recurrent_activation": "hard_sigmoid", "padding": "same"},
    {"dropout": 0.4, "recurrent_dropout": 0.3, "unit_forget_bias": False},
]


def alike(name, shape, arguments):
    """A layer of each kind, with the same random weights."""
    theirs, ours = (getattr(m, name)(4, 3, **arguments) for m in (keras.layers, layers))
    theirs.build(shape)
    ours.build(shape)
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    weights = [rng.normal(size=w.shape, scale=0.3).astype("float32") for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return theirs, ours


def same(ours, theirs):
    several = isinstance(theirs, (list, tuple))
    for a, b in zip(*((ours, theirs) if several else ([ours], [theirs])), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=3e-5, atol=5e-6)


@pytest.mark.parametrize("arguments", OPTIONS, ids=str)
def test_options(arguments):
    theirs, ours = alike("ConvLSTM2D", FILM.shape, arguments)
    same(ours(FILM), theirs(FILM))


@pytest.mark.parametrize(("name", "shape"), [("ConvLSTM1D", (8,)), ("ConvLSTM3D", (4, 5, 4))])
def test_other_ranks(name, shape):
    x = rng.normal(size=(2, 3, *shape, 2)).astype("float32")
    theirs, ours = alike(name, x.shape, {"padding": "same", "return_sequences": True})
    same(ours(x), theirs(x))


def test_initial_states_and_stateful_layers():
    arguments = {"padding": "same", "stateful": True}
    theirs, ours = alike("ConvLSTM2D", FILM.shape, arguments)
    for _ in range(2):
        same(ours(FILM), theirs(FILM))
    theirs, ours = alike("ConvLSTM2D", FILM.shape, {"padding": "same"})
    first = [rng.normal(size=(2, 6, 5, 4)).astype("float32") for _ in range(2)]
    same(ours(FILM, initial_state=first), theirs(FILM, initial_state=first))
