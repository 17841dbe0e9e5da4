"""`keras.saving`: files of models, and names for classes in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.saving import load_model, save_model

__all__ = ["load_model", "register_keras_serializable", "save_model"]


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[..., Any]:
    """A decorator for classes in saved models. Lamina finds every class that is defined when the
    file is read, so there is nothing to register: the class comes back as it is."""

    def same(cls: type) -> type:
        return cls

    return same
