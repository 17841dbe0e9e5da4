"""State that is put back: validation between epochs must not change what training does next."""

from __future__ import annotations

from collections.abc import Iterable

from lamina.data.arrays import Array
from lamina.variables import Variable, contents_of, overwrite


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
