"""LAMINA_COMPARE: right programs pass, planted faults of the compiler are found where they are."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines import engine
from lamina.engines.comparison import first_difference
from lamina.engines.llvm.codegen import elementwise
from lamina.errors import ComparisonError
from lamina.ir.types import TensorType, dtype
from lamina.settings import settings
from lamina.transforms.tracing import record


@pytest.fixture(autouse=True)
def comparing():
    with settings(compare=True, cache=False):
        yield


def compared(f, *arrays):
    types = [TensorType(a.shape, dtype(a.dtype)) for a in arrays]
    recorded = record(f, types, "f")
    return engine("llvm").compile(recorded.graph, recorded.updates)


def test_programs_that_are_right_pass():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 17)).astype(np.float32)

    def f(x):
        squares = lm.scan(lambda total, row: (total + lm.sum(row * row), total), x[0, 0], x)
        smooth = lm.grad(lambda x: lm.sum(lm.logaddexp(x @ x.T, 1.0)))(x)
        return lm.sort(x, axis=-1), lm.argmax(x, axis=0), smooth, squares, lm.tanh(x).astype("int8")

    for each in (x, x.astype(np.float64), x * 1e30, x * np.float32("nan")):
        lm.compile(f)(each)


def test_16_bit_floats_pass():
    x = np.random.default_rng(0).normal(size=(9, 33)).astype(np.float32)
    for name in ("float16", "bfloat16"):
        lm.compile(lambda x, name=name: (lm.exp(x) * 3).astype(name))(x)


def test_training_passes_and_changes_state_once():
    counter = lm.Variable(np.float32(1))
    step = lm.compile(lambda x: counter.assign_add(lm.sum(x)).read())
    assert step(np.ones(3, np.float32)) == 4 and counter.numpy() == 4
    x = np.random.default_rng(0).normal(size=(50, 8))
    y = x[:, :3].argmax(axis=1)
    model = lm.Sequential(
        [
            lm.layers.Dense(16, activation="relu", input_shape=(8,)),
            lm.layers.Dropout(0.2),
            lm.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=40, verbose=0, seed=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.parametrize(
    ("right", "wrong"), [("tanh", "logistic"), ("maximum", "minimum"), ("subtract", "add")]
)
def test_a_planted_fault_is_found(right, wrong, monkeypatch):
    monkeypatch.setitem(elementwise.SCALAR, right, elementwise.SCALAR[wrong])
    x = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    with pytest.raises(ComparisonError, match=r"f: the llvm engine computed .* of 600 differ"):
        compared(lambda x: lm.tanh(lm.maximum(x - 1.0, -0.5)), x)([x])


def test_the_kernel_that_is_wrong_is_named_and_not_those_after_it(monkeypatch):
    monkeypatch.setitem(elementwise.SCALAR, "cosine", elementwise.SCALAR["sine"])
    x = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    with pytest.raises(ComparisonError, match="computed cosine"):
        compared(lambda x: lm.sum((lm.cos(x @ x) @ x) @ x), x)([x])


def test_a_result_that_differs_from_its_kernels_is_found():
    x = np.ones(8, np.float32)
    program = compared(lambda x: x + 1.0, x)
    program([x])
    program.program = lambda arrays: [arrays[0] + 2.0]
    with pytest.raises(ComparisonError, match="result 0 differs"):
        program([x])


def test_rounding_is_allowed_and_more_is_not():
    x = np.array([1.0, 1000.0], np.float32)
    assert first_difference(x + np.float32(1e-4), x, x, 2.0**-23) is None
    assert "at [1], expected 1000.0; 1 of 2 differ" in str(
        first_difference(x + np.array([0, 0.1], np.float32), x, x, 2.0**-23)
    )
    nan = np.array([np.nan, 1000.0], np.float32)
    assert first_difference(nan, x, x, 2.0**-23) is not None
    assert first_difference(nan, nan, nan, 2.0**-23) is None
