"""Representations in two dimensions, colored by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, DataError, ShapeError, describe, unknown_name
from lamina.plot import style
from lamina.plot.reduction import principal_components, tsne
from lamina.plot.targets import as_array, class_numbers, need_finite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METHODS = ("pca", "tsne")
COLUMNS = 3  # panels in a row
NAMED = 12  # more classes than this are named in the legend only


def projection(
    representations: ArrayLike | Mapping[str, ArrayLike],
    labels: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    method: str = "pca",
    path: style.Path | None = None,
) -> Figure:
    """Draw the representation of samples in a layer as points in the plane.

    Up to twelve classes are also named at the medians of their points, so that the figure can be
    read without its colors.

    Args:
        representations: array (rows, ...), or a dictionary of arrays by layer, as
            `Model.representations` returns; a panel for each.
        labels: class numbers (rows,), names that are in `names`, or one-hot rows, shown as colors.
        names: names of the classes, in order; None shows their numbers.
        method: "pca" for the two directions of largest variance, or "tsne", which keeps neighbors
            together while large distances mean nothing; up to a few thousand rows.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        DataError: if the numbers of labels and rows differ, or a value is NaN.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> rows = [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0], [1.0, 1.0, 3.0]]
        >>> type(lm.plot.projection(rows, [0, 1, 0])).__name__
        'Figure'

    Source: van der Maaten and Hinton (2008), Visualizing data using t-SNE.
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    given = representations if isinstance(representations, Mapping) else {"": representations}
    if not given:
        raise ArgumentError("plot.projection: no representation to draw")
    arrays = {str(name): _flat(each, str(name)) for name, each in given.items()}
    classes = None if labels is None else _classes(labels, arrays, names)
    called = [] if classes is None else style.class_names(classes, names, "plot.projection")
    columns = 2 if len(arrays) == 4 else min(COLUMNS, len(arrays))
    rows = -(-len(arrays) // columns)
    drawn = style.figure("plot.projection", 3.9 * columns + 0.9, 3.7 * rows)
    cells = np.ravel(drawn.subplots(rows, columns))
    for axes, (name, array) in zip(cells, arrays.items(), strict=False):
        points = _panel(axes, name, array, classes, method)
        if classes is not None and len(called) <= NAMED:
            _name_groups(axes, points, classes, called)
    for axes in cells[len(arrays) :]:
        axes.set_axis_off()
    if called:
        _legend(drawn, called)
    return style.finished(drawn, path)


def _flat(value: Any, name: str) -> np.ndarray:
    array = as_array(value, f"plot.projection: {name or 'the representation'}")
    if array.ndim < 2 or len(array) < 2 or array.dtype.kind not in "fiub":
        raise ShapeError(
            f"plot.projection: {name or 'the representation'} is {describe(array)}, expected "
            "numbers of shape (rows, ...) with two rows at least"
        )
    need_finite(array, f"plot.projection: {name or 'the representation'}")
    return array.reshape(len(array), -1)


def _classes(
    labels: Any, arrays: Mapping[str, np.ndarray], names: Sequence[str] | None
) -> np.ndarray:
    array = class_numbers(labels, "plot.projection: labels", names)
    for name, each in arrays.items():
        if len(each) != len(array):
            raise DataError(
                f"plot.projection: {len(array)} labels for {len(each)} rows"
                + (f" of {name!r}" if name else "")
            )
    return array


def _panel(
    axes: Any, name: str, array: np.ndarray, classes: np.ndarray | None, method: str
) -> np.ndarray:
    """Draw the points of one representation, and return them."""
    if method == "tsne":
        points = tsne(array)
    else:
        points, shares = principal_components(array)
        axes.set_xlabel(f"first component, {shares[0]:.0%} of the variance", fontsize=style.TEXT)
        axes.set_ylabel(f"second, {shares[1]:.0%}", fontsize=style.TEXT)
    size = float(np.clip(9000 / len(points), 2, 20))
    if classes is None:
        axes.scatter(*points.T, s=size, color=style.BLUE, linewidths=0, alpha=0.7)
    else:
        palette = np.array(style.colors(int(classes.max()) + 1), dtype=object)
        axes.scatter(*points.T, s=size, c=list(palette[classes]), linewidths=0, alpha=0.7)
    axes.set_title(name, color=style.INK, fontsize=style.PANEL)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(style.FAINT)
    return points


def _name_groups(axes: Any, points: np.ndarray, classes: np.ndarray, names: Sequence[str]) -> None:
    """The name of each class at the median of its points, for readers who do not see the colors."""
    from matplotlib.patheffects import withStroke

    for k in np.unique(classes):
        x, y = np.median(points[classes == k], axis=0)
        axes.text(x, y, names[k], ha="center", va="center", fontsize=style.TEXT, color=style.INK,
                  path_effects=[withStroke(linewidth=2.5, foreground="white")])  # fmt: skip


def _legend(drawn: Any, names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    dots = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=color, label=name)
        for name, color in zip(names, style.colors(len(names)), strict=True)
    ]
    drawn.legend(handles=dots, loc="outside right center", frameon=False, fontsize=style.TEXT)
