"""Every class that a model file may name, made with each argument hostile once.

    python tests/hostile_classes.py paths FOLDER         paths and names of functions
    python tests/hostile_classes.py numbers FOLDER       10^9
    python tests/hostile_classes.py values FOLDER        everything of VALUES

A layer is tested with inputs that it accepts, so that its call is reached as well.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hostile
import lamina as lm
from lamina import configuration

PATHS = ["/canary.txt", {"class_name": "os.system", "config": "/canary.txt"}]
VALUES = {
    "10^9": 10**9,
    "2^63": 2**63,
    "-1": -1,
    "1e308": 1e308,
    "a string of 1 MB": "x" * 1_000_000,
    "10,000 numbers": [[1.0] * 100 for _ in range(100)],
    "two of 10^5": [10**5, 10**5],
}
SHAPES = [(4,), (6, 4), (8, 8, 4), (4, 4, 4, 2), (3, 8, 8, 4), (3, 4, 4, 4, 2)]


def written(module: str, class_name: str, **config: Any) -> dict[str, Any]:
    return {"module": f"lamina.{module}", "class_name": class_name, "config": config}


ARGUMENTS: dict[str, Any] = {
    "rate": 0.5,
    "factor": 0.5,
    "stddev": 0.5,
    "reduction": "sum",
    "groups": 1,
    "width_factor": 0.5,
    "height_factor": 0.5,
    "recall": 0.5,
    "precision": 0.5,
    "specificity": 0.5,
    "sensitivity": 0.5,
    "activation": "relu",
    "use_scale": True,
    "cell": written("layers", "SimpleRNNCell", units=2),
    "cells": [written("layers", "SimpleRNNCell", units=2)],
    "layer": written("layers", "Dense", units=2),
    "equation": "ab,bc->ac",
    "name": "x",
    "dtype": "float32",
    "thresholds": [0.5],
    "target_class_ids": [0],
    "boundaries": [1, 2],
    "values": [0.1, 0.2, 0.3],
    "after": 0.1,
}
OF_A_CLASS: dict[str, dict[str, Any]] = {
    "Permute": {"dims": [1]},
    "Reshape": {"target_shape": [2, 2]},
    "EinsumDense": {"output_shape": 3},
    "Dot": {"axes": 1},
    "Bidirectional": {"layer": written("layers", "SimpleRNN", units=2)},
    "PixelShuffle": {"block_size": 2},
    "Normalization": {"mean": 0.0, "variance": 1.0},
    "StringLookup": {"vocabulary": ["a", "b"]},
    "IntegerLookup": {"vocabulary": [1, 2]},
    "TextVectorization": {"vocabulary": ["a", "b"]},
    "Discretization": {"bin_boundaries": [0.0, 1.0]},
    "GroupNormalization": {"groups": 1},
    "InputLayer": {"batch_shape": [None, 4]},
    "IoU": {"num_classes": 2},
}


# ---- files ------------------------------------------------------------------------------------
def good_file(folder: Path) -> bytes:
    """A small model with everything that a file may hold."""
    layers = [lm.Input((4,)), lm.layers.Dense(5, "relu"), lm.layers.Dense(3)]
    model = lm.Sequential(layers)
    model.compile("adam", "mse", metrics=["mae"])
    model.save(folder / "small.lamina")
    return (folder / "small.lamina").read_bytes()


def classes() -> Iterator[tuple[str, type]]:
    """The classes of Lamina that a file may name, with their family."""
    hostile.load_everything()
    for (family, name), references in configuration._CLASSES.items():
        for cls in filter(None, (reference() for reference in references)):
            if cls.__module__.startswith("lamina.") and not name.startswith("custom>"):
                yield family, cls


def parameters(cls: type) -> list[inspect.Parameter]:
    """The parameters of the constructor that a file may set, those of base classes included."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" in vars(base):
            own = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
            found = {p.name: p for p in own} | found
            if not any(p.kind is p.VAR_KEYWORD for p in own):
                break
    return [p for p in found.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def needed(cls: type) -> dict[str, Any]:
    """The arguments without which the class cannot be made."""
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    single = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    missing = [p.name for p in own if p.default is p.empty and p.kind in single]
    given = OF_A_CLASS.get(cls.__name__, {})
    return {name: ARGUMENTS.get(name, 2) for name in missing} | given


def placed(model: Any, family: str, part: Any) -> None:
    """Put a written object that is not a layer into a model, where its family belongs."""
    layers, compiled = model["model"]["config"]["layers"], model["compile"]
    if family == "lamina.losses":
        compiled["loss"] = {"is": part}
    elif family == "lamina.metrics":
        compiled["metrics"] = [{"is": {"label": "m", "metric": part}}]
    elif family == "lamina.schedules":
        compiled["optimizer"]["config"]["learning_rate"] = part
    elif family == "lamina.optimizers":
        compiled["optimizer"] = part
    else:
        key = {"lamina.constraints": "kernel_constraint", "lamina.regularizers": "bias_regularizer"}
        layers[1]["config"][key.get(family, "kernel_initializer")] = part


Placement = Callable[[Any, Any], None]  # of a written layer, in a model


@dataclass(frozen=True)
class Called:
    """The layer, called with these arguments, is the whole model."""

    shape: tuple[Any, ...]
    dtype: str
    args: Any

    def __call__(self, model: Any, part: Any) -> None:
        inputs = written("layers", "InputLayer", batch_shape=[None, *self.shape], dtype=self.dtype)
        calls = [{"layer": 0, "args": []}, {"layer": 1, "args": self.args}]
        ends = {"inputs": X, "outputs": {"from": [1, 0]}}
        calls = [{**call, "kwargs": {}} for call in calls]
        model["model"] = written("layers", "Model", layers=[inputs, part], calls=calls, **ends)


def first(model: Any, part: Any) -> None:
    """The layer is in front of what is compiled."""
    model["model"]["config"]["layers"].insert(0, part)


def in_a_network(model: Any, part: Any) -> None:
    """The layer is the cell of a recurrent network."""
    Called((6, 4), "float32", [X])(model, written("layers", "RNN", cell=part))


X = {"from": [0, 0]}
PLACEMENTS = [
    *(Called(shape, dtype, args)
      for args in ([X], [[X, X]], [X, X], [X, [X]])
      for dtype in ("float32", "int32")
      for shape in SHAPES),
    first,
    in_a_network,
]  # fmt: skip


def file_with(content: bytes, family: str, cls: type, config: Any, place: Placement) -> bytes:
    part = {"module": family, "class_name": cls.__name__, "config": config}
    if family == "lamina.layers":
        return hostile.rewritten(content, lambda model: place(model, part))
    return hostile.rewritten(content, lambda model: placed(model, family, part))


def accepted(content: bytes, cls: type, path: Path) -> Placement | None:
    """Return inputs that the layer can be called on."""
    for place in PLACEMENTS:
        path.write_bytes(file_with(content, "lamina.layers", cls, needed(cls), place))
        try:
            lm.load_model(path)
        except lm.errors.LaminaError as error:
            if "belongs to another model" not in str(error):  # the last thing to go wrong
                continue
        return place
    return None


def files(folder: Path, values: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """A file for each class, argument and value, and for each axis of a layer's input."""
    content = good_file(folder)
    for family, cls in list(classes()):
        place = None
        if family == "lamina.layers":
            place = accepted(content, cls, folder / "good.lamina")
        for parameter in parameters(cls):
            for name, value in values.items():
                config = {**needed(cls), parameter.name: value}
                case = f"{cls.__name__} {parameter.name}: {name}"
                yield case, file_with(content, family, cls, config, place or PLACEMENTS[0])
        for axis in range(len(place.shape)) if isinstance(place, Called) else ():
            shape = (*place.shape[:axis], 10**9, *place.shape[axis + 1 :])
            larger = replace(place, shape=shape)
            yield f"{cls.__name__} {shape}", file_with(content, family, cls, needed(cls), larger)


# ---- reading ----------------------------------------------------------------------------------
def main(kind: str, folder: Path) -> None:
    values = {
        "paths": {str(path): path for path in PATHS},
        "numbers": {"10^9": 10**9},
        "values": VALUES,
    }[kind]
    count, slowest, largest = 0, 0.0, 0.0
    path = str(folder / "evil.lamina")
    for name, result in hostile.results(files(folder, values), lm.load_model, path, BATCH):
        count += 1
        slowest, largest = max(slowest, result.seconds), max(largest, result.peak)
        is_clear = result.outcome in ("read", "refused") and "MemoryError" not in result.message
        if not is_clear or result.seconds >= 1 or result.peak >= 200 or result.events:
            print(name, result, flush=True)
    print(f"{count} files, at most {slowest:.2f} s and {largest:.0f} MB")


BATCH = 50  # files for each process


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
