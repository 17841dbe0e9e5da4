"""Dataset: pipelines with the methods and the results of tf.data (2.21)."""

import threading

import numpy as np
import pytest

import lamina as lm
from lamina.data import Dataset
from lamina.errors import ArgumentError, DataError, RangeError, ShapeError
from lamina.specs import TensorSpec

numbers = Dataset.range


def values(data) -> list:
    """All elements of a pass: numbers, lists, tuples of them, and lists for inner datasets."""
    return [plain(element) for element in data]


def plain(element):
    if isinstance(element, Dataset):
        return values(element)
    if isinstance(element, tuple):
        return tuple(map(plain, element))
    return {k: plain(e) for k, e in element.items()} if type(element) is dict else element.tolist()


def ragged() -> Dataset:
    rows = [[1], [2, 3], [4, 5, 6]]
    return Dataset.from_generator(lambda: iter(rows), output_types="int32")


@pytest.fixture(autouse=True)
def no_threads_left():
    yield
    assert not [t for t in threading.enumerate() if t.name.startswith("lamina-data")]


PIPELINES = {
    "window": (
        lambda: numbers(7).window(3, 2, 1, True).flat_map(lambda w: w.batch(3)),
        [[0, 1, 2], [2, 3, 4], [4, 5, 6]],
    ),
    "window with stride": (lambda: numbers(7).window(3, 2, 2), [[0, 2, 4], [2, 4, 6], [4, 6], [6]]),
    "window with gaps": (lambda: numbers(10).window(2, 5, 1), [[0, 1], [5, 6]]),
    "window of pairs": (
        lambda: Dataset.zip((numbers(4), numbers(4))).window(2),
        [([0, 1], [0, 1]), ([2, 3], [2, 3])],
    ),
    "interleave": (
        lambda: numbers(1, 4).interleave(
            lambda x: Dataset.from_tensors(x).repeat(3), cycle_length=2, block_length=2
        ),
        [1, 1, 2, 2, 1, 2, 3, 3, 3],
    ),
    "interleave of unequal lengths": (
        lambda: numbers(1, 5).interleave(lambda x: numbers(x), cycle_length=3, block_length=2),
        [0, 0, 1, 0, 1, 0, 1, 2, 2, 3],
    ),
    "padded_batch": (
        lambda: ragged().padded_batch(2, padded_shapes=[None]),
        [[[1, 0], [2, 3]], [[4, 5, 6]]],
    ),
    "padded_batch to a length": (
        lambda: ragged().padded_batch(2, padded_shapes=[4], padding_values=-1),
        [[[1, -1, -1, -1], [2, 3, -1, -1]], [[4, 5, 6, -1]]],
    ),
    "unbatch": (lambda: numbers(5).batch(2).unbatch(), [0, 1, 2, 3, 4]),
    "rebatch": (lambda: numbers(7).batch(3).rebatch(2), [[0, 1], [2, 3], [4, 5], [6]]),
    "enumerate": (
        lambda: Dataset.from_tensor_slices(["a", "b"]).enumerate(5),
        [(5, "a"), (6, "b")],
    ),
    "scan": (lambda: numbers(5).scan(np.int64(0), lambda s, x: (s + x, s + x)), [0, 1, 3, 6, 10]),
    "unique": (lambda: Dataset.from_tensor_slices([1, 37, 2, 37, 2, 1]).unique(), [1, 37, 2]),
    "unique of strings": (
        lambda: Dataset.from_tensor_slices(["a", "long", "a"]).unique(),
        ["a", "long"],
    ),
    "choose_from_datasets": (
        lambda: Dataset.choose_from_datasets(
            [Dataset.from_tensors(k).repeat() for k in (7, 8)], numbers(2).repeat(2)
        ),
        [7, 8, 7, 8],
    ),
    "choose_from_datasets past an end": (
        lambda: Dataset.choose_from_datasets(
            [numbers(2), numbers(10, 12)],
            Dataset.from_tensor_slices([0, 0, 0, 1, 1]),
            stop_on_empty_dataset=False,
        ),
        [0, 1, 10, 11],
    ),
    "take_while": (lambda: numbers(10).take_while(lambda x: x < 3), [0, 1, 2]),
    "group_by_window": (
        lambda: numbers(10).group_by_window(
            lambda x: x % 2, lambda key, window: window.batch(3), window_size=3
        ),
        [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]],
    ),
    "filter": (lambda: numbers(9).filter(lambda x: x % 3 == 0).batch(2), [[0, 3], [6]]),
    "dictionaries": (
        lambda: Dataset.from_tensor_slices(({"a": [1, 2], "b": ["x", "y"]}, [0.5, 1.5])).batch(2),
        [({"a": [1, 2], "b": ["x", "y"]}, [0.5, 1.5])],
    ),
    "zip of a nest": (
        lambda: Dataset.zip((numbers(2), {"k": numbers(5, 9)})),
        [(0, {"k": 5}), (1, {"k": 6})],
    ),
    "concatenate": (lambda: numbers(2).concatenate(numbers(9, 7, -1)), [0, 1, 9, 8]),
    "repeat of a filter": (lambda: numbers(3).filter(lambda x: x > 0).repeat(2), [1, 2, 1, 2]),
    "counter": (lambda: Dataset.counter(3, 2).take(3), [3, 5, 7]),
    "apply": (lambda: numbers(5).apply(lambda data: data.skip(3)), [3, 4]),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_gives_the_elements_of_tf_data_in_every_pass(name):
    make, expected = PIPELINES[name]
    data = make()
    assert values(data) == values(data) == expected


