"""Padding of sequences, and windows of a series."""

import numpy as np
import pytest

import lamina as lm
from lamina.data.sequences import pad_sequences, timeseries_dataset_from_array

LISTS = [[1, 2, 3], [], [4], [5, 6, 7, 8]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[0, 1, 2, 3], [0, 0, 0, 0], [0, 0, 0, 4], [5, 6, 7, 8]]),
        ({"padding": "post"}, [[1, 2, 3, 0], [0, 0, 0, 0], [4, 0, 0, 0], [5, 6, 7, 8]]),
        ({"maxlen": 2}, [[2, 3], [0, 0], [0, 4], [7, 8]]),
        ({"maxlen": 2, "truncating": "post", "value": 9}, [[1, 2], [9, 9], [9, 4], [5, 6]]),
    ],
)
def test_padding(options, expected):
    padded = pad_sequences(LISTS, **options)
    assert padded.dtype == np.int32
    assert padded.tolist() == expected


def test_padding_of_vectors_and_errors():
    vectors = [np.ones((2, 3)), np.ones((1, 3))]
    assert pad_sequences(vectors, dtype="float32").shape == (2, 2, 3)
    with pytest.raises(lm.errors.ShapeError, match="elements of sequence"):
        pad_sequences([np.ones((2, 3)), np.ones((1, 2))])
    with pytest.raises(lm.errors.DataError, match="number 1 of the sequences is 3"):
        pad_sequences([[1], 3])
    with pytest.raises(lm.errors.DTypeError, match="holds strings, such as 'a'"):
        pad_sequences([[1], ["a"]])
    with pytest.raises(lm.errors.UnknownNameError):
        pad_sequences([[1]], padding="front")


def test_windows_and_their_targets():
    series = np.arange(20)
    windows = timeseries_dataset_from_array(
        series[:-3], series[3:], sequence_length=3, sequence_stride=2, batch_size=4
    )
    x, y = windows.arrays()
    assert x[1].tolist() == [2, 3, 4]
    assert (y == x[:, -1] + 1).all()
    batches = list(windows)
    assert len(batches) == len(windows) == 2
    assert np.concatenate([b[0] for b in batches]).tolist() == x.tolist()
    apart = timeseries_dataset_from_array(series, None, 3, sampling_rate=4, start_index=5)
    assert apart.arrays()[0].tolist() == [5, 9, 13]
    assert len(apart.arrays()) == 20 - 5 - 8
    one = timeseries_dataset_from_array(series, None, 3, batch_size=None)
    assert next(iter(one)).shape == (3,)


def test_shuffled_windows_are_all_there_in_an_order_of_the_seed():
    def orders(seed):
        windows = timeseries_dataset_from_array(
            np.arange(30), None, 2, batch_size=8, shuffle=True, seed=seed
        )
        return [np.concatenate(list(windows))[:, 0].tolist() for _ in range(2)]

    first, second = orders(3)
    assert sorted(first) == sorted(second) == list(range(29))
    assert first != second
    assert orders(3) == [first, second]


def test_windows_train_a_model():
    wave = np.sin(np.arange(80) * 0.3).astype("float32")[:, None]
    windows = timeseries_dataset_from_array(wave[:-8], wave[8:], 8, batch_size=16)
    model = lm.Sequential([lm.Input((8, 1)), lm.layers.LSTM(8), lm.layers.Dense(1)])
    model.compile(lm.optimizers.Adam(0.02), "mse")
    losses = model.fit(windows, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 3
    assert lm.keras.utils.pad_sequences is lm.keras.preprocessing.sequence.pad_sequences


def test_windows_need_a_series_that_is_long_enough():
    with pytest.raises(lm.errors.ArgumentError, match="a window spans 9 steps, and there are 5"):
        timeseries_dataset_from_array(np.arange(5), None, 9)
    with pytest.raises(lm.errors.RangeError, match="invalid sequence_stride"):
        timeseries_dataset_from_array(np.arange(5), None, 2, sequence_stride=0)


@pytest.mark.parametrize(
    "name, value",
    [
        ("start_index", -1),
        ("start_index", 5),
        ("end_index", 6),
        ("end_index", 0),
        ("batch_size", 0),
    ],
)
def test_windows_are_cut_from_steps_that_the_series_has(name, value):
    with pytest.raises(lm.errors.RangeError, match=f"invalid {name}"):
        timeseries_dataset_from_array(np.arange(5), None, 2, **{name: value})
