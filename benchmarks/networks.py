"""The table of networks: what every contestant computes, from which weights, and what that costs.

A network's row says the shapes of its inputs and labels and lists its parts. A part brings its
weights, in the order and layout of Keras, and the multiply-adds and stored values of one example.
"""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass
from typing import Literal

import numpy as np

Shape = tuple[int, ...]
Fill = Literal["glorot", "zeros", "ones"]

CHECKING = "BENCHMARKS_CHECK"
"""The variable that is set when results are compared, not timed: it switches dropout off."""

BYTES = 4
"""Of a float32."""
PASSES = 7
"""How often a step with Adam moves a weight's memory: the weight is read forward, read and written
by the update; two moments are each read and written. Its gradient may stay in registers."""


@dataclass(frozen=True)
class Part:
    """A piece of a network that has weights, or costs multiply-adds."""

    weights: tuple[tuple[Shape, Fill], ...] = ()
    work: int = 0
    """Multiply-adds of one example, forward."""
    values: int = 0
    """Values of one example that the backward pass needs: written once, and read once."""
    of_inputs: int | None = None
    """How much of `work` is products with the part's inputs; None: all of it."""


@dataclass(frozen=True)
class Network:
    """One row of the table."""

    name: str
    inputs: Shape
    parts: tuple[Part, ...]
    classes: int = 10
    vocabulary: int = 0
    """Inputs are whole numbers below this, and every step has a label; 0: one label an example."""

    def weights(self, seed: int = 11) -> list[np.ndarray]:
        """The weights that every contestant begins with: Glorot's uniform, zeros and ones."""
        rng = np.random.default_rng(seed)
        return [_filled(rng, *each) for part in self.parts for each in part.weights]

    def training_work(self, batch: int) -> int:
        """Floating-point operations of a training step's products and convolutions.

        Forward, gradient of the weights, gradient of the inputs: the last but for the inputs of
        the first part, which are data (a table of embeddings costs no product).
        """
        forward, first = sum(part.work for part in self.parts), self.parts[0]
        data = first.work if first.of_inputs is None else first.of_inputs
        return 2 * batch * (3 * forward - data)

    def training_bytes(self, batch: int) -> int:
        """Bytes that a training step must move: weights and moments, inputs, and kept values."""
        kept = batch * (math.prod(self.inputs) + 2 * sum(part.values for part in self.parts))
        return BYTES * (PASSES * self.size + kept)

    def inference_work(self, batch: int) -> int:
        """Floating-point operations of a forward pass."""
        return 2 * batch * sum(part.work for part in self.parts)

    def inference_bytes(self, batch: int) -> int:
        """Bytes that a forward pass must move: each weight and each input once."""
        return BYTES * (self.size + batch * math.prod(self.inputs))

    @property
    def size(self) -> int:
        """The number of weights."""
        return sum(math.prod(shape) for part in self.parts for shape, _ in part.weights)


def _filled(rng: np.random.Generator, shape: Shape, fill: Fill) -> np.ndarray:
    if fill != "glorot":
        return np.full(shape, fill == "ones", np.float32)
    field = math.prod(shape[:-2])
    bound = math.sqrt(6 / (field * (shape[-2] + shape[-1])))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def dropout(rate: float) -> float:
    """The rate a network is to use: none when results are compared."""
    return 0.0 if os.environ.get(CHECKING) else rate


# ---- parts -------------------------------------------------------------------------------------
def dense(inner: int, outer: int, rows: int = 1) -> Part:
    """A dense layer on `rows` rows of an example."""
    weights = (((inner, outer), "glorot"), ((outer,), "zeros"))
    return Part(weights, rows * inner * outer, rows * outer)


def convolution(size: int, side: int, channels: int, filters: int, bias: bool = True) -> Part:
    """A square convolution that gives an image of `side` by `side`."""
    weights: tuple[tuple[Shape, Fill], ...] = (((size, size, channels, filters), "glorot"),)
    weights += (((filters,), "zeros"),) if bias else ()
    points = side * side * filters
    return Part(weights, points * size * size * channels, points)


def normalization(channels: int, points: int = 1) -> Part:
    """A normalization of `points` times `channels` values: gamma and beta."""
    return Part((((channels,), "ones"), ((channels,), "zeros")), 0, points * channels)


def recurrent(gates: int, steps: int, features: int, units: int) -> Part:
    """An LSTM of 4 gates, or a GRU of 3, which has separate biases for the state."""
    outer = gates * units
    bias = (2, outer) if gates == 3 else (outer,)
    weights = (((features, outer), "glorot"), ((units, outer), "glorot"), (bias, "zeros"))
    of_inputs, of_state = steps * features * outer, steps * units * outer
    return Part(weights, of_inputs + of_state, steps * (outer + units), of_inputs)


def embedding(rows: int, features: int, steps: int) -> Part:
    """A table of vectors that is looked into: no products."""
    return Part((((rows, features), "glorot"),), 0, steps * features)


