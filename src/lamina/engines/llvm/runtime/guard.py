"""Calls of a program that Ctrl-C can stop: those with little state, and long ones.

A backup of the state costs time: with more than `limits.LITTLE_STATE` of it, only calls that are
expected to take longer than a user would wait have one. Others run to their end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina.engines.llvm.runtime import limits


class Guard:
    """The guards (stopping.py) of a program at given sizes: `state` are the arguments that are
    updated in place; `seconds` is the expected duration of a call: that of the last one, or an
    estimate from its work."""

    def __init__(self, state: Sequence[int], work: int) -> None:
        self.state, self.seconds = state, work / limits.EXPECTED_SPEED
        self._backups: list[np.ndarray] = []
        self._is_little, self._is_fixed = True, False
        self._table = np.zeros(1 + 3 * len(state), np.int64)
        self._address = _address(self._table)

    def of(self, arrays: Sequence[np.ndarray]) -> int | None:
        """The address of the guard of a call with these arguments; None for none."""
        if self.state and not self._is_fixed:
            held = [arrays[k] for k in self.state]
            self._is_little = sum(a.nbytes for a in held) <= limits.LITTLE_STATE
            if self._is_little or self.seconds >= limits.GUARDED:
                self._fill(held)
            elif self.seconds < limits.GUARDED / 2:  # the first call's estimate was too long
                self._backups.clear()
        return self._address if self._is_little or self.seconds >= limits.GUARDED else None

    def fix(self, arrays: Sequence[np.ndarray]) -> None:
        """From now on the arguments are these."""
        self.of(arrays)
        self._fill([arrays[k] for k in self.state])
        self._is_fixed = True

    def _fill(self, held: list[np.ndarray]) -> None:
        if not self._backups:
            self._backups = [np.empty(a.nbytes, np.uint8) for a in held]
        rows = [
            number
            for a, b in zip(held, self._backups, strict=True)
            for number in (_address(a), _address(b), a.nbytes)
        ]
        self._table[:] = [len(held), *rows]


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
