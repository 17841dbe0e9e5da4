"""Masks from layer to layer: which layers pass them on, and what the layers behind compute.

The expected numbers of the two tables were computed by Keras 3.15, on the same inputs.
"""

from __future__ import annotations

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import ArgumentError, ShapeError
from lamina.operations.masks import attach, mask_of

X = np.array([[[1, 2], [0, 0], [3, -4]], [[5, 5], [0, 0], [0, 0]]], "float32")
Y = np.array([[[0, 0], [0, 0], [2, -1]], [[-3, 1], [4, 2], [0, 0]]], "float32")
THERE = [[True, False, True], [True, False, False]]
ONES = {"kernel_initializer": "ones"}
EACH = {**ONES, "recurrent_initializer": "ones", "return_sequences": True}


def value_of(mask):
    return None if mask is None else mask.numpy().tolist()


# ---- one input: (layer, whether the output has the mask, mean over the steps that count) --------
BEHIND = {
    "Activation": (lambda: L.Activation("linear"), True, [[2, -1], [5, 5]]),
    "ActivityRegularization": (lambda: L.ActivityRegularization(0.1), True, [[2, -1], [5, 5]]),
    "AlphaDropout": (lambda: L.AlphaDropout(0.5), True, [[2, -1], [5, 5]]),
    "AveragePooling1D": (
        lambda: L.AveragePooling1D(1),
        False,
        [[1.3333, -0.6667], [1.6667, 1.6667]],
    ),
    "BatchNormalization": (
        lambda: L.BatchNormalization(beta_initializer="ones"),
        True,
        [[2.999, 0.0005], [5.9975, 5.9975]],
    ),
    "Bidirectional": (
        lambda: L.Bidirectional(L.SimpleRNN(1, **EACH)),
        True,
        [[0.4951, 0.108], [1, 1]],
    ),
    "Conv1D": (lambda: L.Conv1D(1, 1, **ONES), False, [[0.6667], [3.3333]]),
    "Conv1DTranspose": (lambda: L.Conv1DTranspose(1, 1, **ONES), False, [[0.6667], [3.3333]]),
    "Cropping1D": (lambda: L.Cropping1D((0, 1)), False, [[0.5, 1], [2.5, 2.5]]),
    "Dense": (lambda: L.Dense(2, bias_initializer="ones", **ONES), True, [[2, 2], [11, 11]]),
    "DepthwiseConv1D": (
        lambda: L.DepthwiseConv1D(1, depthwise_initializer="ones"),
        False,
        [[1.3333, -0.6667], [1.6667, 1.6667]],
    ),
    "Dropout": (lambda: L.Dropout(0.5), True, [[2, -1], [5, 5]]),
    "ELU": (lambda: L.ELU(), True, [[2, 0.5092], [5, 5]]),
    "GRU": (lambda: L.GRU(1, **EACH), True, [[-0.2426], [0]]),
    "GaussianDropout": (lambda: L.GaussianDropout(0.5), True, [[2, -1], [5, 5]]),
    "GaussianNoise": (lambda: L.GaussianNoise(0.5), True, [[2, -1], [5, 5]]),
    "GroupNormalization": (
        lambda: L.GroupNormalization(1),
        True,
        [[0.7537, -0.603], [1.4141, 1.4141]],
    ),
    "Identity": (lambda: L.Identity(), True, [[2, -1], [5, 5]]),
    "LSTM": (lambda: L.LSTM(1, **EACH), True, [[0.4523], [0.7615]]),
    "Lambda": (
        lambda: L.Lambda(lambda x: x * 2),
        False,
        [[2.6667, -1.3333], [3.3333, 3.3333]],
    ),
    "Lambda with a mask": (
        lambda: L.Lambda(lambda x: x * 2, mask=lambda inputs, mask: mask),
        True,
        [[4, -2], [10, 10]],
    ),
    "LayerNormalization": (
        lambda: L.LayerNormalization(beta_initializer="ones"),
        True,
        [[1.001, 0.999], [1, 1]],
    ),
    "LeakyReLU": (lambda: L.LeakyReLU(), True, [[2, 0.4], [5, 5]]),
    "MaxPooling1D": (lambda: L.MaxPooling1D(1), False, [[1.3333, -0.6667], [1.6667, 1.6667]]),
    "Normalization": (
        lambda: L.Normalization(mean=1.0, variance=4.0),
        True,
        [[0.5, -1], [2, 2]],
    ),
    "PReLU": (lambda: L.PReLU(), True, [[2, 1], [5, 5]]),
    "Permute": (lambda: L.Permute((2, 1)), False, [[1.5, 0, -0.5], [5, 0, 0]]),
    "RNN": (
        lambda: L.RNN(
            L.SimpleRNNCell(1, kernel_initializer="ones", recurrent_initializer="ones"),
            return_sequences=True,
        ),
        True,
        [[0.4951], [1]],
    ),
    "ReLU": (lambda: L.ReLU(), True, [[2, 1], [5, 5]]),
    "Rescaling": (lambda: L.Rescaling(2.0, 1.0), True, [[5, -1], [11, 11]]),
    "Reshape": (lambda: L.Reshape((2, 3)), False, [[0.5, 2.5, -2], [2.5, 2.5, 0]]),
    "SimpleRNN": (lambda: L.SimpleRNN(1, **EACH), True, [[0.4951], [1]]),
    "SpatialDropout1D": (lambda: L.SpatialDropout1D(0.5), True, [[2, -1], [5, 5]]),
    "TimeDistributed": (lambda: L.TimeDistributed(L.Dense(1, **ONES)), True, [[1], [10]]),
    "UnitNormalization": (
        lambda: L.UnitNormalization(),
        True,
        [[0.5236, 0.0472], [0.7071, 0.7071]],
    ),
    "UpSampling1D": (lambda: L.UpSampling1D(2), False, [[1.3333, -0.6667], [1.6667, 1.6667]]),
    "ZeroPadding1D": (lambda: L.ZeroPadding1D(1), False, [[0.8, -0.4], [1, 1]]),
}


