"""Results: the trials of a search as a table, and the best model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lamina import notebook
from lamina.errors import StateError
from lamina.models import Model
from lamina.models.trainee import Trainee
from lamina.saving import load_model, states
from lamina.saving.models import shapes_from
from lamina.training.checkpoints import FINAL, MODEL
from lamina.training.state import put_model
from lamina.tune.trials import Trial, place_of, ranked


class Results:
    """The trials of a search; printing it shows them, the best first.

    Args:
        trials: list of trials.
        metric: name of their values.
        lower: True if smaller values are better.
        folder: folder of the search; None if it is only in memory.

    Example:
        >>> import lamina as lm
        >>> trial = lm.tune.Trial(0, lm.tune.Params(a=1), 0, value=0.5)
        >>> lm.tune.Results([trial], "loss", True).best.params
        {'a': 1}
    """

    def __init__(
        self, trials: Sequence[Trial], metric: str, lower: bool, folder: Path | None = None
    ) -> None:
        self.trials, self.metric, self.lower = list(trials), metric, lower
        self._folder = folder

    @property
    def best(self) -> Trial:
        """The best trial among those that were trained longest.

        Raises:
            StateError: if no trial is complete.
        """
        most = max((t.epochs for t in self.trials if t.value is not None), default=0)
        found = ranked([t for t in self.trials if t.epochs == most], self.lower)
        if not found:
            failed = next((t.error for t in self.trials if t.error), "none was trained")
            raise StateError(f"tune: no trial is complete: {failed}")
        return found[0]

    def best_model(self, fold: int = 0, custom_objects: Mapping[str, Any] | None = None) -> Model:
        """Return the trained model of the best trial, from its folder.

        Args:
            fold: number of the fold, for a search with several.
            custom_objects: dictionary from name to class or function of the caller's own.
        """
        if self._folder is None:
            raise StateError("tune: best_model needs a search with a folder")
        place = place_of(self._folder, self.best.number) / f"fold-{fold}"
        model: Model = load_model(place / MODEL, custom_objects)
        state = states.unpack(place / FINAL, (place / FINAL).read_bytes())
        if not model.built:
            model.build(shapes_from(state["build_shape"]))
        put_model(Trainee(model), state)
        return model

    def importance(self) -> dict[str, float]:
        """Return the share of the differences between trials that each hyperparameter explains.

        Trials are compared by the rank of their values after the smallest common number of epochs.
        Those with equal values of a hyperparameter, or with neighboring ones of a number with many
        values, form a group; the share is the variance between groups, less what groups of random
        trials would have (epsilon squared). It is 0 for no influence and 1 if nothing else matters.
        Effects of two hyperparameters together are not seen; NaN means too few trials to tell.

        Example:
            >>> import lamina as lm
            >>> def trial(k):
            ...     params = lm.tune.Params(a=k % 2, b=k // 6)
            ...     return lm.tune.Trial(k, params, 0, 1, k % 2, [{"m": [k % 2]}])
            >>> trials = [trial(k) for k in range(12)]
            >>> lm.tune.Results(trials, "m", True).importance()
            {'a': 1.0, 'b': 0.0}
        """
        trials = [t for t in self.trials if t.value is not None and t.history]
        least = min((t.epochs for t in trials), default=0)
        values = [t.value_at(self.metric, least) for t in trials]
        names = dict.fromkeys(name for t in trials for name in t.params)
        return {
            name: explained([t.params.get(name) for t in trials], np.array(values, np.float64))
            for name in names
        }

    def table(self) -> str:
        """Return the trials as text, the best first."""
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        cells = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
        return "\n".join(line.rstrip() for line in cells)

    def _rows(self) -> list[list[str]]:
        """The cells of the table, the headings first."""
        names = list(dict.fromkeys(name for t in self.trials for name in t.params))
        order = ranked(self.trials, self.lower)
        order = sorted(order, key=lambda t: -t.epochs)
        order += [t for t in self.trials if t.value is None]
        rows = [["trial", *names, "epochs", self.metric]]
        for t in order:
            shown = t.error.split("\n")[0] if t.status == "failed" else _text(t.value)
            values = [_text(t.params.get(name)) for name in names]
            rows.append([str(t.number), *values, str(t.epochs), shown])
        return rows

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        """The trials as notebooks show them."""
        heads, *rows = self._rows()
        title = f"{len(self.trials)} trials"
        return notebook.heading(title) + notebook.table(heads, rows, range(len(heads)))


GROUPS = 4  # of the values of a number


def explained(given: Sequence[Any], values: np.ndarray) -> float:
    """Epsilon squared of the ranks of `values`, grouped by the values of a hyperparameter."""
    groups = _groups(given)
    count, number = len(values), len(set(groups))
    if count - number < 2:
        return math.nan
    if number == 1:
        return 0.0
    _, place, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[place]  # equal values share their mean rank
    total = float(np.square(ranks - ranks.mean()).sum())
    within = sum(
        float(np.square(ranks[groups == k] - ranks[groups == k].mean()).sum()) for k in set(groups)
    )
    if total == 0:
        return 0.0
    by_accident = (number - 1) * within / (count - number)
    return max(0.0, (total - within - by_accident) / total)


def _groups(given: Sequence[Any]) -> np.ndarray:
    """The group of each value: equal ones, or the quarters of numbers with many values."""
    _, groups = np.unique([repr(value) for value in given], return_inverse=True)
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in given)
    if numbers and groups.max(initial=0) >= GROUPS:
        order = np.argsort(np.argsort(np.array(given, np.float64), kind="stable"), kind="stable")
        groups = order * GROUPS // len(given)
    return np.asarray(groups)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
