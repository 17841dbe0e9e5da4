"""Callbacks of `fit`, and ways to stop it."""

import os
import signal
import sys
import threading

import numpy as np
import pytest

import lamina as lm
from digits_training import X, Y, network, same
from lamina.callbacks import Callback, LambdaCallback


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
        model.evaluate(X, Y, verbose=0)  # the next call begins from the start
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
