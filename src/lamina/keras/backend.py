"""`keras.backend`: the few things that programs still ask of it."""

from __future__ import annotations

from lamina import namespaces
from lamina.keras.config import floatx, set_floatx

__all__ = ["backend", "clear_session", "epsilon", "floatx", "set_floatx"]


def backend() -> str:
    """The name of what computes."""
    return "lamina"


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite."""
    return 1e-7


def clear_session() -> None:
    """Nothing to clear: models and their programs are freed with their last reference."""


namespaces.declare(__name__)
