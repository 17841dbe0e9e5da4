"""Losses for binary classification: each prediction is a separate probability or logit."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.losses.base import NamedLoss
from lamina.losses.provenance import sigmoid_logits
from lamina.losses.shapes import floating, paired
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "binary_crossentropy",
    "binary_focal_crossentropy",
]
# fmt: on

EPSILON = 1e-7
SUM = "sum_over_batch_size"


# ---- formulas ----------------------------------------------------------------------------------
def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Binary cross-entropy of probabilities p or logits z.

        mean(-y log p - (1 - y) log(1 - p))
        mean(max(z, 0) - y z + log(1 + exp(-|z|)))    for logits

    Label smoothing s replaces y by y (1 - s) + s / 2.

    Args:
        y_true: targets 0 or 1, or probabilities between.
        y_pred: probabilities, or logits if `from_logits`.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by 1/2.
        axis: axis of the mean.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).item(), 4)
        0.6931
    """
    y, scores, are_logits = _prepared(
        y_true, y_pred, from_logits, label_smoothing, "binary_crossentropy"
    )
    return ops.mean(elementwise(y, scores, are_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Binary cross-entropy in which well-classified samples have less weight.

        mean(a (1 - p_t)^gamma bce)

    p_t is p for y = 1 and 1 - p for y = 0; a is 1, or with `apply_class_balancing` alpha for y = 1
    and 1 - alpha for y = 0.

    Args:
        y_true: targets 0 or 1, or probabilities between.
        y_pred: probabilities, or logits if `from_logits`.
        apply_class_balancing: weight the classes with `alpha`.
        alpha: weight of the positive class, in [0, 1]; the negative class has weight 1 - alpha.
        gamma: focusing exponent, at least 0; larger values reduce the loss of well-classified
            samples more, 0 gives the cross-entropy.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by 1/2.
        axis: axis of the mean.

    Shapes:
        y_true (..., n), y_pred (..., n) -> (...), for `axis=-1`

    Example:
        >>> import lamina as lm
        >>> y, p = [1.0, 0.0], [0.9, 0.6]
        >>> round(lm.losses.binary_focal_crossentropy(y, p).item(), 4)
        0.1655
        >>> round(lm.losses.binary_crossentropy(y, p).item(), 4)
        0.5108

    Source: Lin et al. (2018), Focal loss for dense object detection, equation 5.
    """
    y, scores, are_logits = _prepared(
        y_true, y_pred, from_logits, label_smoothing, "binary_focal_crossentropy"
    )
    p = ops.sigmoid(scores) if are_logits else scores
    missing = 1.0 - (y * p + (1.0 - y) * (1.0 - p))
    values = ops.pow(missing, gamma) * elementwise(y, scores, are_logits)
    if apply_class_balancing:
        values = values * (y * alpha + (1.0 - y) * (1.0 - alpha))
    return ops.mean(values, axis=axis)


def crossentropy_of_elements(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False
) -> Tensor:
    """Return -y log p - (1 - y) log(1 - p) of each element (`keras.ops.binary_crossentropy`)."""
    y, scores, are_logits = _prepared(y_true, y_pred, from_logits, 0.0, "binary_crossentropy")
    return elementwise(y, scores, are_logits)


def elementwise(y: Tensor, scores: Tensor, are_logits: bool) -> Tensor:
    """Return the cross-entropy of each element from its logit or clipped probability."""
    if are_logits:
        return ops.softplus(scores) - y * scores
    p = ops.clip(scores, EPSILON, 1.0 - EPSILON)
    return -(y * ops.log(p) + (1.0 - y) * ops.log(1.0 - p))


def _prepared(
    y_true: Any, y_pred: Any, from_logits: bool, label_smoothing: float, name: str
) -> tuple[Tensor, Tensor, bool]:
    logits = sigmoid_logits(y_pred, from_logits, name)
    y, scores = paired(y_true, floating(y_pred) if logits is None else logits, name)
    if label_smoothing:
        y = y * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return y, scores, logits is not None


# ---- classes -----------------------------------------------------------------------------------
class BinaryCrossentropy(NamedLoss):
    """Binary cross-entropy of probabilities or logits (see `binary_crossentropy`).

        mean(-y log p - (1 - y) log(1 - p))

    Args:
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by 1/2.
        axis: axis of the mean.
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
        >>> loss = lm.losses.BinaryCrossentropy(from_logits=True)
        >>> round(loss([[0.0], [1.0]], [[-1.0], [2.0]]).item(), 4)
        0.2201
    """

    function = binary_crossentropy
    short_names = ("bce", "BCE")
    targets = "binary"
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


class BinaryFocalCrossentropy(NamedLoss):
    """Binary cross-entropy in which well-classified samples have less weight (see
    `binary_focal_crossentropy`).

        mean(a (1 - p_t)^gamma bce)

    Args:
        apply_class_balancing: weight the classes with `alpha`.
        alpha: weight of the positive class, in [0, 1]; the negative class has weight 1 - alpha.
        gamma: focusing exponent, at least 0; larger values reduce the loss of well-classified
            samples more, 0 gives the cross-entropy.
        from_logits: True if the predictions are logits, False if they are probabilities.
        label_smoothing: fraction of each target, in [0, 1], that is replaced by 1/2.
        axis: axis of the mean.
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
        >>> round(lm.losses.BinaryFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]]).item(), 4)
        0.1733

    Source: Lin et al. (2018), Focal loss for dense object detection, equation 5.
    """

    function = binary_focal_crossentropy
    targets = "binary"
    predictions = "probabilities"

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
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
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
