"""Paths of optimizers on surfaces with known minima."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import optimizers as kinds
from lamina.arguments import integer
from lamina.errors import ArgumentError, describe, unknown_name
from lamina.optimizers import Optimizer
from lamina.plot import style
from lamina.plot.surfaces import SURFACES, Surface
from lamina.tensor import as_tensor
from lamina.transforms import compile, grad
from lamina.variables import Variable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = 161  # points along each axis
LEVELS = 22
DIVERGED = 3.0  # extents of the section: a path that leaves it ends
FLOOR = 1e-12  # distances from the minimum below it are drawn as it

Chosen = Optimizer | str | Sequence[Optimizer | str] | Mapping[str, Optimizer] | None


def optimizer_paths(
    surface: str | Callable[[Any, Any], Any] = "rosenbrock",
    optimizers: Chosen = None,
    start: Sequence[float] | None = None,
    steps: int = 200,
    x_range: Sequence[float] = (-2.0, 2.0),
    y_range: Sequence[float] = (-2.0, 2.0),
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw the paths of optimizers on a surface with known minima, and the heights over the steps.

    Args:
        surface: "ackley", "beale", "bowl", "himmelblau", "rastrigin", "rosenbrock", "saddle",
            "six_hump_camel" or "styblinski_tang"; or a function of two tensors x and y, in
            operations that work elementwise.
        optimizers: optimizers, one or several, in a list or a dictionary by name; None takes SGD,
            SGD with momentum, RMSprop and Adam with rates that suit the surface. Each is copied,
            so that its state does not change.
        start: the point (x, y) at which all begin; None is that of the surface, or the middle
            between the corner and the center of the section of a function.
        steps: number of steps.
        x_range: section that is shown of a function; that of a named surface is known.
        y_range: the same for the other axis.
        title: title of the figure; None is the name of the surface.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        UnknownNameError: if a surface or an optimizer of this name does not exist.
        ArgumentError: if the list of optimizers is empty.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> rules = [lm.optimizers.SGD(0.01), lm.optimizers.Adam(0.1)]
        >>> type(lm.plot.optimizer_paths("beale", rules, steps=20)).__name__
        'Figure'

    Source: Jamil and Yang (2013), A literature survey of benchmark functions for global
    optimization problems.
    """
    owner = "plot.optimizer_paths"
    integer(owner, "steps", steps, 1)
    chosen = _surface(owner, surface, x_range, y_range)
    begin = chosen.start if start is None else _point(owner, "start", start)
    rules = _optimizers(owner, optimizers, chosen)
    chosen = _including(chosen, begin)
    drawn = style.figure(owner, 9.2, 4.2)
    runs = {}
    for name, optimizer in rules.items():
        found = trace(chosen, optimizer, begin, steps)
        runs[name if len(found) > steps else f"{name} (diverges)"] = found
    left, right = drawn.subplots(1, 2, width_ratios=(1.25, 1))
    _heights(left, chosen)
    _paths(left, chosen, runs)
    _curves(right, chosen, runs)
    handles, names = left.get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside lower center", ncols=min(5, len(names)),
                 frameon=False, fontsize=style.TEXT)  # fmt: skip
    style.title(drawn, title or (surface.replace("_", " ") if isinstance(surface, str) else None))
    return style.finished(drawn, path)


def _surface(owner: str, surface: Any, x_range: Any, y_range: Any) -> Surface:
    if isinstance(surface, str):
        if surface not in SURFACES:
            raise unknown_name("surface", surface, SURFACES)
        return SURFACES[surface]
    if not callable(surface):
        raise ArgumentError(
            f"{owner}: surface is {describe(surface)}, expected a name or a function of x and y",
            hint=f"the names are {', '.join(SURFACES)}",
        )
    x, y = _point(owner, "x_range", x_range), _point(owner, "y_range", y_range)
    start = (0.75 * x[0] + 0.25 * x[1], 0.75 * y[1] + 0.25 * y[0])
    return Surface(surface, x, y, start, (), 0.01)


def _including(surface: Surface, point: tuple[float, float]) -> Surface:
    """The surface with a section that includes the point."""
    ranges = []
    for (low, high), at in zip((surface.x, surface.y), point, strict=True):
        room = 0.05 * abs(at - min(max(at, low), high))
        ranges.append((min(low, at - room), max(high, at + room)))
    return replace(surface, x=ranges[0], y=ranges[1])


def _point(owner: str, name: str, value: Any) -> tuple[float, float]:
    array = np.asarray(value)
    if array.shape != (2,) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ArgumentError(f"{owner}: {name} is {describe(value)}, expected two numbers")
    return float(array[0]), float(array[1])


