"""Tuner: proposals of hyperparameters one after the other, told their values."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lamina import arguments
from lamina.errors import ArgumentError, StateError, need_extra
from lamina.files import checked_name, read_text, write_whole
from lamina.tune.results import Results
from lamina.tune.spaces import Choice, Params, checked_space, drawn, grid
from lamina.tune.trials import SEARCH, Trial, lower_is_better, read_trials

METHODS = ("random", "grid", "tpe")


class Tuner:
    """Proposals of hyperparameters: `ask` for a trial, train it, `tell` its value.

    A proposal depends on seed, number and the values told before, so that a tuner on the same
    folder continues with the proposal that would have come next.

    Args:
        space: dictionary from name to `choice`, `integers`, `uniform` or `loguniform`; a list is a
            choice.
        method: "random", "grid", or "tpe" (Tree-structured Parzen Estimator, by Optuna).
        metric: name of the value, for `mode="auto"` and for tables.
        mode: "min", "max", or "auto", which tells by the metric's name.
        folder: folder in which trials are kept; None keeps them in memory.
        seed: integer from which all proposals come.

    Raises:
        MissingExtraError: "tpe" needs Optuna.
        StateError: if the folder holds another search.

    Example:
        >>> import lamina as lm
        >>> tuner = lm.tune.Tuner({"a": lm.tune.uniform(-1, 1)}, metric="loss")
        >>> for _ in range(20):
        ...     trial = tuner.ask()
        ...     tuner.tell(trial, trial.params.a ** 2)
        >>> abs(tuner.results.best.params.a) < 0.2
        True
    """

    def __init__(
        self,
        space: Mapping[str, Any],
        method: str = "random",
        *,
        metric: str = "val_loss",
        mode: str = "auto",
        folder: str | os.PathLike[str] | None = None,
        seed: int = 0,
    ) -> None:
        self.space = checked_space(space)
        self.method = arguments.one_of("Tuner", "method", method, METHODS)
        self.metric = metric
        self.lower = lower_is_better(
            metric, arguments.one_of("Tuner", "mode", mode, ("auto", "min", "max"))
        )
        self.seed = arguments.integer("Tuner", "seed", seed, 0)
        self.folder = None if folder is None else Path(checked_name(folder))
        self.trials: list[Trial] = []
        if method == "grid":
            self._grid = list(grid(self.space))
        if method == "tpe":
            need_extra("optuna", "tune", "method='tpe'")
        if self.folder is not None:
            self._open(self.folder)

    def _open(self, folder: Path) -> None:
        """Take up the search in the folder, or begin one."""
        made = {
            "method": self.method,
            "seed": self.seed,
            "metric": self.metric,
            "space": {name: repr(parameter) for name, parameter in self.space.items()},
        }
        path = folder / SEARCH
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(made, indent=1).encode())
            return
        before = json.loads(read_text(path))
        for name, value in made.items():
            if before.get(name) != value:
                raise StateError(
                    f"tune: the search in {str(folder)!r} has {name} {before.get(name)!r}, and "
                    f"{value!r} was given",
                    hint="continue it with what it began with, or choose another folder",
                )
        self.trials = read_trials(folder)

    # ---- proposals -----------------------------------------------------------------------------
    def ask(self) -> Trial:
        """Return the next trial.

        Raises:
            StateError: if all combinations of a grid are tried.
        """
        number = len(self.trials)
        trial = Trial(number, self._proposal(number), self.seed + number)
        self.trials.append(trial)
        return trial

    @property
    def size(self) -> int | None:
        """The number of all trials of a grid; None for other methods."""
        return len(self._grid) if self.method == "grid" else None

    def _proposal(self, number: int) -> Params:
        if self.method == "grid":
            if number >= len(self._grid):
                raise StateError(f"tune: all {len(self._grid)} combinations are tried")
            return self._grid[number]
        if self.method == "tpe":
            return self._by_optuna(number)
        return drawn(self.space, self.seed, number)

    def _by_optuna(self, number: int) -> Params:
        """A proposal of a study that has been told all earlier trials."""
        optuna: Any = need_extra("optuna", "tune", "method='tpe'")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=self.seed + number)
        study = optuna.create_study(
            direction="minimize" if self.lower else "maximize", sampler=sampler
        )
        known = {n: _distribution(optuna, parameter) for n, parameter in self.space.items()}
        for trial in self.trials:
            if trial.value is not None:
                study.add_trial(
                    optuna.trial.create_trial(
                        params=dict(trial.params), distributions=known, value=trial.value
                    )
                )
        return Params(study.ask(known).params)

    def tell(self, trial: Trial, value: float) -> None:
        """Record the value of a trial.

        Args:
            trial: trial that `ask` returned.
            value: its metric.
        """
        if trial not in self.trials:
            raise ArgumentError(f"tell: trial {trial.number} does not belong to this tuner")
        trial.value, trial.status = float(value), "complete"
        self.keep(trial)

    def keep(self, trial: Trial) -> None:
        """Write a trial to the folder, if there is one.

        Args:
            trial: trial that `ask` returned.
        """
        if self.folder is not None:
            trial.write(self.folder)

    @property
    def results(self) -> Results:
        """The trials so far."""
        return Results(self.trials, self.metric, self.lower, self.folder)


def _distribution(optuna: Any, parameter: Any) -> Any:
    if isinstance(parameter, Choice):
        return optuna.distributions.CategoricalDistribution(parameter.values)
    return optuna.distributions.FloatDistribution(
        parameter.low, parameter.high, log=parameter.logarithmic
    )
