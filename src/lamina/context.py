"""The state of the running code that no argument carries: one immutable Context, in one variable.

A `with` block sets a part of it for the code inside the block and the functions called there:

    with entered(stream=stream):
        outputs = model(inputs)

Each thread and each asyncio task has its own Context. A thread begins with an empty one; a
task, `asyncio.to_thread` and `contextvars.copy_context` begin with that of the code that starts
them. Since a Context never changes, nothing that happens elsewhere changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Context(NamedTuple):
    """The values in effect around the running code. The modules in parentheses set and read it."""

    settings: Mapping[str, Any] = NOTHING  # that differ in this block (settings)
    objects: Mapping[str, Any] = NOTHING  # that files may name (configuration)
    restoration: Any = None  # the file that is being read (restoring)
    traces: tuple[Any, ...] = ()  # programs being recorded, the innermost last (tensor)
    record: Any = None  # the innermost gradient being taken (tensor)
    random_scope: Any = None  # where random keys come from (operations.random_keys)
    samples: Any = None  # the samples that a batch holds (operations.samples)
    limits: Any = None  # the list of limits of extents (operations.limits)
    weight_key: str | None = None  # from which a weight's first values are drawn (initializers)
    frames: tuple[Any, ...] = ()  # calls of layers, the innermost last (layers._base.frames)
    autocast: Any = None  # the dtype in which variables of 32 bits are read (layers._base.frames)
    watchers: tuple[Any, ...] = ()  # of calls of layers (layers._base.frames)
    spans: Any = None  # of the nodes that layers and gradients make (ir.spans)
    stream: Any = None  # the step of a sequence (layers._base.streaming)
    replacement: Any = None  # of what a layer computes, by the layer (layers._base.streaming)
    name_scope: tuple[str, ...] = ()  # in front of the paths of new Variables (variables)
    lookups: Any = None  # the list of lookups in tables (layers.embedding)


OUTERMOST = Context()
_PLACES = {name: place for place, name in enumerate(Context._fields)}
_CURRENT: ContextVar[Context] = ContextVar("lamina", default=OUTERMOST)
current = _CURRENT.get


class entered:
    """Context manager: within, some parts of the Context have other values."""

    __slots__ = ("before", "changes")

    def __init__(self, **changes: Any) -> None:
        self.changes = changes

    def __enter__(self) -> Context:
        self.before = current()
        values = list(self.before)
        for name, value in self.changes.items():
            values[_PLACES[name]] = value
        inner = Context._make(values)
        _CURRENT.set(inner)
        return inner

    def __exit__(self, *_: object) -> None:
        _CURRENT.set(self.before)
