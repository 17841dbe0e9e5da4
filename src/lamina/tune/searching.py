"""search: train many choices of hyperparameters, give up the poor ones early, keep everything."""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lamina import arguments, tree
from lamina.annotations import DataLike
from lamina.callbacks import Callback
from lamina.data.splitting import stratified_split
from lamina.errors import ArgumentError, LaminaError, describe
from lamina.models import Model
from lamina.operations import random_keys
from lamina.settings import settings
from lamina.tune.results import Results
from lamina.tune.spaces import Params
from lamina.tune.trials import Trial, mean, place_of, plain, ranked
from lamina.tune.tuner import METHODS, Tuner

HALVING, HYPERBAND = "halving", "hyperband"


def search(
    build: Callable[[Params], Model],
    space: Mapping[str, Any],
    x: DataLike,
    y: DataLike | None = None,
    *,
    folder: str | os.PathLike[str],
    method: str = "random",
    trials: int | None = None,
    epochs: int = 1,
    factor: int = 3,
    metric: str = "val_loss",
    mode: str = "auto",
    validation_data: Sequence[Any] | None = None,
    validation_split: float = 0.2,
    folds: int = 1,
    seed: int = 0,
    workers: int = 1,
    callbacks: Callable[[], Sequence[Callback]] | None = None,
    verbose: int = 1,
    **fit: Any,
) -> Results:
    """Train models with different hyperparameters, and return the results.

    Every trial is kept in the folder; a search that was interrupted continues there. "halving" and
    "hyperband" train many trials for a few epochs and the best ones longer; a trial that is trained
    longer continues from its own state, with the bits of one that was never stopped.

    Args:
        build: function that takes hyperparameters (a dictionary with attributes) and returns a
            compiled model.
        space: dictionary from name to `choice`, `integers`, `uniform` or `loguniform`; a list is a
            choice.
        x: inputs, an array or a nest of arrays.
        y: targets.
        folder: folder of the search.
        method: "random", "grid", "halving" (successive halving), "hyperband", or "tpe" (by Optuna).
        trials: number of trials; None is 10, all combinations of a grid, and for "halving" and
            "hyperband" as many as `epochs` and `factor` say.
        epochs: epochs of a trial; the most for "halving" and "hyperband".
        factor: "halving" and "hyperband" keep a third of the trials at factor 3, and train them 3
            times longer.
        metric: name in the history that is compared, after the last epoch.
        mode: "min", "max", or "auto", which tells by the metric's name.
        validation_data: (x, y) or (x, y, sample_weight), for a search without folds.
        validation_split: fraction of the rows held out without validation data; the same rows for
            all trials.
        folds: number of parts of the rows, each of which is held out once; 1 holds out one part.
        seed: integer from which hyperparameters, weights and all draws come.
        workers: number of processes that train at the same time, each on its share of the cores.
        callbacks: function that returns callbacks for one `fit`.
        verbose: 0 prints nothing, 1 a line for each trial.
        **fit: further arguments of `Model.fit`, such as `batch_size`.

    Returns:
        The results: `best`, `best_model()`, a table.

    Raises:
        StateError: if the folder holds another search, or every trial failed.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import lamina as lm
        >>> def build(p):
        ...     model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        ...     model.compile(lm.optimizers.SGD(p.rate), "mse")
        ...     return model
        >>> x = np.random.default_rng(0).normal(size=(40, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = lm.tune.search(build, {"rate": [1e-6, 0.1]}, x, x[:, :1], method="grid",
        ...                            epochs=5, folder=folder, verbose=0)
        >>> found.best.params
        {'rate': 0.1}

    Source: Jamieson and Talwalkar, 2016 (successive halving); Li et al., 2018 (Hyperband).
    """
    method = arguments.one_of("search", "method", method, (*METHODS, HALVING, HYPERBAND))
    if not callable(build):
        raise ArgumentError(f"search: build: expected a function, got {describe(build)}")
    proposing = "random" if method in (HALVING, HYPERBAND) else method
    tuner = Tuner(space, proposing, metric=metric, mode=mode, folder=folder, seed=seed)
    assert tuner.folder is not None
    parts = _parts(x, y, validation_data, validation_split, folds, seed)
    work = _Work(build, tuner.folder, metric, parts, callbacks, dict(fit))
    run = _Run(tuner, work, arguments.integer("search", "workers", workers, 1), verbose)
    epochs = arguments.integer("search", "epochs", epochs, 1)
    factor = arguments.integer("search", "factor", factor, 2)
    if method in (HALVING, HYPERBAND):
        begin = 0
        for count, first in _brackets(method, trials, epochs, factor):
            run.halving(begin, count, first, epochs, factor)
            begin += count
    else:
        count = trials if trials is not None else tuner.size or 10
        run.all(min(count, tuner.size or count), epochs, one_by_one=method == "tpe")
    results = tuner.results
    _ = results.best  # raises if every trial failed
    return results


