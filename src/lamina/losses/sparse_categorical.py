"""Losses for classification of class indices: one probability or logit per class."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import RangeError, ShapeError
from lamina.ir import types
from lamina.ir.types import Dim, plain, same
from lamina.losses.base import NamedLoss
from lamina.losses.categorical import EPSILON, SUM
from lamina.losses.provenance import softmax_logits
from lamina.losses.shapes import floating, reshaped, shown
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import stop_gradient

# fmt: off
__all__ = [
    "SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy",
    "sparse_categorical_crossentropy", "categorical_generalized_cross_entropy",
]
# fmt: on


def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy of class indices y and predicted distributions p.

        -log p[y]

    The result is 0 for targets equal to `ignore_class`.

    Args:
        y_true: class indices.
        y_pred: probabilities, or logits if `from_logits`.
        from_logits: True if the predictions are logits, False if they are probabilities.
        ignore_class: class index whose samples do not count; None counts all samples.
        axis: axis of the classes.

    Shapes:
        y_true (...) or (..., 1), y_pred (..., classes) -> (...), for `axis=-1`

    Raises:
        RangeError: a target is not an index of a class.
        ShapeError: the targets are one-hot.

    Example:
        >>> import lamina as lm
        >>> p = [[0.05, 0.95, 0.0], [0.1, 0.8, 0.1]]
        >>> [round(v, 4) for v in lm.losses.sparse_categorical_crossentropy([1, 2], p).tolist()]
        [0.0513, 2.3026]
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


def categorical_generalized_cross_entropy(
    y_true: ArrayLike, y_pred: ArrayLike, q: float = 0.5
) -> Tensor:
    """Generalized cross-entropy of class indices y, which tolerates wrong labels.

        (1 - p[y]^q) / q

    It is between the cross-entropy (q -> 0) and the mean absolute error (q = 1).

    Args:
        y_true: class indices.
        y_pred: probabilities.
        q: exponent in (0, 1); close to 0 the loss approaches the cross-entropy, close to 1 the mean
            absolute error.

    Shapes:
        y_true (...) or (..., 1), y_pred (..., classes) -> (...)

    Raises:
        RangeError: a target is not an index of a class.

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.categorical_generalized_cross_entropy([1], [[0.2, 0.8]]).item(), 4)
        0.2111

    Source: Zhang and Sabuncu (2018), Generalized cross entropy loss, equation 6.
    """
    name = "categorical_generalized_cross_entropy"
    p = floating(y_pred)
    labels = label_indices(y_true, p, -1, name)
    _check_range(labels, p.shape[-1], None, name)
    of_label = picked(hits(labels, p, -1), p, -1)
    return (1.0 - ops.pow(of_label, q)) / q


def _surprise(hit: Tensor, scores: Tensor, are_logits: bool, axis: int) -> Tensor:
    """Return -log of the probability at `hit`: log(sum(exp(z))) - z[label] for logits z."""
    if are_logits:
        z = scores - stop_gradient(ops.max(scores, axis=axis, keepdims=True))
        return ops.log(ops.sum(ops.exp(z), axis=axis)) - picked(hit, z, axis)
    share = picked(hit, scores, axis) / ops.sum(scores, axis=axis)
    return -ops.log(ops.clip(share, EPSILON, 1.0 - EPSILON))


def picked(hit: Tensor, x: Tensor, axis: int) -> Tensor:
    """Return the element of x along an axis at which `hit` is True; 0 if it never is."""
    return ops.sum(ops.where(hit, x, ops.zeros_like(x)), axis=axis)


def hits(labels: Tensor, scores: Tensor, axis: int) -> Tensor:
    """Return a mask, True at the class of each label; a comparison fuses, a gather does not."""
    axis = axis % scores.ndim
    count: list[Dim] = [1] * scores.ndim
    count[axis] = scores.shape[axis]
    classes = ops.reshape(ops.arange(scores.shape[axis], dtype=types.int32), tuple(count))
    return ops.expand_dims(labels, axis=axis) == classes


def label_indices(y_true: ArrayLike, scores: Tensor, axis: int, name: str) -> Tensor:
    """Return class indices as int32, of the scores' shape without the axis of the classes."""
    labels = as_tensor(y_true)
    axis = axis % scores.ndim
    before, after = plain(scores.shape[:axis]), plain(scores.shape[axis + 1 :])
    shape = (*before, *after)
    if plain(labels.shape) not in (shape, (*before, 1, *after)):
        raise ShapeError(
            f"{name}: labels have shape {shown(labels.shape)}, predictions {shown(scores.shape)}; "
            f"class indices would have shape {shown(shape)}",
            hint=_hint_of_labels(labels, scores),
        )
    return as_tensor(reshaped(labels, shape), types.int32)


def _hint_of_labels(labels: Tensor, scores: Tensor) -> str:
    if same(labels.shape, scores.shape):
        return "these look like one-hot labels: use categorical_crossentropy, or y.argmax(axis=-1)"
    return "give one class index for each row of the predictions"


def _check_range(labels: Tensor, classes: Any, ignore_class: int | None, name: str) -> None:
    """Raise RangeError for labels outside of the classes; `fit` checks traced ones itself."""
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


class SparseCategoricalCrossentropy(NamedLoss):
    """Cross-entropy of class indices (see `sparse_categorical_crossentropy`).

        -log p[y]

    Samples whose target is `ignore_class` count neither in the sum nor in the divisor of a mean.

    Args:
        from_logits: True if the predictions are logits, False if they are probabilities.
        ignore_class: class index whose samples do not count; None counts all samples.
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        axis: axis of the classes.
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes) -> ()

    Example:
        >>> import lamina as lm
        >>> loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
        >>> round(loss([1, 2], [[0.0, 2.0, 0.0], [1.0, 0.0, 1.0]]).item(), 4)
        0.5508
    """

    function = sparse_categorical_crossentropy
    targets = "indices"
    predictions = "probabilities"

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = SUM,
        axis: int = -1,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        ignored = self.arguments["ignore_class"]
        return None if ignored is None else reshaped(y_true, values.shape) != ignored


class CategoricalGeneralizedCrossEntropy(NamedLoss):
    """Generalized cross-entropy of class indices, which tolerates wrong labels (see
    `categorical_generalized_cross_entropy`).

        (1 - p[y]^q) / q

    Args:
        q: exponent in (0, 1); close to 0 the loss approaches the cross-entropy, close to 1 the mean
            absolute error.
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes) -> ()

    Raises:
        RangeError: q is outside of (0, 1).

    Example:
        >>> import lamina as lm
        >>> round(lm.losses.CategoricalGeneralizedCrossEntropy()([1], [[0.2, 0.8]]).item(), 4)
        0.2111

    Source: Zhang and Sabuncu (2018), Generalized cross entropy loss, equation 6.
    """

    function = categorical_generalized_cross_entropy
    targets = "indices"
    predictions = "probabilities"

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        if not 0.0 < q < 1.0:
            raise RangeError(f"CategoricalGeneralizedCrossEntropy: q must be in (0, 1), not {q}")
        super().__init__(name, reduction, dtype, q=q)
