"""Batches of a Dataset are placed on the device while the step before them runs."""

import threading

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax
from lamina.engines import residence

pytestmark = needs_jax
BATCHES = 6


@pytest.fixture(autouse=True)
def _on_xla():
    with lm.settings(engine="xla", cache=False):
        yield


def batch(number):
    rng = np.random.default_rng(number)
    x = rng.normal(size=(8, 3)).astype("f")
    return x, x.sum(1, keepdims=True)


def model():
    lm.set_seed(0)
    made = lm.Sequential([lm.Input((3,)), lm.layers.Dense(4, "tanh"), lm.layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def losses(data):
    return model().fit(data, epochs=2, verbose=0).history["loss"]


def dataset(workers, make=batch):
    return lm.data.Dataset(lambda epoch, number: make(number), BATCHES, workers=workers, ahead=1)


def test_the_next_batch_is_placed_before_a_step_ends(monkeypatch):
    """A step waits until the next batch has been placed: without overlap it would wait in vain."""
    from lamina.engines.xla.executable import XlaProgram

    events, changed = [], threading.Condition()
    place, run = XlaProgram.place, XlaProgram._run

    def note(kind):
        with changed:
            number = sum(k == kind for k, _ in events)
            events.append((kind, number))
            changed.notify_all()
            return number

    def noting(self, first, arrays):
        place(self, first, arrays)
        note("placed")

    def waiting(self, *given):
        number = note("step")
        if number and (number + 1) % BATCHES:  # batch 1 was made before a program was known
            made = number - 1
            with changed:
                assert changed.wait_for(lambda: ("placed", made) in events, timeout=30), number
        return run(self, *given)

    monkeypatch.setattr(XlaProgram, "place", noting)
    monkeypatch.setattr(XlaProgram, "_run", waiting)
    model().fit(dataset(workers=1), epochs=2, verbose=0)
    assert sum(kind == "step" for kind, _ in events) == 2 * BATCHES


def test_placed_batches_are_those_that_the_step_reads(monkeypatch):
    from lamina.engines.xla import transfer

    threads = []
    placed = transfer.placed

    def noting(array, *given, **named):
        if array.shape == (8, 3):
            threads.append(threading.current_thread().name.partition("_")[0])
        return placed(array, *given, **named)

    monkeypatch.setattr(transfer, "placed", noting)
    found = losses(dataset(workers=2))
    assert threads.count("lamina-data") >= 2 * BATCHES - 5
    assert len(threads) == 2 * BATCHES  # each batch is transferred once
    assert found == losses(dataset(workers=0))
    assert not any(copy.value.shape == (8, 3) for copy in residence.COPIES.values())


def test_arrays_that_a_dataset_gives_again_may_change_between_epochs():
    x, y = batch(0)

    def again(number):
        return x, y

    lm.set_seed(0)
    net = model()
    changed = lm.callbacks.LambdaCallback(on_epoch_end=lambda *_: x.fill(0))
    net.fit(dataset(1, again), epochs=1, verbose=0, callbacks=changed)
    zeros = net.evaluate(np.zeros((8, 3), "f"), y, verbose=0)
    assert net.evaluate(dataset(1, again), verbose=0) == pytest.approx(zeros, rel=1e-5)