# ---- data --------------------------------------------------------------------------------------
@dataclass
class _Part:
    """The data of one fold."""

    x: Any
    y: Any
    validation: Any


def _parts(x: Any, y: Any, validation: Any, fraction: float, folds: int, seed: int) -> list[_Part]:
    folds = arguments.integer("search", "folds", folds, 1)
    if validation is not None:
        if folds > 1:
            raise ArgumentError("search: give validation_data or folds, not both")
        return [_Part(x, y, validation)]
    leaves = [np.asarray(leaf) for leaf in tree.leaves(y if y is not None else x)]
    rows = len(leaves[0])
    if folds == 1:
        chosen, held_out = stratified_split(leaves[0], fraction, seed)
        return [_part(x, y, chosen, held_out)]
    order = np.random.default_rng(seed).permutation(rows)
    pieces = np.array_split(order, folds)
    return [
        _part(x, y, np.sort(np.concatenate([*pieces[:k], *pieces[k + 1 :]])), np.sort(piece))
        for k, piece in enumerate(pieces)
    ]


def _part(x: Any, y: Any, chosen: np.ndarray, held_out: np.ndarray) -> _Part:
    def rows(nest: Any, numbers: np.ndarray) -> Any:
        return (
            None
            if nest is None
            else tree.map_structure(lambda leaf: np.asarray(leaf)[numbers], nest)
        )

    return _Part(rows(x, chosen), rows(y, chosen), (rows(x, held_out), rows(y, held_out)))


# ---- one trial ---------------------------------------------------------------------------------
@dataclass
class _Work:
    """The work of a trial: how it is built and trained, and on what."""

    build: Callable[[Params], Model]
    folder: Path
    metric: str
    parts: list[_Part]
    callbacks: Callable[[], Sequence[Callback]] | None
    fit: dict[str, Any] = field(default_factory=dict)

    def train(self, trial: Trial, epochs: int) -> Trial:
        """Train a trial up to this number of epochs; continue if it has had some."""
        try:
            histories = [self._fold(trial, k, epochs) for k in range(len(self.parts))]
            trial.value = mean([self._value(history) for history in histories])
            trial.history, trial.epochs, trial.status = histories, epochs, "complete"
        except (LaminaError, ArithmeticError, ValueError, TypeError, LookupError) as error:
            trial.status, trial.error = "failed", f"{type(error).__name__}: {error}"
        trial.write(self.folder)
        return trial

    def _fold(self, trial: Trial, fold: int, epochs: int) -> dict[str, list[float]]:
        part = self.parts[fold]
        with random_keys.seeded(trial.seed):
            return self._fitted(trial, fold, epochs, part)

    def _fitted(self, trial: Trial, fold: int, epochs: int, part: _Part) -> dict[str, list[float]]:
        model = self.build(trial.params)
        if not isinstance(model, Model) or not model.compiled:
            raise ArgumentError(
                f"search: build: expected a compiled model, got {describe(model)}",
                hint="call model.compile in build, and return the model",
            )
        history = model.fit(
            part.x,
            part.y,
            **{"verbose": 0, **self.fit},
            epochs=epochs,
            validation_data=part.validation,
            seed=trial.seed,
            callbacks=list(self.callbacks()) if self.callbacks is not None else None,
            checkpoint=place_of(self.folder, trial.number) / f"fold-{fold}",
            resume=True,
        )
        return plain(history.history)

    def _value(self, history: Mapping[str, Sequence[float]]) -> float:
        if self.metric not in history:
            raise ArgumentError(
                f"search: metric {self.metric!r} is not in the history (it has "
                f"{', '.join(history)})"
            )
        return history[self.metric][-1]


