"""Siamese network (Chopra, Hadsell, LeCun 2005): whether two digits are the same.

One network reads both images, and a small head compares the two representations. Whatever it learns
of digits it learns from pairs with the answer same or different, half of each, drawn again in every
epoch. PyTorch's example does so with a ResNet-18; here a convolutional network of two layers is
enough. Pairs of the test digits are the first figure. The second is of a task with no training at
all: a test digit gets the label of the most similar of ten training digits, one of each class; the
third the same for handwriting whose classes 7 to 9 the network never saw in any pair.

    python examples/vision/siamese_2005.py [--quick] [--figure siamese_2005.png]
"""

import argparse

import numpy as np

import lamina as lm

FIGURES = {
    "accuracy on pairs, %": ("above 97 (PyTorch's example)", ".2f"),
    "10 classes from one example each, %": ("not published there", ".1f"),
    "pairs of classes never seen, %": ("not published there", ".1f"),
}
SMALL = {"epochs": 1, "seeds": 1, "samples": 3000}
NEW = (7, 8, 9)


def reader() -> lm.Sequential:
    """A representation of 128 numbers of an image (28, 28, 1)."""
    layers = lm.layers
    return lm.Sequential(
        [
            lm.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(128, activation="relu"),
        ],
        name="reader",
    )


def comparison() -> lm.Model:
    """The probability that two images show the same class."""
    first, second = lm.Input((28, 28, 1)), lm.Input((28, 28, 1))
    read = reader()
    a, b = read(first), read(second)
    both = lm.layers.Concatenate()([lm.abs(a - b), a * b])  # the order does not matter
    h = lm.layers.Dense(64, activation="relu")(both)
    model = lm.Model([first, second], lm.layers.Dense(1, activation="sigmoid")(h))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def pairs(labels: np.ndarray, count: int, rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of the two images of each pair, and whether they are of one class: half are."""
    first = rng.integers(len(labels), size=count)
    places = {k: np.flatnonzero(labels == k) for k in np.unique(labels)}
    kinds = np.array(list(places))
    same = np.arange(count) % 2 == 0
    other = np.array([rng.choice(kinds[kinds != labels[k]]) for k in first])
    wanted = np.where(same, labels[first], other)
    second = np.array([places[k][rng.integers(len(places[k]))] for k in wanted])
    return first, second, same.astype("float32")


def train(x, y, epochs: int, rng) -> lm.Model:
    """Train on new pairs in each epoch."""
    model = comparison()
    for _ in range(epochs):
        first, second, same = pairs(y, len(y), rng)
        model.fit([x[first], x[second]], same, batch_size=64, verbose=0)
    return model


def accuracy(model, x, y, rng, count: int = 10_000) -> float:
    """Accuracy on pairs, %."""
    first, second, same = pairs(y, count, rng)
    return (
        100 * model.evaluate([x[first], x[second]], same, verbose=0, return_dict=True)["accuracy"]
    )


def from_one_example(model, x, y, x_test, y_test, rng) -> float:
    """Accuracy of the label of the most similar of ten examples, one of each class, %."""
    examples = np.array([rng.choice(np.flatnonzero(y == k)) for k in range(10)])
    some = rng.permutation(len(x_test))[:1000]
    given = np.repeat(x_test[some], 10, axis=0)
    similar = model.predict([given, np.tile(x[examples], (len(some), 1, 1, 1))], verbose=0)
    found = similar.reshape(-1, 10).argmax(axis=1)
    return 100 * float((found == y_test[some]).mean())


def draw(model, x, y, rng, path: str) -> None:
    """Draw pairs with the probability that they are the same."""
    from matplotlib.figure import Figure

    first, second, same = pairs(y, 24, rng)
    said = model.predict([x[first], x[second]], verbose=0)[:, 0]
    figure = Figure(figsize=(10, 4), layout="constrained")
    for k, axes in enumerate(figure.subplots(3, 8).ravel()):
        axes.imshow(np.hstack([x[first[k], ..., 0], x[second[k], ..., 0]]), cmap="gray_r")
        right = (said[k] > 0.5) == same[k]
        axes.set_title(f"{said[k]:.3f}", color="#2e7d32" if right else "#c8382b", fontsize=9)
        axes.set(xticks=[], yticks=[])
    figure.suptitle("probability of being the same digit")
    figure.savefig(path, dpi=110)


def main(
    epochs: int = 3, seeds: int = 2, samples: int | None = None, path: str | None = None
) -> dict[str, list[float]]:
    """Train with each seed; return accuracies in percent."""
    (x, y), (x_test, y_test) = lm.datasets.mnist.load_data()
    x, x_test = (a[:samples, ..., None].astype("float32") / 255 for a in (x, x_test))
    y, y_test = y[:samples], y_test[:samples]
    old, new = ~np.isin(y, NEW), np.isin(y_test, NEW)
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        lm.set_seed(seed)
        rng = np.random.default_rng(seed)
        model = train(x, y, epochs, rng)
        without = train(x[old], y[old], epochs, rng)
        values = (
            accuracy(model, x_test, y_test, rng),
            from_one_example(model, x, y, x_test, y_test, rng),
            accuracy(without, x_test[new], y_test[new], rng),
        )
        for column, value in zip(found.values(), values, strict=True):
            column.append(value)
    if path:
        draw(model, x_test, y_test, rng, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch on 3,000 digits")
    parser.add_argument("--figure", help="write an image of pairs here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:38}{np.mean(values):8.2f}")
