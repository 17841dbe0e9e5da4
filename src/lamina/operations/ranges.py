"""The range of the values of an activation, declared at its function.

    "distribution"   probabilities that sum to 1 along an axis
    "probabilities"  numbers from 0 to 1
    "any"            numbers that are not probabilities

A function of a user has the same: `f.output_range = "distribution"`. Without it nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def returns(output_range: str) -> Callable[[F], F]:
    """Return a decorator that declares the range of a function's results."""

    def declared(function: F) -> F:
        function.output_range = output_range  # type: ignore[attr-defined]
        return function

    return declared


def output_range_of(thing: Any) -> str | None:
    """Return the declared range of a function, or the range of a layer; None if it is unknown."""
    found = getattr(thing, "output_range", None)
    return found() if callable(found) else found
