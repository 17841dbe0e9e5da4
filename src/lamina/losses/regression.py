"""Losses for regression.

Functions return one value per sample (the mean over the last axis); classes reduce those.
"""

from __future__ import annotations

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import paired
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError", "CosineSimilarity", "Poisson", "mean_squared_error",
    "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "cosine_similarity", "poisson",
]
# fmt: on

EPSILON = 1e-7
SUM = "sum_over_batch_size"


# ---- formulas ----------------------------------------------------------------------------------
def mean_squared_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Mean squared error over the last axis.

        mean((y - p)^2)

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> lm.losses.mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]]).tolist()
        [2.5]
    """
    y, p = paired(y_true, y_pred, "mean_squared_error")
    return ops.mean(ops.square(y - p), axis=-1)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Mean absolute error over the last axis.

        mean(|y - p|)

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0], [1.5, 4.0]
        >>> round(lm.losses.mean_absolute_error(y, p).item(), 4)
        1.25
    """
    y, p = paired(y_true, y_pred, "mean_absolute_error")
    return ops.mean(ops.abs(y - p), axis=-1)


def mean_absolute_percentage_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Mean absolute error over the last axis as a percentage of the targets.

        100 mean(|y - p| / max(|y|, 1e-7))

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0], [1.5, 4.0]
        >>> round(lm.losses.mean_absolute_percentage_error(y, p).item(), 4)
        75.0
    """
    y, p = paired(y_true, y_pred, "mean_absolute_percentage_error")
    return 100.0 * ops.mean(ops.abs((y - p) / ops.maximum(ops.abs(y), EPSILON)), axis=-1)


def mean_squared_logarithmic_error(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Mean squared difference of logarithms over the last axis.

        mean((log(1 + y) - log(1 + p))^2)

    Values of y and p below 1e-7 are replaced by 1e-7.

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0], [1.5, 4.0]
        >>> round(lm.losses.mean_squared_logarithmic_error(y, p).item(), 4)
        0.1554
    """
    y, p = paired(y_true, y_pred, "mean_squared_logarithmic_error")
    difference = ops.log1p(ops.maximum(p, EPSILON)) - ops.log1p(ops.maximum(y, EPSILON))
    return ops.mean(ops.square(difference), axis=-1)


def unit_vectors(x: Tensor, axis: int | None) -> Tensor:
    """Return x / max(||x||, 1e-6) along an axis."""
    squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x / ops.sqrt(ops.maximum(squares, 1e-12))


def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Tensor:
    """Negative cosine of the angle between targets and predictions.

        -sum(y p) / (||y|| ||p||)

    The result is -1 for equal directions, 0 for orthogonal vectors and 1 for opposite directions.

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.
        axis: axis of the vectors.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.cosine_similarity([1.0, 0.0], [1.0, 1.0]).item(), 4)
        -0.7071
    """
    y, p = paired(y_true, y_pred, "cosine_similarity")
    return -ops.sum(unit_vectors(y, axis) * unit_vectors(p, axis), axis=axis)


def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Poisson loss: negative log-likelihood of counts y under the rates p.

        mean(p - y log(p + 1e-7))

    The term log(y!), which does not depend on p, is omitted.

    Args:
        y_true: counts, at least 0.
        y_pred: expected counts (rates), at least 0.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...)

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0], [1.5, 4.0]
        >>> round(lm.losses.poisson(y, p).item(), 4)
        1.161
    """
    y, p = paired(y_true, y_pred, "poisson")
    return ops.mean(p - y * ops.log(p + EPSILON), axis=-1)


# ---- classes -----------------------------------------------------------------------------------
class MeanSquaredError(NamedLoss):
    """Mean squared error.

        mean((y - p)^2)

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
        >>> lm.losses.MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]).item()
        2.5
    """

    function = mean_squared_error
    short_names = ("mse", "MSE")

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(NamedLoss):
    """Mean absolute error.

        mean(|y - p|)

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
        >>> lm.losses.MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]).item()
        1.5
    """

    function = mean_absolute_error
    short_names = ("mae", "MAE")

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(NamedLoss):
    """Mean absolute error as a percentage of the targets.

        100 mean(|y - p| / max(|y|, 1e-7))

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
        >>> lm.losses.MeanAbsolutePercentageError()([[1.0, 4.0]], [[2.0, 6.0]]).item()
        75.0
    """

    function = mean_absolute_percentage_error
    short_names = ("mape", "MAPE")

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(NamedLoss):
    """Mean squared difference of logarithms, for targets of different orders of magnitude.

        mean((log(1 + y) - log(1 + p))^2)

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
        >>> round(lm.losses.MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 1.0]]).item(), 4)
        0.2402
    """

    function = mean_squared_logarithmic_error
    short_names = ("msle", "MSLE")

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)


class CosineSimilarity(NamedLoss):
    """Negative cosine of the angle between targets and predictions.

        -sum(y p) / (||y|| ||p||)

    Args:
        axis: axis of the vectors.
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
        >>> round(lm.losses.CosineSimilarity()([[0.0, 1.0]], [[1.0, 1.0]]).item(), 4)
        -0.7071
    """

    function = cosine_similarity

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(name, reduction, dtype, axis=axis)


class Poisson(NamedLoss):
    """Poisson loss: negative log-likelihood of counts y under the rates p.

        mean(p - y log(p + 1e-7))

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
        >>> round(lm.losses.Poisson()([[0.0, 2.0]], [[1.0, 2.0]]).item(), 4)
        0.8069
    """

    function = poisson

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)
