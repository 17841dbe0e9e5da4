"""`keras.saving`: files of models, and names for classes and functions in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.configuration import REGISTERED, custom_object_scope
from lamina.saving import load_model, save_model

__all__ = ["custom_object_scope", "load_model", "register_keras_serializable", "save_model"]


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[..., Any]:
    """Make a function known by the name "package>name", so that files with it can be read without
    `custom_objects`; for use as a decorator.

    Classes are found whenever they are defined, registered or not, and come back as they are.
    """

    def registered(target: Any) -> Any:
        if not isinstance(target, type):
            REGISTERED[f"{package}>{name or target.__name__}"] = target
        return target

    return registered
