"""`tf.nest`: nests of tuples, lists and dictionaries."""

from collections.abc import Callable
from typing import Any

from lamina import tree


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """Return the leaves of a nest."""
    return tree.leaves(structure)


def map_structure(func: Callable[..., Any], *structure: Any, **_: Any) -> Any:
    """Return a nest of a function of each leaf."""
    return tree.map_structure(func, *structure)


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """Return a nest with other leaves."""
    return tree.unflatten(tree.flatten(structure)[1], list(flat_sequence))


def is_nested(structure: Any) -> bool:
    """Return True for a tuple, list or dictionary."""
    return isinstance(structure, (tuple, list, dict))


def assert_same_structure(nest1: Any, nest2: Any, *_: Any, **__: Any) -> None:
    """Raise ValueError unless both nests have one structure."""
    if tree.flatten(nest1)[1] != tree.flatten(nest2)[1]:
        raise ValueError("tf.nest: the structures differ")
