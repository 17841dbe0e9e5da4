"""Confusion counts at thresholds and the metrics derived from them: precision, recall, ...

A prediction above a threshold is positive. With m thresholds each count is an array of m.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lamina import operations as ops
from lamina import restoring
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import RangeError, ShapeError, describe
from lamina.ir.types import float32
from lamina.losses.base import safe_divide
from lamina.losses.shapes import paired, weights_for
from lamina.metrics.base import Metric, accumulate, counting
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

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
        dtype: DTypeLike,
        thresholds: list[float],
        top_k: int | None = None,
        class_id: int | None = None,
    ) -> None:
        super().__init__(dtype, name)
        self.levels, self.top_k, self.class_id = thresholds, top_k, class_id
        self.counts: dict[str, Variable] = {
            count: self.add_variable((len(thresholds),), name=count) for count in self.kept
        }
        vars(self).update(self.counts)  # as `true_positives` ...

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
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
    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
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
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike = None,
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
