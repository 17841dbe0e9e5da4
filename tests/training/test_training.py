"""Training: it learns, repeats, compiles once, weighs, validates and predicts."""

import gc
import os
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from digits_training import DIGITS, LABELS, TEST, TEST_LABELS, X, Y, linear, network, same
from lamina.data.splitting import stratified_split
from lamina.training.columns import columns
from lamina.training.sources import Pace, Resident


# ---- learning ----------------------------------------------------------------------------------
def test_learns_to_read_digits():
    model = network(optimizer=lm.optimizers.Adam(0.01))
    x, test = DIGITS / 16.0, TEST / 16.0
    history = model.fit(x, LABELS, epochs=8, seed=1, verbose=0)
    assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]
    _, accuracy = model.evaluate(test, TEST_LABELS, verbose=0)
    assert accuracy > 0.9
    seen = model.predict(test).argmax(axis=1)
    assert np.mean(seen == TEST_LABELS) == pytest.approx(accuracy, abs=1e-6)


def test_a_step_is_the_formula():
    """One step of gradient descent on (w x - y)^2, by hand."""
    model = linear([[[1.0], [2.0]], [0.5]], optimizer=lm.optimizers.SGD(0.1))
    x, y = np.array([[1.0, -1.0], [2.0, 0.0]], np.float32), np.array([[0.0], [1.0]], np.float32)
    model.fit(x, y, batch_size=2, shuffle=False, verbose=0)
    error = x @ [[1.0], [2.0]] + 0.5 - y
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, [[1.0], [2.0]] - 0.1 * (2 / 2) * x.T @ error, rtol=1e-6)
    np.testing.assert_allclose(bias, 0.5 - 0.1 * (2 / 2) * error.sum(axis=0), rtol=1e-6)


