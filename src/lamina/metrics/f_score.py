"""F-scores: precision and recall in one number, per class or averaged over classes."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.errors import ArgumentError, RangeError
from lamina.losses.shapes import paired, shown, weights_for
from lamina.metrics.base import Metric, accumulate, counting, need_matrix
from lamina.tensor import Tensor, Variable, as_tensor

EPSILON = 1e-7
AVERAGES = (None, "micro", "macro", "weighted")
COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """(1 + b^2) precision recall / (b^2 precision + recall).

    Targets and predictions have the shape (n, classes).
    threshold: predictions above it say yes; None: the largest of each row does.
    average: None gives one score a class; "micro" counts over all classes; "macro" takes the mean
    of the classes' scores, "weighted" their mean by how often each class is the target.

    Args:
        threshold: probability from which on a prediction is positive.
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
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

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
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
    """2 precision recall / (precision + recall): see `FBetaScore`.

    Args:
        threshold: probability from which on a prediction is positive.
        name: name of the metric in logs and history.
        dtype: dtype of the metric's state.

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
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
