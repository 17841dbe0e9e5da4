"""Loss and metrics over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.errors import ArgumentError, describe
from lamina.plot import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lamina.callbacks.history import History

COLUMNS = 5  # panels of runs in a row
METRICS = 4  # panels of metrics in a row
IN_PANEL = 5  # more runs than this have one legend outside of the panels
LEGEND_ROWS = 18

Run = Mapping[str, Sequence[float]]


class Seeds:
    """The values of a metric in several runs: their means in order, and their range."""

    def __init__(self, rows: Sequence[Sequence[float]]) -> None:
        least = min(map(len, rows))
        self.rows = np.array([list(row)[:least] for row in rows], np.float64)

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    def __iter__(self) -> Iterator[float]:
        return iter(self.rows.mean(axis=0).tolist())


def history(
    runs: History | Mapping[str, Any] | Sequence[Any],
    metrics: str | Sequence[str] | None = None,
    title: str | None = None,
    path: style.Path | None = None,
    separate: bool = False,
) -> Figure:
    """Draw training curves: a panel for each metric, thin for training, thick for validation.

    Several runs share the panels, each in its color, or with `separate` have panels side by side
    on one scale, in which the gap between training and validation is seen.

    Args:
        runs: result of `fit`, its dictionary {"loss": [...], "val_loss": [...]} or a frame with
            such columns; or several to compare, as a dictionary by name or a list. A list in such a
            dictionary holds runs with different seeds: their mean is drawn, in a band from the
            smallest to the largest value, over the epochs that all have.
        metrics: names without "val_"; None takes all but the learning rate.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.
        separate: draw several runs side by side, a row of panels for each metric.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: if there is nothing to draw, or a value is not a number.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> type(lm.plot.history({"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]})).__name__
        'Figure'
    """
    by_name = _runs(runs)
    shown = [metrics] if isinstance(metrics, str) else list(metrics or _metrics(by_name))
    for metric in shown:
        if not any(key in run for run in by_name.values() for key in (metric, f"val_{metric}")):
            raise ArgumentError(
                f"plot.history: there is no {metric!r}",
                hint=f"there are {', '.join(_metrics(by_name)) or 'no metrics'}",
            )
    if not shown:
        raise ArgumentError("plot.history: no epoch has been trained, so there is nothing to draw")
    if separate and len(by_name) > 1:
        drawn = _side_by_side(by_name, shown)
        style.title(drawn, title)
        return style.finished(drawn, path)
    drawn = _together(by_name, shown)
    style.title(drawn, title)
    return style.finished(drawn, path)


def _together(runs: Mapping[str, Run], metrics: Sequence[str]) -> Figure:
    """A panel for each metric, with all runs."""
    rows = -(-len(metrics) // METRICS)
    columns = -(-len(metrics) // rows)
    several = len(runs) > IN_PANEL
    room = 1.2 + 1.9 * -(-len(runs) // LEGEND_ROWS) if several else 0.6
    drawn = style.figure("plot.history", room + 4.4 * columns, 3.4 * rows)
    cells = np.ravel(drawn.subplots(rows, columns, squeeze=False))
    for axes, metric in zip(cells, metrics, strict=False):
        _panel(axes, metric, runs)
        if several:
            axes.get_legend().remove()
    for axes in cells[len(metrics) :]:
        axes.set_axis_off()
    if several:
        _legend_of_runs(drawn, runs)
    return drawn


def _legend_of_runs(drawn: Any, runs: Mapping[str, Run]) -> None:
    """The color of each run, once, outside of the panels."""
    from matplotlib.lines import Line2D

    colors = style.colors(len(runs))
    lines = [
        Line2D([], [], color=color, linestyle=style.line(k), linewidth=2.0, label=name)
        for k, (name, color) in enumerate(zip(runs, colors, strict=True))
    ]
    drawn.legend(handles=lines, loc="outside right center", frameon=False, fontsize=style.SMALL,
                 title="thin: training,\nthick: validation", title_fontsize=style.SMALL,
                 ncols=-(-len(runs) // LEGEND_ROWS))  # fmt: skip


def _side_by_side(runs: Mapping[str, Run], metrics: Sequence[str]) -> Figure:
    """A panel for each run, at most COLUMNS in a row; the panels of a metric have one scale."""
    rows = -(-len(runs) // COLUMNS)
    columns = -(-len(runs) // rows)
    drawn = style.figure("plot.history", 0.6 + 2.3 * columns, 2.1 * rows * len(metrics) + 0.4)
    for part, metric in zip(
        np.ravel(np.asarray(drawn.subfigures(len(metrics), 1))), metrics, strict=True
    ):
        cells = np.ravel(part.subplots(rows, columns, sharex=True, sharey=True, squeeze=False))
        for axes, (name, run) in zip(cells, runs.items(), strict=False):
            _panel(axes, metric, {"": run})
            axes.set_title(name, color=style.INK, fontsize=style.PANEL)
            axes.get_legend().remove()
            axes.set_xlabel("")
        for number, axes in enumerate(cells):
            if number % columns == 0:
                axes.set_ylabel(metric, fontsize=style.TEXT)
            if number + columns >= len(runs):
                axes.set_xlabel("epoch", fontsize=style.TEXT)
                axes.tick_params(labelbottom=True)
            if number >= len(runs):
                axes.set_axis_off()
    lines, names = drawn.axes[0].get_legend_handles_labels()
    drawn.legend(lines, names, loc="outside lower center", ncols=2, frameon=False,
                 fontsize=style.TEXT)  # fmt: skip
    return drawn


def _runs(given: Any) -> dict[str, Run]:
    """The runs by name; a single one is called ""."""
    if isinstance(given, list | tuple):
        runs = {f"run {k}": _columns(each) for k, each in enumerate(given, 1)}
        given = runs if all(isinstance(each, Mapping) for each in runs.values()) else given
    run = _columns(given)
    if not isinstance(run, Mapping):
        raise ArgumentError(
            f"plot.history: got {describe(given)}, expected what `fit` returned, or a dict of such"
        )
    inner: dict[str, Any] = {str(name): _pooled(_columns(each)) for name, each in run.items()}
    several = bool(inner) and all(isinstance(each, Mapping) for each in inner.values())
    found: dict[str, Run] = inner if several else {"": run}
    for each in found.values():
        for name, values in each.items():
            _need_numbers(str(name), values)
    return found


def _pooled(runs: Any) -> Any:
    """Of a list of runs the values of all by metric; other values as they are."""
    if not isinstance(runs, list | tuple) or not runs:
        return runs
    each = [_columns(run) for run in runs]
    if not all(isinstance(run, Mapping) for run in each):
        return runs
    names = [name for name in each[0] if all(name in run for run in each)]
    for name in names:
        for run in each:
            _need_numbers(str(name), run[name])
    drawable = [name for name in names if all(_drawable(run[name]) for run in each)]
    return {name: Seeds([run[name] for run in each]) for name in drawable}


def _columns(run: Any) -> Any:
    """The history of what `fit` returned, the columns of a frame; other values as they are."""
    run = getattr(run, "history", run)
    if hasattr(run, "columns") and hasattr(run, "to_dict"):
        return {str(name): np.asarray(run[name]).tolist() for name in run.columns}
    return run


def _need_numbers(name: str, values: Any) -> None:
    """Raise ArgumentError unless the values are a list, or something like one, of numbers."""
    if not hasattr(values, "__len__") or isinstance(values, str | Mapping):
        raise ArgumentError(
            f"plot.history: {name!r} is {describe(values)}, expected a list with a number for each "
            "epoch"
        )
    if any(isinstance(value, str) for value in values):
        raise ArgumentError(
            f"plot.history: {name!r} holds texts, expected numbers",
            hint="convert them: [float(value) for value in values]",
        )


def _metrics(runs: Mapping[str, Run]) -> list[str]:
    """The metrics of all runs in order; values other than numbers, and rates, are left out."""
    names = [name for run in runs.values() for name in run if _drawable(run[name])]
    metrics = dict.fromkeys(name.removeprefix("val_") for name in names)
    return [name for name in metrics if name not in ("lr", "learning_rate", "epoch")]


def _drawable(values: Any) -> bool:
    return len(values) > 0 and all(np.ndim(value) == 0 for value in values)


def _panel(axes: Any, metric: str, runs: Mapping[str, Run]) -> None:
    colors = style.colors(len(runs))
    for number, ((name, run), color) in enumerate(zip(runs.items(), colors, strict=True)):
        line = style.line(number)
        prefix = f"{name}, " if name else ""
        grey = style.GREY if len(runs) == 1 else color
        _curve(axes, run.get(metric), prefix + "training", color=grey, linewidth=1.1, alpha=0.9,
               linestyle=line)  # fmt: skip
        validation = run.get(f"val_{metric}")
        _curve(axes, validation, prefix + "validation", color=color, linewidth=2.0,
               linestyle=line, marker=style.MARKERS[number % len(style.MARKERS)])  # fmt: skip
    keys = (metric, f"val_{metric}")
    style.epochs_axis(axes, max(len(run.get(key, ())) for run in runs.values() for key in keys))
    axes.set_title(metric, color=style.INK, fontsize=style.PANEL)
    style.plain_axes(axes)
    axes.legend(frameon=False, fontsize=style.TEXT)


def _curve(axes: Any, values: Sequence[float] | Seeds | None, label: str, **how: Any) -> None:
    if values is None:
        return
    size = 3.5 if len(values) <= 40 else 0
    if len(values) == 1:  # a line through one point is invisible
        how["marker"], size = "o", 6
    numbers = np.array(list(values), np.float64)
    epochs, broken = np.arange(1, len(numbers) + 1), ~np.isfinite(numbers)
    if broken.any():  # points between them have no lines
        how["marker"], size = how.get("marker", "o"), 3.5
        numbers = np.where(broken, np.nan, numbers)
    axes.plot(epochs, numbers, label=label, markersize=size, **how)
    if isinstance(values, Seeds):
        low, high = values.rows.min(axis=0), values.rows.max(axis=0)
        axes.fill_between(epochs, low, high, color=how["color"], alpha=0.15, linewidth=0)
    if broken.any():
        axes.plot(epochs[broken], np.full(broken.sum(), 0.02), "x", color=style.RED, markersize=6,
                  transform=axes.get_xaxis_transform(), label=f"{label}: not finite")  # fmt: skip
