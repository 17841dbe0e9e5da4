"""Where probabilities came from: the logits behind a softmax or a sigmoid, and double softmaxes."""

from __future__ import annotations

from typing import Any

from lamina.errors import ArgumentError
from lamina.operations.logits import logits_of
from lamina.tensor import Tensor, as_tensor


def softmax_logits(y_pred: Any, axis: int, from_logits: bool, name: str) -> Tensor | None:
    """The logits that a loss over classes along `axis` is to be computed from.

    They are y_pred itself where `from_logits`, those y_pred's softmax was taken of where that is
    known, and None where all that is known is probabilities.
    """
    y_pred = as_tensor(y_pred)
    last = axis in (-1, y_pred.ndim - 1)
    function = "softmax" if last else f"softmax along {(axis % max(y_pred.ndim, 1),)}"
    return _logits(y_pred, function, from_logits, name)


def sigmoid_logits(y_pred: Any, from_logits: bool, name: str) -> Tensor | None:
    """As `softmax_logits`, for probabilities that stand each for itself."""
    return _logits(as_tensor(y_pred), "sigmoid", from_logits, name)


def _logits(y_pred: Tensor, function: str, from_logits: bool, name: str) -> Tensor | None:
    found = logits_of(y_pred, function)
    if not from_logits:
        return found
    if found is not None:
        kind = function.split()[0]
        raise ArgumentError(
            f"{name}: from_logits=True, but the predictions went through a {kind} already, and "
            "would go through a second one",
            hint=f"leave the {kind} out of the last layer, or say from_logits=False",
        )
    return y_pred
