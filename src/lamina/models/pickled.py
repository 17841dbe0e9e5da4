"""Models as pickle and multiprocessing copy them: the content of their file, and their classes.

Compiled programs stay behind; they are made again when they are needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lamina.configuration import (
    NAMED_FUNCTIONS,
    Configurable,
    arguments_of,
    deserialize,
    registered_name,
    serialize,
)
from lamina.layers._base.facts import are_built, with_sublayers
from lamina.models.fitting import session_of
from lamina.saving.models import content_of, model_of


def reduced(model: Any) -> tuple[Callable[..., Any], tuple[Any, dict[str, Any]]]:
    """Return the value of `__reduce__`. Raises ArgumentError for a model that needs code."""
    if not model.built and not are_built(model):
        return from_configuration, (serialize(model), dict(_custom(model)))
    return revived, (content_of(model), dict(_custom(model)))


def from_configuration(written: Mapping[str, Any], custom_objects: Mapping[str, Any]) -> Any:
    """The model of this configuration, which has no weights yet."""
    return deserialize(written, custom_objects)


def revived(content: bytes, custom_objects: Mapping[str, Any]) -> Any:
    """The model with this content."""
    return model_of("a pickled model", content, custom_objects)


def _custom(model: Any) -> Iterator[tuple[str, Any]]:
    """The user's classes and functions that the content names, by name."""
    session = session_of(model)
    for layer in with_sublayers(model):
        yield from _of(layer)
    for each in vars(session.compilation).values() if session is not None else ():
        yield from _in(each)


def _in(nest: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(nest, (list, tuple)):
        for each in nest:
            yield from _in(each)
    elif isinstance(nest, Mapping):
        for each in nest.values():
            yield from _in(each)
    else:
        yield from _of(getattr(nest, "metric", nest))


def _of(value: Any) -> Iterator[tuple[str, Any]]:
    """The class of an object, and the functions and objects that it was made with."""
    if inspect.isfunction(value) and value not in NAMED_FUNCTIONS:
        yield value.__name__, value
    if isinstance(value, Configurable):
        if registered_name(type(value)).startswith("custom>"):
            yield type(value).__name__, type(value)
        for each in arguments_of(value).values():
            yield from _in(each)
