"""Fingerprints: what the steps of a training depend on besides its state, as short texts.

A training continues exactly only with the model, optimizer, data and arguments that it began with.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from lamina.configuration import serialize
from lamina.data.arrays import Array
from lamina.errors import LaminaError, StateError
from lamina.layers import Layer
from lamina.layers._base.saved_names import saved_weights
from lamina.saving import states
from lamina.training.options import FitOptions
from lamina.training.protocol import Trainable

BLOCK = 1 << 20  # bytes; of a larger array SAMPLED blocks are read
SAMPLED = 64
# arguments of `fit` on which the weights depend; another number of epochs may be asked for
SETTINGS = ("batch_size", "shuffle", "class_weight", "validation_split", "steps_per_epoch")
OF_MODEL = ("model", "optimizer")  # fingerprints of what a model file holds


def fingerprints(
    model: Trainable, options: FitOptions, arrays: Sequence[Array]
) -> dict[str, object]:
    """Return what the steps of a training depend on besides its state, each by its name: digests of
    model, optimizer and data, and arguments of `fit`. `arrays` is empty for batches that come from
    an iterable."""
    given = vars(options)
    found: dict[str, object] = {name: _plain(given[name]) for name in SETTINGS}
    found["sample_weight"] = None if options.sample_weight is None else "given"
    found.update(of_model(model.layers[0]))
    found["weights"] = of_weights(model.layers[0]) if model.built else None
    found["data"] = [_fingerprint(array) for array in arrays] or None
    return found


def of_model(model: Layer) -> dict[str, object]:
    """The fingerprints of a compiled model and its optimizer."""
    optimizer = model.optimizer  # type: ignore[attr-defined]
    return {"model": _described(model), "optimizer": states.digest(_config(optimizer))}


def of_weights(model: Layer) -> str:
    """The fingerprint of the names and shapes of a built model's weights."""
    return states.digest({name: v.shape for name, v in saved_weights(model).items()})


def _described(model: Layer) -> str | None:
    try:
        return states.digest(serialize(model))
    except LaminaError:  # code of the user's own: its weights are compared
        return None


def _config(optimizer: object) -> object:
    config = dict(optimizer.get_config())  # type: ignore[attr-defined]
    if isinstance(config.get("learning_rate"), float):
        config.pop("learning_rate")  # callbacks change it, and the state holds it
    return [type(optimizer).__name__, config]


def _plain(value: object) -> object:
    return {str(k): float(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _fingerprint(array: Array) -> str:
    """Return dtype, shape and a checksum; of large arrays, a checksum of evenly spaced parts."""
    flat = np.ascontiguousarray(array) if array.nbytes <= BLOCK * SAMPLED else array
    kind = f"{array.dtype}{list(array.shape)}"
    if array.dtype.hasobject:
        return kind
    checksum = 0
    for part in _parts(flat):
        checksum = zlib.crc32(np.ascontiguousarray(part).data.cast("B"), checksum)
    return f"{kind} {checksum:08x}"


def _parts(array: Array) -> Iterator[Array]:
    if array.nbytes <= BLOCK * SAMPLED or not array.ndim:
        yield array
        return
    rows = max(1, BLOCK * len(array) // array.nbytes)
    for begin in np.linspace(0, len(array) - rows, SAMPLED).astype(int):
        yield array[begin : begin + rows]


def compare(folder: Path, made: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Raise StateError, with the difference, if a run was made with something else."""
    for name, value in now.items():
        before = made.get(name)
        if before == value or (name in ("model", "weights", "data") and None in (before, value)):
            continue
        if name in ("model", "optimizer"):
            shown = f"another {name}"
        elif name == "weights":
            shown = "a model of other weights"
        elif name == "data":
            shown = f"other data ({before} then, {value} now)"
        else:
            shown = f"{name}={before!r}, and {name}={value!r} was given"
        raise StateError(
            f"fit: the run in {str(folder)!r} was made with {shown}",
            hint="continue it with what it began with, or begin another run in another folder",
        )
