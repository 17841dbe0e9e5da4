"""Metrics for regression: errors, correlations, explained variance."""

from __future__ import annotations

from lamina import losses
from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ArgumentError, RangeError
from lamina.ir.types import float64
from lamina.losses.base import safe_divide
from lamina.losses.shapes import paired, weights_for
from lamina.metrics.base import Mean, Metric, NamedMean, accumulate, counting, need_matrix
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

EPSILON = 1e-7


# ---- formulas ----------------------------------------------------------------------------------
def cosine_similarity(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Tensor:
    """Cosine of the angle between targets and predictions; the loss of this name is its negative.

        sum(y p) / (||y|| ||p||)

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.
        axis: axis of the vectors.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0, 3.0], [1.0, 2.5, 2.0]
        >>> round(lm.metrics.cosine_similarity(y, p).item(), 4)
        0.9562
    """
    return -losses.cosine_similarity(y_true, y_pred, axis)


def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Tensor:
    """Pearson correlation of targets and predictions along an axis.

        covariance(y, p) / (std(y) std(p))

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.
        axis: axis of the values that are correlated.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0, 3.0], [1.0, 2.5, 2.0]
        >>> round(lm.metrics.pearson_correlation(y, p).item(), 4)
        0.6547
    """
    y, p = paired(y_true, y_pred, "pearson_correlation")
    y, p = _centred(y, axis), _centred(p, axis)
    spread = ops.sqrt(ops.mean(ops.square(y), axis=axis) * ops.mean(ops.square(p), axis=axis))
    return ops.mean(y * p, axis=axis) / spread


def concordance_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Tensor:
    """Concordance correlation of targets and predictions along an axis.

        2 covariance(y, p) / (var(y) + var(p) + (mean(y) - mean(p))^2)

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.
        axis: axis of the values that are correlated.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 2.0, 3.0], [1.0, 2.5, 2.0]
        >>> round(lm.metrics.concordance_correlation(y, p).item(), 4)
        0.6154

    Source: Lin (1989), A concordance correlation coefficient to evaluate reproducibility.
    """
    y, p = paired(y_true, y_pred, "concordance_correlation")
    apart = ops.square(ops.mean(y, axis=axis) - ops.mean(p, axis=axis))
    y, p = _centred(y, axis), _centred(p, axis)
    spread = ops.mean(ops.square(y), axis=axis) + ops.mean(ops.square(p), axis=axis) + apart
    return 2.0 * ops.mean(y * p, axis=axis) / (spread + EPSILON)


def _centred(x: Tensor, axis: int) -> Tensor:
    return x - ops.mean(x, axis=axis, keepdims=True)


# ---- means -------------------------------------------------------------------------------------
class MeanSquaredError(NamedMean):
    """Mean of the squared errors, (y - p)^2.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.MeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]).item()
        2.5
    """

    function = losses.mean_squared_error

    def __init__(self, name: str = "mean_squared_error", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class MeanAbsoluteError(NamedMean):
    """Mean of the absolute errors, |y - p|.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 3.0]]).item()
        1.5
    """

    function = losses.mean_absolute_error

    def __init__(self, name: str = "mean_absolute_error", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class MeanAbsolutePercentageError(NamedMean):
    """Mean of the absolute errors as a percentage of the targets, 100 |(y - p) / y|.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.MeanAbsolutePercentageError()([[1.0, 4.0]], [[2.0, 6.0]]).item()
        75.0
    """

    function = losses.mean_absolute_percentage_error

    def __init__(
        self, name: str = "mean_absolute_percentage_error", dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, dtype)


class MeanSquaredLogarithmicError(NamedMean):
    """Mean of the squared differences of logarithms, (log(1 + y) - log(1 + p))^2.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.MeanSquaredLogarithmicError()([[0.0, 1.0]], [[1.0, 1.0]]).item(), 4)
        0.2402
    """

    function = losses.mean_squared_logarithmic_error

    def __init__(
        self, name: str = "mean_squared_logarithmic_error", dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, dtype)


class LogCoshError(NamedMean):
    """Mean of log(cosh(p - y)).

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.LogCoshError()([[0.0, 0.0]], [[1.0, 3.0]]).item(), 4)
        1.3716
    """

    function = losses.log_cosh

    def __init__(self, name: str = "logcosh", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)


class CosineSimilarity(NamedMean):
    """Mean cosine of the angle between targets and predictions.

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        axis: axis of the vectors.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.CosineSimilarity()([[0.0, 1.0]], [[1.0, 1.0]]).item(), 4)
        0.7071
    """

    function = cosine_similarity

    def __init__(
        self, name: str = "cosine_similarity", dtype: DTypeLike = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype, axis=axis)


class PearsonCorrelation(NamedMean):
    """Mean over the samples of the Pearson correlation along an axis (see `pearson_correlation`).

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        axis: axis of the values that are correlated.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.PearsonCorrelation()([[0.0, 1.0, 2.0]], [[0.0, 1.0, 3.0]]).item(), 4)
        0.982
    """

    function = pearson_correlation

    def __init__(
        self, name: str = "pearson_correlation", dtype: DTypeLike = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype, axis=axis)


class ConcordanceCorrelation(NamedMean):
    """Mean over the samples of the concordance correlation along an axis (see
    `concordance_correlation`).

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        axis: axis of the values that are correlated.

    Shapes:
        y_true (batch, ..., n), y_pred (batch, ..., n) -> ()

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.ConcordanceCorrelation()
        >>> round(m([[0.0, 1.0, 2.0]], [[0.0, 1.0, 3.0]]).item(), 4)
        0.8571

    Source: Lin (1989), A concordance correlation coefficient to evaluate reproducibility.
    """

    function = concordance_correlation

    def __init__(
        self, name: str = "concordance_correlation", dtype: DTypeLike = None, axis: int = -1
    ) -> None:
        super().__init__(name, dtype, axis=axis)


class RootMeanSquaredError(Mean):
    """Square root of the mean of the squared errors.

        sqrt(mean((y - p)^2))

    Args:
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.RootMeanSquaredError()([[0.0, 1.0]], [[1.0, 3.0]]).item(), 4)
        1.5811
    """

    def __init__(self, name: str = "root_mean_squared_error", dtype: DTypeLike = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        y, p = paired(y_true, y_pred, self.name)
        super().update_state(*counting(y_pred, ops.square(y - p), sample_weight))

    def result(self) -> Tensor:
        mean = safe_divide(self.total.read(), self.count.read())
        return as_tensor(ops.sqrt(mean), self.dtype)


# ---- explained variance ------------------------------------------------------------------------
AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """Coefficient of determination: fraction of the variance of the targets that is explained.

        1 - sum((y - p)^2) / sum((y - mean(y))^2)

    Args:
        class_aggregation: None gives one score per output, "uniform_average" their mean,
            "variance_weighted_average" their mean weighted by the variances of the outputs.
        num_regressors: number r of independent variables for the adjusted score, 1 - (1 - R2) (n -
            1) / (n - r - 1); 0, or a value too large for n samples, gives R2.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (n, outputs), y_pred (n, outputs) -> (), or (outputs,) if `class_aggregation` is None

    Raises:
        ArgumentError: an unknown aggregation.
        RangeError: `num_regressors` is negative.

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.R2Score()([[1.0], [2.0], [4.0]], [[1.0], [2.0], [3.0]]).item(), 4)
        0.7857
    """

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in AGGREGATIONS:
            raise ArgumentError(
                f"R2Score: class_aggregation must be one of {AGGREGATIONS}, "
                f"not {class_aggregation!r}"
            )
        if num_regressors < 0:
            raise RangeError(f"R2Score: num_regressors must be 0 or above, not {num_regressors}")
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.samples = self.add_variable(name="num_samples")
        self.sums: dict[str, Variable] = {}

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        y, p = paired(y_true, y_pred, self.name)
        outputs = need_matrix(self.name, y, p)
        if not self.sums:
            names = ("squared_sum", "sum", "residual", "count")
            self.sums = {name: self.add_variable((outputs,), name=name) for name in names}
        y, p = as_tensor(y, float64), as_tensor(p, float64)  # differences of large sums follow
        there, sample_weight = counting(y_pred, ops.ones_like(y), sample_weight)
        w = there if sample_weight is None else there * weights_for(y, sample_weight)
        terms = (w * y * y, w * y, w * ops.square(y - p), w)
        for variable, term in zip(self.sums.values(), terms, strict=True):
            accumulate(variable, ops.sum(term, axis=0))
        accumulate(self.samples, ops.sum(there))

    def result(self) -> Tensor:
        if not self.sums:
            return as_tensor(0.0, self.dtype)
        squares, total, residual, count = (v.read() for v in self.sums.values())
        spread = squares - total * safe_divide(total, count)
        score = ops.where(
            spread == 0.0, ops.zeros_like(spread), 1.0 - safe_divide(residual, spread)
        )
        if self.class_aggregation == "uniform_average":
            score = ops.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = safe_divide(ops.sum(spread * score), ops.sum(spread))
        return as_tensor(self._adjusted(score), self.dtype)

    def _adjusted(self, score: Tensor) -> Tensor:
        if not self.num_regressors:
            return score
        n = self.samples.read()
        freedom = n - self.num_regressors - 1.0
        adjusted = 1.0 - (1.0 - score) * (n - 1.0) / ops.where(freedom > 0.0, freedom, 1.0)
        return ops.where(freedom > 0.0, adjusted, score)
