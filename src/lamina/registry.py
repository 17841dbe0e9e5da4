"""Things known by name: 'adam', 'Adam', {"class_name": "Adam", "config": {...}} or themselves.

Losses, metrics, optimizers, schedules, initializers, regularizers and constraints each keep one
Registry. A class is known by its own name, by the snake_case of it, and by its short names ("mse")
and `aliases`; a function by its own name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lamina import configuration
from lamina.configuration import snake_case
from lamina.errors import ArgumentError, describe, unknown_name


class Registry:
    """The classes and functions of one kind, by name.

    `kind` is the word for error messages ("loss"), `family` where configurations say the classes
    are ("lamina.losses"). A name that is unknown is an UnknownNameError which shows the nearest
    known ones.
    """

    def __init__(self, kind: str, family: str, classes: Iterable[type] = ()) -> None:
        self.kind, self.family = kind, family
        self.classes: dict[str, type] = {}
        self.functions: dict[str, Callable[..., Any]] = {}
        self._by_name: dict[str, Any] = {}
        self._listed: set[str] = set()  # what messages show: one spelling of each name
        for cls in classes:
            self.add_class(cls)

    def add_class(self, cls: type, *short_names: str) -> None:
        self.classes[cls.__name__] = cls
        plain = cls.__name__.lower()
        usual = [name for name in short_names if name.replace("_", "") == plain]
        self._listed |= {usual[0] if usual else snake_case(cls.__name__)}
        self._listed |= {name for name in short_names if name.islower()}
        own = (cls.__name__, cls.__name__.lower(), snake_case(cls.__name__))
        for name in (*own, *short_names, *getattr(cls, "aliases", ())):
            self._by_name.setdefault(name, cls)

    def add_function(self, function: Callable[..., Any], *short_names: str) -> None:
        """Known by its snake_case and short names, in front of a class of the same name."""
        configuration.NAMED_FUNCTIONS.setdefault(function, function.__name__)
        for name in (function.__name__, *short_names):
            self.functions[name] = function

    def named(self, name: str) -> Any:
        """The class or function of that name; functions first, capitals ignored if need be."""
        found = configuration.own_object(name) or self.functions.get(name)
        found = found or self._by_name.get(name)
        if found is None:
            found = self.functions.get(name.lower()) or self._by_name.get(name.lower())
        if found is None:
            raise unknown_name(self.kind, name, self._listed)
        return found

    def get(self, identifier: Any) -> Any:
        """Return the object for an `identifier`: None, a name, a configuration, a class, or the
        object."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.named(identifier)
            return self._made(found) if isinstance(found, type) else found
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            return self._made(identifier)
        if callable(identifier) or isinstance(identifier, configuration.Configurable):
            return identifier
        raise ArgumentError(
            f"{self.kind}: one is given by name, configuration or as an object; "
            f"this is {describe(identifier)}"
        )

    def _made(self, cls: type) -> Any:
        """An object of a class that was named; some cannot be made of a name alone."""
        parameters = inspect.signature(cls).parameters.values()
        needed = [
            p.name
            for p in parameters
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        if needed:
            raise ArgumentError(
                f"{self.kind} {cls.__name__}: {' and '.join(needed)} must be given, which a name "
                "does not say",
                hint=f"an object in place of the name: {cls.__name__}({needed[0]}=...)",
            )
        return cls()

    def deserialize(self, written: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The thing that `configuration.serialize` wrote down, or that a name stands for."""
        if isinstance(written, str):
            with configuration.custom_object_scope(custom_objects):
                return self.get(written)
        if "class_name" not in written:
            raise ArgumentError(
                f"the configuration of a {self.kind} has the keys 'class_name' and 'config'; "
                f"this one has {sorted(written)}"
            )
        complete = {"config": {}, **written}
        known = self._by_name.get(written["class_name"])  # "adam" for Adam
        if known is not None and not written.get("registered_name"):
            complete["class_name"] = known.__name__
        return configuration.deserialize(complete, custom_objects, self.family)

    def serialize(self, thing: Any) -> Any:
        """A configuration of an object, as plain data; for a function, its name."""
        if isinstance(thing, configuration.Configurable):
            return configuration.serialize(thing)
        return configuration.plain(thing, self.kind)