def test_the_short_last_batch_counts_by_its_rows():
    model = linear([[[1.0], [1.0]], [0.0]], metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    y = np.zeros((7, 1), np.float32)
    history = model.fit(x, y, batch_size=3, verbose=0).history
    error = x.sum(axis=1)
    assert history["loss"] == [pytest.approx((error**2).mean(), rel=1e-5)]
    assert history["mae"] == [pytest.approx(np.abs(error).mean(), rel=1e-5)]


def test_regularizers_and_constraints_take_part():
    layer = lm.layers.Dense(
        1, input_shape=(2,), kernel_regularizer="l2", kernel_constraint="non_neg"
    )
    model = lm.Sequential([layer])
    model.set_weights([np.array([[1.0], [2.0]], np.float32), np.zeros(1, np.float32)])
    model.compile(lm.optimizers.SGD(1.0), "mse")
    x = np.ones((1, 2), np.float32)
    history = model.fit(x, np.array([[-9.0]]), verbose=0).history
    assert history["loss"] == [pytest.approx((3 + 9) ** 2 + 0.01 * 5, rel=1e-6)]
    assert model.get_weights()[0].min() >= 0


def test_dropout_is_for_training_only():
    model = network(lm.layers.Dropout(0.9))
    model.compile(lm.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    trained = model.fit(X, Y, verbose=0).history["loss"][0]
    assert trained != pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-3)
    assert np.array_equal(model.predict(X), model.predict(X))


# ---- repeating ---------------------------------------------------------------------------------
def test_the_same_seed_gives_the_same_bits():
    first, second, other = (network(lm.layers.Dropout(0.3)) for _ in range(3))
    for model, seed in ((first, 5), (second, 5), (other, 6)):
        model.fit(X, Y, epochs=2, seed=seed, verbose=0)
    assert same(first, second)
    assert not same(first, other)


def test_set_seed_repeats_weights_order_and_dropout():
    first, second = network(lm.layers.Dropout(0.3)), None
    first.fit(X, Y, verbose=0)
    second = network(lm.layers.Dropout(0.3))
    second.fit(X, Y, verbose=0)
    assert same(first, second)


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(threads):
    models = []
    for count in (1, threads):
        with lm.settings(threads=count):
            model = network(lm.layers.Dropout(0.3))
            model.fit(X, Y, epochs=2, seed=5, verbose=0)
        models.append(model)
    assert same(*models)


def test_continuing_at_an_epoch_is_as_if_never_stopped(tmp_path):
    whole, part = network(lm.layers.Dropout(0.3)), network(lm.layers.Dropout(0.3))
    whole.fit(X, Y, epochs=3, seed=5, verbose=0)
    part.fit(X, Y, epochs=1, seed=5, verbose=0)
    part.save(tmp_path / "part.lamina")
    part = lm.load_model(tmp_path / "part.lamina")
    part.fit(X, Y, epochs=3, initial_epoch=1, seed=5, verbose=0)
    assert same(whole, part)


def test_eager_steps_equal_compiled_steps():
    compiled, eager = network(), network(run_eagerly=True)
    compiled.fit(X, Y, seed=5, verbose=0)
    eager.fit(X, Y, seed=5, verbose=0)
    for a, b in zip(compiled.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


# ---- compiling ---------------------------------------------------------------------------------
def compiled_since(count):
    stats = lm.compile_stats()  # which keeps the last thousand reasons
    newest = stats.reasons[len(stats.reasons) - (stats.count - count) :]
    return [reason.split(" ")[0] for reason in newest]


def test_everything_compiles_once_whatever_the_sizes():
    model = network()
    before = lm.compile_stats().count
    model.fit(X, Y, batch_size=32, epochs=2, validation_split=0.1, verbose=0)  # with a short batch
    model.fit(X[:50], Y[:50], batch_size=7, verbose=0)
    model.evaluate(X, Y, verbose=0)
    model.evaluate(X[:1], Y[:1], verbose=0)
    model.train_on_batch(X[:5], Y[:5])
    for rows in (1, 2, 300):
        assert model.predict(X[:rows]).shape == (rows, 10)
    assert sorted(compiled_since(before)) == ["evaluate", "predict", "train"]


def test_freezing_a_layer_is_seen_and_compiles_again():
    model = network()
    model.fit(X, Y, verbose=0)
    frozen = model.layers[1]
    frozen.trainable = False
    before = frozen.get_weights()
    free = model.layers[2].get_weights()
    model.fit(X, Y, verbose=0)
    assert np.array_equal(before[0], frozen.get_weights()[0])
    assert not np.array_equal(free[0], model.layers[2].get_weights()[0])


def test_models_without_references_are_freed():
    model = network()
    model.fit(X[:32], Y[:32], validation_split=0.2, verbose=0)
    model.predict(X[:1])
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads resident memory from /proc")
def test_memory_stays_flat_over_five_hundred_models():
    def resident():
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    after = []
    for _ in range(500):
        model = network()
        model.fit(X, Y, verbose=0)
        model.predict(X[:1])
        del model
        after.append(resident())
    assert max(after[100:]) - after[100] < 5e6


# ---- weights of rows ---------------------------------------------------------------------------
def test_class_weights_are_sample_weights():
    by_class, by_sample = network(), network()
    by_class.fit(X, Y, class_weight={3: 5.0, 4: 0.0}, seed=1, verbose=0)
    weights = np.where(Y == 3, 5.0, np.where(Y == 4, 0.0, 1.0))
    by_sample.fit(X, Y, sample_weight=weights, seed=1, verbose=0)
    assert same(by_class, by_sample)


def test_rows_of_weight_zero_leave_no_trace():
    first, second = network(), network()
    weights = (np.arange(300) % 2).astype(float)
    changed = np.where(weights[:, None, None] == 0, 0.5, X)
    first.fit(X, Y, sample_weight=weights, seed=1, verbose=0)
    second.fit(changed, Y, sample_weight=weights, seed=1, verbose=0)
    assert same(first, second)


def test_weighted_metrics_are_weighted_and_others_are_not():
    model = linear(
        [[[1.0], [0.0]], [0.0]],
        metrics=["mae"],
        weighted_metrics=[lm.metrics.MeanAbsoluteError(name="weighted")],
    )
    x, y = np.array([[1.0, 0.0], [3.0, 0.0]]), np.zeros(2)
    logs = model.evaluate(x, y, sample_weight=[3.0, 1.0], verbose=0, return_dict=True)
    assert logs == pytest.approx({"loss": (3 * 1 + 9) / 2, "mae": 2.0, "weighted": 6 / 4})


def test_a_weighted_metric_of_the_same_name_is_called_weighted():
    model = linear([[[1.0], [0.0]], [0.0]], metrics=["mae"], weighted_metrics=["mae"])
    x, y = np.array([[1.0, 0.0], [3.0, 0.0]]), np.zeros(2)
    logs = model.evaluate(x, y, sample_weight=[3.0, 1.0], verbose=0, return_dict=True)
    assert logs == pytest.approx({"loss": (3 * 1 + 9) / 2, "mae": 2.0, "weighted_mae": 6 / 4})


def test_a_weighted_metric_of_one_of_several_outputs_is_called_weighted():
    i = lm.Input((2,))
    model = lm.Model(i, [lm.layers.Dense(1, name="p")(i), lm.layers.Dense(1, name="q")(i)])
    model.compile("sgd", "mse", metrics=[["mae"], None], weighted_metrics=[["mae"], ["mae"]])
    y = np.zeros((4, 1))
    logs = model.evaluate(np.ones((4, 2)), [y, y], verbose=0, return_dict=True)
    assert list(logs) == ["loss", "p_loss", "q_loss", "p_mae", "p_weighted_mae", "q_mae"]


# ---- validation --------------------------------------------------------------------------------
def test_a_split_is_stratified_and_prints_that(capsys):
    model = network()
    history = model.fit(X, Y, validation_split=0.2, seed=3)
    line = capsys.readouterr().out.splitlines()[0]
    assert line == "validation_split=0.2: 60 of 300 rows held out, by class (seed 3)"
    assert {"val_loss", "val_accuracy"} <= set(history.history)


def test_rows_held_out_are_not_trained_on():
    training, held_out = stratified_split(Y, 0.2, 3)
    model, without = network(), network()
    history = model.fit(X, Y, validation_split=0.2, seed=3, verbose=0)
    without.fit(X[training], Y[training], seed=3, verbose=0)
    assert same(model, without)
    loss, _ = model.evaluate(X[held_out], Y[held_out], verbose=0)
    assert history.history["val_loss"] == [pytest.approx(loss, rel=1e-6)]


def test_validation_data_and_frequency():
    model = network()
    test = TEST / 16.0
    history = model.fit(
        X, Y, epochs=4, validation_data=(test, TEST_LABELS), validation_freq=2, verbose=0
    )
    assert len(history.history["loss"]) == 4
    assert len(history.history["val_loss"]) == 2
    expected = model.evaluate(test, TEST_LABELS, verbose=0)
    assert [history.history[f"val_{k}"][-1] for k in ("loss", "accuracy")] == expected


def test_history_has_the_arguments_and_the_results():
    history = network().fit(X, Y, epochs=5, initial_epoch=3, verbose=0)
    assert history.epoch == [3, 4]
    assert list(history.history) == ["loss", "accuracy"]
    assert history.params == {"epochs": 5, "steps": 10, "verbose": 0}
    assert repr(history).startswith("<History of 2 epochs: last loss ")


# ---- one batch ---------------------------------------------------------------------------------
def test_single_batches():
    model = network()
    first = model.train_on_batch(X, Y, return_dict=True)
    assert set(first) == {"loss", "accuracy"}
    assert model.train_on_batch(X, Y)[0] < first["loss"]
    tested = model.test_on_batch(X, Y)
    assert tested == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    assert np.array_equal(model.predict_on_batch(X[:4]), model.predict(X[:4]))


# ---- predicting --------------------------------------------------------------------------------
def test_predictions_do_not_depend_on_how_rows_are_batched():
    model = network()
    whole = model.predict(X)
    np.testing.assert_allclose(model.predict(X, batch_size=7), whole, rtol=2e-6, atol=1e-7)
    one_by_one = np.concatenate([model.predict(row[None]) for row in X[:20]])
    np.testing.assert_allclose(one_by_one, whole[:20], rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(model(X).numpy(), whole, rtol=2e-5, atol=1e-6)


def test_predictions_follow_the_weights_and_the_layers():
    model = lm.Sequential([lm.layers.Dense(2, input_shape=(3,))])
    x = np.ones((1, 3), np.float32)
    model.predict(x)
    model.set_weights([np.zeros((3, 2), np.float32), np.array([1.0, 2.0], np.float32)])
    assert model.predict(x).tolist() == [[1.0, 2.0]]
    assert model.predict(x.astype(np.float64)).tolist() == [[1.0, 2.0]]
    model.add(lm.layers.Activation(lambda y: y * 10))
    assert model.predict(x).tolist() == [[10.0, 20.0]]


def test_arrays_that_predict_returns_belong_to_the_caller():
    model = network()
    first = model.predict(X[:1])
    kept = first.copy()
    model.predict(X[1:2])
    assert np.array_equal(first, kept)
    first[:] = 0
    assert np.array_equal(model.predict(X[:1]), kept)


def test_predict_refuses_nan():
    model = network()
    model.predict(X[:1])
    bad = X[:1].copy()
    bad[0, 3, 3] = np.nan
    with pytest.raises(lm.errors.DataError, match="NaN"):
        model.predict(bad)


# ---- how much is done in one call --------------------------------------------------------------
def test_the_pace_follows_the_time_of_a_step():
    now = 0.0
    pace = Pace(seconds=0.02, clock=lambda: now)
    seen = []
    for each in [0.001] * 4 + [0.015, 0.1]:  # seconds of a step; the last ones are slower
        seen.append(pace.steps)
        pace.begin()
        now += each * pace.steps
        pace.end(pace.steps)
    assert seen == [1, 8, 16, 16, 16, 1]  # powers of two
    assert pace.steps == 1


def test_a_fit_of_the_same_data_begins_at_the_pace_of_the_one_before():
    model = network()
    model.fit(X, Y, batch_size=8, verbose=0)
    (known,) = model._session.paces.values()
    assert known > 1
    assert Pace(known=known).steps == known
    assert Pace(known=known, most=1).steps == 1
    model.fit(X, Y, batch_size=16, epochs=2, verbose=0)  # its steps take longer
    assert len(model._session.paces) == 2


def test_an_order_holds_every_row_once():
    source = Resident(_columns(100), 32, seed=4)
    for epoch in range(3):
        pieces = [order for _, order in source.chunks(epoch, Pace(most=1))]
        assert [p.shape for p in pieces] == [(1, 32)] * 3 + [(1, 4)]
        assert sorted(np.concatenate([p.ravel() for p in pieces]).tolist()) == list(range(100))
    assert not np.array_equal(source.order(0), source.order(1))
    assert np.array_equal(source.order(1), Resident(_columns(100), 8, seed=4).order(1))


def _columns(rows):
    return columns(np.zeros((rows, 2), np.float32), np.zeros(rows))
