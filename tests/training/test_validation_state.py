"""Validation between epochs changes nothing that training continues with."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras, tree
from lamina import layers as L

R = np.random.default_rng(0)
X, Y = R.normal(size=(8, 5, 2)).astype("float32"), R.normal(size=(8, 1)).astype("float32")


class Noisy(L.Layer):
    """Draws from its generator and counts its calls, in evaluation too."""

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(1)
        self.count = lm.Variable(0.0, trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x + keras.random.normal((2,), seed=self.generator) * 0.1 + self.count * 0.01


def stateful():
    return [keras.Input(batch_shape=(4, 5, 2)), L.LSTM(3, stateful=True), L.Dense(1)]


MODELS = {
    "stateful": stateful,
    "two directions": lambda: [
        keras.Input(batch_shape=(4, 5, 2)),
        L.Bidirectional(L.GRU(2, stateful=True)),
        L.Dense(1),
    ],
    "random": lambda: [keras.Input((5, 2)), Noisy(), L.Dropout(0.3), L.Flatten(), L.Dense(1)],
}


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("data", ["arrays", "batches"])
def test_training_with_and_without_validation_gives_the_same_bits(kind, eagerly, data):
    def trained(validate):
        lm.set_seed(3)
        model = keras.Sequential(MODELS[kind]())
        model.compile("sgd", "mse", run_eagerly=eagerly)
        given = (X[:4] * 2, Y[:4]) if data == "arrays" else [(X[:4] * 2, Y[:4])] * 2
        history = model.fit(
            X, Y, batch_size=4, epochs=3, shuffle=False, seed=1, verbose=0,
            validation_data=given if validate else None,
        ).history  # fmt: skip
        states = [v.numpy() for layer in model.layers for v in _states(layer)]
        return history["loss"], model.get_weights(), states

    (loss, weights, states), (loss_2, weights_2, states_2) = trained(False), trained(True)
    assert loss == loss_2
    for a, b in zip([*weights, *states], [*weights_2, *states_2], strict=True):
        np.testing.assert_array_equal(a, b)


def _states(layer):
    if hasattr(layer, "forward_layer"):
        return [*_states(layer.forward_layer), *_states(layer.backward_layer)]
    if hasattr(layer, "generator"):
        return [layer.generator.count, layer.count]
    return tree.leaves(getattr(layer, "states", None))


def test_evaluate_continues_from_the_states_of_a_stateful_layer_and_restores_them():
    model = keras.Sequential(stateful())
    model.compile("sgd", "mse")
    first, second = (model.evaluate(X[:4], Y[:4], verbose=0) for _ in range(2))
    assert first != second  # outside of fit, evaluation is a call like any other


def test_states_are_put_back_when_validation_fails():
    model = keras.Sequential(stateful())
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    before = [v.numpy() for v in model.layers[0].states]

    class Stop(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            raise RuntimeError("stop")

        def on_test_begin(self, logs=None):
            self.states = [v.numpy() for v in self.model.layers[0].states]

    stop = Stop()
    with pytest.raises(RuntimeError, match="stop"):
        model.fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[stop],
                  validation_data=(X[:4], Y[:4]))  # fmt: skip
    after = [v.numpy() for v in model.layers[0].states]
    for a, b in zip(after, stop.states, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


def test_validation_data_without_targets_give_the_losses_that_layers_add():
    class Distance(lm.layers.Layer):
        def call(self, x, y):
            self.add_loss(lm.mean((x - y) ** 2))
            return y

    inputs = lm.Input((3,))
    model = lm.Model(inputs, Distance()(inputs, lm.layers.Dense(3)(inputs)))
    model.compile("sgd", loss=None)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    history = model.fit(x, epochs=2, validation_data=(x[:32], None), verbose=0).history
    assert history["val_loss"][1] == pytest.approx(model.evaluate(x[:32], verbose=0), rel=1e-5)
    assert history["val_loss"][1] < history["val_loss"][0]
