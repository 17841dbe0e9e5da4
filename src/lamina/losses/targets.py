"""The kinds of targets that losses take, and a check for each.

    "same_shape"     numbers of the shape of the predictions
    "indices"        one class index for each row of the predictions
    "distributions"  one-hot labels, or other distributions over the classes
    "binary"         numbers from 0 to 1 of the shape of the predictions
    "signs"          -1 and 1, or 0 and 1, of the shape of the predictions
    "sequences"      class indices from 1, padded with zeros
    "any"            not checked

A class of losses names its kind by its attribute `targets`. A compiled program cannot raise for a
wrong label, so `fit` checks the arrays once, in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.errors import DataError, RangeError, ShapeError, warn
from lamina.losses.shapes import shown

Outputs = tuple[Any, ...]  # one sample's shape of predictions


# ---- one check for each kind -------------------------------------------------------------------
def check_indices(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
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
            else _hint_of_steps(y, labels)
            or "give one class index for each row of the predictions",
        )
    _check_whole(loss, y)
    _check_classes(loss, y, classes)


def _hint_of_steps(y: np.ndarray, expected: Outputs) -> str | None:
    """Return a hint if targets are per sequence and predictions per step, or the reverse."""
    one = y.shape[1:-1] if y.shape[1:] and y.shape[-1] == 1 else y.shape[1:]
    if len(one) + 1 < len(expected):
        return (
            "the predictions are for each position of an image; for one target an image put "
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


def _check_whole(loss: Any, y: np.ndarray) -> None:
    if y.dtype.kind in "biu":
        return
    wrong = y != np.floor(y)
    if wrong.any():
        raise DataError(
            f"{loss.name}: target {_first(y, wrong)} is not a class index",
            hint="class indices are whole numbers; for numbers to predict, use mean_squared_error",
        )


def _check_classes(loss: Any, y: np.ndarray, classes: int) -> None:
    ignored = getattr(loss, "ignore_class", None)
    wrong = (y < 0) | (y >= classes)
    if ignored is not None:
        wrong &= y != ignored
    if not wrong.any():
        return
    highest = int(y.max())
    hint = f"the last layer needs {highest + 1} outputs, or the labels are wrong"
    if y.min() == 1 and highest == classes:
        hint = "the labels count from 1: use y - 1"
    elif y.min() < 0:
        hint = "classes count from 0; ignore_class=... leaves out samples with this label"
    raise RangeError(
        f"{loss.name}: label {_first(y, wrong)} is not one of the {classes} classes that the model "
        f"predicts, 0 to {classes - 1}",
        hint=hint,
    )


def check_distributions(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
    """Check one-hot labels or distributions, the targets of the categorical losses."""
    if y.shape[1:] in (outputs[:-1], (*outputs[:-1], 1)) and y.shape[1:] != outputs:
        raise ShapeError(
            f"{loss.name}: targets of shape {shown(y.shape)} are class indices; this loss takes "
            f"one-hot labels of shape {shown((len(y), *outputs))}",
            hint="use sparse_categorical_crossentropy, or to_categorical(y)",
        )
    check_same_shape(loss, y, outputs)
    _check_share(loss, y)
    sums = y.sum(axis=getattr(loss, "axis", -1))
    off = np.abs(sums - 1.0) > 1e-3
    if off.any():
        warn(
            f"{loss.name}: {int(off.sum())} of {off.size} rows of targets do not sum to 1 (the "
            f"first sums to {_first(sums, off)}). For several classes at once use sigmoid outputs "
            "and binary_crossentropy"
        )


def _check_share(loss: Any, y: np.ndarray, noise: float = 0.0) -> None:
    if y.dtype.kind == "b":
        return
    wrong = (y < -noise) | (y > 1 + noise)
    if wrong.any():
        raise RangeError(
            f"{loss.name}: target {_first(y, wrong)} is outside of 0 to 1", hint=_hint_of_share(y)
        )


def _hint_of_share(y: np.ndarray) -> str:
    values = np.unique(y[:1000])
    if set(values.tolist()) <= {-1, 1}:
        return "labels of -1 and 1 are for hinge losses; for this one use (y + 1) / 2"
    if y.dtype.kind in "iu" or np.array_equal(values, np.floor(values)):
        return (
            "for several classes use a softmax of one output a class, and the loss "
            "sparse_categorical_crossentropy"
        )
    return "for numbers to predict, use mean_squared_error"


def check_binary(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
    """Check values from 0 to 1, the targets of the binary losses, to which noise may be added, as
    for the discriminator of a GAN: less than the distance to the border between the classes."""
    check_same_shape(loss, y, outputs)
    _check_share(loss, y, noise=0.5)


def check_signs(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
    """Check values -1 and 1, or 0 and 1, the targets of the hinge losses."""
    check_same_shape(loss, y, outputs)
    values = set(np.unique(y).tolist())
    if not (values <= {-1, 1} or values <= {0, 1}):
        listed = sorted(values)[:5]
        raise DataError(
            f"{loss.name}: targets must be -1 and 1 (or 0 and 1); these have {listed}",
            hint="for several classes use categorical_hinge with one-hot labels",
        )


def check_undeclared(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
    """Check the targets of a user's loss that does not say which it takes: as `check_same_shape`,
    except for class indices, and for shapes that operations would not broadcast."""
    if not _are_labels(y, outputs) and _would_broadcast(y.shape, outputs):
        check_same_shape(loss, y, outputs)


def _are_labels(y: np.ndarray, outputs: Outputs) -> bool:
    return y.shape[1:] in (outputs[:-1], (*outputs[:-1], 1)) and y.dtype.kind in "biu"


def _would_broadcast(targets: tuple[int, ...], outputs: Outputs) -> bool:
    """True if an operation on targets and predictions would not raise an error."""
    pairs = zip(reversed(targets), reversed((targets[0], *outputs)), strict=False)
    return all(a == b or 1 in (a, b) or None in (a, b) for a, b in pairs)


def check_same_shape(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
    """Check that shapes are equal, except for a trailing axis of extent 1."""
    one = y.shape[1:]
    if one == outputs or (*one, 1) == outputs or one == (*outputs, 1):
        return
    raise ShapeError(
        f"{loss.name}: targets have shape {shown(y.shape)}, predictions "
        f"{shown((len(y), *outputs))}; a loss never broadcasts them",
        hint="for class indices use sparse_categorical_crossentropy"
        if _are_labels(y, outputs) and len(outputs) > 0
        else (_hint_of_steps(y, outputs[:-1]) if len(outputs) > 1 else None)
        or _hint_of_columns(loss),
    )


def _hint_of_columns(loss: Any) -> str:
    hint = "the last layer needs one output for each column of the targets"
    if loss.targets == "undeclared":
        hint += "; a loss that broadcasts on purpose declares targets = 'any'"
    return hint


def check_sequences(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
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


def check_labels(name: str, labels: np.ndarray, steps: Any, classes: Any) -> None:
    """Raise RangeError for labels outside of the classes, DataError for labels that no path of
    `steps` steps (None if unknown) has."""
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        row, place = (int(k) for k in np.argwhere(wrong)[0])
        raise RangeError(
            f"{name}: label {labels[row, place].item():g} at {[row, place]} is none of the "
            f"{classes} classes; labels are 1 to {classes - 1}",
            hint="class 0 is the blank, so the last layer needs one output more than there are "
            "labels, which count from 1; 0 fills up short rows",
        )
    is_label = labels != 0  # the blank, which fills up short rows
    behind = is_label[:, 1:] & ~is_label[:, :-1]
    if behind.any():
        row, place = (int(k) for k in np.argwhere(behind)[0])
        raise DataError(
            f"{name}: row {row} has a label behind the 0 at {[row, place]}",
            hint="0 is the blank and no label: it may only fill up the end of a row",
        )
    need = is_label.sum(1) + (is_label[:, 1:] & (labels[:, 1:] == labels[:, :-1])).sum(1)
    if steps is not None and (need > steps).any():
        row = int((need > steps).argmax())
        raise DataError(
            f"{name}: row {row} has {int(is_label[row].sum())} labels, which take {int(need[row])} "
            f"steps, and the predictions have {steps}",
            hint="equal labels side by side need a blank between them; keep more steps (smaller "
            "strides), or leave the row out",
        )


def check_nothing(loss: Any, y: np.ndarray, outputs: Outputs) -> None:
    """Accept all targets."""


KINDS: dict[str, Callable[[Any, np.ndarray, Outputs], None]] = {
    "undeclared": check_undeclared,
    "same_shape": check_same_shape,
    "indices": check_indices,
    "distributions": check_distributions,
    "binary": check_binary,
    "signs": check_signs,
    "sequences": check_sequences,
    "any": check_nothing,
}


# ---- pieces ------------------------------------------------------------------------------------
def _is_one_hot(y: np.ndarray) -> bool:
    rows = y.reshape(-1, y.shape[-1])[:1000]
    return rows.shape[1] > 1 and bool(
        ((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()
    )


def _first(array: np.ndarray, where: np.ndarray) -> str:
    """Return the first element selected by `where` and its position as text: "12 at [3]"."""
    position = [int(i) for i in np.argwhere(where)[0]]
    return f"{array[tuple(position)].item():g} at {position}"
