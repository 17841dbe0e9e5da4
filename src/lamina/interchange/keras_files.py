"""Files of Keras: models in .keras, weights in .weights.h5 and legacy .h5.

    model.keras = zip (stored)
        config.json         layers and their arguments, and what the model was compiled for
        metadata.json       the version of Keras
        model.weights.h5    weights and optimizer state (`keras_paths`)

    legacy .h5   groups by layer, with the attributes layer_names and weight_names

Source: keras/src/saving of Keras 3.15.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina.errors import ArgumentError, FileFormatError
from lamina.interchange import archives, hdf5, keras_configs, keras_paths
from lamina.layers import Layer
from lamina.layers._base.facts import build_shape
from lamina.saving import json_data
from lamina.variables import Variable

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
OPTIMIZER = "optimizer/vars"
VERSION = "3.15.1"
_NOT_WEIGHTS = ("optimizer/", "_optimizer", "optimizer_weights/", "metrics/")
_COMPILED = ("loss", "loss_weights", "metrics", "weighted_metrics", "steps_per_execution")

Arrays = dict[str, np.ndarray]


class Description(NamedTuple):
    """The description of a model in a file, in the form of Lamina's own files, and its arrays."""

    model: dict[str, Any]
    objects: int
    arrays: Arrays
    places: keras_paths.Places
    compiled: dict[str, Any] | None
    build_shape: list[int | None] | None
    layer_shapes: list[list[int | None] | None]

    @property
    def elements(self) -> int:
        """Number of elements of all arrays."""
        return sum(array.size for array in self.arrays.values())

    @property
    def optimizer(self) -> list[np.ndarray]:
        """The variables of the optimizer in their order."""
        names = [name for name in self.arrays if name.startswith(f"{OPTIMIZER}/")]
        return [self.arrays[name] for name in sorted(names, key=_number)]


def _number(path: str) -> int:
    last = path.rpartition("/")[2]
    return int(last) if last.isdecimal() and len(last) < 9 else -1


def is_model(content: bytes) -> bool:
    """True if the content begins like a .keras file, whose first member is JSON of Keras."""
    name = bytes(content[30 : 30 + int.from_bytes(content[26:28], "little")])
    return content[:4] == b"PK\x03\x04" and name.decode("latin-1") in (METADATA, CONFIG)


def is_hdf5(content: bytes) -> bool:
    """True if the content begins like an HDF5 file."""
    return content[:8] == hdf5.MAGIC


# ---- reading -----------------------------------------------------------------------------------
def described(content: bytes) -> Description:
    """The description of a model and its arrays. Raises FileFormatError for a damaged file, for
    code, and for layers with separate files."""
    members = archives.members(content)
    assets = [name for name in members if name not in (CONFIG, METADATA, WEIGHTS)]
    files = [name for name in assets if not name.endswith("/")]
    if files or not {CONFIG, WEIGHTS} <= set(members):
        listed = ", ".join(sorted(files or members)[:5])
        raise FileFormatError(f"holds {listed:.200} (expected {CONFIG} and {WEIGHTS})")
    try:
        written = json_data.from_json(members[CONFIG].read())
        objects = json_data.count_objects(written)
    except ValueError as error:
        raise FileFormatError(f"{CONFIG}: {error}") from error
    if not isinstance(written, dict):
        raise FileFormatError(f"{CONFIG} is not an object")
    arrays, texts = hdf5.read(members[WEIGHTS].read())
    return Description(
        keras_configs.from_keras(written),
        objects,
        arrays,
        keras_paths.places_in(texts),
        compiled_from_keras(written.get("compile_config")),
        _input_shape(written),
        _layer_shapes(written),
    )


def _input_shape(written: Mapping[str, Any]) -> list[int | None] | None:
    """The shape that a Sequential model without an Input, or a layer, was built for."""
    built = written.get("build_config")
    shape = built.get("input_shape") if isinstance(built, dict) else None
    is_shape = isinstance(shape, list) and all(n is None or type(n) is int for n in shape)
    return shape if is_shape else None


def _layer_shapes(written: Mapping[str, Any]) -> list[list[int | None] | None]:
    """The shapes that the layers of a Sequential model were built for."""
    config = written.get("config")
    layers = config.get("layers") if isinstance(config, dict) else None
    if written.get("class_name") != "Sequential" or not isinstance(layers, list):
        return []
    own = [each for each in layers if isinstance(each, dict)]
    return [_input_shape(each) for each in own if each.get("class_name") != "InputLayer"]


def compiled_from_keras(config: Any) -> dict[str, Any] | None:
    """The arguments of `compile`, whose objects are written."""
    if not isinstance(config, dict) or "optimizer" not in config:
        return None
    names = ("optimizer", *_COMPILED)
    return {k: keras_configs.from_keras(config[k]) for k in names if config.get(k) is not None}


def weights_of(model: Layer, content: bytes) -> tuple[dict[str, Variable], Arrays]:
    """The weights of a model by their names in a file, and the arrays of the file."""
    if is_hdf5(content):
        arrays, texts = hdf5.read(content)
        group = "model_weights" if ("model_weights", "layer_names") in texts else ""
        if (group, "layer_names") in texts:
            return _legacy(model, group, arrays, texts)
    else:
        arrays, texts = hdf5.read(_member(content))
    return keras_paths.variables(model, keras_paths.places_in(texts)), only_weights(arrays)


