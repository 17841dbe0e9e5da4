"""Spaces of hyperparameters: the values that each may have, and how one is drawn."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lamina.arguments import integer
from lamina.errors import ArgumentError, RangeError, describe

PLAIN = (bool, int, float, str, type(None))


class Params(dict[str, Any]):
    """The hyperparameters of a trial: a dictionary whose items are attributes too.

    Example:
        >>> import lamina as lm
        >>> lm.tune.Params(units=32).units
        32
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self) or "none"
            raise AttributeError(f"no hyperparameter {name!r}; the space has {known}") from None


class Parameter(ABC):
    """The base class of the values of one hyperparameter; made by `choice`, `integers`, `uniform`
    and `loguniform`."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Any:
        """Return a value at random.

        Args:
            rng: generator of random numbers.
        """

    @abstractmethod
    def grid(self) -> Sequence[Any]:
        """Return all values, in order.

        Raises:
            ArgumentError: for an interval of real numbers, which has no list of values.
        """


class Choice(Parameter):
    """One of several values; made by `choice` and `integers`.

    Args:
        values: the values.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = list(values)

    def draw(self, rng: np.random.Generator) -> Any:
        return self.values[int(rng.integers(len(self.values)))]

    def grid(self) -> Sequence[Any]:
        return self.values

    def __repr__(self) -> str:
        return f"choice({self.values})"


class _Interval(Parameter):
    """Real numbers from `low` to `high`, uniform, or in the logarithm."""

    def __init__(self, low: float, high: float, logarithmic: bool) -> None:
        self.low, self.high, self.logarithmic = float(low), float(high), logarithmic

    def draw(self, rng: np.random.Generator) -> float:
        if self.logarithmic:
            return math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return float(rng.uniform(self.low, self.high))

    def grid(self) -> Sequence[Any]:
        raise ArgumentError(
            f"grid: {self!r} has no list of values",
            hint="give choice([...]) for a grid, or use method='random'",
        )

    def __repr__(self) -> str:
        return f"{'log' if self.logarithmic else ''}uniform({self.low:g}, {self.high:g})"


def choice(values: Sequence[Any]) -> Choice:
    """Return a parameter that is one of several values.

    Args:
        values: numbers, strings, booleans or None.

    Raises:
        ArgumentError: for no values, or one of another kind.

    Example:
        >>> import lamina as lm
        >>> lm.tune.choice([32, 64])
        choice([32, 64])
    """
    found = list(values)
    if not found or not all(isinstance(value, PLAIN) for value in found):
        raise ArgumentError(
            f"choice: expected numbers, strings, booleans or None, got {describe(values)}"
        )
    return Choice(found)


def integers(low: int, high: int) -> Choice:
    """Return a parameter that is an integer from `low` to `high`, both included.

    Args:
        low: smallest value.
        high: largest value.

    Example:
        >>> import lamina as lm
        >>> lm.tune.integers(1, 3)
        choice([1, 2, 3])
    """
    low, high = integer("integers", "low", low), integer("integers", "high", high)
    if low > high:
        raise RangeError(f"integers: low {low} exceeds high {high}")
    return Choice(range(low, high + 1))


def uniform(low: float, high: float) -> Parameter:
    """Return a parameter that is a real number, each equally likely.

    Args:
        low: smallest value.
        high: largest value.

    Example:
        >>> import lamina as lm
        >>> lm.tune.uniform(0, 0.5)
        uniform(0, 0.5)
    """
    return _interval("uniform", low, high, logarithmic=False)


def loguniform(low: float, high: float) -> Parameter:
    """Return a parameter that is a positive number, each order of magnitude equally likely.

    Args:
        low: smallest value, above 0.
        high: largest value.

    Example:
        >>> import lamina as lm
        >>> lm.tune.loguniform(1e-4, 0.1)
        loguniform(0.0001, 0.1)
    """
    return _interval("loguniform", low, high, logarithmic=True)


def _interval(name: str, low: float, high: float, logarithmic: bool) -> Parameter:
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise RangeError(f"{name}: expected two numbers, the smaller first, got {low} and {high}")
    if logarithmic and low <= 0:
        raise RangeError(f"{name}: low is {low}, expected more than 0")
    return _Interval(low, high, logarithmic)


# ---- whole spaces ------------------------------------------------------------------------------
def checked_space(space: Mapping[str, Any]) -> dict[str, Parameter]:
    """The space with lists as choices and single values as choices of one.

    Raises:
        ArgumentError: for something else.
    """
    if not isinstance(space, Mapping) or not all(isinstance(name, str) for name in space):
        raise ArgumentError(
            f"space: expected a dictionary from name to values, got {describe(space)}",
            hint="{'units': lm.tune.choice([32, 64]), 'rate': lm.tune.loguniform(1e-4, 1e-1)}",
        )
    return {name: _parameter(name, value) for name, value in space.items()}


def _parameter(name: str, value: Any) -> Parameter:
    if isinstance(value, Parameter):
        return value
    if isinstance(value, (list, tuple, range)):
        return choice(list(value))
    if isinstance(value, PLAIN):
        return Choice([value])
    raise ArgumentError(f"space: {name!r}: expected values to choose from, got {describe(value)}")


def drawn(space: Mapping[str, Parameter], seed: int, number: int) -> Params:
    """The hyperparameters of trial `number` of a random search: a function of seed and number."""
    rng = np.random.default_rng([seed, number])
    return Params((name, parameter.draw(rng)) for name, parameter in space.items())


def grid(space: Mapping[str, Parameter]) -> Iterator[Params]:
    """All combinations, the last name varying fastest."""
    for values in itertools.product(*(parameter.grid() for parameter in space.values())):
        yield Params(zip(space, values, strict=True))
