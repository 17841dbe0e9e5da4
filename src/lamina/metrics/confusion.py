"""Confusion counts at thresholds and the metrics derived from them: precision, recall, ...

A prediction above a threshold is positive. With m thresholds each count is an array of m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from lamina import operations as ops
from lamina import restoring
from lamina.errors import RangeError, ShapeError, describe
from lamina.ir.types import float32
from lamina.losses.base import safe_divide
from lamina.losses.shapes import paired, weights_for
from lamina.metrics.base import Metric, accumulate, counting
from lamina.tensor import Tensor, Variable, as_tensor

COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
NO_THRESHOLD = -1e10  # below every prediction: with top_k, being among them is the decision


# ---- counting ----------------------------------------------------------------------------------
def counts_at(
    y_true: Tensor, y_pred: Tensor, weights: Tensor | None, thresholds: Any, columns: bool = False
) -> dict[str, Tensor]:
    """Return the four counts at each threshold: arrays (thresholds,), or (thresholds, columns) if
    `columns` counts each column of the predictions separately."""
    y, p = (y_true, y_pred) if columns else (ops.ravel(y_true), ops.ravel(y_pred))
    ones = ops.ones_like(p) if weights is None else weights
    ones = ones if columns else ops.ravel(ones)
    levels = ops.reshape(as_tensor(thresholds, p.dtype), (-1, *[1] * p.ndim))
    yes = ops.astype(ops.expand_dims(p, axis=0) > levels, p.dtype)
    positive = ops.astype(y > 0.5, p.dtype) * ones
    negative = ops.astype(y <= 0.5, p.dtype) * ones

    def total(x: Tensor) -> Tensor:
        return ops.sum(x, axis=1)

    return {
        "true_positives": total(yes * positive),
        "false_positives": total(yes * negative),
        "true_negatives": total((1.0 - yes) * negative),
        "false_negatives": total((1.0 - yes) * positive),
    }


def parsed_thresholds(owner: str, thresholds: Any, default: float = 0.5) -> list[float]:
    """Return a list of thresholds in [0, 1] for a number, a list or None."""
    if thresholds is None:
        return [default]
    listed = list(thresholds) if isinstance(thresholds, Sequence | np.ndarray) else [thresholds]
    for threshold in listed:
        if threshold is None or not 0.0 <= threshold <= 1.0:
            raise RangeError(f"{owner}: thresholds must be 0 to 1, not {threshold}")
    return [float(t) for t in listed]


def even_thresholds(count: int) -> list[float]:
    """Return `count` evenly spaced thresholds from 0 to 1."""
    restoring.claim("metric", "num_thresholds", 16, count)
    return [0.5] if count == 1 else [i / (count - 1) for i in range(count)]


class ConfusionCounts(Metric):
    """Base class: counts, at each threshold, those of the four counts that `kept` names."""

    kept: ClassVar[tuple[str, ...]] = COUNTS

    def __init__(
        self,
        name: str | None,
        dtype: Any,
        thresholds: list[float],
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(dtype, name)
        self.levels, self.top_k, self.class_id = thresholds, top_k, class_id
        self.counts: dict[str, Variable] = {
            count: self.add_variable((len(thresholds),), name=count) for count in self.kept
        }

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = paired(y_true, y_pred, self.name)
        p, sample_weight = counting(y_pred, p, sample_weight)
        weights = None
        if sample_weight is not None:
            weights = ops.broadcast_to(weights_for(p, sample_weight), p.shape)
        if self.top_k is not None:
            p = _only_top(p, self.top_k)
        if self.class_id is not None:
            if p.ndim < 2:
                raise ShapeError(
                    f"{self.name}: expected predictions (samples, classes) with class_id="
                    f"{self.class_id}, got {describe(p)}",
                    hint="leave class_id out: predictions of one axis are all of one class",
                )
            y, p = y[..., self.class_id], p[..., self.class_id]
            weights = None if weights is None else weights[..., self.class_id]
        counts = counts_at(y, p, weights, np.asarray(self.levels))
        for count, variable in self.counts.items():
            accumulate(variable, counts[count])

    def _read(self, *counts: str) -> list[Tensor]:
        return [self.counts[count].read() for count in counts]

    def _plain(self, values: Tensor) -> Tensor:
        """Return a scalar if there is one threshold."""
        return as_tensor(values[0] if len(self.levels) == 1 else values, self.dtype)


def _only_top(p: Tensor, k: int) -> Tensor:
    """Replace predictions that are not among the k largest of their row by a very small number;
    the first of equal predictions counts as larger."""
    other, own = ops.expand_dims(p, axis=-2), ops.expand_dims(p, axis=-1)
    place = ops.arange(p.shape[-1])
    is_before = ops.expand_dims(place, axis=0) < ops.expand_dims(place, axis=1)
    above = (other > own) | ((other == own) & is_before)
    rank = ops.sum(ops.astype(above, float32), axis=-1)
    return ops.where(rank < k, p, ops.full_like(p, 2.0 * NO_THRESHOLD))


# ---- single counts -----------------------------------------------------------------------------
class _Count(ConfusionCounts):
    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        self.thresholds = thresholds
        super().__init__(name, dtype, parsed_thresholds(type(self).__name__, thresholds))

    def result(self) -> Tensor:
        (count,) = self._read(*self.kept)
        return self._plain(count)


class TruePositives(_Count):
    """Weighted number of predictions above the threshold whose target is 1.

    Args:
        thresholds: number or list of numbers in [0, 1]; a prediction above a threshold is positive;
            None is 0.5. A list gives one result per threshold.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> (), or (thresholds,) for a list of thresholds

    Example:
        >>> import lamina as lm
        >>> lm.metrics.TruePositives()([0, 1, 1, 1], [0.7, 0.6, 0.4, 0.9]).item()
        2.0
    """

    kept = ("true_positives",)


class FalsePositives(_Count):
    """Weighted number of predictions above the threshold whose target is 0.

    Args:
        thresholds: number or list of numbers in [0, 1]; a prediction above a threshold is positive;
            None is 0.5. A list gives one result per threshold.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> (), or (thresholds,) for a list of thresholds

    Example:
        >>> import lamina as lm
        >>> lm.metrics.FalsePositives()([0, 1, 1, 1], [0.7, 0.6, 0.4, 0.9]).item()
        1.0
    """

    kept = ("false_positives",)


class TrueNegatives(_Count):
    """Weighted number of predictions not above the threshold whose target is 0.

    Args:
        thresholds: number or list of numbers in [0, 1]; a prediction above a threshold is positive;
            None is 0.5. A list gives one result per threshold.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> (), or (thresholds,) for a list of thresholds

    Example:
        >>> import lamina as lm
        >>> lm.metrics.TrueNegatives()([0, 0, 1, 1], [0.7, 0.2, 0.4, 0.9]).item()
        1.0
    """

    kept = ("true_negatives",)


class FalseNegatives(_Count):
    """Weighted number of predictions not above the threshold whose target is 1.

    Args:
        thresholds: number or list of numbers in [0, 1]; a prediction above a threshold is positive;
            None is 0.5. A list gives one result per threshold.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> (), or (thresholds,) for a list of thresholds

    Example:
        >>> import lamina as lm
        >>> lm.metrics.FalseNegatives()([0, 1, 1, 1], [0.7, 0.6, 0.4, 0.9]).item()
        1.0
    """

    kept = ("false_negatives",)


# ---- precision and recall ----------------------------------------------------------------------
class _Share(ConfusionCounts):
    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        self.thresholds = thresholds
        default = 0.5 if top_k is None else NO_THRESHOLD
        levels = parsed_thresholds(type(self).__name__, thresholds, default)
        super().__init__(name, dtype, levels, top_k, class_id)

    def result(self) -> Tensor:
        right, wrong = self._read(*self.kept)
        return self._plain(safe_divide(right, right + wrong))


class Precision(_Share):
    """Fraction of the positive predictions that are correct.

        true positives / (true positives + false positives)

    Args:
        thresholds: number or list of numbers in [0, 1]; a prediction above a threshold is positive;
            None is 0.5. A list gives one result per threshold.
        top_k: treat only the k largest predictions of each row as positive; without `thresholds`
            all of them are.
        class_id: column of the predictions that counts; None counts all columns.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> (), or (thresholds,) for a list of thresholds

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.Precision()
        >>> m.update_state([0, 1, 1, 1], [1, 0, 1, 1])
        >>> round(m.result().item(), 4)
        0.6667
    """

    kept = ("true_positives", "false_positives")


class Recall(_Share):
    """Fraction of the positive targets that are predicted as positive.

        true positives / (true positives + false negatives)

    Args:
        thresholds: number or list of numbers in [0, 1]; a prediction above a threshold is positive;
            None is 0.5. A list gives one result per threshold.
        top_k: treat only the k largest predictions of each row as positive; without `thresholds`
            all of them are.
        class_id: column of the predictions that counts; None counts all columns.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> (), or (thresholds,) for a list of thresholds

    Example:
        >>> import lamina as lm
        >>> round(lm.metrics.Recall()([0, 1, 1, 1], [1, 0, 1, 1]).item(), 4)
        0.6667
    """

    kept = ("true_positives", "false_negatives")


# ---- one at the best of the other --------------------------------------------------------------
class _BestAt(ConfusionCounts):
    """The maximum of one ratio over the thresholds at which another is at least `target`."""

    goal: ClassVar[str]  # the argument's name: the share that is constrained
    best: ClassVar[Callable[..., Tensor]]
    constrained: ClassVar[Callable[..., Tensor]]

    def __init__(
        self,
        target: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        owner = type(self).__name__
        if not 0.0 <= target <= 1.0:
            raise RangeError(f"{owner}: {self.goal} must be 0 to 1, not {target}")
        if num_thresholds <= 0:
            raise RangeError(f"{owner}: num_thresholds must be above 0, not {num_thresholds}")
        self.target, self.num_thresholds = target, num_thresholds
        super().__init__(name, dtype, even_thresholds(num_thresholds), None, class_id)

    def result(self) -> Tensor:
        counts = self._read(*COUNTS)
        feasible = type(self).constrained(*counts) >= self.target
        best = type(self).best(*counts)
        return as_tensor(ops.max(ops.where(feasible, best, ops.zeros_like(best))), self.dtype)


def _precision(tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> Tensor:
    return safe_divide(tp, tp + fp)


def _recall(tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> Tensor:
    return safe_divide(tp, tp + fn)


def _specificity(tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> Tensor:
    return safe_divide(tn, tn + fp)


class PrecisionAtRecall(_BestAt):
    """Highest precision over the thresholds with a recall of at least `recall`; 0 without any.

    Args:
        recall: smallest acceptable recall, in [0, 1].
        num_thresholds: number of evenly spaced thresholds from 0 to 1 that are examined.
        class_id: column of the predictions that counts; None counts all columns.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.PrecisionAtRecall(0.5)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).item()
        1.0
    """

    goal, best, constrained = "recall", _precision, _recall

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestAt):
    """Highest recall over the thresholds with a precision of at least `precision`; 0 without any.

    Args:
        precision: smallest acceptable precision, in [0, 1].
        num_thresholds: number of evenly spaced thresholds from 0 to 1 that are examined.
        class_id: column of the predictions that counts; None counts all columns.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.RecallAtPrecision(0.8)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).item()
        0.5
    """

    goal, best, constrained = "precision", _recall, _precision

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)


class SensitivityAtSpecificity(_BestAt):
    """Highest sensitivity (recall) over the thresholds whose specificity is at least `specificity`.

        sensitivity = tp / (tp + fn)    specificity = tn / (tn + fp)

    Args:
        specificity: smallest acceptable specificity, in [0, 1].
        num_thresholds: number of evenly spaced thresholds from 0 to 1 that are examined.
        class_id: column of the predictions that counts; None counts all columns.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.SensitivityAtSpecificity(0.5)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).item()
        1.0
    """

    goal, best, constrained = "specificity", _recall, _specificity

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestAt):
    """Highest specificity over the thresholds whose sensitivity (recall) is at least `sensitivity`.

        specificity = tn / (tn + fp)    sensitivity = tp / (tp + fn)

    Args:
        sensitivity: smallest acceptable sensitivity, in [0, 1].
        num_thresholds: number of evenly spaced thresholds from 0 to 1 that are examined.
        class_id: column of the predictions that counts; None counts all columns.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (...), y_pred (...) -> ()

    Example:
        >>> import lamina as lm
        >>> lm.metrics.SpecificityAtSensitivity(0.5)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]).item()
        1.0
    """

    goal, best, constrained = "sensitivity", _specificity, _recall

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


# ---- the whole table ---------------------------------------------------------------------------
class ConfusionMatrix(Metric):
    """Confusion matrix: element (i, j) counts the samples of class i predicted as class j.

    Args:
        num_classes: number of classes, the extents of the confusion matrix.
        normalize: divide each row by its sum.
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.

    Shapes:
        y_true (n,) or (n, 1) class indices, y_pred (n,) class indices or (n, classes) scores ->
            (classes, classes)

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.ConfusionMatrix(2)
        >>> m.update_state([0, 1, 1], [0, 1, 0])
        >>> m.result().tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """

    def __init__(
        self,
        num_classes: int,
        normalize: bool = False,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes, self.normalize = num_classes, normalize
        self.table = self.add_variable((num_classes, num_classes), name="table")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y, p = as_tensor(y_true), as_tensor(y_pred)
        if p.ndim > 1 and p.shape[-1] == self.num_classes and self.num_classes > 1:
            p = ops.argmax(p, axis=-1)
        y = ops.argmax(y, axis=-1) if y.ndim > p.ndim and y.shape[-1] == self.num_classes else y
        y, p = paired(y, p, self.name)
        p, sample_weight = counting(y_pred, p, sample_weight)
        weights = None
        if sample_weight is not None:
            weights = ops.broadcast_to(weights_for(p, sample_weight), p.shape)
        accumulate(self.table, table_of(y, p, weights, self.num_classes))

    def result(self) -> Tensor:
        table = self.table.read()
        if self.normalize:
            table = safe_divide(table, ops.broadcast_to(_row_sums(table), table.shape))
        return as_tensor(table, self.dtype)


def _row_sums(table: Tensor) -> Tensor:
    return ops.sum(table, axis=1, keepdims=True)


def table_of(y: Tensor, p: Tensor, weights: Tensor | None, classes: int) -> Tensor:
    """Return weighted counts of (target, prediction) pairs as a product of one-hot matrices (no
    scatter); pairs outside of the classes are not counted."""
    index = ops.arange(classes, dtype=float32)
    y, p = ops.ravel(y), ops.ravel(p)
    of_y = ops.astype(ops.expand_dims(y, axis=0) == ops.expand_dims(index, axis=1), float32)
    of_p = ops.astype(ops.expand_dims(p, axis=1) == ops.expand_dims(index, axis=0), float32)
    if weights is not None:
        flat = ops.ravel(as_tensor(weights, float32))
        of_y = of_y * ops.expand_dims(flat, axis=0)
    return ops.matmul(of_y, of_p)
