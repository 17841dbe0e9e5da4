"""Guard: finds the step of a `fit` after which loss or weights are not finite, and returns to the
state before it.

    checkpoint, chunk, chunk, ..., check, checkpoint, ...        chunk = steps of one native call

Training runs at full speed in chunks. From time to time weights and optimizer are checked, and all
state is copied; the loss is checked after each chunk. After a check that fails the chunks since the
copy run again step by step, with the same bits, up to the first step that makes a bad value.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lamina.data.arrays import Array
from lamina.errors import LaminaError
from lamina.training.columns import Columns
from lamina.training.kept import Snapshot
from lamina.training.nonfinite import Origin, are_finite, origin_of
from lamina.training.programs import Runner
from lamina.training.protocol import Logs, Nest, Trainable
from lamina.training.state import Position, variables_of
from lamina.variables import Variable, contents_of, overwrite

if TYPE_CHECKING:
    from lamina.training.session import Session

SHARE = 25.0  # checks and copies take at most the 25th part of the time
MOST_CHUNKS = 256  # between two copies, and so in memory
MOST_BYTES = 1 << 28  # of batches that a stream has made, kept until the next copy


class Chunk(NamedTuple):
    """The steps of one native call, and the position before it."""

    runner: Runner
    data: Columns
    order: Array
    begin: Position
    streamed: bool  # True if nothing but this chunk keeps the data


@dataclass(frozen=True)
class NonFinite:
    """The first step of a training after which the loss or a weight is NaN or infinite.

    epoch, batch: numbers of the epoch and of the batch in it, from 0; step: number of the step
        since the begin of training.
    origin: the operation that made the value; None if it is not known, and `reason` says why.
    x, y, sample_weight: the batch, as it was given to the model.
    """

    epoch: int
    batch: int
    step: int
    origin: Origin | None
    reason: str
    x: Nest
    y: Nest
    sample_weight: Nest

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch + 1}, batch {self.batch + 1} (step {self.step}): "
            f"{self.origin or self.reason}"
        )


class Guard:
    """Watches one `fit`; `tell` is called with the first step that makes a value not finite.

    Args:
        tell: function that is called with the step found.
        clock: clock by which the intervals of copies are chosen.
    """

    def __init__(
        self,
        tell: Callable[[NonFinite], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._tell, self._clock = tell, clock
        self._chunks: list[Chunk] = []
        self._scalars: list[list[Array]] = []  # before each chunk: callbacks may change rates
        self._copy = Snapshot(())
        self._watched: list[Variable] = []
        self._small: list[Variable] = []
        self._due = 0.0  # time of the next copy
        self._held = 0  # bytes of streamed batches
        self._spent = 0.0  # seconds of the last check

    def before(self, session: Session, model: Trainable, chunk: Chunk) -> None:
        """Note a chunk that is about to run, and copy the state if it is time."""
        if not self._chunks:
            self._take(session, model)
        self._chunks.append(chunk)
        self._scalars.append([contents_of(v) for v in self._small])
        if chunk.streamed:
            self._held += sum(a.nbytes for a in chunk.data.arrays)

    def after(self, session: Session, model: Trainable, position: Position) -> Position:
        """Check the loss after a chunk, and weights and optimizer if it is time; return the
        position, that before the first bad step if there is one."""
        if not _is_finite(position.logs):
            return self._search(session, model, position)
        full = len(self._chunks) >= MOST_CHUNKS or self._held > MOST_BYTES
        due = self._clock() >= self._due
        return self._checked(session, model, position) if full or due else position

    def end(self, session: Session, model: Trainable) -> None:
        """Check weights and optimizer after the last chunk."""
        if self._chunks:
            self._checked(session, model, session.position)

    def _checked(self, session: Session, model: Trainable, position: Position) -> Position:
        """Check weights and optimizer after a chunk; return as `after`."""
        began = self._clock()
        if not are_finite(self._watched):
            return self._search(session, model, position)
        self._chunks, self._scalars, self._held = [], [], 0
        self._spent = self._clock() - began
        return position

    def _take(self, session: Session, model: Trainable) -> None:
        began = self._clock()
        assert session.steps is not None
        optimizer = list(model.optimizer.variables)
        weights = [*model.trainable_weights, *model.non_trainable_weights]
        self._watched = [*weights, *(v for v in optimizer if are_finite([v]))]
        self._small = [v for v in optimizer if not v.shape]
        self._copy.take(variables_of(model, session.steps))
        now = self._clock()
        self._due = now + SHARE * (now - began + self._spent)

    # ---- the search ----------------------------------------------------------------------------
    def _search(self, session: Session, model: Trainable, position: Position) -> Position:
        """Run the chunks since the last copy again, step by step, up to the first bad step; leave
        the state before it, report it, and return its position."""
        chunks, self._chunks = self._chunks, []
        self._copy.put_back()
        before = Snapshot(())
        for k, (chunk, scalars) in enumerate(zip(chunks, self._scalars, strict=True)):
            if k and not chunk.begin.batch:
                session.reset(model)
                session.begin_epoch(chunk.begin.epoch)
            for variable, value in zip(self._small, scalars, strict=True):
                overwrite(variable, value)
            begin = chunk.begin
            for row in range(len(chunk.order)):
                order = chunk.order[row : row + 1]
                before.take(self._copy.variables)
                logs = session.logs(chunk.runner(order, *chunk.data.arrays))
                if not _is_finite(logs) or not are_finite(self._watched):
                    before.put_back()
                    session.position = begin
                    self._tell(self._described(session, model, chunk, order[0], begin))
                    return begin
                begin = Position(begin.epoch, begin.batch + 1, begin.rows + order.size, logs)
        reason = "its steps made finite values when they ran again (did a callback change weights?)"
        epoch, batch, step = position.epoch, position.batch - 1, session.step_count
        self._tell(NonFinite(epoch, batch, step, None, reason, None, None, None))
        return position

    def _described(
        self, session: Session, model: Trainable, chunk: Chunk, rows: Array, begin: Position
    ) -> NonFinite:
        steps, step = session.steps, session.step_count
        assert steps is not None
        if chunk.data.joined:
            return NonFinite(
                begin.epoch, begin.batch, step, None, "several processes", None, None, None
            )
        batch = [a[rows] for a in chunk.data.arrays]
        origin, reason = None, "the reference engine makes finite values of this step"
        try:
            origin = origin_of(model, steps, chunk.data, batch, set(self._watched))
        except LaminaError as error:  # steps that only run eagerly cannot be recorded
            reason = f"the step cannot be recorded: {error}"
        return NonFinite(
            begin.epoch, begin.batch, step, origin, reason, *chunk.data.assembled(batch)
        )


def _is_finite(logs: Logs) -> bool:
    """True if the loss, or all logs of a custom step, are finite."""
    loss = logs.get("loss")
    if isinstance(loss, float):
        return math.isfinite(loss)
    wanted = logs.values() if loss is None else [loss]
    return all(bool(np.isfinite(value).all()) for value in wanted)
