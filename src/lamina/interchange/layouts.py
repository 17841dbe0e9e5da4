"""The layouts of PyTorch's weights, and those of Lamina's layers: one row a kind of layer.

    PyTorch                          Lamina
    Linear (out, in)                 kernel (in, out)
    Conv (out, in, *window)          kernel (*window, in, out); transposed (*window, out, in)
    LSTM i f g o, two biases         i f c o, one bias: their sum
    GRU r z n, two biases            z r h, bias (2, 3 units); only with reset_after
    BatchNorm weight, bias, running_mean, running_var      gamma, beta, moving_mean, moving_variance
    MultiheadAttention in_proj (3 E, E), out_proj          query, key, value (E, heads, features),
                                                           attention_output (heads, features, E)

Source: documentation of torch.nn, PyTorch 2.13.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Rule = Callable[[Arrays], Arrays]
"""From the arrays of a module by name to the weights of a layer by name."""

_RECURRENT = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?")
_IGNORED = ("num_batches_tracked",)


def _renamed(**names: str) -> Rule:
    return lambda found: {own: found.pop(name) for own, name in names.items() if name in found}


def _flat(**names: str) -> Rule:
    return lambda found: {own: found.pop(name).reshape(-1) for own, name in names.items()}


def _dense(found: Arrays) -> Arrays:
    return {"kernel": found.pop("weight").T, **_BIAS(found)}


def _convolution(found: Arrays) -> Arrays:
    return {"kernel": np.moveaxis(found.pop("weight"), (0, 1), (-1, -2)), **_BIAS(found)}


def _depthwise(found: Arrays) -> Arrays:
    kernel = np.moveaxis(found.pop("weight"), (0, 1), (-2, -1))
    return {"kernel": kernel, **_BIAS(found)}


def _transposed(found: Arrays) -> Arrays:
    return {"kernel": np.moveaxis(found.pop("weight"), (0, 1), (-1, -2)), **_BIAS(found)}


def _kernels(found: Arrays, order: tuple[int, ...]) -> Arrays:
    """The two kernels of a recurrent layer, whose gates are in another order."""
    return {
        "kernel": _gates(found.pop("weight_ih"), order).T,
        "recurrent_kernel": _gates(found.pop("weight_hh"), order).T,
    }


def _gates(array: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    parts = np.split(array, len(order))
    return np.concatenate([parts[k] for k in order])


def _summed_biases(order: tuple[int, ...]) -> Rule:
    def rule(found: Arrays) -> Arrays:
        kernels = _kernels(found, order)
        if "bias_ih" not in found:
            return kernels
        return {**kernels, "bias": found.pop("bias_ih") + found.pop("bias_hh")}

    return rule


def _gru(found: Arrays) -> Arrays:
    order = (1, 0, 2)
    kernels = _kernels(found, order)
    if "bias_ih" not in found:
        return kernels
    biases = [_gates(found.pop(name), order) for name in ("bias_ih", "bias_hh")]
    return {**kernels, "bias": np.stack(biases)}


def _attention(found: Arrays) -> Arrays:
    """The projections of query, key and value, one below the other in one array, or three; the
    heads of the layer are one axis still."""
    names = ("query", "key", "value")
    if "in_proj_weight" in found:
        kernels = np.split(found.pop("in_proj_weight"), 3)
    else:
        kernels = [found.pop(f"{name[0]}_proj_weight") for name in names]
    values = {f"{name}/kernel": k.T for name, k in zip(names, kernels, strict=True)}
    if "in_proj_bias" in found:
        biases = np.split(found.pop("in_proj_bias"), 3)
        values |= {f"{name}/bias": b for name, b in zip(names, biases, strict=True)}
    values["attention_output/kernel"] = found.pop("out_proj.weight").T
    if "out_proj.bias" in found:
        values["attention_output/bias"] = found.pop("out_proj.bias")
    return values


_BIAS = _renamed(bias="bias")
_SCALE = _renamed(gamma="weight", beta="bias")
RULES: dict[str, Rule] = {
    "Dense": _dense,
    **dict.fromkeys(("Conv1D", "Conv2D", "Conv3D"), _convolution),
    **dict.fromkeys(("DepthwiseConv1D", "DepthwiseConv2D"), _depthwise),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"), _transposed),
    "Embedding": _renamed(embeddings="weight"),
    "BatchNormalization": _renamed(
        gamma="weight", beta="bias", moving_mean="running_mean", moving_variance="running_var"
    ),
    **dict.fromkeys(("LayerNormalization", "GroupNormalization"), _SCALE),
    "RMSNormalization": _renamed(scale="weight"),
    "PReLU": _renamed(alpha="weight"),
    "LayerScale": _flat(gamma="layer_scale"),
    **dict.fromkeys(("SimpleRNN", "SimpleRNNCell"), _summed_biases((0,))),
    **dict.fromkeys(("LSTM", "LSTMCell"), _summed_biases((0, 1, 2, 3))),
    **dict.fromkeys(("GRU", "GRUCell"), _gru),
    "MultiHeadAttention": _attention,
}


def modules_of(arrays: Arrays) -> dict[str, Arrays]:
    """The arrays of each module, in the order of the file: "encoder.0" has "weight" and "bias". The
    layers and directions of a recurrent module are separate modules, "lstm.l0"; "out_proj" is a
    part of its attention."""
    found: dict[str, Arrays] = {}
    for name, array in arrays.items():
        module, _, last = name.rpartition(".")
        recurrent = _RECURRENT.fullmatch(last)
        if recurrent:
            kind, gate, layer, direction = recurrent.groups()
            last = f"{kind}_{gate}"
            module = f"{module}.l{layer}{direction or ''}".removeprefix(".")
        if last not in _IGNORED:
            found.setdefault(module, {})[last] = array
    for module in [name for name in found if name.rpartition(".")[2] == "out_proj"]:
        attention = module.rpartition(".")[0]
        if {"in_proj_weight", "q_proj_weight"} & set(found.get(attention, ())):
            inside = found.pop(module)
            found[attention] |= {f"out_proj.{last}": array for last, array in inside.items()}
    return found


def channels_last(kernel: np.ndarray, shape: tuple[Any, ...]) -> np.ndarray:
    """The kernel of a Dense layer behind a Flatten of this shape, whose rows PyTorch has with
    channels first."""
    *window, channels = shape
    rows = kernel.reshape(channels, *window, kernel.shape[-1])
    return np.moveaxis(rows, 0, -2).reshape(kernel.shape)
