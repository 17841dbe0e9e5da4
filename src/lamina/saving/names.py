"""The names of files: which ending says what is inside, and what programs for Keras call them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from lamina.errors import ArgumentError, warn

MODEL, WEIGHTS = ".lamina", ".safetensors"
KERAS_MODEL, KERAS_WEIGHTS = ".keras", ".weights.h5"
LEGACY_MODEL = (".h5", ".hdf5")  # whole models of Keras 2


def check_name(path: str | os.PathLike[str], weights: bool = False) -> bool:
    """Whether it is a name of Lamina's own: the other possible ones are those of Keras, so that
    programs written for it run. Raises ArgumentError for all others."""
    name = os.fspath(path)
    own, of_keras = (WEIGHTS, KERAS_WEIGHTS) if weights else (MODEL, KERAS_MODEL)
    if name.endswith((own, of_keras)):
        return name.endswith(own)
    if is_legacy(name) and not weights:
        return False
    what = "save_weights" if weights else "save"
    stem = name.removesuffix(".h5").removesuffix(".weights")
    stem = stem if weights else os.path.splitext(stem)[0]
    other = (
        "model.save writes the whole model"
        if weights
        else "weights alone go to a .safetensors file with model.save_weights"
    )
    raise ArgumentError(
        f"{what}: {name!r} does not end in {own!r}",
        hint=f"write model.{what}('{stem}{own}'); {other}",
    )


def is_legacy(path: str | os.PathLike[str]) -> bool:
    """True for the name of a whole model of Keras 2."""
    name = os.fspath(path)
    return name.endswith(LEGACY_MODEL) and not name.endswith(KERAS_WEIGHTS)


def refuse_others(what: str, given: Mapping[str, object]) -> None:
    """Raise ArgumentError for arguments that a function of files does not have."""
    for name in given:
        hint = "the ending of the path says what is written" if name == "save_format" else None
        raise ArgumentError(f"{what}: unknown argument {name!r}", hint=hint)


def warn_of_name(
    path: str | os.PathLike[str], weights: bool = False, reason: str = "h5py is not installed"
) -> None:
    """Say that the content is not what Keras would look for under this name."""
    if check_name(path, weights):
        return
    own = "safetensors, not HDF5" if weights else "Lamina's own format"
    warn(
        f"{os.fspath(path)!r} is written as {own}: Lamina reads it, Keras does not "
        f"({reason}); the ending {WEIGHTS if weights else MODEL!r} would say so"
    )
