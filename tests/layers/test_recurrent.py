"""Recurrent layers against loops in NumPy, masks against each sequence run alone, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina as lm
from lamina.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Embedding,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)
from lamina.operations import masks

RNG = np.random.default_rng(7)
X = RNG.normal(size=(3, 6, 4)).astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# ---- the equations, step by step ---------------------------------------------------------------
def simple_step(x, states, kernel, recurrent, bias):
    h = np.tanh(x @ kernel + states[0] @ recurrent + bias)
    return [h]


def lstm_step(x, states, kernel, recurrent, bias):
    h, c = states
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru_step(x, states, kernel, recurrent, bias):
    (h,) = states
    xz, xr, xn = np.split(x @ kernel + bias[0], 3, axis=-1)
    hz, hr, hn = np.split(h @ recurrent + bias[1], 3, axis=-1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return [z * h + (1 - z) * np.tanh(xn + r * hn)]


def gru_before_step(x, states, kernel, recurrent, bias):
    (h,), u = states, states[0].shape[-1]
    xz, xr, xn = np.split(x @ kernel + bias, 3, axis=-1)
    z = sigmoid(xz + h @ recurrent[:, :u])
    r = sigmoid(xr + h @ recurrent[:, u : 2 * u])
    return [z * h + (1 - z) * np.tanh(xn + (r * h) @ recurrent[:, 2 * u :])]


ROWS = {
    "simple": (SimpleRNN, {}, simple_step, 1),
    "lstm": (LSTM, {}, lstm_step, 2),
    "gru": (GRU, {}, gru_step, 1),
    "gru_before": (GRU, {"reset_after": False}, gru_before_step, 1),
}
SEQUENCES = [lm.Spec(("batch", "steps", 4), "float32"), lm.Spec(("batch", "steps"), "bool")]
each_kind = pytest.mark.parametrize("kind", ROWS)


def looped(kind, layer, x, states=None, backwards=False):
    """All outputs, in the order they are made, and the last states."""
    step, count = ROWS[kind][2:]
    weights = layer.get_weights()
    states = states or [np.zeros((len(x), layer.units))] * count
    outputs = []
    for t in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
        states = step(x[:, t], states, *weights)
        outputs.append(states[0])
    return np.stack(outputs, axis=1), states


def made(kind, units=5, randomly=True, **options):
    layer = ROWS[kind][0](units, **ROWS[kind][1], **options)
    layer.build((None, None, X.shape[-1]))
    if randomly:
        layer.set_weights([RNG.normal(size=w.shape, scale=0.4) for w in layer.get_weights()])
    return layer


def close(ours, theirs, atol=2e-6):
    np.testing.assert_allclose(np.asarray(ours), theirs, atol=atol, rtol=2e-5)


@each_kind
@pytest.mark.parametrize("backwards", [False, True])
def test_every_output_and_the_states_are_those_of_a_loop(kind, backwards):
    layer = made(kind, return_sequences=True, return_state=True, go_backwards=backwards)
    first = [RNG.normal(size=(3, 5)) for _ in range(ROWS[kind][3])]
    for states in (None, first):
        outputs, last = looped(kind, layer, X, states, backwards)
        ours = layer(X, initial_state=states)
        close(ours[0], outputs)
        for a, b in zip(ours[1:], last, strict=True):
            close(a, b)


@each_kind
def test_the_last_output_is_that_of_the_last_step(kind):
    layer = made(kind)
    close(layer(X), looped(kind, layer, X)[0][:, -1])
    assert layer(X).shape == (3, 5)


@each_kind
def test_one_program_serves_every_length_and_batch(kind):
    layer = made(kind, return_sequences=True)
    f = lm.compile(lambda x, mask: layer(x, mask=mask), signature=SEQUENCES)
    before = lm.compile_stats().count
    for shape in ((3, 6, 4), (2, 9, 4), (5, 1, 4)):
        data = RNG.normal(size=shape).astype("float32")
        close(f(data, np.ones(shape[:2], bool)), looped(kind, layer, data)[0])
    assert lm.compile_stats().count - before <= 1


def test_a_model_of_open_length_takes_any():
    x = Input((None, 4))
    layer = made("lstm", return_sequences=True)
    model = lm.Model(x, layer(x))
    assert model.output_shape == (None, None, 5)
    for shape in ((3, 6, 4), (2, 9, 4)):
        data = RNG.normal(size=shape).astype("float32")
        close(model.predict(data, verbose=0), looped("lstm", layer, data)[0])


@each_kind
def test_a_cell_does_one_step(kind):
    layer = made(kind)
    states = [RNG.normal(size=(3, 5)).astype("float32") for _ in range(ROWS[kind][3])]
    output, new = layer.cell(X[:, 0], states)
    expected = looped(kind, layer, X[:, :1], states)[1]
    close(output, expected[0])
    for a, b in zip(new, expected, strict=True):
        close(a, b)


def test_the_weights_have_the_names_and_shapes_of_keras():
    for kind, shapes in {
        "simple": [(4, 5), (5, 5), (5,)],
        "lstm": [(4, 20), (5, 20), (20,)],
        "gru": [(4, 15), (5, 15), (2, 15)],
        "gru_before": [(4, 15), (5, 15), (15,)],
    }.items():
        layer = made(kind, randomly=False)
        assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
        assert [w.shape for w in layer.weights] == shapes
    bias = made("lstm", randomly=False).get_weights()[2]
    assert bias.tolist() == [0] * 5 + [1] * 5 + [0] * 10
    assert not made("lstm", randomly=False, unit_forget_bias=False).get_weights()[2].any()
    recurrent = made("simple", randomly=False).get_weights()[1]
    close(recurrent @ recurrent.T, np.eye(5), atol=1e-5)
    assert len(LSTM(3, use_bias=False).cell._weights) == 0
    assert len(made("lstm", use_bias=False).weights) == 2


# ---- masks -------------------------------------------------------------------------------------
def alone(kind, layer, x, mask):
    """Each sequence by itself, without the steps that are not there."""
    last = np.zeros((len(x), layer.units), "float32")
    for row, there in enumerate(mask):
        if there.any():
            last[row] = looped(kind, layer, x[row : row + 1, there])[0][0, -1]
    return last


def patterns():
    row = st.lists(st.booleans(), min_size=6, max_size=6)
    return st.lists(row, min_size=3, max_size=3).map(lambda rows: np.array(rows))


@given(mask=patterns(), kind=st.sampled_from(sorted(ROWS)))
@settings(max_examples=25, deadline=None)
def test_a_masked_sequence_is_the_sequence_without_those_steps(mask, kind):
    layer = made(kind)
    close(layer(X, mask=mask), alone(kind, layer, X, mask))


@each_kind
def test_masked_steps_repeat_the_output_or_give_zeros(kind):
    mask = np.array([[0, 1, 0, 0, 1, 0], [0] * 6, [1] * 6], bool)
    layer = made(kind, return_sequences=True)
    outputs = layer(X, mask=mask).numpy()
    ran = looped(kind, layer, X[:1, mask[0]])[0][0]
    close(outputs[0], np.stack([ran[0] * 0, ran[0], ran[0], ran[0], ran[1], ran[1]]))
    assert not outputs[1].any()
    close(outputs[2], looped(kind, layer, X[2:])[0][0])
    layer.zero_output_for_mask = True
    zeroed = layer(X, mask=mask).numpy()
    close(zeroed, outputs * mask[:, :, None])


def test_a_row_without_any_step_gives_what_it_began_with():
    layer = made("lstm", return_sequences=True, return_state=True)
    first = [np.ones((3, 5), "float32"), np.full((3, 5), 2.0, "float32")]
    outputs, h, c = layer(X, initial_state=first, mask=np.zeros((3, 6), bool))
    assert np.all(outputs.numpy() == 1)
    assert np.all(h.numpy() == 1)
    assert np.all(c.numpy() == 2)


def test_values_at_masked_steps_change_neither_results_nor_gradients():
    mask = np.array([[1, 1, 0, 0, 0, 0], [0] * 6, [0, 1, 0, 1, 1, 0]], bool)
    layer = made("lstm")
    spoilt = np.where(mask[:, :, None], X, np.nan).astype("float32")

    def loss(x):
        return lm.sum(lm.square(layer(x, mask=mask)))

    variables = layer.trainable_weights
    wanted = lm.grad(lambda _: loss(X))(variables)
    for a, b in zip(lm.grad(lambda _: loss(spoilt))(variables), wanted, strict=True):
        close(a, b.numpy())
    assert not lm.grad(loss)(lm.asarray(X)).numpy()[~mask].any()


def test_masks_pass_from_layer_to_layer_to_the_loss_and_the_metrics():
    numbers = np.array([[3, 1, 2, 0, 0], [4, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    x = Input((None,), dtype="int32")
    h = Embedding(5, 4, mask_zero=True)(x)
    h = Bidirectional(LSTM(3, return_sequences=True))(h)
    model = lm.Model(x, Dense(1)(h))
    model.compile("sgd", "mse", metrics=["mae"])
    targets = RNG.normal(size=(3, 5, 1)).astype("float32")
    there = numbers != 0
    assert np.array_equal(masks.mask_of(model(numbers)).numpy(), there)
    errors = (model(numbers).numpy() - targets)[there]
    loss, mae = model.evaluate(numbers, targets, verbose=0)
    assert loss == pytest.approx(np.mean(errors**2), rel=1e-5)
    assert mae == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)


def test_masking_marks_steps_and_the_next_layer_skips_them():
    x = X.copy()
    x[0, 4:], x[1, :2] = 9.0, 9.0
    layer = made("gru")
    model = lm.Sequential([Input((6, 4)), Masking(9.0), layer])
    there = ~np.all(x == 9.0, axis=-1)
    close(model(x), alone("gru", layer, x, there))
    close(model.predict(x, verbose=0), alone("gru", layer, x, there))
    given = np.array([[1] * 6, [0] * 6, [1, 0] * 3], bool)
    plain = lm.Sequential([Input((6, 4)), layer])
    close(plain(X, mask=given), alone("gru", layer, X, given))


# ---- gradients, engines ------------------------------------------------------------------------
@each_kind
def test_gradient_through_a_hundred_steps(kind):
    x = RNG.normal(size=(2, 100, 3))
    layer = ROWS[kind][0](4, dtype="float64", **ROWS[kind][1])
    layer.build((None, None, 3))
    variables = layer.trainable_weights
    mask = RNG.random((2, 100)) < 0.8

    def loss():
        return lm.sum(lm.sin(layer(x, mask=mask) * 3.0))

    gradients = lm.grad(lambda _: loss())(variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        direction = RNG.normal(size=variable.shape)
        before, step = variable.numpy(), 1e-5
        values = []
        for sign in (1, -1):
            variable.assign(before + sign * step * direction)
            values.append(loss().item())
        variable.assign(before)
        slope = (values[0] - values[1]) / (2 * step)
        assert np.sum(gradient.numpy() * direction) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@each_kind
def test_training_on_both_engines_is_the_same(kind):
    def trained(engine):
        lm.set_seed(3)
        with lm.settings(engine=engine):
            model = lm.Sequential(
                [Input((6, 4)), ROWS[kind][0](5, **ROWS[kind][1], return_sequences=True), LSTM(3)]
            )
            model.compile("sgd", "mse")
            model.fit(X, np.ones((3, 3), "float32"), epochs=2, batch_size=2, verbose=0)
            return model.get_weights()

    for a, b in zip(trained("llvm"), trained("numpy"), strict=True):
        close(a, b, atol=1e-5)


@each_kind
@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(kind, threads):
    numbers = RNG.integers(0, 9, (70, 12))
    targets = RNG.normal(size=(70, 12, 3)).astype("float32")

    def trained(count):
        lm.set_seed(3)
        with lm.settings(threads=count):
            layer = ROWS[kind][0](33, return_sequences=True, dropout=0.2, **ROWS[kind][1])
            table = Embedding(9, 16, mask_zero=True)
            model = lm.Sequential([Input((None,)), table, Bidirectional(layer), Dense(3)])
            model.compile("adam", "mse")
            model.fit(numbers, targets, epochs=2, batch_size=32, verbose=0, seed=1)
            return model.get_weights()

    for a, b in zip(trained(1), trained(threads), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_gradient_shares_the_loop_of_the_forward_pass():
    from lamina.ir.graph import parameter, topological
    from lamina.rewrite.simplify import Graph, simplify
    from lamina.tensor import as_node, from_node
    from lamina.variables import tracing

    layer = made("lstm")
    with tracing():
        x = parameter(lm.asarray(X)._type, "x")
        both = lm.value_and_grad(lambda v: lm.sum(layer(v)))(from_node(x))
    whole = simplify(Graph([x], [as_node(t) for t in both]))
    assert sum(n.op == "scan" for n in topological(whole.results)) == 2


# ---- dropout, state ----------------------------------------------------------------------------
@each_kind
def test_dropout_takes_one_mask_for_all_steps(kind):
    ones = np.ones((3, 6, 4), "float32")
    layer = made(kind, dropout=0.5, recurrent_dropout=0.5)
    plain = layer(ones).numpy()
    close(plain, looped(kind, layer, ones)[0][:, -1])
    lm.set_seed(1)
    first = layer(ones, training=True).numpy()
    lm.set_seed(1)
    assert np.array_equal(first, layer(ones, training=True).numpy())
    assert not np.allclose(first, plain)
    assert not np.allclose(first, layer(ones, training=True).numpy())


def test_inputs_are_dropped_alike_at_every_step():
    layer = SimpleRNN(4, activation="linear", dropout=0.5, return_sequences=True)
    layer.build((None, None, 4))
    layer.set_weights([np.eye(4), np.zeros((4, 4)), np.zeros(4)])
    outputs = layer(np.ones((2, 5, 4), "float32"), training=True).numpy()
    assert set(np.unique(outputs)) <= {0.0, 2.0}
    assert np.all(outputs == outputs[:, :1])


@each_kind
def test_a_stateful_layer_continues_from_its_state(kind):
    layer = made(kind, stateful=True, return_sequences=True)
    whole = looped(kind, layer, X)[0]
    close(layer(X[:, :2]), whole[:, :2])
    close(layer(X[:, 2:3]), whole[:, 2:3])
    close(layer(X[:, 3:]), whole[:, 3:])
    layer.reset_state()
    close(layer(X), whole)
    with pytest.raises(lm.errors.ShapeError, match="holds the state of 3 sequences; now 2"):
        layer(X[:2])


def test_a_stateful_model_continues_from_prediction_to_prediction():
    x = Input(batch_shape=(3, None, 4))
    layer = made("lstm", stateful=True, return_sequences=True)
    model = lm.Model(x, layer(x))
    assert len(model.weights) == 3
    whole = looped("lstm", layer, X)[0]
    parts = [model.predict(X[:, k : k + 2], batch_size=3, verbose=0) for k in (0, 2, 4)]
    close(np.concatenate(parts, axis=1), whole)
    with pytest.raises(lm.errors.ShapeError, match="how many sequences"):
        LSTM(2, stateful=True)(Input((None, 4)))


# ---- cells of all kinds ------------------------------------------------------------------------
def test_stacked_cells_are_layers_above_each_other():
    cells = [LSTMCell(5), GRUCell(3), SimpleRNNCell(2)]
    layer = RNN(cells, return_sequences=True, return_state=True)
    outputs, *states = layer(X)
    assert isinstance(layer.cell, StackedRNNCells)
    h = X
    for cell, kind in zip(cells, ("lstm", "gru", "simple"), strict=True):
        own = ROWS[kind][0](cell.units)
        own.build((None, None, h.shape[-1]))
        own.set_weights(cell.get_weights())
        h, last = looped(kind, own, h)
        for a, b in zip(states.pop(0), last, strict=True):
            close(a, b)
    close(outputs, h)
    mask = np.array([[1, 0, 1, 0, 0, 0], [0] * 6, [1] * 6], bool)
    layer = RNN(cells)
    close(layer(X, mask=mask)[0], layer(X[:1, mask[0]])[0].numpy())
    assert not layer(X, mask=mask)[1].numpy().any()


class Averaging(Layer):
    """A cell of a user's own: its output is not its state."""

    state_size = 4

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=(4,), initializer="ones")

    def call(self, inputs, states):
        new = 0.5 * states[0] + 0.5 * inputs * self.factor.read()
        return new + 1.0, [new]