def attention(steps: int, width: int) -> tuple[Part, ...]:
    """Queries, keys, values and output of causal attention; half of the pairs of steps count."""
    pairs = Part((), 2 * width * steps * (steps + 1) // 2, 0)
    return (*[dense(width, width, steps)] * 4, pairs)


def full_attention(steps: int, width: int, inner: int) -> tuple[Part, ...]:
    """Attention to all steps, its heads together `inner` wide."""
    pairs = Part((), 2 * inner * steps * steps, 0)
    return (*[dense(width, inner, steps)] * 3, dense(inner, width, steps), pairs)


# ---- networks ----------------------------------------------------------------------------------
def _vgg(norms: bool) -> tuple[Part, ...]:
    parts: list[Part] = []
    for side, channels, filters in ((32, 3, 32), (32, 32, 32), (16, 32, 64), (16, 64, 64)):
        parts.append(convolution(3, side, channels, filters))
        parts += [normalization(filters, side * side)] * norms
    return (*parts, dense(4096, 512), *[normalization(512)] * norms, dense(512, 10))


RESNET_STAGES = ((64, 64, 32), (64, 128, 16), (128, 256, 8), (256, 512, 4))
"""ResNet-18's four stages: channels, filters, and the side of the images that they give."""


def _resnet() -> tuple[Part, ...]:
    def unit(size: int, side: int, channels: int, filters: int) -> tuple[Part, Part]:
        return convolution(size, side, channels, filters, False), normalization(filters, side**2)

    parts = [*unit(3, 32, 3, 64)]
    for channels, filters, side in RESNET_STAGES:
        shortcut = unit(1, side, channels, filters) if channels != filters else ()
        parts += [*unit(3, side, channels, filters), *unit(3, side, filters, filters), *shortcut]
        parts += [*unit(3, side, filters, filters)] * 2
    return (*parts, dense(512, 10))


@dataclass(frozen=True)
class Decoder:
    """Sizes of a language model: pre-norm blocks with a hidden layer of four widths (GPT-2's
    form)."""

    layers: int
    width: int
    heads: int
    context: int
    vocabulary: int

    def network(self, name: str) -> Network:
        """Return the row of the table."""
        width, steps = self.width, self.context
        block = (
            *attention(steps, width),
            normalization(width, steps),
            normalization(width, steps),
            dense(width, 4 * width, steps),
            dense(4 * width, width, steps),
        )
        tables = (embedding(self.vocabulary, width, steps), embedding(steps, width, 0))
        end = (normalization(width, steps), dense(width, self.vocabulary, steps))
        parts = (*tables, *block * self.layers, *end)
        return Network(name, (steps,), parts, self.vocabulary, self.vocabulary)


DECODERS = {
    "transformer": Decoder(layers=4, width=128, heads=4, context=128, vocabulary=65),
    "gpt": Decoder(layers=6, width=256, heads=8, context=256, vocabulary=5000),
}
VIT_LAYERS, VIT_SIDE, VIT_PATCH, VIT_WIDTH, VIT_HEADS = 8, 72, 6, 64, 4
"""The vision Transformer of Keras's example: heads as wide as the model, a hidden layer of two
widths, and the patches' features together into two dense layers."""
VIT_HEAD = (2048, 1024)


def _vit() -> tuple[Part, ...]:
    side, width = VIT_SIDE // VIT_PATCH, VIT_WIDTH
    steps = side * side
    block = (
        normalization(width, steps),
        *full_attention(steps, width, VIT_HEADS * width),
        normalization(width, steps),
        dense(width, 2 * width, steps),
        dense(2 * width, width, steps),
    )
    start = (convolution(VIT_PATCH, side, 3, width), embedding(steps, width, 0))
    sizes = (steps * width, *VIT_HEAD, 10)
    end = [dense(inner, outer) for inner, outer in itertools.pairwise(sizes)]
    return (*start, *block * VIT_LAYERS, normalization(width, steps), *end)


def _rows(name: str, gates: int, steps: int, features: int, units: int) -> Network:
    """A recurrent layer, and a dense one on its last output."""
    layer = recurrent(gates, steps, features, units)
    return Network(name, (steps, features), (layer, dense(units, 10)))


NETWORKS: tuple[Network, ...] = (
    Network("mlp", (784,), (dense(784, 512), dense(512, 10))),
    Network(
        "dense", (4096,), (dense(4096, 4096), dense(4096, 4096), dense(4096, 1000)), classes=1000
    ),
    Network("vgg", (32, 32, 3), _vgg(norms=True)),
    Network("vgg_plain", (32, 32, 3), _vgg(norms=False)),
    Network("resnet18", (32, 32, 3), _resnet()),
    _rows("lstm", 4, 28, 28, 128),
    _rows("lstm_1000", 4, 1000, 28, 128),
    _rows("gru", 3, 100, 64, 256),
    Network("stream", (1, 64), (recurrent(4, 1, 64, 256),), classes=256),
    *(decoder.network(name) for name, decoder in DECODERS.items()),
    Network("vit", (VIT_SIDE, VIT_SIDE, 3), _vit()),
)

BY_NAME = {network.name: network for network in NETWORKS}
