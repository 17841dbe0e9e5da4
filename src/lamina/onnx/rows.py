"""The table of operators: a row is a function, with the version of the operator set it begins with.

The inputs of a node are positional arguments, absent ones None; its attributes are keywords, and
`node`, if the function has this keyword, is the node itself. The result is a value, or a tuple of
the outputs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Row(NamedTuple):
    """A function and the names of the attributes that it takes."""

    run: Callable[..., Any]
    keywords: frozenset[str]


ROWS: dict[tuple[str, str], dict[int, Row]] = {}
"""Domain and name of an operator -> version -> row."""


def operator(*names: str, since: int = 1, domain: str = "") -> Callable[[F], F]:
    """A decorator that enters a function into the table.

    Args:
        names: names of operators that the function computes.
        since: first version of the operator set for which it does.
        domain: operator set; "" is ONNX's own.
    """

    def enter(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        keywords = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        for name in names:
            ROWS.setdefault((domain, name), {})[since] = Row(function, keywords)
        return function

    return enter


def row_of(domain: str, name: str, version: int) -> Row | None:
    """The row of an operator for a version of its set; None if there is none."""
    rows = ROWS.get((domain, name), {})
    fitting = [since for since in rows if since <= version]
    return rows[max(fitting)] if fitting else None
