"""Losses for one class out of many: predictions hold a probability (or a logit) for each class.

Written on probabilities or logits, the result is the same: where the probabilities came out of a
softmax, the loss is computed from its logits, so that no logarithm meets a rounded 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import ArgumentError, RangeError, ShapeError
from lamina.ir import types
from lamina.ir.types import Dim
from lamina.losses.base import NamedLoss
from lamina.losses.provenance import softmax_logits
from lamina.losses.shapes import floating, paired, reshaped, shown
from lamina.operations.reductions import as_number
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import stop_gradient

EPSILON = 1e-7
SUM = "sum_over_batch_size"


# ---- formulas ----------------------------------------------------------------------------------
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(y log p) over the classes: y is one-hot (or a distribution), of y_pred's shape.

    Label smoothing s takes y (1 - s) + s / classes instead of y (Szegedy et al. 2015, Rethinking
    the Inception architecture, section 7). Gives one value per sample.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: fraction of each target that is spread over all classes, in [0, 1].
        axis: axis of the classes or features.

    Example:
        >>> import lamina as lm
        >>> y, p = [[0.0, 1.0, 0.0]], [[0.05, 0.95, 0.0]]
        >>> round(lm.losses.categorical_crossentropy(y, p).item(), 4)
        0.0513
    """
    name = "categorical_crossentropy"
    _need_classes(y_true, y_pred, name)
    logits, y_pred = softmax_logits(y_pred, axis, from_logits, name), floating(y_pred)
    y, p = paired(y_true, y_pred if logits is None else logits, name)
    y = smoothed(y, label_smoothing, axis)
    return -ops.sum(y * log_probabilities(p, logits is not None, axis), axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log p[y], where y holds class indices: y_pred's shape without the axis of the classes, or
    with 1 there. Gives one value per sample; 0 where y is `ignore_class`.

    Raises RangeError for labels outside of the classes, ShapeError for one-hot labels.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        from_logits: the predictions are logits, not probabilities.
        ignore_class: class whose samples count nothing, or None.
        axis: axis of the classes or features.

    Example:
        >>> import lamina as lm
        >>> p = [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]
        >>> lm.losses.sparse_categorical_crossentropy([1, 2], p).numpy().round(4).tolist()
        [0.051299999..., 2.3026...]
    """
    name = "sparse_categorical_crossentropy"
    logits, y_pred = softmax_logits(y_pred, axis, from_logits, name), floating(y_pred)
    scores = y_pred if logits is None else logits
    labels = label_indices(y_true, scores, axis, name)
    _check_range(labels, scores.shape[axis], ignore_class, name)
    values = _surprise(hits(labels, scores, axis), scores, logits is not None, axis)
    if ignore_class is None:
        return values
    return ops.where(labels != ignore_class, values, ops.zeros_like(values))


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(alpha (1 - p)^gamma y log p) over the classes: what is already right counts less.

    `alpha` is a number or one weight a class. Source: Lin et al. (2018), Focal loss for dense
    object detection.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        alpha: weight of the positive class, in [0, 1].
        gamma: exponent that reduces the weight of easy samples.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: fraction of each target that is spread over all classes, in [0, 1].
        axis: axis of the classes or features.
    """
    name = "categorical_focal_crossentropy"
    _need_classes(y_true, y_pred, name)
    logits, y_pred = softmax_logits(y_pred, axis, from_logits, name), floating(y_pred)
    y, scores = paired(y_true, y_pred if logits is None else logits, name)
    log_p = log_probabilities(scores, logits is not None, axis)
    focus = as_tensor(alpha, log_p.dtype) * ops.pow(1.0 - ops.exp(log_p), gamma)
    return -ops.sum(focus * smoothed(y, label_smoothing, axis) * log_p, axis=axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Tensor:
    """(1 - p[y]^q) / q, where y holds class indices: between cross-entropy (q -> 0) and the mean
    absolute error (q = 1), which wrong labels disturb less.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.

    Source: Zhang and Sabuncu (2018), Generalized cross entropy loss with noisy labels.
    """
    name = "categorical_generalized_cross_entropy"
    p = floating(y_pred)
    labels = label_indices(y_true, p, -1, name)
    _check_range(labels, p.shape[-1], None, name)
    of_label = picked(hits(labels, p, -1), p, -1)
    return (1.0 - ops.pow(of_label, q)) / q


def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """sum(y log(y / p)) over the last axis, both cut off at 1e-7 and 1.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.

    Source: Kullback and Leibler (1951), On information and sufficiency.
    """
    y, p = paired(y_true, y_pred, "kl_divergence")
    y, p = ops.clip(y, EPSILON, 1.0), ops.clip(p, EPSILON, 1.0)
    return ops.sum(y * (ops.log(y) - ops.log(p)), axis=-1)


# ---- pieces ------------------------------------------------------------------------------------
def log_probabilities(scores: Tensor, are_logits: bool, axis: int) -> Tensor:
    """log softmax of logits; of probabilities the logarithm, scaled to sum 1, cut off at 1e-7."""
    if are_logits:
        return ops.log_softmax(scores, axis=axis)
    share = scores / ops.sum(scores, axis=axis, keepdims=True)
    return ops.log(ops.clip(share, EPSILON, 1.0 - EPSILON))


def _surprise(hit: Tensor, scores: Tensor, are_logits: bool, axis: int) -> Tensor:
    """-log of the probability where `hit`: log(sum(exp(z))) - z[label] for logits z."""
    if are_logits:
        z = scores - stop_gradient(ops.max(scores, axis=axis, keepdims=True))
        return ops.log(ops.sum(ops.exp(z), axis=axis)) - picked(hit, z, axis)
    share = picked(hit, scores, axis) / ops.sum(scores, axis=axis)
    return -ops.log(ops.clip(share, EPSILON, 1.0 - EPSILON))


def picked(hit: Tensor, x: Tensor, axis: int) -> Tensor:
    """The element of x along an axis where `hit` is True; 0 where it never is."""
    return ops.sum(ops.where(hit, x, ops.zeros_like(x)), axis=axis)


def smoothed(y: Tensor, label_smoothing: float, axis: int) -> Tensor:
    if not label_smoothing:
        return y
    return y * (1.0 - label_smoothing) + label_smoothing / as_number(y.shape[axis])


def hits(labels: Tensor, scores: Tensor, axis: int) -> Tensor:
    """True at each label's class. A comparison, not a gather: it fuses into what reads it."""
    axis = axis % scores.ndim
    count: list[Dim] = [1] * scores.ndim
    count[axis] = scores.shape[axis]
    classes = ops.reshape(ops.arange(scores.shape[axis], dtype=types.int32), tuple(count))
    return ops.expand_dims(labels, axis=axis) == classes


def label_indices(y_true: Any, scores: Tensor, axis: int, name: str) -> Tensor:
    """Class indices as int32, of the scores' shape without the axis of the classes."""
    labels = as_tensor(y_true)
    axis = axis % scores.ndim
    shape = (*scores.shape[:axis], *scores.shape[axis + 1 :])
    with_one = (*scores.shape[:axis], 1, *scores.shape[axis + 1 :])
    if labels.shape not in (shape, with_one):
        raise ShapeError(
            f"{name}: labels have shape {shown(labels.shape)}, predictions {shown(scores.shape)}; "
            f"class indices would have shape {shown(shape)}",
            hint=_cure_of_labels(labels, scores),
        )
    return as_tensor(reshaped(labels, shape), types.int32)


def _cure_of_labels(labels: Tensor, scores: Tensor) -> str:
    if labels.shape == scores.shape:
        return "these look like one-hot labels: use categorical_crossentropy, or y.argmax(axis=-1)"
    return "give one class index for each row of the predictions"


def _check_range(labels: Tensor, classes: Any, ignore_class: int | None, name: str) -> None:
    """Labels whose values are known are checked here; `fit` checks those of a data set."""
    if labels.is_traced:
        return
    array = labels.numpy()
    wrong = (array < 0) | (array >= classes)
    if ignore_class is not None:
        wrong &= array != ignore_class
    if wrong.any():
        position = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise RangeError(
            f"{name}: label {array[position]} at {list(position)} is not a class; the predictions "
            f"have {classes} classes, 0 to {classes - 1}",
            hint="count classes from 0, and give the last layer one output for each class",
        )


def _need_classes(y_true: Any, y_pred: Any, name: str) -> None:
    true, pred = as_tensor(y_true).shape, as_tensor(y_pred).shape
    if len(pred) == 0 or pred[-1] == 1:
        raise ArgumentError(
            f"{name}: predictions of shape {shown(pred)} have one class, whose probability is 1",
            hint="use binary_crossentropy with one sigmoid output, or two softmax outputs",
        )
    if true != pred and true[: len(pred) - 1] == pred[:-1] and true[len(pred) - 1 :] in ((), (1,)):
        raise ShapeError(
            f"{name}: labels have shape {shown(true)}, predictions {shown(pred)}",
            hint="these look like class indices: use sparse_categorical_crossentropy, or "
            f"one_hot(y, {pred[-1]})",
        )


# ---- classes -----------------------------------------------------------------------------------
class CategoricalCrossentropy(NamedLoss):
    """-sum(y log p) for one-hot labels y: see `categorical_crossentropy`.

    Args:
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: fraction of each target that is spread over all classes, in [0, 1].
        axis: axis of the classes or features.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = categorical_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(NamedLoss):
    """-log p[y] for class indices y: see `sparse_categorical_crossentropy`.

    Samples labelled `ignore_class` count neither in the sum nor in the number it is divided by.

    Args:
        from_logits: the predictions are logits, not probabilities.
        ignore_class: class whose samples count nothing, or None.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        axis: axis of the classes or features.
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = sparse_categorical_crossentropy

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = SUM,
        axis: int = -1,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        ignored = self.arguments["ignore_class"]
        return None if ignored is None else reshaped(y_true, values.shape) != ignored


class CategoricalFocalCrossentropy(NamedLoss):
    """Cross-entropy in which what is already right counts less: see
    `categorical_focal_crossentropy`.

    Args:
        alpha: weight of the positive class, in [0, 1].
        gamma: exponent that reduces the weight of easy samples.
        from_logits: the predictions are logits, not probabilities.
        label_smoothing: fraction of each target that is spread over all classes, in [0, 1].
        axis: axis of the classes or features.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = categorical_focal_crossentropy

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(NamedLoss):
    """(1 - p[y]^q) / q for class indices y: see `categorical_generalized_cross_entropy`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = categorical_generalized_cross_entropy

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if not 0.0 < q < 1.0:
            raise RangeError(f"CategoricalGeneralizedCrossEntropy: q must be in (0, 1), not {q}")
        super().__init__(name, reduction, dtype, q=q)


class KLDivergence(NamedLoss):
    """sum(y log(y / p)) between distributions: see `kl_divergence`.

    Args:
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = kl_divergence

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, reduction, dtype)
