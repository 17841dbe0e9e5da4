"""Transfer learning: a new head on a network, and training in two stages.

model = lm.zoo.replace_head(lm.zoo.ResNet50(), classes=5)
lm.zoo.fine_tune(model, x, y, epochs=(3, 10))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import optimizers
from lamina.annotations import ActivationLike
from lamina.callbacks import History
from lamina.errors import ArgumentError
from lamina.layers import BatchNormalization, Dense, Dropout, GlobalAveragePooling2D
from lamina.losses.base import LossLike
from lamina.metrics.base import MetricLike
from lamina.models.model import Model
from lamina.models.trainee import graph_of

HEAD = "head"


def replace_head(
    model: Model,
    classes: int,
    activation: ActivationLike = "softmax",
    dropout: float = 0.0,
    name: str | None = None,
) -> Model:
    """Return a network with a new last layer, and the layers before it shared with `model`.

    All layers from the last one with weights on are left out. Features that are images are averaged
    over their positions.

    Args:
        model: functional model.
        classes: number of classes.
        activation: activation of the classes; None gives logits.
        dropout: rate of dropout before the new layer.
        name: name of the new model; None is that of `model`.

    Raises:
        ArgumentError: the model is not functional, or has no layer with weights.

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.LeNet5(weights=None)
        >>> lm.zoo.replace_head(model, classes=3).output_shape
        (None, 3)
    """
    graph = graph_of(model)
    calls = [call for call in graph.calls if call.layer.weights] if graph is not None else []
    if not calls:
        raise ArgumentError(
            f"replace_head: {model.name} has no graph of layers with weights",
            hint="pass a functional or Sequential model that knows its input's shape",
        )
    last = calls[-1]
    is_head = isinstance(last.layer, Dense) or tuple(last.outputs.shape) == model.output_shape
    x = last.inputs[0] if is_head else model.output
    if x.ndim == 4:
        x = GlobalAveragePooling2D(name=f"{HEAD}_pool")(x)
    if dropout:
        x = Dropout(dropout, name=f"{HEAD}_dropout")(x)
    outputs = Dense(classes, activation, name=HEAD)(x)
    return Model(model.input, outputs, name=name or model.name)


def freeze(model: Model, until: str | int | None = 1, statistics: bool = True) -> Model:
    """Return the model with its first layers frozen, and the others trainable.

    A training that follows needs another `compile`, as `fine_tune` does it.

    Args:
        model: built model.
        until: name of the first layer that trains, or how many of the last layers with weights do;
            None freezes none.
        statistics: freeze batch normalizations everywhere, since those of few images differ from
            those that the weights were trained with.

    Raises:
        UnknownNameError: no layer has this name.

    Example:
        >>> import lamina as lm
        >>> model = lm.zoo.freeze(lm.zoo.LeNet5(weights=None))
        >>> len(model.trainable_weights)
        2
    """
    layers = model.layers
    if isinstance(until, str):
        first = layers.index(model.get_layer(until))
    else:
        places = [k for k, layer in enumerate(layers) if layer.weights]
        first = 0 if until is None else [*places, len(layers)][-1 - until]
    for number, layer in enumerate(layers):
        is_fixed = statistics and isinstance(layer, BatchNormalization)
        layer.trainable = number >= first and not is_fixed
    return model


def fine_tune(
    model: Model,
    x: Any,
    y: Any = None,
    loss: LossLike = "sparse_categorical_crossentropy",
    metrics: MetricLike | Sequence[MetricLike] = ("accuracy",),
    epochs: tuple[int, int] = (3, 3),
    rates: tuple[float, float] = (1e-3, 1e-5),
    until: str | int | None = None,
    **kwargs: Any,
) -> tuple[History, History]:
    """Train the last layer, then further layers at a small rate.

    Args:
        model: built model, such as that of `replace_head`.
        x: data as for `fit`.
        y: targets as for `fit`.
        loss: loss as for `compile`.
        metrics: metrics as for `compile`.
        epochs: numbers of epochs of the two stages.
        rates: learning rates of Adam in the two stages.
        until: layers of the second stage, see `freeze`; None trains all, but for batch
            normalizations.
        **kwargs: further arguments of `fit`.

    Returns:
        What `fit` returned for the two stages.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> model = lm.zoo.LeNet5(weights=None, classes=2)
        >>> x, y = np.zeros((4, 32, 32, 1), "float32"), np.array([0, 1, 0, 1])
        >>> first, second = lm.zoo.fine_tune(model, x, y, epochs=(1, 1), verbose=0)
        >>> len(first.history["loss"])
        1
    """
    found = []
    for stage, first in enumerate((1, until)):
        freeze(model, first)
        model.compile(optimizers.Adam(rates[stage]), loss, metrics=metrics)
        found.append(model.fit(x, y, epochs=epochs[stage], **kwargs))
    return found[0], found[1]
