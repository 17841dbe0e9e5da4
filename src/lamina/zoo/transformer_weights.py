"""Weights of transformers: from PyTorch's names and layouts to those of Lamina's blocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Arrays = dict[str, np.ndarray]
NAMES = {"weight": "kernel", "bias": "bias"}


def dense(arrays: Arrays, module: str, layer: str, transpose: bool = True) -> Arrays:
    """Return kernel and bias of a Dense layer.

    Args:
        arrays: arrays of the file by name.
        module: name in the file.
        layer: name of the layer.
        transpose: the file has (out, in), as Linear; False for (in, out), as Conv1D of GPT-2.
    """
    weight = arrays[f"{module}.weight"]
    kernel = weight.T if transpose else weight
    return {f"{layer}/kernel": kernel, f"{layer}/bias": arrays[f"{module}.bias"]}


def norm(arrays: Arrays, module: str, layer: str) -> Arrays:
    """Return scale and shift of a LayerNormalization; older files call them gamma and beta.

    Args:
        arrays: arrays of the file by name.
        module: name in the file.
        layer: name of the layer.
    """
    old = f"{module}.gamma" in arrays
    scale, shift = ("gamma", "beta") if old else ("weight", "bias")
    return {
        f"{layer}/gamma": arrays[f"{module}.{scale}"],
        f"{layer}/beta": arrays[f"{module}.{shift}"],
    }


def thirds(kernel: np.ndarray, bias: np.ndarray, layer: str) -> Arrays:
    """Return query, key and value of attention that one matrix holds.

    Args:
        kernel: (in, 3 * out).
        bias: (3 * out,).
        layer: name of the attention layer.
    """
    kinds = ("query", "key", "value")
    kernels, biases = np.split(kernel, 3, axis=1), np.split(bias, 3)
    found = {f"{layer}/{kind}/kernel": k for kind, k in zip(kinds, kernels, strict=True)}
    return {**found, **{f"{layer}/{kind}/bias": b for kind, b in zip(kinds, biases, strict=True)}}


def without_prefix(arrays: Arrays, prefix: str) -> Arrays:
    """Return arrays without the name of the module that holds all of them, if there is one.

    Args:
        arrays: arrays of the file by name.
        prefix: name that may be in front, with its dot.
    """
    if not any(name.startswith(prefix) for name in arrays):
        return arrays
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def count_of(arrays: Mapping[str, np.ndarray], start: str) -> int:
    """Return the number of blocks, whose names are `start` and a number.

    Args:
        arrays: arrays of the file by name.
        start: beginning of the names, with its dot.
    """
    numbers = {k.removeprefix(start).split(".")[0] for k in arrays if k.startswith(start)}
    return len(numbers)
