"""Whole models in one file: save_model and load_model."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from lamina.configuration import custom_object_scope, deserialize, restored, serialize
from lamina.errors import (
    ArgumentError,
    FileFormatError,
    LaminaError,
    MissingExtraError,
    UnknownNameError,
    describe,
)
from lamina.interchange import keras_files, keras_paths
from lamina.layers import Layer
from lamina.layers._base.facts import absorb, are_built, build_shape, need_weights
from lamina.layers._base.saved_names import saved_weights
from lamina.optimizers import Optimizer
from lamina.optimizers.base import slots_by_variable
from lamina.restoring import Restoration, restoring
from lamina.saving import container, low_rank
from lamina.saving.names import check_name, is_legacy, refuse_others, warn_of_name
from lamina.saving.once import write_folder_once, write_once
from lamina.saving.weights import fitting, in_a_file, named, put, refuse_to_overwrite
from lamina.variables import Variable


def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Write a built model: layers, weights, compile arguments and optimizer state.

    The file, or folder, is written completely or not at all. Under a name that ends in .keras the
    content is that of Keras 3, which reads it, with h5py (`pip install h5py`); without h5py, and
    for models that Keras cannot describe, it is that of a .lamina file, with a warning; so it is
    under a name that ends in .h5, for programs written for Keras 2.

    Args:
        model: built model.
        filepath: path of the file, ending in .lamina, or in .keras. A path that ends in / is that
            of a folder.
        overwrite: replace an existing file or folder; False raises an error.
        zipped: True writes one file, False a folder with the same content under any name; None
            decides by the path.
        include_optimizer: write the optimizer's state as well, with which training can continue.
        **kwargs: not accepted; `save_format` of older programs is the ending of the path.

    Raises:
        ArgumentError: for another argument, or if the model holds something that only code can
            express, such as a Lambda layer.

    Example:
        >>> import lamina as lm
        >>> import tempfile
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lm.save_model(model, f"{folder}/model.lamina")
        ...     lm.load_model(f"{folder}/model.lamina").count_params()
        10
    """
    refuse_others("save_model", kwargs)
    as_folder = os.fspath(filepath).endswith(("/", os.sep)) if zipped is None else not zipped
    refuse_to_overwrite(filepath, overwrite)
    if not as_folder:
        content = _for_keras(model, filepath, include_optimizer)
        if content is not None:
            write_once(filepath, content)
            return
    members = members_of(model, include_optimizer)
    if as_folder:
        write_folder_once(filepath, members, container.MEMBERS)
    else:
        write_once(filepath, container.pack(members))


def _for_keras(model: Any, path: str | os.PathLike[str], state: bool) -> bytes | None:
    """The content of a .keras file, or None, with a warning if the name promises one."""
    if check_name(path):
        return None
    if is_legacy(path):
        warn_of_name(path, reason="whole models in HDF5 are a format of Keras 2")
        return None
    need_weights(model, "saving")
    compiled = model.get_compile_config() if model.compiled else None
    try:
        return keras_files.content_of(model, serialize(model), compiled, state)
    except (ArgumentError, MissingExtraError, LookupError) as error:
        warn_of_name(path, reason=str(getattr(error, "message", error)))
        return None


def content_of(model: Any, include_optimizer: bool = True) -> bytes:
    """The content of the file of a built model."""
    return container.pack(members_of(model, include_optimizer))


def members_of(model: Any, include_optimizer: bool = True) -> dict[str, bytes]:
    """The members of the file of a built model."""
    weights = named(model)
    written = {"model": serialize(model), "build_shape": shapes(build_shape(model))}
    if not model.built:  # but its layers are, each by itself
        written["layer_shapes"] = [shapes(build_shape(layer)) for layer in model.layers]
    compiled = model.get_compile_config() if model.compiled else None
    state = None
    if compiled is not None:
        written["compile"] = compiled
        if include_optimizer and model.optimizer.built:
            state = in_a_file(state_by_weight(model, model.optimizer))
    return container.members_of(written, weights, state, low_rank.metadata(model))


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


def state_by_weight(model: Layer, optimizer: Optimizer) -> dict[str, Variable]:
    """The optimizer's Variables: "dense/kernel/momentum" of a weight, "0000/iteration" of all."""
    names = {id(variable): name for name, variable in saved_weights(model).items()}
    found, of_weights = {}, set()
    for k, (variable, slots) in enumerate(slots_by_variable(optimizer).items()):
        for slot, state in slots.items():
            found[f"{names.get(id(variable), k)}/{slot}"] = state
            of_weights.add(id(state))
    rest = (v for v in optimizer.variables if id(v) not in of_weights)
    return {**{f"{k:04d}/{v.name}": v for k, v in enumerate(rest)}, **found}


def numbered(optimizer: Any) -> dict[str, Variable]:
    """The optimizer's Variables by number and name, as earlier versions wrote them."""
    return {f"{k:04d}/{v.name}": v for k, v in enumerate(optimizer.variables)}


