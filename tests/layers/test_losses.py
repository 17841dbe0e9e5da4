"""Losses against their published formulas in NumPy, their gradients, and their refusals."""

import json
import re
import warnings
from types import ModuleType

import numpy as np
import pytest

import lamina as lm
from lamina import losses
from lamina.errors import ArgumentError, DataError, RangeError, ShapeError, UnknownNameError

EPS = 1e-7
rng = np.random.default_rng(7)
N, C = 6, 4


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(labels, classes=C):
    return np.eye(classes)[labels]


NUMBERS = rng.normal(size=(N, C)), rng.normal(size=(N, C))
POSITIVE = rng.uniform(0.1, 3.0, size=(N, C)), rng.uniform(0.1, 3.0, size=(N, C))
LABELS = rng.integers(0, C, size=N)
SHARES = one_hot(LABELS), softmax(rng.normal(size=(N, C)))
YES_NO = rng.integers(0, 2, size=(N, C)).astype(float), rng.uniform(0.05, 0.95, size=(N, C))
SIGNS = 2 * rng.integers(0, 2, size=(N, C)) - 1.0, rng.normal(size=(N, C))


def _huber(y, p, d):
    e = np.abs(p - y)
    return np.where(e <= d, e**2 / 2, d * e - d**2 / 2).mean(-1)


def _bce(y, p):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def _focal(y, p, gamma):
    missing = np.where(y == 1, 1 - p, p)
    return (missing**gamma * _bce(y, p)).mean(-1)


def _cosine(y, p):
    return -(y * p).sum(-1) / np.linalg.norm(y, axis=-1) / np.linalg.norm(p, axis=-1)


def _categorical_hinge(y, p):
    wrong = np.where(y == 1, -np.inf, p).max(-1)
    return np.maximum(np.maximum(wrong, 0) - (y * p).sum(-1) + 1, 0)


