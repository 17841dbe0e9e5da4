"""Checks of losses before training, losses of the user's own, and losses by name."""

import json
import re
import warnings
from types import ModuleType

import numpy as np
import pytest

import lamina as lm
from lamina import losses
from lamina.errors import ArgumentError, DataError, RangeError, ShapeError, UnknownNameError
from loss_values import NUMBERS, one_hot

# ---- checks before training --------------------------------------------------------------------
SPARSE = losses.SparseCategoricalCrossentropy()
DENSE = losses.CategoricalCrossentropy()
BINARY = losses.BinaryCrossentropy()
MSE = losses.MeanSquaredError()

WRONG_TARGETS = [
    (SPARSE, np.array([0, 1, 12, 3]), (None, 10), RangeError, r"label 12 at \[2\].*10 classes"),
    (SPARSE, np.array([1, 2, 3]), (None, 3), RangeError, "count from 1: use y - 1"),
    (SPARSE, np.array([0, -1, 2]), (None, 3), RangeError, "ignore_class"),
    (SPARSE, np.array([0, 0.5, 2]), (None, 3), DataError, r"0.5 at \[1\] is not a class index"),
    (SPARSE, one_hot([0, 2, 1], 3), (None, 3), ShapeError, "one-hot.*argmax"),
    (SPARSE, np.zeros((3, 2), int), (None, 3), ShapeError, "one class index for each row"),
    (DENSE, np.array([0, 2, 1]), (None, 3), ShapeError, "sparse_categorical_crossentropy"),
    (DENSE, np.array([[0], [2]]), (None, 3), ShapeError, "sparse_categorical_crossentropy"),
    (DENSE, one_hot([0, 1], 4), (None, 3), ShapeError, "one output for each column"),
    (DENSE, np.array([[2.0, 0, 0]]), (None, 3), RangeError, "outside of 0 to 1"),
    (BINARY, np.array([-1, 1, 1]), (None, 1), RangeError, r"\(y \+ 1\) / 2"),
    (BINARY, np.array([0, 3, 1]), (None, 1), RangeError, "sparse_categorical_crossentropy"),
    (BINARY, np.array([0, 3, 1]), (None, 10), ShapeError, "sparse_categorical_crossentropy"),
    (MSE, np.zeros(4), (None, 3), ShapeError, "never broadcasts"),
    (MSE, np.zeros((4, 2)), (None, 3), ShapeError, r"\(4, 2\), predictions \(4, 3\)"),
    (losses.Hinge(), np.array([0, 1, 2]), (None, 1), DataError, "categorical_hinge"),
]


def test_noise_may_be_added_to_the_labels_of_a_discriminator():
    y = np.array([[-0.05], [1.05], [0.1]], np.float32)
    losses.check_targets(BINARY, y, (None, 1))
    with pytest.raises(RangeError, match=r"target 1.6 at \[1, 0\] is outside of 0 to 1"):
        losses.check_targets(BINARY, np.array([[0.0], [1.6]]), (None, 1))


@pytest.mark.parametrize(("loss", "y", "outputs", "error", "message"), WRONG_TARGETS)
def test_wrong_targets_are_found_before_training(loss, y, outputs, error, message):
    with pytest.raises(error) as caught:
        losses.check_targets(loss, y, outputs)
    text = " ".join(str(caught.value).split())
    assert re.search(message, text), text


