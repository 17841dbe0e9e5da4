"""Weights of PyTorch's layouts into the layers of a model, with a report of names."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import ShapeError, UnknownNameError
from lamina.interchange.layouts import RULES, Arrays, channels_last, modules_of
from lamina.interchange.reading import read
from lamina.layers import Layer
from lamina.layers._base.facts import layers_before, need_weights, output_shape
from lamina.layers._base.saved_names import saved_weights
from lamina.variables import Variable


@dataclass(frozen=True)
class Report:
    """Which layers received weights.

    Args:
        matched: pairs of a layer and a module of the file.
        missing: layers for which the file has no module.
        unexpected: modules and arrays of the file that no layer received.

    Example:
        >>> import lamina as lm
        >>> lm.interchange.Report([("dense", "fc")], ["dense_1"], []).missing
        ['dense_1']
    """

    matched: list[tuple[str, str]]
    missing: list[str]
    unexpected: list[str]


@dataclass(frozen=True)
class Unit:
    """A layer that one module of PyTorch corresponds to; `flattened` is the shape that a Flatten
    before it has made one axis of."""

    name: str
    layer: Layer
    flattened: tuple[int | None, ...] | None = None


def load(
    model: Layer,
    path: str | os.PathLike[str],
    mapping: Mapping[str, str] | None = None,
    prefix: str = "",
    skip_mismatch: bool = False,
) -> Report:
    """Read weights of PyTorch's layouts into a built model, and report the names.

    Layers and modules are matched by `mapping`, else by their names if all are equal
    ("block/dense" and "block.dense"), else by their order. Kernels are transposed, gates of
    recurrent layers reordered, and biases added where Lamina has one. The layers of a module of
    several recurrent layers are called "lstm.l0", "lstm.l0_reverse", "lstm.l1". The rows of a Dense
    layer after a Flatten are reordered, since PyTorch flattens channels first; not after a Permute
    or Reshape. Nothing is changed if something does not fit.

    Args:
        model: built model.
        path: path of a file or folder that `read` reads.
        mapping: names of layers, and the module of the file for each; layers that it lacks stay as
            they are.
        prefix: only arrays whose names begin so are read, without it.
        skip_mismatch: load the layers whose shapes match, and leave the others; by default a
            difference in number or shape raises ShapeError.

    Raises:
        ShapeError: layers and modules do not correspond; the message lists both.
        UnknownNameError: the mapping names a layer or module that is not there.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> import tempfile
        >>> model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(4, name="dense")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/w.npz", **{"fc.weight": np.ones((4, 3)), "fc.bias": np.ones(4)})
        ...     lm.interchange.load(model, f"{folder}/w.npz").matched
        [('dense', 'fc')]
    """
    need_weights(model, "interchange.load")
    arrays = {k.removeprefix(prefix): v for k, v in read(path).items() if k.startswith(prefix)}
    return assign(model, arrays, mapping, os.fspath(path), skip_mismatch)


def assign(
    model: Layer,
    arrays: Arrays,
    mapping: Mapping[str, str] | None,
    where: str,
    skip_mismatch: bool = False,
    flattened: Mapping[str, tuple[Any, ...]] | None = None,
) -> Report:
    """Assign arrays of PyTorch's layouts to the weights of a model, as `load` does.

    Args:
        model: built model.
        arrays: arrays by name.
        mapping: names of layers, and the module for each; None matches them.
        where: path of the file, for messages.
        skip_mismatch: load the layers whose shapes match, and leave the others.
        flattened: names of Dense layers of functional models behind a Flatten, and the shapes that
            it makes one axis of.
    """
    modules = modules_of(arrays)
    shapes = flattened or {}
    units = {
        unit.name: Unit(unit.name, unit.layer, shapes.get(unit.name, unit.flattened))
        for unit in _units(model, "", None)
    }
    pairs = _pairs(units, modules, mapping, skip_mismatch, where)
    assigned: list[tuple[Variable, np.ndarray]] = []
    matched, rest = [], []
    for name, module in pairs:
        left = dict(modules[module])
        problem, values = converted(units[name], left)
        if problem and not skip_mismatch:
            raise ShapeError(
                f"{where}: {module!r} does not fit the layer {name!r}: {problem}",
                hint="make the layer with the sizes of the file, or pass mapping={layer: module}",
            )
        if not problem:
            assigned += values
            matched.append((name, module))
            rest += [f"{module}.{each}" for each in left]
    for variable, value in assigned:
        variable.assign(value)
    used = {module for _, module in matched}
    taken = {name for name, _ in matched}
    return Report(
        matched,
        [name for name in units if name not in taken],
        [each for name in modules if name not in used for each in ([name] if name else modules[""])]
        + rest,
    )


def layers_of(model: Layer) -> list[str]:
    """Return the names of the layers to which arrays of PyTorch can be assigned, in the order of
    the model.

    Args:
        model: built model.
    """
    return [unit.name for unit in _units(model, "", None) if type(unit.layer).__name__ in RULES]


def _units(layer: Any, path: str, flattened: Any) -> Iterator[Unit]:
    """The layers with weights, in the order of the model."""
    kind = type(layer).__name__
    name = path or layer.name
    inside = _PARTS.get(kind)
    if kind in RULES or not (inside or hasattr(layer, "layers")):
        if layer.weights:
            yield Unit(name, layer, flattened)
        return
    for each in inside(layer) if inside else layer.layers:
        behind = None if inside else _flattened_before(each, layer)
        yield from _units(each, f"{path}/{each.name}" if path else each.name, behind)


_PARTS: dict[str, Callable[[Any], list[Layer]]] = {
    "Bidirectional": lambda layer: [layer.forward_layer, layer.backward_layer],
    "TimeDistributed": lambda layer: [layer.layer],
    "TransformerEncoder": lambda layer: [
        layer.self_attention,
        layer.feedforward_in,
        layer.feedforward_out,
        layer.self_attention_norm,
        layer.feedforward_norm,
    ],
}
"""The parts of a layer in the order of PyTorch's."""


