"""`keras.tree`: nests of values, such as dicts and lists of arrays."""

from __future__ import annotations

from typing import Any

from lamina import namespaces
from lamina.tree import flatten as _flatten
from lamina.tree import map_structure

__all__ = ["flatten", "map_structure"]


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; those of dicts by their keys."""
    return _flatten(structure)[0]


namespaces.declare(__name__)
