"""Saving the state of a running `fit`: when it is due, after an interrupt, and after SIGTERM."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

from lamina.training.checkpoints import Checkpoints
from lamina.training.protocol import Logs, Trainable

if TYPE_CHECKING:
    from lamina.training.session import Session


class Saver:
    """Saves the states of one `fit` at the right moments."""

    def __init__(self, checkpoints: Checkpoints, session: Session, model: Trainable) -> None:
        self._checkpoints, self._session, self._model = checkpoints, session, model
        self._consistent = False  # state and callbacks are those of one moment

    def before_steps(self) -> None:
        """Save the state before the first step, if the data are known already: then a training that
        ends before the next state does not begin from the start."""
        if not self._checkpoints.has_state and self._session.steps is not None:
            self.save()

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Within: an interrupt finds a state between two steps."""
        self._consistent = True
        yield
        self._consistent = False

    def after_steps(self, count: int) -> None:
        """Save if it is time; after SIGTERM, end the process."""
        if self._checkpoints.advance(count):
            self.save()
        self._end_if_asked()

    def after_epoch(self, epoch: int, logs: Logs) -> None:
        """Note the metrics of the epoch, and save if each epoch ends with a state."""
        self._checkpoints.note_epoch(epoch, logs)
        if self._checkpoints.every.epochs or self._checkpoints.terminated:
            self.save()
        self._end_if_asked()

    def after_interrupt(self) -> None:
        """Save the state after the last complete step, unless a callback was interrupted."""
        if self._consistent and self._session.steps is not None:
            self.save()

    def save(self, finished: bool = False) -> None:
        """Write the state to the disk."""
        self._checkpoints.save(self._model, self._session.state(self._model), finished)

    def _end_if_asked(self) -> None:
        if self._checkpoints.terminated:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)


# ---- SIGTERM -----------------------------------------------------------------------------------
class Termination:
    """Within: SIGTERM asks for a state at the end of the running step, after which the process ends
    as it would have; a second one ends it at once. Only in the main thread, and if the program has
    no separate handler."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._set = False

    def __enter__(self) -> Termination:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._note)
            self._set = True
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._checkpoints.asked_to_end = True

    def __exit__(self, *exception: object) -> None:
        if self._set:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