def test_any_cell_with_a_call_and_a_state_size_will_do():
    state, outputs = np.zeros((3, 4)), []
    for t in range(6):
        state = 0.5 * state + 0.5 * X[:, t]
        outputs.append(state + 1)
    close(RNN(Averaging())(X), outputs[-1])
    close(RNN(Averaging(), return_sequences=True)(X), np.stack(outputs, 1))
    mask = np.array([[1, 1, 0, 0, 0, 0], [0] * 6, [1] * 6], bool)
    masked = RNN(Averaging())(X, mask=mask).numpy()
    close(masked[0], outputs[1][0])
    assert not masked[1].any()
    with pytest.raises(lm.errors.ArgumentError, match="needs `state_size`"):
        RNN(Dense(3))


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_bidirectional_merges(mode, sequences):
    both = Bidirectional(LSTM(5, return_sequences=sequences, return_state=True), merge_mode=mode)
    found = both(X)
    ahead, h = looped("lstm", both.forward_layer, X)
    back, h2 = looped("lstm", both.backward_layer, X, backwards=True)
    ahead, back = (ahead, back[:, ::-1]) if sequences else (ahead[:, -1], back[:, -1])
    merged = {
        "concat": lambda: np.concatenate([ahead, back], -1),
        "sum": lambda: ahead + back,
        "mul": lambda: ahead * back,
        "ave": lambda: (ahead + back) / 2,
    }
    if mode is None:
        close(found[0], ahead)
        close(found[1], back)
    else:
        close(found[0], merged[mode]())
    for a, b in zip(found[-4:], [*h, *h2], strict=True):
        close(a, b)
    assert [w.shape for w in both.weights] == [(4, 20), (5, 20), (20,)] * 2
    names = [name.split("/")[0] for name in both.named_weights()]
    assert names == ["forward_lstm"] * 3 + ["backward_lstm"] * 3


