"""Models as training sees them: `training.protocol.Trainable`, answered by a model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from lamina import tree
from lamina.annotations import NestLike
from lamina.distribution.layouts import arrange
from lamina.layers import Layer
from lamina.layers._base import symbolic
from lamina.layers._base.facts import build_shape, label, output_shape, set_built, with_sublayers
from lamina.metrics import Metric
from lamina.models.functional import FunctionalGraph
from lamina.optimizers import Optimizer
from lamina.tensor import Tensor, as_tensor, node_of
from lamina.training.protocol import STEPS, Kind, Nest, Reader
from lamina.variables import Variable

if TYPE_CHECKING:
    from lamina.models.model import Model

_STOPS = {
    "train": "stop_training",
    "evaluate": "stop_evaluating",
    "predict": "stop_predicting",
}


def overridable(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a default implementation, so that an override of the user's can be detected."""
    method.is_default = True  # type: ignore[attr-defined]
    return method


def graph_of(layer: object) -> FunctionalGraph | None:
    """Return the graph of a model whose layers are connected from inputs to outputs; None for
    other layers and models."""
    return getattr(layer, "_graph", None)


class Wiring:
    """The structure of a model (`training.protocol.Structure`)."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.graph = graph_of(model)

    @property
    def key(self) -> Hashable:
        return self.graph

    @property
    def input_names(self) -> list[str]:
        return [] if self.graph is None else list(self.graph.input_names)

    @property
    def output_names(self) -> list[str]:
        return [] if self.graph is None else list(self.model.output_names)

    @property
    def output_shapes(self) -> list[Any]:
        return [] if self.graph is None else [node.shape for node in self.graph.output_nodes]

    @property
    def output_layers(self) -> list[Layer | None]:
        return _output_layers(self.model)

    def input_shapes(self, places: Nest) -> list[tuple[int, Any]]:
        if self.graph is None:
            return []
        ordered = self.graph.ordered(label(self.model), places)
        nodes = zip(ordered, self.graph.input_nodes, strict=True)
        return [(k, n.shape) for k, n in nodes if k is not None]

    def readers(self, places: Nest) -> list[tuple[int, Reader]]:
        if self.graph is None or not self.graph.readers:
            return []
        ordered = self.graph.ordered(label(self.model), places)
        found = [(ordered[k], reader) for k, reader in self.graph.readers]
        return [(k, reader) for k, reader in found if k is not None]

    def outputs_for(self, shapes: Nest) -> tuple[list[Any], list[str], object]:
        nest = output_shape(self.model)
        if nest is None or (self.graph is None and shapes != build_shape(self.model)):
            nest = self.model.compute_output_shape(shapes)
        found, names = self.shapes_and_names(nest)
        if self.graph is not None:
            structure = tree.flatten(self.graph.outputs)[1]
        else:
            structure = tree.flatten(symbolic.map_shapes(lambda shape: 0, nest))[1]
        return found, names, structure

    def shapes_and_names(self, nest: Any) -> tuple[list[Any], list[str]]:
        """Return the shapes in a nest of outputs, and the name of each output: its key in a
        dictionary of outputs, else that of its layer."""
        found = symbolic.shape_leaves(nest)
        if isinstance(nest, dict) and all(symbolic.is_shape(shape) for shape in nest.values()):
            return found, sorted(map(str, nest))
        return found, self._names(len(found))

    def _names(self, count: int) -> list[str]:
        layers = self.output_layers
        names = (
            [layer.name for layer in layers if layer is not None] if len(layers) == count else []
        )
        if len(set(names)) == count:
            return names
        return [f"output_{k}" for k in range(count)] if count > 1 else ["output"]

    def last_layer(self, layer: Layer) -> Layer | None:
        while graph_of(layer) is not None or hasattr(layer, "_stage"):
            inner = _output_layers(layer)
            if len(inner) != 1 or inner[0] is None:
                return None
            layer = inner[0]
        return layer

    def layer_before(self, layer: Layer) -> Layer | None:
        for call in self.graph.calls if self.graph is not None else ():
            node = node_of(call.inputs[0]) if len(call.inputs) == 1 else None
            if call.layer is layer and node is not None:
                source = symbolic.source_of(node)
                return source[0].layer if source is not None else None
        return None


def _output_layers(model: Any) -> list[Layer | None]:
    graph = graph_of(model)
    if graph is not None:
        found = [symbolic.source_of(node) for node in graph.output_nodes]
        return [source[0].layer for source in found if source is not None]
    return model.layers[-1:] if hasattr(model, "_stage") else []


class Trainee:
    """A model as a `training.protocol.Trainable`. Made for each call, so that nothing holds the
    model longer than its user does."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def label(self) -> str:
        return label(self.model)

    @property
    def built(self) -> bool:
        return self.model.built

    @property
    def computes(self) -> bool:
        return self.model._has_call()

    @property
    def structure(self) -> Wiring:
        return Wiring(self.model)

    @property
    def layers(self) -> Sequence[Layer]:
        return with_sublayers(self.model)

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.model.trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return self.model.non_trainable_weights

    @property
    def optimizer(self) -> Optimizer:
        optimizer: Optimizer = self.model.optimizer
        return optimizer

    @property
    def penalties(self) -> Sequence[Tensor]:
        return self.model.losses

    @property
    def own_metrics(self) -> Sequence[Metric]:
        return self.model.metrics if self.overrides("metrics") else []

    # ---- computing -----------------------------------------------------------------------------
    def build_for(self, inputs: Nest) -> None:
        self.model.build_for(cast(NestLike, inputs))

    def arrange(self) -> None:
        arrange(self.model)

    def build_without_call(self) -> None:
        if not any(self.overrides(step) for step in STEPS.values()):
            self.model.call(None)  # raises the error that says what to define
        if not self.model.built:
            set_built(self.model)

    def forward(self, inputs: Nest, training: bool) -> Nest:
        return self.model(inputs, training=training)

    def forget_penalties(self) -> None:
        self.model.reset_losses()

    # ---- methods that a user's class may override ----------------------------------------------
    def overrides(self, name: str) -> bool:
        found = getattr(type(self.model), name)
        return not getattr(getattr(found, "fget", found), "is_default", False)

    def step(self, kind: Kind, data: Nest) -> Mapping[str, object]:
        logs: Mapping[str, object] = getattr(self.model, STEPS[kind])(data)
        return logs

    def compute_loss(
        self, x: Nest, y: Nest, outputs: Nest, weights: Nest, training: bool
    ) -> Tensor:
        given: dict[str, Any] = {"x": x, "y": y, "y_pred": outputs, "sample_weight": weights}
        if _takes(self.model.compute_loss, "training"):
            given["training"] = training
        return as_tensor(self.model.compute_loss(**given))

    def compute_metrics(
        self, x: Nest, y: Nest, outputs: Nest, weights: Nest
    ) -> Mapping[str, object]:
        logs: Mapping[str, object] = self.model.compute_metrics(x, y, outputs, weights)
        return logs

    # ---- being stopped -------------------------------------------------------------------------
    def is_stopped(self, kind: Kind | Literal["predict"]) -> bool:
        return bool(getattr(self.model, _STOPS[kind]))

    def start(self, kind: Kind | Literal["predict"]) -> None:
        setattr(self.model, _STOPS[kind], False)


def _takes(function: Callable[..., Any], name: str) -> bool:
    """True if a function takes an argument of this name."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)