@pytest.mark.parametrize("name", BEHIND)
def test_a_layer_behind_masking_passes_its_mask_on_as_in_keras(name):
    make, keeps, expected = BEHIND[name]
    layer = make()
    inputs = lm.Input((3, 2))
    h = layer(L.Masking()(inputs))
    model = lm.Model(inputs, L.GlobalAveragePooling1D()(h))
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, atol=2e-4)
    assert value_of(mask_of(lm.Model(inputs, h)(X))) == (THERE if keeps else None)
    assert value_of(mask_of(layer(L.Masking()(X)))) == (THERE if keeps else None)


# ---- two inputs --------------------------------------------------------------------------------
BOTH = [[True, False, True], [True, True, False]]
ONE_BY_ONE = [[True, False, True, False, False, True], [True, False, False, True, True, False]]
SIDES = {"both": (True, True), "first": (True, False), "second": (False, True)}
MERGED = [
    (L.Add, "both", BOTH, [[3, -1.5], [3, 4]]),
    (L.Add, "first", None, [[2, -1], [2, 2.6667]]),
    (L.Add, "second", None, [[2, -1], [2, 2.6667]]),
    (L.Subtract, "both", BOTH, [[1, -0.5], [2, 1]]),
    (L.Subtract, "first", None, [[0.6667, -0.3333], [1.3333, 0.6667]]),
    (L.Average, "both", BOTH, [[1.5, -0.75], [1.5, 2]]),
    (L.Average, "second", None, [[1, -0.5], [1, 1.3333]]),
    (L.Multiply, "both", BOTH, [[3.5, 3], [-5.5, 3.5]]),
    (L.Multiply, "first", None, [[2, 1.3333], [-3.6667, 2.3333]]),
    (L.Multiply, "second", None, [[2.3333, 2], [-5, 1.6667]]),
    (L.Maximum, "both", BOTH, [[2, 0.5], [4.5, 3.5]]),
    (L.Maximum, "first", None, [[1.3333, 0.3333], [3, 2.3333]]),
    (L.Maximum, "second", None, [[1.3333, 0.3333], [3, 2.3333]]),
    (L.Minimum, "both", BOTH, [[1.5, -1], [0.5, 1.5]]),
    (L.Minimum, "first", None, [[0.6667, -1.3333], [0.3333, 1]]),
    (L.Minimum, "second", None, [[1, -0.6667], [-1, 0.3333]]),
    (L.Concatenate, "both", BOTH, [[2, -1, 1, -0.5], [2.5, 2.5, 0.5, 1.5]]),
    (L.Concatenate, "first", None, np.concatenate([X.mean(1), Y.mean(1)], axis=-1)),
    (lambda: L.Concatenate(1), "both", ONE_BY_ONE, [[2, -1], [2, 2.6667]]),
    (
        lambda: L.Concatenate(1),
        "first",
        [row + [True] * 3 for row in THERE],
        [[1.2, -0.6], [1.5, 2]],
    ),
    (lambda: L.Dot(2), "both", None, [[0, 0, 3.3333], [-3.3333, 10, 0]]),
    (lambda: L.Dot(2), "first", None, [[0, 0, 3.3333], [-3.3333, 10, 0]]),
]


