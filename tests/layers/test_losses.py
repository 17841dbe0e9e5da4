"""Losses against their published formulas in NumPy, their gradients and their shapes."""

import numpy as np
import pytest

import lamina as lm
from lamina import losses
from lamina.errors import ArgumentError, RangeError, ShapeError
from loss_values import (
    EPS,
    LABELS,
    NUMBERS,
    POSITIVE,
    SHARES,
    SIGNS,
    YES_NO,
    C,
    N,
    one_hot,
    rng,
    softmax,
)


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
    """Networks with zeros as weights begin there: sigmoid(0) - y, no subgradient of the pieces."""
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
