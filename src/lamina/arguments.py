"""Checks of arguments: counts, rates, fractions, flags and names.

Functions return the value as a plain Python number, or raise RangeError with the owner, the name of
the argument, what was expected and what came. Classes list in `argument_checks` what their
constructors take, by the arguments' names; `check_arguments` looks the values up there.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any, TypeVar, cast, overload

import numpy as np

from lamina.errors import ArgumentTypeError, DTypeError, RangeError, deprecated, describe

F = TypeVar("F", bound=Callable[..., Any])


@overload
def integer(
    owner: str, name: str, value: Any, least: int | None = ..., most: int | None = ...
) -> int: ...
@overload
def integer(
    owner: str,
    name: str,
    value: Any,
    least: int | None = ...,
    most: int | None = ...,
    *,
    optional: bool,
) -> int | None: ...
def integer(
    owner: str,
    name: str,
    value: Any,
    least: int | None = None,
    most: int | None = None,
    *,
    optional: bool = False,
) -> int | None:
    """Return `value` as an int; True and False are not integers here, and neither is 2.0.

    Args:
        owner, name: the function or class, and the argument, for the message.
        least, most: the smallest and the largest allowed value; None for no bound.
        optional: allow None, and return it.
    """
    if value is None and optional:
        return None
    if not isinstance(value, (bool, np.bool_)) and not getattr(value, "shape", ()):
        try:
            found = operator.index(value)
        except TypeError:
            pass
        else:
            if (least is None or found >= least) and (most is None or found <= most):
                return found
            raise _error(owner, name, "an integer" + _bounds(least, most), value, optional)
    expected = "an integer" + _bounds(least, most)
    raise _error(owner, name, expected, value, optional, ArgumentTypeError)


def integer_pair(owner: str, name: str, value: Any, least: int | None = None) -> tuple[int, int]:
    """Return `value`, two integers or one for both, as a pair."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise _error(owner, name, f"one or two integers{_bounds(least, None)}", value)
    return integer(owner, name, pair[0], least), integer(owner, name, pair[1], least)


