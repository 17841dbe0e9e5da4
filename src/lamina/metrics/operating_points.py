"""Metrics at an operating point: the best value of one ratio at a required value of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from lamina import operations as ops
from lamina.annotations import DTypeLike
from lamina.errors import RangeError
from lamina.losses.base import safe_divide
from lamina.metrics.confusion import COUNTS, ConfusionCounts, even_thresholds
from lamina.tensor import Tensor, as_tensor


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
        dtype: DTypeLike = None,
    ) -> None:
        owner = type(self).__name__
        if not 0.0 <= target <= 1.0:
            raise RangeError(f"{owner}: {self.goal} must be 0 to 1, not {target}")
        if num_thresholds <= 0:
            raise RangeError(f"{owner}: num_thresholds must be above 0, not {num_thresholds}")
        self.target, self.num_thresholds = target, num_thresholds
        setattr(self, self.goal, target)
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
        dtype: DTypeLike = None,
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
        dtype: DTypeLike = None,
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
        dtype: DTypeLike = None,
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
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
