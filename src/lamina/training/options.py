"""The options of one `fit`, checked: what it does besides the data."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lamina import arguments
from lamina.defaults import DEFAULTS, limited
from lamina.errors import ArgumentError

MOST_ROWS = 2**31 - 1  # programs hold the numbers of rows as int32
_VERBOSE = (0, 1, 2, "auto")
_EPOCHS = (list, tuple, set, frozenset, range, np.ndarray)

Verbose = Literal[0, 1, 2, "auto"]


@dataclass(frozen=True)
class Every:
    """An interval: of seconds, of steps, or of one epoch."""

    seconds: float | None = None
    steps: int | None = None
    epochs: bool = False

    @staticmethod
    def of(owner: str, given: object) -> Every:
        """Return what `every=` says: 200 (steps), "60s", "5m", "2h" or "epoch"."""
        if isinstance(given, str):
            found = _DURATION.fullmatch(given)
            if found:
                return Every(seconds=float(found[1]) * _SECONDS[found[2]])
            if given == "epoch":
                return Every(epochs=True)
            raise ArgumentError(
                f"{owner}: every: unknown interval (expected a number of steps, a duration such as "
                f"'60s', '5m' or '2h', or 'epoch', got {given!r})"
            )
        return Every(steps=arguments.integer(owner, "every", given, 1))


_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class FitOptions:
    """The arguments of `Model.fit` besides x, y and callbacks, as plain Python values.

    `checked()` returns them with all numbers checked; the rest of training relies on it.
    """

    batch_size: int | None = None
    epochs: int = 1
    verbose: Verbose = "auto"
    validation_split: float = 0.0
    validation_data: object = None
    shuffle: bool = True
    class_weight: Mapping[int, float] | None = None
    sample_weight: object = None
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    validation_batch_size: int | None = None
    validation_freq: object = 1
    seed: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    every: object = "60s"
    resume: bool = False

    def checked(self) -> FitOptions:
        """Return the options with plain numbers. Raises RangeError for those that cannot be."""
        return FitOptions(
            batch_size=count("fit", "batch_size", self.batch_size),
            epochs=limited(arguments.integer("fit", "epochs", self.epochs, 0), DEFAULTS.max_epochs)
            or 0,
            verbose=checked_verbose("fit", self.verbose),
            validation_split=arguments.number(
                "fit", "validation_split", self.validation_split, 0, below=1
            ),
            validation_data=self.validation_data,
            shuffle=arguments.one_of("fit", "shuffle", self.shuffle, (True, False)),
            class_weight=self.class_weight,
            sample_weight=self.sample_weight,
            initial_epoch=arguments.integer("fit", "initial_epoch", self.initial_epoch, 0),
            steps_per_epoch=count("fit", "steps_per_epoch", self.steps_per_epoch),
            validation_steps=count("fit", "validation_steps", self.validation_steps),
            validation_batch_size=count("fit", "validation_batch_size", self.validation_batch_size),
            validation_freq=_frequency(self.validation_freq),
            seed=arguments.integer("fit", "seed", self.seed, optional=True),
            checkpoint=self.checkpoint,
            every=Every.of("fit", self.every),
            resume=_resume(self.resume, self.checkpoint),
        )

    def validates_after(self, epoch: int) -> bool:
        """True if there is validation after this epoch, counted from 0, of checked options."""
        if isinstance(self.validation_freq, frozenset):
            return epoch + 1 in self.validation_freq
        return isinstance(self.validation_freq, int) and (epoch + 1) % self.validation_freq == 0


def _frequency(given: object) -> int | frozenset[int]:
    """Return the number of epochs between validations, or the numbers of the epochs, from 1."""
    if isinstance(given, _EPOCHS) and getattr(given, "shape", None) != ():
        return frozenset(arguments.integer("fit", "validation_freq", each, 1) for each in given)
    return arguments.integer("fit", "validation_freq", given, 1)


def _resume(given: object, checkpoint: object) -> bool:
    resume: bool = arguments.one_of("fit", "resume", given, (True, False))
    if resume and checkpoint is None:
        raise ArgumentError(
            "fit: resume=True without checkpoint (expected the folder of the run)",
            hint="fit(..., checkpoint='runs/a', resume=True)",
        )
    return resume


def count(owner: str, name: str, value: object) -> int | None:
    """Return a number of rows, batches or steps, from 1; None stays."""
    return arguments.integer(owner, name, value, 1, MOST_ROWS, optional=True)


def checked_verbose(owner: str, value: object) -> Verbose:
    """Return the level of output. Raises RangeError for another value."""
    verbose: Verbose = arguments.one_of(owner, "verbose", value, _VERBOSE)
    return verbose


def need_data(owner: str, x: object) -> None:
    """Raise ArgumentError if x is missing."""
    if x is None:
        raise ArgumentError(
            f"{owner}: x is missing (expected arrays or an iterable of batches, got None)",
            hint=f"give the inputs first: {owner}(x, ...)",
        )
