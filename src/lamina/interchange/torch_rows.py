"""The modules of PyTorch as layers: one row a class of torch.nn.

A row is called with a module and a `Walk`, and adds to it the layers that compute the same. PyTorch
is not imported: modules are known by their classes' names, and read by their attributes.

Source: documentation of torch.nn, PyTorch 2.13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import activations, layers
from lamina import operations as ops
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import is_static
from lamina.layers import Layer
from lamina.tensor import Tensor

Arrays = dict[str, np.ndarray]


class Walk:
    """The output of the modules so far, and the weights of their layers.

    Args:
        x: symbolic tensor that the next module reads.
        images: channels are the last axis of `x`, and the second in PyTorch.
    """

    def __init__(self, x: Tensor, images: bool) -> None:
        self.x, self.images = x, images
        self.path = ""
        self.rest: Sequence[Any] = ()
        """The modules that follow."""
        self.flattened: tuple[int, ...] | None = None
        self.weights: list[tuple[str, Layer, Arrays, tuple[int, ...] | None]] = []

    def add(self, layer: Layer, arrays: Arrays | None = None) -> None:
        """Call a layer on `x`, and keep the arrays of its weights."""
        self.x = layer(self.x)
        self.keep(layer, arrays or {})

    def keep(self, layer: Layer, arrays: Arrays) -> None:
        """Keep the arrays of a layer's weights; the first Dense after a Flatten has the rows that
        it flattened."""
        if arrays:
            self.weights.append((self.path, layer, arrays, self.flattened))
            self.flattened = None

    def name(self, module: Any, suffix: str = "") -> str:
        """A name for the layer of a module: its path, "conv2d_0" for a number."""
        place = self.path.replace(".", "_")
        is_number = not place or place[0].isdigit()
        kind = type(module).__name__.lower()
        return f"{kind}_{place}".rstrip("_") + suffix if is_number else place + suffix

    def axis(self, dim: int) -> int:
        """The axis here of an axis in PyTorch."""
        if not self.images:
            return dim
        dim %= self.x.ndim
        return dim if dim == 0 else self.x.ndim - 1 if dim == 1 else dim - 1

    def refuse(self, module: Any, why: str) -> ArgumentError:
        """An error about a module that no layer stands for."""
        return ArgumentError(
            f"from_torch: {type(module).__name__} {self.path!r} {why}",
            hint="write the model with torch.onnx.export, and read it with lm.onnx.load",
        )

    def need_images(self, module: Any) -> None:
        """Raise for a module of channels first whose input is not of that kind."""
        if not self.images:
            raise self.refuse(module, f"on values of shape {self.x.shape} (expected images)")

    def pad(self, pairs: Sequence[tuple[int, int]], mode: str, value: float = 0.0) -> None:
        """Pad the axes between batch and channels."""
        width = [(0, 0), *pairs, (0, 0)] if self.images else [*pairs]
        options = {"constant_values": value} if mode == "constant" else {}
        if any(any(pair) for pair in pairs):
            self.x = ops.pad(self.x, width, mode, **options)


Row = Callable[[Any, Walk], None]
ROWS: dict[str, Row] = {}
ELEMENTWISE: set[str] = {"Identity", "Dropout", "AlphaDropout", "FeatureAlphaDropout"}
"""Classes that compute each value by itself, so that a Flatten can be moved behind them."""
OF_IMAGES: set[str] = set()
"""Classes whose inputs have channels first in PyTorch."""


def row(*names: str, images: bool = False) -> Callable[[Row], Row]:
    """Decorator that adds a function to the rows of classes."""

    def add(function: Row) -> Row:
        for name in names:
            ROWS[name] = function
        if images:
            OF_IMAGES.update(names)
        return function

    return add


def arrays_of(module: Any) -> Arrays:
    """The parameters and buffers of a module by name, as float32 or integers."""
    found: Arrays = {}
    for name, tensor in module.state_dict().items():
        if not hasattr(tensor, "detach"):
            continue
        values = tensor.detach().cpu()
        if str(values.dtype).startswith(("torch.float", "torch.bfloat")):
            values = values.float()
        if not name.endswith("num_batches_tracked"):
            found[name] = np.array(values.numpy())
    return found


def dimensions(module: Any) -> int:
    """2 for Conv2d."""
    return int(type(module).__name__.rstrip("d")[-1])


def several(value: Any, n: int) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, (tuple, list)) else (int(value),) * n


# ---- dense layers, tables and normalization ------------------------------------------------------
@row("Identity")
def identity(module: Any, walk: Walk) -> None:
    """No layer."""


@row("Linear", "NonDynamicallyQuantizableLinear")
def linear(module: Any, walk: Walk) -> None:
    if walk.images:
        raise walk.refuse(module, "on images, of which it sees the last axis")
    layer = layers.Dense(
        module.out_features, use_bias=module.bias is not None, name=walk.name(module)
    )
    walk.add(layer, arrays_of(module))


@row("Flatten")
def flatten(module: Any, walk: Walk) -> None:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise walk.refuse(module, f"from axis {module.start_dim} to {module.end_dim}")
    shape = walk.x.shape[1:]
    if not all(is_static(n) for n in shape):
        raise ShapeError(
            f"from_torch: Flatten {walk.path!r} of shape {walk.x.shape} whose size is open",
            hint="pass input_shape=(height, width, channels)",
        )
    if walk.images and math.prod(map(int, shape[:-1])) > 1:
        reader = next((m for m in walk.rest if type(m).__name__ not in ELEMENTWISE), None)
        if type(reader).__name__ == "Linear":
            walk.flattened = tuple(map(int, shape))
        else:
            walk.add(layers.Permute((walk.x.ndim - 1, *range(1, walk.x.ndim - 1))))
    walk.images = False
    walk.add(layers.Flatten(name=walk.name(module)))


@row("Embedding")
def embedding(module: Any, walk: Walk) -> None:
    if module.max_norm is not None:
        raise walk.refuse(module, "with max_norm")
    layer = layers.Embedding(module.num_embeddings, module.embedding_dim, name=walk.name(module))
    walk.add(layer, arrays_of(module))


@row("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm")
def batch_normalization(module: Any, walk: Walk) -> None:
    if module.running_mean is None:
        raise walk.refuse(module, "without running statistics")
    if walk.x.ndim > 2:
        walk.need_images(module)
    layer = layers.BatchNormalization(
        momentum=0.9 if module.momentum is None else 1 - module.momentum,
        epsilon=module.eps,
        center=module.affine,
        scale=module.affine,
        name=walk.name(module),
    )
    walk.add(layer, arrays_of(module))


@row("LayerNorm")
def layer_normalization(module: Any, walk: Walk) -> None:
    if walk.images:
        raise walk.refuse(module, "on images")
    arrays, shape = arrays_of(module), module.normalized_shape
    layer = layers.LayerNormalization(
        axis=tuple(range(-len(shape), 0)),
        epsilon=module.eps,
        center="bias" in arrays,
        scale="weight" in arrays,
        name=walk.name(module),
    )
    walk.add(layer, arrays)


@row("RMSNorm")
def rms_normalization(module: Any, walk: Walk) -> None:
    if walk.images or len(module.normalized_shape) > 1 or not module.elementwise_affine:
        raise walk.refuse(module, "on images, on several axes, or without weights")
    epsilon = float(np.finfo(np.float32).eps) if module.eps is None else module.eps
    layer = layers.RMSNormalization(epsilon=epsilon, name=walk.name(module))
    walk.add(layer, arrays_of(module))


@row("GroupNorm", images=True)
@row("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", images=True)
def group_normalization(module: Any, walk: Walk) -> None:
    if walk.x.ndim > 2:
        walk.need_images(module)
    if getattr(module, "track_running_stats", False):
        raise walk.refuse(module, "with running statistics")
    affine = module.affine
    layer = layers.GroupNormalization(
        getattr(module, "num_groups", -1),
        epsilon=module.eps,
        center=affine,
        scale=affine,
        name=walk.name(module),
    )
    walk.add(layer, arrays_of(module))


# ---- activations -------------------------------------------------------------------------------
NAMED = {
    "SELU": "selu",
    "SiLU": "silu",
    "Mish": "mish",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softsign": "softsign",
    "Hardswish": "hard_silu",
    "Hardsigmoid": "hard_sigmoid",
    "LogSigmoid": "log_sigmoid",
    "Tanhshrink": "tanh_shrink",
}
"""Activations without arguments, and their names."""
FUNCTIONS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "CELU": lambda m, x: activations.celu(x, m.alpha),
    "Hardtanh": lambda m, x: ops.clip(x, m.min_val, m.max_val),
    "Softplus": lambda m, x: activations.softplus(x * m.beta) / m.beta,
    "Softshrink": lambda m, x: activations.soft_shrink(x, m.lambd),
    "Hardshrink": lambda m, x: activations.hard_shrink(x, m.lambd),
    "Threshold": lambda m, x: activations.threshold(x, m.threshold, m.value),
}
"""Activations with arguments that no layer has, as operations."""
ACTIVATIONS: dict[str, Callable[[Any], Layer]] = {
    "ReLU": lambda m: layers.ReLU(),
    "ReLU6": lambda m: layers.ReLU(6.0),
    "LeakyReLU": lambda m: layers.LeakyReLU(m.negative_slope),
    "ELU": lambda m: layers.ELU(m.alpha),
}
ELEMENTWISE |= {*NAMED, *ACTIVATIONS, *FUNCTIONS, "GELU"}


@row(*NAMED)
def named(module: Any, walk: Walk) -> None:
    walk.add(layers.Activation(NAMED[type(module).__name__]))


@row(*ACTIVATIONS)
def activation(module: Any, walk: Walk) -> None:
    walk.add(ACTIVATIONS[type(module).__name__](module))


@row(*FUNCTIONS)
def function(module: Any, walk: Walk) -> None:
    walk.x = FUNCTIONS[type(module).__name__](module, walk.x)


@row("GELU")
def gelu(module: Any, walk: Walk) -> None:
    if module.approximate == "tanh":
        walk.x = activations.gelu(walk.x, approximate=True)
    else:
        walk.add(layers.Activation("gelu"))


@row("Softmax", "LogSoftmax", "GLU")
def along_axis(module: Any, walk: Walk) -> None:
    if module.dim is None:
        raise walk.refuse(module, "without dim")
    axis, kind = walk.axis(module.dim), type(module).__name__
    if kind == "Softmax":
        walk.add(layers.Softmax(axis))
    else:
        compute = activations.log_softmax if kind == "LogSoftmax" else activations.glu
        walk.x = compute(walk.x, axis)


@row("PReLU")
def prelu(module: Any, walk: Walk) -> None:
    rank, count = walk.x.ndim, module.num_parameters
    if count > 1 and rank > 2:
        walk.need_images(module)
    shared = list(range(1, rank)) if count == 1 else list(range(1, rank - 1))
    walk.add(layers.PReLU(shared_axes=shared or None, name=walk.name(module)), arrays_of(module))


@row("Dropout", "AlphaDropout", "FeatureAlphaDropout")
@row("Dropout1d", "Dropout2d", "Dropout3d", images=True)
def dropout(module: Any, walk: Walk) -> None:
    kind = type(module).__name__
    if kind.endswith("d"):
        walk.need_images(module)
        walk.add(getattr(layers, f"SpatialDropout{dimensions(module)}D")(module.p))
    else:
        walk.add((layers.Dropout if kind == "Dropout" else layers.AlphaDropout)(module.p))


# ---- padding and sampling ------------------------------------------------------------------------
PADDING = {
    "ZeroPad": "constant",
    "ConstantPad": "constant",
    "ReflectionPad": "reflect",
    "ReplicationPad": "edge",
}


@row(*(f"{kind}{n}d" for kind in PADDING for n in (1, 2, 3)), images=True)
def padding(module: Any, walk: Walk) -> None:
    walk.need_images(module)
    n = dimensions(module)
    given = several(module.padding, 2 * n)
    pairs = [(given[2 * k], given[2 * k + 1]) for k in reversed(range(n))]  # the last axis first
    walk.pad(pairs, PADDING[type(module).__name__[:-2]], getattr(module, "value", 0.0))


@row("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", images=True)
def upsampling(module: Any, walk: Walk) -> None:
    walk.need_images(module)
    n = walk.x.ndim - 2
    scale = module.scale_factor
    factors = scale if isinstance(scale, (tuple, list)) else (scale,) * n
    is_plain = module.mode == "nearest" or (module.mode == "bilinear" and not module.align_corners)
    if scale is None or not is_plain or any(f != int(f) for f in factors):
        raise walk.refuse(module, f"of {module.mode} by {scale} (expected whole factors)")
    sizes = tuple(map(int, factors))
    if n == 2:
        walk.add(layers.UpSampling2D(sizes, interpolation=module.mode))
    else:
        walk.add(getattr(layers, f"UpSampling{n}D")(sizes if n > 1 else sizes[0]))
