"""Ctrl-C stops whatever runs, soon, and leaves everything as it was or as it will be."""

import gc
import os
import signal
import threading
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm.runtime import guard, threadpool
from lamina.engines.llvm.target.target import host, using
from lamina.interrupts import Deferred

SOON = 30.0  # seconds: no limit for a user, but far less than the calls below would take
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def python_handles_ctrl_c():
    """Whatever a test sets."""
    yield
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def modules_are_loaded():
    """An import that is interrupted leaves its file open, and Python warns of it."""
    model = lm.Sequential([lm.layers.LSTM(2), lm.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((2, 3, 2), np.float32), np.ones((2, 1), np.float32), verbose=0)


@pytest.fixture(autouse=True)
def no_callbacks_of_the_collector():
    """Hypothesis times collections in a callback, where Python loses an interrupt."""
    callbacks, gc.callbacks[:] = gc.callbacks[:], []
    yield
    gc.callbacks[:] = callbacks


def seconds_until_stopped(call, after=0.5):
    """Press Ctrl-C some time after `call` began; how long it then takes to raise. A press that is
    lost is repeated, so that it is a failure and no endless test."""
    pressed, ended = [], threading.Event()

    def press():
        wait = after
        while not ended.wait(wait):
            pressed.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
            wait = 30

    keyboard = threading.Thread(target=press)
    try:
        with pytest.raises(KeyboardInterrupt):
            keyboard.start()
            call()
        return time.perf_counter() - pressed[0]
    finally:
        ended.set()
        keyboard.join()


def convolutional(units):
    return lm.Sequential(
        [
            lm.Input((48, 48, 3)),
            lm.layers.Conv2D(units, 3, activation="relu"),
            lm.layers.Conv2D(units, 3, activation="relu"),
            lm.layers.Flatten(),
            lm.layers.Dense(10),
        ]
    )


class Spins(lm.layers.Layer):
    """Its inputs; never done where the first of them is positive."""

    def call(self, inputs):
        def goes_on(c):
            return c[0, 0] > 0.0

        return inputs + 0.0 * lm.while_loop(goes_on, lambda c: lm.sin(c) + 2.0, inputs)


def state_of(model):
    return [v.numpy() for v in [*model.weights, *model.optimizer.variables]]


def same(before, after):
    return all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


class TestACompiledFunction:
    @pytest.mark.parametrize("threads", [1, 2, 3])
    @pytest.mark.parametrize(
        "endless",
        [
            lambda x: lm.while_loop(lambda c: lm.sum(c) > -1e30, lambda c: lm.sin(c) + 1.0, x),
            lambda x: lm.scan(lambda c, _: (lm.tanh(c @ x), None), x, length=10**8)[0],
            lambda x: lm.scan(lambda c, _: (lm.sin(c), None), x[0], length=10**11)[0],
        ],
        ids=["while", "scan of products", "scan of one thread"],
    )
    def test_is_left_by_all_threads_in_the_midst_of_a_loop(self, endless, threads):
        f, x = lm.compile(endless), lm.asarray(RNG.normal(size=(300, 300)).astype(np.float32))
        with lm.settings(threads=threads):
            assert seconds_until_stopped(lambda: f(x), 1.0) < SOON
            double = lm.compile(lambda x: x + x)
            assert np.array_equal(double(x), 2 * np.asarray(x))

    def test_is_left_in_the_midst_of_one_long_product(self):
        f = lm.compile(lambda x: x @ x)
        x = lm.ones((12_000, 12_000))
        assert seconds_until_stopped(lambda: f(x), 1.0) < SOON
        assert np.array_equal(f(lm.ones((5, 5))), np.full((5, 5), 5.0))

    def test_has_changed_no_variable_when_it_was_stopped(self):
        v = lm.Variable(np.ones(4, np.float32))

        def step(x):
            v.assign(v.read() + 1.0)
            w = lm.while_loop(lambda c: lm.sum(c) > -1e30, lambda c: lm.sin(c) + 1.0, x)
            v.assign(v.read() + lm.sum(w))

        f = lm.compile(step)
        for _ in range(2):
            assert seconds_until_stopped(lambda: f(lm.ones((40, 40)))) < SOON
            assert np.array_equal(v.numpy(), np.ones(4))

    def test_restarts_if_the_handler_raises_nothing(self):
        pressed = []
        signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
        f = lm.compile(lambda x: lm.scan(lambda c, _: (lm.sin(c @ x), None), x, length=300)[0])
        x = lm.asarray(RNG.normal(size=(300, 300)).astype(np.float32))
        expected = f(x)
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        results = []
        while not pressed:
            results.append(f(x))
        timer.join()
        assert all(np.array_equal(r, expected) for r in results)

    def test_runs_on_in_another_thread_when_the_main_thread_is_stopped(self):
        f = lm.compile(lambda x: lm.scan(lambda c, _: (lm.tanh(c @ x), None), x, length=500)[0])
        endless = lm.compile(
            lambda x: lm.while_loop(lambda c: lm.sum(c) > -1e30, lambda c: lm.sin(c) + 1.0, x)
        )
        x = lm.asarray(RNG.normal(size=(200, 200)).astype(np.float32))
        expected, results, ended = f(x), [], threading.Event()

        def work():
            while not ended.is_set():
                results.append(f(x))

        other = threading.Thread(target=work)
        other.start()
        try:
            assert seconds_until_stopped(lambda: endless(x), 1.0) < SOON
        finally:
            ended.set()
            other.join()
        assert results
        assert all(np.array_equal(r, expected) for r in results)


class TestFit:
    def test_stops_within_one_long_step_and_keeps_the_state_from_before_it(self, capsys):
        model = convolutional(64)
        model.compile("adam", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
        x = RNG.normal(size=(600, 48, 48, 3)).astype(np.float32)
        y = RNG.integers(0, 10, 600)
        model.fit(x[:4], y[:4], verbose=0)
        before = state_of(model)
        assert seconds_until_stopped(lambda: model.fit(x, y, batch_size=600), 1.0) < SOON
        assert "stopped by Ctrl-C" in capsys.readouterr().out
        assert same(before, state_of(model))
        model.fit(x[:4], y[:4], verbose=0)  # as if nothing had been
        assert np.asarray(model.optimizer.iterations) == 2

    def test_training_continues_after_a_stop_with_the_same_results(self):
        def trained(is_stopped):
            lm.set_seed(1)
            model = convolutional(8)
            model.compile("adam", "mse", metrics=["mae"])
            x = np.random.default_rng(3).normal(size=(400, 48, 48, 3)).astype(np.float32)
            y = x[:, 0, 0, :1] * np.ones((1, 10), np.float32)
            model.fit(x[:2], y[:2], verbose=0, seed=1)
            if is_stopped:
                fit = lambda: model.fit(  # noqa: E731
                    x, y, batch_size=400, epochs=10**6, verbose=0, seed=2
                )
                assert seconds_until_stopped(fit, 1.0) < SOON
            steps = int(np.asarray(model.optimizer.iterations)) - 1
            return steps, model, x, y

        steps, stopped, _, _ = trained(True)
        _, other, x, y = trained(False)
        other.fit(x, y, batch_size=400, epochs=steps, verbose=0, seed=2)
        assert same(state_of(other), state_of(stopped))

    @pytest.mark.parametrize("after", [0.01, 0.05, 0.1, 0.2, 0.4])
    def test_stops_while_it_compiles_and_can_be_called_again(self, after):
        model = lm.Sequential([lm.layers.LSTM(4), lm.layers.Dense(1)])
        model.compile("adam", "mse")
        x, y = np.ones((8, 5, 4), np.float32), np.ones((8, 1), np.float32)
        with lm.settings(cache=False):
            fit = lambda: model.fit(x, y, epochs=10**6, verbose=0)  # noqa: E731
            assert seconds_until_stopped(fit, after) < SOON
        before = int(np.asarray(model.optimizer.iterations)) if model.built else 0
        history = model.fit(x, y, epochs=2, verbose=0)
        assert len(history.history["loss"]) == 2
        assert len(model.weights) == 5
        assert np.asarray(model.optimizer.iterations) == before + 2

    def test_stops_in_a_callback_that_takes_long(self):
        model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1)])
        model.compile("sgd", "mse")

        class Slow(lm.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                seconds.append(seconds_until_stopped(lambda: time.sleep(60)))
                raise KeyboardInterrupt

        seconds = []
        x, y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)
        model.fit(x, y, verbose=0)
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, verbose=0, callbacks=Slow())
        assert seconds[0] < SOON
        assert np.asarray(model.optimizer.iterations) == 2
        model.fit(x, y, verbose=0)

    def test_stops_while_it_waits_for_a_batch(self):
        model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1)])
        model.compile("sgd", "mse")

        def batches():
            yield np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)
            seconds.append(seconds_until_stopped(lambda: time.sleep(60)))
            raise KeyboardInterrupt

        seconds = []
        with pytest.raises(KeyboardInterrupt):
            model.fit(batches(), verbose=0)
        assert seconds[0] < SOON
        assert np.asarray(model.optimizer.iterations) == 1
        assert threading.active_count() < 20

    def test_stops_in_the_midst_of_a_step_of_the_numpy_engine(self):
        model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1), Spins()])
        model.compile("sgd", "mse")
        x, y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)
        with lm.settings(engine="numpy"):
            model.fit(-x, y, verbose=0, epochs=0)
            model.set_weights([np.ones((4, 1)), np.ones(1)])
            assert seconds_until_stopped(lambda: model.evaluate(x, y, verbose=0), 1.0) < SOON
            assert np.isfinite(model.evaluate(-x, y, verbose=0))

    def test_ends_a_step_of_python_code_though_a_program_in_it_takes_long(self):
        slow = lm.compile(lambda x: lm.scan(lambda c, _: (lm.sin(c @ x), None), x, length=3000)[0])
        x, done = lm.asarray(RNG.normal(size=(300, 300)).astype(np.float32)), []

        def step():
            timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            slow(x)
            timer.join()
            done.append(1)

        with pytest.raises(KeyboardInterrupt), Deferred(stops=False) as interrupt:
            interrupt.call(step)
        assert done == [1]

    def test_ends_python_code_that_changes_state_before_it_stops(self):
        done = []

        def changes_state():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
            done.append(1)

        with pytest.raises(KeyboardInterrupt), Deferred() as interrupt:
            interrupt.call(changes_state)
        assert done == [1]


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_evaluate_and_predict_stop_within_one_long_batch(method):
    model = lm.Sequential([lm.Input((4,)), Spins()])
    model.compile("adam", "mse")
    quick, slow = (np.full((8, 4), value, np.float32) for value in (-1.0, 1.0))
    arrays = 2 if method == "evaluate" else 1
    call = getattr(model, method)
    expected = call(*[quick] * arrays, verbose=0)
    assert seconds_until_stopped(lambda: call(*[slow] * arrays, verbose=0)) < SOON
    assert np.array_equal(call(*[quick] * arrays, verbose=0), expected)


