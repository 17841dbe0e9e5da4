"""Regularizers and constraints: values against their formulas, and how layers use them."""

import numpy as np
import pytest

from lamina import constraints, regularizers
from lamina.errors import RangeError, ShapeError, UnknownNameError
from lamina.layers import ActivityRegularization, Dense
from lamina.models import Sequential

W = np.array([[1.0, -2.0, 0.5], [-3.0, 0.0, 4.0]])
NORMS = np.sqrt((W**2).sum(axis=0, keepdims=True))


def cosines(rows):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    others = np.abs(unit @ unit.T)[~np.eye(len(rows), dtype=bool)]
    return others.mean()


PENALTIES = [
    (regularizers.L1(0.1), 0.1 * np.abs(W).sum()),
    (regularizers.L2(0.1), 0.1 * (W**2).sum()),
    (regularizers.L1L2(0.1, 0.2), 0.1 * np.abs(W).sum() + 0.2 * (W**2).sum()),
    (regularizers.L1L2(), 0.0),
    (regularizers.get("l1"), 0.01 * np.abs(W).sum()),
    (regularizers.get("l2"), 0.01 * (W**2).sum()),
    (regularizers.get("l1_l2"), 0.01 * np.abs(W).sum() + 0.01 * (W**2).sum()),
    (regularizers.OrthogonalRegularizer(0.5), 0.5 * cosines(W)),
    (regularizers.OrthogonalRegularizer(0.5, mode="columns"), 0.5 * cosines(W.T)),
]


@pytest.mark.parametrize(("regularizer", "expected"), PENALTIES)
def test_penalties(regularizer, expected):
    assert regularizer(W).item() == pytest.approx(expected, rel=1e-6)
    again = regularizers.get(regularizers.serialize(regularizer))
    assert again(W).item() == pytest.approx(expected, rel=1e-6)


CONDITIONS = [
    (constraints.MaxNorm(2.0), W * np.minimum(NORMS, 2) / (NORMS + 1e-7)),
    (constraints.UnitNorm(), W / (NORMS + 1e-7)),
    (constraints.NonNeg(), np.maximum(W, 0)),
    (constraints.MinMaxNorm(1.0, 3.0), W * np.clip(NORMS, 1, 3) / (NORMS + 1e-7)),
    (
        constraints.MinMaxNorm(1.0, 3.0, rate=0.5),
        W * (0.5 * np.clip(NORMS, 1, 3) + 0.5 * NORMS) / (NORMS + 1e-7),
    ),
    (constraints.UnitNorm(axis=[0, 1]), W / (np.sqrt((W**2).sum()) + 1e-7)),
]


@pytest.mark.parametrize(("constraint", "expected"), CONDITIONS)
def test_constraints(constraint, expected):
    np.testing.assert_allclose(constraint(W).numpy(), expected, rtol=1e-6)
    again = constraints.get(constraints.serialize(constraint))
    np.testing.assert_allclose(again(W).numpy(), expected, rtol=1e-6)


def test_a_weight_of_zeros_stays_finite():
    for constraint, _ in CONDITIONS:
        assert (constraint(np.zeros((2, 2))).numpy() == 0).all()


def test_losses_of_a_model():
    model = Sequential([
        Dense(2, kernel_initializer="ones", kernel_regularizer="l2", bias_regularizer="l1",
              input_shape=(3,)),
        ActivityRegularization(l1=0.5),
        Dense(1, kernel_initializer="ones", kernel_regularizer=lambda w: (w * w).sum() * 2.0),
    ])  # fmt: skip
    assert [loss.item() for loss in model.losses] == pytest.approx([0.06, 0.0, 4.0])
    model(np.ones((2, 3)))
    assert [loss.item() for loss in model.losses] == pytest.approx([3.0, 0.06, 0.0, 4.0])
    model.reset_losses()
    model.layers[0].trainable = False
    assert [loss.item() for loss in model.losses] == pytest.approx([4.0])


def test_activity_regularizer_of_any_layer():
    layer = Dense(2, kernel_initializer="ones", activity_regularizer="l1")
    layer(np.ones((2, 3)))
    assert [loss.item() for loss in layer.losses] == pytest.approx([0.06])


def test_a_constraint_is_kept_with_its_weight():
    layer = Dense(2, kernel_constraint="non_neg")
    layer.build((None, 3))
    assert isinstance(layer.kernel.constraint, constraints.NonNeg)
    assert layer.bias.constraint is None


def test_mistakes():
    with pytest.raises(RangeError, match="l2 must be a number of at least 0"):
        regularizers.L2(-1.0)
    with pytest.raises(RangeError, match="'rows' or 'columns'"):
        regularizers.OrthogonalRegularizer(mode="row")
    with pytest.raises(ShapeError, match="needs a matrix"):
        regularizers.OrthogonalRegularizer()(np.ones(3))
    with pytest.raises(UnknownNameError, match="'l3'"):
        regularizers.get("l3")
    with pytest.raises(UnknownNameError, match="'max_norm'"):
        Dense(2, kernel_constraint="max_nrm")
