"""Losses for regression that large errors affect little."""

from __future__ import annotations

import math

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.losses.base import NamedLoss
from lamina.losses.regression import SUM
from lamina.losses.shapes import paired
from lamina.tensor import Tensor

__all__ = ["Huber", "LogCosh", "huber", "log_cosh"]


def huber(y_true: ArrayLike, y_pred: ArrayLike, delta: float = 1.0) -> Tensor:
    """Huber loss: quadratic for small errors e = p - y, linear for large ones.

        mean(e^2 / 2                       if |e| <= delta
             delta |e| - delta^2 / 2       otherwise)

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.
        delta: error above which the loss grows linearly instead of quadratically.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0], [1.5, 4.0]
        >>> round(lm.losses.huber(y, p).item(), 4)
        0.8125

    Source: Huber (1964), Robust estimation of a location parameter.
    """
    y, p = paired(y_true, y_pred, "huber")
    error = ops.abs(p - y)
    parabola, line = 0.5 * ops.square(error), delta * error - 0.5 * delta * delta
    return ops.mean(ops.where(error <= delta, parabola, line), axis=-1)


def log_cosh(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Mean logarithm of the hyperbolic cosine of the error over the last axis.

        mean(log(cosh(p - y)))

    It is computed as |e| + log(1 + exp(-2 |e|)) - log 2, which does not overflow.

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0], [1.5, 4.0]
        >>> round(lm.losses.log_cosh(y, p).item(), 4)
        0.7226
    """
    y, p = paired(y_true, y_pred, "log_cosh")
    error = ops.abs(p - y)
    return ops.mean(error + ops.log1p(ops.exp(-2.0 * error)) - math.log(2.0), axis=-1)


class Huber(NamedLoss):
    """Huber loss: quadratic for small errors e = p - y, linear for large ones (see `huber`).

        mean(e^2 / 2 if |e| <= delta, otherwise delta |e| - delta^2 / 2)

    Args:
        delta: error above which the loss grows linearly instead of quadratically.
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
        >>> lm.losses.Huber(delta=1.0)([[0.0, 0.0]], [[1.0, 3.0]]).item()
        1.5

    Source: Huber (1964), Robust estimation of a location parameter.
    """

    function = huber
    short_names = ("huber_loss",)
    default_name = "huber_loss"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(name, reduction, dtype, delta=delta)


class LogCosh(NamedLoss):
    """Mean logarithm of the hyperbolic cosine of the error: like e^2 / 2 for small errors and like
    |e| - log 2 for large ones.

        mean(log(cosh(p - y)))

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
        >>> round(lm.losses.LogCosh()([[0.0, 0.0]], [[1.0, 3.0]]).item(), 4)
        1.3716
    """

    function = log_cosh
    short_names = ("logcosh",)

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)
