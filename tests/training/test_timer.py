"""Timer: the time of epochs and steps, limits, and what callbacks cost."""

import re
import time
from datetime import timedelta

import numpy as np
import pytest

import lamina as lm
from lamina.callbacks import Callback, Timer
from lamina.errors import ArgumentError, RangeError
from lamina.training.progress import slow_callbacks

X = np.ones((128, 4), np.float32)
Y = np.ones((128, 1), np.float32)


def network():
    model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Slow(Callback):
    """A callback that waits."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.seconds)


def test_timer_measures_epochs_validations_and_steps():
    timer = Timer()
    began = time.perf_counter()
    network().fit(X, Y, epochs=3, verbose=0, callbacks=[timer, Slow(0.01)], validation_split=0.5)
    whole = time.perf_counter() - began
    assert len(timer.epochs) == len(timer.validation) == 3 and timer.steps == 6
    assert all(seconds >= 0.02 for seconds in timer.epochs)  # two waits
    assert sum(timer.epochs) <= timer.elapsed <= whole
    assert 0 < timer.seconds_per_step * timer.steps < timer.elapsed
    last = timer.elapsed
    time.sleep(0.01)
    assert timer.elapsed == last  # training has ended


def test_timer_ends_training_cleanly_after_its_limit(capsys):
    ended = []
    note = lm.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(logs))
    timer, model = Timer(max_time=0.2), network()
    callbacks = [timer, note, Slow(0.05)]
    history = model.fit(X, Y, epochs=10_000, verbose=0, callbacks=callbacks, validation_data=(X, Y))
    assert 0.2 <= timer.elapsed < 20 and 1 <= len(history.epoch) < 10
    assert len(ended) == len(history.epoch) and "val_loss" in ended[-1]
    assert "Timer: 0.2 s have passed, training stops" in capsys.readouterr().out


def test_timer_continues_its_count_in_a_resumed_training(tmp_path):
    options = {"verbose": 0, "checkpoint": tmp_path / "run", "every": "epoch", "seed": 1}
    timer = Timer(max_time=1e6)

    class Break(Callback):
        fails = True

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2 and self.fails:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, epochs=4, callbacks=[timer, Break(), Slow(0.02)], **options)
    Break.fails = False
    again = Timer(max_time=1e6)
    network().fit(X, Y, epochs=4, callbacks=[again, Break(), Slow(0.02)], resume=True, **options)
    assert len(again.epochs) == 4 and again.steps == 16
    assert again.elapsed > 0.02 * 16


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(90, 90.0), ("90s", 90.0), ("1.5m", 90.0), ("2h", 7200.0), (timedelta(minutes=2), 120.0)],
)
def test_timer_takes_seconds_durations_and_timedeltas(given, seconds):
    assert Timer(given).max_time == seconds


@pytest.mark.parametrize("given", ["soon", "epoch", [3]])
def test_timer_names_a_wrong_limit(given):
    with pytest.raises((ArgumentError, RangeError), match="Timer"):
        Timer(given)
    with pytest.raises(RangeError, match="max_time"):
        Timer(-1)


def test_fit_names_callbacks_that_take_much_of_its_time(capsys):
    model = network()
    model.fit(X, Y, epochs=12, verbose=2, callbacks=[Timer(), Slow(0.05)])
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(
        r"fit: callbacks took \d+% of [0-9.]+ s: Slow\.on_train_batch_end \d+%(, .*)?", last
    )
    model.fit(X, Y, epochs=12, verbose=0, callbacks=[Slow(0.05)])
    model.fit(X, Y, epochs=2, verbose=2, callbacks=[Slow(0.01)])
    assert "callbacks took" not in capsys.readouterr().out


def test_slow_callbacks_are_named_from_a_tenth_of_the_time_on():
    costs = {"A.on_epoch_end": 0.1, "B.on_epoch_end": 2.0, "C.on_epoch_end": 0.9}
    line = "fit: callbacks took 30% of 10 s: B.on_epoch_end 20%, C.on_epoch_end 9%, "
    assert slow_callbacks(costs, 10.0) == line + "A.on_epoch_end 1%"
    assert slow_callbacks(costs, 100.0) is None and slow_callbacks({"A": 1.0}, 1.0) is None
