"""`keras.tree`: nests of values, such as dicts and lists of arrays.

    nest = dict | OrderedDict | defaultdict | list | tuple | namedtuple | deque | leaf

The entries of a dict are in the order of its keys, those of an OrderedDict in its own order. None
is a leaf, as everything else is.
"""

from __future__ import annotations

import collections
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from lamina import namespaces
from lamina.errors import ArgumentError, describe

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]

Path = tuple[Any, ...]
_DICTS = (dict, collections.OrderedDict, collections.defaultdict)


class MAP_TO_NONE:
    """The value that a function given to `traverse` returns to put None in place of a nest.

    Example:
        >>> from lamina import keras
        >>> keras.tree.traverse(
        ...     lambda x: keras.tree.MAP_TO_NONE if x == 2 else None, [1, 2], top_down=False
        ... )
        [1, None]
    """


class _UnequalNests(ArgumentError):
    """Nests of different structures."""


# ---- one level of a nest -----------------------------------------------------------------------
def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _kind(value: Any) -> type | None:
    """Return the class of a nest, one for all kinds of dict; None for a leaf."""
    cls = type(value)
    if cls in _DICTS:
        return dict
    return cls if cls in (list, tuple, collections.deque) or _is_namedtuple(value) else None


def _entries(nest: Any) -> list[tuple[Any, Any]]:
    """Return the keys or indices of a nest, with what is there."""
    if type(nest) is collections.OrderedDict:
        return list(nest.items())
    if type(nest) in _DICTS:
        return [(key, nest[key]) for key in _sorted(nest)]
    return list(enumerate(nest))


