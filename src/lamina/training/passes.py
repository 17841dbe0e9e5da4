"""One pass over a source of data: native calls of many steps, and the callbacks between them."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from lamina.data.arrays import Array
from lamina.distribution.own_rows import own_rows, reads_parts
from lamina.interrupts import Deferred
from lamina.training.columns import Columns
from lamina.training.guarding import Chunk
from lamina.training.kept import Kept
from lamina.training.programs import Runner
from lamina.training.progress import Progress
from lamina.training.protocol import Kind, Listeners, Logs, Trainable
from lamina.training.saver import Saver
from lamina.training.sources import Pace, Resident, Stream
from lamina.training.state import START, Position
from lamina.training.stateful import check_rows

if TYPE_CHECKING:
    from lamina.training.session import Session

Source: TypeAlias = Resident | Stream
HOOKS = {"train": "on_train_batch", "evaluate": "on_test_batch"}


@dataclass
class Pass:
    """One pass over a source: what runs, on what, and who listens."""

    kind: Kind
    source: Source
    pace: Pace
    listeners: Listeners
    progress: Progress
    kept: Kept | None = None  # notes the state that is to be put back afterwards
    saver: Saver | None = None  # of checkpoints
    begun: Position = START  # how much of the pass is done already


def run(
    session: Session, model: Trainable, data_pass: Pass, epoch: int, interrupt: Deferred
) -> Logs:
    """Go through the source once; return the logs at its end. Left early, no threads remain."""
    begun = data_pass.begun
    logs, done, rows = dict(begun.logs), begun.batch, begun.rows
    runner: Runner | None = None
    hooks, size = HOOKS[data_pass.kind], data_pass.pace.most or 1
    first = done - done % size
    guards = data_pass.listeners.guards if data_pass.kind == "train" else ()
    if isinstance(data_pass.source, Stream):
        parted = reads_parts() and not session.compilation.run_eagerly
        data_pass.source.part = own_rows if parted else None
    with closing(data_pass.source.chunks(epoch, data_pass.pace, done)) as chunks:
        for data, order in chunks:
            if runner is None or isinstance(data_pass.source, Stream):
                runner = _runner(session, model, data_pass, data, rows)
                runner = runner if data_pass.kept is None else runner.keeping(data_pass.kept)
            if not done:
                session.reset(model)
                session.begin_epoch(epoch if data_pass.kind == "train" else 0)
            first = done if done % size == 0 else first
            if done == first:
                data_pass.listeners.tell(f"{hooks}_begin", first, {})
            begin = Position(epoch, done, rows, logs)
            for guard in guards:
                chunk = Chunk(runner, data, order, begin, isinstance(data_pass.source, Stream))
                guard.before(session, model, chunk)
            data_pass.pace.begin()
            position = interrupt.call(_steps, session, data_pass, runner, order, data, begin)
            data_pass.pace.end(len(order))
            for guard in guards:
                position = guard.after(session, model, position)
            done, rows, logs = position.batch, position.rows, position.logs
            if size == 1 or done % size == 0:
                data_pass.listeners.tell(f"{hooks}_end", done - 1, dict(logs))
            if data_pass.saver is not None:
                data_pass.saver.after_steps(len(order))
            data_pass.progress.update(done, logs)
            if model.is_stopped(data_pass.kind):
                break
    if size > 1 and done % size:
        data_pass.listeners.tell(f"{hooks}_end", first + size - 1, dict(logs))
    return logs


def _steps(
    session: Session,
    data_pass: Pass,
    runner: Runner,
    order: Array,
    data: Columns,
    begin: Position,
) -> Position:
    """Run the steps, and return the position after them; state and position change together."""
    with data_pass.saver.step() if data_pass.saver is not None else nullcontext():
        logs = session.logs(runner(order, *data.arrays))
        done, rows = begin.batch + len(order), begin.rows + order.size
        position = Position(begin.epoch, done, rows, logs)
        if data_pass.kind == "train":
            session.position = position
    return position


def _runner(
    session: Session, model: Trainable, data_pass: Pass, data: Columns, first: int
) -> Runner:
    """Return the program for these columns, whose first row is number `first` of the epoch. Of
    arrays it stays the same for all epochs, unless a callback may freeze layers."""
    source = data_pass.source
    if isinstance(source, Stream):
        session.prepare(model, data, data_pass.kind, first)
        check_rows(model, data.rows, batches=False)
        runner = session.runner(model, data_pass.kind, data)
        source.place = runner.place
        return runner
    if source.runner is None or data_pass.listeners.may_change_model:
        source.runner = session.runner(model, data_pass.kind, data)
    return source.runner
