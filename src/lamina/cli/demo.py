"""`lamina demo`: the lecture's network learns to read digits, from one command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from lamina import datasets
from lamina.errors import ArgumentError, DownloadError, MissingExtraError
from lamina.layers import Dense
from lamina.models import Sequential
from lamina.operations import random_keys
from lamina.settings import settings
from lamina.transforms.compiling import compile_stats

PATIENCE = 5.0  # seconds without an answer after which a mirror is given up
TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "digits": "Digits"}
EPOCHS = {"mnist": 5, "fashion_mnist": 5, "digits": 30}
CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker")
NAMES = {"fashion_mnist": (*CLOTHES, "bag", "boot")}

Pair = tuple[np.ndarray, np.ndarray]


def demo(data: str, epochs: int | None, out: str, seed: int) -> None:
    """Load, train, test, save; says what it does as it goes."""
    folder = Path(out)
    _need_folder(folder)
    random_keys.set_seed(seed)
    name, (x_train, y_train), (x_test, y_test) = load(data)
    height, width = x_train.shape[1:]
    print(
        f"{TITLES[name]}: {len(x_train):,} images of {height}x{width} pixels to learn from, "
        f"{len(x_test):,} to be tested on"
    )
    model = network(height * width)
    print(f"A network {height * width} - 512 - 10 with {model.count_params():,} weights\n")
    top = float(x_train.max())
    flat_train, flat_test = (flattened(x, top) for x in (x_train, x_test))
    epochs = epochs or EPOCHS[name]
    history = train(model, flat_train, y_train, (flat_test, y_test), epochs, seed)
    report_test(model, flat_test, y_test)
    path = folder / "demo.lamina"
    model.save(path)
    print(f"\n{path}: the model; lamina.load_model({str(path)!r}) reads it")
    draw(folder / "demo.png", name, history, x_test, y_test, model.predict(flat_test))


def _need_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"--out {folder}: {error}") from error


def load(data: str) -> tuple[str, Pair, Pair]:
    """The name of a data set, and its training and test part. "auto" is MNIST, or the digits of the
    package where MNIST is neither on this machine nor to be had within a moment."""
    if data != "auto":
        train, test = getattr(datasets, data).load_data()
        return data, train, test
    try:
        with settings(timeout=min(PATIENCE, settings.timeout)):
            train, test = datasets.mnist.load_data()
        return "mnist", train, test
    except DownloadError:
        print("MNIST is not on this machine and cannot be downloaded: the package's digits, then")
        train, test = datasets.digits.load_data()
        return "digits", train, test


def network(pixels: int) -> Any:
    model = Sequential(
        [Dense(512, activation="relu", input_shape=(pixels,)), Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def flattened(images: np.ndarray, top: float) -> np.ndarray:
    """One row an image, float32 from 0 to 1."""
    return np.divide(images.reshape(len(images), -1), top, dtype=np.float32)


def train(
    model: Any, x: np.ndarray, y: np.ndarray, validation: Pair, epochs: int, seed: int
) -> dict[str, list[float]]:
    """Fit, and say how fast it went."""
    compiled, began = compile_stats().seconds, time.perf_counter()
    history = model.fit(x, y, epochs=epochs, validation_data=validation, seed=seed)
    seconds = time.perf_counter() - began
    compiled = compile_stats().seconds - compiled
    rate = epochs * len(x) / (seconds - compiled)
    print(
        f"\n{epochs * len(x):,} examples in {seconds:.1f} s, of which {compiled:.2f} s went into "
        f"compiling: {rate:,.0f} examples per second"
    )
    return history.history


def report_test(model: Any, x: np.ndarray, y: np.ndarray) -> None:
    accuracy = model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]
    wrong = round(len(x) * (1 - accuracy))
    print(f"Test accuracy {accuracy:.2%}: {wrong:,} of {len(x):,} new images classified wrongly")


def draw(
    path: Path,
    name: str,
    history: dict[str, list[float]],
    images: np.ndarray,
    labels: np.ndarray,
    outputs: np.ndarray,
) -> None:
    """Save the figure, or print the missing package."""
    from lamina.cli.figure import draw

    try:
        draw(path, name, history, images, labels, outputs, NAMES.get(name))
    except MissingExtraError as error:
        print(f"no figure: {error.message} ({error.hint})")
    else:
        print(f"{path}: the loss over the epochs, and some images with what the network sees")
