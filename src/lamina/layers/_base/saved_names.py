"""The names of weights in files: by attribute, independent of the order of creation.

    name      = weight | key "/" name
    key       = attribute | attribute "/" index | attribute "/" dictionary key       of a layer
              | name of the layer                    in a functional or Sequential model

A weight is saved under its own name if that was given and is unique in the layer, otherwise under
its attribute. An object that several attributes hold is saved under the first of the shortest keys.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from lamina.layers._base.frames import Names, unique
from lamina.layers._base.tracking import PLAIN, Tracked
from lamina.variables import Variable

_AUTOMATIC = re.compile(r"variable(_\d+)?")


def saved_weights(layer: Tracked) -> dict[str, Variable]:
    """Return all weights below a layer by their names in a file."""
    found: dict[str, Variable] = {}
    _visit(layer, "", found, set())
    return found


def _visit(layer: Tracked, prefix: str, found: dict[str, Variable], seen: set[int]) -> None:
    seen.add(id(layer))
    for name, variable in own_weights(layer).items():
        if id(variable) not in seen:
            seen.add(id(variable))
            found[prefix + name] = variable
    for key, child in sublayers(layer).items():
        if id(child) not in seen:
            _visit(child, f"{prefix}{key}/", found, seen)


def own_weights(layer: Tracked) -> dict[str, Variable]:
    """Return the weights of the layer itself by name, or by attribute if names are ambiguous."""
    at = _keys(layer, Variable)
    own = {id(v): v for v in [*layer._weights, *(v for v, _ in at.values())]}
    names = [v.name for v in own.values()]
    taken, found = Names(), {}
    for identity, variable in own.items():
        name = variable.name
        says_nothing = _AUTOMATIC.fullmatch(name) or names.count(name) > 1
        if says_nothing and identity in at:
            name = at[identity][1]
        found[unique(name, taken)] = variable
    return found


def sublayers(layer: Tracked) -> dict[str, Tracked]:
    """Return the direct sublayers by key: named ones first, the others in the order of keys."""
    named = {id(each): each for each in layer._layers_by_name()}
    taken = Names()
    found = {unique(each.name, taken): each for each in named.values()}
    held = {key: child for child, key in _keys(layer, Tracked).values() if id(child) not in named}
    return {**found, **{unique(key, taken): held[key] for key in sorted(held)}}


def _keys(layer: Tracked, kind: type) -> dict[int, tuple[Any, str]]:
    """Return the objects of one kind that the attributes of a layer hold, each with its shortest
    key."""
    found: dict[int, tuple[Any, str]] = {}
    for name, value in list(vars(layer).items()):
        if type(value) in PLAIN or name in layer._unseen:
            continue
        for key, each in _leaves(name, value):
            if isinstance(each, kind):
                other = found.get(id(each), (None, key))[1]
                best = min(key, other, key=lambda k: (k.count("/"), k))
                found[id(each)] = (each, best)
    return found


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (list, tuple)):
        for k, each in enumerate(value):
            yield from _leaves(f"{key}/{k}", each)
    elif isinstance(value, dict):
        for k, each in value.items():
            yield from _leaves(f"{key}/{k}", each)
    else:
        yield key, value


# ---- names that files had before ---------------------------------------------------------------
def interchangeable(layer: Tracked) -> tuple[Tracked, str, str] | None:
    """Return a layer with two sublayers, or two weights, that only the order of creation
    distinguishes in files whose names count layers per class, and the two attributes."""
    for each in layer._flatten_layers():
        if type(each).__module__.partition(".")[0] == "lamina" or each._layers_by_name():
            continue  # made in an order that does not change, or called by name
        alike: dict[Any, list[str]] = defaultdict(list)
        for child, key in _keys(each, Tracked).values():
            if not child._is_given:
                alike[child._class_name(), *_shapes(child)].append(key)
        for variable, key in _keys(each, Variable).values():
            if _AUTOMATIC.fullmatch(variable.name):
                alike[variable.shape].append(key)
        for keys in alike.values():
            if len(keys) > 1:
                return each, keys[0], keys[1]
    return None


def _shapes(layer: Tracked) -> list[Any]:
    return [(name, v.shape) for name, v in saved_weights(layer).items()]
