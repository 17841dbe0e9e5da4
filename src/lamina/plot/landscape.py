"""The loss of a network around its weights, along two directions: random ones, or of a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, DataLike, NestLike
from lamina.arguments import integer, one_of
from lamina.errors import RangeError, ShapeError
from lamina.models import Model
from lamina.plot import style
from lamina.plot.objective import first_batch, loss_of, need_objective
from lamina.tensor import as_tensor
from lamina.transforms import compile, scan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = 24
ORDERS = 1.5  # decimal orders of losses above which their scale is logarithmic
HIGHEST = 1e4  # times the smallest loss: larger ones are drawn as that


def loss_landscape(
    model: Model,
    x: NestLike | DataLike,
    y: NestLike = None,
    span: float = 1.0,
    points: int = 25,
    samples: int = 1000,
    kind: Literal["contour", "surface"] = "contour",
    seed: int = 0,
    weights: Sequence[Sequence[ArrayLike]] | None = None,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw the loss along two directions from the weights of a model, which are at (0, 0).

    Without `weights`, each direction is a random normal array for each kernel, whose filters (the
    weights of one output unit) have the norms of the model's filters; biases and the weights of
    normalizations stay as they are. By this normalization landscapes of different networks are
    comparable: a step of 1 changes each filter by its own size.

        loss(a, b) = L(w + a d1 + b d2),   d[..., j] = n[..., j] |w[..., j]| / |n[..., j]|

    With `weights`, the path of a training is drawn: the directions are those in which the weights
    moved most, the principal components of their distances from the model's, in units of weights.

    Wide, flat surroundings often go with good generalization, and skip connections smooth them; a
    section along two of many dimensions does not prove either.

    Args:
        model: compiled model; nothing of it changes.
        x: inputs, as `fit` takes them; of a data set its first batch, targets included.
        y: targets, as `fit` takes them; None if the loss needs none.
        span: largest multiple of each random direction; the section is from -span to span.
        points: number of points along each direction.
        samples: number of rows that the loss is computed on, the first ones.
        kind: "contour" for lines of equal loss, "surface" for a view of the surface, without path.
        seed: integer from which the directions are drawn.
        weights: results of `model.get_weights()`, for example after each epoch, three or more;
            None draws no path.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: if the model is not compiled.
        RangeError: if a number is out of its range.
        ShapeError: if `weights` are not those of the model.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(3, "tanh"), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = lm.ones((8, 4)), lm.ones((8, 1))
        >>> type(lm.plot.loss_landscape(model, x, y, points=5)).__name__
        'Figure'

    Source: Li et al. (2018), Visualizing the loss landscape of neural nets, sections 4 and 7.2.
    """
    owner = "plot.loss_landscape"
    one_of(owner, "kind", kind, ("contour", "surface"))
    integer(owner, "points", points, 3)
    integer(owner, "samples", samples, 1)
    if not span > 0:
        raise RangeError(f"{owner}: span is {span}, expected a number above 0")
    style.need_path(style.figure(owner, 1, 1), path)  # errors before losses are computed
    x, y = first_batch(x, y, samples)
    need_objective(owner, model, x, y)
    plane = (
        _around(model, span, points, seed) if weights is None else _along(model, weights, points)
    )
    losses = landscape(model, x, y, plane)
    drawn = style.figure(owner, 5.4, 4.4)
    draw = _contour if kind == "contour" else _surface
    draw(drawn, plane, losses)
    style.title(drawn, title)
    return style.finished(drawn, path)


# ---- directions --------------------------------------------------------------------------------
@dataclass(frozen=True)
class Plane:
    """Two directions from the weights of a model, the steps along each, the names of the axes, and
    the points of a path (n, 2), if there is one."""

    directions: tuple[list[np.ndarray], list[np.ndarray]]
    steps: tuple[np.ndarray, np.ndarray]
    names: tuple[str, str] = ("first direction", "second direction")
    path: np.ndarray | None = None


def _around(model: Model, span: float, points: int, seed: int) -> Plane:
    rng = np.random.default_rng(seed)
    centers = [v.numpy() for v in model.trainable_weights]
    steps = np.linspace(-span, span, points, dtype=np.float32)
    return Plane((directions(centers, rng), directions(centers, rng)), (steps, steps))


