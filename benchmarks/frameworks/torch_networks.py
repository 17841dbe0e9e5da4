"""The networks as PyTorch modules, and the weights that everyone begins with put into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks import networks

Weights = Iterator[np.ndarray]


# ---- images ------------------------------------------------------------------------------------
class FlatRows(nn.Module):
    """NCHW in channels-last memory as rows in the order of NHWC: a view, where Flatten copies."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def mlp() -> nn.Module:
    """The lecture's network, 784-512-10."""
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))


def dense() -> nn.Module:
    """Wide dense layers, 4096-4096-4096-1000."""
    wide = [layer for _ in range(2) for layer in (nn.Linear(4096, 4096), nn.ReLU())]
    return nn.Sequential(*wide, nn.Linear(4096, 1000))


def vgg() -> nn.Module:
    """ShallowVGGNet as the lecture prints it, with batch normalization and dropout."""
    return _vgg(norms=True)


def vgg_plain() -> nn.Module:
    """ShallowVGGNet's convolutions, pooling and dense layers alone."""
    return _vgg(norms=False)


def _vgg(norms: bool) -> nn.Module:
    def convolved(channels: int, filters: int) -> list[nn.Module]:
        norm = [nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01)] * norms
        return [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU(), *norm]

    def thinned(rate: float) -> list[nn.Module]:
        return [nn.Dropout(networks.dropout(rate))] * norms

    return nn.Sequential(
        *convolved(3, 32),
        *convolved(32, 32),
        nn.MaxPool2d(2),
        *thinned(0.25),
        *convolved(32, 64),
        *convolved(64, 64),
        nn.MaxPool2d(2),
        *thinned(0.25),
        FlatRows(),
        nn.Linear(4096, 512),
        nn.ReLU(),
        *[nn.BatchNorm1d(512, eps=1e-3, momentum=0.01)] * norms,
        *thinned(0.5),
        nn.Linear(512, 10),
    )


class Unit(nn.Sequential):
    """A convolution without bias, normalized."""

    def __init__(self, channels: int, filters: int, size: int = 3, stride: int = 1) -> None:
        padding = size // 2
        convolution = nn.Conv2d(channels, filters, size, stride, padding, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(filters))


class Block(nn.Module):
    """Two units, and a way around them."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        stride = 1 if channels == filters else 2
        self.inside = nn.Sequential(
            Unit(channels, filters, 3, stride), nn.ReLU(), Unit(filters, filters)
        )
        self.around = Unit(channels, filters, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.inside(x) + self.around(x))


def resnet18() -> nn.Module:
    """ResNet-18 in its form for small images."""
    pairs = [(channels, filters) for channels, filters, _ in networks.RESNET_STAGES]
    blocks = [block for a, b in pairs for block in (Block(a, b), Block(b, b))]
    end = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
    return nn.Sequential(Unit(3, 64), nn.ReLU(), *blocks, *end)


# ---- sequences ---------------------------------------------------------------------------------
class Rows(nn.Module):
    """PyTorch's own recurrent layer, its last output into a dense layer."""

    def __init__(self, layer: type[nn.LSTM | nn.GRU], features: int, units: int) -> None:
        super().__init__()
        self.layer = layer(features, units, batch_first=True)
        self.head = nn.Linear(units, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x)[0][:, -1])


