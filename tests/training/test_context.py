"""The Context of the running code: every thread and asyncio task has another one."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lamina as lm
from lamina import context
from lamina.layers._base import frames
from lamina.operations import masks

TASKS = 8


def network():
    lm.set_seed(3)
    model = lm.Sequential(
        [
            lm.Input((5,)),
            lm.layers.Dense(16, activation="gelu"),
            lm.layers.Dropout(0.5),
            lm.layers.BatchNormalization(),
            lm.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


BATCHES = [np.random.default_rng(k).normal(size=(4 + k, 5)).astype("float32") for k in range(TASKS)]


def eager(k):
    """Values, gradients, random numbers and a layer's call, which depend on the Context alone."""
    x = lm.asarray(BATCHES[k])
    with lm.random.key_scope(k):
        noise = lm.random.normal((4,))
        dropped = lm.layers.Dropout(0.5)(x, training=True)
    slope = lm.grad(lambda x: lm.sum(lm.tanh(x) ** 2))(x)
    return [np.asarray(t) for t in (noise, dropped, slope)]


def same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_context_is_restored_after_the_block_also_after_an_error():
    before = context.current()
    with pytest.raises(KeyError), context.entered(stream=1, limits=[]):
        assert context.current().stream == 1
        with context.entered(stream=None):
            assert context.current().stream is None and context.current().limits == []
        assert context.current().stream == 1
        raise KeyError
    assert context.current() is before
    with pytest.raises(AttributeError):
        before.stream = 1


def test_a_thread_begins_with_an_empty_context_and_a_task_with_that_of_its_starter():
    with lm.settings(debug=0), lm.random.key_scope(1), context.entered(weight_key="here"):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(context.current).result() is context.OUTERMOST

        async def inside():
            task = asyncio.create_task(asyncio.sleep(0, context.current()))
            return context.current(), await asyncio.to_thread(context.current), await task

        here, in_thread, _ = asyncio.run(inside())
        assert here.weight_key == in_thread.weight_key == "here"
        assert here.random_scope is context.current().random_scope
    assert context.current() is context.OUTERMOST


@pytest.mark.parametrize("engine", ["llvm", "numpy"])
def test_predict_in_threads_gives_the_bits_of_predict_in_order(engine):
    with lm.settings(engine=engine):
        model = network()
        expected = [model.predict(x, verbose=0) for x in BATCHES]

        def predicted(k):
            with lm.settings(engine=engine):
                return model.predict(BATCHES[k], verbose=0)

        with ThreadPoolExecutor(TASKS) as pool:
            for _ in range(3):
                same(pool.map(predicted, range(TASKS)), expected)


def test_eager_code_in_threads_gives_the_bits_of_eager_code_in_order():
    expected = [eager(k) for k in range(TASKS)]
    with ThreadPoolExecutor(TASKS) as pool:
        for _ in range(3):
            for found, known in zip(pool.map(eager, range(TASKS)), expected, strict=True):
                same(found, known)


def test_tasks_that_predict_and_compute_across_awaits_give_the_bits_of_calls_in_order():
    model = network()
    expected = [(model.predict(x, verbose=0), *eager(k)) for k, x in enumerate(BATCHES)]
    alone = [float(np.asarray(of_scope(k, 0))) for k in range(TASKS)]

    async def task(k, pool):
        loop = asyncio.get_running_loop()
        with lm.settings(debug=0, threads=1 + k % 2), lm.random.key_scope(k):
            await asyncio.sleep(0)
            assert lm.settings.threads == 1 + k % 2
            first = float(lm.random.normal(()))
            answer = await loop.run_in_executor(pool, predict, model, BATCHES[k])
            assert lm.settings.threads == 1 + k % 2
            await asyncio.sleep(0.001 * (TASKS - k))
            assert first == alone[k]
            with lm.settings(threads=2 - k % 2):
                await asyncio.sleep(0)
                assert lm.settings.threads == 2 - k % 2
        await asyncio.sleep(0)
        return answer, *eager(k)

    async def all_of_them():
        with ThreadPoolExecutor(TASKS) as pool:
            return await asyncio.gather(*(task(k, pool) for k in range(TASKS)))

    for found, known in zip(asyncio.run(all_of_them()), expected, strict=True):
        same(found, known)


def predict(model, x):
    return model.predict(x, verbose=0)


def of_scope(k, count):
    with lm.random.key_scope(k):
        return [lm.random.normal(()) for _ in range(count + 1)][-1]


def test_a_recording_in_one_task_is_not_seen_by_another():
    variable = lm.Variable(1.0)
    order = []

    async def recording():
        from lamina.variables import current_trace, tracing

        with tracing() as trace:
            order.append("recording")
            await asyncio.sleep(0)
            assert current_trace() is trace
            assert variable.read().is_traced
            await asyncio.sleep(0)
        assert current_trace() is None

    async def eagerly():
        while "recording" not in order:
            await asyncio.sleep(0)
        assert not variable.read().is_traced
        assert lm.grad(lambda x: x * x)(3.0).item() == 6.0

    async def both():
        await asyncio.gather(recording(), eagerly())

    asyncio.run(both())


def test_calls_of_layers_in_tasks_do_not_nest_in_each_other():
    class Waiting(lm.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    async def task(k):
        layer = Waiting(name=f"waiting_{k}")
        with frames.entered(layer) as frame:
            await asyncio.sleep(0.001 * (TASKS - k))
            assert frames.current() is frame
            assert layer(lm.asarray([float(k)])).item() == 2.0 * k
            assert frames.current() is frame
        assert frames.current() is None

    async def all_of_them():
        await asyncio.gather(*(task(k) for k in range(TASKS)))

    asyncio.run(all_of_them())


def test_a_gradient_notes_values_that_leave_it_in_each_enclosing_gradient():
    def outer(x):
        inner = lm.grad(lambda y: y * float(x))
        return lm.asarray(inner(2.0).item() * 1.0)

    with pytest.raises(lm.errors.GradientError, match=r"took their values out|item\(\)|float\(\)"):
        lm.grad(outer)(lm.asarray(3.0))


def test_a_copied_context_runs_in_a_thread():
    with lm.settings(threads=1):
        copied = contextvars.copy_context()
    found = []
    thread = threading.Thread(target=lambda: found.append(copied.run(lambda: lm.settings.threads)))
    thread.start()
    thread.join()
    assert found == [1]


def test_a_mask_and_logits_live_and_die_with_their_tensor():
    x = masks.attach(lm.zeros((2, 3)), np.array([[True, False, True]] * 2))
    assert masks.mask_of(x).tolist() == [[True, False, True]] * 2
    assert masks.mask_of(x + 1.0) is None
    p = lm.softmax(x)
    assert lm.logits_of(p) is x and lm.logits_of(p + 0.0) is None
