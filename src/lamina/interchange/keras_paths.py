"""The places of the weights of a model in the HDF5 files of Keras 3.

    layers/conv2d/vars/0                     the first weight of the first Conv2D
    layers/conv2d_1/vars/1                   the second of the second, in the order of model.layers
    layers/lstm/cell/vars/0                  layers in layers by attribute
    layers/functional/layers/dense/vars/0    models in models
    blocks/dense_1/vars/0                    the second in a list that an attribute holds

Source: keras/src/saving/saving_lib.py of Keras 3.15.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from lamina.configuration import snake_case
from lamina.layers import Layer
from lamina.layers._base.saved_names import own_weights, sublayers
from lamina.variables import Variable

# the attributes of Keras, for parts that are called otherwise in files of Lamina
_ATTRIBUTES = {
    "attention_output": "output_dense",
    "query": "query_dense",
    "key": "key_dense",
    "value": "value_dense",
    "gate": "gate_dense",
}
_ATTENTION = {"MultiHeadAttention": _ATTRIBUTES, "GroupQueryAttention": _ATTRIBUTES}


_NETWORKS = ("Model", "Functional", "Sequential")


def is_network(layer: Layer) -> bool:
    """True for a functional or Sequential model, whose layers Keras lists."""
    return type(layer).__name__ in _NETWORKS


Places = dict[tuple[str, str], str]
"""The group of each layer of a network: path of the network and name of the layer -> group."""


def places_of(config: Mapping[str, Any], path: str = "") -> Places:
    """The groups that Keras gives to the layers that a description of Keras lists."""
    found: Places = {}
    taken: Counter[str] = Counter()
    for each in config.get("layers", ()):
        if config.get("input_layers") is None and each["class_name"] == "InputLayer":
            continue  # Sequential models leave their inputs out
        kind = snake_case(each["class_name"])
        group = f"{kind}_{taken[kind]}" if taken[kind] else kind
        taken[kind] += 1
        found[path, each["config"]["name"]] = group
        if each["class_name"] in _NETWORKS:
            found |= places_of(each["config"], _joined(path, f"layers/{group}"))
    return found


def places_in(texts: Mapping[tuple[str, str], list[str]]) -> Places:
    """The groups that the names in a file say."""
    found: Places = {}
    for (path, attribute), value in texts.items():
        parts = path.split("/")
        if attribute == "name" and len(parts) >= 3 and parts[-3::2] == ["layers", "vars"]:
            found["/".join(parts[:-3]), value[0]] = parts[-2]
    return found


def group_names(model: Layer, places: Places) -> dict[str, str]:
    """The groups of a file, with the names that Keras writes into them."""
    return {path: name for path, name, _ in _groups(model, "", places)}


def variables(model: Layer, places: Places) -> dict[str, Variable]:
    """The weights of a model by their paths in a file of Keras."""
    return {
        f"{path}/{k}": variable
        for path, _, own in _groups(model, "", places)
        for k, variable in enumerate(own)
    }


def _groups(layer: Any, path: str, places: Places) -> Iterator[tuple[str, str, list[Variable]]]:
    """Path, name and own weights of each group. Layers whose names the file does not have are
    counted by class."""
    if not is_network(layer):
        yield from _own_groups(layer, path, layer.name, places, set())
        return
    yield _joined(path, "vars"), layer.name, []
    layers = list(layer.layers)
    is_named = all((path, each.name) in places for each in layers if each.weights)
    taken: Counter[str] = Counter()
    for each in layers:
        kind = group_name(each)
        counted = f"{kind}_{taken[kind]}" if taken[kind] else kind
        taken[kind] += 1
        group = places.get((path, each.name)) if is_named else counted
        if group is not None:
            yield from _groups(each, _joined(path, f"layers/{group}"), places)


def group_name(layer: Layer) -> str:
    """The name in Keras of the group of a layer, without the number."""
    kind = type(layer).__name__
    return "functional" if kind == "Model" else snake_case(kind)


def _own_groups(
    layer: Layer, path: str, name: str, places: Places, seen: set[int]
) -> Iterator[tuple[str, str, list[Variable]]]:
    """The groups of a layer and of its parts, by attributes; `seen` are the weights that have a
    group."""
    own = [each for each in own_weights(layer).values() if id(each) not in seen]
    seen.update(map(id, own))
    if own or name == layer.name:
        yield _joined(path, "vars"), name, own
    for place, key, part in _parts(layer):
        where = _joined(path, place)
        if is_network(part):
            yield from _groups(part, where, places)
        else:
            yield from _own_groups(part, where, key, places, seen)


def _parts(layer: Any) -> Iterator[tuple[str, str, Layer]]:
    """The direct parts of a layer, each with its group and its key. Keras goes through the
    attributes by name, and `layers`, the list that models have of all their layers, is one of
    them: parts in attributes behind it are found there first."""
    held = {key: part for key, part in sublayers(layer).items() if isinstance(part, Layer)}
    listed = getattr(layer, "layers", None)
    listed = [part for part in listed or () if isinstance(part, Layer)]
    before = [(k, part) for k, part in held.items() if k.partition("/")[0] < "layers"]
    rest = [(k, part) for k, part in held.items() if k.partition("/")[0] >= "layers"]
    every = [*before, *((f"layers/{k}", part) for k, part in enumerate(listed)), *rest]
    names = _ATTENTION.get(type(layer).__name__, {})
    taken: Counter[str] = Counter()
    seen: set[int] = set()
    for key, part in every:
        holder, _, last = key.rpartition("/")
        place = names.get(key, key)
        if holder:  # of a list or dictionary, whose elements are counted by class
            place = f"{holder}/{group_name(part)}"
            taken[place] += 1
            place += f"_{taken[place] - 1}" if taken[place] > 1 else ""
        if id(part) not in seen:
            seen.add(id(part))
            yield place, last, part


def _joined(path: str, rest: str) -> str:
    return f"{path}/{rest}" if path else rest
