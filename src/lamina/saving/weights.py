"""Weights alone, in a .safetensors file, by their names in the model: "dense_1/kernel".

The layers of functional and Sequential models are called by their names, those that a class of its
own holds by attributes: "encoder/blocks/0/kernel". So a file fits every model that has the same
layers in the same places, in whatever order they were made.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina.configuration import serialize
from lamina.errors import ArgumentError, FileFormatError, MissingExtraError, ShapeError
from lamina.interchange import keras_files
from lamina.layers import Layer
from lamina.layers._base.facts import absorb, label, need_weights
from lamina.layers._base.saved_names import interchangeable, saved_weights
from lamina.saving import container, low_rank, safetensors
from lamina.saving.names import WEIGHTS, check_name, warn_of_name
from lamina.saving.once import write_once
from lamina.variables import Variable, contents_of


def save_weights(
    model: Layer,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Sequence[Layer] | None = None,
) -> None:
    """Write the weights of a built model; any reader of safetensors can read them.

    Args:
        model: built model.
        filepath: name that ends in .safetensors, or in .weights.h5 for the format of Keras, which
            needs h5py; without it the content is that of .safetensors, with a warning.
        overwrite: replace an existing file; False raises an error.
        max_shard_size: accepted for Keras; the file is not divided.
        objects_to_skip: layers whose weights are left out.
    """
    refuse_to_overwrite(filepath, overwrite)
    if not check_name(filepath, weights=True):
        need_weights(model, "saving weights")
        try:
            write_once(filepath, keras_files.weights_content(model, serialize(model)))
            return
        except (ArgumentError, MissingExtraError, LookupError) as error:
            reason = str(getattr(error, "message", error))
            warn_of_name(filepath, weights=True, reason=reason)
    about = {**container.NAMES, **low_rank.metadata(model)}
    write_once(filepath, safetensors.write_with_checksum(named(model, objects_to_skip), about))


def refuse_to_overwrite(path: Any, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path}: is there already, and overwrite is False")


def named(
    model: Layer, skipped: Sequence[Layer] | None = None
) -> dict[str, np.ndarray | safetensors.Bits]:
    """The weights of a built model by their names in a file, without those of some layers."""
    need_weights(model, "saving weights")
    left_out = {id(variable) for layer in skipped or () for variable in layer.weights}
    return in_a_file({n: v for n, v in saved_weights(model).items() if id(v) not in left_out})


def arrays(variables: Mapping[str, Variable]) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in variables.items()}


def in_a_file(variables: Mapping[str, Variable]) -> dict[str, np.ndarray | safetensors.Bits]:
    """The values of variables as files hold them, of bfloat16 as bits."""
    return {
        name: safetensors.Bits(contents_of(v)) if v.dtype.name == "bfloat16" else v.numpy()
        for name, v in variables.items()
    }


def load_weights(
    model: Layer,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    objects_to_skip: Sequence[Layer] | None = None,
) -> None:
    """Read weights that `save_weights` or `save` wrote into a model of the same layers.

    Names and shapes must be equal, else nothing is changed; with `skip_mismatch` what does not
    fit is left as it is. A product of low rank that the file has, and the model has not, is added
    to its weight. Names are those of attributes, or of layers in functional and Sequential
    models: the order in which layers were made does not matter.

    Args:
        model: built model.
        filepath: path of a .safetensors, .lamina, .keras, .weights.h5 or legacy .h5 file, or of the
            folder of a model.
        skip_mismatch: load the weights whose names and shapes match, and leave the others.
        objects_to_skip: layers whose weights are left as they are.

    Raises:
        FileFormatError: if the file is damaged or something else.
        ShapeError: if it belongs to another model.
    """
    content = container.read_file(filepath)
    if isinstance(content, bytes) and (
        keras_files.is_hdf5(content) or keras_files.is_model(content)
    ):
        _load_keras(model, content, os.fspath(filepath), skip_mismatch)
        return
    if not isinstance(content, bytes) or content[:2] == b"PK":
        stored = container.unpack(filepath, content).weights
    elif safetensors.is_safetensors(content) or str(filepath).endswith(WEIGHTS):
        stored = container.from_safetensors(filepath, content)
    else:
        raise container.not_a_model(filepath, content)
    need_weights(model, "load_weights")
    where = os.fspath(filepath)
    variables = fitting(model, stored, where)
    left_out = {id(variable) for layer in objects_to_skip or () for variable in layer.weights}
    for name in [name for name, variable in variables.items() if id(variable) in left_out]:
        del variables[name]
        stored.arrays.pop(name, None)
    arrays, products = low_rank.reconciled(variables, stored, where)
    put(variables, arrays, where, skip_mismatch)
    for product in products:
        absorb(*product)


def _load_keras(model: Layer, content: bytes, where: str, skip_mismatch: bool) -> None:
    """Read the weights of a file of Keras."""
    need_weights(model, "load_weights")
    try:
        variables, stored = keras_files.weights_of(model, content)
    except FileFormatError as error:
        raise FileFormatError(f"{where}: {error.message}", hint=error.hint) from error
    put(variables, stored, where, skip_mismatch)


def fitting(model: Layer, stored: container.Stored, where: str) -> dict[str, Variable]:
    """The model's weights by the names that the file has for them. Raises FileFormatError for a
    file of an earlier version that could be read in two ways."""
    by_attribute = saved_weights(model)
    by_order: dict[str, Variable] = model.named_weights()
    if stored.by_attribute or set(by_order) != set(stored.arrays):
        return by_attribute
    alike = interchangeable(model)
    if alike is not None:
        holder, one, other = alike
        raise FileFormatError(
            f"{where}: its names count layers in the order in which they were made, as earlier "
            f"versions wrote them, and {one!r} and {other!r} of {label(holder)} are alike: "
            "which is which cannot be told",
            hint="if the layers are still made in the same order: model.set_weights([arrays[name] "
            "for name in model.named_weights()]), with arrays = "
            "safetensors.numpy.load_file(path); then save again",
        )
    return by_order


def put(
    variables: Mapping[str, Variable],
    stored: Mapping[str, np.ndarray],
    where: str,
    skip_mismatch: bool = False,
) -> None:
    """Give each variable the array of its name: all of them, or none."""
    need_fitting(variables, stored, where, skip_mismatch)
    for name, variable in variables.items():
        array = stored.get(name)
        if array is not None and array.shape == variable.shape:
            variable.assign(array)


def need_fitting(
    variables: Mapping[str, Variable],
    stored: Mapping[str, np.ndarray],
    where: str,
    skip_mismatch: bool = False,
) -> None:
    """Raise ShapeError if names or shapes differ, FileFormatError for another kind of dtype."""
    problems = list(_problems(variables, stored))
    if problems and not skip_mismatch:
        shown = "\n".join(f"  {each}" for each in problems[:10])
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise ShapeError(
            f"{where}: belongs to another model:\n{shown}{more}",
            hint="make the model with the same layers, under the same names and attributes; "
            "skip_mismatch=True loads what fits",
        )
    for name, variable in variables.items():
        array = stored.get(name)
        if array is None or array.shape != variable.shape:
            continue
        if array.dtype.kind != variable.dtype.kind:
            raise FileFormatError(f"{where}: {name} holds {array.dtype}")


def _problems(variables: Mapping[str, Variable], stored: Mapping[str, np.ndarray]) -> Any:
    for name, variable in variables.items():
        if name not in stored:
            yield f"{name} {variable.shape} is not in the file"
        elif stored[name].shape != variable.shape:
            yield f"{name}: shape {stored[name].shape} in the file, {variable.shape} in the model"
    for name, array in stored.items():
        if name not in variables:
            yield f"{name} {array.shape} is in the file, and not in the model"
