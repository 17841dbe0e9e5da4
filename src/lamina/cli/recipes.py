"""Recipes: a training described in a TOML file, without code.

    [data]
    name = "mnist"                  # or images = "folder", or csv = "file.csv", target = "column"
    scale = 255.0                   # inputs are divided by it

    [[layers]]
    type = "Flatten"
    [[layers]]
    type = "Dense"
    units = 64
    activation = "relu"

    [compile]
    optimizer = {type = "Adam", learning_rate = 0.001}
    loss = "sparse_categorical_crossentropy"
    metrics = ["accuracy"]

    [fit]
    epochs = 5
    batch_size = 32
    validation_split = 0.1
    seed = 0

    [space]                         # for `lamina tune`: values for "$units" in the sections above
    units = [32, 64, 128]
    rate = {low = 1e-4, high = 1e-1, log = true}

    [tune]
    method = "halving"
    epochs = 9

Paths of data are relative to the folder in which `lamina` is called.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lamina import datasets, layers, optimizers, tune
from lamina.data import image_dataset_from_directory
from lamina.errors import ArgumentError, FileFormatError, unknown_name
from lamina.files import checked_name, read_text
from lamina.models import Model, Sequential

SECTIONS = ("data", "layers", "compile", "fit", "space", "tune")
FIT = (
    *("epochs", "batch_size", "validation_split", "shuffle", "class_weight", "initial_epoch"),
    *("steps_per_epoch", "validation_batch_size", "validation_freq", "seed"),
)
NAMED = ("mnist", "fashion_mnist", "digits", "cifar10", "cifar100")


class Recipe:
    """A recipe that was read and checked."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(checked_name(path))
        try:
            self.content: dict[str, Any] = tomllib.loads(read_text(self.path))
        except tomllib.TOMLDecodeError as error:
            raise FileFormatError(f"{self.path}: is not TOML: {error}") from error
        for name in self.content:
            if name not in SECTIONS:
                raise unknown_name(f"section of {self.path}", name, SECTIONS)
        for name in ("data", "layers", "compile"):
            if name not in self.content:
                raise self._wrong(f"section [{name}] is missing")
        self.fit = dict(self.content.get("fit", {}))
        for name in self.fit:
            if name not in FIT:
                raise unknown_name(f"argument in [fit] of {self.path}", name, FIT)

    def _wrong(self, text: str) -> ArgumentError:
        return ArgumentError(f"{self.path}: {text}", hint="`lamina train --help` shows a recipe")

    # ---- data ----------------------------------------------------------------------------------
    def data(self, part: str = "train") -> tuple[Any, Any]:
        """Inputs and targets for training or testing ("test"); images of a folder are batches."""
        given = dict(self.content["data"])
        scale = float(given.pop("scale", 1.0))
        if "name" in given:
            name = given["name"]
            if name not in NAMED:
                raise unknown_name(f"data set in {self.path}", name, NAMED)
            training, test = getattr(datasets, name).load_data()
            x, y = training if part == "train" else test
            return np.asarray(x, np.float32) / scale, np.asarray(y)
        if "csv" in given:
            path = given.get("test", given["csv"]) if part == "test" else given["csv"]
            return table(Path(str(path)), given.get("target"), scale)
        if "images" in given:
            path = str(given.get("test", given["images"]) if part == "test" else given["images"])
            size = tuple(given.get("size", (64, 64)))
            batch = int(self.fit.get("batch_size", 32))
            found = image_dataset_from_directory(path, image_size=size, batch_size=batch)
            return found.map(lambda x, y: (np.asarray(x, np.float32) / scale, y)), None
        raise self._wrong("[data]: expected name, csv or images")

    # ---- the model -----------------------------------------------------------------------------
    def model(self, values: Mapping[str, Any] | None = None) -> Model:
        """The compiled model; "$name" stands for a value of the space."""
        content = _filled(self.content, values or {})
        made = [self._made(layers, each) for each in content["layers"]]
        network = Sequential(made)
        arguments = dict(content["compile"])
        if isinstance(arguments.get("optimizer"), dict):
            arguments["optimizer"] = self._made(optimizers, arguments["optimizer"])
        network.compile(**arguments)
        return network

    def _made(self, namespace: Any, described: Any) -> Any:
        if not isinstance(described, dict) or "type" not in described:
            raise self._wrong(f"expected a table with type = ..., got {described!r}")
        name = described["type"]
        if name not in namespace.__all__:
            raise unknown_name(f"type in {self.path}", name, namespace.__all__)
        arguments = {key: value for key, value in described.items() if key != "type"}
        return getattr(namespace, name)(**arguments)

    def space(self) -> dict[str, Any]:
        """The hyperparameters of [space]."""
        given = self.content.get("space")
        if not given:
            raise self._wrong("section [space] is missing")
        return {name: _parameter(value) for name, value in given.items()}


def _parameter(value: Any) -> Any:
    if isinstance(value, dict):
        kind = tune.loguniform if value.get("log") else tune.uniform
        return kind(float(value["low"]), float(value["high"]))
    return value


def _filled(content: Any, values: Mapping[str, Any]) -> Any:
    """The content with "$name" replaced by values."""
    if isinstance(content, dict):
        return {name: _filled(value, values) for name, value in content.items()}
    if isinstance(content, list):
        return [_filled(value, values) for value in content]
    if isinstance(content, str) and content.startswith("$"):
        name = content[1:]
        if name not in values:
            raise ArgumentError(f"recipe: {content} has no value (expected a name of [space])")
        return values[name]
    return content


def table(path: Path, target: str | None, scale: float = 1.0) -> tuple[np.ndarray, Any]:
    """The numbers of a CSV file with a header, and the column of targets: numbers, or labels
    numbered in alphabetical order.

    Raises:
        FileFormatError: for a file that is not such a table.
    """
    import csv

    rows = list(csv.reader(read_text(path).splitlines()))
    if len(rows) < 2:
        raise FileFormatError(f"{path}: holds no rows (expected a header and numbers)")
    names, body = rows[0], [row for row in rows[1:] if row]
    if any(len(row) != len(names) for row in body):
        raise FileFormatError(f"{path}: not all rows have {len(names)} values")
    if target is not None and target not in names:
        raise FileFormatError(f"{path}: has no column {target!r} (it has {', '.join(names)})")
    columns = {name: [row[k] for row in body] for k, name in enumerate(names)}
    labels = columns.pop(target) if target is not None else None
    try:
        x = np.array(list(columns.values()), np.float32).T / scale
    except ValueError as error:
        raise FileFormatError(f"{path}: a value is not a number: {error}") from error
    return x, None if labels is None else _targets(labels)


def _targets(labels: list[str]) -> np.ndarray:
    try:
        numbers = np.array(labels, np.float64)
    except ValueError:
        return np.unique(labels, return_inverse=True)[1]
    whole = np.all(numbers == np.round(numbers)) and numbers.min() >= 0
    return numbers.astype(np.int64 if whole else np.float32)
