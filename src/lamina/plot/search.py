"""The trials of a search for hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.errors import ArgumentError
from lamina.plot import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lamina.tune.results import Results


def search(
    results: Results,
    parameter: str | None = None,
    title: str | None = None,
    path: style.Path | None = None,
) -> Figure:
    """Draw the curve of each trial, or the trials' values over one hyperparameter.

    Args:
        results: result of `lamina.tune.search`.
        parameter: name of a hyperparameter for the horizontal axis; None draws curves over epochs.
        title: title of the figure; None for none.
        path: file to save the figure to; its ending is the format. None saves nothing.

    Returns:
        A matplotlib Figure.

    Raises:
        ArgumentError: if no trial is complete, or has this hyperparameter.
        MissingExtraError: if matplotlib is not installed.

    Example:
        >>> import lamina as lm
        >>> trial = lm.tune.Trial(0, lm.tune.Params(rate=0.1), 0, 1, 0.5, [{"loss": [0.5]}])
        >>> type(lm.plot.search(lm.tune.Results([trial], "loss", True))).__name__
        'Figure'
    """
    trials = [t for t in results.trials if t.value is not None]
    if not trials:
        raise ArgumentError("plot.search: no trial is complete, so there is nothing to draw")
    drawn = style.figure("plot.search", 5.0, 3.4)
    axes = drawn.subplots()
    if parameter is None:
        _curves(axes, trials, results)
    else:
        _values(axes, trials, results, parameter)
    axes.set_ylabel(results.metric)
    style.title(drawn, title)
    return style.finished(drawn, path)


def _curves(axes: Any, trials: list[Any], results: Any) -> None:
    best = results.best.number
    for trial in trials:
        curve = np.mean([history[results.metric] for history in trial.history], axis=0)
        color, width = (style.BLUE, 1.8) if trial.number == best else (style.GREY, 0.7)
        epochs = np.arange(1, len(curve) + 1)
        axes.plot(epochs, curve, color=color, linewidth=width, zorder=2 + (trial.number == best))
        if trial.number == best:
            axes.annotate(f"trial {best}", (epochs[-1], curve[-1]), fontsize=style.SMALL)
    axes.set_xlabel("epoch")


def _values(axes: Any, trials: list[Any], results: Any, parameter: str) -> None:
    known = list(dict.fromkeys(name for t in trials for name in t.params))
    if parameter not in known:
        raise ArgumentError(
            f"plot.search: unknown hyperparameter {parameter!r}",
            hint=f"there are {', '.join(known)}",
        )
    given = [t.params[parameter] for t in trials]
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in given)
    x = np.array(given, float) if numbers else np.array([str(v) for v in given])
    axes.scatter(x, [t.value for t in trials], s=18, color=style.BLUE)
    if numbers and x.min() > 0 and x.max() / x.min() >= 10:
        axes.set_xscale("log")
    axes.set_xlabel(parameter)
