"""F-scores: weighted harmonic means of precision and recall, per class or averaged."""

from __future__ import annotations

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ArgumentError, RangeError
from lamina.losses.shapes import paired, shown, weights_for
from lamina.metrics.base import Metric, accumulate, counting, need_matrix
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

EPSILON = 1e-7
AVERAGES = (None, "micro", "macro", "weighted")
COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """Weighted harmonic mean of precision and recall.

        (1 + beta^2) precision recall / (beta^2 precision + recall)

    Args:
        average: None gives one score per class; "micro" counts over all classes together; "macro"
            is the mean of the scores, "weighted" their mean weighted by the number of targets of
            each class.
        beta: weight of recall relative to precision, positive.
        threshold: a prediction above it is positive; None treats the largest prediction of each row
            as positive.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (n, classes), y_pred (n, classes) -> (), or (classes,) if `average` is None

    Raises:
        ArgumentError: an unknown average.
        RangeError: beta is not positive, or the threshold is outside of (0, 1].

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.FBetaScore(average="micro", beta=2.0)
        >>> round(m([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]).item(), 4)
        0.6667
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in AVERAGES:
            raise ArgumentError(f"{name}: average must be one of {AVERAGES}, not {average!r}")
        if beta <= 0.0:
            raise RangeError(f"{name}: beta must be above 0, not {beta}")
        if threshold is not None and not 0.0 < threshold <= 1.0:
            raise RangeError(f"{name}: threshold must be above 0 and at most 1, not {threshold}")
        self.average, self.beta, self.threshold = average, float(beta), threshold
        self.counts: dict[str, Variable] = {}

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        y, p = paired(y_true, y_pred, self.name)
        classes = need_matrix(self.name, y, p)
        if classes == 1 and self.threshold is None:
            raise ArgumentError(
                f"{self.name}: predictions of shape {shown(p.shape)} have one class, which is the "
                "likeliest in every row",
                hint=f"{type(self).__name__}(threshold=0.5) says which of them are a yes",
            )
        p, sample_weight = counting(y_pred, p, sample_weight)
        if not self.counts:
            shape = () if self.average == "micro" else (classes,)
            self.counts = {count: self.add_variable(shape, name=count) for count in COUNTS}
        yes = ops.astype(self._decided(p), p.dtype)
        terms = (yes * y, yes * (1.0 - y), (1.0 - yes) * y, y)
        for term, variable in zip(terms, self.counts.values(), strict=True):
            if sample_weight is not None:
                term = term * weights_for(term, sample_weight)
            accumulate(variable, ops.sum(term, axis=None if self.average == "micro" else 0))

    def _decided(self, p: Tensor) -> Tensor:
        if self.threshold is not None:
            return p > self.threshold
        return (p >= ops.max(p, axis=-1, keepdims=True)) & (ops.abs(p) > 1e-9)

    def result(self) -> Tensor:
        if not self.counts:
            return as_tensor(0.0, self.dtype)
        right, invented, missed, weights = (self.counts[count].read() for count in COUNTS)
        precision = right / (right + invented + EPSILON)
        recall = right / (right + missed + EPSILON)
        square = self.beta**2
        score = (1.0 + square) * precision * recall / (square * precision + recall + EPSILON)
        if self.average == "weighted":
            score = ops.sum(score * weights / (ops.sum(weights) + EPSILON))
        elif self.average is not None:
            score = ops.mean(score)
        return as_tensor(score, self.dtype)


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall.

        2 precision recall / (precision + recall)

    Args:
        average: None gives one score per class; "micro" counts over all classes together; "macro"
            is the mean of the scores, "weighted" their mean weighted by the number of targets of
            each class.
        threshold: a prediction above it is positive; None treats the largest prediction of each row
            as positive.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (n, classes), y_pred (n, classes) -> (), or (classes,) if `average` is None

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.F1Score(average="micro")
        >>> m.update_state([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
        >>> round(m.result().item(), 4)
        0.6667
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
