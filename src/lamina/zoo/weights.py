"""Weights of networks of the zoo from files with PyTorch's names: torchvision, Hugging Face."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina.annotations import PathLike
from lamina.errors import FileFormatError, ShapeError
from lamina.interchange.layouts import modules_of
from lamina.interchange.loading import assign, layers_of
from lamina.interchange.reading import read
from lamina.layers import Layer
from lamina.layers._base.saved_names import saved_weights

Arrays = dict[str, np.ndarray]
OTHERS = (".h5", ".hdf5", ".keras", ".lamina")
"""Endings of files that `load_weights` reads."""


def arrays_of_torch(path: PathLike) -> Arrays | None:
    """Return the arrays of a file with PyTorch's names, or None for a file of another kind.

    Args:
        path: path of a file, or of a folder of Hugging Face.
    """
    if os.fspath(path).endswith(OTHERS):
        return None
    try:
        arrays = read(path)
    except FileFormatError:
        return None  # load_weights says what is wrong
    is_torch = any(name.rpartition(".")[2] in ("weight", "gamma") for name in arrays)
    return arrays if is_torch and not any("/" in name for name in arrays) else None


def assign_layers(
    model: Layer,
    arrays: Arrays,
    names: Callable[[str], str] | None,
    where: PathLike,
    flattened: Mapping[str, tuple[Any, ...]] | None = None,
) -> None:
    """Assign arrays to all layers of a network. Modules at the end of the file that the network
    lacks are left out, such as the classes for a network without them.

    Args:
        model: the network.
        arrays: arrays by name.
        names: function from the name of a module to that of a layer; None matches by order.
        where: path of the file, for messages.
        flattened: see `lamina.interchange.loading.assign`.

    Raises:
        ShapeError: a layer has no module, or they differ in shape.
    """
    own, modules = layers_of(model), list(modules_of(arrays))
    renamed = zip(own, modules, strict=False) if names is None else ((names(m), m) for m in modules)
    mapping = {layer: module for layer, module in renamed if layer in own}
    missing = [layer for layer in own if layer not in mapping]
    if missing:
        raise ShapeError(
            f"{os.fspath(where)}: no weights for {len(missing)} layers of {model.name} "
            f"({', '.join(missing[:5])})",
            hint="the file is of another network",
        )
    assign(model, arrays, mapping, os.fspath(where), flattened=flattened)


def assign_weights(model: Layer, found: Mapping[str, np.ndarray], where: PathLike) -> None:
    """Assign arrays to all weights of a network, by the names of the weights.

    Args:
        model: the network.
        found: arrays by name; of another shape with the same number of elements is allowed.
        where: path of the file, for messages.

    Raises:
        ShapeError: a weight has no array, or they differ in size.
    """
    own = saved_weights(model)
    for name, variable in own.items():
        if name not in found or found[name].size != variable.size:
            got = f"shape {found[name].shape}" if name in found else "none"
            raise ShapeError(
                f"{os.fspath(where)}: the weight {name!r} of {model.name} (expected shape "
                f"{tuple(variable.shape)}, got {got})",
                hint="the file is of another network, or of another size of it",
            )
    for name, variable in own.items():
        variable.assign(np.ascontiguousarray(found[name]).reshape(variable.shape))