@pytest.mark.parametrize(("make", "side", "mask", "expected"), MERGED)
def test_merging_layers_merge_masks_and_leave_out_steps_as_in_keras(make, side, mask, expected):
    a, b = lm.Input((3, 2)), lm.Input((3, 2))
    pair = [L.Masking()(x) if m else x for x, m in zip((a, b), SIDES[side], strict=True)]
    merged = make()(pair)
    model = lm.Model([a, b], L.GlobalAveragePooling1D()(merged))
    np.testing.assert_allclose(model.predict([X, Y], verbose=0), expected, atol=1e-4)
    assert value_of(mask_of(lm.Model([a, b], merged)([X, Y]))) == mask


def test_multiply_maximum_and_minimum_have_no_gradient_at_steps_that_a_mask_leaves_out():
    there = np.array([[True, False, True], [True, True, False]])
    for layer in (L.Multiply(), L.Maximum(), L.Minimum()):
        broken = np.where(there[..., None], X + 1, np.inf).astype("float32")

        def loss(x, layer=layer):
            return lm.sum(layer([attach(x, there), lm.asarray(Y)]))

        gradient = lm.grad(loss)(lm.asarray(broken)).numpy()
        assert np.isfinite(gradient).all()
        assert not gradient[~there].any()


def test_inputs_of_fewer_axes_than_the_masked_one_are_merged_step_by_step():
    masked = L.Masking()(X)
    found = L.Multiply()([masked, np.array([[2.0, 3.0], [4.0, 5.0]], "float32")])
    expected = [[[2, 6], [2, 3], [6, -12]], [[20, 25], [4, 5], [4, 5]]]
    np.testing.assert_array_equal(found.numpy(), expected)
    assert mask_of(found) is None


def test_a_merging_layer_raises_unless_the_mask_is_a_list_of_one_for_each_input():
    for wrong in (lm.asarray(THERE), [lm.asarray(THERE)]):
        with pytest.raises(ArgumentError, match="expected a list of 2 masks"):
            L.Add()([X, Y], mask=wrong)


# ---- what makes and changes masks --------------------------------------------------------------
def test_a_second_masking_layer_also_leaves_out_what_the_first_left_out():
    x = np.array([[[3, 3], [0, 0], [1, 1]]], "float32")
    found = L.Masking(3.0)(L.Masking(0.0)(x))
    assert value_of(mask_of(found)) == [[False, False, True]]
    np.testing.assert_array_equal(found.numpy(), [[[0, 0], [0, 0], [1, 1]]])