def directions(centers: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """A random direction for each array, normalized by filter; 0 for vectors and scalars."""
    found = []
    for center in centers:
        random = rng.standard_normal(center.shape)
        if center.ndim < 2:
            found.append(np.zeros_like(center))
            continue
        axes = tuple(range(center.ndim - 1))
        sizes = np.sqrt(np.square(center.astype(np.float64)).sum(axis=axes))
        lengths = np.sqrt(np.square(random).sum(axis=axes))
        found.append((random * (sizes / np.maximum(lengths, 1e-30))).astype(center.dtype))
    return found


def _along(model: Model, weights: Sequence[Sequence[ArrayLike]], points: int) -> Plane:
    """The plane in which the weights moved most; the steps cover the path, with a margin."""
    moved = _distances(model, weights)
    values, vectors = np.linalg.eigh(moved @ moved.T)
    values, vectors = np.maximum(values[::-1][:2], 0.0), vectors[:, ::-1][:, :2]
    if values[0] <= 0:
        raise RangeError(
            "plot.loss_landscape: all weights are those of the model",
            hint="copy them while it trains: snapshots.append(model.get_weights())",
        )
    total = float(np.square(moved).sum())
    scales = np.sqrt(np.maximum(values, values[0] * 1e-12))
    axes = (moved.T @ vectors / scales).T  # unit vectors
    at = vectors * np.sqrt(values)
    names = [
        f"principal direction {k}, {v / total:.0%} of the path" for k, v in enumerate(values, 1)
    ]
    steps = []
    for k in range(2):
        low, high = min(0.0, float(at[:, k].min())), max(0.0, float(at[:, k].max()))
        room = max(0.25 * (high - low), 0.1 * float(np.abs(at).max()))
        steps.append(np.linspace(low - room, high + room, points, dtype=np.float32))
    shapes = [v.numpy() for v in model.trainable_weights]
    first, second = (_like(axis, shapes) for axis in axes)
    return Plane((first, second), (steps[0], steps[1]), (names[0], names[1]), at)


def _distances(model: Model, weights: Sequence[Sequence[ArrayLike]]) -> np.ndarray:
    """The trainable weights minus the model's, one row each."""
    if len(weights) < 3:
        raise ShapeError(
            f"plot.loss_landscape: weights holds {len(weights)} results, expected 3 or more",
            hint="copy them while the model trains: snapshots.append(model.get_weights())",
        )
    variables = model.weights
    trainable = {id(v) for v in model.trainable_weights}
    rows = []
    for number, each in enumerate(weights):
        arrays = [np.asarray(array) for array in each]
        if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
            raise ShapeError(
                f"plot.loss_landscape: weights[{number}] has other shapes than the weights of "
                f"'{model.name}'",
                hint="give results of model.get_weights()",
            )
        kept = [
            (a.astype(np.float64) - v.numpy()).ravel()
            for a, v in zip(arrays, variables, strict=True)
            if id(v) in trainable
        ]
        rows.append(np.concatenate(kept))
    return np.array(rows)


def _like(flat: np.ndarray, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The parts of a vector in the shapes of arrays."""
    ends = np.cumsum([array.size for array in arrays])
    parts = np.split(flat, ends[:-1])
    return [
        part.reshape(array.shape).astype(array.dtype)
        for part, array in zip(parts, arrays, strict=True)
    ]


# ---- losses ------------------------------------------------------------------------------------
def landscape(model: Model, x: Any, y: Any, plane: Plane) -> np.ndarray:
    """Losses: row i, column j is at step j of the first direction and step i of the second."""
    variables = model.trainable_weights
    centers = [v.numpy() for v in variables]
    grid = np.stack(np.meshgrid(*plane.steps), axis=-1).reshape(-1, 2)

    def losses(centers: Any, first: Any, second: Any, grid: Any, x: Any, y: Any) -> Any:
        def at(carry: Any, place: Any) -> tuple[Any, Any]:
            values = [
                c + ops.astype(place[0], c.dtype) * d + ops.astype(place[1], c.dtype) * e
                for c, d, e in zip(centers, first, second, strict=True)
            ]
            return carry, loss_of(model, variables, values, x, y, training=False)

        return scan(at, ops.zeros(()), grid)[1]

    tensors = [[as_tensor(array) for array in each] for each in (centers, *plane.directions)]
    program: Any = compile(losses)
    found = program(*tensors, as_tensor(grid), x, y).numpy()
    return np.asarray(found, np.float64).reshape(len(plane.steps[1]), len(plane.steps[0]))


# ---- figures -----------------------------------------------------------------------------------
def _scaled(losses: np.ndarray) -> tuple[np.ndarray, bool]:
    """The losses with those that are not finite, or very large, at the upper end, and True if they
    span so much that their scale has to be logarithmic."""
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        raise RangeError(
            "plot.loss_landscape: the loss is not finite at any point",
            hint="train the model first, or take a smaller span",
        )
    low = float(finite.min())
    high = min(float(finite.max()), HIGHEST * low) if low > 0 else float(finite.max())
    shown = np.clip(np.where(np.isfinite(losses), losses, high), None, high)
    return shown, low > 0 and high > low * 10**ORDERS


def _levels(shown: np.ndarray, logarithmic: bool) -> np.ndarray:
    low, high = float(shown.min()), float(shown.max())
    if high <= low:
        high = low + max(abs(low), 1.0) * 1e-3
    return np.geomspace(low, high, LEVELS) if logarithmic else np.linspace(low, high, LEVELS)


def _contour(drawn: Any, plane: Plane, losses: np.ndarray) -> None:
    from matplotlib.colors import LogNorm, Normalize

    shown, logarithmic = _scaled(losses)
    levels = _levels(shown, logarithmic)
    norm = (LogNorm if logarithmic else Normalize)(levels[0], levels[-1])
    axes = drawn.subplots()
    filled = axes.contourf(*plane.steps, shown, levels, cmap=style.HEIGHTS, norm=norm)
    lines = axes.contour(*plane.steps, shown, levels[1::3], colors="white", linewidths=0.6,
                         alpha=0.9)  # fmt: skip
    axes.clabel(lines, lines.levels[2:], fmt="%.3g", fontsize=style.SMALL)
    axes.plot(0, 0, "o", color=style.RED, markersize=6, markeredgecolor="white", zorder=4)
    if plane.path is None:
        middle = losses[len(losses) // 2, len(losses) // 2]
        label = f"model: {middle:.3g}" if len(losses) % 2 else "model"
        axes.set_aspect("equal")
    else:
        label = "model"
        axes.plot(*plane.path.T, "o-", color="white", markersize=3.5, linewidth=1.2, zorder=3)
        _note(axes, "start", plane.path[0])
    _note(axes, label, (0, 0))
    bar = drawn.colorbar(filled, ax=axes, shrink=0.9)
    _tidy_bar(bar, levels, logarithmic)
    _name_axes(axes, plane)
    style.plain_axes(axes, "")


def _note(axes: Any, text: str, at: Any) -> None:
    axes.annotate(text, at, (7, 6), textcoords="offset points", color="white",
                  fontsize=style.TEXT, zorder=5)  # fmt: skip


def _tidy_bar(bar: Any, levels: np.ndarray, logarithmic: bool) -> None:
    from matplotlib.ticker import FuncFormatter

    shown = levels[:: (LEVELS - 1) // 5]
    bar.set_ticks(list(shown))
    bar.ax.minorticks_off()
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    bar.ax.tick_params(colors=style.INK, labelsize=style.TEXT, length=0)
    bar.outline.set_visible(False)
    bar.set_label("loss (logarithmic scale)" if logarithmic else "loss", fontsize=style.TEXT)


def _surface(drawn: Any, plane: Plane, losses: np.ndarray) -> None:
    shown, logarithmic = _scaled(losses)
    heights = np.log10(shown) if logarithmic else shown
    axes = drawn.add_subplot(projection="3d")
    first, second = np.meshgrid(*plane.steps)
    axes.plot_surface(first, second, heights, cmap=style.HEIGHTS, rstride=1, cstride=1,
                      linewidth=0.15, edgecolor=style.INK, antialiased=True)  # fmt: skip
    axes.view_init(elev=32, azim=-58)
    axes.set_box_aspect(None, zoom=0.88)
    axes.set_title("decimal logarithm of the loss" if logarithmic else "loss",
                   color=style.INK, fontsize=style.PANEL, y=0.98)  # fmt: skip
    axes.tick_params(colors=style.INK, labelsize=style.SMALL, pad=0)
    axes.grid(False)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.pane.set_facecolor("white")
        axis.pane.set_edgecolor(style.FAINT)
    axes.locator_params(nbins=5)
    _name_axes(axes, plane)


def _name_axes(axes: Any, plane: Plane) -> None:
    axes.set_xlabel(plane.names[0], fontsize=style.TEXT)
    axes.set_ylabel(plane.names[1], fontsize=style.TEXT)
