"""Data in other dtypes than a model's Inputs: converted first, batch by batch, as Keras does."""

import tracemalloc

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import DTypeError, OutOfBoundsError

U = np.array([[200, 3], [9, 255]], "uint8")
IMAGE = U.reshape(1, 2, 2, 1)

# what a model computes from Inputs, the data, and the values of Keras 3.15
VALUES = [
    (lambda a: L.Add()([a, a]), U, [[400, 6], [18, 510]]),
    (lambda a: L.Subtract()([a, a * 2]), U, [[-200, -3], [-9, -255]]),
    (lambda a: L.Multiply()([a, a]), U, [[40000, 9], [81, 65025]]),
    (lambda a: L.Average()([a, a]), U, [[200, 3], [9, 255]]),
    (lambda a: L.Dot(1)([a, a]), U, [[40009], [65106]]),
    (lambda a: a * a, U, [[40000, 9], [81, 65025]]),
    (lambda a: lm.square(a), U, [[40000, 9], [81, 65025]]),
    (lambda a: a / 2, U, [[100, 1.5], [4.5, 127.5]]),
    (lambda a: a - 201, U, [[-1, -198], [-192, 54]]),
    (lambda a: L.Lambda(lambda x: x * x)(a), U, [[40000, 9], [81, 65025]]),
    (lambda a: L.Activation(lambda x: x * x)(a), U, [[40000, 9], [81, 65025]]),
    (lambda a: L.TimeDistributed(L.Lambda(lambda x: x + x))(a), U[..., None],
     [[[400], [6]], [[18], [510]]]),
    (lambda a: L.UpSampling2D(2, interpolation="bilinear")(a)[:, 1, 1], IMAGE, [[130.6875]]),
    (lambda a: a * 2, U > 5, [[2, 0], [2, 2]]),
]  # fmt: skip


@pytest.mark.parametrize("f,data,expected", VALUES)
def test_data_are_converted_to_the_dtype_of_the_input_before_anything_is_computed(
    f, data, expected
):
    a = lm.Input(data.shape[1:])
    model = lm.Model(a, f(a))
    assert model.predict(data, verbose=0).tolist() == expected
    assert model(data).numpy().tolist() == expected
    assert model.predict(data, verbose=0).dtype == np.float32  # the quick way, too


@pytest.mark.parametrize("given", [True, False])
def test_a_sequential_model_converts_data_with_and_without_an_input(given):
    layers = [L.Lambda(lambda x: x * x)]
    model = lm.Sequential([lm.Input((2,)), *layers] if given else layers)
    assert model.predict(U, verbose=0).tolist() == [[40000, 9], [81, 65025]]
    assert model(U).numpy().tolist() == [[40000, 9], [81, 65025]]


def test_fit_and_evaluate_convert_data_like_predict():
    def losses(data, y):
        lm.set_seed(0)
        a = lm.Input((2,))
        model = lm.Model(a, L.Dense(1)(a * a / 1e4))
        model.compile("sgd", "mse")
        history = model.fit(data, y, epochs=2, shuffle=False, verbose=0).history["loss"]
        batches = [(data, y)] * 2
        return [*history, model.evaluate(data, y, verbose=0), *model.fit(batches, verbose=0)
                .history["loss"], model.train_on_batch(data, y)]  # fmt: skip

    y = np.array([[1], [0]])
    assert losses(U, y) == losses(U.astype("float32"), y.astype("float32"))


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "float64"])
def test_numbers_of_any_dtype_go_into_an_input_of_integers(dtype):
    a = lm.Input((2,), dtype="int32")
    kept = lm.astype(lm.not_equal(a, 0), "float32")
    model = lm.Model(a, L.Embedding(5, 1, "ones")(a)[..., 0] * kept)
    assert model.predict(np.array([[1, 0]], dtype), verbose=0).tolist() == [[1, 0]]
    assert model([[1, 0]]).numpy().tolist() == [[1, 0]]


def test_fractions_are_dropped_on_the_way_into_integers_as_in_keras():
    a = lm.Input((2,), dtype="int32")
    assert lm.Model(a, a * 2).predict(np.array([[1.7, -1.7]]), verbose=0).tolist() == [[2, -2]]


@pytest.mark.parametrize("number", [2**40, -(2**31) - 1, 1e20])
def test_a_number_beyond_the_dtype_of_an_input_is_an_error_with_its_row(number):
    a = lm.Input((1,), dtype="int32", name="ids")
    model = lm.Model(a, a * 2)
    data = np.array([[0], [number]])
    for _ in range(2):
        with pytest.raises(OutOfBoundsError, match=r"Input 'ids'.*row 1.*int32"):
            model.predict(data, verbose=0)
    model.compile(loss="mse")
    with pytest.raises(OutOfBoundsError, match=r"row 1"):
        model.evaluate(data, data, verbose=0)


def test_a_sequential_model_that_begins_with_an_embedding_keeps_integers():
    model = lm.Sequential([L.Embedding(5, 2), L.Flatten()])
    model.predict(np.array([[1, 4]]), verbose=0)
    assert model.inputs[0].dtype == lm.int32
    with pytest.raises(OutOfBoundsError, match="number 5"):
        model.predict(np.array([[1, 5]]), verbose=0)


def test_an_embedding_refuses_floats_too_coarse_for_its_rows():
    with pytest.raises(DTypeError, match="16,777,216"):
        L.Embedding(2**24 + 1, 1)(lm.Input((2,)))


def test_tokens_of_eight_bits_go_into_tables_of_more_rows():
    tokens = np.array([[3, 200]], "uint8")

    class Code(lm.Model):
        def __init__(self):
            super().__init__()
            self.table = L.Embedding(300, 1, "ones")

        def call(self, x):
            return self.table(x)

    assert Code().predict(tokens, verbose=0).shape == (1, 2, 1)
    assert L.CategoryEncoding(300)(tokens).numpy().sum() == 2


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_bilinear_up_sampling_of_integers_rounds_to_the_nearest(dtype):
    found = L.UpSampling2D(2, interpolation="bilinear")(IMAGE.astype(dtype))
    assert found.dtype.name == dtype
    assert found.numpy()[0, :, :, 0].tolist() == [
        [200, 151, 52, 3], [152, 131, 88, 66], [57, 91, 158, 192], [9, 70, 194, 255]]  # fmt: skip


def test_images_of_bytes_are_not_copied_whole_to_floats():
    images = np.zeros((20_000, 28, 28), "uint8")  # 15 MiB, as float32 60 MiB
    y = np.zeros(len(images), "int32")
    model = lm.Sequential([lm.Input((28, 28)), L.Flatten(), L.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(images[:64], y[:64], verbose=0)
    tracemalloc.start()
    try:
        model.fit(images, y, verbose=0)
        model.evaluate(images, y, verbose=0)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10 * 2**20


def test_data_of_each_dtype_have_one_program():
    model = lm.Sequential([lm.Input((2,)), L.Dense(1)])
    model.compile("sgd", "mse")
    y = np.zeros((2, 1), "float32")
    for data in (U, U.astype("int32"), U, U.astype("float32"), U.astype("int32")):
        model.fit(data, y, verbose=0)
    assert len(model._session._runners._programs._programs) == 3
