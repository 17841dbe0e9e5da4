"""Hinge losses: linear inside a margin around the decision boundary, 0 beyond it."""

from __future__ import annotations

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import paired
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "Hinge", "SquaredHinge", "CategoricalHinge", "hinge", "squared_hinge", "categorical_hinge",
]
# fmt: on

SUM = "sum_over_batch_size"


# ---- formulas ----------------------------------------------------------------------------------
def signs(y: Tensor) -> Tensor:
    """Return labels -1 and 1: 2 y - 1 if the batch has only values 0 and 1, otherwise y."""
    binary = ops.all((y == 0.0) | (y == 1.0))
    return ops.where(binary, 2.0 * y - 1.0, y)


def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Hinge loss of targets -1 and 1.

        mean(max(1 - y p, 0))

    Args:
        y_true: targets -1 or 1; targets 0 and 1 are converted to -1 and 1.
        y_pred: scores, any real numbers.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.hinge([1.0, -1.0], [0.5, 0.2]).item(), 4)
        0.85
    """
    y, p = paired(y_true, y_pred, "hinge")
    return ops.mean(ops.maximum(1.0 - signs(y) * p, 0.0), axis=-1)


def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Squared hinge loss of targets -1 and 1.

        mean(max(1 - y p, 0)^2)

    Args:
        y_true: targets -1 or 1; targets 0 and 1 are converted to -1 and 1.
        y_pred: scores, any real numbers.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.squared_hinge([1.0, -1.0], [0.5, 0.2]).item(), 4)
        0.845
    """
    y, p = paired(y_true, y_pred, "squared_hinge")
    return ops.mean(ops.square(ops.maximum(1.0 - signs(y) * p, 0.0)), axis=-1)


def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Hinge loss between the score of the target class and the best other score.

        max(max((1 - y) p) - sum(y p) + 1, 0)

    Args:
        y_true: one-hot targets.
        y_pred: scores, any real numbers.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> (...)

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.categorical_hinge([0.0, 1.0], [0.4, 0.6]).item(), 4)
        0.8
    """
    y, p = paired(y_true, y_pred, "categorical_hinge")
    right = ops.sum(y * p, axis=-1)
    best_wrong = ops.max((1.0 - y) * p, axis=-1)
    return ops.maximum(best_wrong - right + 1.0, 0.0)


# ---- classes -----------------------------------------------------------------------------------
class Hinge(NamedLoss):
    """Hinge loss of targets -1 and 1 (0 and 1 are converted).

        mean(max(1 - y p, 0))

    Args:
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.losses.Hinge()([[-1.0, 1.0]], [[0.5, 2.0]]).item()
        0.75
    """

    function = hinge
    targets = "signs"

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class SquaredHinge(NamedLoss):
    """Squared hinge loss of targets -1 and 1 (0 and 1 are converted).

        mean(max(1 - y p, 0)^2)

    Args:
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.losses.SquaredHinge()([[-1.0, 1.0]], [[0.5, 2.0]]).item()
        1.125
    """

    function = squared_hinge
    targets = "signs"

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class CategoricalHinge(NamedLoss):
    """Hinge loss between the score of the target class and the best other score; one-hot targets y.

        max(max((1 - y) p) - sum(y p) + 1, 0)

    Args:
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ..., classes), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.losses.CategoricalHinge()([[0.0, 1.0]], [[0.75, 0.5]]).item()
        1.25
    """

    function = categorical_hinge
    targets = "distributions"

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)
