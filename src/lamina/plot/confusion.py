"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import DataError, DTypeError, ShapeError, describe
from lamina.plot import style

MANY = 25  # classes from which on the numbers would not be readable


def confusion(
    y_true: Any,
    y_pred: Any,
    names: Sequence[str] | None = None,
    normalize: bool = False,
    title: str | None = None,
    path: style.Path | None = None,
) -> Any:
    """Draw the confusion matrix: row i, column j counts samples of class i predicted as j.

    Args:
        y_true: class numbers (n,), or one-hot rows (n, classes).
        y_pred: class numbers (n,), or probabilities or scores (n, classes), whose largest counts.
        names: names of the classes, in order; None shows their numbers.
        normalize: show fractions of each row instead of counts.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        DataError: if there are no rows, or their numbers differ.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> type(lm.plot.confusion([0, 1, 1], [0, 1, 0])).__name__
        'Figure'
    """
    true, seen = _labels(y_true, "y_true"), _labels(y_pred, "y_pred")
    if len(true) != len(seen) or not len(true):
        raise DataError(f"plot.confusion: {len(true)} true labels and {len(seen)} predictions")
    called = style.class_names(np.concatenate([true, seen]), names, "plot.confusion")
    counts = np.zeros((len(called), len(called)))
    np.add.at(counts, (true, seen), 1)
    side = min(12.0, 1.9 + 0.4 * len(called))
    drawn = style.figure("plot.confusion", side + 0.6, side)
    _draw(drawn.subplots(), counts, called, normalize)
    right = f"{np.trace(counts) / len(true):.1%} of {len(true):,} right"
    drawn.suptitle(title or right, color=style.INK, fontsize=12)
    return style.finished(drawn, path)


def _labels(values: Any, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] > 1:
        return array.argmax(axis=1)
    if array.ndim == 2:
        array = array[:, 0]
    if array.ndim != 1:
        raise ShapeError(
            f"plot.confusion: {what} is {describe(array)}, expected (n,) or (n, classes)"
        )
    if array.dtype.kind not in "iub" or (array.size and array.min() < 0):
        raise DTypeError(
            f"plot.confusion: {what} must be class numbers 0, 1, ...; got {describe(array)}",
            hint="one probability a row becomes a class by (p > 0.5).astype(int)",
        )
    return array.astype(np.int64)


def _draw(axes: Any, counts: np.ndarray, names: Sequence[str], normalize: bool) -> None:
    """Cells are coloured by their share of the row, so that rare classes are seen too."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=45 if max(map(len, names)) > 2 else 0, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="taken for", ylabel="is")
    axes.tick_params(length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    if len(names) > MANY:
        return
    for (row, column), count in np.ndenumerate(counts):
        if count:
            share = shares[row, column]
            text = f"{share:.2f}".removeprefix("0") if normalize else f"{int(count)}"
            colour = "white" if share > 0.5 else style.INK
            axes.text(column, row, text, color=colour, ha="center", va="center", fontsize=8)
