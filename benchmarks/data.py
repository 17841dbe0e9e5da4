"""The arrays every contestant is given, and MNIST laid out where Keras looks for it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

MNIST_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}


def classes(rows: int, shape: tuple[int, ...], seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Ten learnable classes: a random centre each, plus noise; one label in five is wrong.

    The wrong ones keep the gradients of many epochs at a usual size: a network that fits its data
    perfectly would come to denormal numbers, and some processors to a crawl.
    Returns x, float32 of shape `(rows, *shape)`, and y, int32 labels 0..9 of shape `(rows,)`.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, rows).astype(np.int32)
    centres = rng.standard_normal((10, *shape), dtype=np.float32)
    noise = rng.standard_normal((rows, *shape), dtype=np.float32)
    x = (centres[labels] + noise) * np.float32(0.5)
    wrong = rng.random(rows) < 0.2
    labels[wrong] = rng.integers(0, 10, wrong.sum())
    return x, labels


def weights(seed: int = 11) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights and biases of the lecture's network, 784-512-10, for those who have no layers."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((784, 512), dtype=np.float32) * np.float32(784**-0.5)
    last = rng.standard_normal((512, 10), dtype=np.float32) * np.float32(512**-0.5)
    return first, np.zeros(512, np.float32), last, np.zeros(10, np.float32)


def mnist_folder() -> Path | None:
    """The folder that holds MNIST's four IDX files, or None: looked for in `LAMINA_DATA`."""
    root = os.environ.get("LAMINA_DATA")
    if not root:
        return None
    candidates = (Path(root), Path(root) / "mnist")
    return next((at for at in candidates if (at / MNIST_FILES["x_train"]).exists()), None)


def write_keras_mnist(keras_home: Path, folder: Path) -> None:
    """Writes `datasets/mnist.npz` under `keras_home` from the IDX files, once."""
    target = keras_home / "datasets" / "mnist.npz"
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: read_idx(folder / file) for name, file in MNIST_FILES.items()}
    np.savez_compressed(target, allow_pickle=False, **arrays)


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of unsigned bytes: its magic number ends in the rank; extents follow."""
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    extents = np.frombuffer(raw, ">u4", count=rank, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(tuple(map(int, extents)))