# loss, arguments, targets and predictions, one value per sample
FORMULAS = [
    (losses.MeanSquaredError, {}, NUMBERS, lambda y, p: ((y - p) ** 2).mean(-1)),
    (losses.MeanAbsoluteError, {}, NUMBERS, lambda y, p: np.abs(y - p).mean(-1)),
    (
        losses.MeanAbsolutePercentageError,
        {},
        POSITIVE,
        lambda y, p: 100 * np.abs((y - p) / y).mean(-1),
    ),
    (
        losses.MeanSquaredLogarithmicError,
        {},
        POSITIVE,
        lambda y, p: ((np.log1p(y) - np.log1p(p)) ** 2).mean(-1),
    ),
    (losses.Huber, {}, NUMBERS, lambda y, p: _huber(y, p, 1.0)),
    (losses.Huber, {"delta": 0.3}, NUMBERS, lambda y, p: _huber(y, p, 0.3)),
    (losses.LogCosh, {}, NUMBERS, lambda y, p: np.log(np.cosh(p - y)).mean(-1)),
    (losses.CosineSimilarity, {}, NUMBERS, _cosine),
    (losses.Poisson, {}, POSITIVE, lambda y, p: (p - y * np.log(p)).mean(-1)),
    (
        losses.KLDivergence,
        {},
        (softmax(NUMBERS[0]), softmax(NUMBERS[1])),
        lambda y, p: (y * np.log(y / p)).sum(-1),
    ),
    (losses.CategoricalCrossentropy, {}, SHARES, lambda y, p: -np.log((y * p).sum(-1))),
    (
        losses.CategoricalCrossentropy,
        {"label_smoothing": 0.2},
        SHARES,
        lambda y, p: -((0.8 * y + 0.2 / C) * np.log(p)).sum(-1),
    ),
    (
        losses.CategoricalCrossentropy,
        {"from_logits": True},
        (SHARES[0], NUMBERS[1]),
        lambda y, z: -(y * np.log(softmax(z))).sum(-1),
    ),
    (
        losses.SparseCategoricalCrossentropy,
        {},
        (LABELS, SHARES[1]),
        lambda y, p: -np.log(p[np.arange(N), y]),
    ),
    (
        losses.SparseCategoricalCrossentropy,
        {"from_logits": True},
        (LABELS, NUMBERS[1]),
        lambda y, z: -np.log(softmax(z)[np.arange(N), y]),
    ),
    (
        losses.CategoricalFocalCrossentropy,
        {"alpha": 0.5, "gamma": 1.5},
        SHARES,
        lambda y, p: (-0.5 * (1 - p) ** 1.5 * y * np.log(p)).sum(-1),
    ),
    (
        losses.CategoricalGeneralizedCrossEntropy,
        {"q": 0.7},
        (LABELS, SHARES[1]),
        lambda y, p: (1 - p[np.arange(N), y] ** 0.7) / 0.7,
    ),
    (losses.BinaryCrossentropy, {}, YES_NO, lambda y, p: _bce(y, p).mean(-1)),
    (
        losses.BinaryCrossentropy,
        {"label_smoothing": 0.1},
        YES_NO,
        lambda y, p: _bce(0.9 * y + 0.05, p).mean(-1),
    ),
    (
        losses.BinaryCrossentropy,
        {"from_logits": True},
        (YES_NO[0], NUMBERS[1]),
        lambda y, z: _bce(y, 1 / (1 + np.exp(-z))).mean(-1),
    ),
    (losses.BinaryFocalCrossentropy, {}, YES_NO, lambda y, p: _focal(y, p, 2.0)),
    (
        losses.BinaryFocalCrossentropy,
        {"from_logits": True, "gamma": 1.0},
        (YES_NO[0], NUMBERS[1]),
        lambda y, z: _focal(y, 1 / (1 + np.exp(-z)), 1.0),
    ),
    (losses.Hinge, {}, SIGNS, lambda y, p: np.maximum(1 - y * p, 0).mean(-1)),
    (
        losses.Hinge,
        {},
        (YES_NO[0], SIGNS[1]),
        lambda y, p: np.maximum(1 - (2 * y - 1) * p, 0).mean(-1),
    ),
    (losses.SquaredHinge, {}, SIGNS, lambda y, p: (np.maximum(1 - y * p, 0) ** 2).mean(-1)),
    (losses.CategoricalHinge, {}, (SHARES[0], NUMBERS[1]), _categorical_hinge),
    (
        losses.Dice,
        {"axis": (1,)},
        YES_NO,
        lambda y, p: 1 - 2 * (y * p).sum(1) / (y.sum(1) + p.sum(1)),
    ),
    (
        losses.Tversky,
        {"alpha": 0.3, "beta": 0.6, "axis": (1,)},
        YES_NO,
        lambda y, p: (
            1
            - (y * p).sum(1)
            / ((y * p).sum(1) + 0.3 * (y * (1 - p)).sum(1) + 0.6 * ((1 - y) * p).sum(1))
        ),
    ),
]
NAMES = [f"{cls.__name__}{list(arguments.values()) or ''}" for cls, arguments, _, _ in FORMULAS]


@pytest.mark.parametrize(("cls", "arguments", "data", "formula"), FORMULAS, ids=NAMES)
def test_formula(cls, arguments, data, formula):
    expected = formula(*data)
    values = cls(reduction="none", **arguments)(*data)
    assert values.shape == expected.shape
    np.testing.assert_allclose(values.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("cls", "arguments", "data", "formula"), FORMULAS, ids=NAMES)