def _sorted(keys: Iterable[Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:
        return sorted(keys, key=lambda key: (type(key).__name__, str(key)))


def _like(nest: Any, entries: Iterable[tuple[Any, Any]]) -> Any:
    """Return a nest of the same class with other entries, by the same keys."""
    cls: Any = type(nest)
    found = dict(entries)
    if cls in _DICTS:
        ordered = {key: found[key] for key in nest}
        if cls is collections.defaultdict:
            return collections.defaultdict(nest.default_factory, ordered)
        return cls(ordered)
    if _is_namedtuple(nest):
        return cls(*found.values())
    if cls is collections.deque:
        return collections.deque(found.values(), nest.maxlen)
    return cls(found.values())


# ---- leaves ------------------------------------------------------------------------------------
def is_nested(structure: Any) -> bool:
    """True for a dict, list, tuple, namedtuple or deque, also an empty one.

    Args:
        structure: any value.

    Example:
        >>> from lamina import keras
        >>> keras.tree.is_nested({"a": 1}), keras.tree.is_nested(1)
        (True, False)
    """
    return _kind(structure) is not None


def flatten(structure: Any) -> list[Any]:
    """Return the leaves in order; those of dicts by their keys.

    Args:
        structure: nest of values.

    Example:
        >>> from lamina import keras
        >>> keras.tree.flatten({"b": 1, "a": [2, None]})
        [2, None, 1]
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def flatten_with_path(structure: Any) -> list[tuple[Path, Any]]:
    """Return pairs of the path of a leaf, its keys and indices from the outside, and the leaf.

    Args:
        structure: nest of values.

    Example:
        >>> from lamina import keras
        >>> keras.tree.flatten_with_path([{"a": 5}])
        [((0, 'a'), 5)]
    """
    return list(_leaves(structure, ()))


def _leaves(structure: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, value in _entries(structure):
        yield from _leaves(value, (*path, key))


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Return the nest of this structure with other leaves: the inverse of `flatten`.

    Args:
        structure: nest whose leaves are replaced.
        flat_sequence: new leaves in order.

    Raises:
        TypeError: if `flat_sequence` is not a sequence.
        ArgumentError: if it has another number of leaves.

    Example:
        >>> from lamina import keras
        >>> keras.tree.pack_sequence_as({"b": 0, "a": (0, 0)}, [1, 2, 3])
        {'b': 3, 'a': (1, 2)}
    """
    if not hasattr(flat_sequence, "__iter__"):
        raise TypeError(
            f"pack_sequence_as: expected a sequence of leaves, got {describe(flat_sequence)}"
        )
    leaves, expected = list(flat_sequence), len(flatten(structure))
    if len(leaves) != expected:
        raise ArgumentError(
            f"pack_sequence_as: the structure has {expected} leaves (expected as many, got "
            f"{len(leaves)})"
        )
    rest = iter(leaves)
    return map_structure(lambda _: next(rest), structure)


# ---- functions of nests ------------------------------------------------------------------------
def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Return a nest of the results of a function for the leaves at the same places of nests.

    Args:
        func: function of as many values as nests are given.
        *structures: nests of the same structure.
        none_is_leaf: call the function for None; False leaves None as it is.

    Raises:
        TypeError: if `func` is not callable.
        ArgumentError: without a nest, or if the structures differ.

    Example:
        >>> from lamina import keras
        >>> keras.tree.map_structure(lambda x, y: x * y, [1, {"a": 2}], [10, {"a": 20}])
        [10, {'a': 40}]
    """
    _need_function("map_structure", func, structures)
    first = structures[0]
    for other in structures[1:]:
        _need_same(first, other, (), none_is_leaf)
    return _mapped(func, structures, none_is_leaf)


def _mapped(func: Callable[..., Any], nests: Sequence[Any], none_is_leaf: bool) -> Any:
    first = nests[0]
    if not is_nested(first):
        return None if first is None and not none_is_leaf else func(*nests)
    rest = [dict(_entries(nest)) for nest in nests[1:]]
    entries = (
        (key, _mapped(func, [value, *(other[key] for other in rest)], none_is_leaf))
        for key, value in _entries(first)
    )
    return _like(first, list(entries))


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Return a nest like `shallow_structure` of the results of a function for what nests hold at
    the places of its leaves, leaves or nests.

    Args:
        shallow_structure: nest that says how deep to go.
        func: function of as many values as nests are given.
        *structures: nests of the same structure, or deeper.

    Raises:
        ArgumentError: if a structure has other entries.

    Example:
        >>> from lamina import keras
        >>> keras.tree.map_structure_up_to([None, None], len, [[1, 1], [2, 2, 2]])
        [2, 3]
    """
    _need_function("map_structure_up_to", func, structures)
    return _up_to(shallow_structure, func, structures, ())


def _up_to(shallow: Any, func: Callable[..., Any], nests: Sequence[Any], path: Path) -> Any:
    if not is_nested(shallow):
        return func(*nests)
    for nest in nests:
        _need_same_level(shallow, nest, path)
    found = [dict(_entries(nest)) for nest in nests]
    return _like(
        shallow,
        [
            (key, _up_to(value, func, [each[key] for each in found], (*path, key)))
            for key, value in _entries(shallow)
        ],
    )


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Return a nest of the results of a function for shapes: tuples or lists of integers and None.

    Args:
        func: function of a shape.
        structure: nest of shapes.

    Example:
        >>> from lamina import keras
        >>> keras.tree.map_shape_structure(len, {"a": [None, 3], "b": (2,)})
        {'a': 2, 'b': 1}
    """
    _need_function("map_shape_structure", func, [structure])
    if _is_shape(structure) or not is_nested(structure):
        return func(structure)
    entries = _entries(structure)
    return _like(structure, [(key, map_shape_structure(func, value)) for key, value in entries])


def _is_shape(value: Any) -> bool:
    is_sequence = isinstance(value, (list, tuple))
    return is_sequence and all(n is None or hasattr(n, "__index__") for n in value)


def lists_to_tuples(structure: Any) -> Any:
    """Return the nest with tuples in place of lists.

    Args:
        structure: nest of values.

    Example:
        >>> from lamina import keras
        >>> keras.tree.lists_to_tuples({"a": [1, [2]]})
        {'a': (1, (2,))}
    """
    return traverse(
        lambda nest: tuple(nest) if type(nest) is list else None, structure, top_down=False
    )


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Return a nest in which the results of a function take the place of nests and leaves.

    Args:
        func: function of each nest and leaf; None leaves it as it is, `MAP_TO_NONE` puts None.
        structure: nest of values.
        top_down: call the function for a nest before its entries, which are left out if it returns
            something; False calls it after them.

    Raises:
        TypeError: if `func` is not callable.

    Example:
        >>> from lamina import keras
        >>> seen = []
        >>> keras.tree.traverse(seen.append, [(1, 2), {"a": 3}])
        [(1, 2), {'a': 3}]
        >>> seen
        [[(1, 2), {'a': 3}], (1, 2), 1, 2, {'a': 3}, 3]
    """
    _need_function("traverse", func, [structure])
    return _traversed(func, structure, top_down)


def _traversed(func: Callable[[Any], Any], nest: Any, top_down: bool) -> Any:
    if top_down:
        found = func(nest)
        return _inside(func, nest, top_down) if found is None else _put(found)
    inside = _inside(func, nest, top_down)
    found = func(inside)
    return inside if found is None else _put(found)


def _inside(func: Callable[[Any], Any], nest: Any, top_down: bool) -> Any:
    if not is_nested(nest):
        return nest
    entries = _entries(nest)
    return _like(nest, [(key, _traversed(func, value, top_down)) for key, value in entries])


def _put(found: Any) -> Any:
    return None if found is MAP_TO_NONE else found


# ---- comparisons -------------------------------------------------------------------------------
def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise ArgumentError, a ValueError, if two nests differ in classes, lengths or keys.

    All kinds of dict are the same; a list is not a tuple.

    Args:
        a: nest of values.
        b: nest of values.
        check_types: accepted for older programs; without effect.

    Example:
        >>> from lamina import keras
        >>> keras.tree.assert_same_structure([(0, 1)], [(2, None)])
    """
    if check_types is not None:
        warnings.warn(
            "keras.tree.assert_same_structure: check_types has no effect; assert_same_paths "
            "compares nests of other classes",
            DeprecationWarning,
            stacklevel=2,
        )
    _need_same(a, b, (), True)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise ArgumentError, a ValueError, if the leaves of two nests have different paths.

    Lists, tuples, namedtuples and deques of the same length are the same.

    Args:
        a: nest of values.
        b: nest of values.

    Example:
        >>> from lamina import keras
        >>> keras.tree.assert_same_paths([0, {"a": 1}], (2, {"a": 3}))
    """
    ours, theirs = ({path for path, _ in flatten_with_path(nest)} for nest in (a, b))
    if ours != theirs:
        raise _UnequalNests(
            "assert_same_paths: the nests have different paths (only in the first: "
            f"{_sorted(ours - theirs)}, only in the second: {_sorted(theirs - ours)})"
        )


def _need_same(a: Any, b: Any, path: Path, none_is_leaf: bool) -> None:
    if not none_is_leaf and (a is None) != (b is None):
        raise _differ(path, "None", "a value")
    if is_nested(a) or is_nested(b):
        _need_same_level(a, b, path)
        others = dict(_entries(b))
        for key, value in _entries(a):
            _need_same(value, others[key], (*path, key), none_is_leaf)


def _need_same_level(a: Any, b: Any, path: Path) -> None:
    if _kind(a) is not _kind(b):
        raise _differ(path, type(a).__name__, type(b).__name__)
    ours, theirs = ([key for key, _ in _entries(nest)] for nest in (a, b))
    if set(ours) != set(theirs):
        raise _differ(path, f"the entries {_sorted(ours)}", str(_sorted(theirs)))


def _differ(path: Path, expected: str, got: str) -> _UnequalNests:
    where = "".join(f"[{key!r}]" for key in path)
    return _UnequalNests(
        "keras.tree: the nests do not have the same structure"
        f"{f' at {where}' if where else ''} (expected {expected}, got {got})"
    )


def _need_function(owner: str, func: Any, structures: Sequence[Any]) -> None:
    if not callable(func):
        raise TypeError(f"{owner}: expected a function, got {describe(func)}")
    if not structures:
        raise ArgumentError(f"{owner}: expected a nest of values, got none")


namespaces.declare(__name__)