def test_masking_puts_zeros_where_the_mask_value_is_not_finite():
    x = np.array([[[np.inf, np.inf], [1, 2]]], "float32")
    np.testing.assert_array_equal(L.Masking(np.inf)(x).numpy(), [[[0, 0], [1, 2]]])


class Marks(L.Layer):
    """The inputs themselves, with a mask."""

    def compute_mask(self, inputs, mask=None):
        return lm.any(inputs != 0, axis=-1)

    def call(self, inputs):
        return inputs


class Unmarks(L.Layer):
    """The inputs themselves, without their mask."""

    def compute_mask(self, inputs, mask=None):
        return None

    def call(self, inputs, mask=None):
        return inputs


def test_a_layer_that_defines_compute_mask_supports_masking():
    assert Marks().supports_masking
    assert not L.Flatten().supports_masking


def test_a_layer_that_returns_its_input_gives_the_output_a_mask_and_not_the_input():
    x = lm.asarray(X)
    assert value_of(mask_of(Marks()(x))) == THERE
    assert mask_of(x) is None
    inputs = lm.Input((3, 2))
    means = [L.GlobalAveragePooling1D()(h) for h in (Marks()(inputs), inputs)]
    marked, plain = lm.Model(inputs, means).predict(X, verbose=0)
    np.testing.assert_allclose(marked, [[2, -1], [5, 5]])
    np.testing.assert_allclose(plain, X.mean(1), rtol=1e-6)


def test_a_layer_that_returns_its_input_can_take_the_mask_away():
    masked = L.Masking()(X)
    assert mask_of(Unmarks()(masked)) is None
    assert value_of(mask_of(masked)) == THERE


def test_a_mask_given_to_a_model_holds_for_that_call_only():
    inputs = lm.Input((3, 2))
    model = lm.Model(inputs, L.GlobalAveragePooling1D()(inputs))
    x = lm.asarray(X)
    first = np.array([[True, False, False]] * 2)
    np.testing.assert_allclose(model(x, mask=first), X[:, 0])
    np.testing.assert_allclose(model(x), X.mean(1), rtol=1e-6)


def test_lambda_passes_mask_and_training_to_functions_that_take_them():
    masked = L.Masking()(X)
    of_mask = L.Lambda(lambda x, mask=None: lm.astype(mask, "float32"))
    np.testing.assert_array_equal(of_mask(masked).numpy(), THERE)
    factor = L.Lambda(lambda x, training=None: x * (2 if training else 3))
    np.testing.assert_array_equal(factor(X, training=True).numpy(), X * 2)
    np.testing.assert_array_equal(factor(X).numpy(), X * 3)


def test_masks_go_through_operations_between_layers_as_little_as_in_keras():
    for operation in (lambda h: h * 2, lambda h: h + h, lambda h: -h, lm.tanh):
        assert mask_of(operation(L.Masking()(X))) is None


def test_a_recurrent_layer_uses_the_mask_of_its_inputs_when_an_initial_state_is_given():
    rnn = L.SimpleRNN(1, kernel_initializer="ones", recurrent_initializer="ones")
    state = np.ones((2, 1), "float32")
    found = rnn(L.Masking()(X), initial_state=[state])
    np.testing.assert_array_equal(found.numpy()[1], rnn(X[1:, :1], initial_state=[state[1:]])[0])


def test_a_recurrent_layer_that_goes_backwards_reverses_its_mask_with_its_outputs():
    found = L.SimpleRNN(1, return_sequences=True, go_backwards=True)(L.Masking()(X))
    assert value_of(mask_of(found)) == [row[::-1] for row in THERE]