def test_cardinality_is_that_of_tf_data():
    some = numbers(5)
    found = {
        5: [some, some.prefetch(1), some.cache(), some.map(lambda x: x), some.enumerate()],
        -1: [some.repeat(), some.repeat().map(lambda x: x).batch(2), some.shuffle(2).repeat()],
        -2: [some.filter(lambda x: True), some.flat_map(lambda x: numbers(x))],
        3: [some.batch(2), some.repeat().take(3), some.skip(2), some.window(2), numbers(0, 6, 2)],
        2: [some.batch(2, drop_remainder=True), some.shard(2, 1)],
        15: [some.repeat(3)],
        0: [numbers(0).repeat(), some.repeat(0), some.skip(-1)],
    }
    for count, data in found.items():
        assert [each.cardinality() for each in data] == [count] * len(data)
    with pytest.raises(TypeError, match="infinite"):
        len(some.repeat())


def test_element_spec_leaves_the_size_of_a_last_batch_open():
    data = Dataset.from_tensor_slices((np.zeros((4, 3), "float32"), ["a", "b", "c", "d"]))
    assert data.element_spec == (TensorSpec((3,), "float32"), TensorSpec((), "string"))
    assert data.batch(3).element_spec[0] == TensorSpec((None, 3), "float32")
    assert data.batch(2, drop_remainder=True).element_spec[0] == TensorSpec((2, 3), "float32")
    assert data.batch(3).map(lambda x, y: x + 1.0).element_spec.shape == (None, 3)


class TestElements:
    def test_elements_are_tensors_whose_values_numpy_returns(self):
        x, text = next(iter(Dataset.from_tensor_slices(([1.5], ["é"]))))
        assert isinstance(x, lm.Tensor) and x.numpy() == 1.5
        assert text.numpy() == "é".encode() and text.numpy().decode("utf-8") == "é"
        batch = next(iter(Dataset.from_tensor_slices(["a", "bc"]).batch(2)))
        assert batch.numpy().tolist() == [b"a", b"bc"] and batch[1] == "bc"
        assert list(Dataset.from_tensor_slices(["a"]).as_numpy_iterator()) == [b"a"]

    def test_functions_receive_tensors(self):
        data = Dataset.from_tensor_slices(np.full((2, 3), 200, np.uint8))
        (first, _) = data.map(lambda x: lm.astype(x, "float32") / 255.0)
        assert first.dtype == lm.float32 and first.numpy()[0] == np.float32(200 / 255)

    def test_elements_of_a_generator_have_the_dtypes_of_the_signature(self):
        def rows():
            for k in range(3):
                yield np.full((2,), k), k

        signature = (TensorSpec((2,), "float32"), TensorSpec((), "int32"))
        data = Dataset.from_generator(rows, output_signature=signature)
        assert data.element_spec == signature
        x, y = list(data)[2]
        assert (x.dtype, y.dtype, x.tolist()) == (lm.float32, lm.int32, [2.0, 2.0])
        wrong = Dataset.from_generator(rows, output_signature=(TensorSpec((3,)), TensorSpec(())))
        with pytest.raises(ShapeError, match=r"element\[0\].*expected \(3,\), got \(2,\)"):
            list(wrong)
        with pytest.raises(ArgumentError, match="structure of output_signature"):
            list(Dataset.from_generator(rows, output_signature=(TensorSpec((2,)),) * 3))

    def test_arguments_of_a_generator_are_passed_on(self):
        data = Dataset.from_generator(range, args=(2, 4), output_types="int64")
        assert values(data) == [2, 3]

    def test_a_function_that_makes_no_dataset_is_refused(self):
        with pytest.raises(DataError, match="expected a Dataset for each"):
            list(numbers(3).flat_map(lambda x: x))

    def test_samples_of_several_shapes_point_to_padded_batch(self):
        with pytest.raises(ShapeError) as caught:
            list(ragged().batch(2))
        assert "padded_batch" in caught.value.hint


