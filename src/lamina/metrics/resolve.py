"""Select the metric that "accuracy" denotes, from the loss and the shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import losses
from lamina.errors import ArgumentError
from lamina.losses.base import Loss
from lamina.metrics import probabilistic
from lamina.metrics.accuracy import (
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
)
from lamina.metrics.base import Metric

ACCURACY = ("accuracy", "acc")
CROSSENTROPY = ("crossentropy", "ce")

SPARSE = (losses.SparseCategoricalCrossentropy, losses.CategoricalGeneralizedCrossEntropy)
CATEGORICAL = (
    losses.CategoricalCrossentropy,
    losses.CategoricalFocalCrossentropy,
    losses.CategoricalHinge,
    losses.KLDivergence,
)
BINARY = (losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy)


def resolve_accuracy(
    loss: Loss | None, y_shape: Sequence[Any] | None, output_shape: Sequence[Any]
) -> Metric:
    """Return the metric that "accuracy" denotes for a loss and shapes of targets and predictions.

    Args:
        loss: a `Loss` object.
        y_shape: shape of the targets with the batch axis first; None if unknown.
        output_shape: shape of the predictions with the batch axis first.

    Returns:
        A metric named for example "sparse_categorical_accuracy".

    Raises:
        ArgumentError: loss and shapes do not determine the metric; the error lists the candidates.

    Example:
        >>> import lamina as lm
        >>> lm.metrics.resolve_accuracy(lm.losses.BinaryCrossentropy(), (8, 1), (8, 1))
        <BinaryAccuracy 'binary_accuracy'>
    """
    if isinstance(loss, SPARSE):
        return SparseCategoricalAccuracy()
    if isinstance(loss, CATEGORICAL):
        return CategoricalAccuracy()
    outputs = output_shape[-1] if len(output_shape) > 1 else 1
    if isinstance(loss, BINARY) and outputs == 1:
        return BinaryAccuracy(threshold=0.0 if getattr(loss, "from_logits", 0) else 0.5)
    raise _ambiguous(loss, y_shape, output_shape, outputs)


def resolve_crossentropy(
    loss: Loss | None, y_shape: Sequence[Any] | None, output_shape: Sequence[Any]
) -> Metric:
    """Return the metric that "crossentropy" denotes for a loss.

    Args:
        loss: a `Loss` object.
        y_shape: shape of the targets with the batch axis first; None if unknown.
        output_shape: shape of the predictions with the batch axis first.

    Raises:
        ArgumentError: the loss does not determine the metric.

    Example:
        >>> import lamina as lm
        >>> lm.metrics.resolve_crossentropy(lm.losses.BinaryCrossentropy(), (8, 1), (8, 1))
        <BinaryCrossentropy 'binary_crossentropy'>
    """
    from_logits = bool(getattr(loss, "from_logits", False))
    if isinstance(loss, SPARSE):
        return probabilistic.SparseCategoricalCrossentropy(from_logits=from_logits)
    if isinstance(loss, CATEGORICAL):
        return probabilistic.CategoricalCrossentropy(from_logits=from_logits)
    if isinstance(loss, BINARY):
        return probabilistic.BinaryCrossentropy(from_logits=from_logits)
    raise ArgumentError(
        f"metric 'crossentropy' is ambiguous for the loss {_name(loss)}",
        hint="name one: 'binary_crossentropy', 'categorical_crossentropy' or "
        "'sparse_categorical_crossentropy'",
    )


def _ambiguous(loss: Any, y_shape: Any, output_shape: Any, outputs: Any) -> ArgumentError:
    given = "" if y_shape is None else f", targets of shape {_batch(y_shape)}"
    return ArgumentError(
        f"metric 'accuracy' is ambiguous for the loss {_name(loss)}{given} and predictions of "
        f"shape {_batch(output_shape)}",
        hint=_candidates(loss, y_shape, output_shape, outputs),
    )


def _candidates(loss: Any, y_shape: Any, output_shape: Any, outputs: Any) -> str:
    if outputs == 1:
        return (
            "name one: 'binary_accuracy' (above 0.5 is a yes; BinaryAccuracy(threshold=...) for "
            "another boundary), or for numbers 'mean_absolute_error' or 'r2_score'"
        )
    if y_shape is not None and tuple(y_shape[1:]) == tuple(output_shape[1:]):
        return (
            "name one: 'categorical_accuracy' (rows whose largest output is right), "
            "'binary_accuracy' (single outputs on the right side of 0.5), or for numbers "
            "'mean_absolute_error'"
        )
    return (
        "name one: 'sparse_categorical_accuracy' (class indices), 'categorical_accuracy' (one-hot "
        "labels) or 'binary_accuracy' (each output a yes or no)"
    )


def _name(loss: Any) -> str:
    return str(getattr(loss, "name", loss))


def _batch(shape: Sequence[Any]) -> str:
    """Return a shape as text, with "batch" for its first extent: (batch, 10)."""
    return "(" + ", ".join(["batch", *(str(n) for n in tuple(shape)[1:])]) + ")"