# ---- softmax, and layers around layers ----------------------------------------------------------
def test_softmax_over_the_steps_leaves_out_those_that_the_mask_of_its_inputs_leaves_out():
    found = L.Softmax(axis=1)(L.Masking()(X)).numpy()
    kept = np.where(np.array(THERE)[..., None], np.exp(X), 0)
    np.testing.assert_allclose(found, kept / kept.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 2, 3, 2), (2, 3), (3, 3, 2)])
def test_softmax_raises_for_a_mask_that_does_not_broadcast_to_its_inputs(shape):
    with pytest.raises(ShapeError, match="expected a mask that broadcasts to the inputs"):
        L.Softmax()(X, mask=np.ones(shape, bool))


@pytest.mark.parametrize("shape", [(2,), (3, 3), (2, 4)])
def test_time_distributed_raises_for_a_mask_of_another_batch_or_other_steps(shape):
    with pytest.raises(ShapeError, match=r"TimeDistributed.*expected a mask \(batch, steps\)"):
        L.TimeDistributed(L.Dense(1))(X, mask=np.ones(shape, bool))


WORDS = np.array([[[1, 2, 0], [0, 0, 0]], [[3, 0, 0], [4, 5, 6]]], "int32")


def test_time_distributed_hands_the_mask_of_each_step_to_its_layer():
    rnn = L.SimpleRNN(1, kernel_initializer="ones", recurrent_initializer="ones")
    words = lm.Input((2, 3), dtype="int32")
    vectors = L.Embedding(9, 2, mask_zero=True, embeddings_initializer="ones")(words)
    sentences = L.TimeDistributed(rnn)(vectors)
    model = lm.Model(words, [sentences, L.GlobalAveragePooling1D()(sentences)])
    each, mean = model.predict(WORDS, verbose=0)
    # Keras 3.15; its mask of the output keeps the axis of the words, which no layer behind takes
    np.testing.assert_allclose(each[..., 0], [[0.995, 0], [0.964, 0.995]], atol=1e-3)
    np.testing.assert_allclose(mean[:, 0], [0.995, 0.9795], atol=1e-3)


def test_time_distributed_keeps_the_mask_of_words_where_its_layer_gives_one_for_each():
    vectors = L.Embedding(9, 2, mask_zero=True)(WORDS)
    for layer in (L.Dense(1), L.GRU(1, return_sequences=True)):
        assert value_of(mask_of(L.TimeDistributed(layer)(vectors))) == (WORDS != 0).tolist()


def weights_of(variable):
    """Numbers without a pattern, the same in Keras and here."""
    size = int(np.prod(variable.shape))
    values = np.cos(np.arange(size) * 1.7 + size) * 0.6
    return values.reshape(variable.shape).astype("float32")


def test_training_a_network_of_masked_branches_gives_the_losses_of_keras():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 5, 3)).astype("float32")
    x[rng.uniform(size=(8, 5)) < 0.4] = 0
    y = rng.normal(size=(8, 5, 2)).astype("float32")
    inputs = lm.Input((5, 3))
    masked = L.Masking()(inputs)
    a = L.Dense(4)(L.Rescaling(0.5)(masked))
    b = L.Bidirectional(L.LSTM(2, return_sequences=True))(masked)
    h = L.Concatenate()([merge([a, b]) for merge in (L.Multiply(), L.Maximum(), L.Add())])
    model = lm.Model(inputs, L.TimeDistributed(L.Dense(2))(L.LayerNormalization()(h)))
    model.set_weights([weights_of(w) for w in model.get_weights()])
    model.compile(lm.optimizers.SGD(0.1), "mse", metrics=["mae"])
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), [1.8973, 1.1526], atol=2e-4)
    losses = model.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, [1.7271, 1.4997, 1.414], atol=3e-4)
    expected = [[0.1063, -0.6424]]
    np.testing.assert_allclose(model.predict(x[:1], verbose=0)[0, :1], expected, atol=5e-4)