@pytest.mark.parametrize(
    ("loss", "y", "outputs"),
    [
        (SPARSE, np.array([0, 9]), (None, 10)),
        (SPARSE, np.array([[0], [9]], "float32"), (None, 10)),
        (SPARSE, np.zeros((5, 7), "uint8"), (None, 7, 3)),
        (losses.SparseCategoricalCrossentropy(ignore_class=255), np.array([255, 2]), (None, 3)),
        (DENSE, one_hot([0, 1], 3), ("batch", 3)),
        (BINARY, np.array([True, False]), (None, 1)),
        (BINARY, np.array([0, 1]), (None, 1)),
        (MSE, np.zeros(4), (None, 1)),
        (MSE, np.zeros((4, 1)), (None,)),
        (losses.Hinge(), np.array([-1, 1]), (None, 1)),
        (MSE, np.zeros((0, 3)), (None, 3)),
    ],
)
def test_right_targets_pass(loss, y, outputs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.check_targets(loss, y, outputs)


def test_rows_that_are_not_distributions_warn():
    with pytest.warns(UserWarning, match="1 of 2 rows of targets do not sum to 1"):
        losses.check_targets(DENSE, np.array([[1.0, 1.0, 0], [0, 1.0, 0]]), (None, 3))


def test_the_last_activation_must_fit_the_loss():
    with pytest.raises(ArgumentError, match="softmax of one output, which is always 1"):
        losses.check_activation(BINARY, "softmax", 1)
    losses.check_activation(BINARY, "softmax", 2)
    for loss, kind in ((SPARSE, "softmax"), (DENSE, "softmax"), (BINARY, "sigmoid")):
        with pytest.raises(ArgumentError, match=f"activation='{kind}'"):
            losses.check_activation(loss, "linear")
        losses.check_activation(loss, kind)
        losses.check_activation(loss, None)
        losses.check_activation(type(loss)(from_logits=True), "linear")
        with pytest.raises(ArgumentError, match="second one"):
            losses.check_activation(type(loss)(from_logits=True), kind)
    losses.check_activation(MSE, "linear")


def test_logits_in_a_loss_of_probabilities_are_recognised():
    assert losses.looks_like_logits(np.array([[2.0, -1.0]]))
    assert not losses.looks_like_logits(np.array([[0.9, 0.1]]))
    with pytest.raises(RangeError, match="from_logits=True"):
        losses.check_predictions(SPARSE, np.array([[2.0, -1.0]]))
    losses.check_predictions(losses.SparseCategoricalCrossentropy(from_logits=True), [[2.0, -1]])
    losses.check_predictions(MSE, [[2.0, -1]])


# ---- losses and activations of users, which declare what they take and return --------------------
class OfLabels(losses.Loss):
    targets = "indices"
    predictions = "probabilities"

    def call(self, y_true, y_pred):
        return losses.sparse_categorical_crossentropy(y_true, y_pred)


def of_labels(y_true, y_pred):
    return losses.sparse_categorical_crossentropy(y_true, y_pred)


def compiled(loss, activation="softmax"):
    last = activation if isinstance(activation, lm.layers.Layer) else None
    dense = lm.layers.Dense(3, activation=None if last else activation)
    model = lm.Sequential([lm.Input((4,)), dense, *([last] if last else [])])
    model.compile("sgd", loss)
    return model


X, Y = np.ones((6, 4), "float32"), np.arange(6) % 3


def test_a_users_loss_of_class_indices_trains_and_refuses_labels_outside_of_the_classes():
    compiled(OfLabels()).fit(X, Y, verbose=0)
    for wrong, error, message in (
        (Y + 1, RangeError, "count from 1"),
        (one_hot(Y, 3), ShapeError, "one-hot labels"),
        (Y + 0.5, DataError, "not a class index"),
    ):
        with pytest.raises(error, match=message):
            compiled(OfLabels()).fit(X, wrong, verbose=0)


class OfUndeclaredLabels(losses.Loss):
    def call(self, y_true, y_pred):
        return of_labels(y_true, y_pred)


def to_anchor(y_true, y_pred):
    """The squared length of the predictions; the targets are not used."""
    return lm.sum(y_pred**2, axis=-1)


def of_pairs(y_true, y_pred):
    """Targets and their weights in columns, for predictions in one."""
    return y_true[:, 1] * (y_true[:, 0] - y_pred[:, 0]) ** 2


@pytest.mark.parametrize("loss", [of_labels, OfUndeclaredLabels()])
def test_a_users_loss_that_declares_nothing_takes_class_indices(loss):
    compiled(loss).fit(X, Y, verbose=0)
    compiled(loss).fit(X, Y[:, None], verbose=0)


def test_a_users_loss_that_declares_nothing_takes_targets_that_cannot_be_broadcast():
    compiled(to_anchor, "relu").fit(X, np.zeros(6), verbose=0)
    model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(5)])
    model.compile("sgd", of_pairs)
    model.fit(X, np.ones((6, 2)), verbose=0)


def test_a_users_loss_that_declares_nothing_refuses_targets_that_would_be_broadcast():
    with pytest.raises(ShapeError, match="declares targets = 'any'"):
        compiled(to_anchor, "relu").fit(X, np.zeros((6, 1)), verbose=0)
    to_anchor.targets = "any"
    try:
        compiled(to_anchor, "relu").fit(X, np.zeros((6, 1)), verbose=0)
    finally:
        del to_anchor.targets


def test_a_users_loss_function_declares_its_targets_as_an_attribute():
    of_labels.targets = "indices"
    try:
        with pytest.raises(RangeError, match="count from 1"):
            compiled(of_labels).fit(X, Y + 1, verbose=0)
        of_labels.targets = "index"
        with pytest.raises(UnknownNameError, match="indices"):
            compiled(of_labels)
    finally:
        del of_labels.targets


def test_a_users_activation_with_an_output_range_is_checked_like_those_of_lamina():
    def squared(x):
        return x * x

    def shares(x):
        return lm.softmax(2 * x)

    compiled(OfLabels(), squared).fit(X, Y, verbose=0)  # nothing is known of it
    squared.output_range, shares.output_range = "any", "distribution"
    with pytest.raises(ArgumentError, match="activation is 'squared', whose values are not"):
        compiled(OfLabels(), squared).fit(X, Y, verbose=0)
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(ArgumentError, match=r"'shares': its probabilities.*second one"):
        compiled(sparse, shares).fit(X, Y, verbose=0)
    compiled(OfLabels(), shares).fit(X, Y, verbose=0)


