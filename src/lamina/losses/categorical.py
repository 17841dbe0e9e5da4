"""Losses for classification with exclusive classes: one probability or logit per class.

If the probabilities are the result of a softmax, the loss is computed from its logits, which avoids
the logarithm of a probability that was rounded to 0.
"""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import plain
from lamina.losses.base import NamedLoss
from lamina.losses.provenance import softmax_logits
from lamina.losses.shapes import floating, paired, shown
from lamina.operations.reductions import as_number
from lamina.tensor import Tensor, as_tensor

# fmt: off
__all__ = [
    "CategoricalCrossentropy", "CategoricalFocalCrossentropy", "KLDivergence",
    "categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence",
]
# fmt: on

EPSILON = 1e-7
SUM = "sum_over_batch_size"


# ---- formulas ----------------------------------------------------------------------------------
def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy of one-hot targets (or distributions) y and predicted distributions p.

        -sum(y log p)

    Label smoothing s replaces y by y (1 - s) + s / classes (Szegedy et al. 2015, Rethinking the
    Inception architecture, section 7).

    Args:
        y_true: one-hot targets or distributions.
        y_pred: probabilities, or logits if `from_logits`.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by a uniform
            distribution over the classes.
        axis: axis of the classes.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> (...), for `axis=-1`

    Raises:
        ShapeError: the targets are class indices.
        ArgumentError: the predictions have one class.

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


def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: ArrayLike = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy of one-hot targets in which well-classified samples have less weight.

        -sum(alpha (1 - p)^gamma y log p)

    Args:
        y_true: one-hot targets or distributions.
        y_pred: probabilities, or logits if `from_logits`.
        alpha: weight of the classes, a number or one number per class.
        gamma: focusing exponent, at least 0; larger values reduce the loss of well-classified
            samples more, 0 gives the cross-entropy.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by a uniform
            distribution over the classes.
        axis: axis of the classes.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> (...), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> y, p = [[0.0, 1.0, 0.0]], [[0.05, 0.9, 0.05]]
        >>> f"{lm.losses.categorical_focal_crossentropy(y, p).item():.6f}"
        '0.000263'

    Source: Lin et al. (2018), Focal loss for dense object detection.
    """
    name = "categorical_focal_crossentropy"
    _need_classes(y_true, y_pred, name)
    logits, y_pred = softmax_logits(y_pred, axis, from_logits, name), floating(y_pred)
    y, scores = paired(y_true, y_pred if logits is None else logits, name)
    log_p = log_probabilities(scores, logits is not None, axis)
    focus = as_tensor(alpha, log_p.dtype) * ops.pow(1.0 - ops.exp(log_p), gamma)
    return -ops.sum(focus * smoothed(y, label_smoothing, axis) * log_p, axis=axis)


def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> Tensor:
    """Kullback-Leibler divergence of predicted distributions p from distributions y.

        sum(y log(y / p))

    Values of y and p are clipped to [1e-7, 1].

    Args:
        y_true: targets, a tensor or array-like.
        y_pred: predictions, a tensor or array-like.

    Shapes:
        y_true (..., classes), y_pred (..., classes) -> (...)

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.kl_divergence([0.5, 0.5], [0.9, 0.1]).item(), 4)
        0.5108

    Source: Kullback and Leibler (1951), On information and sufficiency.
    """
    y, p = paired(y_true, y_pred, "kl_divergence")
    y, p = ops.clip(y, EPSILON, 1.0), ops.clip(p, EPSILON, 1.0)
    return ops.sum(y * (ops.log(y) - ops.log(p)), axis=-1)


# ---- pieces ------------------------------------------------------------------------------------
def log_probabilities(scores: Tensor, are_logits: bool, axis: int) -> Tensor:
    """Return log softmax of logits, or the logarithm of normalized, clipped probabilities."""
    if are_logits:
        return ops.log_softmax(scores, axis=axis)
    share = scores / ops.sum(scores, axis=axis, keepdims=True)
    return ops.log(ops.clip(share, EPSILON, 1.0 - EPSILON))


def smoothed(y: Tensor, label_smoothing: float, axis: int) -> Tensor:
    if not label_smoothing:
        return y
    return y * (1.0 - label_smoothing) + label_smoothing / as_number(y.shape[axis])


def _need_classes(y_true: Any, y_pred: Any, name: str) -> None:
    true, pred = (plain(as_tensor(y).shape) for y in (y_true, y_pred))
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
    """Cross-entropy of one-hot targets (see `categorical_crossentropy`).

        -sum(y log p)

    Args:
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by a uniform
            distribution over the classes.
        axis: axis of the classes.
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ..., classes), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.2, 0.8]]).item(), 4)
        0.2231
    """

    function = categorical_crossentropy
    targets = "distributions"
    predictions = "probabilities"

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(
            name,
            reduction,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(NamedLoss):
    """Cross-entropy of one-hot targets in which well-classified samples have less weight (see
    `categorical_focal_crossentropy`).

        -sum(alpha (1 - p)^gamma y log p)

    Args:
        alpha: weight of the classes, a number or one number per class.
        gamma: focusing exponent, at least 0; larger values reduce the loss of well-classified
            samples more, 0 gives the cross-entropy.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by a uniform
            distribution over the classes.
        axis: axis of the classes.
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ..., classes), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.2, 0.8]]).item(), 4)
        0.0022

    Source: Lin et al. (2018), Focal loss for dense object detection.
    """

    function = categorical_focal_crossentropy
    targets = "distributions"
    predictions = "probabilities"

    def __init__(
        self,
        alpha: ArrayLike = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: DTypeLike = None,
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


class KLDivergence(NamedLoss):
    """Kullback-Leibler divergence of predicted distributions p from distributions y.

        sum(y log(y / p))

    Args:
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ..., classes), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.KLDivergence()([[0.5, 0.5]], [[0.2, 0.8]]).item(), 4)
        0.2231

    Source: Kullback and Leibler (1951), On information and sufficiency.
    """

    function = kl_divergence
    short_names = ("kld", "KLD", "kullback_leibler_divergence")
    targets = "distributions"

    def __init__(
        self, reduction: str | None = SUM, name: str | None = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(name, reduction, dtype)
