"""The learning-rate range test: its curve, its suggestions, and the model that it leaves alone."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import RangeError, StateError
from lamina.tune import LearningRateFinder

X = np.random.default_rng(0).standard_normal((256, 4)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0], [0.5], [3.0]], np.float32)


def linear(optimizer=None, **options):
    model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(optimizer or lm.optimizers.SGD(0.01), "mse", **options)
    return model


def test_learning_rates_grow_exponentially_and_losses_are_those_of_single_batches():
    model, finder = linear(), LearningRateFinder(1e-6, 1e-2, steps=20)
    model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=[finder])
    np.testing.assert_allclose(finder.rates, np.geomspace(1e-6, 1e-2, 20))
    by_hand = linear()
    for k in range(20):
        by_hand.optimizer.learning_rate = finder.rates[k]
        rows = slice(16 * (k % 16), 16 * (k % 16) + 16)
        loss = by_hand.train_on_batch(X[rows], Y[rows])
        assert finder.losses[k] == pytest.approx(float(np.ravel(loss)[0]), rel=1e-6)
    mean, share = 0.0, 0.9
    for k, loss in enumerate(finder.losses):
        mean = share * mean + (1 - share) * loss
        assert finder.smoothed[k] == pytest.approx(mean / (1 - share ** (k + 1)))


@pytest.mark.parametrize("rule", ["half", "steep", "minimum"])
def test_suggested_learning_rate_trains_well_and_is_below_divergence(rule):
    model = linear()
    finder = LearningRateFinder(steps=80)
    rate = finder.find(model, X, Y, rule=rule, seed=1)
    assert len(finder.losses) < 80  # SGD diverges before rate 10
    assert 1e-2 < rate < 1.0  # the largest curvature is about 2: SGD diverges from 1 on
    model.optimizer.learning_rate = rate
    first, *_, last = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert last < 0.5 * first


def test_training_after_the_test_has_the_bits_of_training_without_it():
    def train(test):
        lm.set_seed(3)
        layers = [
            lm.layers.Dense(8, "relu"),
            lm.layers.BatchNormalization(),
            lm.layers.Dropout(0.3),
        ]
        model = lm.Sequential([lm.Input((4,)), *layers, lm.layers.Dense(1)])
        model.compile(lm.optimizers.Adam(0.01, use_ema=True), "mse", metrics=["mae"])
        model.fit(X, Y, verbose=0)
        if test:
            LearningRateFinder(steps=30).find(model, X, Y, batch_size=16)
            assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
            assert len(model.history.epoch) == 1 and not model.stop_training
        history = model.fit(X, Y, epochs=2, verbose=0).history
        return history, model.get_weights()

    (history, weights), (plain_history, plain) = train(True), train(False)
    assert history == plain_history
    for a, b in zip(weights, plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_learning_rate_test_continues_over_epochs_and_works_on_datasets_and_unbuilt_models():
    model = lm.Sequential([lm.layers.Dense(1)])
    model.compile("adam", "mse")
    data = lm.data.Dataset.from_tensor_slices((X, Y)).batch(64)  # four batches
    finder = LearningRateFinder(steps=30, stop_factor=1e6)
    assert finder.find(model, data) > 0
    assert len(finder.losses) == 30
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


def test_learning_rate_test_ends_where_the_loss_is_not_finite_and_restores_the_weights():
    model = linear()
    before = model.get_weights()
    finder = LearningRateFinder(1e-3, 1e30, steps=40, stop_factor=1e300)
    finder.find(model, X, Y)
    assert not np.isfinite(finder.losses[-1])
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_learning_rate_test_names_wrong_arguments_and_schedules():
    with pytest.raises(RangeError, match=r"min_rate is 1 and max_rate 0\.1"):
        LearningRateFinder(1.0, 0.1)
    with pytest.raises(RangeError, match="steps"):
        LearningRateFinder(steps=1)
    with pytest.raises(StateError, match="0 batches had a finite loss"):
        LearningRateFinder().suggestion()
    with pytest.raises(RangeError, match="rule"):
        LearningRateFinder().suggestion("best")
    model = linear(lm.optimizers.SGD(lm.schedules.ExponentialDecay(0.1, 10, 0.9)))
    with pytest.raises(StateError, match="follows a schedule"):
        LearningRateFinder().find(model, X, Y)
    with pytest.raises(AttributeError, match=r"lamina\.tune\.LearningRateFinder"):
        lm.callbacks.LearningRateFinder  # noqa: B018


def test_figure_of_the_learning_rate_test_marks_the_suggestion(tmp_path):
    pytest.importorskip("matplotlib")
    finder = LearningRateFinder(steps=40)
    rate = finder.find(linear(), X, Y)
    axes = finder.plot(path=tmp_path / "rates.png", title="Rates").axes[0]
    assert axes.get_xscale() == "log" and axes.lines[-1].get_xdata()[0] == rate
    assert (tmp_path / "rates.png").stat().st_size > 1000
