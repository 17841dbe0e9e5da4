"""The loss of a network around its weights, along two random directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lamina import operations as ops
from lamina.annotations import DataLike, NestLike
from lamina.arguments import integer, one_of
from lamina.errors import RangeError
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
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw the loss along two random directions from the weights of a model, which are at (0, 0).

    Each direction is a random normal array for each kernel, whose filters (the weights of one
    output unit) have the norms of the model's filters; biases and the weights of normalizations
    stay as they are. By this normalization landscapes of different networks are comparable: a step
    of 1 changes each filter by its own size.

        loss(a, b) = L(w + a d1 + b d2),   d[..., j] = n[..., j] |w[..., j]| / |n[..., j]|

    Wide, flat surroundings often go with good generalization, and skip connections smooth them; a
    section along two of many dimensions does not prove either.

    Args:
        model: compiled model; nothing of it changes.
        x: inputs, as `fit` takes them; of a data set its first batch, targets included.
        y: targets, as `fit` takes them; None if the loss needs none.
        span: largest multiple of each direction; the section is from -span to span.
        points: number of points along each direction.
        samples: number of rows that the loss is computed on, the first ones.
        kind: "contour" for lines of equal loss, "surface" for a view of the surface.
        seed: integer from which the directions are drawn.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: if the model is not compiled.
        RangeError: if a number is out of its range.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(3, "tanh"), lm.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = lm.ones((8, 4)), lm.ones((8, 1))
        >>> type(lm.plot.loss_landscape(model, x, y, points=5)).__name__
        'Figure'

    Source: Li et al. (2018), Visualizing the loss landscape of neural nets, section 4.
    """
    owner = "plot.loss_landscape"
    one_of(owner, "kind", kind, ("contour", "surface"))
    integer(owner, "points", points, 3)
    integer(owner, "samples", samples, 1)
    if not span > 0:
        raise RangeError(f"{owner}: span is {span}, expected a number above 0")
    style.figure(owner, 1, 1)  # matplotlib is missing before it is computed, not after
    x, y = first_batch(x, y, samples)
    need_objective(owner, model, x, y)
    steps = np.linspace(-span, span, points, dtype=np.float32)
    losses = landscape(model, x, y, steps, seed)
    drawn = style.figure(owner, 5.4, 4.4)
    draw = _contour if kind == "contour" else _surface
    draw(drawn, steps, losses)
    style.title(drawn, title)
    return style.finished(drawn, path)


# ---- losses ------------------------------------------------------------------------------------
def landscape(model: Model, x: Any, y: Any, steps: np.ndarray, seed: int) -> np.ndarray:
    """Losses (len(steps), len(steps)): row i, column j is at steps[j] of the first direction and
    steps[i] of the second."""
    variables = model.trainable_weights
    centers = [v.numpy() for v in variables]
    rng = np.random.default_rng(seed)
    first, second = directions(centers, rng), directions(centers, rng)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)

    def losses(centers: Any, first: Any, second: Any, grid: Any, x: Any, y: Any) -> Any:
        def at(carry: Any, place: Any) -> tuple[Any, Any]:
            values = [
                c + ops.astype(place[0], c.dtype) * d + ops.astype(place[1], c.dtype) * e
                for c, d, e in zip(centers, first, second, strict=True)
            ]
            return carry, loss_of(model, variables, values, x, y, training=False)

        return scan(at, ops.zeros(()), grid)[1]

    tensors = [[as_tensor(array) for array in each] for each in (centers, first, second)]
    program: Any = compile(losses)
    found = program(*tensors, as_tensor(grid), x, y).numpy()
    return np.asarray(found, np.float64).reshape(len(steps), len(steps))


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


def _contour(drawn: Any, steps: np.ndarray, losses: np.ndarray) -> None:
    from matplotlib.colors import LogNorm, Normalize

    shown, logarithmic = _scaled(losses)
    levels = _levels(shown, logarithmic)
    norm = (LogNorm if logarithmic else Normalize)(levels[0], levels[-1])
    axes = drawn.subplots()
    filled = axes.contourf(steps, steps, shown, levels, cmap=style.HEIGHTS, norm=norm)
    lines = axes.contour(steps, steps, shown, levels[1::3], colors="white", linewidths=0.6,
                         alpha=0.9)  # fmt: skip
    axes.clabel(lines, lines.levels[2:], fmt="%.3g", fontsize=style.SMALL)
    axes.plot(0, 0, "o", color=style.RED, markersize=6, markeredgecolor="white")
    axes.annotate(f"model: {losses[len(steps) // 2, len(steps) // 2]:.3g}" if len(steps) % 2 else
                  "model", (0, 0), (7, 6), textcoords="offset points", color="white",
                  fontsize=style.TEXT)  # fmt: skip
    bar = drawn.colorbar(filled, ax=axes, shrink=0.9)
    _tidy_bar(bar, levels, logarithmic)
    axes.set_aspect("equal")
    _name_axes(axes)
    style.plain_axes(axes, "")


def _tidy_bar(bar: Any, levels: np.ndarray, logarithmic: bool) -> None:
    from matplotlib.ticker import FuncFormatter

    shown = levels[:: (LEVELS - 1) // 5]
    bar.set_ticks(list(shown))
    bar.ax.minorticks_off()
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    bar.ax.tick_params(colors=style.INK, labelsize=style.TEXT, length=0)
    bar.outline.set_visible(False)
    bar.set_label("loss (logarithmic scale)" if logarithmic else "loss", fontsize=style.TEXT)


def _surface(drawn: Any, steps: np.ndarray, losses: np.ndarray) -> None:
    shown, logarithmic = _scaled(losses)
    heights = np.log10(shown) if logarithmic else shown
    axes = drawn.add_subplot(projection="3d")
    first, second = np.meshgrid(steps, steps)
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
    _name_axes(axes)


def _name_axes(axes: Any) -> None:
    axes.set_xlabel("first direction", fontsize=style.TEXT)
    axes.set_ylabel("second direction", fontsize=style.TEXT)
