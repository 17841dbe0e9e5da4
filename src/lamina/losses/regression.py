"""Losses for numbers: how far predictions are from targets.

Functions give one value per sample (the mean over the last axis); classes reduce those.
"""

from __future__ import annotations

import math
from typing import Any

from lamina import operations as ops
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import paired
from lamina.tensor import Tensor

EPSILON = 1e-7
SUM = "sum_over_batch_size"


# ---- formulas ----------------------------------------------------------------------------------
def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean((y - p)^2) over the last axis.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.

    Example:
        >>> import lamina as lm
        >>> lm.losses.mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]]).tolist()
        [2.5]
    """
    y, p = paired(y_true, y_pred, "mean_squared_error")
    return ops.mean(ops.square(y - p), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean(|y - p|) over the last axis.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "mean_absolute_error")
    return ops.mean(ops.abs(y - p), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """100 mean(|(y - p) / max(|y|, 1e-7)|) over the last axis.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "mean_absolute_percentage_error")
    return 100.0 * ops.mean(ops.abs((y - p) / ops.maximum(ops.abs(y), EPSILON)), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """mean((log(1 + y) - log(1 + p))^2) over the last axis; y and p are cut off at 1e-7.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "mean_squared_logarithmic_error")
    difference = ops.log1p(ops.maximum(p, EPSILON)) - ops.log1p(ops.maximum(y, EPSILON))
    return ops.mean(ops.square(difference), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """mean(e^2 / 2 where |e| <= delta, else delta |e| - delta^2 / 2), e = p - y.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        delta: error from which on the loss grows linearly.

    Source: Huber (1964), Robust estimation of a location parameter.
    """
    y, p = paired(y_true, y_pred, "huber")
    error = ops.abs(p - y)
    parabola, line = 0.5 * ops.square(error), delta * error - 0.5 * delta * delta
    return ops.mean(ops.where(error <= delta, parabola, line), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """mean(log(cosh(p - y))) over the last axis, as |e| + log(1 + exp(-2 |e|)) - log 2.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "log_cosh")
    error = ops.abs(p - y)
    return ops.mean(error + ops.log1p(ops.exp(-2.0 * error)) - math.log(2.0), axis=-1)


def unit_vectors(x: Tensor, axis: int) -> Tensor:
    """x / ||x|| along an axis; a vector of (nearly) no length stays as it is."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x / ops.sqrt(ops.maximum(squares, 1e-12))


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """-sum(y p) / (||y|| ||p||) along an axis: -1 for equal directions, 0 for right angles.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        axis: axis of the classes or features.
    """
    y, p = paired(y_true, y_pred, "cosine_similarity")
    return -ops.sum(unit_vectors(y, axis) * unit_vectors(p, axis), axis=axis)


def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """mean(p - y log(p + 1e-7)) over the last axis: the negative log-likelihood of counts y under
    the rate p, without the term that depends on y only.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
    """
    y, p = paired(y_true, y_pred, "poisson")
    return ops.mean(p - y * ops.log(p + EPSILON), axis=-1)


# ---- classes -----------------------------------------------------------------------------------
class MeanSquaredError(NamedLoss):
    """mean((y - p)^2): see `mean_squared_error`. Targets and predictions have one shape.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = mean_squared_error

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(NamedLoss):
    """mean(|y - p|): see `mean_absolute_error`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = mean_absolute_error

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(NamedLoss):
    """100 mean(|(y - p) / y|): see `mean_absolute_percentage_error`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = mean_absolute_percentage_error

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(NamedLoss):
    """mean((log(1 + y) - log(1 + p))^2): see `mean_squared_logarithmic_error`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = mean_squared_logarithmic_error

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class Huber(NamedLoss):
    """Squares near 0, absolute values beyond `delta`: see `huber`.

    Args:
        delta: error from which on the loss grows linearly.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = huber
    default_name = "huber_loss"

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype, delta=delta)


class LogCosh(NamedLoss):
    """mean(log(cosh(p - y))): see `log_cosh`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = log_cosh

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class CosineSimilarity(NamedLoss):
    """Minus the cosine of the angle between y and p: see `cosine_similarity`.

    Args:
        axis: axis of the classes or features.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = cosine_similarity

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype, axis=axis)


class Poisson(NamedLoss):
    """mean(p - y log p), for counts: see `poisson`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = poisson

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)