def test_reductions_and_weights(cls, arguments, data, formula):
    each, weights = formula(*data), rng.uniform(0.0, 2.0, size=N)
    for reduction, expected in (
        ("sum_over_batch_size", (each * weights).sum() / N),
        ("mean", (each * weights).sum() / N),
        ("sum", (each * weights).sum()),
        ("mean_with_sample_weight", (each * weights).sum() / weights.sum()),
    ):
        got = cls(reduction=reduction, **arguments)(*data, sample_weight=weights)
        np.testing.assert_allclose(got.item(), expected, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(cls(**arguments)(*data).item(), each.mean(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("cls", "arguments", "data", "formula"), FORMULAS, ids=NAMES)
def test_gradient(cls, arguments, data, formula):
    """In float64, along a random direction, against central differences of the formula."""
    y, p = data
    direction = rng.normal(size=p.shape)
    loss = cls(**arguments)
    gradient = lm.grad(lambda p: loss(y, p))(lm.asarray(p))
    assert gradient.dtype == "float64"

    def at(step):
        return loss(y, lm.asarray(p + step * direction)).item()

    numeric = (at(1e-6) - at(-1e-6)) / 2e-6
    np.testing.assert_allclose((gradient.numpy() * direction).sum(), numeric, rtol=1e-4, atol=1e-7)


def test_circle_loss():
    embeddings = rng.normal(size=(5, 3))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels, gamma, margin = np.array([0, 1, 0, 2, 1]), 10.0, 0.4
    expected = []
    for i in range(5):
        pulls, pushes = 0.0, 0.0
        for j in range(5):
            d = max(1 - embeddings[i] @ embeddings[j], 0)
            if labels[i] != labels[j]:
                pushes += np.exp(gamma * max(1 + margin - d, 0) * (1 - margin - d))
            elif i != j:
                pulls += np.exp(-gamma * (margin + d) * (margin - d))
        expected.append(np.log1p(pulls * pushes))
    got = losses.Circle(gamma=gamma, margin=margin, reduction="none")(labels, embeddings)
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)
    mean = losses.Circle(gamma=gamma, margin=margin)(labels, embeddings).item()
    counted = [value for value in expected if value > 0]
    np.testing.assert_allclose(mean, np.mean(counted), rtol=1e-5)


def test_ignored_class_counts_nowhere():
    y = np.array([0, 255, 2, 255, 1])
    p = softmax(rng.normal(size=(5, 3)))
    loss = losses.SparseCategoricalCrossentropy(ignore_class=255)
    kept = [0, 2, 4]
    expected = -np.log(p[kept, y[kept]])
    np.testing.assert_allclose(loss(y, p).item(), expected.mean(), rtol=1e-5)
    weights = np.array([1.0, 7.0, 2.0, 7.0, 0.5])
    np.testing.assert_allclose(
        loss(y, p, weights).item(), (expected * weights[kept]).sum() / 3, rtol=1e-5
    )
    assert loss(np.array([255, 255]), p[:2]).item() == 0.0
    g = lm.grad(lambda p: loss(np.array([255, 255]), p))(lm.asarray(p[:2]))
    assert not g.numpy().any()


def test_classes_along_another_axis():
    z = rng.normal(size=(2, 3, 5))
    y = rng.integers(0, 3, size=(2, 5))
    expected = -np.log(np.take_along_axis(softmax(z, 1), y[:, None], 1)[:, 0])
    sparse = losses.SparseCategoricalCrossentropy(axis=1, from_logits=True, reduction="none")
    dense = losses.CategoricalCrossentropy(axis=1, from_logits=True, reduction="none")
    np.testing.assert_allclose(sparse(y, z).numpy(), expected, rtol=1e-6)
    hot = np.moveaxis(np.eye(3)[y], -1, 1)
    np.testing.assert_allclose(dense(hot, z).numpy(), expected, rtol=1e-6)
    through = losses.CategoricalCrossentropy(axis=1, reduction="none")(
        hot, lm.softmax(lm.asarray(z), axis=1)
    )
    np.testing.assert_allclose(through.numpy(), expected, rtol=1e-6)


# ---- stable however it is written --------------------------------------------------------------
FAR = np.array([[200.0, 0.0, -200.0], [0.0, 300.0, 1.0]], "float32")


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.SparseCategoricalCrossentropy(), np.array([2, 0])),
        (losses.CategoricalCrossentropy(), np.array([[0, 0, 1.0], [1.0, 0, 0]])),
    ],
)
def test_softmax_then_crossentropy_is_stable(loss, y):
    value, gradient = lm.value_and_grad(lambda z: loss(y, lm.softmax(z)))(lm.asarray(FAR))
    assert value.item() == pytest.approx((400 + 300) / 2)  # clipped probabilities would give 16
    np.testing.assert_allclose(gradient.numpy(), [[0.5, 0, -0.5], [-0.5, 0.5, 0]], atol=1e-7)


