"""Streams: one element at a time gives what the whole sequence gives; what cannot is named."""

import runpy

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DTypeError, ShapeError, StateError
from paths import EXAMPLES

STEPS, FEATURES, TOKENS = 7, 5, 11
L = lm.layers
EXAMPLE = EXAMPLES / "character_language_model.py"


@pytest.fixture(params=["numpy", "llvm"], autouse=True)
def engine(request):
    with lm.settings(engine=request.param):
        yield


def series(batch=2):
    return np.random.default_rng(0).normal(size=(batch, STEPS, FEATURES)).astype("float32")


def tokens(batch=2):
    return np.random.default_rng(0).integers(0, TOKENS, (batch, STEPS)).astype("int32")


def streamed(stream, x):
    return np.stack([stream.step(x[:, t]) for t in range(x.shape[1])], axis=1)


def same(model, x, atol=2e-6, **options):
    """Both ways, twice, with a reset in between."""
    stream = model.stream(len(x), **options)
    whole = np.asarray(model(x))
    for _ in range(2):
        np.testing.assert_allclose(streamed(stream, x), whole, atol=atol)
        assert stream.position == x.shape[1]
        stream.reset()


def of_series(*layers):
    lm.set_seed(1)
    return lm.Sequential([lm.Input((None, FEATURES)), *layers])


STACKS = {
    "SimpleRNN": lambda: [L.SimpleRNN(4, return_sequences=True)],
    "LSTM": lambda: [L.LSTM(4, return_sequences=True)],
    "GRU": lambda: [L.GRU(4, return_sequences=True, reset_after=False)],
    "two": lambda: [L.LSTM(4, return_sequences=True), L.GRU(3, return_sequences=True), L.Dense(2)],
    "cells": lambda: [L.RNN([L.LSTMCell(4), L.GRUCell(3)], return_sequences=True)],
    "TimeDistributed": lambda: [L.TimeDistributed(L.Dense(3, "relu")), L.Dropout(0.5)],
    "features": lambda: [L.LayerNormalization(), L.BatchNormalization(), L.Activation("tanh")],
    "causal": lambda: [L.Conv1D(4, 3, padding="causal", activation="relu")],
    "dilated": lambda: [
        L.Conv1D(4, 2, padding="causal", dilation_rate=d, groups=1) for d in (1, 2, 4)
    ],
    "waves": lambda: [L.SinePositionEncoding(), L.Dense(2)],
}


@pytest.mark.parametrize("name", STACKS)
def test_a_series_step_by_step(name):
    same(of_series(*STACKS[name]()), series())


def test_the_last_output_is_that_of_the_sequence_so_far():
    model = of_series(L.LSTM(4), L.Dense(2))
    x, stream = series(), model.stream(2)
    for t in range(STEPS):
        y = stream.step(x[:, t])
        np.testing.assert_allclose(y, np.asarray(model(x[:, : t + 1])), atol=2e-6)


def test_parallel_layers_and_operations_between_them_stream():
    lm.set_seed(1)
    inputs = lm.Input((None, FEATURES))
    shared = L.GRU(4, return_sequences=True)
    a, b = shared(inputs), shared(inputs * 2.0)  # two states of one layer
    outputs = {"sum": L.Add()([a, b]) / 2.0, "both": L.Concatenate()([a, b]), "last": L.LSTM(3)(a)}
    model = lm.Model(inputs, outputs)
    x, stream = series(), model.stream(2)
    for t in range(STEPS):
        y = stream.step(x[:, t])
    whole = model(x)
    np.testing.assert_allclose(y["sum"], whole["sum"][:, -1], atol=2e-6)
    np.testing.assert_allclose(y["both"], whole["both"][:, -1], atol=2e-6)
    np.testing.assert_allclose(y["last"], whole["last"], atol=2e-6)