# ---- reading -----------------------------------------------------------------------------------
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model that `save_model` or `Model.save` wrote, or Keras 3, with its weights.

    Only data are read, never code: layers are found by name among Lamina's own and the caller's
    classes. Memory is limited by the size of the file.

    Args:
        filepath: path of the .lamina or .keras file, or of a folder.
        custom_objects: dictionary from name to class or function of the caller's own, such as
            {"Block": Block}.
        compile: compile the model as it was; False leaves it uncompiled.
        safe_mode: accepted for Keras; files never hold code.

    Raises:
        FileFormatError: if the file is truncated, damaged or something else.
        UnknownNameError: for a class that is not known.

    Example:
        >>> import lamina as lm
        >>> model = lm.load_model("model.lamina")  # doctest: +SKIP
    """
    return model_of(filepath, container.read_file(filepath), custom_objects, compile)


def model_of(
    path: str | os.PathLike[str],
    data: bytes | container.Members,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Any:
    """The model whose file has this content; errors name the path."""
    if isinstance(data, bytes) and keras_files.is_model(data):
        return _of_keras(path, data, custom_objects, compile)
    content = container.unpack(path, data)
    written, state = content.model, content.optimizer
    limits = Restoration(content.elements, content.objects)
    with _errors_of(path), restoring(limits):
        model = _model(written, custom_objects)
        variables = fitting(model, content.weights, os.fspath(path))
        arrays, products = low_rank.reconciled(variables, content.weights, os.fspath(path))
        put(variables, arrays, os.fspath(path))
        for product in products:
            absorb(*product)
        limits.finish(list(variables.values()))
        if compile and isinstance(written.get("compile"), dict):
            model.compile_from_config(written["compile"], custom_objects)
            if state is not None:
                model.optimizer.build(model.trainable_weights)
                by_name = state_by_weight(model, model.optimizer)
                variables = by_name if state.by_attribute else numbered(model.optimizer)
                put(variables, state.arrays, f"{os.fspath(path)}, optimizer")
    return model


def _of_keras(
    path: str | os.PathLike[str],
    data: bytes,
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
) -> Any:
    """The model of a .keras file that Keras wrote, or `save_model`."""
    with _errors_of(path), custom_object_scope(custom_objects):
        found = keras_files.described(data)
        limits = Restoration(found.elements, found.objects)
        shape = None if found.build_shape is None else {"shape": found.build_shape}
        inner = [None if each is None else {"shape": each} for each in found.layer_shapes]
        described = {"model": found.model, "build_shape": shape, "layer_shapes": inner}
        with restoring(limits):
            model = _model(described, custom_objects)
            variables = keras_paths.variables(model, found.places)
            put(variables, keras_files.only_weights(found.arrays), os.fspath(path))
            limits.finish(list(variables.values()))
            if compile and found.compiled:
                model.compile(**restored(found.compiled, custom_objects))
                _restore_state(model, found.optimizer, os.fspath(path))
    return model


def _restore_state(model: Any, arrays: list[np.ndarray], where: str) -> None:
    """Give the optimizer the state that a .keras file has, if it was built there."""
    if arrays:
        model.optimizer.build(model.trainable_weights)
        variables = {f"{k:04d}": v for k, v in enumerate(model.optimizer.variables)}
        stored = {f"{k:04d}": array for k, array in enumerate(arrays)}
        if len(stored) < len(variables) and not any(array.ndim for array in arrays):
            return  # written before the first step
        put(variables, stored, f"{where}, optimizer")


def _model(written: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    model = deserialize(written["model"], custom_objects)
    is_model = hasattr(model, "named_weights") and hasattr(model, "compile")
    if is_model and not model.built and written.get("build_shape") is not None:
        model.build(shapes_from(written["build_shape"]))
    for layer, shape in zip(
        model.layers if is_model else (), written.get("layer_shapes", ()), strict=False
    ):
        if not layer.built and shape is not None:
            layer.build(shapes_from(shape))
    if not is_model or not are_built(model):
        raise FileFormatError(f"it holds {describe(written['model'])}, not a built model")
    return model


@contextmanager
def _errors_of(path: Any) -> Iterator[None]:
    """Whatever goes wrong inside becomes an error that names the file."""
    hint: str | None = "was it changed by hand, or is a class of yours not what it was?"
    try:
        yield
    except UnknownNameError as error:
        raise UnknownNameError(f"{path}: {error.message}", hint=error.hint) from error
    except LaminaError as error:
        reason, hint, cause = error.message, error.hint or hint, error
    except _OF_A_DESCRIPTION as error:
        reason, cause = f"{type(error).__name__}: {error}", error  # type: ignore[assignment]
    else:
        return
    if not reason.startswith(os.fspath(path)):
        reason = f"{path}: its description of the model cannot be followed: {reason}"
    raise FileFormatError(reason, hint=hint) from cause


_OF_A_DESCRIPTION = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
)
