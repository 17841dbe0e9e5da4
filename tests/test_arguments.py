"""Arguments that cannot be used are refused with a clear error, before anything is computed."""

import array
import importlib.util

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DTypeError, LaminaError, RangeError

X = np.arange(24.0, dtype=np.float32).reshape(6, 4) / 24
Y = np.array([0, 1, 0, 1, 0, 1])
ENDLESS = 2**63


def compiled():
    model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2, "softmax", name="head")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


# ---- numbers -----------------------------------------------------------------------------------
NOT_COUNTS = [0, -1, 1.5, True, "a", float("inf"), float("nan"), [], {}, object(), ENDLESS]
NOT_COUNTS += [np.array([1, 2]), np.True_]
COUNTS = {
    "fit": ("batch_size", "steps_per_epoch", "validation_steps", "validation_batch_size"),
    "evaluate": ("batch_size", "steps"),
    "predict": ("batch_size", "steps"),
}


@pytest.mark.parametrize("method, name", [(m, n) for m, names in COUNTS.items() for n in names])
def test_a_count_is_an_integer_from_1_and_everything_else_is_refused(method, name):
    data = (X,) if method == "predict" else (X, Y)
    options = {"validation_data": (X, Y)} if name.startswith("validation") else {}
    model = compiled()
    model.predict(X, verbose=0)  # the short way of later predictions refuses it as well
    before = model.get_weights()
    for value in NOT_COUNTS:
        with pytest.raises(RangeError) as caught:
            getattr(model, method)(*data, verbose=0, **options, **{name: value})
        assert f"{method}: invalid {name} (expected an integer" in str(caught.value)
    np.testing.assert_equal(model.get_weights(), before)
    getattr(model, method)(*data, verbose=0, **options, **{name: np.int64(1)})


OF_FIT = {
    "epochs": [-1, 1.5, True, None, "a", [1]],
    "initial_epoch": [-1, 1.5, True, None, "a"],
    "validation_freq": [0, -1, 1.5, True, None, "a", [0], [1.5], {"a"}, np.array([0, 1])],
    "validation_split": [-0.1, 1, 1.5, True, None, "0.1", float("nan"), [0.1]],
    "seed": [1.5, True, "a", [1]],
    "shuffle": ["batch", None, 2, [True]],
    "verbose": [3, -1, "loud", None, [1]],
}


@pytest.mark.parametrize("name", OF_FIT)
def test_fit_refuses_an_argument_that_it_cannot_use(name):
    model = compiled()
    for value in OF_FIT[name]:
        options = {"validation_data": (X, Y)} if name == "validation_freq" else {}
        with pytest.raises(RangeError, match=f"fit: invalid {name} "):
            model.fit(X, Y, **{"verbose": 0, **options, name: value})
    assert model.optimizer.iterations.numpy() == 0


@pytest.mark.parametrize("freq, epochs", [(2, [2, 4]), ([1, 3], [1, 3]), ({4}, [4]), (5, [])])
def test_validation_freq_is_a_number_of_epochs_or_the_numbers_of_epochs(freq, epochs):
    found = []

    class Watch(lm.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.extend([epoch + 1] * ("val_loss" in logs))

    options = {"validation_data": (X, Y), "validation_freq": freq, "callbacks": Watch()}
    compiled().fit(X, Y, epochs=4, verbose=0, **options)
    assert found == epochs


@pytest.mark.parametrize("weight", [float("inf"), float("nan"), -1, "a", True, None, [1.0]])
def test_a_class_weight_is_a_finite_number_from_0(weight):
    with pytest.raises(RangeError, match=r"class_weight: invalid weight of class 0 "):
        compiled().fit(X, Y, class_weight={0: weight, 1: 1.0}, verbose=0)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda m: m.fit(X, Y, steps_per_epoch=9, verbose=0), "fit: steps_per_epoch"),
        (
            lambda m: m.fit(X, Y, validation_data=(X, Y), validation_steps=9, verbose=0),
            "fit: validation_steps",
        ),
        (lambda m: m.evaluate(X, Y, steps=9, verbose=0), "evaluate: steps"),
        (lambda m: m.predict(X, steps=9, verbose=0), "predict: steps"),
    ],
)
def test_more_steps_than_batches_are_refused_by_the_name_of_the_argument(call, name):
    with pytest.raises(ArgumentError, match=f"{name}: more steps than batches"):
        call(compiled())


# ---- data --------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_data_that_are_missing_are_named(method):
    with pytest.raises(ArgumentError, match=f"{method}: x is missing"):
        getattr(compiled(), method)(None)
    if method != "predict":
        with pytest.raises(ArgumentError, match=f"{method}: x is missing"):
            getattr(compiled(), method)(None, Y)


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4", "<f8", "<i2"])
def test_data_of_any_byte_order_give_the_same_at_every_call(dtype):
    model, x = compiled(), (X * 24).astype(dtype)
    expected = model.predict(X * 24, verbose=0)
    for _ in range(3):
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
        model.evaluate(x, Y.astype(">i8"), verbose=0)
        model.train_on_batch(x, Y.astype(">i4"))
        expected = model.predict(X * 24, verbose=0)


class Sparse:
    """A matrix that says of itself what those of SciPy say, which is not needed for the tests."""

    shape, ndim, dtype, nnz = X.shape, X.ndim, X.dtype, X.size

    def __len__(self):
        raise TypeError("sparse array length is ambiguous; use getnnz()")

    def __getitem__(self, index):
        return X[index]

    def __iter__(self):
        return iter(X)

    def toarray(self):
        return X


@pytest.mark.parametrize(
    "use",
    [
        lambda x: compiled().fit(x, Y, verbose=0),
        lambda x: compiled().fit(X, x, verbose=0),
        lambda x: compiled().evaluate(x, Y, verbose=0),
        lambda x: compiled().predict(x, verbose=0),
        lambda x: compiled().train_on_batch(x, Y),
        lambda x: compiled()(x),
        lambda x: lm.asarray(x),
        lambda x: lm.data.Dataset.from_tensor_slices(x),
    ],
)
def test_a_sparse_matrix_is_refused_with_the_way_to_make_it_dense(use):
    matrices = [Sparse()]
    if importlib.util.find_spec("scipy"):
        sparse = importlib.import_module("scipy.sparse")
        matrices += [sparse.csr_matrix(X), sparse.coo_array(X)]
    for matrix in matrices:
        with pytest.raises(DTypeError, match=r"sparse matrices are not supported(.|\n)*toarray"):
            use(matrix)


def test_buffers_of_numbers_are_data():
    model = compiled()
    expected = model.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict(memoryview(X), verbose=0), expected)
    np.testing.assert_array_equal(lm.asarray(memoryview(X)), X)
    assert model.evaluate(memoryview(X), array.array("i", Y.tolist()), verbose=0) > 0


@pytest.mark.parametrize("data", [object(), 5, True, "a", b"a", bytearray(b"a"), {}, [], set()])
def test_what_is_no_data_is_refused(data):
    for call in (
        lambda: compiled().fit(data, Y, verbose=0),
        lambda: compiled().fit(X, data, verbose=0),
        lambda: compiled().fit(X, Y, sample_weight=data, verbose=0),
        lambda: compiled().fit(X, Y, validation_data=data, verbose=0),
        lambda: compiled().fit(X, Y, validation_data=(data, Y), verbose=0),
        lambda: compiled().evaluate(data, Y, verbose=0),
        lambda: compiled().predict(data, verbose=0),
        lambda: compiled().train_on_batch(data, Y),
        lambda: compiled().test_on_batch(X, data),
    ):
        with pytest.raises(LaminaError):
            call()