def test_masked_steps_leave_the_state_alone():
    lm.set_seed(1)
    x = tokens()
    x[0, 2:4] = 0
    x[1, :2] = 0
    layers = [L.Embedding(TOKENS, 4, mask_zero=True), L.LSTM(3, return_sequences=True)]
    same(lm.Sequential([lm.Input((None,), dtype="int32"), *layers]), x)
    quiet = L.LSTM(3, return_sequences=True, zero_output_for_mask=True)
    same(lm.Sequential([lm.Input((None,), dtype="int32"), layers[0], quiet]), x)


@pytest.mark.parametrize("first", [True, False])
def test_a_transformer_keeps_keys_and_values(first):
    lm.set_seed(1)
    inputs = lm.Input((None,), dtype="int32")
    h = L.TokenAndPositionEmbedding(TOKENS, STEPS, 8, mask_zero=True)(inputs)
    for _ in range(2):
        h = L.TransformerDecoder(16, 2, activation="gelu", normalize_first=first)(h)
    model = lm.Model(inputs, L.Dense(TOKENS)(h))
    x = tokens()
    x[0, :2] = 0
    x[1, 3] = 0
    same(model, x, atol=1e-5)
    stream = model.stream(2)
    streamed(stream, x)
    with pytest.raises(StateError, match="7 steps have come, and it has no room for more"):
        stream.step(x[:, 0])


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_the_example_of_characters(name):
    names = runpy.run_path(str(EXAMPLE))
    lm.set_seed(1)
    sizes = {"units": 8} if name == "lstm" else {"context": STEPS, "blocks": 2, "heads": 2}
    same(names[name](TOKENS, width=8, **sizes), tokens(), atol=1e-5)


def test_attention_alone_needs_a_length():
    inputs = lm.Input((None, FEATURES))
    attention = L.MultiHeadAttention(2, 3)
    model = lm.Model(inputs, attention(inputs, inputs, use_causal_mask=True))
    same(model, series(), length=STEPS)
    with pytest.raises(ArgumentError, match="the number of steps is unknown"):
        model.stream()


def test_a_batch_of_one_may_come_without_it():
    model = of_series(L.LSTM(4, return_sequences=True))
    x, stream = series(1), model.stream()
    for t in range(STEPS):
        y = stream.step(x[0, t].tolist())
    np.testing.assert_allclose(y, np.asarray(model(x))[0, -1], atol=2e-6)
    characters = lm.Sequential([lm.Input((None,), dtype="int32"), L.Embedding(TOKENS, 4)])
    assert characters.stream().step(3).shape == (4,)


def test_a_state_can_be_kept_and_returned_to():
    model = of_series(L.LSTM(4, name="memory"))
    x, stream = series(), model.stream(2)
    stream.step(x[:, 0])
    saved = stream.state
    assert set(saved) == {"memory", "position"}
    assert saved["position"] == 1
    once = [stream.step(x[:, t]) for t in (1, 2)]
    stream.state = saved
    assert stream.position == 1
    again = [stream.step(x[:, t]) for t in (1, 2)]
    np.testing.assert_array_equal(once, again)
    with pytest.raises(StateError, match="not a state of it"):
        stream.state = {"position": 3}


def test_streams_share_weights_and_nothing_else():
    model = of_series(L.LSTM(4))
    x, one, other = series(), model.stream(2), model.stream(2)
    first = one.step(x[:, 0])
    one.step(x[:, 1])
    np.testing.assert_array_equal(other.step(x[:, 0]), first)
    assert first is not other.step(x[:, 1])
    model.set_weights([w * 2 for w in model.get_weights()])
    other.reset()
    np.testing.assert_allclose(other.step(x[:, 0]), np.asarray(model(x[:, :1])), atol=1e-6)


class Gate(L.Layer):
    """A layer of a user's, around others."""

    def build(self, input_shape):
        self.memory = L.LSTM(4, return_sequences=True)
        self.memory.build(input_shape)

    def call(self, inputs):
        return self.memory(inputs) * 0.5


def test_custom_classes_declare_that_they_stream():
    with pytest.raises(ArgumentError, match=r"Gate '.*gate' cannot be streamed(.|\n)*streams ="):
        of_series(Gate()).stream()

    class Streaming(Gate):
        streams = "each_step"

    same(of_series(Streaming()), series())


