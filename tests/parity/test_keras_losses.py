"""Every loss against Keras's: the same inputs give the same values, also with weights."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

from lamina import losses  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

rng = np.random.default_rng(0)
N, C = 8, 5
LABELS = rng.integers(0, C, size=N)
HOT = np.eye(C, dtype="float32")[LABELS]
LOGITS = rng.normal(size=(N, C)).astype("float32")
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
NUMBERS = rng.normal(size=(N, C)).astype("float32")
POSITIVE = rng.uniform(0.1, 3, size=(N, C)).astype("float32")
YES_NO = rng.integers(0, 2, size=(N, C)).astype("float32")
ORDERS = np.where(np.arange(3) < np.arange(N)[:, None] % 4, rng.integers(1, C, (N, 3)), 0)
STEPS = rng.normal(size=(N, 7, C)).astype("float32")
UNIT = LOGITS / np.linalg.norm(LOGITS, axis=1, keepdims=True)

CASES = [
    ("MeanSquaredError", {}, NUMBERS, LOGITS),
    ("MeanAbsoluteError", {}, NUMBERS, LOGITS),
    ("MeanAbsolutePercentageError", {}, NUMBERS, LOGITS),
    ("MeanSquaredLogarithmicError", {}, NUMBERS, POSITIVE),
    ("Huber", {}, NUMBERS, LOGITS),
    ("Huber", {"delta": 0.5}, NUMBERS, LOGITS),
    ("LogCosh", {}, NUMBERS, LOGITS),
    ("CosineSimilarity", {}, NUMBERS, LOGITS),
    ("Poisson", {}, POSITIVE, SHARES),
    ("KLDivergence", {}, HOT, SHARES),
    ("BinaryCrossentropy", {}, YES_NO, SHARES),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, YES_NO, SHARES),
    ("BinaryCrossentropy", {"from_logits": True}, YES_NO, LOGITS),
    ("BinaryFocalCrossentropy", {}, YES_NO, SHARES),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5},
        YES_NO,
        SHARES,
    ),
    ("BinaryFocalCrossentropy", {"from_logits": True}, YES_NO, LOGITS),
    ("CategoricalCrossentropy", {}, HOT, SHARES),
    ("CategoricalCrossentropy", {}, HOT, POSITIVE),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, HOT, SHARES),
    ("CategoricalCrossentropy", {"from_logits": True}, HOT, LOGITS),
    ("CategoricalFocalCrossentropy", {}, HOT, SHARES),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "alpha": 0.7}, HOT, LOGITS),
    ("SparseCategoricalCrossentropy", {}, LABELS, SHARES),
    ("SparseCategoricalCrossentropy", {}, LABELS[:, None], POSITIVE),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS, LOGITS),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, LABELS, SHARES),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, LABELS, SHARES),
    ("Hinge", {}, YES_NO, LOGITS),
    ("Hinge", {}, 2 * YES_NO - 1, LOGITS),
    ("SquaredHinge", {}, YES_NO, LOGITS),
    ("CategoricalHinge", {}, HOT, LOGITS),
    ("Dice", {"axis": (1,)}, YES_NO, SHARES),
    ("Tversky", {"axis": (1,), "alpha": 0.3, "beta": 0.7}, YES_NO, SHARES),
    ("Circle", {"gamma": 10.0}, LABELS % 3, UNIT),
    ("CTC", {}, ORDERS, STEPS),
]
IDS = [f"{name}{list(arguments.values()) or ''}" for name, arguments, _, _ in CASES]


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "arguments", "y", "p"), CASES, ids=IDS)
def test_same_loss(name, arguments, y, p, weighted, reduction):
    weights = np.linspace(0.5, 2.0, N).astype("float32") if weighted else None
    ours = getattr(losses, name)(reduction=reduction, **arguments)(y, p, weights)
    theirs = getattr(keras.losses, name)(reduction=reduction, **arguments)(y, p, weights)
    np.testing.assert_allclose(ours.numpy(), np.asarray(theirs), rtol=2e-5, atol=1e-5)


def test_dice_over_all():
    for name in ("Dice", "Tversky"):
        ours = getattr(losses, name)()(YES_NO, SHARES)
        theirs = getattr(keras.losses, name)()(YES_NO, SHARES)
        np.testing.assert_allclose(ours.numpy(), np.asarray(theirs), rtol=1e-5)


def test_every_loss_is_compared():
    assert {name for name, *_ in CASES} == set(losses.REGISTRY.classes)


def test_every_keras_loss_is_here():
    theirs = {name for name in dir(keras.losses) if name[0].isupper()} - {"Loss"}
    assert theirs - set(losses.REGISTRY.classes) == set()


@pytest.mark.parametrize("name", losses.REGISTRY.classes)
def test_same_defaults(name):
    import inspect

    ours = inspect.signature(getattr(losses, name).__init__).parameters
    theirs = inspect.signature(getattr(keras.losses, name).__init__).parameters
    assert list(ours) == list(theirs)
    for key in set(ours) - {"name"}:
        assert ours[key].default == theirs[key].default
    assert getattr(losses, name)().name == getattr(keras.losses, name)().name
