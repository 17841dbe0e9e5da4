"""Stochastic weight averaging, and batch-normalization statistics computed for the mean weights."""

import numpy as np
import pytest

import lamina as lm
from lamina.callbacks import Callback, StochasticWeightAveraging

RNG = np.random.default_rng(0)
X = RNG.standard_normal((100, 6)).astype(np.float32)
Y = (X[:, :1] * 2 + 1).astype(np.float32)


def network(**options):
    lm.set_seed(1)
    layers = [lm.layers.Dense(8), lm.layers.BatchNormalization(), lm.layers.ReLU()]
    model = lm.Sequential([lm.Input((6,)), *layers, lm.layers.Dropout(0.2), lm.layers.Dense(1)])
    model.compile(lm.optimizers.SGD(0.05), "mse", **options)
    return model


class Weights(Callback):
    """The trainable weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append([v.numpy().copy() for v in self.model.trainable_weights])


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}])
def test_averaged_weights_are_the_means_of_the_epochs_from_the_start_on(options):
    model, seen = network(**options), Weights()
    average = StochasticWeightAveraging(start_epoch=2, frequency=2)
    model.fit(X, Y, epochs=7, verbose=0, seed=2, callbacks=[average, seen])
    assert average.count == 3  # epochs 2, 4 and 6
    for k, variable in enumerate(model.trainable_weights):
        mean = np.mean([seen.epochs[e][k] for e in (2, 4, 6)], axis=0)
        np.testing.assert_allclose(variable.numpy(), mean, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["arrays", "dataset", "eager"])
def test_batch_statistics_are_the_means_over_the_batches_with_the_averaged_weights(kind):
    model = network(run_eagerly=kind == "eager")
    average = StochasticWeightAveraging(start_epoch=1)
    data = lm.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    given = (data, None) if kind == "dataset" else (X, Y)
    model.fit(*given, epochs=4, verbose=0, shuffle=False, callbacks=[average])
    dense, norm = model.layers[0], model.layers[1]
    made = X @ dense.kernel.numpy() + dense.bias.numpy()
    batches = [made[k : k + 32] for k in range(0, 100, 32)]
    shares = np.array([len(b) for b in batches]) / 100
    mean = sum(s * b.mean(axis=0) for s, b in zip(shares, batches, strict=True))
    variance = sum(s * b.var(axis=0) for s, b in zip(shares, batches, strict=True))
    np.testing.assert_allclose(norm.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance.numpy(), variance, rtol=1e-4, atol=1e-5)
    assert norm.momentum == 0.99


def test_averaging_changes_nothing_but_weights_and_statistics():
    plain, averaged = network(), network()
    plain.fit(X, Y, epochs=4, verbose=0, seed=2)
    averaged.fit(X, Y, epochs=4, verbose=0, seed=2, callbacks=[StochasticWeightAveraging(1)])
    assert averaged.history.history == plain.history.history
    a, b = averaged.training_state(), plain.training_state()
    for part in ("steps", "optimizer"):
        assert a[part].keys() == b[part].keys()
        for name in a[part]:
            np.testing.assert_array_equal(a[part][name], b[part][name])


def test_resumed_training_with_averages_has_the_bits_of_one_that_was_never_interrupted(tmp_path):
    class Fail(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 4:
                raise KeyboardInterrupt

    def run(*others, folder, **options):
        model = network()
        callbacks = [StochasticWeightAveraging(0.3, learning_rate=0.02), *others]
        model.fit(
            X, Y, epochs=6, verbose=0, seed=2, callbacks=callbacks, checkpoint=tmp_path / folder,
            every="epoch", **options,
        )  # fmt: skip
        return model.get_weights()

    whole = run(Callback(), folder="whole")
    with pytest.raises(KeyboardInterrupt):
        run(Fail(), folder="cut")

    class Fail(Callback):
        pass

    continued = run(Fail(), folder="cut", resume=True)
    for a, b in zip(continued, whole, strict=True):
        np.testing.assert_array_equal(a, b)
    again = run(Fail(), folder="cut", resume=True)  # a finished run returns at once
    for a, b in zip(again, whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_averaging_starts_at_a_share_of_the_epochs_and_sets_its_rate():
    model, average = network(), StochasticWeightAveraging(0.5, learning_rate=0.01)
    rates = []
    note = lm.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(float(model.optimizer.learning_rate))
    )
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[average, note])
    assert average.count == 2
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.01, 0.01], rtol=1e-6)


def test_training_that_ends_before_the_start_warns_and_keeps_its_weights():
    model, plain = network(), network()
    with pytest.warns(UserWarning, match="training ended before epoch 11"):
        callbacks = [StochasticWeightAveraging(10)]
        model.fit(X, Y, epochs=2, verbose=0, seed=3, callbacks=callbacks)
    plain.fit(X, Y, epochs=2, verbose=0, seed=3)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
