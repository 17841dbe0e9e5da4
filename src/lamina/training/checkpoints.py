"""Checkpoints of `fit`: the folder of a run, from which an interrupted training continues.

    runs/a/
        run.json                  arguments of `fit`, for `lamina.resume`
        model.lamina              the model as `fit` got it, for `lamina.resume`
        state-00000120.state      the state after 120 steps (saving/states.py)
        state-00000180.state      the newest two are kept
        final.state               the state at the end of a complete training
        history.jsonl             the metrics of each completed epoch, a line each

The first state is that before the first step (of data that an iterable gives, after it). Every file
is written whole or not at all, by process 0 if there are several, and an older state is removed
only when the newer one is on the disk. A state also holds fingerprints of model, optimizer, data
and arguments. To continue with others is an error that names the difference.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lamina.data.arrays import Array
from lamina.distribution.processes import agreed, process_index
from lamina.errors import ArgumentError, FileFormatError, LaminaError, StateError, warn
from lamina.files import checked_name, make_folder, remove_all_unfinished
from lamina.layers._base.facts import build_shape
from lamina.restoring import Restoration, restoring
from lamina.saving import states
from lamina.saving.container import damaged
from lamina.saving.models import content_of, load_model, shapes, shapes_from
from lamina.saving.once import write_once
from lamina.training.epoch_lines import EpochLines, plain
from lamina.training.fingerprints import OF_MODEL, compare, fingerprints, of_model, of_weights
from lamina.training.options import Every, FitOptions
from lamina.training.protocol import Listeners, Logs, Trainable
from lamina.training.state import State, check_structure, position_in
from lamina.version import __version__

if TYPE_CHECKING:
    from lamina.training.session import Session

STATE = re.compile(r"state-(\d{8,})\.state")
KEPT = 2  # states in the folder: a newest one that is damaged does not end the run
RUN, MODEL, HISTORY, FINAL = "run.json", "model.lamina", "history.jsonl", "final.state"
FORMAT = {"format": "lamina run", "version": 1}


# ---- the folder --------------------------------------------------------------------------------
@dataclass
class Written:
    """A state on the disk: the number of its step, and its file."""

    step: int
    path: Path


class Checkpoints:
    """The checkpoints of one `fit`: when they are due, and where they are."""

    def __init__(self, folder: str | os.PathLike[str], every: Every) -> None:
        self.folder, self.every = Path(checked_name(folder)), every
        self.asked_to_end = False  # SIGTERM came
        self._made: dict[str, object] = {}
        self._saved_at, self._saved_step, self._step = time.monotonic(), 0, 0
        self._lines = EpochLines(self.folder / HISTORY)
        self._has_state, self._warned = False, False

    @staticmethod
    def of(options: FitOptions) -> Checkpoints | None:
        """Return the checkpoints that the arguments of `fit` ask for, None if they ask for none."""
        if options.checkpoint is None:
            return None
        return Checkpoints(options.checkpoint, cast(Every, options.every))

    # ---- continuing ----------------------------------------------------------------------------
    def newest(self) -> State | None:
        """Return the newest state that is whole; a damaged one is reported by a warning."""
        found = self._written()
        for each in reversed(found):
            state = _read(each.path)
            if state is not None:
                return state
        if found:
            raise StateError(
                f"fit: no state in {str(self.folder)!r} can be read",
                hint="restore the folder from a copy, or begin another run in another folder",
            )
        return None

    def newest_of(self, options: FitOptions) -> State | None:
        """Return the state that this fit continues, None to begin.

        Raises:
            ArgumentError: if the folder holds a run that is not to be continued.
        """
        if not options.resume and (self._written() or (self.folder / FINAL).exists()):
            raise ArgumentError(
                f"fit: checkpoint: {str(self.folder)!r} holds an earlier run",
                hint="resume=True continues it; give another folder, or remove this one, to begin",
            )
        if not options.resume:
            return None
        path = self.folder / FINAL
        final = _read(path) if path.exists() else None
        if final is not None:
            position = position_in(final)
            if position.stopped or position.epoch >= options.epochs:
                return final
        return self.newest()

    def restore(self, session: Session, model: Trainable, state: State) -> None:
        """Create the weights of a model that has none yet, and let the session continue from a
        state.

        Raises:
            StateError: with the folder, if the state is that of another model.
        """
        try:
            if not model.built and state["build_shape"] is not None:
                arrays = cast(Mapping[str, Array], state["weights"]).values()
                with restoring(Restoration(sum(array.size for array in arrays), len(arrays))):
                    model.layers[0].build(shapes_from(state["build_shape"]))
            session.restore(model, state)
            self._made["weights"] = of_weights(model.layers[0])
        except (LaminaError, LookupError, TypeError, ValueError, AttributeError) as error:
            reason = error.message if isinstance(error, LaminaError) else str(error)
            raise StateError(
                f"fit: the state in {str(self.folder)!r} cannot be restored: {reason}",
                hint="give fit the model that the run began with, or another folder",
            ) from error

    def begin(
        self,
        model: Trainable,
        options: FitOptions,
        arrays: Sequence[Array],
        state: State | None,
        listeners: Listeners,
    ) -> None:
        """Note what the run is made with, and compare it with what the restored state was made
        with; describe a new run in its folder.

        Raises:
            StateError: if they differ.
            OSError: if the folder of a new run cannot be written.
        """
        self._made = fingerprints(model, options, arrays)
        if state is None:
            self._describe(model, options, listeners.descriptions())
        else:
            compare(self.folder, self._made_with(state), self._made)
            self._saved_step = self._step = cast(int, state["step"])
            self._has_state = True
        if process_index() == 0:
            remove_all_unfinished(self.folder)
            self._lines.begin(0 if state is None else position_in(state).epoch)

    def _made_with(self, state: State) -> Mapping[str, object]:
        """The settings that a state was made with. If model or optimizer differ, those that this
        version of Lamina reads from the model in the folder: its classes may have arguments that
        the version which wrote the state did not have."""
        made = cast(Mapping[str, object], state["made_with"])
        if all(made.get(name) == self._made[name] for name in OF_MODEL):
            return made
        try:
            return {**made, **of_model(load_model(self.folder / MODEL))}
        except (LaminaError, OSError):
            return made

    def _describe(self, model: Trainable, options: FitOptions, callbacks: object) -> None:
        """Write what `lamina.resume` needs: the model, and the arguments of `fit`. A model that
        only code can express is left out."""
        make_folder(self.folder)
        try:
            write_once(self.folder / MODEL, content_of(model.layers[0]))
        except LaminaError as error:
            warn(f"fit: lamina.resume cannot rebuild this model: {error.message}")
        given = vars(options)
        run = {
            **FORMAT,
            "lamina": __version__,
            "fit": plain({name: given[name] for name in ARGUMENTS}),
            "data": [name for name in GIVEN_AGAIN if given[name] is not None],
            "callbacks": callbacks,
        }
        write_once(self.folder / RUN, json.dumps(run, indent=1).encode())

    # ---- saving --------------------------------------------------------------------------------
    @property
    def terminated(self) -> bool:
        """True after SIGTERM; of several processes, after that of process 0."""
        return bool(agreed(self.asked_to_end))

    def advance(self, steps: int) -> bool:
        """Count steps; True if a state is due, by the clock of process 0."""
        self._step += steps
        return bool(agreed(self._is_due()))

    def _is_due(self) -> bool:
        if self.asked_to_end or not self._has_state:
            return True
        if self.every.steps is not None:
            return self._step - self._saved_step >= self.every.steps
        if self.every.seconds is not None:
            return time.monotonic() - self._saved_at >= self.every.seconds
        return False

    @property
    def has_state(self) -> bool:
        """True if a state is on the disk, or was restored."""
        return self._has_state

    def save(self, model: Trainable, state: State, finished: bool = False) -> None:
        """Write a state, then remove what is older than the one before. If the disk
        refuses, training continues with one warning."""
        self._saved_at, self._saved_step = time.monotonic(), self._step
        content = states.pack(
            {
                **state,
                "step": self._step,
                "finished": finished,
                "made_with": self._made,
                "build_shape": shapes(build_shape(model.layers[0])),
            }
        )
        name = FINAL if finished else f"state-{self._step:08d}.state"
        with contextlib.suppress(
            OSError
        ):  # a state without the lines before it is better than none
            self._lines.write(sync=True)
        try:
            write_once(self.folder / name, content)
            self._has_state = True
            self._remove_older()
        except OSError as error:
            if not self._warned:
                warn(f"fit: no checkpoint: {error}; training continues, the last state is intact")
            self._warned = True
            return
        self._warned = False

    def _remove_older(self) -> None:
        """Remove all states but the last ones, and damaged ones of later steps."""
        if process_index() > 0:
            return
        found = self._written()
        before = [each for each in found if each.step <= self._step]
        for each in found:
            if each not in before[-KEPT:]:
                each.path.unlink(missing_ok=True)

    def note_epoch(self, epoch: int, logs: Logs) -> None:
        """Append the metrics of a completed epoch to history.jsonl."""
        if process_index() == 0:
            self._lines.add(epoch, self._step, logs)

    def _written(self) -> list[Written]:
        """The states in the folder, the oldest first."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        matches = [m for m in map(STATE.fullmatch, names) if m]
        found = [Written(int(m[1]), self.folder / m[0]) for m in matches]
        return sorted(found, key=lambda each: each.step)


ARGUMENTS = (
    "batch_size",
    "epochs",
    "validation_split",
    "shuffle",
    "class_weight",
    "initial_epoch",
    "steps_per_epoch",
    "validation_steps",
    "validation_batch_size",
    "validation_freq",
    "seed",
)
GIVEN_AGAIN = ("validation_data", "sample_weight")  # data, which the folder does not hold


def _read(path: Path) -> State | None:
    """Return a state; None, with a warning, if it cannot be read."""
    try:
        state = states.unpack(path, path.read_bytes())
        try:
            check_structure(state)
            kinds = {"step": int, "finished": bool, "made_with": dict}
            wrong = [name for name in kinds if type(state[name]) is not kinds[name]]
            if wrong or "build_shape" not in state:
                raise ValueError(f"{', '.join(wrong) or 'build_shape'} is missing")
        except (LookupError, ValueError) as error:
            raise damaged(path, str(error)) from error
    except (FileFormatError, OSError) as error:
        reason = error.message if isinstance(error, FileFormatError) else str(error)
        warn(f"fit: {reason}; the state before it is used")
        return None
    return state