class TestOrder:
    @pytest.mark.parametrize("calls", [None, 1, 3, -1])
    def test_any_number_of_threads_gives_the_same_elements(self, calls):
        def pipeline():
            lm.set_seed(3)
            data = numbers(40).filter(lambda x: x % 2 == 0).shuffle(8, seed=1)
            return data.map(lambda x: x + lm.random.uniform(()), num_parallel_calls=calls)

        data = pipeline()
        first, second = values(data), values(data)
        assert first == values(pipeline().prefetch(3)) and first != second
        assert sorted(int(x) for x in first) == sorted(int(x) for x in second)

    def test_reshuffling_can_be_turned_off(self):
        for data in (numbers(20), numbers(20).filter(lambda x: True)):
            fixed = data.shuffle(20, seed=4, reshuffle_each_iteration=False)
            assert values(fixed) == values(fixed) != values(numbers(20))
            fresh = data.shuffle(20, seed=4)
            assert values(fresh) != values(fresh)

    def test_repetitions_are_shuffled_differently_and_batched_alike(self):
        once = numbers(12).shuffle(12, seed=2).repeat(2)
        found = values(once)
        assert found[:12] != found[12:] and sorted(found[:12]) == sorted(found[12:])
        again = numbers(12).shuffle(12, seed=2).repeat(2).batch(5)
        assert [x for batch in values(again) for x in batch] == found

    def test_rows_taken_together_are_those_taken_one_by_one(self):
        x = np.arange(40).reshape(20, 2)
        steps = lambda data: data.shuffle(20, seed=3).skip(2).shard(2, 1).take(7).repeat(3)  # noqa: E731
        together = steps(Dataset.from_tensor_slices(x)).shuffle(9, seed=5).batch(4)
        singly = steps(Dataset.from_tensor_slices(x)).shuffle(9, seed=5).map(lambda x: x).batch(4)
        assert values(together) == values(singly)

    def test_endless_data_are_shuffled_in_a_buffer(self):
        data = numbers(10).repeat().shuffle(5, seed=1)
        taken = values(data.take(30))
        assert len(set(map(tuple, [taken[:10], taken[10:20], taken[20:]]))) == 3
        with pytest.raises(ArgumentError, match="buffer_size is missing"):
            numbers(10).repeat().shuffle()

    def test_samples_are_drawn_by_weight_and_the_same_for_a_seed(self):
        def drawn(**options):
            sources = [Dataset.from_tensors(k).repeat() for k in range(3)]
            data = Dataset.sample_from_datasets(sources, seed=7, **options)
            return values(data.take(2000))

        counts = np.bincount(drawn(weights=[0.5, 0.5, 0.0]), minlength=3)
        assert counts[2] == 0 and abs(counts[0] - 1000) < 100
        assert drawn() == drawn()
        with pytest.raises(RangeError, match="invalid weights"):
            drawn(weights=[1.0])


