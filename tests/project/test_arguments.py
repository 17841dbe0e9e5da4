"""Arguments that cannot be used are refused with a clear error, before anything is computed."""

import array
import importlib.util
import inspect
import math

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
def test_more_steps_than_batches_warn_by_the_name_of_the_argument(call, name):
    with pytest.warns(UserWarning, match=f"{name}: 9 steps, but 6 rows make 1 batch"):
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


CONVERTED = [  # batch by batch, if the matrix is SciPy's (tests/data/test_neighbors.py)
    lambda x: compiled().fit(x, Y, verbose=0),
    lambda x: compiled().fit(X, x, verbose=0),
    lambda x: compiled().evaluate(x, Y, verbose=0),
    lambda x: compiled().predict(x, verbose=0),
]
REFUSED = [
    lambda x: compiled().train_on_batch(x, Y),
    lambda x: compiled()(x),
    lambda x: lm.asarray(x),
    lambda x: lm.data.Dataset.from_tensor_slices(x),
]


@pytest.mark.parametrize("use", [*CONVERTED, *REFUSED])
def test_a_sparse_matrix_is_refused_with_the_way_to_make_it_dense(use):
    matrices = [Sparse()]
    if importlib.util.find_spec("scipy") and use in REFUSED:
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
def test_fit_refuses_arguments_that_are_not_data(data):
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


# ---- constructors ------------------------------------------------------------------------------
ODD = [None, 0, -1, 1.5, True, "a", float("inf"), float("nan"), [], {}, object(), ENDLESS]
FAMILIES = {
    "layers": lm.layers,
    "optimizers": lm.optimizers,
    "schedules": lm.keras.optimizers.schedules,
    "initializers": lm.initializers,
    "constraints": lm.constraints,
    "losses": lm.losses,
    "metrics": lm.metrics,
    "callbacks": lm.callbacks,
}
SMALL = {
    "features": {"a": "float"},
    "units": 2,
    "filters": 2,
    "kernel_size": 2,
    "input_dim": 5,
    "output_dim": 2,
    "num_heads": 2,
    "key_dim": 2,
    "head_dim": 2,
    "inner_optimizer": lm.optimizers.SGD(),
    "default_optimizer": lm.optimizers.SGD(),
    "optimizer_map": lm.optimizers.OptimizerMap(lm.optimizers.SGD()),
    "backup_dir": "backup",
    "num_query_heads": 2,
    "num_key_value_heads": 1,
    "max_number": 3,
    "layers": [lm.layers.Rescaling(0.5)],
    "rate": 0.5,
    "dims": (2, 1),
    "target_shape": (-1,),
    "n": 2,
    "factor": 0.1,
    "height_factor": 0.1,
    "width_factor": 0.1,
    "height": 2,
    "width": 2,
    "axes": 1,
    "stddev": 0.1,
    "equation": "abc,cd->abd",
    "output_shape": (None, 2),
    "num_tokens": 4,
    "num_bins": 3,
    "scale": 0.5,
    "output_size": 2,
    "block_size": 1,
    "function": abs,
    "activation": "relu",
    "sequence_length": 3,
    "intermediate_dim": 4,
    "initial_learning_rate": 0.1,
    "max_learning_rate": 0.1,
    "base_learning_rate": 0.01,
    "after": 0.1,
    "warmup_steps": 5,
    "total_steps": 9,
    "step_size": 3,
    "decay_steps": 10,
    "first_decay_steps": 10,
    "decay_rate": 0.5,
    "boundaries": [1, 2],
    "values": [0.1, 0.2, 0.3],
    "learning_rate": 0.1,
    "filepath": "model.lamina",
    "filename": "log.csv",
    "schedule": abs,
    "num_classes": 2,
    "target_class_ids": [0],
    "specificity": 0.5,
    "sensitivity": 0.5,
    "precision": 0.5,
    "recall": 0.5,
    "min_precision": 0.5,
    "layer": lm.layers.LSTM(2),
    "cell": lm.layers.LSTMCell(2),
    "cells": [lm.layers.LSTMCell(2)],
    "fn": abs,
    "vocabulary_size": 5,
    "embedding_dim": 2,
}
# files that do not exist are what Python says they are
OF_FILES = {"vocabulary"}


def constructors():
    for family, module in FAMILIES.items():
        for name, cls in sorted(vars(module).items()):
            public = name[0] != "_" and name in module.__all__
            if inspect.isclass(cls) and hasattr(cls, "argument_checks") and public:
                yield pytest.param(cls, id=f"{family}.{name}")
        for name in sorted(getattr(module, "__all__", ())):
            cls = getattr(module, name)
            if inspect.isclass(cls) and name not in vars(module) and name[0] != "_":
                yield pytest.param(cls, id=f"{family}.{name}")