def _member(content: bytes) -> memoryview:
    members = archives.members(content)
    if WEIGHTS not in members:
        raise FileFormatError(f"holds no {WEIGHTS}")
    return members[WEIGHTS].read()


def only_weights(arrays: Arrays) -> Arrays:
    """The arrays without the optimizer's and without the states of random generators."""
    return {
        name: array
        for name, array in arrays.items()
        if not name.startswith(_NOT_WEIGHTS) and "/seed_generator/" not in name
    }


def _legacy(
    model: Any, group: str, arrays: Arrays, texts: hdf5.Texts
) -> tuple[dict[str, Variable], Arrays]:
    """Weights by layer and number, layers in their order, as Keras 1 and 2 do it."""
    stored: list[tuple[str, list[str]]] = []
    for name in texts[group, "layer_names"]:
        place = f"{group}/{name}" if group else name
        own = [f"{place}/{each}" for each in texts.get((place, "weight_names"), [])]
        missing = [path for path in own if path not in arrays]
        if missing:
            raise FileFormatError(f"HDF5: {missing[0]!r:.200} is missing")
        if own:
            stored.append((name, own))
    layers = [layer for layer in model.layers if layer.weights]
    by_name = {layer.name: layer for layer in layers}
    if set(by_name) == {name for name, _ in stored}:
        layers = [by_name[name] for name, _ in stored]
    if len(layers) != len(stored):
        raise FileFormatError(
            f"has {len(stored)} layers with weights (expected {len(layers)}, as the model)"
        )
    variables: dict[str, Variable] = {}
    found: dict[str, np.ndarray] = {}
    for layer, (name, own) in zip(layers, stored, strict=True):
        weights = [*layer.trainable_weights, *layer.non_trainable_weights]
        variables |= {f"{name}/{k}": weight for k, weight in enumerate(weights)}
        found |= {f"{name}/{k}": arrays[path] for k, path in enumerate(own)}
    return variables, found


# ---- writing -----------------------------------------------------------------------------------
def content_of(
    model: Any, written: Mapping[str, Any], compiled: Mapping[str, Any] | None, state: bool
) -> bytes:
    """The content of a .keras file.

    Args:
        model: built model.
        written: its description as files of Lamina have it.
        compiled: its compile arguments, likewise.
        state: with the optimizer's state.

    Raises:
        ArgumentError: for a model that Keras cannot describe.
    """
    config = keras_configs.to_keras(dict(written))
    if "keras" not in str(config.get("module")):
        raise ArgumentError(f"Keras cannot read the class {config.get('class_name')}")
    config["compile_config"] = _compiled_to_keras(compiled) if compiled else {}
    _write_build_shapes(model, config)
    arrays, names = weights_to_keras(model, config)
    if state and compiled and model.optimizer.built:
        optimizer = model.optimizer
        names[OPTIMIZER] = optimizer.name
        arrays |= {f"{OPTIMIZER}/{k}": v.numpy() for k, v in enumerate(optimizer.variables)}
    metadata = {"keras_version": VERSION, "date_saved": "1980-01-01@00:00:00"}
    return archives.stored(
        {
            METADATA: json.dumps(metadata).encode(),
            CONFIG: json.dumps(config).encode(),
            WEIGHTS: hdf5.write(arrays, names),
        }
    )


def _write_build_shapes(model: Any, config: dict[str, Any]) -> None:
    """Note the shapes for which a Sequential model and its layers were built."""
    if config.get("class_name") != "Sequential":
        return
    layers = [e for e in config["config"]["layers"] if e.get("class_name") != "InputLayer"]
    own = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    for written, layer in [(config, model), *zip(layers, own, strict=False)]:
        shape = build_shape(layer)
        if isinstance(shape, tuple) and all(n is None or type(n) is int for n in shape):
            written["build_config"] = {"input_shape": list(shape)}


def weights_to_keras(model: Layer, config: Mapping[str, Any]) -> tuple[Arrays, dict[str, str]]:
    """The arrays of a model by path, and the names of groups, for `hdf5.write`."""
    places = keras_paths.places_of(config["config"])
    found = keras_paths.variables(model, places)
    return {path: v.numpy() for path, v in found.items()}, keras_paths.group_names(model, places)


def weights_content(model: Layer, written: Mapping[str, Any]) -> bytes:
    """The content of a .weights.h5 file.

    Args:
        model: built model.
        written: its description as files of Lamina have it.

    Raises:
        ArgumentError: for layers that Keras cannot describe.
    """
    if not keras_paths.is_network(model):  # a custom class: groups are named by attributes
        return hdf5.write(*weights_to_keras(model, {"config": {}}))
    return hdf5.write(*weights_to_keras(model, keras_configs.to_keras(dict(written))))


def _compiled_to_keras(compiled: Mapping[str, Any]) -> dict[str, Any]:
    return {key: keras_configs.to_keras(_plain(value)) for key, value in compiled.items()}


def _plain(value: Any) -> Any:
    """Losses and metrics without the marks and labels that Lamina's files have."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"is"}:
        inner = value["is"]
        is_labeled = isinstance(inner, dict) and set(inner) == {"label", "metric"}
        return (
            (inner["metric"] or inner["label"]) if is_labeled else inner
        )  # "accuracy" by its name
    if "class_name" in value:
        return value
    return {key: _plain(each) for key, each in value.items()}
