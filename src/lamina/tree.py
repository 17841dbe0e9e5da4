"""Nests of tuples, lists and dicts: flattened into leaves, and unflattened.

leaves, structure = flatten({"w": 1, "b": [2, 3]})      # [2, 3, 1] in key order
unflatten(structure, leaves)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Structure = Any  # ("leaf",) | (type, keys, structures)
LEAF = ("leaf",)


def flatten(nest: Any) -> tuple[list[Any], Structure]:
    """The leaves of a nest, in order, and the structure that puts them back. None has no leaves."""
    leaves: list[Any] = []
    return leaves, _flatten(nest, leaves)


def _flatten(nest: Any, leaves: list[Any]) -> Structure:
    if nest is None:
        return (None, (), ())
    kind = type(nest)
    if kind is dict:
        keys = tuple(sorted(nest, key=str))
        return (dict, keys, tuple(_flatten(nest[k], leaves) for k in keys))
    if kind in (list, tuple):
        return (kind, len(nest), tuple(_flatten(v, leaves) for v in nest))
    if isinstance(nest, tuple) and hasattr(nest, "_fields"):
        return (kind, nest._fields, tuple(_flatten(v, leaves) for v in nest))
    leaves.append(nest)
    return LEAF


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The nest that `flatten` flattened, with other leaves."""
    return _unflatten(structure, iter(leaves))


def _unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    if structure == LEAF:
        return next(leaves)
    kind, keys, inner = structure
    if kind is None:
        return None
    values = [_unflatten(s, leaves) for s in inner]
    if kind is dict:
        return dict(zip(keys, values, strict=True))
    return kind(values) if kind in (list, tuple) else kind(*values)


def leaves(nest: Any) -> list[Any]:
    return flatten(nest)[0]


def map_structure(f: Callable[..., Any], nest: Any, *others: Any) -> Any:
    """f of each leaf, and of the leaves at the same places in nests of the same structure."""
    flat, structure = flatten(nest)
    rest = [flatten(o)[0] for o in others]
    return unflatten(structure, [f(*vs) for vs in zip(flat, *rest, strict=True)])
