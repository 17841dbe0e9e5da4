"""One compilation for every length: what programs leave open, and where they cannot."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as lm
from lamina.layers import (
    GRU,
    LSTM,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
)

RNG = np.random.default_rng(5)
LENGTHS = (5, 9, 28, 100)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def compiled():
    return lm.compile_stats().count


def compilations(model, batches):
    """Count the compilations of training, evaluation and prediction of these batches."""
    model.compile("sgd", "mse", metrics=["mae"])
    counts = []
    for run in (
        model.train_on_batch,
        model.test_on_batch,
        lambda x, y: model.predict(x, verbose=0),
        lambda x, y: model.fit(x, y, batch_size=3, verbose=0),
    ):
        before = compiled()
        for x, y in batches:
            run(x, y)
        counts.append(compiled() - before)
    return counts


STEPS = [normal(4, n, 28) for n in LENGTHS]
LAST = [(x, normal(4, 2)) for x in STEPS]
EACH = [(x, normal(4, x.shape[1], 2)) for x in STEPS]
WORDS = [(RNG.integers(0, 9, (4, n)), normal(4, n, 2)) for n in LENGTHS]
IMAGES = [(normal(2, n, m, 3), normal(2, 2)) for n, m in ((8, 8), (12, 8), (9, 11), (16, 20))]


def test_an_lstm_compiles_once_for_all_lengths():
    model = lm.Sequential([Input((None, 28)), LSTM(8), Dense(2)])
    assert compilations(model, LAST) == [1, 1, 1, 0]


@pytest.mark.parametrize("mask_zero", [False, True])
def test_a_model_with_a_target_for_every_step_compiles_once_for_all_lengths(mask_zero):
    model = lm.Sequential(
        [
            Input((None,), dtype="int32"),
            Embedding(9, 4, mask_zero=mask_zero),
            GRU(4, return_sequences=True),
            Dense(2),
        ]
    )
    assert compilations(model, WORDS) == [1, 1, 1, 0]


def test_a_model_for_images_of_any_size_compiles_once():
    model = lm.Sequential(
        [
            Input((None, None, 3)),
            Conv2D(4, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            GlobalAveragePooling2D(),
            Dense(2),
        ]
    )
    assert compilations(model, IMAGES) == [1, 1, 1, 0]


def test_an_iterable_of_batches_of_all_lengths_compiles_once():
    model = lm.Sequential([Input((None, 28)), LSTM(4, return_sequences=True), Dense(2)])
    model.compile("sgd", "mse")
    before = compiled()
    weighted = [(x, y, np.ones(y.shape[:2], "float32")) for x, y in EACH]
    model.fit(weighted, epochs=2, verbose=0)
    assert compiled() - before == 1
    model.evaluate(weighted, verbose=0)
    assert compiled() - before == 2


def test_an_open_program_does_what_a_fixed_one_does():
    def trained(shape):
        lm.set_seed(1)
        model = lm.Sequential([Input(shape), LSTM(6, return_sequences=True), Dense(2)])
        model.compile("adam", "mse")
        losses = [model.train_on_batch(*EACH[1]) for _ in range(3)]
        return losses, model.get_weights(), model.predict(STEPS[1], verbose=0)

    (a, u, p), (b, v, q) = trained((9, 28)), trained((None, 28))
    assert a == pytest.approx(b, rel=1e-5)
    for first, second in zip([*u, p], [*v, q], strict=True):
        np.testing.assert_allclose(first, second, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [(8, 8), (9, 11), (16, 7)])
def test_open_images_whose_windows_leave_a_rest_train_as_images_of_known_size(size, strides):
    x, y = normal(2, *size, 3), normal(2, 2)

    def trained(shape):
        lm.set_seed(1)
        model = lm.Sequential(
            [
                Input(shape),
                Conv2D(4, 3),
                MaxPooling2D() if strides == 1 else Conv2D(4, 2),
                Conv2D(2, 2, strides=strides),
                GlobalAveragePooling2D(),
            ]
        )
        model.compile(lm.optimizers.SGD(0.1), "mse")
        return [model.train_on_batch(x, y) for _ in range(3)], model.get_weights()

    (a, u), (b, v) = trained((*size, 3)), trained((None, None, 3))
    assert not any("a size is part of it" in r for r in lm.compile_stats().reasons[-1:])
    assert a == pytest.approx(b, rel=1e-5)
    for first, second in zip(u, v, strict=True):
        np.testing.assert_allclose(first, second, rtol=2e-4, atol=2e-6)


def test_targets_may_be_shorter_by_the_strides():
    model = lm.Sequential([Input((None, 28)), Conv1D(4, 3, strides=2), Conv1D(2, 2, strides=2)])
    steps = [((x.shape[1] - 3) // 2 + 1 - 2) // 2 + 1 for x in STEPS]
    batches = [(x, normal(4, n, 2)) for x, n in zip(STEPS, steps, strict=True)]
    assert compilations(model, batches) == [1, 1, 1, 0]


def test_sequences_of_two_lengths_in_one_model():
    source, target = Input((None, 4)), Input((None, 3))
    _, *states = LSTM(6, return_state=True)(source)
    h = LSTM(6, return_sequences=True)(target, initial_state=states)
    model = lm.Model([source, target], Dense(2)(h))
    model.compile("sgd", "mse")
    before = compiled()
    for n, m in ((5, 7), (9, 4), (3, 12)):
        model.train_on_batch([normal(2, n, 4), normal(2, m, 3)], normal(2, m, 2))
    assert compiled() - before == 1


# ---- models without an Input -------------------------------------------------------------------
def test_a_model_that_the_first_data_shaped_opens_with_the_second():
    model = lm.Sequential([LSTM(4, return_sequences=True), Dense(2)])
    assert compilations(model, EACH) == [2, 1, 1, 0]
    assert model.input_shape == (None, None, 28)
    assert model(STEPS[2]).shape == (4, 28, 2)


def test_calling_a_model_on_another_length_opens_its_axis():
    model = lm.Sequential([LSTM(4)])
    assert model(STEPS[0]).shape == model(STEPS[1]).shape == (4, 4)
    with pytest.raises(lm.errors.ShapeError, match=r"data of shape \(None, None, 28\)"):
        model(normal(4, 5, 27))
    assert model(STEPS[3]).shape == (4, 4)


class Tagger(lm.Model):
    asks = False

    def __init__(self):
        super().__init__()
        self.inner, self.outer = LSTM(4, return_sequences=True), Dense(2)

    def call(self, x):
        if self.asks:
            assert int(x.shape[1]) > 0
        return self.outer(self.inner(x))


class Asking(Tagger):
    asks = True


def test_a_subclassed_model_compiles_for_its_first_length_and_for_all_others():
    assert compilations(Tagger(), EACH) == [2, 2, 2, 0]


def test_if_python_reads_the_length_each_length_has_a_program_and_the_reason_is_noted():
    assert compilations(Asking(), EACH[:3]) == [3, 3, 3, 0]
    reasons = lm.compile_stats().reasons[-9:]
    assert any("a size is part of it" in r and "axis1" in r for r in reasons)


def test_weights_that_need_the_length_keep_it():
    model = lm.Sequential([Flatten(), Dense(2)])
    model.compile("sgd", "mse")
    model.train_on_batch(*LAST[0])
    expected = r"expected data of shape \(None, 5, 28\), got shape \(None, 9, 28\)"
    with pytest.raises(lm.errors.ShapeError, match=expected):
        model.train_on_batch(*LAST[1])
    assert model.train_on_batch(*LAST[0]) > 0
    with pytest.raises(lm.errors.ShapeError, match="depends on an extent that is not known"):
        lm.Sequential([Input((None, 28)), Flatten(), Dense(2)])


def test_targets_of_another_length_raise_with_both_lengths():
    model = lm.Sequential([Input((None, 28)), LSTM(4, return_sequences=True), Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(lm.errors.ShapeError, match=r"\(batch, 9, 2\), predictions \(batch, 5, 2\)"):
        model.train_on_batch(STEPS[0], EACH[1][1])
    assert model.train_on_batch(*EACH[0]) > 0


def test_sequences_longer_than_declared_are_refused():
    model = lm.Sequential([Input((9, 28)), LSTM(4), Dense(2)])
    model.compile("sgd", "mse")
    for run in (model.train_on_batch, model.fit, model.evaluate):
        with pytest.raises(lm.errors.ShapeError, match=r"\(None, 9, 28\), got shape \(None, 28"):
            run(*LAST[2])
    with pytest.raises(lm.errors.ShapeError, match=r"\(None, 9, 28\), got shape \(None, 28"):
        model.predict(STEPS[2], verbose=0)
