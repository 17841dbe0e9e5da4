"""Areas under curves over thresholds: ROC, precision-recall and precision-recall-gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.arguments import Checks, Integer, Numbers
from lamina.errors import ArgumentError, RangeError
from lamina.losses.base import safe_divide
from lamina.losses.shapes import paired, weights_for
from lamina.metrics.base import Metric, accumulate, counting
from lamina.metrics.confusion import COUNTS, counts_at, even_thresholds
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

CURVES = ("ROC", "PR", "PRGAIN")
SUMMATIONS = ("interpolation", "minoring", "majoring")
MARGIN = 1e-7


class AUC(Metric):
    """Area under the ROC or precision-recall curve, approximated by sums over thresholds.

    Args:
        num_thresholds: number of evenly spaced thresholds from 0 to 1 that are examined; None with
            `thresholds`.
        curve: "ROC" (recall against false positive rate), "PR" (precision against recall) or
            "PRGAIN" (precision gain against recall gain).
        summation_method: "interpolation" (trapezoids; for "PR" the interpolation of Davis and
            Goadrich 2006), "minoring" (lower sums) or "majoring" (upper sums).
        name: name of the metric in logs and history.
        dtype: dtype of the result; None is float32. Sums are accumulated in float64.
        thresholds: thresholds in [0, 1] in place of `num_thresholds` evenly spaced ones.
        multi_label: compute an area for each column; the result is their mean.
        num_labels: number of columns if `multi_label`; None takes it from the first batch.
        label_weights: weights of the columns; None weights all columns equally.
        from_logits: apply the sigmoid function to the predictions first.

    Shapes:
        y_true (...), y_pred (...) -> (); (batch, labels) if `multi_label`

    Raises:
        ArgumentError: an unknown curve or summation method, or `num_labels` without `multi_label`.
        RangeError: fewer than 2 thresholds.

    Example:
        >>> import lamina as lm
        >>> m = lm.metrics.AUC(num_thresholds=3)
        >>> m.update_state([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        >>> round(m.result().item(), 4)
        0.75

    Source: Davis and Goadrich (2006); Flach and Kull (2015), Precision-recall-gain curves.
    """

    argument_checks: ClassVar[Checks] = {"num_thresholds": Integer(most=100_000, optional=True)}

    def __init__(
        self,
        num_thresholds: int | None = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypeLike = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: ArrayLike | None = None,
        from_logits: bool = False,
    ) -> None:
        if thresholds is not None:
            Numbers()("AUC", "thresholds", thresholds)
        super().__init__(dtype, name)
        self.curve = _one_of("curve", curve, CURVES)
        self.summation_method = _one_of("summation_method", summation_method, SUMMATIONS)
        self.own_thresholds = None if thresholds is None else sorted(thresholds)
        if self.own_thresholds is not None:
            inner = self.own_thresholds
        elif num_thresholds is None or num_thresholds <= 1:
            raise RangeError(f"AUC: num_thresholds must be above 1, not {num_thresholds}")
        else:
            inner = even_thresholds(num_thresholds)[1:-1]
        self.thresholds = [-MARGIN, *inner, 1.0 + MARGIN]
        self.num_thresholds = len(self.thresholds)
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights, self.from_logits = label_weights, from_logits
        self.counts: dict[str, Variable] = {}
        if num_labels is not None and not multi_label:
            raise ArgumentError("AUC: num_labels is for multi_label=True")
        if not multi_label or num_labels is not None:
            self._build(num_labels)

    def _build(self, labels: int | None) -> None:
        shape = (self.num_thresholds,) if labels is None else (self.num_thresholds, labels)
        self.counts = {count: self.add_variable(shape, name=count) for count in COUNTS}
        vars(self).update(self.counts)  # as `true_positives` ...

    def update_state(
        self, y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> None:
        y, p = paired(y_true, y_pred, self.name)
        if not self.counts:
            self._build(int(p.shape[-1]))
        p = ops.sigmoid(p) if self.from_logits else p
        p, sample_weight = counting(y_pred, p, sample_weight)
        weights = self._weights(p, sample_weight)
        counts = counts_at(y, p, weights, np.asarray(self.thresholds), self.multi_label)
        for count, variable in self.counts.items():
            accumulate(variable, counts[count])

    def _weights(self, p: Tensor, sample_weight: Any) -> Tensor | None:
        weights = None
        if sample_weight is not None:
            weights = ops.broadcast_to(weights_for(p, sample_weight), p.shape)
        if self.label_weights is not None and not self.multi_label:
            labels = ops.broadcast_to(as_tensor(self.label_weights, p.dtype), p.shape)
            weights = labels if weights is None else weights * labels
        return weights

    def result(self) -> Tensor:
        counts = [self.counts[count].read() for count in COUNTS]
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated_pr(*counts)
        else:
            areas = self._summed(*_CURVE_POINTS[self.curve](*counts))
        area = ops.sum(areas, axis=0)
        return as_tensor(self._over_labels(area) if self.multi_label else area, self.dtype)

    def _summed(self, x: Tensor, y: Tensor) -> Tensor:
        combine = {
            "interpolation": lambda a, b: (a + b) / 2.0,
            "minoring": ops.minimum,
            "majoring": ops.maximum,
        }[self.summation_method]
        return (x[:-1] - x[1:]) * combine(y[:-1], y[1:])

    def _over_labels(self, areas: Tensor) -> Tensor:
        if self.label_weights is None:
            return ops.mean(areas)
        weights = as_tensor(self.label_weights, areas.dtype)
        return safe_divide(ops.sum(areas * weights), ops.sum(weights))


def _one_of(argument: str, value: str, allowed: tuple[str, ...]) -> str:
    for name in allowed:
        if str(value).lower() == name.lower():
            return name
    raise ArgumentError(f"AUC: {argument} must be one of {', '.join(allowed)}; got {value!r}")


def _roc(tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> tuple[Tensor, Tensor]:
    return safe_divide(fp, fp + tn), safe_divide(tp, tp + fn)


def _pr(tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> tuple[Tensor, Tensor]:
    return safe_divide(tp, tp + fn), safe_divide(tp, tp + fp)


def _pr_gain(tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> tuple[Tensor, Tensor]:
    scale = safe_divide(tp + fn, tn + fp)
    recall_gain = 1.0 - scale * safe_divide(fn, tp)
    precision_gain = 1.0 - scale * safe_divide(fp, tp)
    none = tp == 0.0
    recall_gain = ops.maximum(ops.where(none, ops.zeros_like(tp), recall_gain), 0.0)
    return recall_gain, ops.where(none, ops.ones_like(tp), precision_gain)


_CURVE_POINTS = {"ROC": _roc, "PR": _pr, "PRGAIN": _pr_gain}


def _interpolated_pr(tp: Tensor, fp: Tensor, tn: Tensor, fn: Tensor) -> Tensor:
    """Return areas between thresholds, with true positives linear in positives between them."""
    change = tp[:-1] - tp[1:]
    positives = tp + fp
    slope = safe_divide(change, ops.maximum(positives[:-1] - positives[1:], 0.0))
    intercept = tp[1:] - slope * positives[1:]
    both = (positives[:-1] > 0.0) & (positives[1:] > 0.0)
    ratio = safe_divide(positives[:-1], ops.maximum(positives[1:], 0.0))
    ratio = ops.where(both, ratio, ops.ones_like(ratio))
    area = slope * (change + intercept * ops.log(ratio))
    return safe_divide(area, ops.maximum(tp[1:] + fn[1:], 0.0))
