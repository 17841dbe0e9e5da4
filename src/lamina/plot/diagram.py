"""The layers of a model as boxes and arrows, from which a figure and DOT text are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lamina import tree
from lamina.errors import ArgumentError
from lamina.layers._base import symbolic
from lamina.layers._base.facts import variables_by_path
from lamina.models.summary import shape_text
from lamina.models.trainee import graph_of


@dataclass(frozen=True)
class Details:
    """Which facts a box shows besides the class of its layer."""

    shapes: bool = True
    names: bool = True
    dtypes: bool = False
    activations: bool = False
    trainable: bool = False
    weights: bool = True


@dataclass
class Diagram:
    """Boxes, one for each call of a layer, with the names of the inner models that they are in; and
    arrows, pairs of the numbers of boxes."""

    calls: list[Any] = field(default_factory=list)
    inside: list[tuple[str, ...]] = field(default_factory=list)
    arrows: list[tuple[int, int]] = field(default_factory=list)


def diagram(model: Any, expand_nested: bool = False) -> Diagram:
    """Return the boxes and arrows of a Sequential or functional model. Raises ArgumentError for a
    subclassed model, whose layers are connected in code."""
    graph = graph_of(model)
    if graph is None:
        raise ArgumentError(
            f"plot.model: {model!r} is not made of layers from Inputs to outputs, so its layers "
            "have no fixed order",
            hint="build a Sequential model first; of any model, lm.inspect.dot(model, x) draws "
            "the graph of operations",
        )
    found = Diagram()
    _add(graph, (), expand_nested, found)
    found.arrows = list(dict.fromkeys(found.arrows))
    return found


def _add(
    graph: Any, inside: tuple[str, ...], expand: bool, found: Diagram
) -> tuple[list[int], list[int]]:
    """Add the calls of a graph; return the boxes of its Inputs and those of its outputs."""
    inputs = [source for n in graph.input_nodes if (source := symbolic.source_of(n)) is not None]
    ends: dict[Any, list[int]] = {}  # the boxes whose results are the results of a call
    for source in inputs:
        ends[source[0]] = [_box(source[0], inside, found)]
    first = [box for source in inputs for box in ends[source[0]]]
    for call in graph.calls:
        inner = graph_of(call.layer) if expand else None
        if inner is None:
            starts = ends[call] = [_box(call, inside, found)]
        else:
            starts, ends[call] = _add(inner, (*inside, call.layer.name), expand, found)
        before = [box for each in symbolic.calls_behind(call.inputs) for box in ends.get(each, [])]
        found.arrows += [(source, start) for source in before for start in starts]
    outputs = (symbolic.source_of(node) for node in graph.output_nodes)
    return first, [box for source in outputs if source for box in ends.get(source[0], [])]


def _box(call: Any, inside: tuple[str, ...], found: Diagram) -> int:
    found.calls.append(call)
    found.inside.append(inside)
    return len(found.calls) - 1


# ---- texts -------------------------------------------------------------------------------------
def heading(call: Any, details: Details) -> str:
    """Return the first line of a box: the class of the layer, and its name."""
    name = f"  {call.layer.name}" if details.names else ""
    return type(call.layer).__name__ + name


def facts(call: Any, details: Details) -> list[str]:
    """Return what a box says about a call besides its layer's class and name."""
    layer, outputs = call.layer, call.outputs
    shown = []
    if details.shapes:
        shown.append(shape_text(symbolic.shapes_of(outputs) if outputs is not None else None))
    if details.dtypes and outputs is not None:
        types_ = dict.fromkeys(str(t.dtype) for t in tree.leaves(outputs))
        shown.append(", ".join(types_))
    activation = getattr(layer, "activation", None)
    if details.activations and activation is not None:
        name = getattr(activation, "name", None) or getattr(activation, "__name__", "?")
        shown.append(str(name))
    weights = sum(v.size for v in variables_by_path(layer).values())
    if details.weights and weights:
        shown.append(f"{weights:,} weights")
    if details.trainable and weights:
        shown.append("trainable" if layer.trainable else "frozen")
    return shown
