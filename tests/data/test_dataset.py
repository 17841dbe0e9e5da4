"""Dataset: the same batches with any number of threads, and none of them left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import lamina as lm
from lamina.data import Dataset
from lamina.data.background import in_order
from lamina.errors import ArgumentError, DataError, RangeError


def numbers(count=10, size=4, **options) -> Dataset:
    """Batches of the numbers 0 to count-1."""
    return Dataset.of_rows(lambda rows: rows.astype(np.int32), count, size, **options)


def values(batches) -> list:
    return [batch.tolist() for batch in batches]


def data_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("lamina-data")]


@pytest.fixture(autouse=True)
def no_threads_left():
    yield
    assert not data_threads()


def small_model(**options) -> lm.Sequential:
    lm.set_seed(0)
    model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(2, activation="softmax")])
    model.compile(lm.optimizers.SGD(0.1), "sparse_categorical_crossentropy", **options)
    return model


def arrays(rows=50):
    rng = np.random.default_rng(0)
    return rng.normal(size=(rows, 3)).astype(np.float32), np.arange(rows) % 2


class TestBatches:
    def test_rows_in_order(self):
        assert values(numbers()) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert len(numbers()) == numbers().cardinality() == 3
        assert values(numbers(3, None)) == [0, 1, 2]
        assert len(numbers(0)) == 0 and values(numbers(0)) == []

    @pytest.mark.parametrize("workers", [0, 1, 3])
    def test_each_pass_has_a_different_order_for_any_number_of_workers(self, workers):
        shuffled = numbers(60, 7, seed=5, workers=workers)
        first, second = values(shuffled), values(shuffled)
        assert first != second
        for each in (first, second):
            assert sorted(n for batch in each for n in batch) == list(range(60))
        assert first == values(numbers(60, 7, seed=5).epoch(0))
        assert second == values(numbers(60, 7, seed=5).epoch(1))

    def test_a_stream_runs_through_passes(self):
        data = numbers(10, 4, seed=1)
        passes = [*values(data.epoch(0)), *values(data.epoch(1)), *values(data.epoch(2))]
        assert values(data.stream(2, 5)) == passes[2:7]

    def test_methods_give_new_datasets(self):
        data = numbers()
        assert values(data.take(2)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert values(data.skip(2)) == [[8, 9]]
        assert len(data.take(-1)) == len(data.take(100)) == 3 and len(data.skip(9)) == 0
        assert values(data.map(lambda x: x + 1).take(1)) == [[1, 2, 3, 4]]
        assert values(data.map(lambda x: lm.asarray(x) * 2, num_parallel_calls=2))[2] == [16, 18]
        assert values(data) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert repr(data) == "<Dataset: 3 batches>"
        named = Dataset(lambda epoch, number: 0, 2, class_names=["a", "b"], batched=False)
        assert repr(named.prefetch()) == "<Dataset: 2 samples, 2 classes>"

    def test_shuffle_and_batch(self):
        x, y = arrays(20)
        data = Dataset.from_tensor_slices((x, y)).shuffle(seed=3)
        assert len(data) == 20 and not data.batched
        batches = list(data.batch(8))
        assert [len(b[1]) for b in batches] == [8, 8, 4] and len(data.batch(8, True)) == 2
        rows = np.concatenate([b[0] for b in batches])
        assert not np.array_equal(rows, x)
        np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(x, axis=0))

    def test_orders_without_a_seed_follow_set_seed(self):
        def order():
            lm.set_seed(4)
            return values(numbers(9, 1).shuffle())

        assert order() == order()

    def test_map_unpacks_pairs(self):
        pairs = Dataset.from_tensor_slices(arrays()).batch(10)
        x, y = next(iter(pairs.map(lambda x, y: (x * 0, {"label": y}))))
        assert not x.any() and y["label"].tolist() == [0, 1] * 5

    @pytest.mark.parametrize("workers", [0, 4])
    def test_random_numbers_in_map_follow_from_the_seed_and_the_batch(self, workers):
        def drawn():
            lm.set_seed(2)
            noise = lm.layers.GaussianNoise(1.0)
            data = Dataset.of_rows(lambda rows: np.zeros((len(rows), 2), np.float32), 12, 2)
            noisy = data.map(lambda x: noise(x, training=True), num_parallel_calls=workers)
            return [np.stack(list(noisy)) for _ in range(2)]

        (first, second), again = drawn(), drawn()
        assert len(np.unique(np.concatenate([first, second]))) == 48
        np.testing.assert_array_equal([first, second], again)

    def test_cache_makes_each_batch_once(self):
        made = []
        data = Dataset(lambda epoch, number: made.append(number) or np.full(2, number), 3).cache()
        assert values(data) == values(data) == [[0, 0], [1, 1], [2, 2]]
        assert made == [0, 1, 2]

    def test_arrays_are_everything_at_once(self):
        x, y = Dataset.from_tensor_slices(arrays()).batch(8).arrays()
        np.testing.assert_array_equal(x, arrays()[0])
        assert Dataset.from_tensor_slices(arrays()).arrays()[1].tolist() == y.tolist()
        with pytest.raises(DataError, match="no batches"):
            numbers(0).arrays()

    def test_a_batch_that_is_none_is_left_out(self):
        data = Dataset(lambda epoch, n: np.full(1, n) if n % 2 else None, 4, workers=2)
        assert values(data) == values(data.map(lambda x: x)) == [[1], [3]]

    def test_finish_is_called_after_each_whole_pass(self):
        called = []
        data = numbers(finish=lambda: called.append(1))
        next(iter(data))
        assert not called
        list(data), list(data.map(lambda x: x))
        assert len(called) == 2

    @pytest.mark.parametrize("shards", [1, 3, 7])
    def test_shards_hold_every_batch_once(self, shards):
        data = numbers(22, 4, seed=3)
        parts = [values(data.shard(shards, k).epoch(2)) for k in range(shards)]
        assert [len(part) for part in parts] == [len(data.shard(shards, k)) for k in range(shards)]
        assert sorted(batch for part in parts for batch in part) == sorted(values(data.epoch(2)))
        assert parts[0] == values(data.epoch(2))[::shards]

    def test_a_shard_that_does_not_exist_is_refused(self):
        with pytest.raises(RangeError, match="expected 0 to 2, got 3"):
            numbers().shard(3, 3)

    def test_refuses(self):
        with pytest.raises(RangeError, match="invalid batch_size"):
            numbers(10, 0)
        with pytest.raises(DataError, match="unequal numbers of rows"):
            Dataset.from_tensor_slices((np.zeros(2), np.zeros(3)))


STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(-1, 30)),
    st.tuples(st.just("skip"), st.integers(0, 12)),
    st.tuples(st.just("map"), st.integers(-9, 9)),
    st.tuples(st.just("batch"), st.integers(1, 5)),
    st.tuples(st.just("cache"), st.none()),
    st.tuples(st.just("prefetch"), st.integers(-1, 4)),
)
ON_LISTS = {
    "take": lambda items, n: items if n < 0 else items[:n],
    "skip": lambda items, n: items[n:],
    "map": lambda items, n: [np.asarray(item) + n for item in items],
    "batch": lambda items, n: [items[k : k + n] for k in range(0, len(items), n)],
}


@hypothesis.given(st.integers(0, 20), st.lists(STEPS, max_size=5), st.integers(0, 3))
@hypothesis.settings(max_examples=60, deadline=None)
def test_any_chain_of_methods_does_what_it_does_to_lists(count, steps, workers):
    data = Dataset(lambda epoch, n: np.int64(n), count, workers=workers, batched=False)
    expected: list = list(range(count))
    for name, argument in steps:
        if name == "batch" and expected and len({np.shape(item) for item in expected}) > 1:
            continue  # batches of unequal lengths have no array
        if name == "map":
            data = data.map(lambda x, add=argument: x + add)
        else:
            data = getattr(data, name)(*([] if argument is None else [argument]))
        expected = ON_LISTS.get(name, lambda items, _: items)(expected, argument)
    assert len(data) == len(expected)
    for _ in range(2):
        for got, item in zip(data, expected, strict=True):
            np.testing.assert_array_equal(got, item)


class TestThreads:
    def test_work_is_done_ahead_but_not_further(self):
        begun = [threading.Event() for _ in range(100)]
        results = in_order(lambda n: begun[n].set() or n, range(100), workers=2, ahead=5)
        assert next(results) == 0
        assert all(event.wait(10) for event in begun[:6])
        time.sleep(0.02)
        assert not any(event.is_set() for event in begun[6:])
        results.close()
        assert not data_threads()

    def test_leaving_the_loop_leaves_no_threads(self):
        for batch in numbers(1000, 4, workers=3):
            if batch[0] > 20:
                assert data_threads()
                break
        assert not data_threads()

    def test_an_error_in_a_worker_is_raised_at_the_caller(self):
        def make(epoch, number):
            if number == 3:
                raise DataError("file-17.png is broken")
            return np.full(2, number)

        got = []
        with pytest.raises(DataError, match="file-17"):
            for batch in Dataset(make, 10, workers=2):
                got.append(batch[0])
        assert got == [0, 1, 2]

    def test_batches_are_made_while_others_are_used(self):
        begun = [threading.Event() for _ in range(10)]
        data = Dataset(lambda epoch, n: begun[n].set() or np.full(1, n), 10, workers=1, ahead=1)
        for n, _ in enumerate(data):
            assert n == 9 or begun[n + 1].wait(10)

    def test_a_program_ends_though_an_iteration_is_held(self):
        code = (
            "import numpy as np; from lamina.data import Dataset\n"
            "held = iter(Dataset(lambda epoch, n: np.zeros(3), 10**6, workers=3)); next(held)"
        )
        environment = os.environ | {"PYTHONPATH": str(Path(lm.__file__).parents[1])}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, timeout=60, capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, b"")

    def test_settings_hold_in_threads(self):
        data = numbers(4, 4, workers=1).map(lambda x: np.full(1, lm.settings.timeout))
        with lm.settings(timeout=7.5):
            assert next(iter(data)) == 7.5


class TestTraining:
    def test_fit_sees_what_arrays_in_this_order_give(self):
        x, y = arrays()
        model = small_model()
        data = Dataset.of_rows(lambda rows: (x[rows], y[rows]), 50, 8, seed=2, workers=2)
        losses = model.fit(data, epochs=3, verbose=0).history["loss"]
        again = small_model()
        order = [np.concatenate([b[1] for b in data.epoch(k)]) for k in range(3)]
        assert [o.tolist() for o in order[:1]] != [o.tolist() for o in order[1:2]]
        for epoch in range(3):
            for bx, by in data.epoch(epoch):
                again.train_on_batch(bx, by)
        np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])
        assert losses[-1] < losses[0]

    def test_a_fit_that_continues_at_an_epoch_sees_the_same_batches(self):
        x, y = arrays()
        data = Dataset.of_rows(lambda rows: (x[rows], y[rows]), 50, 8, seed=2)
        for steps in (None, 4):
            whole, halves = small_model(), small_model()
            whole.fit(data, epochs=4, steps_per_epoch=steps, verbose=0)
            halves.fit(data, epochs=2, steps_per_epoch=steps, verbose=0)
            halves.fit(data, epochs=4, initial_epoch=2, steps_per_epoch=steps, verbose=0)
            np.testing.assert_array_equal(whole.get_weights()[0], halves.get_weights()[0])

    def test_evaluate_predict_and_validation_take_it(self):
        x, y = arrays()
        data = Dataset.from_tensor_slices((x, y)).batch(8).prefetch(2)
        model = small_model(metrics=["accuracy"])
        history = model.fit(data, validation_data=data, epochs=2, verbose=0).history
        assert len(history["val_accuracy"]) == 2
        np.testing.assert_allclose(
            model.evaluate(data, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-5
        )
        np.testing.assert_allclose(model.predict(data), model.predict(x), rtol=1e-5)

    def test_class_weights_are_those_of_arrays(self):
        x, y = arrays(16)
        alone, batched = small_model(), small_model()
        weights = {0: 3.0, 1: 0.5}
        alone.fit(x, y, batch_size=16, class_weight=weights, shuffle=False, epochs=2, verbose=0)
        batched.fit([(x, y)], class_weight=weights, epochs=2, verbose=0)
        np.testing.assert_allclose(alone.get_weights()[0], batched.get_weights()[0], rtol=1e-6)

    def test_a_generator_needs_a_number_of_steps(self):
        def endless():
            while True:
                yield arrays(8)

        history = small_model().fit(endless(), steps_per_epoch=3, epochs=2, verbose=0)
        assert len(history.history["loss"]) == 2

    def test_a_generator_that_ends_early_warns_and_then_raises(self):
        history = small_model().fit((b for b in [arrays(8)] * 3), verbose=0).history
        assert len(history["loss"]) == 1
        with (
            pytest.warns(UserWarning, match="epoch 2 has 1 of 2 batches"),
            pytest.raises(DataError, match="epoch 3: the iterable of batches gave none"),
        ):
            generator = (b for b in [arrays(8)] * 3)
            small_model().fit(generator, steps_per_epoch=2, epochs=3, verbose=0)

    @pytest.mark.parametrize("shuffle", [False, True])
    def test_a_dataset_by_inheritance(self, shuffle):
        class Squares(lm.keras.utils.PyDataset):
            def __init__(self):  # without super().__init__(), as older programs
                self.asked, self.ended = [], 0

            def __len__(self):
                return 6

            def __getitem__(self, index):
                self.asked.append(index)
                return arrays(8)

            def on_epoch_end(self):
                self.ended += 1

        data = Squares()
        small_model().fit(data, epochs=2, seed=1, shuffle=shuffle, verbose=0)
        assert data.ended == 2
        first, second = data.asked[:6], data.asked[6:]
        assert sorted(first) == sorted(second) == list(range(6))
        assert (first == second == list(range(6))) is not shuffle
        assert len(small_model().predict(data)) == 48
        assert repr(data) == "<Squares: 6 batches>"

    def test_single_samples_are_refused(self):
        with pytest.raises(ArgumentError, match="single samples") as caught:
            small_model().fit(Dataset.from_tensor_slices(arrays()), verbose=0)
        assert caught.value.hint == "dataset.batch(32)"

    def test_an_error_of_a_worker_stops_fit_and_its_threads(self):
        def make(epoch, number):
            if number == 2:
                raise DataError("cat.jpg cannot be read")
            return arrays(8)

        with pytest.raises(DataError, match=r"cat\.jpg"):
            small_model().fit(Dataset(make, 5, workers=2), verbose=0)
        assert not data_threads()

    def test_ctrl_c_stops_fit_and_its_threads(self):
        def make(epoch, number):
            if number == 5:
                signal.raise_signal(signal.SIGINT)
            return arrays(8)

        with pytest.raises(KeyboardInterrupt):
            small_model().fit(Dataset(make, 10**6, workers=2), verbose=0)
        assert not data_threads()
