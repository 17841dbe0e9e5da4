"""Descriptions of models: those of Keras 3 in those of Lamina, and back.

Both are JSON of classes and their arguments. They differ in the modules, in arguments that one of
the two lacks, and in how a functional model lists its calls: Keras by layer ("inbound_nodes"),
Lamina in their order ("calls").
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lamina.configuration import own_object
from lamina.errors import ArgumentError, FileFormatError, UnknownNameError

Config = dict[str, Any]
FAMILIES = {
    name: f"lamina.{name}"
    for name in ("layers", "initializers", "regularizers", "constraints", "optimizers", "losses",
                 "metrics")
}  # fmt: skip
_NETWORKS = {"Functional": "Model", "Model": "Model", "Sequential": "Sequential"}
_SCHEDULES = ("keras.optimizers.schedules", "lamina.schedules")
# arguments of Keras that Lamina lacks and that change no result; others are left out if they are
# None or False
_WITHOUT_EFFECT = {"sparse", "ragged", "optional", "jit_compile", "run_eagerly", "dtype_policy"}


# ---- from Keras --------------------------------------------------------------------------------
def from_keras(written: Any) -> Any:
    """The description of an object of Keras as one of Lamina. Raises FileFormatError for what
    Lamina lacks, and for code."""
    if isinstance(written, list):
        return [from_keras(each) for each in written]
    if not isinstance(written, dict):
        return written
    if not {"class_name", "config"} <= written.keys():
        return {key: from_keras(value) for key, value in written.items()}
    kind, module = written["class_name"], str(written.get("module") or "")
    if not isinstance(kind, str):
        raise FileFormatError(f"a class is named {kind!r:.80} (expected text)")
    if kind in ("__lambda__", "Lambda"):
        raise FileFormatError(
            f"the file holds the code of a {kind.strip('_')}, which is never run",
            hint="make the model in code, and read its weights: model.load_weights(path)",
        )
    if kind.endswith("DTypePolicy"):
        return _policy(kind, written["config"])
    if kind in ("function", "array") or own_object(written.get("registered_name") or kind):
        return dict(written)
    if kind == "Functional" or (kind == "Model" and "layers" in written["config"]):
        return _described("lamina.layers", "Model", functional_from_keras(written["config"]))
    if kind == "Sequential":
        return _described("lamina.layers", kind, sequential_from_keras(written["config"]))
    family = _family(module, kind)
    return _described(family, kind, _arguments_from_keras(family, kind, written["config"]))


def _described(module: str, kind: str, config: Config) -> Config:
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def _policy(kind: str, config: Any) -> Any:
    name = config.get("name") if isinstance(config, dict) else None
    if kind not in ("DTypePolicy", "FloatDTypePolicy") or not isinstance(name, str):
        raise FileFormatError(f"{kind} is not read (expected DTypePolicy, of a model in floats)")
    return name


def _family(module: str, kind: str) -> str:
    if module.startswith(_SCHEDULES[0]):
        return _SCHEDULES[1]
    first, _, rest = module.partition(".")
    name = rest.removeprefix("src.").partition(".")[0]
    if first != "keras" or name not in FAMILIES:
        raise UnknownNameError(
            f"unknown class {module:.80}.{kind:.80}",
            hint=f"pass it: custom_objects={{{kind[:80]!r}: {kind:.80}}}",
        )
    return FAMILIES[name]


def _parameters(family: str, kind: str) -> Mapping[str, inspect.Parameter]:
    """The arguments of a class of Lamina."""
    found = getattr(importlib.import_module(family), kind, None)
    if kind.startswith("_") or not isinstance(found, type):
        raise UnknownNameError(
            f"Lamina has no {family.removeprefix('lamina.')} of the name {kind!r:.80}",
            hint=f"pass a class: custom_objects={{{kind[:80]!r}: ...}}",
        )
    return inspect.signature(found).parameters


def _arguments_from_keras(family: str, kind: str, config: Any) -> Config:
    if not isinstance(config, dict):
        raise FileFormatError(f"{kind}: its configuration is not an object")
    known = _parameters(family, kind)
    found = {}
    for name, value in config.items():
        if name in known:
            found[name] = from_keras(value)
        elif not (value is None or value is False or value == [] or name in _WITHOUT_EFFECT):
            raise FileFormatError(f"{kind}: the argument {name}={value!r:.80} is unknown")
    return found


def sequential_from_keras(config: Any) -> Config:
    """The configuration of a Sequential model."""
    found = {k: config[k] for k in ("name", "trainable") if k in config}
    return {**found, "layers": [from_keras(each) for each in config["layers"]]}


def functional_from_keras(config: Any) -> Config:
    """The configuration of a functional model, its calls in an order in which each comes after
    those that it depends on."""
    layers = config["layers"]
    nodes = {
        (each["name"], k): (at, node)
        for at, each in enumerate(layers)
        for k, node in enumerate(each["inbound_nodes"] or [None])
    }
    order: dict[tuple[str, int], int] = {}
    calls = []
    waiting = list(nodes)
    while waiting:
        count = len(order)
        for key in waiting:
            at, node = nodes[key]
            if all(source in order for source in _sources(node)):
                order[key] = len(order)
                calls.append({"layer": at, **_call(node, order)})
        if len(order) == count:
            raise FileFormatError(f"the calls of {waiting[0][0]!r:.80} depend on one another")
        waiting = [key for key in waiting if key not in order]
    common = {k: config[k] for k in ("name", "trainable") if k in config}
    inputs, outputs = (_ends(config[k], order) for k in ("input_layers", "output_layers"))
    described = [from_keras(each) for each in layers]
    return {**common, "layers": described, "calls": calls, "inputs": inputs, "outputs": outputs}


def _history(value: Any) -> list[Any] | None:
    """Layer, call and output of a tensor of Keras."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        found: list[Any] = value["config"]["keras_history"]
        return found
    return None


