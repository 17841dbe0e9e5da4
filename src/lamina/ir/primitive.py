"""Primitives: a name, the type rule of the result, and its constraints.

The pages of primitives are `primitives.py` (elementwise, shapes, sums), `indexing_primitives.py`,
`window_primitives.py` and `loop_primitives.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lamina.errors import DTypeError, ShapeError
from lamina.ir.graph import Node
from lamina.ir.types import TensorType


@dataclass(frozen=True)
class Primitive:
    """A word of the language; calling it makes a node whose type its rule infers."""

    name: str
    infer: Callable[..., Any]

    def __call__(self, *args: Node, **params: Any) -> Node:
        type_ = self.infer(*(a.type for a in args), **params)
        return Node(self.name, args, {**self.defaults, **params}, type_)

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Parameters that may be left out, with what they then are."""
        rule = inspect.signature(self.infer).parameters.values()
        return {p.name: p.default for p in rule if p.default is not p.empty}

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


PRIMITIVES: dict[str, Primitive] = {}


def primitive(infer: Callable[..., Any]) -> Primitive:
    """The primitive that a rule stands for; its name is the rule's."""
    name = infer.__name__.rstrip("_")
    PRIMITIVES[name] = Primitive(name, infer)
    return PRIMITIVES[name]


def need(condition: bool, name: str, constraint: str, *came: object) -> None:
    """Raise the error of a broken constraint: the primitive in front, then what came."""
    if not condition:
        got = f"; got {', '.join(map(str, came))}" if came else ""
        raise ShapeError(f"{name}: {constraint}{got}")


def need_dtype(condition: bool, name: str, constraint: str, *came: object) -> None:
    """The same where dtypes break it."""
    if not condition:
        raise DTypeError(f"{name}: {constraint}; got {', '.join(map(str, came))}")


def computes(t: TensorType) -> bool:
    """Whether arithmetic is defined: 16-bit floats are only stored."""
    return not t.dtype.is_storage_only