class Unrolled(nn.Module):
    """An LSTM over rows written out step by step, which `torch.compile` can fuse.

    For 28 steps: compiling them takes a minute, and a hundred more than five.
    """

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.units = units
        self.inputs = nn.Linear(features, 4 * units)
        self.state = nn.Linear(units, 4 * units, bias=False)
        self.head = nn.Linear(units, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        projected = self.inputs(x)
        h = c = x.new_zeros(x.shape[0], self.units)
        for t in range(x.shape[1]):
            i, f, g, o = (projected[:, t] + self.state(h)).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return self.head(h)


class Joined(nn.Linear):
    """Queries, keys and values in one product."""


class DecoderBlock(nn.Module):
    """Causal self-attention and two dense layers, each normalized before and gone around."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.joined, self.out = Joined(width, 3 * width), nn.Linear(width, width)
        self.norm, self.second_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        joined = self.joined(self.norm(x)).unflatten(2, (3, self.heads, -1))
        q, k, v = joined.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(functional.gelu(self.up(self.second_norm(x))))


class Transformer(nn.Module):
    """A language model: logits as (batch, classes, steps), as the loss wants them."""

    def __init__(self, sizes: networks.Decoder) -> None:
        super().__init__()
        width = sizes.width
        self.token = nn.Embedding(sizes.vocabulary, width)
        self.place = nn.Embedding(sizes.context, width)
        blocks = [DecoderBlock(width, sizes.heads) for _ in range(sizes.layers)]
        self.blocks = nn.Sequential(*blocks)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, sizes.vocabulary)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.token(tokens) + self.place.weight
        return self.head(self.norm(self.blocks(x))).transpose(1, 2)


class EncoderBlock(nn.Module):
    """Self-attention and two dense layers, each normalized before and gone around."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.rate = heads, networks.dropout(0.1)
        self.norm, self.joined = nn.LayerNorm(width), Joined(width, 3 * heads * width)
        self.out, self.second_norm = nn.Linear(heads * width, width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.thinned = nn.Dropout(self.rate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        joined = self.joined(self.norm(x)).unflatten(2, (3, self.heads, -1))
        q, k, v = joined.permute(2, 0, 3, 1, 4)
        rate = self.rate if self.training else 0.0
        seen = functional.scaled_dot_product_attention(q, k, v, dropout_p=rate)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        y = self.thinned(functional.gelu(self.up(self.second_norm(x))))
        return x + self.thinned(functional.gelu(self.down(y)))


class VisionTransformer(nn.Module):
    """Patches with positions, blocks, and dense layers on all features together."""

    def __init__(self) -> None:
        super().__init__()
        width, patch = networks.VIT_WIDTH, networks.VIT_PATCH
        steps, rate = (networks.VIT_SIDE // patch) ** 2, networks.dropout(0.5)
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.place = nn.Embedding(steps, width)
        blocks = [EncoderBlock(width, networks.VIT_HEADS) for _ in range(networks.VIT_LAYERS)]
        self.blocks, self.norm = nn.Sequential(*blocks), nn.LayerNorm(width)
        first, second = networks.VIT_HEAD
        self.head = nn.Sequential(
            nn.Dropout(rate),
            nn.Linear(steps * width, first),
            nn.GELU(),
            nn.Dropout(rate),
            nn.Linear(first, second),
            nn.GELU(),
            nn.Dropout(rate),
            nn.Linear(second, 10),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2) + self.place.weight
        return self.head(self.norm(self.blocks(x)).flatten(1))


EAGER: dict[str, Callable[[], nn.Module]] = {
    "mlp": mlp,
    "dense": dense,
    "vgg": vgg,
    "vgg_plain": vgg_plain,
    "resnet18": resnet18,
    "lstm": lambda: Rows(nn.LSTM, 28, 128),
    "lstm_1000": lambda: Rows(nn.LSTM, 28, 128),
    "gru": lambda: Rows(nn.GRU, 64, 256),
    **{name: partial(Transformer, sizes) for name, sizes in networks.DECODERS.items()},
    "vit": VisionTransformer,
}
COMPILED: dict[str, Callable[[], nn.Module]] = EAGER | {
    "lstm": lambda: Unrolled(28, 128),
}


# ---- weights -----------------------------------------------------------------------------------
def filled(module: nn.Module, name: str) -> nn.Module:
    """The network with everyone's weights, images in channels-last memory."""
    weights = iter(networks.BY_NAME[name].weights())
    with torch.no_grad():
        _fill(module, weights)
    return module.to(memory_format=torch.channels_last)


def _fill(module: nn.Module, weights: Weights) -> None:
    """Gives a module its weights, or goes through its parts in the order they were made in."""
    for kind, fill in FILLS.items():
        if isinstance(module, kind):
            fill(module, weights)
            return
    for part in module.children():
        _fill(part, weights)


def _put(parameter: torch.Tensor | None, value: np.ndarray) -> None:
    if parameter is not None:
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _fill_dense(module: nn.Linear, weights: Weights) -> None:
    _put(module.weight, next(weights).T)
    _put(module.bias, next(weights))


def _fill_joined(module: Joined, weights: Weights) -> None:
    arrays = [next(weights) for _ in range(6)]
    _put(module.weight, np.concatenate(arrays[0::2], axis=1).T)
    _put(module.bias, np.concatenate(arrays[1::2]))


def _fill_convolution(module: nn.Conv2d, weights: Weights) -> None:
    _put(module.weight, next(weights).transpose(3, 2, 0, 1))
    if module.bias is not None:
        _put(module.bias, next(weights))


def _fill_as_is(module: nn.Module, weights: Weights) -> None:
    for parameter in module.parameters():
        _put(parameter, next(weights))


def _gates(kernel: np.ndarray, count: int) -> np.ndarray:
    """Keras's gates z, r, h as PyTorch's r, z, n, on the last axis; an LSTM's are the same."""
    if count == 4:
        return kernel
    z, r, n = np.split(kernel, 3, axis=-1)
    return np.concatenate([r, z, n], axis=-1)


def _recurrent(weights: Weights, count: int) -> tuple[np.ndarray, ...]:
    """Kernel, recurrent kernel, and the two biases; an LSTM of Keras has but one."""
    kernel, state, bias = (_gates(next(weights), count) for _ in range(3))
    biases = (bias[0], bias[1]) if count == 3 else (bias, np.zeros_like(bias))
    return kernel.T, state.T, *biases


@torch.no_grad()
def fill_cell(module: nn.Module, weights: Weights) -> None:
    """Gives a recurrent layer or cell its weights."""
    count = 3 if isinstance(module, nn.GRU) else 4
    for parameter, value in zip(module.parameters(), _recurrent(weights, count), strict=True):
        _put(parameter, value)


def _fill_unrolled(module: Unrolled, weights: Weights) -> None:
    kernel, state, bias, _ = _recurrent(weights, 4)
    _put(module.inputs.weight, kernel)
    _put(module.inputs.bias, bias)
    _put(module.state.weight, state)
    _fill_dense(module.head, weights)


FILLS: dict[type | tuple[type, ...], Callable] = {
    Joined: _fill_joined,
    nn.Linear: _fill_dense,
    nn.Conv2d: _fill_convolution,
    (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.Embedding): _fill_as_is,
    (nn.LSTM, nn.GRU): fill_cell,
    Unrolled: _fill_unrolled,
}
