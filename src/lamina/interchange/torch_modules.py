"""Modules of PyTorch as models: `lm.interchange.from_torch`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lamina.errors import ArgumentError, ShapeError
from lamina.interchange import torch_sequences, torch_windows  # noqa: F401 (their rows)
from lamina.interchange.loading import Unit, converted
from lamina.interchange.torch_rows import ELEMENTWISE, OF_IMAGES, ROWS, Walk
from lamina.layers import Input
from lamina.models.model import Model

_CHAINS = ("Sequential", "ModuleList")


def from_torch(
    module: Any, input_shape: Sequence[int | None] | None = None, name: str | None = None
) -> Model:
    """Return a model that computes what a module of PyTorch computes, with its weights.

    The module is one of torch.nn, or an `nn.Sequential` of such modules, also within one another:
    Linear, Conv, ConvTranspose, BatchNorm, LayerNorm, GroupNorm, InstanceNorm, RMSNorm, pooling,
    padding, Upsample, activations, Dropout, Flatten, Embedding, LSTM, GRU, RNN,
    MultiheadAttention (as self-attention), TransformerEncoderLayer and TransformerEncoder. PyTorch
    is not imported: classes are known by name. Images are (height, width, channels) in the model;
    a Dense layer behind a Flatten has its rows reordered, so that it gives the same. Recurrent
    modules and attention take (batch, steps, features), and recurrent ones return the outputs of
    all steps.

    The `forward` of a custom module cannot be read: write the module with torch.onnx.export, and
    read it with `lm.onnx.load`.

    Args:
        module: module of PyTorch.
        input_shape: shape of a sample as the model takes it, (height, width, channels) of images;
            by default what the first module says, with open sizes of images.
        name: name of the model; by default the module's class.

    Raises:
        ArgumentError: a module, or one of its arguments, has no counterpart in Lamina.
        ShapeError: the size of the input is needed.

    Example:
        >>> import lamina as lm
        >>> lm.interchange.from_torch("resnet18")
        Traceback (most recent call last):
        ...
        lamina.errors.ArgumentError: from_torch: expected a module of PyTorch, got str 'resnet18'
    """
    if not hasattr(module, "state_dict") or not hasattr(module, "forward"):
        raise ArgumentError(
            f"from_torch: expected a module of PyTorch, got {type(module).__name__} {module!r:.80}"
        )
    chain = list(_chain(module, ""))
    modules = [each for _, each in chain]
    shape = _first_shape(modules) if input_shape is None else tuple(input_shape)
    kinds = [kind_of(each) for each in modules]
    inputs = Input(shape, dtype="int32" if kinds[:1] == ["Embedding"] else None)
    walk = Walk(inputs, _takes_images(kinds, len(shape)))
    for k, (path, each) in enumerate(chain):
        walk.path, walk.rest = path, modules[k + 1 :]
        if kinds[k] not in ROWS:
            raise walk.refuse(each, "has no layer")
        ROWS[kinds[k]](each, walk)
    model = Model(inputs, walk.x, name=name or type(module).__name__.lower())
    _assign(walk)
    return model


def _assign(walk: Walk) -> None:
    for path, layer, arrays, flattened in walk.weights:
        problem, values = converted(Unit(path, layer, flattened), dict(arrays))
        if problem:
            raise ShapeError(f"from_torch: {path!r} does not fit {layer.name!r}: {problem}")
        for variable, value in values:
            variable.assign(value)


def kind_of(module: Any) -> str:
    """The class of torch.nn whose `forward` a module has, else that of the module."""
    for kind in type(module).__mro__:
        is_torch = kind.__module__.partition(".")[0] == "torch"
        if is_torch and vars(kind).get("forward") is type(module).forward:
            return kind.__name__
    return type(module).__name__


def _chain(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules in the order in which they compute, with their paths."""
    kind = kind_of(module)
    if kind == "TransformerEncoder":
        yield from _chain(module.layers, f"{path}.layers".lstrip("."))
        if module.norm is not None:
            yield f"{path}.norm".lstrip("."), module.norm
    elif kind in _CHAINS or type(module).__name__ == "ModuleList":
        for name, each in module.named_children():
            yield from _chain(each, f"{path}.{name}".lstrip("."))
    else:
        yield path, module


def _takes_images(kinds: Sequence[str], rank: int) -> bool:
    """True if the first module that is not elementwise has channels first in PyTorch."""
    first = next((kind for kind in kinds if kind not in ELEMENTWISE), "")
    is_image = first in OF_IMAGES and rank > 1
    return is_image or (first == "Flatten" and rank == 3) or (first == "BatchNorm1d" and rank == 2)


def _first_shape(modules: Sequence[Any]) -> tuple[int | None, ...]:
    """The shape that the first module says."""
    for each in modules:
        kind = kind_of(each)
        if kind.startswith(("Conv1d", "Conv2d", "Conv3d", "ConvTranspose")):
            return (*(None,) * int(kind[-2]), each.in_channels)
        if kind in ("BatchNorm2d", "BatchNorm3d"):
            return (*(None,) * int(kind[-2]), each.num_features)
        sizes = {
            "Linear": lambda m: (m.in_features,),
            "BatchNorm1d": lambda m: (m.num_features,),
            "Embedding": lambda m: (None,),
            "LayerNorm": lambda m: tuple(m.normalized_shape),
            "TransformerEncoderLayer": lambda m: (None, m.linear1.in_features),
            "MultiheadAttention": lambda m: (None, m.embed_dim),
            **dict.fromkeys(("LSTM", "GRU", "RNN"), lambda m: (None, m.input_size)),
        }
        if kind in sizes:
            return sizes[kind](each)
        if kind not in ELEMENTWISE:
            break
    raise ShapeError(
        "from_torch: the first module does not say the shape of its input",
        hint="pass input_shape=(height, width, channels), or (features,)",
    )
