"""Checks that `fit` runs before a program: do the targets and the last layer suit the loss?

What a loss takes is declared by its class (`Loss.targets`, `Loss.predictions`), and what the last
layer returns by its activation (`output_range`), so that classes and functions of users are checked
like those of Lamina.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import activations
from lamina.annotations import ActivationLike, ArrayLike
from lamina.errors import ArgumentError, RangeError
from lamina.losses.base import Loss


def check_targets(loss: Loss, y: ArrayLike, output_shape: Sequence[Any]) -> None:
    """Raise unless the targets suit the loss and the predictions; warn if distributions do not sum
    to 1.

    Args:
        loss: a `Loss` object.
        y: targets, an array with the samples first.
        output_shape: shape of the predictions; the batch axis is not checked, and None stands for
            any extent.

    Raises:
        ShapeError: the shapes do not fit, for example class indices for a loss of one-hot targets.
        RangeError: a target is not an index of a class.
        DataError: the targets are not labels.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> loss = lm.losses.SparseCategoricalCrossentropy()
        >>> lm.losses.check_targets(loss, np.array([0, 2]), (None, 3))
    """
    loss.check_targets(y, output_shape)


def check_activation(loss: Loss, activation: ActivationLike, outputs: int | None = None) -> None:
    """Raise ArgumentError if the activation of the last layer does not suit the loss.

    Args:
        loss: a `Loss` object.
        activation: activation of the last layer, a name, function or layer; None, an unknown name
            and a function without `output_range` pass.
        outputs: number of outputs of the last layer; None is not checked.

    Raises:
        ArgumentError: the activation, or the number of outputs, does not suit the loss.

    Example:
        >>> import lamina as lm
        >>> loss = lm.losses.BinaryCrossentropy()
        >>> lm.losses.check_activation(loss, "sigmoid")
    """
    found, name = activations.output_range(activation), _name_of(activation)
    if found == "distribution" and isinstance(outputs, int) and outputs == 1:
        raise ArgumentError(
            f"{loss.name}: the last layer is a {name} of one output, which is always 1",
            hint="for two classes: one output, activation='sigmoid' and binary_crossentropy; or "
            "two, 'softmax' and sparse_categorical_crossentropy",
        )
    if found == "any" and loss.takes() == "probabilities":
        kind = "sigmoid" if loss.targets == "binary" else "softmax"
        raise ArgumentError(
            f"{loss.name} takes probabilities, but the last layer's activation is {name!r}, whose "
            "values are not",
            hint=f"use activation={kind!r} there" + _or_logits(loss),
        )
    if found in ("distribution", "probabilities") and loss.takes() == "logits":
        said = "takes logits" if loss.predictions == "logits" else "from_logits=True"
        raise ArgumentError(
            f"{loss.name}: {said}, but the last layer's activation is {name!r}: its probabilities "
            "would go through a second one",
            hint="leave the activation out"
            + ("" if loss.predictions == "logits" else ", or from_logits=True"),
        )


def _name_of(activation: Any) -> str:
    if isinstance(activation, str):
        return activation
    inner = getattr(activation, "activation", activation)
    return getattr(inner, "__name__", type(inner).__name__)


def _or_logits(loss: Loss) -> str:
    """Return the other solution for predictions that are not probabilities, if the loss has it."""
    if not hasattr(loss, "from_logits"):
        return ""
    return f", or the loss {type(loss).__name__}(from_logits=True)"


def looks_like_logits(y_pred: ArrayLike, tolerance: float = 1e-3) -> bool:
    """Return True if predictions are outside of [0, 1] and therefore not probabilities."""
    array = np.asarray(y_pred)
    return bool(array.size and (array.min() < -tolerance or array.max() > 1.0 + tolerance))


def check_predictions(loss: Loss, y_pred: ArrayLike) -> None:
    """Raise RangeError if the loss takes probabilities and the predictions are outside of [0, 1].

    Args:
        loss: a `Loss` object.
        y_pred: predictions, an array.

    Raises:
        RangeError: the predictions cannot be probabilities.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> lm.losses.check_predictions(lm.losses.BinaryCrossentropy(), np.array([[0.3], [0.8]]))
    """
    if loss.takes() == "probabilities" and looks_like_logits(y_pred):
        array = np.asarray(y_pred)
        raise RangeError(
            f"{loss.name} takes probabilities, but predictions go from {array.min():.4g} to "
            f"{array.max():.4g}",
            hint="end the model with a softmax (or sigmoid) activation" + _or_logits(loss),
        )
