"""Bytes that devices exchange in a training step, counted in the programs that XLA compiled.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 python tools/count_exchanges.py

prints the table of docs/beyond_one_machine.md: for each network the bytes of its gradient, and the
number and the bytes of the all-reduces of a step with data parallelism. Programs of a whole step
are compiled, and nothing is trained.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

import lamina as lm
from lamina import layers
from lamina.distribution import DataParallel

BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4, "f64": 8}
BATCH = 64


def mnist_mlp() -> tuple[tuple[int, ...], list[layers.Layer]]:
    """The perceptron of the README."""
    dense = [layers.Dense(512, activation="relu"), layers.Dropout(0.2)]
    more = [layers.Dense(512, activation="relu"), layers.Dropout(0.2)]
    return (784,), [*dense, *more, layers.Dense(10, activation="softmax")]


def shallow_vggnet() -> tuple[tuple[int, ...], list[layers.Layer]]:
    """The convolutional network of examples/shallow_vggnet.py, for 32 x 32 x 3."""
    parts: list[layers.Layer] = []
    for filters in (32, 64):
        for _ in range(2):
            parts += [layers.Conv2D(filters, 3, padding="same", activation="relu")]
            parts += [layers.BatchNormalization()]
        parts += [layers.MaxPooling2D(), layers.Dropout(0.25)]
    parts += [layers.Flatten(), layers.Dense(512, activation="relu"), layers.BatchNormalization()]
    return (32, 32, 3), [*parts, layers.Dropout(0.5), layers.Dense(10, activation="softmax")]


def lstm() -> tuple[tuple[int, ...], list[layers.Layer]]:
    """MNIST by rows."""
    parts = [layers.LSTM(128), layers.Dropout(0.2), layers.Dense(10, activation="softmax")]
    return (28, 28), parts


def transformer() -> tuple[tuple[int, ...], list[layers.Layer]]:
    """Two blocks of attention over vectors."""
    blocks = [layers.TransformerEncoder(256, 4, dropout=0.1) for _ in range(2)]
    return (32, 64), [*blocks, layers.GlobalAveragePooling1D(), layers.Dense(10, "softmax")]


NETWORKS: dict[str, Callable[[], tuple[tuple[int, ...], list[layers.Layer]]]] = {
    "MNIST MLP": mnist_mlp,
    "ShallowVGGNet": shallow_vggnet,
    "LSTM": lstm,
    "Transformer": transformer,
}


def all_reduces(text: str) -> list[int]:
    """Return the bytes of each all-reduce in the text of a compiled program."""
    found = []
    for line in text.splitlines():
        match = re.search(r"= (.*?) all-reduce(?:-start)?\(", line)
        if match:
            found.append(sum(_sizes(match[1])))
    return found


def _sizes(types: str) -> Iterator[int]:
    for name, extents in re.findall(r"(\w+)\[([\d,]*)\]", types):
        yield BYTES[name] * math.prod(int(n) for n in extents.split(",") if n)


def counted(shape: Sequence[int], parts: Sequence[layers.Layer]) -> tuple[int, list[int]]:
    """Return the bytes of the gradient of a network, and of each all-reduce of its step."""
    lm.set_seed(0)
    model = lm.Sequential([lm.Input(tuple(shape)), *parts])
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = np.zeros((BATCH, *shape), "f"), np.zeros(BATCH, int)
    with DataParallel().scope():
        text = lm.inspect.hlo(model, x, y)
    gradient = sum(4 * math.prod(v.shape) for v in model.trainable_weights)
    return gradient, all_reduces(text)


def main() -> None:
    """Print the table."""
    print("| network | gradient | all-reduces of a step | their bytes | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name, network in NETWORKS.items():
        gradient, exchanged = counted(*network())
        total = sum(exchanged)
        print(
            f"| {name} | {gradient:,} | {len(exchanged)} | {total:,} | {total / gradient:.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
