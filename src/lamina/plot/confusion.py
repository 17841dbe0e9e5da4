"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.plot import style
from lamina.plot.targets import class_numbers, need_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MANY = 25  # more classes than this have colors and a scale instead of numbers
INCHES = 9.0  # the largest side
MOST_TICKS = 25  # of class numbers, on an axis; names are all shown


def confusion(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    names: Sequence[str] | None = None,
    normalize: bool = False,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw the confusion matrix: row i, column j counts samples of class i predicted as j.

    Args:
        y_true: class numbers (n,), names that are in `names` (n,), or one-hot rows (n, classes).
        y_pred: the same, or probabilities or scores (n, classes), whose largest counts.
        names: names of the classes, in order; None shows their numbers.
        normalize: show fractions of each row instead of counts.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        DataError: if the arrays have no rows, or their numbers differ, or a value is NaN.
        DTypeError: if the labels are not class numbers or names.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> type(lm.plot.confusion([0, 1, 1], [0, 1, 0])).__name__
        'Figure'
    """
    true = class_numbers(y_true, "plot.confusion: y_true", names, may_be_scores=True)
    seen = class_numbers(y_pred, "plot.confusion: y_pred", names, may_be_scores=True)
    need_pairs(true, seen, "plot.confusion", "predictions")
    called = style.class_names(np.concatenate([true, seen]), names, "plot.confusion")
    counts = np.zeros((len(called), len(called)))
    np.add.at(counts, (true, seen), 1)
    side = min(INCHES, 1.9 + 0.4 * len(called))
    drawn = style.figure("plot.confusion", side + 0.6, side)
    _draw(drawn, drawn.subplots(), counts, called, normalize)
    accuracy = np.trace(counts) / len(true)
    style.title(drawn, title or f"accuracy {accuracy:.1%} of {len(true):,} samples")
    return style.finished(drawn, path)


def _draw(drawn: Any, axes: Any, counts: np.ndarray, names: Sequence[str], normalize: bool) -> None:
    """Cells are colored by their share of the row, so that rare classes are seen too."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    _label(axes, names)
    if len(names) > MANY:
        _as_colors(drawn, axes, shares)
        return
    axes.imshow(shares, cmap=style.SHARES, vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            share = shares[row, column]
            text = f"{share:.2f}".removeprefix("0") if normalize else f"{int(count)}"
            color = "white" if share > 0.5 else style.INK
            axes.text(
                column, row, text, color=color, ha="center", va="center", fontsize=style.SMALL
            )


def _label(axes: Any, names: Sequence[str]) -> None:
    """Ticks that do not overlap: all names, or of many class numbers every second, fifth, ..."""
    are_numbers = list(names) == [str(k) for k in range(len(names))]
    each = next(n for n in (1, 2, 5, 10, 20, 50, 100, 10**9) if len(names) <= MOST_TICKS * n)
    ticks = range(0, len(names), each if are_numbers else 1)
    shown = [names[k] for k in ticks]
    points = 0.8 * 72 * (INCHES - 2) / len(names)  # of a row
    size = style.TEXT if are_numbers else float(np.clip(points, 4, style.TEXT))
    turned = 90 if len(names) > MANY else 45
    turn = 0 if are_numbers else turned
    axes.set_xticks(ticks, shown, rotation=turn, ha="right" if turn == 45 else "center")
    axes.set_yticks(ticks, shown)
    axes.set_xlabel("predicted class", fontsize=style.TEXT)
    axes.set_ylabel("true class", fontsize=style.TEXT)
    axes.tick_params(length=0, labelsize=size, colors=style.INK)
    axes.spines[:].set_visible(False)


def _as_colors(drawn: Any, axes: Any, shares: np.ndarray) -> None:
    """Shares on a scale that shows a hundredth too: color grows with the square root."""
    from matplotlib.colors import PowerNorm

    image = axes.imshow(shares, cmap=style.SHARES, norm=PowerNorm(0.5, 0, 1))
    bar = drawn.colorbar(image, ax=axes, shrink=0.6, ticks=[0, 0.01, 0.05, 0.2, 0.5, 1])
    bar.ax.set_yticklabels(["0", "1%", "5%", "20%", "50%", "100%"])
    bar.ax.tick_params(colors=style.INK, labelsize=style.TEXT)
    bar.outline.set_visible(False)
    bar.set_label("share of the true class", fontsize=style.TEXT, color=style.INK)