class TestBuckets:
    def test_sequences_of_similar_length_are_padded_together(self):
        rows = [[0], [1, 2, 3, 4], [5, 6, 7], [7, 8, 9, 10, 11], [13] * 6, [21, 22]]
        data = Dataset.from_generator(lambda: iter(rows), output_types="int64")
        batches = data.bucket_by_sequence_length(lambda x: x.shape[0], [3, 5], [2, 2, 2])
        assert values(batches) == [
            [[1, 2, 3, 4], [5, 6, 7, 0]],
            [[7, 8, 9, 10, 11, 0], [13] * 6],
            [[0, 0], [21, 22]],
        ]
        wide = data.take(4).bucket_by_sequence_length(
            lambda x: x.shape[0], [3, 8], [2, 2, 2], pad_to_bucket_boundary=True
        )
        assert sorted({batch.shape for batch in wide}) == [(1, 2), (1, 7), (2, 7)]


class TestCache:
    @pytest.mark.parametrize("sequential", [False, True])
    def test_a_file_keeps_elements_for_the_next_program(self, tmp_path, sequential):
        made = []

        def pipeline():
            data = Dataset.from_tensor_slices(({"x": [[1.5, 2.5], [3.5, 4.5]]}, ["a", "é"]))
            data = data.filter(lambda x, y: True) if sequential else data
            counted = data.map(lambda x, y: made.append(1) or (x, y))
            return counted.cache(str(tmp_path / "kept"))

        expected = [({"x": [1.5, 2.5]}, "a"), ({"x": [3.5, 4.5]}, "é")]
        data = pipeline()
        next(iter(data))
        assert values(data) == values(data) == expected
        assert len(made) == 3 if sequential else len(made) == 2
        made.clear()
        assert values(pipeline()) == expected and not made

    def test_a_record_that_was_cut_off_is_made_again(self, tmp_path):
        path = tmp_path / "kept"
        assert values(numbers(3).cache(path)) == [0, 1, 2]
        path.write_bytes(path.read_bytes()[:-5])
        assert values(numbers(3).cache(path)) == [0, 1, 2]
        assert values(numbers(9).skip(5).take(3).cache(path)) == [0, 1, 2]

    def test_memory_holds_one_complete_pass(self):
        made = []
        data = numbers(3).filter(lambda x: made.append(1) or True).cache()
        assert values(data) == values(data) == [0, 1, 2] and len(made) == 3


class TestTraining:
    def model(self):
        lm.set_seed(0)
        model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(2, activation="softmax")])
        model.compile(lm.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        return model

    def pairs(self):
        x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
        return Dataset.from_tensor_slices((x, np.arange(40) % 2))

    @pytest.mark.parametrize("filtered", [False, True])
    def test_endless_data_need_steps_and_continue_from_epoch_to_epoch(self, filtered):
        data = self.pairs().filter(lambda x, y: True) if filtered else self.pairs()
        endless = data.repeat().batch(8)
        with pytest.raises(ArgumentError, match="does not end"):
            self.model().fit(endless, verbose=0)
        whole, halves, listed = self.model(), self.model(), self.model()
        whole.fit(endless, epochs=4, steps_per_epoch=3, verbose=0)
        halves.fit(endless, epochs=2, steps_per_epoch=3, verbose=0)
        halves.fit(endless, epochs=4, initial_epoch=2, steps_per_epoch=3, verbose=0)
        for x, y in endless.take(12):
            listed.train_on_batch(x, y)
        np.testing.assert_array_equal(whole.get_weights()[0], halves.get_weights()[0])
        np.testing.assert_array_equal(whole.get_weights()[0], listed.get_weights()[0])

    def test_data_of_unknown_length_are_one_pass_an_epoch(self):
        data = self.pairs().filter(lambda x, y: y == 0).batch(8)
        model = self.model()
        history = model.fit(data, epochs=2, validation_data=data, verbose=0).history
        assert len(history["val_loss"]) == 2
        assert model.predict(data, verbose=0).shape == (20, 2)
        assert model.evaluate(data, verbose=0) == pytest.approx(history["val_loss"][-1], rel=1e-5)

    def test_generators_feed_fit(self):
        x, y = self.pairs().arrays()

        def rows():
            yield from zip(x, y, strict=True)

        signature = (TensorSpec((3,), "float32"), TensorSpec((), "int32"))
        data = Dataset.from_generator(rows, output_signature=signature).batch(10).prefetch(-1)
        one, other = self.model(), self.model()
        one.fit(data, epochs=2, verbose=0)
        other.fit(x, y, batch_size=10, epochs=2, shuffle=False, verbose=0)
        np.testing.assert_allclose(one.get_weights()[0], other.get_weights()[0], rtol=1e-5)
