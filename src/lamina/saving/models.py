"""Whole models in one file: save_model and load_model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.configuration import deserialize, serialize
from lamina.errors import FileFormatError, LaminaError, describe
from lamina.files import write_whole
from lamina.saving import container
from lamina.saving.compiled import compile_from, compiled_config
from lamina.saving.names import warn_of_name
from lamina.saving.weights import arrays, put, refuse_to_overwrite


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
) -> None:
    """Write a built model: layers, weights, what it was compiled for, and the optimizer's state.

    The file is written whole or not at all. Its name ends in .lamina; .keras is possible too, with
    a warning, since the content is not what Keras reads. Raises ArgumentError where the model holds
    something that only code can say, such as a Lambda layer, and names it.
    """
    warn_of_name(path)
    refuse_to_overwrite(path, overwrite)
    weights = arrays(model.named_weights())
    written = {"model": serialize(model), "build_shape": shapes(model._build_shape)}
    compiled = compiled_config(model) if model.compiled else None
    state = None
    if compiled is not None:
        written["compile"] = compiled
        if include_optimizer and model.optimizer.built:
            state = optimizer_state(model.optimizer)
    content = container.pack(written, weights, state)
    write_whole(path, content)


def shapes(nest: Any) -> Any:
    """A nest of shapes as JSON: each a dict, so that a shape and a list of shapes differ."""
    if nest is None:
        return None
    if isinstance(nest, dict):
        return {"dict": {key: shapes(value) for key, value in nest.items()}}
    if all(n is None or isinstance(n, (int, np.integer)) for n in nest):
        return {"shape": [None if n is None else int(n) for n in nest]}
    return {"list": [shapes(value) for value in nest]}


def shapes_from(written: Any) -> Any:
    (kind, value), *_ = written.items()
    if kind == "dict":
        return {key: shapes_from(each) for key, each in value.items()}
    return tuple(value) if kind == "shape" else [shapes_from(each) for each in value]


def optimizer_state(optimizer: Any) -> dict[str, np.ndarray]:
    """The optimizer's Variables by number and name."""
    return arrays(numbered(optimizer))


def numbered(optimizer: Any) -> dict[str, Any]:
    return {f"{k:04d}/{v.name}": v for k, v in enumerate(optimizer.variables)}


# ---- reading -----------------------------------------------------------------------------------
def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Any:
    """The model that `save` wrote, with its weights; compiled as it was, unless `compile` is False.

    Only data are read: layers are found by name among Lamina's own and your classes, which have
    to be defined or given in `custom_objects` ({"Block": Block}). Raises FileFormatError where the
    file is truncated, damaged or something else, UnknownNameError for a class that is not known.
    """
    written, weights, state = container.unpack(path, container.read_file(path))
    model = _model(path, written, custom_objects)
    put(model.named_weights(), weights, os.fspath(path))
    if compile and isinstance(written.get("compile"), dict):
        compile_from(model, written["compile"], custom_objects)
        if state is not None:
            model.optimizer.build(model.trainable_weights)
            put(numbered(model.optimizer), state, f"{os.fspath(path)}, optimizer")
    return model


def _model(path: Any, written: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    try:
        model = deserialize(written["model"], custom_objects)
        if not model.built and written.get("build_shape") is not None:
            model.build(shapes_from(written["build_shape"]))
    except LaminaError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise FileFormatError(
            f"{path}: its description of the model cannot be followed: {describe(error)}",
            hint="was it changed by hand, or is a class of yours not what it was?",
        ) from error
    if not hasattr(model, "named_weights") or not model.built:
        raise FileFormatError(f"{path}: holds {describe(written['model'])}, not a built model")
    return model
