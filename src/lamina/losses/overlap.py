"""Losses of overlap, for segmentation: one minus the share that targets and predictions have in
common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import operations as ops
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import paired
from lamina.tensor import Tensor

EPSILON = 1e-7
SUM = "sum_over_batch_size"
Axes = int | Sequence[int] | None


def dice(y_true: Any, y_pred: Any, axis: Axes = None) -> Tensor:
    """1 - 2 sum(y p) / (sum(y) + sum(p)), summed over `axis` (None: over all, one value).

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        axis: axis of the classes or features.

    Source: Milletari et al. (2016), V-Net.
    """
    y, p = paired(y_true, y_pred, "dice")
    axis = _axes(axis)
    total = ops.sum(y, axis=axis) + ops.sum(p, axis=axis) + EPSILON
    return 1.0 - 2.0 * ops.sum(y * p, axis=axis) / total


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None
) -> Tensor:
    """1 - t / (t + alpha f + beta m), with t = sum(y p), f = sum((1 - p) y), m = sum(p (1 - y)).

    alpha = beta = 0.5 is `dice`. Source: Salehi et al. (2017), Tversky loss function for image
    segmentation.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        alpha: weight of the positive class, in [0, 1].
        axis: axis of the classes or features.
    """
    y, p = paired(y_true, y_pred, "tversky")
    axis = _axes(axis)
    common = ops.sum(y * p, axis=axis)
    missed, invented = ops.sum((1.0 - p) * y, axis=axis), ops.sum(p * (1.0 - y), axis=axis)
    return 1.0 - common / (common + alpha * missed + beta * invented + EPSILON)


def _axes(axis: Axes) -> Any:
    return tuple(axis) if isinstance(axis, Sequence) else axis


class Dice(NamedLoss):
    """1 - 2 sum(y p) / (sum(y) + sum(p)): see `dice`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        axis: axis of the classes or features.
        dtype: dtype of the loss; float32 by default.
    """

    function = dice

    def __init__(
        self,
        reduction: str | None = SUM,
        name: str | None = None,
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype, axis=axis)


class Tversky(NamedLoss):
    """Dice with weights for what is missed and what is invented: see `tversky`.

    Args:
        alpha: weight of the positive class, in [0, 1].
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        axis: axis of the classes or features.
        dtype: dtype of the loss; float32 by default.
    """

    function = tversky

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = SUM,
        name: str | None = None,
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype, alpha=alpha, beta=beta, axis=axis)