def number(
    owner: str,
    name: str,
    value: Any,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float: at least `least`, at most `most`, `above` and `below` their
    bounds, which are excluded."""
    if is_number(value):
        found = float(value)
        if (
            math.isfinite(found)
            and (least is None or found >= least)
            and (most is None or found <= most)
            and (above is None or found > above)
            and (below is None or found < below)
        ):
            return found
    raise _error(owner, name, "a number" + _bounds(least, most, above, below), value)


def is_number(value: Any) -> bool:
    """True for a Python or NumPy integer or float that is neither a bool nor an array with axes."""
    if isinstance(value, (bool, np.bool_)):
        return False
    return isinstance(value, (int, float, np.integer, np.floating)) or (
        isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf"
    )


def one_of(owner: str, name: str, value: Any, choices: Container[Any]) -> Any:
    """Return `value` if it equals one of the choices."""
    try:
        if value in choices:
            return value
    except (TypeError, ValueError):  # arrays, which have no one truth, and what cannot be hashed
        pass
    listed = " or ".join(repr(each) for each in choices)  # type: ignore[attr-defined]
    raise _error(owner, name, listed, value)


# ---- of constructors ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Integer:
    """An integer between bounds, or None if `optional`."""

    least: int | None = None
    most: int | None = None
    optional: bool = False

    def __call__(self, owner: str, name: str, value: Any) -> None:
        integer(owner, name, value, self.least, self.most, optional=self.optional)


@dataclass(frozen=True)
class Number:
    """A finite number between bounds, of which `above` and `below` are excluded."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    optional: bool = False

    def __call__(self, owner: str, name: str, value: Any) -> None:
        if value is not None or not self.optional:
            number(owner, name, value, self.least, self.most, above=self.above, below=self.below)


@dataclass(frozen=True)
class AnyNumber:
    """A number, infinities and NaN among them."""

    def __call__(self, owner: str, name: str, value: Any) -> None:
        if not is_number(value):
            raise _error(owner, name, "a number", value)


@dataclass(frozen=True)
class OneOf:
    """One of the choices."""

    choices: tuple[Any, ...]

    def __call__(self, owner: str, name: str, value: Any) -> None:
        one_of(owner, name, value, self.choices)


@dataclass(frozen=True)
class Text:
    """A string, or None if `optional`."""

    optional: bool = False

    def __call__(self, owner: str, name: str, value: Any) -> None:
        if not isinstance(value, str) and not (value is None and self.optional):
            raise _error(owner, name, "a string", value, self.optional)


@dataclass(frozen=True)
class Integers:
    """A tuple or list of integers, each perhaps None, and at most `most`; `alone` allows one
    integer by itself."""

    alone: bool = False
    optional: bool = False
    most: int | None = None

    def __call__(self, owner: str, name: str, value: Any) -> None:
        if value is None and self.optional:
            return
        several = isinstance(value, _SEVERAL)
        if not (several or self.alone) or not all(
            (each is None and several)
            or (is_integer(each) and (self.most is None or each <= self.most))
            for each in _listed(value)
        ):
            expected = "an integer or a tuple of integers" if self.alone else "a tuple of integers"
            expected += _bounds(None, self.most)
            raise _error(owner, name, expected, value, self.optional, ArgumentTypeError)


@dataclass(frozen=True)
class Numbers:
    """A tuple, list or array of finite numbers; `alone` allows one number by itself."""

    alone: bool = False
    optional: bool = False

    def __call__(self, owner: str, name: str, value: Any) -> None:
        if value is None and self.optional:
            return
        if not (self.alone and is_number(value)) and not isinstance(value, (*_SEVERAL, np.ndarray)):
            expected = "a number or a tuple of numbers" if self.alone else "a tuple of numbers"
            raise _error(owner, name, expected, value, self.optional)
        for each in np.ravel(value) if isinstance(value, np.ndarray) else _listed(value):
            number(owner, name, each)


def path(owner: str, name: str, value: Any) -> None:
    """The name of a file: a string or a path."""
    if not isinstance(value, (str, os.PathLike)):
        raise _error(owner, name, "a path", value)


def optional_path(owner: str, name: str, value: Any) -> None:
    """The name of a file, or None."""
    if not (value is None or isinstance(value, (str, os.PathLike))):
        raise _error(owner, name, "a path", value, True)


def function(owner: str, name: str, value: Any) -> None:
    """Anything that can be called."""
    if not callable(value):
        raise _error(owner, name, "a function", value)


def seed(owner: str, name: str, value: Any) -> None:
    """None, an integer, or a generator of seeds."""
    if not (value is None or is_integer(value) or hasattr(value, "next")):
        raise _error(owner, name, "an integer, a SeedGenerator or None", value)


def _listed(value: Any) -> Any:
    return value if isinstance(value, _SEVERAL) else [value]


_SEVERAL = (tuple, list, range)
FLAG = OneOf((True, False))
Check = Callable[[str, str, Any], object]
Checks = Mapping[str, Check]


def check_arguments(cls: type, given: Mapping[str, Any]) -> None:
    """Raise RangeError for an argument of a class of Lamina that its table does not allow. Classes
    of users may mean something else by the same name."""
    if cls.__module__.partition(".")[0] == "lamina":
        checks = _checks_of(cls)
        for name in checks.keys() & given.keys():
            checks[name](cls.__name__, name, given[name])


@cache
def _checks_of(cls: type) -> Checks:
    found: dict[str, Check] = {}
    for base in reversed(cls.__mro__):
        found |= vars(base).get("argument_checks", {})
    return found


def is_integer(value: Any) -> bool:
    """True for a Python or NumPy integer that is not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


# ---- further ones ------------------------------------------------------------------------------
def refuse_sparse(owner: str, value: Any) -> None:
    """Raise DTypeError if the value is a sparse matrix, such as those of SciPy."""
    if hasattr(value, "toarray"):
        raise DTypeError(
            f"{owner}: sparse matrices are not supported (expected a dense array, got a "
            f"{type(value).__name__} of shape {getattr(value, 'shape', None)})",
            hint="matrix.toarray() makes a dense array, of some rows at a time if all do not fit",
        )


def _bounds(
    least: float | None,
    most: float | None,
    above: float | None = None,
    below: float | None = None,
) -> str:
    if least is not None and most is not None:
        return f" from {least} to {most}"
    words = {"of at least": least, "of at most": most, "above": above, "below": below}
    said = [f"{word} {bound}" for word, bound in words.items() if bound is not None]
    return " " + " and ".join(said) if said else ""


def _error(
    owner: str,
    name: str,
    expected: str,
    value: Any,
    optional: bool = False,
    kind: type[RangeError] = RangeError,
) -> RangeError:
    expected += " or None" if optional else ""
    return kind(f"{owner}: invalid {name} (expected {expected}, got {describe(value)})")


def older_names(**names: str | None) -> Callable[[F], F]:
    """Let a function take arguments by their names before Keras 3, with a warning; those whose name
    is None today have no effect. The signature shows today's names only."""

    def decorated(function: F) -> F:
        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            for name in names.keys() & kwargs.keys():
                value, own, today = kwargs.pop(name), function.__name__, names[name]
                form = f"{own} without it" if today is None else f"{own}({today}=)"
                deprecated(f"{own}({name}=)", form)
                if today is not None:
                    kwargs[today] = value
            return function(*args, **kwargs)

        return cast(F, called)

    return decorated
