"""Losses: negative log-likelihood and cross-entropy of classes."""

from __future__ import annotations

from typing import Any

from lamina import activations
from lamina import operations as ops
from lamina.ir import types
from lamina.onnx.rows import operator
from lamina.tensor import Tensor, as_tensor


@operator("NegativeLogLikelihoodLoss", since=12)
def negative_log_likelihood(
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """- weight[target] x[target], of log-probabilities x (batch, classes, ...)."""
    x, classes = as_tensor(x), as_tensor(target, types.int64)
    count = int(x.shape[1])
    inside = ops.clip(classes, 0, count - 1)
    picked = ops.take_along_axis(x, ops.expand_dims(inside, axis=1), axis=1)
    loss = -ops.squeeze(picked, axis=1)
    factor = ops.ones(classes.shape, dtype=x.dtype)
    if weight is not None:
        factor = ops.take(as_tensor(weight, x.dtype), inside, axis=0)
    if ignore_index is not None:
        factor = ops.where(classes == ignore_index, as_tensor(0, x.dtype), factor)
    loss = loss * factor
    if reduction == "none":
        return loss
    total = ops.sum(loss)
    if reduction == "sum":
        return as_tensor(total, x.dtype)
    return as_tensor(total / ops.sum(factor), x.dtype)


@operator("SoftmaxCrossEntropyLoss", since=12)
def softmax_cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> tuple[Tensor, Tensor]:
    """The cross-entropy of logits (batch, classes, ...), and the log-probabilities."""
    logs = activations.log_softmax(as_tensor(x), 1)
    loss = negative_log_likelihood(
        logs, target, weight, ignore_index=ignore_index, reduction=reduction
    )
    return loss, logs
