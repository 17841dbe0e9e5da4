"""Weights alone, in a .safetensors file, by their paths in the model: "dense_1/kernel"."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.errors import FileFormatError, ShapeError
from lamina.files import write_whole
from lamina.saving import container, safetensors
from lamina.saving.names import WEIGHTS, warn_of_name
from lamina.tensor import Variable


def save_weights(model: Any, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write the weights of a built model; any reader of safetensors can read them.

    The name ends in .safetensors, or with a warning in .weights.h5, as programs for Keras have it.
    """
    warn_of_name(path, weights=True)
    refuse_to_overwrite(path, overwrite)
    write_whole(path, safetensors.write_with_checksum(arrays(model.named_weights())))


def refuse_to_overwrite(path: Any, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{path}: is there already, and overwrite is False")


def arrays(variables: Mapping[str, Variable]) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in variables.items()}


def load_weights(model: Any, path: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Read weights that `save_weights` or `save` wrote into a model of the same layers.

    Names and shapes must be equal, else nothing is changed; with `skip_mismatch` what does not
    fit is left as it is. Raises FileFormatError for a file that is damaged or something else,
    ShapeError where it belongs to another model.
    """
    content = container.read_file(path)
    if content[:2] == b"PK":
        stored = container.unpack(path, content)[1]
    elif safetensors.is_safetensors(content) or str(path).endswith(WEIGHTS):
        stored = container.from_safetensors(path, content)
    else:
        raise container.not_a_model(path, content)
    put(model.named_weights(), stored, f"{os.fspath(path)}", skip_mismatch)


def put(
    variables: Mapping[str, Variable],
    stored: Mapping[str, np.ndarray],
    where: str,
    skip_mismatch: bool = False,
) -> None:
    """Give each variable the array of its name: all of them, or none."""
    problems = list(_problems(variables, stored))
    if problems and not skip_mismatch:
        shown = "\n".join(f"  {each}" for each in problems[:10])
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise ShapeError(
            f"{where}: belongs to another model:\n{shown}{more}",
            hint="make the model with the same layers, in the same order; "
            "skip_mismatch=True loads what fits",
        )
    for name, variable in variables.items():
        array = stored.get(name)
        if array is not None and array.shape == variable.shape:
            if array.dtype.kind != np.dtype(variable.dtype.storage).kind:
                raise FileFormatError(f"{where}: {name} holds {array.dtype}")
            variable.assign(array)


def _problems(variables: Mapping[str, Variable], stored: Mapping[str, np.ndarray]) -> Any:
    for name, variable in variables.items():
        if name not in stored:
            yield f"{name} {variable.shape} is not in the file"
        elif stored[name].shape != variable.shape:
            yield f"{name}: shape {stored[name].shape} in the file, {variable.shape} in the model"
    for name, array in stored.items():
        if name not in variables:
            yield f"{name} {array.shape} is in the file, and not in the model"