def test_a_subclass_with_its_own_call_must_say_that_it_streams():
    class Shifted(L.Dense):
        def call(self, inputs):
            return lm.roll(super().call(inputs), 1, axis=1)

    class Doubled(L.Dense):
        streams = "each_step"

        def call(self, inputs):
            return super().call(inputs) * 2.0

    class Named(L.Dense):
        pass

    assert [c.streams for c in (L.Dense, Shifted, Doubled, Named)] == [
        *("each_step", "no", "each_step", "each_step")
    ]
    with pytest.raises(ArgumentError, match=r"Shifted.*what Shifted\.call does with several"):
        of_series(Shifted(2)).stream()
    same(of_series(Doubled(2), Named(3)), series())


def test_a_users_layer_of_state_streams_and_an_axis_other_than_the_last_does_not():
    class Sum(L.Layer):
        def call(self, inputs):
            return lm.cumulative_sum(inputs, axis=1)

        def call_streaming(self, stream, inputs):
            state = stream.state(self, lambda: lm.zeros((stream.batch, 1, inputs.shape[-1])))
            total = state.read() + inputs
            state.keep(total)
            return total

    assert Sum.streams == "state"
    same(of_series(Sum()), series())

    class Along(L.Layer):
        streams = "each_step"

        def __init__(self, axis):
            super().__init__()
            self.axis = axis

        def call(self, inputs):
            return lm.softmax(inputs, axis=self.axis)

    same(of_series(Along(-1)), series())
    with pytest.raises(ArgumentError, match="cannot be streamed"):
        of_series(Along(1)).stream()


def test_an_unknown_value_of_streams_is_refused_with_those_that_there_are():
    with pytest.raises(ArgumentError, match=r"one of .each_step., .state., .no., got True"):
        type("Wrong", (L.Layer,), {"streams": True})


CANNOT = {
    "Bidirectional": lambda: L.Bidirectional(L.LSTM(4, return_sequences=True)),
    "LSTM": lambda: L.LSTM(4, go_backwards=True, return_sequences=True),
    "GlobalAveragePooling1D": lambda: L.GlobalAveragePooling1D(),
    "Conv1D": lambda: L.Conv1D(4, 3, padding="same"),
    "Permute": lambda: L.Permute((2, 1)),
    "MultiHeadAttention": lambda: L.TransformerEncoder(8, 1),
    "Lambda": lambda: L.Lambda(lambda x: lm.cumulative_sum(x, axis=1)),
}


@pytest.mark.parametrize("name", CANNOT)
def test_a_layer_that_needs_other_steps_is_named(name):
    with pytest.raises(ArgumentError, match=rf"{name} '.*' cannot be streamed"):
        of_series(CANNOT[name]()).stream()


def test_an_operation_over_steps_is_named():
    inputs = lm.Input((None, FEATURES))
    model = lm.Model(inputs, L.Dense(2)(lm.mean(inputs, axis=1)))
    with pytest.raises(ArgumentError, match="between its layers is the operation reduce"):
        model.stream()


def test_stream_refuses_input_that_is_not_a_step():
    stream = of_series(L.LSTM(4)).stream(2)
    with pytest.raises(ShapeError, match=r"a step of shape \(2, 7, 5\) came, expected \(2, 5\)"):
        stream.step(series())
    characters = lm.Sequential([lm.Input((None,), dtype="int32"), L.Embedding(TOKENS, 4)])
    with pytest.raises(DTypeError, match="expected int32"):
        characters.stream().step([0.5])
    with pytest.raises(ShapeError, match="must be open"):
        lm.Sequential([lm.Input((4, 3)), L.LSTM(2)]).stream()


def test_a_stream_can_be_looked_into():
    stream = of_series(L.LSTM(4)).stream()
    assert "dot_general" in str(lm.inspect.graph(stream))
    assert "reduce" not in str(lm.inspect.graph(stream))