def _sources(node: Any) -> set[tuple[str, int]]:
    """The calls that a call depends on."""
    history = _history(node)
    if history is not None:
        return {(history[0], history[1])}
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {source for each in inner for source in _sources(each)}


def _call(node: Any, order: Mapping[tuple[str, int], int]) -> Config:
    if node is None:  # of an Input
        return {"args": [], "kwargs": {}}
    given = {k: v for k, v in node["kwargs"].items() if v is not None and k != "training"}
    return {
        "args": [_nest(each, order) for each in node["args"]],
        "kwargs": {key: _nest(value, order) for key, value in given.items()},
    }


def _nest(value: Any, order: Mapping[tuple[str, int], int]) -> Any:
    history = _history(value)
    if history is not None:
        return {"from": [order[history[0], history[1]], history[2]]}
    if isinstance(value, list):
        return [_nest(each, order) for each in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {"dict": {key: _nest(each, order) for key, each in value.items()}}
    return {"value": from_keras(value)}


def _ends(nest: Any, order: Mapping[tuple[str, int], int]) -> Any:
    """The inputs or outputs of a model, each named by layer, call and output."""
    if isinstance(nest, dict):
        return {key: _ends(value, order) for key, value in nest.items()}
    if len(nest) == 3 and isinstance(nest[0], str) and type(nest[1]) is int:
        return {"from": [order[nest[0], nest[1]], nest[2]]}
    return [_ends(each, order) for each in nest]


# ---- to Keras ----------------------------------------------------------------------------------
def to_keras(written: Any) -> Any:
    """The description of an object of Lamina as one of Keras. Raises ArgumentError for what Keras
    lacks. Arguments that are as by default are left out."""
    if isinstance(written, list):
        return [to_keras(each) for each in written]
    if not isinstance(written, dict):
        return written
    if not {"class_name", "config"} <= written.keys():
        return {key: to_keras(value) for key, value in written.items()}
    kind, module = written["class_name"], str(written.get("module") or "")
    config = written["config"]
    if kind.endswith("DTypePolicy"):
        return {**written, "module": "keras", "registered_name": None}
    if kind == "Model" and "calls" in config:
        return {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": functional_to_keras(config),
            "registered_name": "Functional",
        }
    if kind == "Sequential":
        layers = [to_keras(each) for each in config["layers"]]
        return _described("keras", kind, {"name": config["name"], "layers": layers})
    if module == _SCHEDULES[1]:
        return _described(_SCHEDULES[0], kind, to_keras(config))
    name = module.removeprefix("lamina.")
    if name not in FAMILIES or written.get("registered_name"):
        raise ArgumentError(f"Keras has no class {module}.{kind}")
    return _described(f"keras.{name}", kind, _given(FAMILIES[name], kind, config))


def _given(family: str, kind: str, config: Config) -> Config:
    """The arguments that differ from their defaults, and the name."""
    known = _parameters(family, kind)

    def is_default(name: str, value: Any) -> bool:
        return name != "name" and name in known and bool(known[name].default == value)

    return {k: to_keras(v) for k, v in config.items() if not is_default(k, v)}


def functional_to_keras(config: Config) -> Config:
    """The configuration of a functional model of Keras."""
    layers = [to_keras(each) for each in config["layers"]]
    names = [each["config"]["name"] for each in layers]
    nodes: list[list[Config]] = [[] for _ in layers]
    places: list[list[Any]] = []

    def end(written: Any) -> Any:
        if set(written) == {"from"}:
            call, output = written["from"]
            return [*places[call], output]
        if set(written) == {"value"}:
            return None
        raise ArgumentError(
            "operations between layers have no place in a file of Keras",
            hint="write a .lamina file: model.save('model.lamina')",
        )

    def tensor(written: Any) -> Any:
        if set(written) == {"value"}:
            return to_keras(written["value"])
        tensor = {"shape": [None], "dtype": "float32", "keras_history": end(written)}
        return {"class_name": "__keras_tensor__", "config": tensor}

    for call in config["calls"]:
        at = call["layer"]
        is_input = layers[at]["class_name"] == "InputLayer"
        places.append([names[at], 0 if is_input else len(nodes[at])])
        if not is_input:
            args, kwargs = (_each(tensor, call[key]) for key in ("args", "kwargs"))
            nodes[at].append({"args": args, "kwargs": kwargs})
    described = [
        {**each, "name": name, "inbound_nodes": own}
        for each, name, own in zip(layers, names, nodes, strict=True)
    ]
    described = [described[k] for k in _by_depth(config)]
    return {
        "name": config["name"],
        "trainable": config["trainable"],
        "layers": described,
        "input_layers": _each(end, config["inputs"]),
        "output_layers": _each(end, config["outputs"]),
    }


def _by_depth(config: Config) -> list[int]:
    """The layers in the order that Keras gives them: those farthest from the outputs first, and of
    equal distance in the order in which a search from the outputs finds them."""
    calls = config["calls"]
    inputs = [_calls_in([call["args"], call["kwargs"]]) for call in calls]
    found: dict[int, int] = {}
    seen: set[int] = set()
    finished: list[int] = []
    stack = [(call, False) for call in reversed(_calls_in(config["outputs"]))]
    while stack:
        call, is_done = stack.pop()
        if is_done:
            finished.append(call)
        elif call not in seen:
            seen.add(call)
            found.setdefault(calls[call]["layer"], len(found))
            stack.append((call, True))
            stack += [(each, False) for each in reversed(inputs[call])]
    depths: dict[int, int] = {}
    of_layers: dict[int, int] = {}
    for call in reversed(finished):
        layer = calls[call]["layer"]
        of_layers[layer] = depth = max(depths.get(call, 0), of_layers.get(layer, 0))
        for each in inputs[call]:
            depths[each] = max(depth + 1, depths.get(each, 0))
    return sorted(
        range(len(config["layers"])), key=lambda k: (-of_layers.get(k, 0), found.get(k, -1))
    )


def _calls_in(nest: Any) -> list[int]:
    """The calls whose results a nest holds, in its order."""
    if isinstance(nest, dict) and set(nest) == {"from"}:
        return [nest["from"][0]]
    inner = nest.values() if isinstance(nest, dict) else nest if isinstance(nest, list) else ()
    return [call for each in inner for call in _calls_in(each)]


def _each(f: Callable[[Any], Any], nest: Any) -> Any:
    """A nest as `models.writing` has it, its tensors replaced by those of Keras."""
    if isinstance(nest, list):
        return [_each(f, each) for each in nest]
    if set(nest) == {"tuple"}:
        return [_each(f, each) for each in nest["tuple"]]
    if set(nest) == {"dict"}:
        return {key: _each(f, each) for key, each in nest["dict"].items()}
    if set(nest) & {"from", "value", "operations"}:
        return f(nest)
    return {key: _each(f, each) for key, each in nest.items()}
