"""fit and evaluate: epochs of native calls, and what happens between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.callbacks.base import CallbackList
from lamina.callbacks.history import History
from lamina.data.dataset import PyDataset
from lamina.data.splitting import class_labels, stratified_split
from lamina.errors import ArgumentError, describe, warn
from lamina.interrupts import Deferred
from lamina.operations import random
from lamina.training.columns import Columns, columns
from lamina.training.kept import Kept
from lamina.training.progress import Progress
from lamina.training.session import Runner, Session
from lamina.training.sources import (
    Pace,
    Resident,
    Stream,
    is_iterable_of_batches,
    refuse_batch_size,
)
from lamina.training.stateful import check_rows, resident

Source = Resident | Stream
Logs = dict[str, Any]
EVALUATION_BATCH = 256


@dataclass
class Course:
    """One pass over a source: what runs, on what, and who is told."""

    kind: str  # "train" or "evaluate"
    source: Source
    pace: Pace
    callbacks: CallbackList
    progress: Progress
    kept: Kept | None = None  # notes the state that is to be put back afterwards

    @property
    def hooks(self) -> str:
        return {"train": "on_train_batch", "evaluate": "on_test_batch"}[self.kind]

    @property
    def stop(self) -> str:
        """The attribute of a model that a callback sets to end this pass early."""
        return {"train": "stop_training", "evaluate": "stop_evaluating"}[self.kind]


def run(model: Any, course: Course, epoch: int, interrupt: Deferred) -> Logs:
    """Go through the source once; the logs at its end. Left early, it leaves no threads behind."""
    session: Session = model._session
    logs: Logs = {}
    done = rows = 0
    with closing(course.source.chunks(epoch, course.pace)) as chunks:
        for data, order in chunks:
            if not done or isinstance(course.source, Stream):
                runner = _runner(session, model, course, data, rows)
                runner = runner if course.kept is None else runner.keeping(course.kept)
            if not done:
                session.reset(model)
                session.begin_epoch(epoch if course.kind == "train" else 0)
            course.callbacks.tell(f"{course.hooks}_begin", done, {})
            course.pace.begin()
            results = interrupt.call(runner, order, *data.arrays)
            course.pace.end(len(order))
            done += len(order)
            rows += order.size
            logs = session.logs(results)
            course.callbacks.tell(f"{course.hooks}_end", done - 1, dict(logs))
            course.progress.update(done, logs)
            if getattr(model, course.stop):
                break
    return logs


def _runner(session: Session, model: Any, course: Course, data: Columns, first: int) -> Runner:
    """The program for these columns, whose first row is number `first` of the epoch. Of arrays it
    stays the same for all epochs, unless there are callbacks, which may freeze layers."""
    source = course.source
    if isinstance(source, Stream):
        session.prepare(model, data, course.kind, first)
        check_rows(model, data.rows, batches=False)
        return session.runner(model, course.kind, data)
    if source.runner is None or len(course.callbacks.callbacks) > 1:
        source.runner = session.runner(model, course.kind, data)
    return source.runner


# ---- fit ---------------------------------------------------------------------------------------
@dataclass
class Fit:
    """The arguments of one call of `fit` that the epochs need."""

    epochs: int
    initial_epoch: int
    verbose: Any
    seed: int
    validation: Source | None
    validation_freq: int | frozenset[int]

    def validates(self, epoch: int) -> bool:
        """Whether there is validation after this epoch, counted from 0."""
        if self.validation is None:
            return False
        if isinstance(self.validation_freq, int):
            return (epoch + 1) % self.validation_freq == 0
        return epoch + 1 in self.validation_freq


def fit(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    epochs: int,
    verbose: Any,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool,
    class_weight: Mapping[int, float] | None,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: Any,
    seed: int | None,
) -> History:
    """What `Trainer.fit` does."""
    validation: Source | None = None
    seed = next_seed() if seed is None else seed
    order_seed = seed if shuffle else None
    if is_iterable_of_batches(x):
        _need_arrays(y=y, sample_weight=sample_weight, validation_split=validation_split)
        refuse_batch_size(batch_size)
        batches = x.shuffle(seed=seed) if shuffle and isinstance(x, PyDataset) else x
        source: Source = Stream(batches, steps_per_epoch, class_weight)
    else:
        data = columns(x, y, sample_weight, class_weight)
        model._session.prepare(model, data, "fit")
        rows, held_out = _split(data, validation_split, validation_data, seed, verbose)
        limit = {"limit": steps_per_epoch, "limit_name": "fit: steps_per_epoch"}
        source = resident(model, data, batch_size, 32, rows=rows, seed=order_seed, **limit)
        if held_out is not None:
            size = validation_batch_size
            validation = resident(model, data, size, EVALUATION_BATCH, rows=held_out)
    if validation_data is not None:
        validation = _validation(model, validation_data, validation_batch_size, validation_steps)
    plan = Fit(epochs, initial_epoch, verbose, seed, validation, validation_freq)
    return _epochs(model, plan, source, callbacks)


def next_seed() -> int:
    """The next seed for a fit from the global state, which `lamina.set_seed` sets."""
    return int(random.scoped_key("fit").numpy()[1])


def _need_arrays(**given: Any) -> None:
    for name, value in given.items():
        if value is not None and not (name == "validation_split" and value == 0):
            raise ArgumentError(
                f"{name} goes with arrays, and x is an iterable of batches",
                hint="let the iterable give (x, y, sample_weight), and use validation_data",
            )


def _split(
    data: Columns, fraction: float, validation_data: Any, seed: int, verbose: Any
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Numbers of the rows to train on and to hold out; None for all, and for none."""
    if not fraction:
        return None, None
    if validation_data is not None:
        raise ArgumentError("give validation_split or validation_data, not both")
    y = data.targets[0] if data.targets else data.inputs[0]
    training, held_out = stratified_split(y, fraction, seed)
    if verbose != 0:
        how = "at random" if class_labels(y) is None else "of each class its share"
        print(
            f"validation_split={fraction:g}: {len(held_out):,} of {data.rows:,} rows held out, "
            f"{how} (seed {seed})"
        )
    return training, held_out


