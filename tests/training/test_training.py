"""Training: it learns, repeats, compiles once, weighs and validates right, and can be stopped."""

import copy
import gc
import os
import signal
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.callbacks import Callback, LambdaCallback
from lamina.data.splitting import stratified_split
from lamina.training.columns import columns
from lamina.training.sources import Pace, Resident

(DIGITS, LABELS), (TEST, TEST_LABELS) = lm.datasets.digits.load_data()
X = (DIGITS[:300] / 16.0).astype(np.float32)
Y = LABELS[:300]


def network(*extra, **compiled):
    """A small classifier of the digits, the same weights each time."""
    lm.set_seed(7)
    model = lm.Sequential(
        [
            lm.layers.Flatten(input_shape=(8, 8)),
            lm.layers.Dense(12, "relu"),
            *extra,
            lm.layers.Dense(10, "softmax"),
        ]
    )
    usual = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    model.compile(**{**usual, "metrics": ["accuracy"], **compiled})
    return model


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


def linear(weights=None, **compiled):
    """One linear layer of two inputs, with a learning rate of 0 unless said."""
    model = lm.Sequential([lm.layers.Dense(1, input_shape=(2,))])
    if weights is not None:
        model.set_weights([np.array(w, np.float32) for w in weights])
    model.compile(**{"optimizer": lm.optimizers.SGD(0.0), "loss": "mse", **compiled})
    return model


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


# ---- forms of models and data ------------------------------------------------------------------
def two_headed():
    inputs = lm.Input(shape=(8, 8))
    flat = lm.layers.Flatten()(inputs)
    digit = lm.layers.Dense(10, "softmax", name="digit")(flat)
    even = lm.layers.Dense(1, "sigmoid", name="even")(flat)
    return lm.Model(inputs, [digit, even])


