"""Losses between the embeddings of a batch: those of one label close, all others apart."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.losses.base import NamedLoss
from lamina.losses.shapes import floating, reshaped, shown
from lamina.tensor import Tensor, as_tensor

SUM = "sum_over_batch_size"
FAR = -1e30  # stands for -infinity where a difference of two of them would be NaN


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Tensor:
    """log(1 + sum(exp(gamma a_n (d_n - m_n))) sum(exp(-gamma a_p (d_p - m_p)))) of cosine distances
    d, with weights a that grow with the distance from the optimum.

    y_true: labels (n,); y_pred: embeddings (n, d) of unit length. Source: Sun et al. (2020), Circle
    loss: a unified perspective of pair similarity optimization.

    Args:
        y_true: targets.
        y_pred: predictions, of the same shape unless stated.
        gamma: exponent that reduces the weight of easy samples.
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
    rows = embeddings.shape[:1]
    if embeddings.ndim != 2 or labels.shape not in (rows, (*rows, 1)):
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
    """log(sum(exp(x))) over the last axis where the mask is True; about -1e30 where it never is."""
    x = ops.where(mask, x, FAR * ops.ones_like(x))
    largest = ops.max(x, axis=-1, keepdims=True)
    total = ops.sum(ops.where(mask, ops.exp(x - largest), ops.zeros_like(x)), axis=-1)
    largest = ops.squeeze(largest, axis=-1)
    empty = total == 0.0
    return ops.where(empty, FAR + largest, largest + ops.log(total + ops.astype(empty, x.dtype)))


class Circle(NamedLoss):
    """Weighted pairs of cosine distances within a batch: see `circle`.

    Rows whose loss is 0 don't count in the mean.

    Args:
        gamma: exponent that reduces the weight of easy samples.
        reduction: "sum_over_batch_size" (the mean), "sum", "mean", "mean_with_sample_weight" or
            "none".
        name: name of the loss in logs.
        dtype: dtype of the loss; float32 by default.
    """

    function = circle

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = SUM,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal
        )

    def mask(self, y_true: Tensor, values: Tensor) -> Tensor | None:
        return values > 0.0
