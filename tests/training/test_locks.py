"""Things made once are made once by any number of threads; a fork never meets a held lock."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

import lamina as lm

X = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)
THREADS, TRIES = 8, 5


@pytest.fixture(autouse=True)
def quick_switches():
    """Threads take turns a hundred times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    yield
    sys.setswitchinterval(before)


def at_once(call):
    """Return what `call` returns in each of several threads that begin together."""
    start, results, raised = threading.Barrier(THREADS), [], []

    def work():
        start.wait()
        try:
            results.append(call())
        except Exception as error:  # noqa: BLE001  (raised below, in the test's own thread)
            raised.append(error)

    workers = [threading.Thread(target=work) for _ in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for error in raised:
        raise error
    assert len(results) == THREADS
    return results


def all_equal(results):
    return all(np.array_equal(np.asarray(each), np.asarray(results[0])) for each in results)


class OwnSubclass(lm.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = lm.layers.Dense(64, "relu"), lm.layers.Dense(3)

    def call(self, inputs):
        return self.second(self.first(inputs))


class TestTheFirstCallFromSeveralThreads:
    @pytest.mark.parametrize(
        ("make", "weights"),
        [
            (lambda: lm.Sequential([lm.layers.Dense(64, "relu"), lm.layers.Dense(3)]), 4),
            (OwnSubclass, 4),
            (lambda: lm.layers.LSTM(8), 3),
            (lambda: lm.layers.Dense(8), 2),
        ],
        ids=["sequential", "subclassed", "lstm", "dense"],
    )
    def test_builds_a_layer_once_and_all_threads_get_the_same_outputs(self, make, weights):
        for _ in range(TRIES):
            layer = make()
            x = X.reshape(40, 2, 8) if isinstance(layer, lm.layers.LSTM) else X
            results = at_once(lambda: layer(x))  # noqa: B023
            assert len(layer.weights) == weights
            assert all_equal(results)

    @pytest.mark.parametrize("make", [OwnSubclass, lambda: lm.Sequential([lm.layers.Dense(3)])])
    def test_predicts_with_one_set_of_weights_and_one_program(self, make):
        for _ in range(TRIES):
            model, before = make(), lm.compile_stats().count
            results = at_once(lambda: model.predict(X, verbose=0))  # noqa: B023
            assert all_equal(results)
            assert len({v.name + str(v.shape) for v in model.weights}) == len(model.weights)
            assert lm.compile_stats().count == before + 1

    def test_compiles_a_function_once(self):
        for _ in range(TRIES):
            f, before = lm.compile(lambda x: lm.tanh(x) + 1.0), lm.compile_stats().count
            assert all_equal(at_once(lambda: f(X)))  # noqa: B023
            assert lm.compile_stats().count == before + 1

    def test_makes_the_slots_of_an_optimizer_once(self):
        for _ in range(TRIES):
            optimizer, variable = lm.optimizers.Adam(), lm.Variable(np.ones(3, np.float32))
            at_once(lambda: optimizer.build([variable]))  # noqa: B023
            slots = [v for v in optimizer.variables if v.shape == (3,)]
            assert len({id(v) for v in slots}) == 2
            found = at_once(lambda: [id(v) for v in optimizer.variables])  # noqa: B023
            assert all_equal(found)

    def test_evaluates_with_one_set_of_metrics(self):
        for _ in range(TRIES):
            model = lm.Sequential([lm.layers.Dense(3)])
            model.compile("sgd", "mse")
            sessions = at_once(lambda: prepared(model))  # noqa: B023
            assert len({id(steps) for steps in sessions}) == 1
            assert len(model.weights) == 2


def prepared(model):
    from lamina.models.trainee import Trainee
    from lamina.training.columns import columns

    return model._session.prepare(Trainee(model), columns(X, X[:, :3]), "evaluate")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
class TestAfterAFork:
    def in_child(self, call):
        """The exit status of a child that makes this call; it is killed after a minute."""
        child = os.fork()
        if child == 0:
            try:
                call()
                os._exit(0)
            finally:
                os._exit(1)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "the child did not return"

    @pytest.fixture
    def while_another_thread(self):
        """Has another thread make a call again and again until the test ends."""
        ended, threads = threading.Event(), []

        def keep(call):
            def work():
                while not ended.is_set():
                    call()

            threads.append(threading.Thread(target=work))
            threads[-1].start()

        yield keep
        ended.set()
        for thread in threads:
            thread.join()

    def test_a_child_predicts_though_another_thread_was_predicting(self, while_another_thread):
        model = lm.Sequential([lm.Input((64,)), lm.layers.Dense(256), lm.layers.Dense(10)])
        x = np.ones((2000, 64), np.float32)
        expected = model.predict(x, verbose=0)
        while_another_thread(lambda: model.predict(x, verbose=0))

        def predicts():
            assert np.array_equal(model.predict(x, verbose=0), expected)

        assert [self.in_child(predicts) for _ in range(6)] == [0] * 6

    def test_a_child_draws_and_builds_though_another_thread_was(self, while_another_thread):
        def builds():
            layer = lm.layers.Dense(3)
            layer(X)
            lm.random.normal((3,))
            assert len(layer.weights) == 2

        builds()  # a thread that is importing a module at the fork keeps the module's lock
        while_another_thread(builds)

        assert [self.in_child(builds) for _ in range(6)] == [0] * 6

    def test_a_child_compiles_though_another_thread_was(self, while_another_thread):
        numbers = iter(range(1, 10**9))
        while_another_thread(lambda: lm.compile(lambda x: x + 0.5 * next(numbers))(X))

        def compiles():
            assert np.array_equal(lm.compile(lambda x: x - 7.25)(X), X - np.float32(7.25))

        assert [self.in_child(compiles) for _ in range(3)] == [0] * 3
