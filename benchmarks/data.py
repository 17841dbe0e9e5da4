"""The arrays every contestant is given, and MNIST laid out where Keras looks for it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

from benchmarks.networks import Network

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


def examples(network: Network, rows: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """The data of the network: `classes`, or `text` for those that have a vocabulary."""
    if network.vocabulary:
        return text(rows, network.inputs[0], network.vocabulary, seed)
    return classes(rows, network.inputs, seed)


def text(rows: int, steps: int, vocabulary: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Learnable text: half of the characters follow from the one before, the others are random.

    Returns the characters, and those one step later: int32, each of shape `(rows, steps)`.
    """
    rng = np.random.default_rng(seed)
    follower = rng.permutation(vocabulary)
    characters = rng.integers(0, vocabulary, (rows, steps + 1))
    follows = rng.random((rows, steps + 1)) < 0.5
    for t in range(1, steps + 1):
        after = follower[characters[:, t - 1]]
        characters[:, t] = np.where(follows[:, t], after, characters[:, t])
    characters = characters.astype(np.int32)
    return characters[:, :-1].copy(), characters[:, 1:].copy()


def witness(probabilities: np.ndarray) -> float:
    """One number that tells whether an answer (rows, classes) is right: the mean class.

    Rows that sum to one give something between 0 and the number of classes less one.
    """
    answer = np.asarray(probabilities, np.float64)
    return float((answer * np.arange(answer.shape[-1])).sum() / len(answer))


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