def _validation(model: Any, given: Any, batch_size: int | None, steps: int | None) -> Source:
    if is_iterable_of_batches(given) and not _is_pair(given):
        refuse_batch_size(batch_size, "validation_batch_size")
        return Stream(given, steps)
    if not _is_pair(given):
        raise ArgumentError(
            f"validation_data is {describe(given)}, expected (x, y) or (x, y, sample_weight)"
        )
    x, y, weights = (*given, None)[:3]
    data = columns(x, y, weights, prefix="validation_")
    model._session.prepare(model, data, "validation")
    limit = {"limit": steps, "limit_name": "fit: validation_steps"}
    return resident(model, data, batch_size, EVALUATION_BATCH, **limit)


def _is_pair(given: Any) -> bool:
    """Whether validation data are (x, y) or (x, y, sample_weight): any tuple of so many is, and a
    list unless it holds tuples, batches."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        return False
    return isinstance(given, tuple) or not is_iterable_of_batches(given)


def _epochs(model: Any, plan: Fit, source: Source, callbacks: Any) -> History:
    history = History()
    validated = {} if plan.validation is None else {"validation_freq": plan.validation_freq}
    told = CallbackList(
        [*CallbackList(callbacks).callbacks, history],
        model,
        epochs=plan.epochs,
        steps=source.steps,
        verbose=plan.verbose,
        **validated,
    )
    model.history, model.stop_training = history, False
    begin_steps(model, plan, source)
    session: Session = model._session
    same = source.likeness if isinstance(source, Resident) else None
    known = session.paces.get(same, 1)
    pace = Pace(most=1 if told.each_train_batch else None, known=known)
    told.tell("on_train_begin", {})
    logs: Logs = {}
    try:
        with Deferred(stops=not model.run_eagerly) as interrupt:
            for epoch in range(plan.initial_epoch, plan.epochs):
                logs = _epoch(model, plan, source, told, pace, epoch, interrupt)
                if model.stop_training:
                    break
    except KeyboardInterrupt:
        if plan.verbose != 0:
            print("fit: stopped by Ctrl-C; the weights are those of the last completed step")
        told.tell("on_train_end", logs)
        raise
    if same is not None and pace.most is None:
        session.paces[same] = pace.steps
    _finish(model)
    told.tell("on_train_end", logs)
    return history


def begin_steps(model: Any, plan: Fit, source: Source) -> None:
    """The seed of this fit, and the number of its first step: a fit that goes on at an epoch draws
    what it would have drawn there."""
    session: Session = model._session
    session.first_step = (plan.seed, plan.initial_epoch * (source.steps or 0))
    if session.steps is not None:
        session.steps.begin(*session.first_step)


def _finish(model: Any) -> None:
    if getattr(model.optimizer, "use_ema", False) and model.built:
        model.optimizer.finalize_variable_values(model.trainable_weights)


def _epoch(
    model: Any,
    plan: Fit,
    source: Source,
    told: CallbackList,
    pace: Pace,
    epoch: int,
    interrupt: Deferred,
) -> Logs:
    progress = Progress(f"Epoch {epoch + 1}/{plan.epochs}", source.steps, plan.verbose)
    told.tell("on_epoch_begin", epoch, {})
    try:
        logs = run(model, Course("train", source, pace, told, progress), epoch, interrupt)
        if plan.validates(epoch):
            logs |= _validated(model, plan, told, interrupt)
    except BaseException:
        progress.abandon()
        raise
    progress.end(logs)
    _warn_of_nan(logs, epoch)
    told.tell("on_epoch_end", epoch, logs)
    return logs


def _validated(model: Any, plan: Fit, told: CallbackList, interrupt: Deferred) -> Logs:
    assert plan.validation is not None
    model.stop_evaluating = False
    told.tell("on_test_begin", {})
    silent = Progress("", None, verbose=0)
    pace = Pace(most=1 if told.each_test_batch else None)
    kept = Kept()
    course = Course("evaluate", plan.validation, pace, told, silent, kept)
    try:
        logs = run(model, course, 0, interrupt)
    finally:
        kept.restore()
    told.tell("on_test_end", logs)
    return {f"val_{name}": value for name, value in logs.items()}


def _warn_of_nan(logs: Logs, epoch: int) -> None:
    if not math.isfinite(logs.get("loss", 0.0)):
        warn(
            f"epoch {epoch + 1}: the loss is {logs['loss']}. Try a smaller learning rate, scale "
            "the inputs to about -1 to 1, or clip gradients (clipnorm=1.0)"
        )


# ---- evaluate ----------------------------------------------------------------------------------
def evaluate(
    model: Any,
    x: Any,
    y: Any,
    *,
    batch_size: int | None,
    verbose: Any,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
) -> Logs:
    """What `Trainer.evaluate` does; logs by name."""
    if is_iterable_of_batches(x):
        _need_arrays(y=y, sample_weight=sample_weight)
        refuse_batch_size(batch_size)
        source: Source = Stream(x, steps)
        rows = "batches"
    else:
        data = columns(x, y, sample_weight)
        model._session.prepare(model, data, "evaluate")
        limit = {"limit": steps, "limit_name": "evaluate: steps"}
        source = resident(model, data, batch_size, EVALUATION_BATCH, **limit)
        rows = f"{data.rows:,} rows"
    told = CallbackList(callbacks, model, steps=source.steps, verbose=verbose)
    progress = Progress(f"Evaluate  {rows}", source.steps, verbose)
    pace = Pace(most=1 if told.each_test_batch else None)
    model.stop_evaluating = False
    told.tell("on_test_begin", {})
    with Deferred(stops=not model.run_eagerly) as interrupt:
        logs = run(model, Course("evaluate", source, pace, told, progress), 0, interrupt)
    progress.end(logs)
    told.tell("on_test_end", logs)
    return logs
