"""Costs of checkpoints, TensorBoard and the progress bar in a training.

    python -m benchmarks.scripts.run_costs [--rounds 7] [--network mlp vgg]

A checkpoint: the seconds of one state over 60, the cost of `every="60s"`. The others: the time that
their code takes over that of the whole `fit`, and the ratio of a `fit` with them to one without,
alternately in one process. The figures are medians over the rounds. The first column is exact on a
machine where others work, the second is not.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import lamina as lm
from lamina.models.fitting import session_of
from lamina.training.checkpoints import Checkpoints
from lamina.training.options import Every
from lamina.training.progress import Progress
from lamina.training.saver import Saver

L = lm.layers
INTERVAL = 60.0  # seconds
LIMITS = {"checkpoint every 60 s": 0.01, "TensorBoard": 0.02, "progress bar": 0.005}


# ---- networks ----------------------------------------------------------------------------------
def mlp() -> tuple[Any, np.ndarray, np.ndarray]:
    """784-512-10 on as many rows as MNIST has."""
    rng = np.random.default_rng(0)
    x = rng.random((60000, 784), np.float32)
    model = lm.Sequential([lm.Input((784,)), L.Dense(512, "relu"), L.Dense(10, "softmax")])
    return model, x, rng.integers(0, 10, len(x))


def vgg() -> tuple[Any, np.ndarray, np.ndarray]:
    """ShallowVGGNet on 2,000 images of the size of CIFAR-10's."""
    rng = np.random.default_rng(0)
    layers: list[Any] = [lm.Input((32, 32, 3))]
    for filters in (32, 64):
        for _ in range(2):
            layers += [L.Conv2D(filters, 3, padding="same", activation="relu")]
            layers += [L.BatchNormalization()]
        layers += [L.MaxPooling2D(2), L.Dropout(0.25)]
    layers += [L.Flatten(), L.Dense(512, "relu"), L.BatchNormalization(), L.Dropout(0.5)]
    x = rng.random((2000, 32, 32, 3), np.float32)
    return lm.Sequential([*layers, L.Dense(10, "softmax")]), x, rng.integers(0, 10, len(x))


NETWORKS: dict[str, Callable[[], tuple[Any, np.ndarray, np.ndarray]]] = {"mlp": mlp, "vgg": vgg}


# ---- measuring ---------------------------------------------------------------------------------
class Clock:
    """The seconds that calls of some methods take, those inside of another one counted once."""

    def __init__(self) -> None:
        self.seconds, self._depth = 0.0, 0

    @contextlib.contextmanager
    def on(self, *methods: tuple[type, str]) -> Iterator[None]:
        real = [(owner, name, getattr(owner, name)) for owner, name in methods]
        for owner, name, method in real:
            setattr(owner, name, self._timed(method))
        try:
            yield
        finally:
            for owner, name, method in real:
                setattr(owner, name, method)

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            self._depth += 1
            began = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - began

        return timed


class Screen(io.StringIO):
    """A terminal that keeps its text."""

    def isatty(self) -> bool:
        return True


HOOKS = ("on_train_begin", "on_epoch_begin", "on_train_batch_end", "on_epoch_end", "on_train_end")


def with_board(fit: Callable[..., Any], **options: Any) -> float:
    """Seconds that TensorBoard takes in a fit."""
    clock = Clock()
    kind = lm.callbacks.TensorBoard
    with tempfile.TemporaryDirectory() as folder, clock.on(*((kind, hook) for hook in HOOKS)):
        fit(callbacks=[kind(folder, **options)])
    return clock.seconds


def with_bar(fit: Callable[..., Any]) -> float:
    """Seconds that the progress bar takes in a fit."""
    clock = Clock()
    with (
        contextlib.redirect_stdout(Screen()),
        clock.on((Progress, "update"), (Progress, "end"), (Progress, "__init__")),
    ):
        fit(verbose=1)
    return clock.seconds


EXTRAS: dict[str, Callable[..., float]] = {
    "TensorBoard": with_board,
    "TensorBoard, histograms": lambda fit: with_board(fit, histogram_freq=1),
    "TensorBoard, every 100 steps": lambda fit: with_board(fit, update_freq=100),
    "progress bar": with_bar,
}


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def checkpoint(model: Any) -> float:
    """Seconds of one state."""
    session = session_of(model)
    assert session is not None
    with tempfile.TemporaryDirectory() as folder:
        saver = Saver(Checkpoints(folder, Every(seconds=INTERVAL)), session, model._trainee)
        saver.save()
        return timed(saver.save)


def measured(name: str, rounds: int, rows: int | None) -> Iterator[tuple[str, str, float, float]]:
    """(network, what, share, ratio) of each thing."""
    model, x, y = NETWORKS[name]()
    x, y = x[:rows], y[:rows]
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    def fit(callbacks: Any = None, verbose: int = 0) -> None:
        model.fit(x, y, batch_size=32, seed=1, callbacks=callbacks, verbose=verbose)

    fit()
    seconds = statistics.median(checkpoint(model) for _ in range(rounds))
    yield name, "checkpoint every 60 s", seconds / INTERVAL, 1 + seconds / INTERVAL
    for what, extra in EXTRAS.items():
        extra(fit)  # the first compiles
        shares, ratios = [], []
        for k in range(rounds):
            before = timed(fit) if k % 2 else 0.0
            began = time.perf_counter()
            inside = extra(fit)
            whole = time.perf_counter() - began
            before = before or timed(fit)
            shares.append(inside / whole)
            ratios.append(whole / before)
        yield name, what, statistics.median(shares), statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--network", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--rows", type=int, help="rows of the data; fewer for a look")
    given = parser.parse_args()
    missed = []
    print("network  what                             of the time   ratio   limit")
    for network in given.network:
        for name, what, share, ratio in measured(network, given.rounds, given.rows):
            limit = LIMITS.get(what)
            shown = "" if limit is None else f"{limit:6.1%}"
            print(f"{name:8} {what:32} {share:10.3%} {ratio:9.4f}  {shown}", flush=True)
            missed += [what] if limit is not None and share > limit else []
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
