"""Options by prefix: `model__units=64` goes to the function, `fit__shuffle=False` to fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lamina.errors import ArgumentError

ROUTES = ("model", "compile", "optimizer", "loss", "fit", "predict")


def is_routed(name: str) -> bool:
    """True for a name such as "model__units"."""
    route, mark, option = name.partition("__")
    return bool(mark and option) and route in ROUTES


def check_routed(owner: str, names: Any) -> None:
    """Raise TypeError for a keyword that goes nowhere."""
    for name in names:
        if not is_routed(name):
            known = ", ".join(f"{route}__" for route in ROUTES)
            raise TypeError(
                f"{owner}: unexpected keyword argument {name!r} (expected a parameter of the "
                f"estimator, or one that begins with {known})"
            )


def routed(values: Mapping[str, Any], route: str) -> dict[str, Any]:
    """The options that go one way, without their prefix."""
    prefix = f"{route}__"
    return {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}


def accepted(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the offered arguments that a function names."""
    parameters = inspect.signature(function).parameters
    return {name: value for name, value in offered.items() if name in parameters}


def call_model(owner: str, function: Callable[..., Any], options: Any, offered: Any) -> Any:
    """function(**options), and of `offered` the arguments that it names.

    Raises:
        ArgumentError: for an option that the function does not take.
    """
    parameters = inspect.signature(function).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    unknown = [name for name in options if name not in parameters]
    if unknown and not takes_all:
        raise ArgumentError(
            f"{owner}: model__{unknown[0]}: the function {function.__name__} takes "
            f"{', '.join(parameters) or 'no arguments'}"
        )
    return function(**{**accepted(function, offered), **options})
