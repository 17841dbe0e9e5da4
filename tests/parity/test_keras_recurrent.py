"""Recurrent layers and attention against Keras's: same weights, same inputs, same numbers."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina import layers  # noqa: E402

pytestmark = pytest.mark.parity

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 7, 4)).astype("float32")
Y = rng.normal(size=(3, 5, 4)).astype("float32")
MASK = np.array([[1, 1, 1, 1, 0, 0, 0], [0, 0, 1, 0, 1, 1, 0], [1] * 7], bool)
KEYS = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 0], [1] * 5], bool)
NUMBERS = np.array([[3, 1, 0, 0], [5, 2, 2, 0], [1, 0, 4, 0]])

OPTIONS = [
    {},
    {"return_sequences": True},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"use_bias": False, "activation": "relu"},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"return_sequences": True, "zero_output_for_mask": True, "go_backwards": True},
    {"go_backwards": True, "unroll": True},
    {"return_state": True, "activation": "linear"},
    {"dropout": 0.4, "recurrent_dropout": 0.3},  # nothing is dropped in inference
]
GATED = [{"recurrent_activation": "hard_sigmoid"}]
CASES = [
    *[("SimpleRNN", {"units": 5, **o}) for o in OPTIONS],
    *[("LSTM", {"units": 5, **o}) for o in OPTIONS + GATED],
    *[("GRU", {"units": 5, **o}) for o in OPTIONS + GATED],
    ("GRU", {"units": 5, "reset_after": False}),
    ("GRU", {"units": 5, "reset_after": False, "use_bias": False, "return_sequences": True}),
]


def names(case):
    return "-".join([case[0], *(f"{k}={v}" for k, v in case[1].items() if k != "units")])


def pair(name, arguments, *shapes):
    """A layer of each kind, with the same random weights."""
    theirs, ours = (getattr(m, name)(**arguments) for m in (keras.layers, layers))
    return alike(theirs, ours, *shapes)


def alike(theirs, ours, *shapes):
    theirs.build(*shapes)
    ours.build(*shapes)
    weights = [rng.normal(size=w.shape, scale=0.4).astype("float32") for w in theirs.weights]
    assert [w.shape for w in ours.weights] == [w.shape for w in weights]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return theirs, ours


def values_of(layer):
    return [np.asarray(w.value) for w in layer.weights]


def same(ours, theirs):
    several = isinstance(theirs, (list, tuple))
    for a, b in zip(*((ours, theirs) if several else ([ours], [theirs])), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=3e-5, atol=3e-6)


@pytest.mark.parametrize("case", CASES, ids=names)
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_recurrent_layers(case, mask):
    theirs, ours = pair(*case, X.shape)
    same(ours(X, mask=mask), theirs(X, mask=mask))
    count = 2 if case[0] == "LSTM" else 1
    first = [rng.normal(size=(3, 5)).astype("float32") for _ in range(count)]
    same(ours(X, initial_state=first, mask=mask), theirs(X, initial_state=first, mask=mask))


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_stateful_layers(name, mask):
    theirs, ours = pair(name, {"units": 5, "stateful": True, "return_sequences": True}, X.shape)
    for _ in range(3):
        same(ours(X, mask=mask), theirs(X, mask=mask))
    theirs.reset_state()
    ours.reset_state()
    same(ours(X), theirs(X))


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_penalties_constraints_and_initial_values(name):
    arguments = {
        "units": 5,
        "kernel_regularizer": "l2",
        "recurrent_regularizer": "l1",
        "bias_regularizer": "l2",
        "activity_regularizer": "l2",
        "kernel_constraint": "max_norm",
        "recurrent_constraint": "unit_norm",
        "bias_constraint": "non_neg",
        "bias_initializer": "ones",
    }
    if name == "SimpleRNN":  # where Keras takes one, and makes nothing of it
        del arguments["activity_regularizer"]
    theirs, ours = (getattr(m, name)(**arguments) for m in (keras.layers, layers))
    theirs.build(X.shape)
    ours.build(X.shape)
    np.testing.assert_array_equal(ours.get_weights()[2], values_of(theirs)[2])
    ours.set_weights(values_of(theirs))
    same(ours(X), theirs(X))
    assert float(sum(ours.losses)) == pytest.approx(float(sum(theirs.losses)), rel=1e-5)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        value = rng.normal(size=mine.shape).astype("float32")
        same(mine.constraint(value), other.constraint(value))


def test_the_bias_of_the_forget_gate():
    for given in (True, False):
        theirs, ours = (m.LSTM(3, unit_forget_bias=given) for m in (keras.layers, layers))
        theirs.build(X.shape)
        ours.build(X.shape)
        np.testing.assert_array_equal(ours.get_weights()[2], values_of(theirs)[2])


@pytest.mark.parametrize("name", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_cells(name):
    theirs, ours = pair(name, {"units": 5}, (3, 4))
    states = [rng.normal(size=(3, 5)).astype("float32") for _ in range(1 + (name == "LSTMCell"))]
    (a, u), (b, v) = ours(X[:, 0], states), theirs(X[:, 0], states)
    same([a, *u], [b, *v])


@pytest.mark.parametrize("inner", ["SimpleRNN", "GRU"])
def test_bidirectional_of_other_layers(inner):
    theirs, ours = (
        m.Bidirectional(getattr(m, inner)(5, return_sequences=True, return_state=True))
        for m in (keras.layers, layers)
    )
    alike(theirs, ours, X.shape)
    same(ours(X), theirs(X))
    theirs, ours = (
        m.Bidirectional(m.GRU(5), backward_layer=m.LSTM(3, go_backwards=True))
        for m in (keras.layers, layers)
    )
    alike(theirs, ours, X.shape)
    same(ours(X, mask=MASK), theirs(X, mask=MASK))


def test_batch_normalization_with_a_mask():
    theirs, ours = pair("BatchNormalization", {"momentum": 0.7}, X.shape)
    for _ in range(2):
        same(ours(X, training=True, mask=MASK), theirs(X, training=True, mask=MASK))
    same(ours.get_weights(), values_of(theirs))


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize(
    "options", [{}, {"return_sequences": True}, {"return_state": True}], ids=str
)
@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
def test_bidirectional(mode, options, mask):
    theirs, ours = (
        m.Bidirectional(m.LSTM(5, **options), merge_mode=mode) for m in (keras.layers, layers)
    )
    alike(theirs, ours, X.shape)
    same(ours(X, mask=mask), theirs(X, mask=mask))


def test_stacked_cells():
    theirs, ours = (
        m.RNN([m.LSTMCell(5), m.GRUCell(3)], return_sequences=True) for m in (keras.layers, layers)
    )
    alike(theirs, ours, X.shape)
    same(ours(X), theirs(X))


def test_time_distributed_embedding_and_masks_through_a_model():
    def model(m, keras_like):
        x = m.Input((None,), dtype="int32")
        h = m.Embedding(6, 4, mask_zero=True)(x)
        h = m.Bidirectional(m.GRU(3, return_sequences=True))(h)
        h = m.TimeDistributed(m.Dense(4, activation="tanh"))(h)
        return keras_like(x, m.LSTM(2)(h))

    from lamina import Model

    theirs, ours = model(keras.layers, keras.Model), model(layers, Model)
    weights = [rng.normal(size=w.shape).astype("float32") for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    same(ours(NUMBERS), theirs(NUMBERS))


@pytest.mark.parametrize(
    "options", [{}, {"use_bias": False, "value_dim": 6, "dropout": 0.1}, {"output_shape": 5}]
)
def test_multi_head_attention(options):
    arguments = {"num_heads": 2, "key_dim": 3, **options}
    theirs, ours = (m.MultiHeadAttention(**arguments) for m in (keras.layers, layers))
    alike(theirs, ours, X.shape, Y.shape)
    same(ours(X, Y), theirs(X, Y))
    attend = rng.random((3, 7, 5)) < 0.7
    attend[:, :, 0] = True
    for call in (
        {"value_mask": KEYS},
        {"attention_mask": attend, "return_attention_scores": True},
        {"use_causal_mask": True},
    ):
        same(ours(X, Y, **call), theirs(X, Y, **call))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Attention", {}),
        ("Attention", {"use_scale": True}),
        ("Attention", {"score_mode": "concat", "use_scale": True}),
        ("AdditiveAttention", {}),
    ],
)
def test_attention_without_heads(name, arguments):
    theirs, ours = pair(name, arguments, [X.shape, Y.shape])
    same(ours([X, Y]), theirs([X, Y]))
    mask = [MASK, KEYS]
    same(ours([X, Y], mask=mask), theirs([X, Y], mask=mask))
    same(ours([X, Y], use_causal_mask=True), theirs([X, Y], use_causal_mask=True))
