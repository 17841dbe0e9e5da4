"""The trials of a search for hyperparameters: curves, best value so far, slices, parallel axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lamina.arguments import one_of
from lamina.errors import ArgumentError, describe, unknown_name
from lamina.plot import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lamina.tune.results import Results

KINDS = ("curves", "best", "slices", "parallel")
COLUMNS = 3
FEW = 5  # distinct values that are the ticks themselves
WIDE = 10  # ratio of the largest and smallest value from which an axis is logarithmic


def search(
    results: Results,
    parameter: str | None = None,
    title: str | None = None,
    path: style.Path | None = None,
    kind: Literal["curves", "best", "slices", "parallel"] = "curves",
) -> Figure:
    """Draw the trials of a search for hyperparameters.

    The best trial is blue in all figures.

    Args:
        results: result of `lamina.tune.search`.
        parameter: name of a hyperparameter, to draw the trials' values over it alone; None draws
            what `kind` says.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.
        kind: "curves" for the metric of each trial over the epochs, "best" for the best value after
            each trial, "slices" for a panel for each hyperparameter, with the share of the
            differences that it explains (`Results.importance`), "parallel" for a line for each
            trial through its hyperparameters.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: if no trial is complete.
        UnknownNameError: if no trial has this hyperparameter.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> trial = lm.tune.Trial(0, lm.tune.Params(rate=0.1), 0, 1, 0.5, [{"loss": [0.5]}])
        >>> type(lm.plot.search(lm.tune.Results([trial], "loss", True))).__name__
        'Figure'
    """
    one_of("plot.search", "kind", kind, KINDS)
    if not hasattr(results, "trials") or not hasattr(results, "metric"):
        raise ArgumentError(
            f"plot.search: got {describe(results)}, expected what `lm.tune.search` returned"
        )
    trials = [t for t in results.trials if t.value is not None]
    if not trials:
        raise ArgumentError("plot.search: no trial is complete, so there is nothing to draw")
    names = list(dict.fromkeys(name for t in trials for name in t.params))
    if parameter is not None:
        if parameter not in names:
            raise unknown_name("hyperparameter", parameter, names)
        kind, names = "slices", [parameter]
    draw = {"curves": _curves, "best": _best, "slices": _slices, "parallel": _parallel}[kind]
    drawn = draw(trials, results, names)
    style.title(drawn, title)
    return style.finished(drawn, path)


# ---- over epochs and trials --------------------------------------------------------------------
def _curves(trials: list[Any], results: Any, names: list[str]) -> Figure:
    drawn = style.figure("plot.search", 5.0, 3.4)
    axes = drawn.subplots()
    best, longest = results.best.number, 1
    for trial in trials:
        if not trial.history:
            continue
        curve = np.mean([history[results.metric] for history in trial.history], axis=0)
        is_best = trial.number == best
        how: dict[str, Any] = {"color": style.GREY, "linewidth": 0.8, "alpha": 0.8}
        if is_best:
            how = {"color": style.BLUE, "linewidth": 2.0, "label": _called(trial), "zorder": 3}
        elif len(curve) < 2:
            how |= {"marker": "o", "markersize": 2.5}
        epochs = np.arange(1, len(curve) + 1)
        axes.plot(epochs, curve, **how)
        longest = max(longest, len(curve))
    style.epochs_axis(axes, longest)
    _finish(axes, results.metric)
    axes.legend(frameon=False, fontsize=style.TEXT)
    return drawn


def _called(trial: Any) -> str:
    """A trial in a legend: its number, and its hyperparameters if they are few."""
    shown = [f"{name} {_short(value)}" for name, value in trial.params.items()]
    return f"trial {trial.number}" + (f": {', '.join(shown)}" if len(shown) <= 3 else "")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _best(trials: list[Any], results: Any, names: list[str]) -> Figure:
    """The value of each trial, in gray, and the best so far."""
    drawn = style.figure("plot.search", 5.0, 3.4)
    axes = drawn.subplots()
    numbers = np.array([t.number for t in trials])
    values = np.array([t.value for t in trials], np.float64)
    axes.plot(numbers, values, "o", color=style.GREY, markersize=4, label="trial")
    known = np.where(np.isnan(values), np.inf if results.lower else -np.inf, values)
    so_far = (np.minimum if results.lower else np.maximum).accumulate(known)
    axes.step(numbers, so_far, where="post", color=style.BLUE, linewidth=2, label="best so far")
    axes.set_xlabel("trial", fontsize=style.TEXT)
    axes.locator_params(axis="x", integer=True)
    _finish(axes, results.metric)
    axes.legend(frameon=False, fontsize=style.TEXT)
    return drawn


def _finish(axes: Any, metric: str) -> None:
    axes.set_ylabel(metric, fontsize=style.TEXT)
    style.plain_axes(axes)


# ---- over hyperparameters ----------------------------------------------------------------------
def _slices(trials: list[Any], results: Any, names: list[str]) -> Figure:
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    drawn = style.figure("plot.search", 0.8 + 3.0 * columns, 2.9 * rows)
    cells = drawn.subplots(rows, columns, squeeze=False, sharey=True)
    shares = results.importance()
    for axes, name in zip(np.ravel(cells), names, strict=False):
        _slice(axes, trials, results, name)
        share = shares.get(name, math.nan)
        if not math.isnan(share):
            axes.set_title(f"explains {share:.0%}", color=style.SECONDARY, fontsize=style.TEXT)
    for row in cells:
        row[0].set_ylabel(results.metric, fontsize=style.TEXT)
    for axes in np.ravel(cells)[len(names) :]:
        axes.set_axis_off()
    _explain_dots(drawn, len({t.epochs for t in trials}) > 1)
    return drawn


def _explain_dots(drawn: Any, some_are_short: bool) -> None:
    from matplotlib.lines import Line2D

    kinds = [("best", style.BLUE, style.BLUE, 6.5), ("trial", style.GREY, style.GREY, 4.5)]
    if some_are_short:
        kinds.append(("trial with fewer epochs", "white", style.GREY, 4.5))
    dots = [
        Line2D([], [], marker="o", linestyle="", markerfacecolor=inside, markeredgecolor=edge,
               markersize=size, label=name)
        for name, inside, edge, size in kinds
    ]  # fmt: skip
    drawn.legend(handles=dots, loc="outside lower center", ncols=3, frameon=False,
                 fontsize=style.TEXT)  # fmt: skip


def _slice(axes: Any, trials: list[Any], results: Any, name: str) -> None:
    having = [t for t in trials if name in t.params]
    given = [t.params[name] for t in having]
    x = np.array(given, float) if _are_numbers(given) else np.array([str(v) for v in given])
    best = results.best.number
    longest = max(t.epochs for t in trials)
    for place, trial in zip(x, having, strict=True):
        is_best = trial.number == best
        whole = trial.epochs == longest
        axes.scatter(
            [place], [trial.value], s=42 if is_best else 20, linewidths=1,
            facecolors=style.BLUE if is_best else style.GREY if whole else "white",
            edgecolors=style.BLUE if is_best else style.GREY, zorder=3 if is_best else 2,
        )  # fmt: skip
    if _are_numbers(given):
        if _is_wide(x):
            axes.set_xscale("log")
        distinct = np.unique(x)
        if len(distinct) <= FEW:
            axes.set_xticks(distinct, [f"{v:.4g}" for v in distinct])
            axes.minorticks_off()
    else:
        axes.margins(x=0.3)
    axes.set_xlabel(name, fontsize=style.TEXT)
    style.plain_axes(axes)


def _are_numbers(given: list[Any]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in given)


def _is_wide(x: np.ndarray) -> bool:
    return bool(x.min() > 0 and x.max() / x.min() >= WIDE)


def _parallel(trials: list[Any], results: Any, names: list[str]) -> Figure:
    """An axis for each hyperparameter and one for the value; a line for each trial, dark for good
    ones."""
    from matplotlib import colormaps

    trials = [t for t in trials if all(name in t.params for name in names)]
    drawn = style.figure("plot.search", 1.6 + 1.6 * len(names), 3.8)
    axes = drawn.subplots()
    values = [float(t.value) for t in trials]
    columns = [_axis([t.params[name] for t in trials]) for name in names] + [_axis(values)]
    finite = np.nan_to_num(np.array(values), nan=np.inf if results.lower else -np.inf)
    ranks = np.argsort(np.argsort(finite if results.lower else -finite, kind="stable"))
    best = results.best.number
    for number, (trial, rank) in enumerate(zip(trials, ranks, strict=True)):
        y = [places[number] for places, _ in columns]
        is_best = trial.number == best
        shade = colormaps[style.HEIGHTS](0.15 + 0.8 * rank / max(len(trials) - 1, 1))
        axes.plot(range(len(columns)), y, color=style.BLUE if is_best else shade,
                  linewidth=2.4 if is_best else 1.0, alpha=1.0 if is_best else 0.75,
                  zorder=3 if is_best else 2)  # fmt: skip
    for place, (_, ticks) in enumerate(columns):
        axes.axvline(place, color=style.INK, linewidth=0.8, zorder=4)
        for at, text in ticks:
            axes.text(place + 0.03, at, text, fontsize=style.SMALL, color=style.INK, va="center",
                      zorder=5, bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0,
                                      "pad": 0.8})  # fmt: skip
    axes.set_xticks(range(len(columns)), [*names, results.metric])
    axes.set(xlim=(-0.15, len(columns) - 0.6), ylim=(-0.05, 1.05), yticks=[])
    style.plain_axes(axes, "")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    return drawn


def _axis(given: list[Any]) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Places from 0 to 1 along an axis, and its labels with their places."""
    if not _are_numbers(given):
        texts = [str(value) for value in given]
        known = list(dict.fromkeys(sorted(texts)))
        at = {text: (k + 0.5) / len(known) for k, text in enumerate(known)}
        return np.array([at[text] for text in texts]), [(at[text], text) for text in known]
    x = np.array(given, np.float64)
    finite = x[np.isfinite(x)]
    if not finite.size:
        return np.full(len(x), 0.5), []
    wide = _is_wide(finite)
    scale = np.log(x) if wide else x
    low, high = np.nanmin(scale[np.isfinite(scale)]), np.nanmax(scale[np.isfinite(scale)])
    if high <= low:
        return np.where(np.isfinite(x), 0.5, np.nan), [(0.5, _short(given[0]))]
    distinct = np.unique(finite)
    shown = distinct if len(distinct) <= FEW else _spread(low, high, wide)
    labels = [(float(((np.log(v) if wide else v) - low) / (high - low)), f"{v:.3g}") for v in shown]
    return (scale - low) / (high - low), labels


def _spread(low: float, high: float, wide: bool) -> np.ndarray:
    places = np.linspace(low, high, 5)
    return np.exp(places) if wide else places