@pytest.mark.parametrize("cls", [*constructors()])
def test_a_constructor_takes_an_odd_value_or_refuses_it_with_an_error_of_lamina(cls):
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    parameters = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    needed = {p.name: SMALL[p.name] for p in parameters if p.default is p.empty}
    raw = []
    for parameter in parameters:
        for value in ODD if parameter.name not in OF_FILES else []:
            try:
                cls(**{**needed, parameter.name: value})
            except (LaminaError, UserWarning):  # a value that is accepted for Keras only
                pass
            except Exception as error:  # noqa: BLE001 (all others are what is looked for)
                raw.append(f"{parameter.name}={value!r}: {type(error).__name__}: {error}")
    assert not raw, "\n".join(raw)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: lm.layers.Dense(2, use_bias="yes"), "Dense: invalid use_bias (expected True"),
        (lambda: lm.layers.Dense(2, trainable="yes"), "Dense: invalid trainable"),
        (lambda: lm.layers.Dropout(0.5, seed="a"), "Dropout: invalid seed (expected an integer"),
        (lambda: lm.layers.LayerNormalization(epsilon=-1), "invalid epsilon"),
        (lambda: lm.layers.SpatialDropout2D(0.5, data_format="last"), "invalid data_format"),
        (lambda: lm.layers.ReLU(threshold=float("nan")), "ReLU: invalid threshold"),
        (lambda: lm.optimizers.Adam(beta_1="a"), "Adam: invalid beta_1 (expected a number from 0"),
        (lambda: lm.optimizers.SGD(nesterov="no"), "SGD: invalid nesterov"),
        (lambda: lm.optimizers.AdamW(weight_decay=-1), "AdamW: invalid weight_decay"),
        (lambda: lm.initializers.RandomNormal(stddev=float("inf")), "invalid stddev"),
        (lambda: lm.constraints.MaxNorm("a"), "MaxNorm: invalid max_value"),
        (lambda: lm.callbacks.EarlyStopping(patience=1.5), "invalid patience"),
        (lambda: lm.callbacks.LearningRateScheduler(0.1), "invalid schedule"),
        (lambda: lm.losses.Huber(delta="a"), "Huber: invalid delta"),
        (lambda: lm.sum(lm.ones((2, 3)), axis=1.5), "sum: invalid axis (expected an integer"),
        (lambda: lm.sum(lm.ones((2, 3)), axis="a"), "sum: invalid axis (expected an integer"),
    ],
)
def test_a_value_that_was_taken_silently_is_refused_by_name(make, message):
    with pytest.raises(RangeError) as caught:
        make()
    assert message in str(caught.value)


def test_classes_of_users_may_mean_something_else_by_the_same_name():
    class Scheduled(lm.layers.Layer):
        def __init__(self, rate=None, seed="text", use_bias="maybe", **kwargs):
            super().__init__(**kwargs)

    class Told(lm.callbacks.Callback):
        def __init__(self, patience="forever"):
            super().__init__()

    assert Scheduled(rate="fast").built is False and Told().model is None


# ---- data sets ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "method", ["take", "skip", "batch", "shuffle", "prefetch"], ids=lambda name: f"Dataset.{name}"
)
def test_methods_of_data_sets_take_whole_numbers_only(method):
    data = lm.data.Dataset.from_tensor_slices(X)
    least = {"take": -1, "skip": -1, "prefetch": -1}.get(method, 1)
    for value in [1.5, "a", [], {}, object(), True, float("inf"), least - 1]:
        with pytest.raises(RangeError, match=rf"Dataset\.{method}: invalid"):
            getattr(data, method)(value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 0, np.float32(2.0)])
def test_masking_takes_any_number(value):
    layer = lm.layers.Masking(value)
    assert isinstance(layer.mask_value, float)
    np.testing.assert_equal(layer.mask_value, float(value))


@pytest.mark.parametrize("value", ["0", None, True, [0.0], np.zeros(2)])
def test_masking_refuses_a_mask_value_that_is_not_a_number(value):
    with pytest.raises(RangeError, match=r"mask_value \(expected a number, got"):
        lm.layers.Masking(value)


@pytest.mark.parametrize("layer", [lm.layers.Dense, lm.layers.LSTM, lm.layers.SimpleRNN])
@pytest.mark.parametrize("units", [2**63, 2**62, 10**30])
def test_a_weight_beyond_any_memory_is_named(layer, units):
    x = np.ones((1, 2, 3), "float32")
    with pytest.raises(RangeError, match=r"weight 'kernel' of shape .* too large for any memory"):
        layer(units)(x)
