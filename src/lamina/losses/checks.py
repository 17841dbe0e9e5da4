"""Checks that `fit` runs before a program: do the targets and the last layer suit the loss?

A compiled program cannot raise for a wrong label, so the arrays are checked once, in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, DataError, RangeError, ShapeError, warn
from lamina.losses import binary, categorical, hinge
from lamina.losses.base import Loss
from lamina.losses.ctc import CTC, check_labels
from lamina.losses.shapes import shown

Outputs = tuple[Any, ...]  # one sample's shape of predictions

# activations after which predictions are probabilities, or may be: every other known one is not
PROBABILITIES = {"softmax", "sigmoid", "hard_sigmoid", "sparsemax"}
UNBOUNDED = {
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish"),
    *("mish", "tanh", "hard_tanh", "softplus", "softsign", "log_softmax", "log_sigmoid", "glu"),
    *("exponential", "hard_silu", "hard_swish", "tanh_shrink", "soft_shrink", "hard_shrink"),
}


def check_targets(loss: Loss, y: Any, output_shape: Sequence[Any]) -> None:
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
    array = np.asarray(y)
    outputs = tuple(
        array.shape[axis] if n is None and axis < array.ndim else n
        for axis, n in enumerate(output_shape)
    )[1:]
    if array.size:
        _check_of(loss)(loss, array, outputs)


def _check_of(loss: Loss) -> Callable[[Loss, np.ndarray, Outputs], None]:
    for kinds, check in _CHECKS:
        if isinstance(loss, kinds):
            return check
    return _check_shape


# ---- one check a family ------------------------------------------------------------------------
def _check_indices(loss: Loss, y: np.ndarray, outputs: Outputs) -> None:
    """Check class indices, the targets of the sparse losses."""
    axis = getattr(loss, "axis", -1)
    axis = axis - 1 if axis > 0 else axis
    classes = outputs[axis]
    labels = outputs[:axis] + (outputs[axis + 1 :] if axis != -1 else ())
    if y.shape[1:] == outputs and _is_one_hot(y):
        raise ShapeError(
            f"{loss.name}: targets of shape {shown(y.shape)} are one-hot labels; this loss takes "
            "class indices",
            hint="use categorical_crossentropy, or y.argmax(axis=-1)",
        )
    if y.shape[1:] != labels and y.shape[1:] != (*labels, 1):
        raise ShapeError(
            f"{loss.name}: targets have shape {shown(y.shape)}, one sample's predictions "
            f"{shown(outputs)}; class indices would have shape {shown((len(y), *labels))}",
            hint="for a distribution over the classes in each row use categorical_crossentropy"
            if y.shape[1:] == outputs
            else _cure_of_steps(y, labels)
            or "give one class index for each row of the predictions",
        )
    _check_whole(loss, y)
    _check_classes(loss, y, classes)


def _cure_of_steps(y: np.ndarray, expected: Outputs) -> str | None:
    """Return a hint if targets are per sequence and predictions per step, or the reverse."""
    one = y.shape[1:-1] if y.shape[1:] and y.shape[-1] == 1 else y.shape[1:]
    if len(one) + 1 < len(expected):
        return (
            "the predictions are for each place of a picture; for one target a picture put "
            "Flatten() or GlobalAveragePooling2D() before the last layers"
        )
    if len(one) < len(expected):
        return (
            "for one target a sequence leave return_sequences=True out of the last recurrent "
            "layer, or put a pooling layer behind it"
        )
    if len(one) > len(expected):
        return (
            "give one class index for each row of the predictions; predictions for each step come "
            "from recurrent layers with return_sequences=True"
        )
    return None


def _check_whole(loss: Loss, y: np.ndarray) -> None:
    if y.dtype.kind in "biu":
        return
    wrong = y != np.floor(y)
    if wrong.any():
        raise DataError(
            f"{loss.name}: target {_first(y, wrong)} is no class index",
            hint="class indices are whole numbers; for numbers to predict, use mean_squared_error",
        )


def _check_classes(loss: Loss, y: np.ndarray, classes: int) -> None:
    ignored = getattr(loss, "ignore_class", None)
    wrong = (y < 0) | (y >= classes)
    if ignored is not None:
        wrong &= y != ignored
    if not wrong.any():
        return
    highest = int(y.max())
    cure = f"the last layer needs {highest + 1} outputs, or the labels are wrong"
    if y.min() == 1 and highest == classes:
        cure = "the labels count from 1: use y - 1"
    elif y.min() < 0:
        cure = "classes count from 0; ignore_class=... leaves out samples with a label of its own"
    raise RangeError(
        f"{loss.name}: label {_first(y, wrong)} is not one of the {classes} classes that the model "
        f"predicts, 0 to {classes - 1}",
        hint=cure,
    )


def _check_distributions(loss: Loss, y: np.ndarray, outputs: Outputs) -> None:
    """Check one-hot labels or distributions, the targets of the categorical losses."""
    if y.shape[1:] in (outputs[:-1], (*outputs[:-1], 1)) and y.shape[1:] != outputs:
        raise ShapeError(
            f"{loss.name}: targets of shape {shown(y.shape)} are class indices; this loss takes "
            f"one-hot labels of shape {shown((len(y), *outputs))}",
            hint="use sparse_categorical_crossentropy, or to_categorical(y)",
        )
    _check_shape(loss, y, outputs)
    _check_share(loss, y)
    sums = y.sum(axis=getattr(loss, "axis", -1))
    off = np.abs(sums - 1.0) > 1e-3
    if off.any():
        warn(
            f"{loss.name}: {int(off.sum())} of {off.size} rows of targets do not sum to 1 (the "
            f"first sums to {_first(sums, off)}). For several classes at once use sigmoid outputs "
            "and binary_crossentropy"
        )


def _check_share(loss: Loss, y: np.ndarray) -> None:
    if y.dtype.kind == "b":
        return
    wrong = (y < 0) | (y > 1)
    if wrong.any():
        raise RangeError(
            f"{loss.name}: target {_first(y, wrong)} is outside of 0 to 1", hint=_cure_of_share(y)
        )


def _cure_of_share(y: np.ndarray) -> str:
    values = np.unique(y[:1000])
    if set(values.tolist()) <= {-1, 1}:
        return "labels of -1 and 1 are for hinge losses; for this one use (y + 1) / 2"
    if y.dtype.kind in "iu" or np.array_equal(values, np.floor(values)):
        return (
            "for several classes use a softmax of one output a class, and the loss "
            "sparse_categorical_crossentropy"
        )
    return "for numbers to predict, use mean_squared_error"


def _check_yes_or_no(loss: Loss, y: np.ndarray, outputs: Outputs) -> None:
    """Check values from 0 to 1, the targets of the binary losses."""
    _check_shape(loss, y, outputs)
    _check_share(loss, y)


def _check_signs(loss: Loss, y: np.ndarray, outputs: Outputs) -> None:
    """Check values -1 and 1, or 0 and 1, the targets of the hinge losses."""
    _check_shape(loss, y, outputs)
    values = set(np.unique(y).tolist())
    if not (values <= {-1, 1} or values <= {0, 1}):
        listed = sorted(values)[:5]
        raise DataError(
            f"{loss.name}: targets must be -1 and 1 (or 0 and 1); these have {listed}",
            hint="for several classes use categorical_hinge with one-hot labels",
        )


def _check_shape(loss: Loss, y: np.ndarray, outputs: Outputs) -> None:
    """Check that shapes are equal, except for a trailing axis of extent 1."""
    one = y.shape[1:]
    if one == outputs or (*one, 1) == outputs or one == (*outputs, 1):
        return
    labels = one in (outputs[:-1], (*outputs[:-1], 1)) and y.dtype.kind in "biu"
    raise ShapeError(
        f"{loss.name}: targets have shape {shown(y.shape)}, predictions "
        f"{shown((len(y), *outputs))}; a loss never broadcasts them",
        hint="for class indices use sparse_categorical_crossentropy"
        if labels and len(outputs) > 0
        else (_cure_of_steps(y, outputs[:-1]) if len(outputs) > 1 else None)
        or "the last layer needs one output for each column of the targets",
    )


def _check_orders(loss: Loss, y: np.ndarray, outputs: Outputs) -> None:
    """Check label sequences padded with zeros, the targets of CTC."""
    if y.ndim != 2 or len(outputs) != 2:
        raise ShapeError(
            f"{loss.name}: targets have shape {shown(y.shape)}, one sample's predictions "
            f"{shown(outputs)}; expected (n, labels) and (steps, classes)",
            hint="the last layer gives logits for each step: recurrent layers need "
            "return_sequences=True",
        )
    _check_whole(loss, y)
    check_labels(loss.name, y, None, outputs[1])


_CHECKS: tuple[tuple[tuple[type, ...], Any], ...] = (
    (
        (
            categorical.SparseCategoricalCrossentropy,
            categorical.CategoricalGeneralizedCrossEntropy,
        ),
        _check_indices,
    ),
    (
        (
            categorical.CategoricalCrossentropy,
            categorical.CategoricalFocalCrossentropy,
            categorical.KLDivergence,
            hinge.CategoricalHinge,
        ),
        _check_distributions,
    ),
    ((binary.BinaryCrossentropy, binary.BinaryFocalCrossentropy), _check_yes_or_no),
    ((hinge.Hinge, hinge.SquaredHinge), _check_signs),
    ((CTC,), _check_orders),
)


# ---- predictions -------------------------------------------------------------------------------
def takes_probabilities(loss: Loss) -> bool:
    """Return True for a cross-entropy without from_logits."""
    kinds = (
        categorical.SparseCategoricalCrossentropy,
        categorical.CategoricalCrossentropy,
        categorical.CategoricalFocalCrossentropy,
        categorical.CategoricalGeneralizedCrossEntropy,
        binary.BinaryCrossentropy,
        binary.BinaryFocalCrossentropy,
    )
    return isinstance(loss, kinds) and not getattr(loss, "from_logits", False)


def check_activation(loss: Loss, activation: str | None, outputs: Any = None) -> None:
    """Raise ArgumentError if the activation of the last layer does not suit the loss.

    Args:
        loss: a `Loss` object.
        activation: name of the activation of the last layer; None or an unknown name passes.
        outputs: number of outputs of the last layer; None is not checked.

    Raises:
        ArgumentError: the activation, or the number of outputs, does not suit the loss.

    Example:
        >>> import lamina as lm
        >>> loss = lm.losses.BinaryCrossentropy()
        >>> lm.losses.check_activation(loss, "sigmoid")
    """
    if activation == "softmax" and isinstance(outputs, int) and outputs == 1:
        raise ArgumentError(
            f"{loss.name}: the last layer is a softmax of one output, which is always 1",
            hint="for two classes: one output, activation='sigmoid' and binary_crossentropy; or "
            "two, 'softmax' and sparse_categorical_crossentropy",
        )
    if activation in UNBOUNDED and takes_probabilities(loss):
        kind = "sigmoid" if "binary" in type(loss).__name__.lower() else "softmax"
        raise ArgumentError(
            f"{loss.name} takes probabilities, but the last layer's activation is {activation!r}, "
            "whose values are not",
            hint=f"use activation={kind!r} there, or the loss "
            f"{type(loss).__name__}(from_logits=True)",
        )
    if activation in PROBABILITIES and isinstance(loss, CTC):
        raise ArgumentError(
            f"{loss.name} takes logits, but the last layer's activation is {activation!r}: its "
            "probabilities would go through a second one",
            hint="leave the activation out",
        )
    if activation in PROBABILITIES and getattr(loss, "from_logits", False):
        raise ArgumentError(
            f"{loss.name}: from_logits=True, but the last layer's activation is {activation!r}: "
            "its probabilities would go through a second one",
            hint="leave the activation out, or from_logits=True",
        )


def looks_like_logits(y_pred: Any, tolerance: float = 1e-3) -> bool:
    """Return True if predictions are outside of [0, 1] and therefore not probabilities."""
    array = np.asarray(y_pred)
    return bool(array.size and (array.min() < -tolerance or array.max() > 1.0 + tolerance))


def check_predictions(loss: Loss, y_pred: Any) -> None:
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
    if takes_probabilities(loss) and looks_like_logits(y_pred):
        array = np.asarray(y_pred)
        raise RangeError(
            f"{loss.name} takes probabilities, but predictions go from {array.min():.4g} to "
            f"{array.max():.4g}",
            hint="end the model with a softmax (or sigmoid) activation, or use the loss "
            f"{type(loss).__name__}(from_logits=True)",
        )


def _is_one_hot(y: np.ndarray) -> bool:
    rows = y.reshape(-1, y.shape[-1])[:1000]
    return rows.shape[1] > 1 and bool(
        ((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()
    )


def _first(array: np.ndarray, where: np.ndarray) -> str:
    """Return the first element selected by `where` and its position as text: "12 at [3]"."""
    position = [int(i) for i in np.argwhere(where)[0]]
    return f"{array[tuple(position)].item():g} at {position}"
