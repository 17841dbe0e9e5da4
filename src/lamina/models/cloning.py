"""Copies of models with new layers: clone_model, and what may differ in a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lamina import tree
from lamina.errors import ArgumentError, describe
from lamina.layers import Input, InputLayer
from lamina.layers._base.facts import label
from lamina.layers._base.spec import known_shape
from lamina.layers._base.symbolic import SymbolicTensor, source_of
from lamina.models.model import Model
from lamina.models.sequential import Sequential
from lamina.models.trainee import graph_of
from lamina.tensor import node_of

M = TypeVar("M", bound=Model)


def clone_model(
    model: M,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **kwargs: Any,
) -> M:
    """Return a model of the same layers, with new weights, compiled as the model is.

    Args:
        model: model to copy the structure of.
        input_tensors: symbolic tensors for the copy to begin with, in the nest of `model.input`;
            None makes new Inputs.
        clone_function: function from a layer to the layer that takes its place in the copy; None
            makes an equal one from its configuration.
        call_function: function (layer, *args, **kwargs) that calls a layer of the copy, and may
            add others before and after; for functional models only. None just calls.
        recursive: also clone the layers of inner models with these functions.
        **kwargs: none; for the error.

    Raises:
        ArgumentError: for arguments that a model of this kind cannot be cloned with.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2)])
        >>> lm.models.clone_model(model).count_params()
        10
    """
    cloned = kwargs.pop("cache", {})
    if kwargs:
        raise ArgumentError(f"clone_model: unknown arguments {sorted(kwargs)}")
    is_plain = input_tensors is None and clone_function is None and call_function is None
    if is_plain and not recursive and not cloned:
        return _compiled_as(model, type(model).from_config(model.get_config()))
    if isinstance(model, Sequential) and call_function is not None:
        raise ArgumentError(
            "clone_model: call_function is for functional models, and this one is Sequential",
            hint="give clone_function a function that wraps layers",
        )
    layer_of = _Cloner(clone_function, call_function, recursive, cloned)
    if isinstance(model, Sequential):
        return _compiled_as(model, _sequential(model, input_tensors, layer_of))
    if graph_of(model) is not None:
        return _compiled_as(model, _functional(model, input_tensors, call_function, layer_of))
    raise ArgumentError(
        f"clone_model: {label(model)} is a subclassed model, whose call says what its layers do "
        "(expected a functional or Sequential model with these arguments)",
        hint="clone_model(model) alone makes one from its configuration",
    )


class _Cloner:
    """The copy of each layer, made once."""

    def __init__(
        self,
        clone_function: Callable[[Any], Any] | None,
        call_function: Callable[..., Any] | None,
        recursive: bool,
        cloned: dict[int, Any],
    ) -> None:
        self.function, self.call_function = clone_function or _equal, call_function
        self.recursive, self.cloned = recursive, cloned

    def __call__(self, layer: Any) -> Any:
        if id(layer) not in self.cloned:
            self.cloned[id(layer)] = self._made(layer)
        return self.cloned[id(layer)]

    def _made(self, layer: Any) -> Any:
        if not self.recursive or not isinstance(layer, Model):
            return self.function(layer)
        call = None if isinstance(layer, Sequential) else self.call_function
        functions = {"clone_function": self.function, "call_function": call}
        return clone_model(layer, **functions, recursive=True, cache=self.cloned)


def _equal(layer: Any) -> Any:
    return type(layer).from_config(layer.get_config())


def _sequential(model: Sequential, input_tensors: Any, layer_of: _Cloner) -> Sequential:
    layers = [layer_of(layer) for layer in model.layers]
    if input_tensors is not None:
        given = tree.leaves(input_tensors)
        if len(given) != 1:
            raise ArgumentError(f"clone_model: expected one input tensor, got {len(given)}")
        _need_symbolic(given)
        node = node_of(given[0])
        source = None if node is None else source_of(node)
        is_input = source is not None and isinstance(source[0].layer, InputLayer)
        first = given[0] if is_input else _input_like(given[0])
        layers.insert(0, first)
    elif hasattr(model, "input"):
        layers.insert(0, _input_like(model.input))
    return type(model)(layers, name=model.name, trainable=model.trainable)


def _functional(
    model: Any, input_tensors: Any, call: Callable[..., Any] | None, layer_of: _Cloner
) -> Any:
    graph = graph_of(model)
    assert graph is not None
    if input_tensors is None:
        input_tensors = tree.map_structure(_input_like, graph.inputs)
    leaves, structure = tree.flatten(input_tensors)
    _need_symbolic(leaves)
    if isinstance(graph.inputs, dict) and structure != tree.flatten(graph.inputs)[1]:
        raise ArgumentError(
            f"clone_model: input_tensors do not have the structure of the inputs (expected a dict "
            f"of {sorted(graph.inputs)})"
        )

    def apply(layer: Any, *args: Any, **kwargs: Any) -> Any:
        own = layer_of(layer)
        return own(*args, **kwargs) if call is None else call(own, *args, **kwargs)

    outputs = graph.run(label(model), input_tensors, apply)
    cls = type(model) if type(model).__init__ is Model.__init__ else Model
    return cls(inputs=input_tensors, outputs=outputs, name=model.name)


def _input_like(tensor: Any) -> Any:
    node = node_of(tensor)
    source = None if node is None else source_of(node)
    name = None if source is None else source[0].layer.name
    return Input(batch_shape=known_shape(tensor.shape), dtype=tensor.dtype, name=name)


def _need_symbolic(tensors: list[Any]) -> None:
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentError(
                f"clone_model: expected symbolic tensors as input_tensors, got {describe(tensor)}",
                hint="make them with Input(shape=...)",
            )


def _compiled_as(model: Any, copy: Any) -> Any:
    """Return the copy, compiled with equal arguments if the model is compiled."""
    config = model.get_compile_config() if getattr(model, "compiled", False) else None
    if config is not None:
        copy.compile_from_config(config)
    return copy
