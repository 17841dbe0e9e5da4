"""Losses of the distances between embeddings (metric learning)."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.annotations import ArrayLike, DTypeLike
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.ir.types import plain
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import floating, reshaped, shown
from lamina.tensor import Tensor, as_tensor

__all__ = ["Circle", "circle"]

SUM = "sum_over_batch_size"
FAR = -1e30  # stands for -infinity where a difference of two of them would be NaN


def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Tensor:
    """Circle loss: attracts embeddings with equal labels and repels the others.

        log(1 + sum(exp(gamma a_n (d_n - m_n))) sum(exp(-gamma a_p (d_p - m_p))))

    d are cosine distances to samples of other labels (n) and of the same label (p); the weights a
    grow with the distance from the optimum.

    Args:
        y_true: integer labels.
        y_pred: embeddings of unit length.
        ref_labels: labels of the references, (m,); None compares the samples of the batch.
        ref_embeddings: embeddings of the references, (m, d); None compares those of the batch.
        remove_diagonal: do not pair a sample with itself; False for references that are other
            samples.
        gamma: scale factor of the exponents; larger values emphasize the hardest pairs.
        margin: relaxation of the circular decision boundary, usually between 0 and 1; larger values
            relax it more.

    Shapes:
        y_true (n,), y_pred (n, d) -> (n,)

    Example:
        >>> import lamina as lm
        >>> embeddings = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]
        >>> [round(v, 2) for v in lm.losses.circle([0, 0, 1], embeddings).tolist()]
        [0.0, 6.4, 0.0]

    Source: Sun et al. (2020), Circle loss: a unified perspective of pair similarity optimization.
    """
    embeddings = floating(y_pred)
    labels = _labels(y_true, embeddings)
    references = embeddings if ref_embeddings is None else floating(ref_embeddings)
    reference_labels = labels if ref_labels is None else _labels(ref_labels, references)
    same = ops.expand_dims(labels, axis=1) == ops.expand_dims(reference_labels, axis=0)
    other = ~same
    if remove_diagonal:
        same = same & ~_diagonal(same)
    distances = ops.maximum(1.0 - ops.matmul(embeddings, ops.matrix_transpose(references)), 0.0)
    pull = -gamma * ops.maximum(margin + distances, 0.0) * (margin - distances)
    push = gamma * ops.maximum(1.0 + margin - distances, 0.0) * (1.0 - margin - distances)
    both = _logsumexp_where(same, pull) + _logsumexp_where(other, push)
    return ops.softplus(ops.maximum(both, FAR))


def _labels(y_true: Any, embeddings: Tensor) -> Tensor:
    labels = as_tensor(as_tensor(y_true), types.int32)
    rows = plain(embeddings.shape[:1])
    if embeddings.ndim != 2 or plain(labels.shape) not in (rows, (*rows, 1)):
        raise ShapeError(
            f"circle: needs one label a row; labels have shape {shown(labels.shape)}, embeddings "
            f"{shown(embeddings.shape)}"
        )
    return reshaped(labels, rows)


def _diagonal(square: Tensor) -> Tensor:
    n, m = square.shape
    rows = ops.expand_dims(ops.arange(n, dtype=types.int32), axis=1)
    return rows == ops.expand_dims(ops.arange(m, dtype=types.int32), axis=0)


def _logsumexp_where(mask: Tensor, x: Tensor) -> Tensor:
    """Return log(sum(exp(x))) over the unmasked part of the last axis; about -1e30 without any."""
    x = ops.where(mask, x, FAR * ops.ones_like(x))
    largest = ops.max(x, axis=-1, keepdims=True)
    total = ops.sum(ops.where(mask, ops.exp(x - largest), ops.zeros_like(x)), axis=-1)
    largest = ops.squeeze(largest, axis=-1)
    empty = total == 0.0
    return ops.where(empty, FAR + largest, largest + ops.log(total + ops.astype(empty, x.dtype)))


class Circle(NamedLoss):
    """Circle loss between the embeddings of a batch (see `circle`).

    Samples with a loss of 0 are not counted in the mean.

    Args:
        gamma: scale factor of the exponents; larger values emphasize the hardest pairs.
        margin: relaxation of the circular decision boundary, usually between 0 and 1; larger values
            relax it more.
        remove_diagonal: do not pair a sample with itself; False for references that are other
            samples.
        reduction: how the losses of the samples become one number: "sum_over_batch_size" or "mean"
            (their mean), "mean_with_sample_weight" (their weighted mean), "sum", or "none" (one
            loss per sample).
        name: name of the loss in logs; None uses a name made from that of the class.
        dtype: dtype of the computation; None uses that of the predictions if they are a floating
            tensor, otherwise float32.

    Shapes:
        y_true (batch,), y_pred (batch, d) -> ()

    Example:
        >>> import lamina as lm
        >>> y, p = [0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]
        >>> round(lm.losses.Circle()(y, p).item(), 3)
        3.201

    Source: Sun et al. (2020), Circle loss: a unified perspective of pair similarity optimization.
    """

    function = circle

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal
        )

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        return values > 0.0