def _optimizers(owner: str, given: Chosen, surface: Surface) -> dict[str, Optimizer]:
    """The optimizers by the names in the legend."""
    if given is None:
        rate, extent = surface.rate, max(surface.x[1] - surface.x[0], surface.y[1] - surface.y[0])
        step = round(extent / 80, 2)
        return {
            f"SGD {rate:g}": kinds.SGD(rate),
            f"momentum {rate / 2:g}": kinds.SGD(rate / 2, momentum=0.9),
            f"RMSprop {step / 2:g}": kinds.RMSprop(step / 2),
            f"Adam {step * 2:g}": kinds.Adam(step * 2),
        }
    if isinstance(given, Mapping):
        found = {str(name): kinds.get(each) for name, each in given.items()}
    else:
        several: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
        found = {}
        for each in map(kinds.get, several):
            name = type(each).__name__
            name += f" {float(each.learning_rate):g}"
            found[name if name not in found else f"{name} ({len(found) + 1})"] = each
    if not found:
        raise ArgumentError(f"{owner}: no optimizer to draw")
    return found


def trace(surface: Surface, optimizer: Optimizer, start: Sequence[float], steps: int) -> np.ndarray:
    """Points (steps + 1, 2) that a copy of the optimizer visits, up to where it diverges."""
    place = Variable(np.array(start, np.float32), name="place")
    rule = type(optimizer).from_config(optimizer.get_config())
    rule.build([place])
    slope = grad(lambda at: surface.function(at[0], at[1]))

    @compile
    def step() -> Any:
        rule.apply([slope(place.read())], [place])
        return place.read()

    extent = np.array([surface.x, surface.y])
    middle, reach = extent.mean(axis=1), DIVERGED * np.diff(extent, axis=1)[:, 0]
    found = [np.array(start, np.float64)]
    for _ in range(steps):
        at = step().numpy().astype(np.float64)
        if not np.isfinite(at).all() or (np.abs(at - middle) > reach).any():
            break
        found.append(at)
    return np.array(found)


def heights(surface: Surface, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The function in float64 at these points."""
    found = surface.function(as_tensor(x), as_tensor(y))
    return np.broadcast_to(np.asarray(found, np.float64), x.shape)


# ---- figures -----------------------------------------------------------------------------------
def _heights(axes: Any, surface: Surface) -> None:
    """Lines of equal height; their distances grow with the height, so that valleys are seen."""
    first, second = np.linspace(*surface.x, GRID), np.linspace(*surface.y, GRID)
    z = heights(surface, *np.meshgrid(first, second))
    lowest = _lowest(surface, z)
    above = z - lowest
    scale = np.log1p(above / max(float(np.median(above)) / 30, 1e-12))
    axes.contourf(first, second, scale, LEVELS, cmap="Greys_r", alpha=0.55)
    axes.contour(first, second, scale, LEVELS, colors="white", linewidths=0.5)
    for x, y in surface.minima:
        axes.plot(x, y, "*", color="white", markersize=13, markeredgecolor=style.INK, zorder=4)
    axes.set(xlim=surface.x, ylim=surface.y)
    axes.set_xlabel("x", fontsize=style.TEXT)
    axes.set_ylabel("y", fontsize=style.TEXT)
    style.plain_axes(axes, "")


def _lowest(surface: Surface, z: np.ndarray) -> float:
    """The height of the minimum, if it is known, else of the lowest point of the grid."""
    if not surface.minima:
        return float(np.nanmin(z))
    return float(heights(surface, *np.array(surface.minima, np.float64).T).min())


def _paths(axes: Any, surface: Surface, runs: Mapping[str, np.ndarray]) -> None:
    for number, ((name, found), color) in enumerate(
        zip(runs.items(), style.colors(len(runs)), strict=True)
    ):
        axes.plot(*found.T, color=color, linestyle=style.line(number), linewidth=1.8, label=name,
                  zorder=3 + number)  # fmt: skip
        axes.plot(*found[-1], style.MARKERS[number % len(style.MARKERS)], color=color,
                  markersize=7, markeredgecolor="white", zorder=20)  # fmt: skip
    begin = next(iter(runs.values()))[0]
    axes.plot(*begin, "o", color="white", markeredgecolor=style.INK, markersize=7, zorder=21)
    axes.annotate("start", begin, (6, 6), textcoords="offset points", fontsize=style.TEXT,
                  color=style.INK, zorder=21)  # fmt: skip


def _curves(axes: Any, surface: Surface, runs: Mapping[str, np.ndarray]) -> None:
    """Heights above the minimum over the steps; of functions without a known one, heights."""
    lowest = _lowest(surface, np.zeros(1)) if surface.minima else None
    for number, (found, color) in enumerate(
        zip(runs.values(), style.colors(len(runs)), strict=True)
    ):
        z = heights(surface, *found.T)
        z = z if lowest is None else np.maximum(z - lowest, FLOOR)
        axes.plot(np.arange(len(z)), z, color=color, linestyle=style.line(number), linewidth=1.8,
                  marker="o" if len(z) == 1 else None)  # fmt: skip
    if lowest is not None:
        style.decades(axes)
    axes.set_xlabel("step", fontsize=style.TEXT)
    axes.set_ylabel("height" if lowest is None else "height above the minimum",
                    fontsize=style.TEXT)  # fmt: skip
    style.plain_axes(axes)
