"""Checkpoints of `fit`: the folder of a run, from which an interrupted training continues.

    runs/a/
        run.json                  arguments of `fit`, for `lamina.resume`
        model.lamina              the model as `fit` got it, for `lamina.resume`
        state-00000120.state      the state after 120 steps (saving/states.py)
        state-00000180.state      the newest two are kept
        final.state               the state at the end of a complete training
        history.jsonl             the metrics of each completed epoch, a line each

Every file is written whole or not at all, by process 0 if there are several, and an older state is
removed only when the newer one is on the disk. A state also holds what it was made with: model,
optimizer, data and arguments, as fingerprints. To continue with others is an error that names the
difference.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from lamina.data.arrays import Array
from lamina.distribution.processes import agreed, process_index
from lamina.errors import ArgumentError, FileFormatError, LaminaError, StateError, warn
from lamina.files import checked_name, write_whole
from lamina.layers._base.facts import build_shape
from lamina.saving import states
from lamina.saving.models import content_of, shapes, shapes_from
from lamina.saving.once import write_once
from lamina.training.fingerprints import compare, fingerprints
from lamina.training.options import Every, FitOptions
from lamina.training.protocol import Listeners, Logs, Trainable
from lamina.training.state import State, position_in
from lamina.version import __version__

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
        self._warned = False

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
            try:
                return states.unpack(each.path, each.path.read_bytes())
            except FileFormatError as error:
                warn(f"fit: {error.message}; the state before it is used")
        if found:
            raise StateError(f"fit: no state in {str(self.folder)!r} can be read")
        return None

    def newest_of(self, options: FitOptions) -> State | None:
        """Return the state that this fit continues, None to begin.

        Raises:
            ArgumentError: if the folder holds a run that is not to be continued.
        """
        if not options.resume and self._written():
            raise ArgumentError(
                f"fit: checkpoint: {str(self.folder)!r} holds an earlier run",
                hint="resume=True continues it; give another folder, or remove this one, to begin",
            )
        if not options.resume:
            return None
        final = self._final()
        if final is not None:
            position = position_in(final)
            if position.stopped or position.epoch >= options.epochs:
                return final
        return self.newest()

    def _final(self) -> State | None:
        """The state at the end of the training, if it is complete."""
        path = self.folder / FINAL
        try:
            return states.unpack(path, path.read_bytes())
        except FileNotFoundError:
            return None
        except FileFormatError as error:
            warn(f"fit: {error.message}; the state before it is used")
            return None

    def build(self, model: Trainable, state: State) -> None:
        """Create the weights of a model that has none yet."""
        if not model.built and state["build_shape"] is not None:
            model.layers[0].build(shapes_from(state["build_shape"]))

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
            return
        compare(self.folder, cast(Mapping[str, object], state["made_with"]), self._made)
        self._saved_step = self._step = cast(int, state["step"])
        self._cut_history(cast(Mapping[str, int], state["position"])["epoch"])

    def _describe(self, model: Trainable, options: FitOptions, callbacks: object) -> None:
        """Write what `lamina.resume` needs: the model, and the arguments of `fit`. A model that
        only code can express is left out."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            write_once(self.folder / MODEL, content_of(model.layers[0]))
        except LaminaError as error:
            warn(f"fit: lamina.resume cannot rebuild this model: {error.message}")
        given = vars(options)
        run = {
            **FORMAT,
            "lamina": __version__,
            "fit": _json({name: given[name] for name in ARGUMENTS}),
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
        if self.asked_to_end:
            return True
        if self.every.steps is not None:
            return self._step - self._saved_step >= self.every.steps
        if self.every.seconds is not None:
            return time.monotonic() - self._saved_at >= self.every.seconds
        return False

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
        try:
            write_once(self.folder / name, content)
        except OSError as error:
            if not self._warned:
                warn(f"fit: no checkpoint: {error}; training continues, the last state is intact")
            self._warned = True
            return
        self._warned = False
        for each in self._written()[:-KEPT] if process_index() == 0 else ():
            each.path.unlink(missing_ok=True)

    def note_epoch(self, epoch: int, logs: Logs) -> None:
        """Append the metrics of a completed epoch to history.jsonl."""
        if process_index() > 0:
            return
        line = json.dumps({"epoch": epoch, "step": self._step, **_json(logs)})
        try:
            with open(self.folder / HISTORY, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            warn(f"fit: {error}; {HISTORY} lacks epoch {epoch + 1}")

    def _cut_history(self, epochs: int) -> None:
        """Remove the lines of epochs that the restored state has not completed."""
        path = self.folder / HISTORY
        if not path.exists():
            return
        lines = path.read_text("utf-8").splitlines()
        kept = [line for line in lines if (_epoch_of(line) or 0) < epochs and _epoch_of(line) != -1]
        if kept != lines and process_index() == 0:
            write_whole(path, "".join(f"{line}\n" for line in kept).encode())

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


def _epoch_of(line: str) -> int:
    """The epoch of a line of history.jsonl; -1 for one that was cut off."""
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return -1


def _json(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _json_value(value) for name, value in values.items()}


def _json_value(value: object) -> object:
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return [[_json_value(k), _json_value(v)] for k, v in value.items()]
    return value.item() if isinstance(value, np.generic) else value