def test_several_outputs_by_name_and_by_order():
    losses = {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"}
    targets = {"digit": Y, "even": (Y % 2 == 0).astype(np.float32)}
    logs = []
    for order in (False, True):
        lm.set_seed(1)
        model = two_headed()
        given = list(losses.values()) if order else losses
        weights = [1.0, 0.5] if order else {"digit": 1.0, "even": 0.5}
        metrics = [["accuracy"], ["accuracy"]] if order else {key: ["accuracy"] for key in losses}
        model.compile("sgd", given, loss_weights=weights, metrics=metrics)
        y = list(targets.values()) if order else targets
        logs.append(model.fit(X, y, seed=1, verbose=0).history)
    assert logs[0] == logs[1]
    names = ["loss", "digit_loss", "even_loss", "digit_accuracy", "even_accuracy"]
    assert list(logs[0]) == names == model.metrics_names
    total = logs[0]["digit_loss"][0] + 0.5 * logs[0]["even_loss"][0]
    assert logs[0]["loss"][0] == pytest.approx(total, rel=1e-5)


def test_several_inputs_as_list_and_as_dict():
    left, right = lm.Input(shape=(2,), name="left"), lm.Input(shape=(3,), name="right")
    joined = lm.layers.Concatenate()([left, right])
    model = lm.Model([left, right], lm.layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    rows = np.random.default_rng(0)
    a, b = rows.normal(size=(20, 2)), rows.normal(size=(20, 3))
    model.fit([a, b], a[:, :1], verbose=0)
    model.fit({"right": b, "left": a}, a[:, :1], verbose=0)
    np.testing.assert_array_equal(model.predict([a, b]), model.predict({"left": a, "right": b}))


class Own(lm.Model):
    """A subclassed model whose weights are made by the first data."""

    def __init__(self):
        super().__init__()
        self.hidden = lm.layers.Dense(8, "relu")
        self.out = lm.layers.Dense(10)

    def call(self, x):
        return self.out(self.hidden(lm.reshape(x, (x.shape[0], 64))))


def test_a_subclassed_model_is_built_by_the_data():
    model = Own()
    model.compile(
        "adam", lm.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["acc"]
    )
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert list(history) == ["loss", "acc"]


def test_a_custom_train_step():
    class Doubled(Own):
        def train_step(self, data):
            x, y = data
            weights = self.trainable_weights

            def loss(_):
                return lm.mean((self(x, training=True) - lm.one_hot(y, 10)) ** 2)

            value, gradients = lm.value_and_grad(loss)(weights)
            self.optimizer.apply(gradients, weights)
            return {"own_loss": value}

    model = Doubled()
    model.compile("adam", "mse")
    model.compile(lm.optimizers.Adam(0.01), lm.losses.SparseCategoricalCrossentropy(True))
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert history["own_loss"][-1] < history["own_loss"][0]


def test_a_step_with_its_own_metric_optimizer_and_counter():
    class Adversary(Own):
        def __init__(self):
            super().__init__()
            self.mean = lm.metrics.Mean(name="mean_of_rows")
            self.second = lm.optimizers.SGD(0.1, momentum=0.9)
            self.steps_done = [lm.Variable(0, trainable=False)]

        @property
        def metrics(self):
            return [self.mean]

        def train_step(self, data):
            x, y = data
            weights = self.trainable_weights

            def loss(_):
                return lm.mean((self(x, training=True) - lm.one_hot(y, 10)) ** 2)

            value, gradients = lm.value_and_grad(loss)(weights)
            self.optimizer.apply(gradients[:2], weights[:2])
            self.second.apply(gradients[2:], weights[2:])
            self.steps_done[0].assign_add(1)
            self.mean.update_state(lm.mean(x))
            return {"loss": value, "mean_of_rows": self.mean.result()}

    model = Adversary()
    model.compile("sgd")
    for epochs in (2, 1):
        history = model.fit(X, Y, batch_size=30, epochs=epochs, verbose=0).history
        assert list(history) == ["loss", "mean_of_rows"]
        assert history["mean_of_rows"] == [pytest.approx(X.mean(), rel=1e-4)] * epochs
    assert model.steps_done[0].numpy() == 30


def test_a_step_may_add_to_the_usual_one():
    class More(Own):
        def train_step(self, data):
            return {**super().train_step(data), "seven": lm.asarray(7.0)}

    logs = []
    for kind in (Own, More):
        lm.set_seed(2)
        model = kind()
        model.compile("adam", lm.losses.SparseCategoricalCrossentropy(True), metrics=["accuracy"])
        logs.append(model.fit(X, Y, seed=1, verbose=0).history)
    assert logs[1] == {**logs[0], "seven": [7.0]}


def test_new_variables_in_each_step_are_refused():
    class Leaky(Own):
        def train_step(self, data):
            fresh = lm.Variable(0.0)
            fresh.assign_add(1.0)
            return {"fresh": fresh.value}

    model = Leaky()
    model.compile("sgd")
    with pytest.raises(lm.errors.StateError, match=r"new Variables(.|\n)*__init__"):
        model.fit(X, Y, verbose=0)


def test_nothing_to_train_is_said():
    model = network()
    model.trainable = False
    with pytest.raises(lm.errors.ArgumentError, match="no weight is trainable"):
        model.fit(X, Y, verbose=0)


def test_a_custom_loss_function():
    class Norm(Own):
        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            return 0.0 * lm.sum(y_pred) + 7.0

    model = Norm()
    model.compile("sgd", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert model.fit(X, Y, verbose=0).history["loss"] == [7.0]


def test_iterables_of_batches():
    batches = [(X[k : k + 50], Y[k : k + 50]) for k in range(0, 300, 50)]

    class Endless:
        def __iter__(self):
            while True:
                yield from batches

    for source, steps in ((batches, None), (Endless(), 6), (iter(batches), None)):
        model, usual = network(), network()
        history = model.fit(source, steps_per_epoch=steps, validation_data=batches, verbose=0)
        usual.fit(X, Y, batch_size=50, shuffle=False, verbose=0)
        assert same(model, usual)
        assert history.history["val_loss"][0] == pytest.approx(
            usual.evaluate(X, Y, verbose=0)[0], rel=1e-5
        )
    assert model.predict(X[:50] for _ in range(2)).shape == (100, 10)


@pytest.mark.parametrize("kind", ["uint8", "int64", "float64", "lists", "tensor"])
def test_data_in_many_forms(kind):
    forms = {"lists": DIGITS[:20].tolist(), "tensor": lm.asarray(X[:20])}
    x = forms.get(kind, DIGITS[:20].astype("uint8" if kind in forms else kind))
    model = network()
    model.fit(x, Y[:20].tolist() if kind == "lists" else Y[:20], verbose=0)
    assert model.predict(x).shape == (20, 10)


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


# ---- callbacks ---------------------------------------------------------------------------------
class Diary(Callback):
    def __init__(self):
        super().__init__()
        self.entries = []

    def on_train_begin(self, logs=None):
        self.entries.append("train")

    def on_epoch_begin(self, epoch, logs=None):
        self.entries.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        self.entries.append(f"batch {batch}")
        assert logs["loss"] > 0

    def on_test_begin(self, logs=None):
        self.entries.append("test")

    def on_epoch_end(self, epoch, logs=None):
        self.entries.append(f"end {epoch}")

    def on_train_end(self, logs=None):
        self.entries.append("done")


def test_callbacks_hear_everything_in_order():
    diary = Diary()
    network().fit(X[:64], Y[:64], callbacks=diary, validation_data=(X, Y), verbose=0)
    assert diary.entries == ["train", "epoch 0", "batch 0", "batch 1", "test", "end 0", "done"]


def test_a_callback_may_stop_in_the_middle_of_an_epoch():
    model = network()

    def stop(batch, logs):
        model.stop_training = batch == 3

    batches = []
    model.fit(
        X,
        Y,
        epochs=9,
        verbose=0,
        callbacks=[
            LambdaCallback(on_train_batch_end=stop),
            LambdaCallback(on_train_batch_begin=lambda batch, logs: batches.append(batch)),
        ],
    )
    assert batches == [0, 1, 2, 3]
    model.fit(X, Y, verbose=0)  # goes again


def test_early_stopping_restores_the_best_weights():
    model = network(optimizer=lm.optimizers.SGD(0.0))
    best = model.get_weights()
    stopping = lm.callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    spoil = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: (
            epoch and model.set_weights([w + epoch for w in model.get_weights()])
        )
    )
    history = model.fit(X, Y, epochs=50, callbacks=[spoil, stopping], verbose=0)
    assert len(history.epoch) == 3
    assert all(np.array_equal(a, b) for a, b in zip(best, model.get_weights(), strict=True))


def test_learning_rates_change_between_epochs():
    model = network(optimizer=lm.optimizers.SGD(1.0))
    schedule = lm.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = model.fit(X, Y, epochs=3, callbacks=[schedule], verbose=0)
    assert history.history["learning_rate"] == [0.5, 0.25, 0.125]
    model = network(optimizer=lm.optimizers.SGD(0.0))
    model.optimizer.learning_rate = 1e-9  # so small that nothing improves
    plateau = lm.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_lr=1e-10)
    model.fit(X, Y, epochs=4, callbacks=[plateau], verbose=0)
    assert float(np.asarray(model.optimizer.learning_rate)) == pytest.approx(1e-10)


def test_training_without_numbers_is_stopped(capsys):
    model = lm.Sequential([lm.layers.Dense(1, input_shape=(2,))])
    model.compile(lm.optimizers.SGD(1e30), "mse")
    x = np.ones((64, 2), np.float32)
    with pytest.warns(UserWarning, match="the loss is"):
        history = model.fit(
            x, x[:, :1], epochs=9, verbose=0, callbacks=[lm.callbacks.TerminateOnNaN()]
        )
    assert len(history.epoch) < 3
    assert "TerminateOnNaN" in capsys.readouterr().out


def test_checkpoints(tmp_path):
    model = network()
    model.fit(
        X,
        Y,
        epochs=2,
        verbose=0,
        callbacks=[
            lm.callbacks.ModelCheckpoint(tmp_path / "at-{epoch}.lamina"),
            lm.callbacks.ModelCheckpoint(
                tmp_path / "best.safetensors", "loss", save_best_only=True, save_weights_only=True
            ),
        ],
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "at-1.lamina",
        "at-2.lamina",
        "best.safetensors",
    ]
    assert same(lm.load_model(tmp_path / "at-2.lamina"), model)


# ---- being stopped -----------------------------------------------------------------------------
@pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends the process there")
def test_ctrl_c_stops_fit_and_keeps_the_weights_of_a_whole_step(capsys):
    model = network()
    before = model.get_weights()

    class Pressed(lm.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 3:
                threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=1_000_000, verbose=1, callbacks=Pressed())
    assert "weights are those of the last completed step" in capsys.readouterr().out
    after = model.get_weights()
    assert not np.array_equal(before[0], after[0])
    assert all(np.isfinite(w).all() for w in after)
    assert model.history.epoch[:4] == [0, 1, 2, 3]  # and what was reached is there
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    model.fit(X, Y, verbose=0)


class Stops(lm.callbacks.Callback):
    """Sets an attribute of the model at the end of the third batch of a kind."""

    def __init__(self, attribute):
        super().__init__()
        self.attribute, self.batches = attribute, 0

    def count(self, batch, logs=None):
        self.batches += 1
        if self.batches == 3:
            setattr(self.model, self.attribute, True)

    on_test_batch_end = on_predict_batch_end = count


def endless(*batch):
    while True:
        yield batch if len(batch) > 1 else batch[0]


class TestACallbackThatStops:
    @pytest.mark.parametrize("is_endless", [False, True], ids=["arrays", "endless generator"])
    def test_evaluate_ends_after_the_batch_where_stop_evaluating_was_set(self, is_endless):
        model, stops = network(), Stops("stop_evaluating")
        given = (endless(X[:4], Y[:4]),) if is_endless else (X, Y)
        options = {} if is_endless else {"batch_size": 4}
        model.evaluate(*given, verbose=0, callbacks=stops, **options)
        assert stops.batches == 3
        assert model.stop_evaluating
        model.evaluate(X, Y, verbose=0)  # the next call begins anew
        assert not model.stop_evaluating

    @pytest.mark.parametrize("is_endless", [False, True], ids=["arrays", "endless generator"])
    def test_predict_returns_the_batches_until_stop_predicting_was_set(self, is_endless):
        model, stops = network(), Stops("stop_predicting")
        given = endless(X[:4]) if is_endless else X
        options = {} if is_endless else {"batch_size": 4}
        outputs = model.predict(given, verbose=0, callbacks=stops, **options)
        assert stops.batches == 3
        assert len(outputs) == 12
        assert len(model.predict(X, verbose=0)) == len(X)

    def test_validation_ends_where_stop_evaluating_was_set_and_training_continues(self):
        model, stops = network(), Stops("stop_evaluating")
        validation = endless(X[:4], Y[:4])
        history = model.fit(X, Y, epochs=1, verbose=0, validation_data=validation, callbacks=stops)
        assert stops.batches == 3
        assert len(history.history["val_loss"]) == 1


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


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_copy_of_a_trained_model_continues_as_the_model_would(run_eagerly):
    model = network(lm.layers.Dropout(0.5), run_eagerly=run_eagerly)
    model.fit(X, Y, epochs=2, verbose=0)
    before = model.predict(X, verbose=0)
    twin = copy.deepcopy(model)
    twin.fit(X, Y, epochs=2, verbose=0, seed=1)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    model.fit(X, Y, epochs=2, verbose=0, seed=1)
    for own, copied in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(own, copied)


def test_a_subclassed_model_trains_after_a_call_on_another_length():
    class Words(lm.Model):
        def __init__(self):
            super().__init__()
            self.table, self.out = lm.layers.Embedding(9, 4), lm.layers.Dense(9)

        def call(self, tokens):
            return self.out(self.table(tokens))

    model = Words()
    model(np.zeros((2, 1), "int32"))
    model.compile("sgd", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
    words = np.random.default_rng(0).integers(0, 9, (8, 5))
    assert len(model.fit(words, words, verbose=0).history["loss"]) == 1


def test_a_metric_of_one_value_in_an_array_is_a_number():
    score = lm.metrics.F1Score(threshold=0.5)
    model = lm.Sequential([lm.layers.Dense(1, "sigmoid", input_shape=(2,))])
    model.compile("adam", "binary_crossentropy", metrics=[score])
    x = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
    logs = model.fit(x, x[:, 0] > 0, verbose=2).history
    assert isinstance(logs["f1_score"][0], float)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_custom_train_step_gets_the_data_of_fit(run_eagerly):
    """As in Keras: (x, y), with weights (x, y, sample_weight), and inputs alone as they are."""
    seen = []

    class Watching(Own):
        def train_step(self, data):
            seen.append(len(data) if isinstance(data, tuple) else "x")
            x, y, weights = lm.keras.utils.unpack_x_y_sample_weight(data)
            assert (y is None) == (seen[-1] == "x")
            assert (weights is None) == (seen[-1] != 3)
            return super().train_step(data) if y is not None else {"loss": lm.mean(self(x))}

        def test_step(self, data):
            x, y = data
            return super().test_step((x, y))

    loss = lm.losses.SparseCategoricalCrossentropy(True)
    for given in ((X,), (X, Y, np.ones(len(X))), (X, Y)):
        model = Watching()
        model.compile("adam", loss if len(given) > 1 else None, run_eagerly=run_eagerly)
        x, y, weights = (*given, None, None)[:3]
        model.fit(
            x[:64],
            y if y is None else y[:64],
            batch_size=64,
            verbose=0,
            sample_weight=weights if weights is None else weights[:64],
        )
        assert seen.pop() == {1: "x", 2: 2, 3: 3}[len(given)]
        seen.clear()
    model.fit(X[:64], Y[:64], class_weight={0: 2.0}, batch_size=64, verbose=0)
    assert seen[0] == 3
    assert isinstance(model.evaluate(X[:64], Y[:64], verbose=0), float)


def test_a_rematerialized_value_finds_its_operands():
    """Two normalizations of one feature: the accumulators of one are read through the other."""
    rng, kept = np.random.default_rng(0), []
    x, y = rng.normal(size=(9, 6, 4, 1)), rng.integers(0, 3, 9)
    for name in ("llvm", "numpy"):
        with lm.settings(engine=name):
            lm.keras.utils.set_random_seed(3)
            layers = lm.keras.layers
            normalized = [layers.BatchNormalization(), layers.LayerNormalization()]
            head = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
            model = lm.keras.Sequential([*normalized, *head])
            model.compile("sgd", "sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=4, verbose=0, seed=1)
            kept.append(model.get_weights())
    for one, other in zip(*kept, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
