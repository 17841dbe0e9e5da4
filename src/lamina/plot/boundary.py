"""Decision regions of a classifier of points in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.arguments import integer
from lamina.errors import ArgumentError, ShapeError, describe
from lamina.models import Model
from lamina.plot import style
from lamina.plot.targets import as_array, class_numbers, need_finite, need_pairs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARGIN = 0.08  # around the points, as a share of their extent
PALE = 0.42  # opacity of a region where the model is certain
LARGEST, SMALLEST = 26, 5  # area of a point, few and many


def decision_boundary(
    model: Model | Callable[[np.ndarray], Any],
    x: ArrayLike,
    y: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    resolution: int = 200,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw the regions in which a model predicts each class, over two features.

    A region has the color of its class, paler where the model is less certain; the line is the
    boundary. Points are the samples, with a marker for each class; samples on the wrong side have a
    dark edge.

    Args:
        model: model with two inputs, an estimator with `predict_proba` or `predict`, or a function
            from points (n, 2) to outputs. One output is the probability of class 1, or a number
            whose sign is the class if any is outside of [0, 1]; several are scores of classes.
        x: samples (n, 2), which also set the section of the plane that is shown; the names of a
            frame's columns are those of the axes.
        y: class numbers (n,), labels -1 and 1, or one-hot rows; None shows the points alike.
        names: names of the classes, in order; None shows their numbers.
        resolution: number of points along each axis at which the model is evaluated.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ShapeError: if the samples do not have two features.
        DataError: if the numbers of samples and labels differ, or a value is NaN.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> x, y = lm.datasets.playground.circle(100)
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1, "sigmoid")])
        >>> type(lm.plot.decision_boundary(model, x, y, resolution=50)).__name__
        'Figure'
    """
    owner = "plot.decision_boundary"
    points = as_array(x, f"{owner}: x")
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind == "U":
        raise ShapeError(
            f"{owner}: x is {describe(points)}, expected two features (n, 2)",
            hint="choose two columns and train a model on them, or draw lm.plot.projection",
        )
    need_finite(points, f"{owner}: x")
    integer(owner, "resolution", resolution, 2)
    classes = None if y is None else _classes(y, names, owner)
    need_pairs(points if classes is None else classes, points, owner, "samples")
    grid, extent = _grid(points, resolution)
    outputs = _outputs(model, np.concatenate([grid, points.astype(np.float32)]), owner)
    shares = _shares(outputs)
    seen = shares[len(grid) :].argmax(axis=1)
    count = max(shares.shape[1], 0 if classes is None else int(classes.max()) + 1)
    called = style.class_names(np.arange(count), names, owner)
    drawn = style.figure(owner, 4.9, 4.4)
    axes = drawn.subplots()
    palette = style.colors(count)
    _regions(axes, shares[: len(grid)], resolution, extent, palette)
    _points(axes, points, classes, seen, palette, called)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    style.plain_axes(axes, "")
    features = [str(name) for name in getattr(x, "columns", ("first feature", "second feature"))]
    axes.set_xlabel(features[0], fontsize=style.TEXT)
    axes.set_ylabel(features[1], fontsize=style.TEXT)
    style.title(drawn, title)
    return style.finished(drawn, path)


def _classes(y: Any, names: Sequence[str] | None, owner: str) -> np.ndarray:
    array = as_array(y, f"{owner}: y")
    if array.dtype.kind in "if" and np.isin(array, (-1, 1)).all():
        array = (array > 0).astype(np.int64)
    return class_numbers(array, f"{owner}: y", names)


