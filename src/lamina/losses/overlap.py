"""Losses for segmentation: one minus the overlap of targets and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import paired
from lamina.tensor import Tensor

__all__ = ["Dice", "Tversky", "dice", "tversky"]

EPSILON = 1e-7
SUM = "sum_over_batch_size"
Axes = int | Sequence[int] | None


def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axes = None) -> Tensor:
    """Dice loss: one minus the overlap of targets and predictions.

        1 - 2 sum(y p) / (sum(y) + sum(p))

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.
        axis: axis or axes of the sums; None sums over all axes, the batch included.

    Shapes:
        y_true (...), y_pred (...) -> (), or the axes outside of `axis`

    Example:
        >>> import lamina as lm
        >>> mask, p = [[1.0, 1.0], [0.0, 0.0]], [[0.9, 0.6], [0.2, 0.1]]
        >>> round(lm.losses.dice(mask, p).item(), 4)
        0.2105

    Source: Milletari et al. (2016), V-Net.
    """
    y, p = paired(y_true, y_pred, "dice")
    axis = _axes(axis)
    total = ops.sum(y, axis=axis) + ops.sum(p, axis=axis) + EPSILON
    return 1.0 - 2.0 * ops.sum(y * p, axis=axis) / total


def tversky(
    y_true: ArrayLike, y_pred: ArrayLike, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None
) -> Tensor:
    """Tversky loss: a Dice loss with weights of false negatives and false positives.

        1 - t / (t + alpha f + beta m)
        t = sum(y p)    f = sum((1 - p) y)    m = sum(p (1 - y))

    With alpha = beta = 0.5 it equals `dice`.

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.
        alpha: weight of the false negatives, f.
        beta: weight of the false positives, m.
        axis: axis or axes of the sums; None sums over all axes, the batch included.

    Shapes:
        y_true (...), y_pred (...) -> (), or the axes outside of `axis`

    Example:
        >>> import lamina as lm
        >>> mask, p = [[1.0, 1.0], [0.0, 0.0]], [[0.9, 0.6], [0.2, 0.1]]
        >>> round(lm.losses.tversky(mask, p, alpha=0.7, beta=0.3).item(), 4)
        0.2268

    Source: Salehi et al. (2017), Tversky loss function for image segmentation.
    """
    y, p = paired(y_true, y_pred, "tversky")
    axis = _axes(axis)
    common = ops.sum(y * p, axis=axis)
    missed, invented = ops.sum((1.0 - p) * y, axis=axis), ops.sum(p * (1.0 - y), axis=axis)
    return 1.0 - common / (common + alpha * missed + beta * invented + EPSILON)


def _axes(axis: Axes) -> Any:
    return tuple(axis) if isinstance(axis, Sequence) else axis


class Dice(NamedLoss):
    """Dice loss of segmentations: one minus the overlap of targets and predictions.

        1 - 2 sum(y p) / (sum(y) + sum(p))

    Args:
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        axis: axis or axes of the sums; None sums over all axes, the batch included.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ...), y_pred (batch, ...) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.Dice()([[0.0, 1.0]], [[0.0, 0.5]]).item(), 4)
        0.3333

    Source: Milletari et al. (2016), V-Net.
    """

    function = dice

    def __init__(
        self,
        reduction: str | None = SUM,
        name: str | None = None,
        axis: Axes = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(name, reduction, dtype, axis=axis)


class Tversky(NamedLoss):
    """Dice loss with weights of false negatives and false positives (see `tversky`).

        1 - t / (t + alpha f + beta m)

    Args:
        alpha: weight of the false negatives.
        beta: weight of the false positives.
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        axis: axis or axes of the sums; None sums over all axes, the batch included.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ...), y_pred (batch, ...) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.Tversky(alpha=0.3, beta=0.7)([[0.0, 1.0]], [[0.0, 0.5]]).item(), 4)
        0.2308

    Source: Salehi et al. (2017), Tversky loss function for image segmentation.
    """

    function = tversky

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = SUM,
        name: str | None = None,
        axis: Axes = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(name, reduction, dtype, alpha=alpha, beta=beta, axis=axis)
