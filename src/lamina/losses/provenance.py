"""Find the logits of probabilities that a softmax or sigmoid computed; reject double softmaxes."""

from __future__ import annotations

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError
from lamina.operations.logits import logits_of
from lamina.tensor import Tensor, as_tensor


def softmax_logits(y_pred: ArrayLike, axis: int, from_logits: bool, name: str) -> Tensor | None:
    """Return the logits from which a loss over the classes along `axis` is computed.

    These are `y_pred` if `from_logits`, otherwise the inputs of the softmax that computed `y_pred`,
    or None if that is unknown.
    """
    y_pred = as_tensor(y_pred)
    last = axis in (-1, y_pred.ndim - 1)
    function = "softmax" if last else f"softmax along {(axis % max(y_pred.ndim, 1),)}"
    return _logits(y_pred, function, from_logits, name)


def sigmoid_logits(y_pred: ArrayLike, from_logits: bool, name: str) -> Tensor | None:
    """Return what `softmax_logits` returns, for the probabilities of a sigmoid."""
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