def test_time_distributed_is_the_layer_on_each_step():
    inner = Dense(2, activation="relu")
    layer = TimeDistributed(inner)
    outputs = layer(X)
    close(outputs, np.stack([inner(X[:, t]).numpy() for t in range(6)], axis=1))
    x = Input((None, 4))
    model = lm.Model(x, TimeDistributed(Dense(2))(x))
    assert model.output_shape == (None, None, 2)
    assert model.predict(X, verbose=0).shape == (3, 6, 2)


# ---- embedding, errors, configuration ----------------------------------------------------------
def test_embedding_takes_rows_and_names_what_is_outside():
    layer = Embedding(6, 3)
    numbers = np.array([[0, 5], [2, 2]])
    close(layer(numbers), layer.get_weights()[0][numbers])
    assert layer.weights[0].name == "embeddings"
    with pytest.raises(lm.errors.OutOfBoundsError, match=r"number 6 at position \(1, 0\).*0 to 5"):
        layer(np.array([[0, 5], [6, 2]]))
    with pytest.raises(lm.errors.OutOfBoundsError, match="number -1"):
        layer(np.array([-1]))
    table = RNG.normal(size=(6, 3))
    close(Embedding(6, 3, weights=[table])(numbers), table[numbers])
    assert layer.compute_mask(numbers) is None