def test_a_users_last_layer_with_an_output_range_is_checked_like_those_of_lamina():
    class Shares(lm.layers.Layer):
        def call(self, inputs):
            return lm.softmax(inputs)

        def output_range(self):
            return "distribution"

    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    for last in (Shares(), lm.layers.Softmax(), lm.layers.Activation("softmax")):
        with pytest.raises(ArgumentError, match="second one"):
            compiled(sparse, last).fit(X, Y, verbose=0)
        twice = lm.Sequential([lm.Input((4,)), lm.layers.Dense(3, "softmax"), last])
        twice.compile("sgd", OfLabels())
        with pytest.raises(ArgumentError, match="comes after the softmax of"):
            twice.fit(X, Y, verbose=0)


def test_unknown_kinds_of_targets_and_predictions_are_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="indices"):
        type("Wrong", (losses.Loss,), {"targets": "index"})
    with pytest.raises(UnknownNameError, match="probabilities"):
        type("Wrong", (losses.Loss,), {"predictions": "probability"})


def test_losses_declare_the_kind_of_their_targets():
    kinds = {name: getattr(losses, name).targets for name in losses.__all__ if name[0].isupper()}
    assert kinds["SparseCategoricalCrossentropy"] == "indices"
    assert kinds["CTC"] == "sequences"
    assert {kinds[name] for name in ("MeanSquaredError", "Huber", "Dice")} == {"same_shape"}


def test_a_new_loss_is_known_by_name_from_its_module_alone():
    family = ModuleType("family")

    def cubic_error(y_true, y_pred):
        return lm.mean(lm.abs(lm.asarray(y_true) - y_pred) ** 3, axis=-1)

    class CubicError(losses.base.NamedLoss):
        function = cubic_error
        short_names = ("cubic",)

        def __init__(self, reduction="sum_over_batch_size", name=None, dtype=None):
            super().__init__(name, reduction, dtype)

    vars(family).update(cubic_error=cubic_error, CubicError=CubicError)
    family.__all__ = ["CubicError", "cubic_error"]
    losses._register(family)
    try:
        assert losses.get("cubic") is losses.get("cubic_error") is cubic_error
        assert type(losses.as_loss("cubic_error")) is CubicError
        assert losses.get("CubicError")([[1.0]], [[3.0]]).item() == 8.0
    finally:
        for table in (losses.REGISTRY.functions, losses.REGISTRY._by_name):
            for name in [k for k in table if "cubic" in k.lower()]:
                del table[name]
        losses.REGISTRY.classes.pop("CubicError")
        losses.REGISTRY._listed -= {"cubic_error", "cubic"}
        losses._CLASSES.pop(cubic_error)


# ---- by name -----------------------------------------------------------------------------------
def test_names():
    assert losses.get("mse") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert isinstance(losses.as_loss("mse"), losses.MeanSquaredError)
    assert isinstance(
        losses.as_loss("sparse_categorical_crossentropy"), losses.SparseCategoricalCrossentropy
    )
    assert isinstance(losses.as_loss(losses.huber), losses.Huber)
    assert losses.get(None) is None
    with pytest.raises(UnknownNameError, match="categorical_crossentropy"):
        losses.get("catgorical_crossentropy")


def test_a_function_is_a_loss():
    loss = losses.as_loss(lambda y, p: lm.mean(lm.abs(y - p), axis=-1))
    np.testing.assert_allclose(loss(*NUMBERS).item(), np.abs(NUMBERS[0] - NUMBERS[1]).mean())


@pytest.mark.parametrize("cls", losses.REGISTRY.classes.values(), ids=lambda c: c.__name__)
def test_configurations_go_there_and_back(cls):
    loss = cls(reduction="sum", name="mine")
    written = json.loads(json.dumps(losses.serialize(loss)))
    again = losses.deserialize(written)
    assert type(again) is cls
    assert again.get_config() == loss.get_config()
    assert (again.name, again.reduction) == ("mine", "sum")


def test_a_custom_loss():
    class Doubled(losses.Loss):
        def call(self, y_true, y_pred):
            return 2 * lm.mean(y_true - y_pred, axis=-1)

    assert Doubled().name == "doubled"
    np.testing.assert_allclose(Doubled()([[3.0]], [[1.0]], sample_weight=[0.5]).item(), 2.0)


def test_unknown_reduction():
    with pytest.raises(UnknownNameError, match="sum_over_batch_size"):
        losses.MeanSquaredError(reduction="sum_over_batch")