def _grid(points: np.ndarray, resolution: int) -> tuple[np.ndarray, tuple[float, ...]]:
    """Points float32 (resolution ** 2, 2) in rows from below, and left, right, bottom, top."""
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    room = np.where(high > low, (high - low) * MARGIN, 1.0)
    low, high = low - room, high + room
    first, second = (np.linspace(a, b, resolution) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    return grid.astype(np.float32), (low[0], high[0], low[1], high[1])


def _outputs(model: Any, points: np.ndarray, owner: str) -> np.ndarray:
    """Outputs (n, outputs) of a model, an estimator or a function."""
    if isinstance(model, Model):
        found = model.predict(points, batch_size=4096, verbose=0)
    else:
        call = getattr(model, "predict_proba", None) or getattr(model, "predict", None) or model
        if not callable(call):
            raise ArgumentError(
                f"{owner}: got {describe(model)}, expected a model or a function of points (n, 2)"
            )
        found = call(points)
    outputs = np.asarray(found)
    if outputs.dtype.kind not in "fiub" or len(outputs) != len(points) or outputs.ndim > 2:
        raise ShapeError(
            f"{owner}: the model returned {describe(outputs)} for {len(points)} points, expected "
            "(n,), (n, 1) or (n, classes)"
        )
    need_finite(
        outputs,
        f"{owner}: outputs of the model",
        "are its weights finite? fit(callbacks=[lm.callbacks.TerminateOnNaN()]) stops at the first "
        "loss that is NaN",
    )
    return outputs.reshape(len(points), -1)


def _shares(outputs: np.ndarray) -> np.ndarray:
    """Outputs as shares of classes (n, classes), which sum to 1."""
    if outputs.dtype.kind in "iub":  # predicted classes
        return np.eye(int(outputs.max()) + 1 or 1)[outputs[:, 0].astype(np.int64)]
    values = outputs.astype(np.float64)
    are_shares = values.min() >= 0 and values.max() <= 1
    if values.shape[1] == 1:
        one = values if are_shares else 1 / (1 + np.exp(-np.clip(values, -50, 50)))
        return np.concatenate([1 - one, one], axis=1)
    if not are_shares:
        values = np.exp(values - values.max(axis=1, keepdims=True))
    return values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300)


def _regions(
    axes: Any, shares: np.ndarray, resolution: int, extent: tuple[float, ...], palette: list[Any]
) -> None:
    from matplotlib.colors import to_rgb

    seen, count = shares.argmax(axis=1), shares.shape[1]
    certain = (shares.max(axis=1) - 1 / count) / max(1 - 1 / count, 1e-9)
    opacity = PALE * (0.25 + 0.75 * np.clip(certain, 0, 1))[:, None]
    colors = np.array([to_rgb(color) for color in palette[:count]])[seen]
    image = (1 - opacity) + opacity * colors
    axes.imshow(image.reshape(resolution, resolution, 3), extent=extent, origin="lower",
                aspect="auto", interpolation="bilinear")  # fmt: skip
    first, second = (np.linspace(extent[k], extent[k + 1], resolution) for k in (0, 2))
    for k in range(count) if count > 2 else [1] * (count == 2):
        others = np.delete(shares, k, axis=1).max(axis=1)
        lead = (shares[:, k] - others).reshape(resolution, resolution)
        if lead.min() < 0 < lead.max():
            axes.contour(first, second, lead, levels=[0], colors=style.INK, linewidths=1.1)


def _points(
    axes: Any,
    points: np.ndarray,
    classes: np.ndarray | None,
    seen: np.ndarray,
    palette: list[Any],
    names: Sequence[str],
) -> None:
    size = float(np.clip(6000 / len(points), SMALLEST, LARGEST))
    if classes is None:
        axes.scatter(*points.T, s=size, color=style.INK, linewidths=0)
        return
    present = np.unique(classes)
    for k in present:
        inside = classes == k
        edges = [style.INK if wrong else "white" for wrong in seen[inside] != k]
        axes.scatter(*points[inside].T, s=size, color=palette[k], label=names[k], linewidths=0.7,
                     edgecolors=edges, marker=style.MARKERS[k % len(style.MARKERS)],
                     zorder=3)  # fmt: skip
    right = float((seen == classes).mean())
    axes.set_title(f"{right:.1%} of {len(points):,} samples on the right side", color=style.INK,
                   fontsize=style.PANEL)  # fmt: skip
    if len(present) <= 10:
        axes.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=style.TEXT,
                    loc="upper right", borderpad=0.3, handletextpad=0.2)  # fmt: skip
