"""Things known by name: 'adam', 'Adam', {"class_name": "Adam", "config": {...}} or themselves.

Losses, metrics, optimizers and schedules each keep one Registry. A class is known by its own name,
by the snake_case of it, and by its short names ("mse"); a function by its own name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lamina.errors import ArgumentError, describe, unknown_name


def snake_case(name: str) -> str:
    """ "MeanSquaredError" -> "mean_squared_error", "AdamW" -> "adam_w", "AUC" -> "auc"."""
    split = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", split).lower()


class Registry:
    """The classes and functions of one kind, by name.

    `kind` is the word for error messages ("loss"). A name that is unknown is an UnknownNameError
    which shows the nearest known ones.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.classes: dict[str, type] = {}
        self.functions: dict[str, Callable[..., Any]] = {}
        self._by_name: dict[str, Any] = {}

    def add_class(self, cls: type, *short_names: str) -> None:
        self.classes[cls.__name__] = cls
        for name in (cls.__name__, cls.__name__.lower(), snake_case(cls.__name__), *short_names):
            self._by_name.setdefault(name, cls)

    def add_function(self, function: Callable[..., Any], *short_names: str) -> None:
        """Known by its snake_case and short names, in front of a class of the same name."""
        for name in (function.__name__, *short_names):
            self.functions[name] = function

    def named(self, name: str) -> Any:
        """The class or function of that name; functions first, capitals ignored if need be."""
        found = self.functions.get(name) or self._by_name.get(name)
        if found is None:
            found = self.functions.get(name.lower()) or self._by_name.get(name.lower())
        if found is None:
            raise unknown_name(self.kind, name, {*self.classes, *self.functions, *self._by_name})
        return found

    def class_named(self, name: str) -> type | None:
        """The class of that name, where there is one, also if a function has the same name."""
        return self._by_name.get(name) or self._by_name.get(name.lower())

    def get(self, identifier: Any) -> Any:
        """What `identifier` stands for: None, a name, a configuration, a class, or the thing."""
        if identifier is None:
            return None
        if isinstance(identifier, str):
            found = self.named(identifier)
            return found() if isinstance(found, type) else found
        if isinstance(identifier, Mapping):
            return self.deserialize(identifier)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier):
            return identifier
        raise ArgumentError(
            f"a {self.kind} is given by name, configuration or as an object; "
            f"this is {describe(identifier)}"
        )

    def serialize(self, thing: Any) -> Any:
        """A configuration (or, for a function, its name) that `deserialize` reads back."""
        if not hasattr(thing, "get_config"):
            name = getattr(thing, "__name__", None)
            if name not in self.functions:
                raise ArgumentError(
                    f"the {self.kind} {name or describe(thing)} cannot be written down",
                    hint="give it a class with get_config and from_config",
                )
            return name
        return {"class_name": type(thing).__name__, "config": thing.get_config()}

    def deserialize(
        self, config: Mapping[str, Any] | str, custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """The thing that `serialize` wrote down; `custom_objects` adds names of your own."""
        if isinstance(config, str):
            return (custom_objects or {}).get(config) or self.get(config)
        if "class_name" not in config:
            raise ArgumentError(
                f"the configuration of a {self.kind} has the keys 'class_name' and 'config'; "
                f"this one has {sorted(config)}"
            )
        name = config["class_name"]
        cls = (custom_objects or {}).get(name) or self.class_named(name) or self.named(name)
        arguments = dict(config.get("config", {}))
        return cls.from_config(arguments) if hasattr(cls, "from_config") else cls(**arguments)