def test_sigmoid_then_crossentropy_is_stable():
    loss, y = losses.BinaryCrossentropy(), np.array([[0.0], [1.0]])
    z = lm.asarray(np.array([[150.0], [-90.0]], "float32"))
    value, gradient = lm.value_and_grad(lambda z: loss(y, lm.sigmoid(z)))(z)
    assert value.item() == pytest.approx(120.0)
    np.testing.assert_allclose(gradient.numpy(), [[0.5], [-0.5]])


@pytest.mark.parametrize("compiled", [False, True])
def test_a_crossentropy_written_by_hand_is_stable(compiled):
    """-sum(y log(softmax(z))), where probabilities round to 0: also by NumPy's logarithm."""
    y, t = np.array([[0, 0, 1.0], [1.0, 0, 0]], "float32"), np.array([[0.0], [1.0]], "float32")

    def of_classes(z):
        return -lm.mean(lm.sum(y * lm.log(lm.softmax(z)), axis=-1))

    def of_yes(z):
        return -lm.mean(t * np.log(lm.sigmoid(z)))

    for loss, z, expected, slopes in (
        (of_classes, FAR, 350.0, [[0.5, 0, -0.5], [-0.5, 0.5, 0]]),
        (of_yes, np.array([[150.0], [-90.0]], "float32"), 45.0, [[0.0], [-0.5]]),
    ):
        both = lm.value_and_grad(loss)
        value, gradient = (lm.compile(both) if compiled else both)(lm.asarray(z))
        assert value.item() == pytest.approx(expected)
        np.testing.assert_allclose(gradient.numpy(), slopes, atol=1e-7)


def test_gradient_at_a_logit_of_0():
    """Where networks that begin with zeros are: sigmoid(0) - y, no subgradient of the pieces."""
    for y in (0.0, 1.0):
        of_logits = losses.BinaryCrossentropy(from_logits=True)
        first = lm.grad(lambda z: of_logits([[y]], z))  # noqa: B023
        assert first(lm.asarray([[0.0]])).item() == 0.5 - y
        second = lm.grad(lambda z: lm.sum(first(z)))  # noqa: B023
        assert second(lm.asarray([[0.0]])).item() == 0.25
        through = losses.BinaryCrossentropy()
        gradient = lm.grad(lambda z: through([[y]], lm.sigmoid(z)))  # noqa: B023
        assert gradient(lm.asarray([[0.0]])).item() == 0.5 - y


def test_probabilities_of_unknown_origin_are_cut_off():
    loss = losses.SparseCategoricalCrossentropy()
    assert loss([1], [[1.0, 0.0]]).item() == pytest.approx(-np.log(EPS), rel=1e-6)
    assert losses.BinaryCrossentropy()([[1.0]], [[0.0]]).item() == pytest.approx(-np.log(EPS))


@pytest.mark.parametrize(
    ("loss", "squash", "y"),
    [
        (losses.SparseCategoricalCrossentropy(from_logits=True), lm.softmax, np.array([2, 0])),
        (losses.CategoricalCrossentropy(from_logits=True), lm.softmax, one_hot([2, 0], 3)),
        (losses.BinaryCrossentropy(from_logits=True), lm.sigmoid, one_hot([2, 0], 3)),
    ],
)
def test_a_second_softmax_is_refused(loss, squash, y):
    with pytest.raises(ArgumentError, match="second one") as error:
        loss(y, squash(lm.asarray(FAR)))
    assert "from_logits=False" in str(error.value)


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
def test_traced_losses_serve_every_batch_size(engine):
    loss = losses.SparseCategoricalCrossentropy()
    signature = [lm.Spec(("n",), "int32"), lm.Spec(("n", C))]
    with lm.settings(engine=engine):
        f = lm.compile(lambda y, z: loss(y, lm.softmax(z)), signature=signature)
        for n in (1, 3, 6):
            z = NUMBERS[0][:n].astype("float32")
            y = LABELS[:n].astype("int32")
            expected = -np.log(softmax(z)[np.arange(n), y]).mean()
            np.testing.assert_allclose(f(y, z).item(), expected, rtol=1e-5)


