"""Hinge losses: a margin around the boundary, nothing to gain beyond it."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import paired
from lamina.tensor import Tensor

SUM = "sum_over_batch_size"


# ---- formulas ----------------------------------------------------------------------------------
def signs(y: Tensor) -> Tensor:
    """Labels as -1 and 1: a batch of nothing but 0 and 1 becomes 2 y - 1, all else stays."""
    binary = ops.all((y == 0.0) | (y == 1.0))
    return ops.where(binary, 2.0 * y - 1.0, y)


def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """mean(max(1 - y p, 0)) over the last axis; y is -1 or 1 (0 and 1 are converted).

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "hinge")
    return ops.mean(ops.maximum(1.0 - signs(y) * p, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """mean(max(1 - y p, 0)^2) over the last axis; y is -1 or 1 (0 and 1 are converted).

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "squared_hinge")
    return ops.mean(ops.square(ops.maximum(1.0 - signs(y) * p, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """max(max((1 - y) p) - sum(y p) + 1, 0) over the last axis, for one-hot y.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "categorical_hinge")
    right = ops.sum(y * p, axis=-1)
    best_wrong = ops.max((1.0 - y) * p, axis=-1)
    return ops.maximum(best_wrong - right + 1.0, 0.0)


# ---- classes -----------------------------------------------------------------------------------
class Hinge(NamedLoss):
    """mean(max(1 - y p, 0)): see `hinge`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = hinge

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class SquaredHinge(NamedLoss):
    """mean(max(1 - y p, 0)^2): see `squared_hinge`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = squared_hinge

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class CategoricalHinge(NamedLoss):
    """The margin of the right class before the best wrong one: see `categorical_hinge`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = categorical_hinge

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)
