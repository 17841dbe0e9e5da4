"""Hogwild (Niu, Recht, Re, Wright 2011): several processes train one set of weights without locks.

The weights are in a file that all processes map into memory. Each takes its own part of the digits
and repeats: copy the weights, take a step of SGD on a batch, add the difference to the shared
weights. No process waits for another, so updates can be lost or be of old weights; the paper shows
that little is lost. Which process adds when depends on the operating system: these figures are not
repeatable, as those of PyTorch's example mnist_hogwild are not, whose network and training this is
(convolutions of 10 and 20 features, 50 hidden units, dropout, SGD 0.01 with momentum 0.5, 10
epochs, two processes, each of which sees all digits in every epoch). The second figure is of one
process.

    python examples/vision/hogwild_2011.py [--quick] [--figure hogwild_2011.png]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import lamina as lm

FIGURES = {
    "two processes, test accuracy, %": ("about 98.9 (PyTorch's example)", ".2f"),
    "one process, test accuracy, %": ("not published there", ".2f"),
}
SMALL = {"epochs": 1, "samples": 2000}


def network() -> lm.Sequential:
    """The network of PyTorch's example."""
    layers = lm.layers
    model = lm.Sequential(
        [
            lm.Input((28, 28, 1)),
            layers.Conv2D(10, 5),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Conv2D(20, 5),
            layers.SpatialDropout2D(0.5),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(50, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )
    loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(lm.optimizers.SGD(0.01, momentum=0.5), loss, metrics=["accuracy"])
    return model


def data(samples: int | None) -> tuple:
    """MNIST, standardized as in PyTorch's example."""
    (x, y), (x_test, y_test) = lm.datasets.mnist.load_data()
    x, x_test = ((a[..., None] / np.float32(255) - 0.1307) / 0.3081 for a in (x, x_test))
    return (x[:samples].astype("float32"), y[:samples]), (x_test.astype("float32"), y_test)


def mapped(path: str, shapes: list) -> list[np.ndarray]:
    """The shared weights as arrays, one behind the other in the file."""
    flat = np.memmap(path, "float32", "r+")
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=False)]


def work(path: str, index: int, epochs: int, samples: int | None) -> None:
    """One process: train on batches and add what changed to the shared weights."""
    lm.set_seed(index)
    rng = np.random.default_rng(index)
    model, ((x, y), _) = network(), data(samples)
    shared = mapped(path, [w.shape for w in model.get_weights()])
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for rows in np.array_split(order, -(-len(x) // 64)):
            before = [np.array(w) for w in shared]
            model.set_weights(before)
            model.train_on_batch(x[rows], y[rows])
            for whole, old, new in zip(shared, before, model.get_weights(), strict=True):
                whole += new - old  # without a lock


def trained(processes: int, epochs: int, samples: int | None) -> lm.Sequential:
    """A network trained by this many processes."""
    lm.set_seed(1)
    model = network()
    weights = model.get_weights()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "weights")
        path.write_bytes(b"".join(w.tobytes() for w in weights))
        command = [sys.executable, __file__, "--worker", str(path), str(epochs), str(samples or 0)]
        workers = [subprocess.Popen([*command, str(k)]) for k in range(processes)]
        codes = [worker.wait() for worker in workers]
        if any(codes):
            raise SystemExit("a process has failed; its error is above")
        shared = mapped(str(path), [w.shape for w in weights])
        model.set_weights([np.array(w) for w in shared])
    return model


def draw(model: lm.Sequential, x: np.ndarray, y: np.ndarray, path: str) -> None:
    """Draw the digits that the network of two processes gets most wrong."""
    from matplotlib.figure import Figure

    logits = model.predict(x, verbose=0)
    margin = logits[np.arange(len(y)), y] - logits.max(axis=1)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for k, axes in zip(np.argsort(margin), figure.subplots(2, 8).ravel(), strict=False):
        axes.imshow(x[k, ..., 0], cmap="gray_r")
        axes.set_title(f"{y[k]}, said {logits[k].argmax()}", fontsize=9)
        axes.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=110)


def main(epochs: int = 10, samples: int | None = None, path: str | None = None) -> dict[str, float]:
    """Train with two processes and with one; return the accuracies in percent."""
    _, (x, y) = data(samples)
    found = []
    for processes in (2, 1):
        model = trained(processes, epochs, samples)
        found.append(100 * model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"])
        if path and processes == 2:
            draw(model, x, y, path)
    return dict(zip(FIGURES, found, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch on 2,000 digits")
    parser.add_argument("--figure", help="write an image of the worst digits here")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        path, epochs, samples, index = arguments.worker
        work(path, int(index), int(epochs), int(samples) or None)
        raise SystemExit
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, value in found.items():
        print(f"{name:38}{value:8.2f}")
