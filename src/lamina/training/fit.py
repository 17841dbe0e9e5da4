"""fit and evaluate: epochs of native calls, and what happens between them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeGuard

from lamina.data.arrays import Array
from lamina.data.dataset import INFINITE
from lamina.data.py_dataset import PyDataset
from lamina.data.splitting import class_labels, stratified_split
from lamina.errors import ArgumentError, describe, warn
from lamina.interrupts import Deferred
from lamina.operations import random_keys
from lamina.training.checkpoints import Checkpoints
from lamina.training.columns import Columns, columns
from lamina.training.foreign import Given, adapted, adapted_validation
from lamina.training.kept import Kept
from lamina.training.options import FitOptions, Verbose
from lamina.training.passes import Pass, Source, run
from lamina.training.progress import Page, Progress, slow_callbacks
from lamina.training.protocol import Listeners, Logs, Nest, Trainable
from lamina.training.saver import Saver, Termination
from lamina.training.sources import (
    Pace,
    Resident,
    Stream,
    is_iterable_of_batches,
    refuse_batch_size,
)
from lamina.training.state import Position, State, callbacks_in, seed_in
from lamina.training.stateful import resident

if TYPE_CHECKING:
    from lamina.training.session import Session

EVALUATION_BATCH = 256


# ---- fit: what is trained on -------------------------------------------------------------------
@dataclass(frozen=True)
class Plan:
    """One call of `fit`, its data in place."""

    options: FitOptions
    seed: int
    source: Source
    validation: Source | None
    page: Page = field(default_factory=Page)  # of a notebook, for the lines of all epochs
    saver: Saver | None = None

    def validates_after(self, epoch: int) -> bool:
        """True if there is validation after this epoch, counted from 0."""
        return self.validation is not None and self.options.validates_after(epoch)


def fit(
    session: Session,
    model: Trainable,
    x: Nest,
    y: Nest,
    options: FitOptions,
    listeners: Listeners,
) -> None:
    """Train a model with checked options; see `Model.fit`."""
    checkpoints = Checkpoints.of(options)
    began = time.perf_counter()
    with Deferred(stops=not session.compilation.run_eagerly) as interrupt:
        if checkpoints is None:
            plan = _plan(session, model, x, y, options, session.restored)
            _epochs(session, model, plan, listeners, interrupt)
        else:
            _fit_with(checkpoints, session, model, x, y, options, listeners, interrupt)
    slow = slow_callbacks(listeners.costs, time.perf_counter() - began)
    if slow and options.verbose != 0:
        print(slow)


def _fit_with(
    checkpoints: Checkpoints,
    session: Session,
    model: Trainable,
    x: Nest,
    y: Nest,
    options: FitOptions,
    listeners: Listeners,
    interrupt: Deferred,
) -> None:
    """Train a model, or continue its training, and keep checkpoints."""
    state = checkpoints.newest_of(options)
    plan = _plan(session, model, x, y, options, state or session.restored)
    arrays = plan.source.data.arrays if isinstance(plan.source, Resident) else ()
    checkpoints.begin(model, replace(options, seed=plan.seed), arrays, state, listeners)
    if state is not None:
        checkpoints.restore(session, model, state)
    saver = Saver(checkpoints, session, model)
    if state is not None and state["finished"]:
        _end_again(session, model, state, listeners)
        return
    with Termination(checkpoints):
        _epochs(session, model, replace(plan, saver=saver), listeners, interrupt)


def _end_again(session: Session, model: Trainable, state: State, listeners: Listeners) -> None:
    """Bring model and callbacks where they were at the end of a training that is complete."""
    session.continue_from(model, state)
    session.restored = None
    listeners.restore(callbacks_in(state) or ())
    session.end_fit(listeners)


def _plan(
    session: Session,
    model: Trainable,
    x: Nest,
    y: Nest,
    options: FitOptions,
    restored: State | None,
) -> Plan:
    """Prepare data and model. Raises for data, model and loss that do not match, and for another
    seed than that of the state that is to be continued."""
    if restored is not None:
        seed = seed_in(restored, options.seed)
    else:
        seed = next_seed() if options.seed is None else options.seed
    given = Given(x, y, options.sample_weight, options.batch_size)
    given = adapted("fit", model, given, seed=seed if options.shuffle else None)
    x, y, sample_weight, batch_size = given
    options = replace(options, sample_weight=sample_weight, batch_size=batch_size)
    held_out: Source | None = None
    if is_iterable_of_batches(x):
        source: Source = _stream(x, y, options, seed)
    else:
        source, held_out = _residents(session, model, x, y, options, seed)
    return Plan(options, seed, source, _validation(session, model, options, held_out))


def _stream(x: Iterable[object], y: Nest, options: FitOptions, seed: int) -> Stream:
    _need_arrays(
        y=y, sample_weight=options.sample_weight, validation_split=options.validation_split
    )
    refuse_batch_size(options.batch_size)
    batches = x
    if options.shuffle and isinstance(x, PyDataset) and x.cardinality() != INFINITE:
        batches = x.shuffle(seed=seed)
    return Stream(batches, options.steps_per_epoch, options.class_weight)


def _residents(
    session: Session, model: Trainable, x: Nest, y: Nest, options: FitOptions, seed: int
) -> tuple[Resident, Resident | None]:
    """Return the rows to train on, and those held out by `validation_split`."""
    data = columns(x, y, options.sample_weight, options.class_weight)
    session.prepare(model, data, "fit")
    rows, held_out = _split(data, options, seed)
    source = resident(
        model,
        data,
        options.batch_size,
        32,
        rows=rows,
        seed=seed if options.shuffle else None,
        limit=options.steps_per_epoch,
        limit_name="fit: steps_per_epoch",
    )
    if held_out is None:
        return source, None
    size = options.validation_batch_size
    return source, resident(model, data, size, EVALUATION_BATCH, rows=held_out)


def next_seed() -> int:
    """The next seed for a fit from the global state, which `lamina.set_seed` sets."""
    return int(random_keys.scoped_key("fit").numpy()[1])


def _need_arrays(**given: object) -> None:
    for name, value in given.items():
        if value is not None and not (name == "validation_split" and value == 0):
            raise ArgumentError(
                f"{name} goes with arrays, and x is an iterable of batches",
                hint="let the iterable give (x, y, sample_weight), and use validation_data",
            )


def _split(data: Columns, options: FitOptions, seed: int) -> tuple[Array | None, Array | None]:
    """Numbers of the rows to train on and to hold out; None for all, and for none."""
    fraction = options.validation_split
    if not fraction:
        return None, None
    if options.validation_data is not None:
        raise ArgumentError("give validation_split or validation_data, not both")
    y = data.targets[0] if data.targets else data.inputs[0]
    training, held_out = stratified_split(y, fraction, seed)
    if options.verbose != 0:
        how = "at random" if class_labels(y) is None else "by class"
        print(
            f"validation_split={fraction:g}: {len(held_out):,} of {data.rows:,} rows held out, "
            f"{how} (seed {seed})"
        )
    return training, held_out


def _validation(
    session: Session, model: Trainable, options: FitOptions, held_out: Source | None
) -> Source | None:
    """Return what is evaluated after epochs: the data given, or else the rows held out."""
    given, batch_size, steps = (
        options.validation_data,
        options.validation_batch_size,
        options.validation_steps,
    )
    if given is None:
        return held_out
    given, batch_size = adapted_validation(model, given, EVALUATION_BATCH, batch_size)
    if is_iterable_of_batches(given) and not _is_pair(given):
        refuse_batch_size(batch_size, "validation_batch_size")
        return Stream(given, steps)
    if not _is_pair(given):
        raise ArgumentError(
            f"validation_data is {describe(given)}, expected (x, y) or (x, y, sample_weight)"
        )
    x, y, weights = (*given, None)[:3]
    data = columns(x, y, weights, prefix="validation_")
    session.prepare(model, data, "validation")
    limit_name = "fit: validation_steps"
    return resident(model, data, batch_size, EVALUATION_BATCH, limit=steps, limit_name=limit_name)


def _is_pair(given: object) -> TypeGuard[Sequence[object]]:
    """Whether validation data are (x, y) or (x, y, sample_weight): any tuple of 2 or 3 is, and a
    list unless it holds tuples, batches."""
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        return False
    return isinstance(given, tuple) or not is_iterable_of_batches(given)


# ---- fit: epochs -------------------------------------------------------------------------------
def _epochs(
    session: Session, model: Trainable, plan: Plan, listeners: Listeners, interrupt: Deferred
) -> None:
    options, source = plan.options, plan.source
    validated = {} if plan.validation is None else {"validation_freq": options.validation_freq}
    listeners.set_params(
        {"epochs": options.epochs, "steps": source.steps, "verbose": options.verbose, **validated}
    )
    model.start("train")
    begun = _begin(session, model, plan)
    same = source.likeness if isinstance(source, Resident) else None
    known = session.paces.get(same, 1)
    between = listeners.batches_between
    each = session.compilation.steps_per_execution if between == 1 else None
    pace = Pace(most=each, known=known, interval=None if between == 1 else between)
    listeners.tell("on_train_begin", {})
    kept = None if session.restored is None else callbacks_in(session.restored)
    if kept is not None:
        listeners.restore(kept)
    session.restored = None
    if plan.saver is not None:
        plan.saver.before_steps()
    logs: Logs = {}
    try:
        for epoch in range(begun.epoch, 0 if begun.stopped else options.epochs):
            logs = _epoch(session, model, plan, listeners, pace, begun, epoch, interrupt)
            begun = Position(epoch + 1)
            if model.is_stopped("train"):
                break
        for guard in listeners.guards:
            guard.end(session, model)
        if plan.saver is not None:
            plan.saver.save()
        _finish(session, model, source, listeners)
    except KeyboardInterrupt:
        if options.verbose != 0:
            print("fit: stopped by Ctrl-C; the weights are those of the last completed step")
        if plan.saver is not None:
            plan.saver.after_interrupt()
        _tell_end(session, listeners, logs)
        raise
    if same is not None and pace.most is None:
        session.paces[same] = pace.steps
    _tell_end(session, listeners, logs)
    if plan.saver is not None:
        plan.saver.save(finished=True)


def _tell_end(session: Session, listeners: Listeners, logs: Logs) -> None:
    listeners.tell("on_train_end", logs)
    session.end_fit(listeners)


def _begin(session: Session, model: Trainable, plan: Plan) -> Position:
    """Return where this fit begins, and set its seed and the number of its first step: a fit that
    continues at an epoch draws what it would have drawn there."""
    session.seed = plan.seed
    first = plan.options.initial_epoch
    if session.restored is not None:
        session.continue_from(model, session.restored)
        return session.position
    session.first_step = (plan.seed, plan.source.first_step(first))
    if session.steps is not None:
        session.steps.begin(*session.first_step)
    session.position = Position(first)
    return session.position


def _finish(session: Session, model: Trainable, source: Source, listeners: Listeners) -> None:
    """Let optimizer and callbacks set the weights that training ends with."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if getattr(optimizer, "use_ema", False) and model.built:
        optimizer.finalize_variable_values(model.trainable_weights)
    for finish in listeners.finishers:
        finish(session, model, source)


