"""Losses of several outputs, several losses of one output, and targets for some outputs."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras

X = np.arange(24, dtype="float32").reshape(8, 3) / 24
Y = np.linspace(0, 1, 8, dtype="float32").reshape(8, 1)


def difference(y_true, y_pred):
    """The distance of the difference of two targets from that of two outputs."""
    first, second = y_pred.values() if isinstance(y_pred, dict) else y_pred
    wanted, other = y_true.values() if isinstance(y_true, dict) else y_true
    return lm.square((first - second) - (wanted - other))


def outputs():
    x = keras.Input((3,))
    first, second = (
        keras.layers.Dense(1, name=name, kernel_initializer="ones")(x) for name in "ab"
    )
    return x, first, second


def logs_of(nest, y, loss, loss_weights=None):
    x, first, second = outputs()
    model = keras.Model(x, nest(first, second))
    model.compile("sgd", loss, loss_weights=loss_weights)
    return model.evaluate(X, y, return_dict=True, verbose=0)


DISTANCE = X.sum(axis=1, keepdims=True) - Y
MSE = float(np.mean(DISTANCE**2))
SUM = float(np.mean(Y**2))  # of the differences of targets Y and 2 Y


@pytest.mark.parametrize(
    ("nest", "y"),
    [
        (lambda a, b: [a, b], [Y, 2 * Y]),
        (lambda a, b: {"a": a, "b": b}, {"a": Y, "b": 2 * Y}),
    ],
)
def test_a_loss_of_all_outputs_adds_to_those_of_each(nest, y):
    each = ["mse", None] if isinstance(y, list) else {"a": "mse"}
    logs = logs_of(nest, y, (difference, each))
    np.testing.assert_allclose(logs["loss"], SUM + MSE, rtol=1e-5)
    np.testing.assert_allclose(logs["a_b_loss"], SUM, rtol=1e-5)
    np.testing.assert_allclose(logs["a_loss"], MSE, rtol=1e-5)
    assert set(logs) == {"loss", "a_b_loss", "a_loss"}


def test_weights_of_joint_losses_have_the_same_nest():
    logs = logs_of(
        lambda a, b: {"a": a, "b": b},
        {"a": Y, "b": 2 * Y},
        [difference, {"a": "mse"}],
        [3.0, {"a": 0.5}],
    )
    np.testing.assert_allclose(logs["loss"], 3 * SUM + 0.5 * MSE, rtol=1e-5)


def test_several_losses_of_one_output_are_added():
    logs = logs_of(lambda a, b: [a, b], [Y, Y], ["mse", ["mse", "mae"]])
    mae = float(np.mean(abs(DISTANCE)))
    np.testing.assert_allclose(logs["b_loss"], MSE + mae, rtol=1e-5)
    np.testing.assert_allclose(logs["loss"], 2 * MSE + mae, rtol=1e-5)


def test_deep_nests_name_losses_by_their_path():
    logs = logs_of(
        lambda a, b: {"in": (a, b), "out": b},
        {"in": (Y, 2 * Y), "out": Y},
        {"in": [difference, (None, "mse")], "out": "mse"},
    )
    assert set(logs) == {"loss", "in_loss", "in/b_loss", "out_loss"}


def test_joint_losses_train_and_are_written_with_the_model(tmp_path):
    x, first, second = outputs()
    model = keras.Model(x, [first, second])
    model.compile("sgd", ["mse", ["mse", "mae"]])
    history = model.fit(X, [Y, Y], epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.lamina")
    again = lm.load_model(tmp_path / "model.lamina")
    expected = model.evaluate(X, [Y, Y], verbose=0)
    np.testing.assert_allclose(again.evaluate(X, [Y, Y], verbose=0), expected, rtol=1e-6)


def test_one_target_is_enough_if_one_output_has_a_loss():
    logs = logs_of(lambda a, b: [a, b], Y, [None, "mse"])
    np.testing.assert_allclose(logs["loss"], MSE, rtol=1e-5)


def test_metrics_for_an_unknown_output_are_refused():
    x, first, second = outputs()
    model = keras.Model(x, {"a": first, "b": second})
    model.compile("sgd", "mse", metrics={"c": ["mse", "mae"]})
    with pytest.raises(ValueError, match="output in metrics 'c'"):
        model.fit(X, {"a": Y, "b": Y}, verbose=0)
