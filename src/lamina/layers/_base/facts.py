"""Facts about a layer that the rest of Lamina asks for.

They are functions and not methods, so that a class of a user's own may use their names for its
attributes.
"""

from __future__ import annotations

import weakref
from typing import Any

from lamina.errors import NotBuiltError
from lamina.ir import types
from lamina.layers._base.symbolic import calls_behind
from lamina.layers._base.tracking import PLAIN, Tracked
from lamina.variables import Variable


def label(layer: Tracked) -> str:
    """Return the name of a layer in errors: Dense 'sequential/dense_1'."""
    return layer._label()


def with_sublayers(layer: Tracked) -> list[Any]:
    """Return the layer and all sublayers, each once, parents first."""
    return layer._flatten_layers()


def variables_by_path(layer: Tracked) -> dict[str, Variable]:
    """Return the weights that exist by path, also of a layer that is not built completely."""
    return layer._named_variables()


def attribute_values(layer: Tracked) -> list[Any]:
    """Return the values of a layer's attributes that can hold layers, Variables or metrics."""
    unseen = layer._unseen
    return [
        value
        for name, value in list(vars(layer).items())
        if type(value) not in PLAIN and name not in unseen
    ]


def need_built(layer: Tracked, what: str) -> None:
    """Raise NotBuiltError if the layer has no weights yet, which `what` needs."""
    if not layer.built:
        raise NotBuiltError(
            f"{layer._label()}: {what} needs weights, and they are not there before the model "
            "knows the shape of its input",
            hint="begin with Input(shape=...) (or input_shape=... in the first layer), call "
            f"{layer.name}.build((None, features)), or call the model on a batch once",
        )


def need_weights(layer: Tracked, what: str) -> None:
    """Raise NotBuiltError unless the layer, or each layer in it, has its weights."""
    if not are_built(layer):
        need_built(layer, what)


def are_built(layer: Tracked) -> bool:
    """Whether each layer in a layer has its weights, also if no call has connected them yet."""
    inside = layer._children()
    return layer.built or (bool(inside) and all(map(are_built, inside)))


def absorb(layer: Any, a: Any, b: Any, factor: float) -> None:
    """Add a product of low rank, times a factor, to the weight of a layer."""
    layer._absorb(a, b, factor)


def set_built(layer: Any) -> None:
    """Accept a layer without weights of a known input as built."""
    layer._set_built(None)


# ---- shapes and types --------------------------------------------------------------------------
def build_shape(layer: Any) -> Any:
    """Return the shape, or nest of shapes, that the layer was built for; None if it needs none."""
    return layer._build_shape


def output_shape(layer: Any) -> Any:
    """Return the shape, or nest of shapes, of the layer's outputs; None before the first call."""
    return layer._output_shape


def layers_before(layer: Any) -> list[Any]:
    """Return the layers from whose outputs the inputs of the last symbolic call were computed."""
    call = layer._calls.last(layer)
    return [] if call is None else [before.layer for before in calls_behind(call.inputs)]


def first_shape(layer: Any) -> tuple[int | None, ...] | None:
    """Return the shape, with the batch, that `input_shape=` gave the layer."""
    shape: tuple[int | None, ...] | None = layer._first_shape
    return shape


def data_dtype(layer: Any) -> types.DType | None:
    """Return the dtype that data without an Input are converted to; None for floats."""
    dtype: types.DType | None = layer._data_dtype
    return dtype


# ---- names -------------------------------------------------------------------------------------
def is_named_by_user(layer: Tracked) -> bool:
    """True if the user gave the layer its name."""
    return layer._is_given


def has_final_name(layer: Tracked) -> bool:
    """True if the name of a layer will not change any more."""
    return layer._is_named


def take_name(layer: Tracked, taken: set[str]) -> None:
    """Choose a name that is not taken; a name that the user gave stays."""
    if layer.name in taken and not layer._is_given:
        layer._is_named = False
    layer._take_name(taken)


def adopt(parent: Tracked, layer: Tracked) -> None:
    """Make `parent` the parent of a layer that has none."""
    if layer._parent is None or layer._parent() is None:
        layer._parent = weakref.ref(parent)