def _epoch(
    session: Session,
    model: Trainable,
    plan: Plan,
    listeners: Listeners,
    pace: Pace,
    begun: Position,
    epoch: int,
    interrupt: Deferred,
) -> Logs:
    options = plan.options
    pace.before = plan.source.first_step(epoch)
    title = f"Epoch {epoch + 1}/{options.epochs}"
    progress = Progress(title, plan.source.steps_of(epoch), options.verbose, page=plan.page)
    if not begun.batch:  # else that was before the state was taken
        listeners.tell("on_epoch_begin", epoch, {})
    try:
        data_pass = Pass("train", plan.source, pace, listeners, progress, None, plan.saver, begun)
        with progress.shown():
            logs = run(session, model, data_pass, epoch, interrupt)
            if plan.validates_after(epoch):
                logs |= _validated(session, model, plan, listeners, interrupt)
    except BaseException:
        progress.abandon()
        raise
    progress.end(logs)
    _warn_of_nan(logs, epoch)
    session.position = Position(epoch + 1)
    listeners.tell("on_epoch_end", epoch, logs)
    if plan.saver is not None:
        plan.saver.after_epoch(epoch, logs)
    return logs


def _validated(
    session: Session, model: Trainable, plan: Plan, listeners: Listeners, interrupt: Deferred
) -> Logs:
    assert plan.validation is not None
    model.start("evaluate")
    listeners.tell("on_test_begin", {})
    silent = Progress("", None, verbose=0)
    pace = Pace(most=session.compilation.steps_per_execution if listeners.each_test_batch else None)
    kept = Kept()
    data_pass = Pass("evaluate", plan.validation, pace, listeners, silent, kept)
    try:
        logs = run(session, model, data_pass, 0, interrupt)
    finally:
        kept.restore()
    listeners.tell("on_test_end", logs)
    return {f"val_{name}": value for name, value in logs.items()}