def _flattened_before(layer: Layer, model: Any) -> tuple[int | None, ...] | None:
    """The shape that a Flatten before a Dense layer had, if only layers without weights are between
    them. After a Permute or Reshape the order is the user's."""
    if type(layer).__name__ != "Dense":
        return None
    before = _before(layer, model)
    while before is not None and not before.weights and type(before).__name__ != "Flatten":
        before = _before(before, model)
    if type(before).__name__ != "Flatten":
        return None
    source = _before(before, model)
    shape: Any = getattr(before, "input_shape", None) if source is None else output_shape(source)
    is_image = isinstance(shape, tuple) and len(shape) > 2
    is_arranged = type(source).__name__ in ("Permute", "Reshape")
    return shape[1:] if is_image and not is_arranged else None


def _before(layer: Any, model: Any) -> Any:
    """The one layer whose output a layer reads; None if it reads several, or an input."""
    if type(model).__name__ == "Sequential":
        place = next(k for k, each in enumerate(model.layers) if each is layer)
        return model.layers[place - 1] if place else None
    found = layers_before(layer)
    return found[0] if len(found) == 1 else None


def _pairs(
    units: Mapping[str, Unit],
    modules: Mapping[str, Arrays],
    mapping: Mapping[str, str] | None,
    skip_mismatch: bool,
    where: str,
) -> list[tuple[str, str]]:
    if mapping is not None:
        for name, module in mapping.items():
            if name not in units or module not in modules:
                kind, known = ("layer", units) if name not in units else ("module", modules)
                raise UnknownNameError(
                    f"{where}: unknown {kind} {name if kind == 'layer' else module!r}",
                    hint=f"known: {', '.join(list(known)[:40])}",
                )
        return list(mapping.items())
    same = {name: name.replace("/", ".") for name in units}
    if set(same.values()) <= set(modules):
        return list(same.items())
    if len(units) != len(modules) and not skip_mismatch:
        raise ShapeError(
            f"{where}: {len(modules)} modules for {len(units)} layers:\n"
            f"  modules: {', '.join(list(modules)[:40])}\n  layers: {', '.join(list(units)[:40])}",
            hint="pass mapping={layer: module}, or make the model with the same layers",
        )
    return list(zip(units, modules, strict=False))


def converted(unit: Unit, found: Arrays) -> tuple[str, list[tuple[Variable, np.ndarray]]]:
    """The problem, if one does not fit, and the values of the layer's weights; arrays that are used
    are taken out of `found`."""
    kind = type(unit.layer).__name__
    if kind not in RULES:
        return f"no layout is known for {kind}", []
    own = _own_names(unit.layer)
    listed = ", ".join(f"{name} {array.shape}" for name, array in found.items())
    try:
        values = RULES[kind](found)
    except (KeyError, ValueError) as error:
        return f"{kind} from {listed} ({type(error).__name__}: {error})", []
    flattened = unit.flattened
    rows = math.prod(n or 0 for n in flattened) if flattened is not None else 0
    if kind == "Dense" and flattened is not None and rows == len(values["kernel"]):
        values["kernel"] = channels_last(values["kernel"], flattened)
    if set(values) != set(own):
        return f"{kind} with {', '.join(own)} from {listed}", []
    for name, variable in own.items():
        if _is_reshaped(kind, values[name], variable):
            values[name] = values[name].reshape(variable.shape)
        if values[name].shape != tuple(variable.shape):
            return f"{name} {values[name].shape} (expected {tuple(variable.shape)})", []
    return "", [(own[name], np.ascontiguousarray(values[name])) for name in own]


def _own_names(layer: Layer) -> dict[str, Variable]:
    """The weights of a layer by the last part of their names, or by the whole of it if several have
    the same last part."""
    found = saved_weights(layer)
    lasts = [name.rpartition("/")[2] for name in found]
    is_unique = len(set(lasts)) == len(lasts)
    return dict(zip(lasts, found.values(), strict=True)) if is_unique else found


def _is_reshaped(kind: str, value: np.ndarray, variable: Variable) -> bool:
    """True for slopes that several axes share, several filters a channel, heads, and a Linear in
    place of a convolution of 1 x 1."""
    shape = tuple(variable.shape)
    if kind == "Conv2D" and value.ndim == 2:
        return shape == (1, 1, *value.shape)
    is_shared = kind == "PReLU" and max(shape, default=1) == value.size
    is_split = kind == "MultiHeadAttention" or kind.startswith("Depthwise")
    return value.size == math.prod(shape) and (is_shared or is_split)