def _task(work: _Work, threads: int, task: tuple[Trial, int]) -> Trial:
    """Train a trial in a worker process."""
    with settings(threads=threads):
        return work.train(*task)


# ---- all trials --------------------------------------------------------------------------------
@dataclass
class _Run:
    tuner: Tuner
    work: _Work
    workers: int
    verbose: int

    def all(self, count: int, epochs: int, one_by_one: bool) -> None:
        """Train this number of trials; one by one if a proposal depends on the values before."""
        while one_by_one and (len(self.tuner.trials) < count or self._waiting(epochs)):
            self._train(self._waiting(epochs) or [self.tuner.ask()], epochs)
        while len(self.tuner.trials) < count:
            self.tuner.ask()
        self._train(self._waiting(epochs), epochs)

    def _waiting(self, epochs: int) -> list[Trial]:
        return [t for t in self.tuner.trials if t.status != "failed" and t.epochs < epochs]

    def halving(self, begin: int, count: int, first: int, epochs: int, factor: int) -> None:
        """Train trials `begin` and following for `first` epochs, the best longer, and so on."""
        while len(self.tuner.trials) < begin + count:
            self.tuner.ask()
        group = self.tuner.trials[begin : begin + count]
        length = first
        while group:
            self._train([t for t in group if t.status != "failed" and t.epochs < length], length)
            if length >= epochs:
                return
            values = {t.number: t.value_at(self.work.metric, length) for t in group}
            group = ranked([t for t in group if t.history], self.tuner.lower, values)
            group = group[: max(1, len(group) // factor)]
            length = min(epochs, length * factor)

    def _train(self, trials: Sequence[Trial], epochs: int) -> None:
        for done in self._each([(trial, epochs) for trial in trials]):
            at = self.tuner.trials[done.number]
            vars(at).update(vars(done))
            if self.verbose:
                values = ", ".join(f"{name}={value!r}" for name, value in at.params.items())
                result = at.error.split("\n")[0] if at.status == "failed" else f"{at.value:.6g}"
                print(f"trial {at.number}: {values}: {epochs} epochs: {self.work.metric} {result}")

    def _each(self, tasks: Sequence[tuple[Trial, int]]) -> Iterator[Trial]:
        if self.workers == 1 or len(tasks) < 2:
            yield from (self.work.train(*task) for task in tasks)
            return
        kind = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        threads = max(1, (os.cpu_count() or 1) // self.workers)
        with multiprocessing.get_context(kind).Pool(self.workers) as pool:
            yield from pool.imap_unordered(partial(_task, self.work, threads), tasks)


def _brackets(
    method: str, trials: int | None, epochs: int, factor: int
) -> Iterator[tuple[int, int]]:
    """Pairs (number of trials, epochs of each at first): one for "halving"; for "hyperband" one
    from many trials of few epochs to few trials of all epochs."""
    rungs = _rungs(epochs, factor)
    if method == HALVING:
        count = trials if trials is not None else factor**rungs
        rungs = min(rungs, _rungs(count, factor))
        yield count, max(1, epochs // factor**rungs)
        return
    for s in range(rungs, -1, -1):
        count = math.ceil((rungs + 1) / (s + 1) * factor**s)
        yield count, max(1, epochs // factor**s)


def _rungs(number: int, factor: int) -> int:
    """The largest power of `factor` in a number: the times that it can be divided."""
    return int(math.log(max(1, number), factor) + 1e-9)