class TestWhatAStopMayCost:
    def test_a_short_call_with_much_state_has_no_backup(self):
        arrays = [np.zeros(10**5)]
        held = guard.Guard([0], work=10**12)
        assert held.of(arrays) is not None
        held.seconds = 0.01
        assert held.of(arrays) is None
        assert held.of([np.zeros(10)]) is not None

    def test_the_backup_of_a_call_that_proved_short_is_released(self):
        arrays = [np.zeros(10**6)]
        held = guard.Guard([0], work=10**12)
        tracemalloc.start()
        held.of(arrays)
        first, _ = tracemalloc.get_traced_memory()
        held.seconds = 0.01
        held.of(arrays)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert first >= arrays[0].nbytes and after < 1e5

    def test_a_call_without_state_can_always_be_stopped(self):
        assert guard.Guard([], work=1).of([np.zeros(10**5)]) is not None

    def test_parts_of_a_long_kernel_are_the_same_bits(self):
        x = RNG.normal(size=(200, 190)).astype(np.float32)
        k = RNG.normal(size=(3, 3, 4, 8)).astype(np.float32)
        images = RNG.normal(size=(5, 20, 20, 4)).astype(np.float32)

        def results():
            product = lm.compile(lambda x: lm.softmax(x @ x.T, axis=-1) @ x)
            convolved = lm.compile(lambda x, k: lm.sum(lm.nn.conv(x, k, 1, "same"), axis=0))
            found = []
            for threads in (1, 2, 3):
                with lm.settings(threads=threads):
                    found += [np.asarray(product(x)), np.asarray(convolved(images, k))]
            return found

        whole = results()
        portions = replace(host().costs, portion_bits=12, portioned=0)
        with lm.settings(cache=False), using(replace(host(), costs=portions)):
            parts = results()
        assert same(whole, parts)


def test_the_worker_pool_is_whole_after_many_stops():
    f = lm.compile(
        lambda x: lm.while_loop(lambda c: lm.sum(c) > -1e30, lambda c: lm.sin(c) + 1.0, x)
    )
    x = lm.ones((300, 300))
    for count in (2, 3, 1, 2):
        with lm.settings(threads=count):
            assert seconds_until_stopped(lambda: f(x), 0.3) < SOON
    assert threadpool._pool is not None


def test_a_press_inside_a_finalizer_is_raised_by_the_next_call():
    class Fragile:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    done = []
    with pytest.raises(KeyboardInterrupt), Deferred() as interrupt:
        Fragile()  # Python drops what its finalizer raises
        done.append("the press was dropped")
        interrupt.call(done.append, "a call")
    assert done == ["the press was dropped"]
    with Deferred() as interrupt:  # a program that catches it has had it
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            interrupt.call(done.append, "caught")
    assert done[-1] == "caught"