def _warn_of_nan(logs: Logs, epoch: int) -> None:
    loss = logs.get("loss", 0.0)
    if isinstance(loss, float) and not math.isfinite(loss):
        warn(
            f"epoch {epoch + 1}: the loss is {loss}. Try a smaller learning rate, scale "
            "the inputs to about -1 to 1, or clip gradients (clipnorm=1.0)"
        )


# ---- evaluate ----------------------------------------------------------------------------------
def evaluated(
    session: Session,
    model: Trainable,
    x: Nest,
    y: Nest,
    sample_weight: Nest,
    batch_size: int | None,
    steps: int | None,
) -> Source:
    """Prepare data and model for `evaluate`."""
    given = Given(x, y, sample_weight, batch_size)
    x, y, sample_weight, batch_size = adapted("evaluate", model, given, EVALUATION_BATCH)
    if is_iterable_of_batches(x):
        _need_arrays(y=y, sample_weight=sample_weight)
        refuse_batch_size(batch_size)
        return Stream(x, steps)
    data = columns(x, y, sample_weight)
    session.prepare(model, data, "evaluate")
    limit_name = "evaluate: steps"
    return resident(model, data, batch_size, EVALUATION_BATCH, limit=steps, limit_name=limit_name)


def evaluate(
    session: Session, model: Trainable, source: Source, listeners: Listeners, verbose: Verbose
) -> Logs:
    """Return loss and metrics on the data by name."""
    rows = f"{source.data.rows:,} rows" if isinstance(source, Resident) else "batches"
    listeners.set_params({"steps": source.steps, "verbose": verbose})
    progress = Progress(f"Evaluate  {rows}", source.steps, verbose)
    pace = Pace(most=session.compilation.steps_per_execution if listeners.each_test_batch else None)
    model.start("evaluate")
    listeners.tell("on_test_begin", {})
    with Deferred(stops=not session.compilation.run_eagerly) as interrupt, progress.shown():
        data_pass = Pass("evaluate", source, pace, listeners, progress)
        logs = run(session, model, data_pass, 0, interrupt)
    progress.end(logs)
    listeners.tell("on_test_end", logs)
    return logs