# ---- shapes ------------------------------------------------------------------------------------
def test_a_trailing_one_is_the_same_targets():
    y, p = rng.normal(size=5), rng.normal(size=5)
    expected = ((y - p) ** 2).mean()
    loss = losses.MeanSquaredError()
    for true, pred in ((y, p[:, None]), (y[:, None], p), (y[:, None], p[:, None])):
        np.testing.assert_allclose(loss(true, pred).item(), expected, rtol=1e-6)


ELEMENTWISE = [
    losses.MeanSquaredError(),
    losses.MeanAbsoluteError(),
    losses.Huber(),
    losses.LogCosh(),
    losses.BinaryCrossentropy(),
    losses.Poisson(),
    losses.Hinge(),
    losses.CosineSimilarity(),
    losses.KLDivergence(),
]
SHAPES = [(), (1,), (3,), (1, 3), (3, 1), (3, 3), (3, 2), (1, 1), (2, 3, 1), (2, 3), (2, 1, 3)]


@pytest.mark.parametrize("loss", ELEMENTWISE, ids=lambda loss: loss.name)
def test_shapes_are_never_broadcast(loss):
    for true in SHAPES:
        for pred in SHAPES[1:]:
            y, p = np.full(true, 0.5), np.full(pred, 0.5)
            same = true == pred or (*true, 1) == pred or true == (*pred, 1)
            if same:
                assert loss(y, p).shape == ()
            else:
                with pytest.raises(ShapeError, match="never broadcasts"):
                    loss(y, p)


def test_the_error_names_the_loss_that_fits():
    labels, hot, p = np.array([0, 2]), one_hot([0, 2], 3), softmax(rng.normal(size=(2, 3)))
    with pytest.raises(ShapeError, match="sparse_categorical_crossentropy"):
        losses.CategoricalCrossentropy()(labels, p)
    with pytest.raises(ShapeError, match="sparse_categorical_crossentropy"):
        losses.CategoricalCrossentropy()(labels[:, None], p)
    with pytest.raises(ShapeError, match="one-hot labels: use categorical_crossentropy"):
        losses.SparseCategoricalCrossentropy()(hot, p)
    with pytest.raises(ShapeError, match="sparse_categorical"):
        losses.MeanSquaredError()(labels, p)
    with pytest.raises(ArgumentError, match="binary_crossentropy"):
        losses.CategoricalCrossentropy()(np.ones((2, 1)), np.ones((2, 1)))


@pytest.mark.parametrize("weights", [np.ones(5), np.ones((6, 2)), np.ones((1, 6))])
def test_weights_must_fit_the_samples(weights):
    with pytest.raises(ShapeError, match="sample_weight"):
        losses.MeanSquaredError()(*NUMBERS, sample_weight=weights)


def test_weights_for_samples_of_several_axes():
    y, p = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 2))
    each = ((y - p) ** 2).mean(-1)
    w, steps = rng.uniform(size=4), rng.uniform(size=(4, 3))
    loss = losses.MeanSquaredError()
    np.testing.assert_allclose(loss(y, p, w).item(), (each * w[:, None]).mean(), rtol=1e-6)
    np.testing.assert_allclose(loss(y, p, w[:, None]).item(), (each * w[:, None]).mean(), rtol=1e-6)
    np.testing.assert_allclose(loss(y, p, steps).item(), (each * steps).mean(), rtol=1e-6)


def test_labels_out_of_range_are_named():
    p = softmax(rng.normal(size=(3, 4)))
    with pytest.raises(RangeError, match=r"label 4 at \[1\] is not a class.*4 classes, 0 to 3"):
        losses.SparseCategoricalCrossentropy()([0, 4, 1], p)
    with pytest.raises(RangeError, match="label -1"):
        losses.SparseCategoricalCrossentropy()([0, -1, 1], p)


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


def test_a_users_loss_function_declares_its_targets_as_an_attribute():
    with pytest.raises(ShapeError, match="declares targets = 'indices'"):
        compiled(of_labels).fit(X, Y, verbose=0)
    of_labels.targets = "indices"
    try:
        compiled(of_labels).fit(X, Y, verbose=0)
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
