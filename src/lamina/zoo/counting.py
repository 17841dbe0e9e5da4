"""Costs of a network: parameters, arithmetic of a forward pass, memory of a training step.

From the layers and the shapes of their outputs alone; nothing is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from lamina import tree
from lamina.errors import ArgumentError
from lamina.layers._base.saved_names import saved_weights
from lamina.models.model import Model
from lamina.models.trainee import graph_of

STEPS = 128
"""Steps of sequences whose length a network leaves open."""
PIXELS = 224
"""Height and width of images whose size a network leaves open."""
COPIES = 4
"""Weights, gradients, and two moments of Adam."""


class Costs(NamedTuple):
    """Costs of a network for one sample.

    Args:
        parameters: number of elements of all weights.
        flops: floating-point operations of a forward pass as written: two for each multiplication
            of a convolution, a matrix product or attention; other operations do not count.
        bytes: memory of a training step in float32: the weights, their gradients, the two moments
            of Adam, and the outputs of all layers.

    Example:
        >>> import lamina as lm
        >>> lm.zoo.Costs(10, 20, 30).flops
        20
    """

    parameters: int
    flops: int
    bytes: int


def costs(model: Model) -> Costs:
    """Return the costs of a functional model for one sample.

    Args:
        model: built model that was made of inputs and outputs.

    Raises:
        ArgumentError: the model is subclassed.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.Input((8,)), lm.layers.Dense(4)])
        >>> lm.zoo.costs(model)
        Costs(parameters=36, flops=64, bytes=592)
    """
    calls = list(_calls(model))
    if not calls:
        raise ArgumentError(
            f"costs: {model.name} has no graph of layers",
            hint="pass a functional or Sequential model that knows its input's shape",
        )
    parameters = model.count_params()
    flops = sum(_flops(layer, given, made) for layer, given, made in calls)
    outputs = sum(math.prod(shape) for _, _, made in calls for shape in made)
    return Costs(parameters, flops, 4 * (COPIES * parameters + outputs))


Shapes = list[tuple[int, ...]]


def _calls(model: Any) -> Iterator[tuple[Any, Shapes, Shapes]]:
    """Each call of a layer, those inside of models too, with the shapes of inputs and outputs."""
    graph = graph_of(model)
    for call in graph.calls if graph is not None else ():
        if graph_of(call.layer) is not None:
            yield from _calls(call.layer)
        else:
            yield call.layer, _shapes(call.inputs), _shapes(tree.leaves(call.outputs))


def _shapes(tensors: list[Any]) -> Shapes:
    """Shapes of one sample; open extents are PIXELS of images and STEPS of sequences."""
    found = []
    for tensor in tensors:
        shape = tuple(tensor.shape)[1:]
        usual = PIXELS if len(shape) == 3 else STEPS
        found.append(tuple(n if type(n) is int else usual for n in shape))
    return found


def _flops(layer: Any, given: Shapes, made: Shapes) -> int:
    kind = type(layer).__name__
    weights = saved_weights(layer).items()
    kernels = sum(v.size for name, v in weights if name.endswith("kernel"))
    if kind in ("TransformerEncoder", "TransformerDecoder"):
        steps, width = given[0]
        return 2 * kernels * steps + 4 * steps * steps * width
    if kind == "ReversibleEmbedding" and len(given[0]) == 2:
        return 2 * math.prod(given[0]) * int(layer.input_dim)
    if not kernels:
        return 0
    places = given[0][:-1] if "Transpose" in kind else made[0][:-1]
    return 2 * kernels * math.prod(places)
