"""Representations of data: the outputs of all layers by name, from one program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from lamina import context, tree
from lamina.errors import ArgumentError, unknown_name
from lamina.layers import Layer
from lamina.layers._base import frames
from lamina.locks import MAKING
from lamina.models.fitting import on_its_engine, predictor_of
from lamina.models.trainee import Trainee
from lamina.settings import settings
from lamina.tensor import as_tensor
from lamina.training.columns import Columns
from lamina.training.predict import batches_of, joined
from lamina.training.programs import Program
from lamina.training.progress import Progress

BATCH = 32  # the outputs of all layers are there at once

Wanted = tuple[str, ...] | None


def representations(model: Any, x: Any, layers: Any, batch_size: int | None) -> dict[str, Any]:
    """Implementation of `Model.representations`."""
    names: list[str] = []
    parts: list[Any] = []
    rows = 0
    trainee = Trainee(model)
    predictor = predictor_of(model)
    found = batches_of(trainee, x, batch_size, None, Progress("Representations", None, 0), BATCH)
    with on_its_engine(model), closing(found) as batches:
        for part in batches:
            predictor.check(trainee, part, rows)
            rows += part.rows
            names, program = _program(model, part, _wanted(model, layers))
            parts.append(program(*part.inputs))
    outputs: Any = joined(parts)
    return dict(zip(names, outputs, strict=True))


# ---- names -------------------------------------------------------------------------------------
def layers_by_name(model: Any) -> dict[str, Any]:
    """The layers of a model and of the models in it: {"inner/dense": layer, "inner": layer}."""
    return dict(_named(model, ""))


def _named(model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        if hasattr(layer, "representations"):
            yield from _named(layer, f"{prefix}{layer.name}/")
        yield prefix + layer.name, layer


def _wanted(model: Any, layers: Any) -> Wanted:
    """The names asked for; None for all."""
    if layers is None:
        return None
    known = layers_by_name(model)
    asked = [layers] if isinstance(layers, str | Layer) else list(layers)
    return tuple(_name(each, known) for each in asked)


def _name(asked: Any, known: dict[str, Any]) -> str:
    if isinstance(asked, Layer):
        names = [name for name, layer in known.items() if asked is layer]
        if not names:
            raise ArgumentError(
                f"representations: the layer '{asked.name}' is not in this model",
                hint=f"its layers are {', '.join(known)}",
            )
        return names[0]
    name, _, number = str(asked).rpartition(":")
    if asked not in known and not (name in known and number.isdigit()):
        raise unknown_name("layer", asked, known)
    return str(asked)


# ---- the program -------------------------------------------------------------------------------
def _program(model: Any, data: Columns, wanted: Wanted) -> tuple[list[str], Program]:
    """The names of the outputs, and the program that makes them; from an earlier call if the model
    is still the same."""
    key = (data.kind, settings.engine, wanted)
    graph, found = model._watched.get(key, (None, None))
    if found is None or graph is not model._graph:
        with MAKING:
            graph, found = model._watched.get(key, (None, None))
            if found is None or graph is not model._graph:
                found = _recorded(model, data, wanted)
                model._watched[key] = model._graph, found
    return found


def _recorded(model: Any, data: Columns, wanted: Wanted) -> tuple[list[str], Program]:
    names: list[str] = []

    def outputs(*leaves: Any) -> list[Any]:
        watch = _Watch(model)
        with frames.watched(watch):
            model(tree.unflatten(data.input_structure, leaves), training=False)
        chosen = list(watch.found) if wanted is None else list(wanted)
        names[:] = chosen
        return [watch.output(name) for name in chosen]

    try:
        program = Program(outputs, data.types, f"representations {model.name}", "these layers")
    finally:
        model.reset_losses()
    return names, program


class _Watch:
    """The outputs of a model's layers, in the order in which their calls end."""

    def __init__(self, model: Any) -> None:
        self.names = {id(layer): name for name, layer in layers_by_name(model).items()}
        self.depth = len(context.current().traces)
        self.counts: dict[str, int] = {}
        self.found: dict[str, Any] = {}

    def __call__(self, layer: Any, outputs: Any) -> None:
        name = self.names.get(id(layer))
        is_in_loop = len(context.current().traces) != self.depth
        if name is None or is_in_loop:  # what is in a loop stays there
            return
        count = self.counts[name] = self.counts.get(name, 0) + 1
        key = name if count == 1 else f"{name}:{count}"
        self.found[key] = tree.map_structure(as_tensor, outputs)

    def output(self, name: str) -> Any:
        if name not in self.found:
            raise ArgumentError(
                f"representations: no output of '{name}': the model does not call it, "
                "or only inside a loop",
                hint=f"there are {', '.join(self.found)}",
            )
        return self.found[name]
