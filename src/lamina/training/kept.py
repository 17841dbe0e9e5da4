"""State that is put back: validation between epochs must not change what training does next, and a
step that failed is made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from lamina.data.arrays import Array
from lamina.engines import residence
from lamina.variables import Variable, contents_of, memory_of, overwrite


class Kept:
    """The values of Variables before they were changed: of stateful layers, of generators of random
    numbers, of metrics, of whatever a step of evaluation assigns."""

    def __init__(self) -> None:
        self._values: dict[Variable, Array] = {}

    def keep(self, variables: Iterable[Variable]) -> None:
        """Note the values of Variables that are about to change, if they are not noted yet."""
        for variable in variables:
            if variable not in self._values:
                self._values[variable] = contents_of(variable)

    def restore(self) -> None:
        """Put all values back."""
        for variable, value in self._values.items():
            overwrite(variable, value)


class Snapshot:
    """A copy of the values of Variables, taken again and again into the same memory.

    Args:
        variables: Variables to copy at once.
    """

    def __init__(self, variables: Iterable[Variable]) -> None:
        self._pairs: list[tuple[Variable, Array]] = []
        self.take(list(variables))

    @property
    def variables(self) -> list[Variable]:
        """The Variables that were copied last."""
        return [variable for variable, _ in self._pairs]

    def take(self, variables: Sequence[Variable]) -> None:
        """Copy the values of these Variables instead of those before."""
        known = dict(self._pairs)
        self._pairs = []
        for variable in variables:
            memory = residence.settled(memory_of(variable))
            copy = known.get(variable)
            if copy is None:
                copy = memory.copy()
            else:
                np.copyto(copy, memory)
            self._pairs.append((variable, copy))

    def put_back(self) -> None:
        """Give the Variables the values that were copied."""
        for variable, value in self._pairs:
            overwrite(variable, value)
