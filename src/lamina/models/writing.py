"""Functional models as plain JSON data, and back.

    {"name", "trainable", "dtype", "layers": [written layer, ...], "inputs": nest, "outputs": nest,
     "calls": [{"layer": index, "args": nest, "kwargs": nest}, ...]}

A symbolic tensor is written as {"from": [call, output]}: which output of which call it is. The
first calls are those of the Inputs. The result of plain operations is {"operations": text, "of":
[tensor, ...]} (`written_operations`). A tuple is {"tuple": [...]}, since JSON has lists only; a
dict with the keys of such a mark alone is {"dict": {...}}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import tree
from lamina.configuration import deserialize, plain, restored
from lamina.errors import ArgumentError, FileFormatError, LaminaError
from lamina.layers import InputLayer
from lamina.layers._base.facts import label
from lamina.layers._base.frames import Scope
from lamina.layers._base.symbolic import Call, source_of
from lamina.models import written_operations
from lamina.models.functional import FunctionalGraph
from lamina.saving import json_data
from lamina.tensor import Tensor, node_of

MARKS = ({"from"}, {"value"}, {"tuple"}, {"dict"}, {"operations", "of"})


def functional_config(model: Any, graph: FunctionalGraph) -> dict[str, Any]:
    """The configuration of a functional model. Raises ArgumentError if something between its
    layers is code."""
    layers = model.layers
    at = {id(layer): k for k, layer in enumerate(layers)}
    calls = [*(_input_call(n) for n in graph.input_nodes), *graph.calls]
    order = {call: k for k, call in enumerate(calls)}

    def tensor(value: Any) -> Any:
        if not (isinstance(value, Tensor) and value.is_traced):
            return {"value": plain(value, label(model))}
        return written(node_of(value))

    def written(node: Any) -> Any:
        source = source_of(node)
        if source is not None:
            return {"from": [order[source[0]], source[1]]}
        leaves, text = written_operations.written(node)
        return {"operations": text, "of": [written(leaf) for leaf in leaves]}

    return {
        "name": model.name,
        "trainable": model.trainable,
        "dtype": plain(model.dtype_policy),
        "layers": [plain(layer) for layer in layers],
        "calls": [
            {
                "layer": at[id(call.layer)],
                "args": _written(tensor, list(call.args)),
                "kwargs": _written(tensor, call.kwargs),
            }
            for call in calls
        ],
        "inputs": _written(tensor, graph.inputs),
        "outputs": _written(tensor, graph.outputs),
    }


def _input_call(node: Any) -> Call:
    source = source_of(node)
    if source is None or not isinstance(source[0].layer, InputLayer):
        raise ArgumentError(
            "a model that begins in the middle of another cannot be written down",
            hint="begin it with its own Input",
        )
    return source[0]


def _written(f: Any, nest: Any) -> Any:
    if isinstance(nest, dict):
        written = {key: _written(f, value) for key, value in nest.items()}
        return {"dict": written} if set(nest) in MARKS else written
    if isinstance(nest, tuple):
        return {"tuple": [_written(f, value) for value in nest]}
    return [_written(f, value) for value in nest] if isinstance(nest, list) else f(nest)


def functional_from_config(
    cls: type, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None
) -> Any:
    """The model that `functional_config` wrote down, with new weights."""
    layers = [restored(each, custom_objects) for each in config["layers"]]
    scope = Scope()
    results: list[list[Any]] = []

    def tensor(written: Any) -> Any:
        if "from" in written:
            call, index = written["from"]
            return results[call][index]
        if "operations" in written:
            operands = [tensor(each) for each in written["of"]]
            return written_operations.restored(written["operations"], operands)
        return restored(written["value"], custom_objects)

    for call in config["calls"]:
        layer = layers[call["layer"]]
        if isinstance(layer, InputLayer):
            results.append([layer.tensor(scope)])
            continue
        args, kwargs = (_read(tensor, call[key]) for key in ("args", "kwargs"))
        results.append(tree.leaves(layer(*args, **kwargs)))
    inputs, outputs = (_read(tensor, config[key]) for key in ("inputs", "outputs"))
    common = {k: config[k] for k in ("name", "trainable", "dtype") if k in config}
    return cls(inputs=inputs, outputs=outputs, **common)


def _read(f: Any, nest: Any) -> Any:
    if isinstance(nest, list):
        return [_read(f, each) for each in nest]
    if set(nest) in ({"from"}, {"value"}, {"operations", "of"}):
        return f(nest)
    if set(nest) == {"tuple"}:
        return tuple(_read(f, each) for each in nest["tuple"])
    if set(nest) == {"dict"}:
        nest = nest["dict"]
    return {key: _read(f, value) for key, value in nest.items()}


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the model that `to_json` described, with new weights.

    Args:
        json_string: text from `Model.to_json`.
        custom_objects: dictionary from name to class or function of the caller's own.

    Raises:
        FileFormatError: if the text is something else.
        UnknownNameError: for a class that is not known.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2)])
        >>> lm.models.model_from_json(model.to_json()).count_params()
        10
    """
    try:
        written = json_data.from_json(json_string.encode())
        return deserialize(written, custom_objects)
    except LaminaError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise FileFormatError(
            f"model_from_json: not a text that to_json wrote: {type(error).__name__}: {error}",
            hint="give it unchanged; classes of the user's own belong into custom_objects",
        ) from error