def test_errors_say_what_came():
    layer = LSTM(3)
    with pytest.raises(lm.errors.ShapeError, match=r"expected an input of 3 axes.*\(2, 5\)"):
        layer(np.zeros((2, 5), "float32"))
    with pytest.raises(lm.errors.ShapeError, match="initial_state has shapes"):
        layer(X, initial_state=[np.zeros((3, 3), "float32")])
    with pytest.raises(lm.errors.ShapeError, match="the mask has shape"):
        layer(X, mask=np.ones((3, 5), bool))
    with pytest.raises(lm.errors.ShapeError, match="4 features"):
        layer(np.zeros((2, 5, 3), "float32"))
    with pytest.raises(lm.errors.UnknownNameError, match="recurrent_dropout"):
        LSTM(3, recurrent_dropuot=0.1)
    with pytest.raises(lm.errors.RangeError, match="GRU: invalid dropout"):
        GRU(3, dropout=1.5)
    with pytest.raises(lm.errors.ArgumentError, match="recurrent layer"):
        Bidirectional(Dense(3))


def test_layers_come_back_from_their_configuration():
    layers = [
        LSTM(3, return_sequences=True, dropout=0.2, unit_forget_bias=False),
        GRU(3, reset_after=False, go_backwards=True),
        SimpleRNN(3, "relu", kernel_regularizer="l2"),
        RNN([LSTMCell(3), GRUCell(2)]),
        Bidirectional(GRU(3), merge_mode="sum"),
        TimeDistributed(Dense(2)),
        Masking(3.0),
    ]
    for layer in layers:
        layer(X)
        again = type(layer).from_config(layer.get_config())
        again(X)
        again.set_weights(layer.get_weights())
        close(again(X), layer(X).numpy())
    numbers = Embedding(6, 3, mask_zero=True)
    assert Embedding.from_config(numbers.get_config()).mask_zero


def test_a_simple_rnn_learns_to_remember():
    """The sign of the first step, five steps later."""
    lm.set_seed(0)
    x = RNG.normal(size=(256, 6, 1)).astype("float32")
    y = (x[:, 0, 0] > 0).astype("float32")
    model = lm.Sequential([Input((6, 1)), LSTM(12), Dense(1, "sigmoid")])
    model.compile(lm.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=40, batch_size=64, verbose=0)
    assert history.history["accuracy"][-1] > 0.95
    assert math.isfinite(history.history["loss"][-1])


def test_a_vector_spread_inside_of_an_eager_scan_leaves_a_value():
    bias = lm.asarray(RNG.normal(size=5).astype("float32"))
    total, _ = lm.scan(lambda c, x: (c + x + bias, None), lm.zeros((3, 5)), lm.ones((4, 3, 5)))
    close(total, np.broadcast_to(4 + 4 * bias.numpy(), (3, 5)))


def test_a_compiled_stateful_layer_streams():
    layer = made("gru", stateful=True)
    layer(X[:, :1])
    layer.reset_state()
    step = lm.compile(layer)
    for t in range(6):
        last = step(X[:, t : t + 1])
    close(last, looped("gru", layer, X)[0][:, -1])
