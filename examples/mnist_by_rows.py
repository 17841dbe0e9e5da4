"""MNIST read row by row: an LSTM sees 28 rows of 28 pixels, one after the other, and then decides.

Reaches about 98.5% in six epochs.

    python examples/mnist_by_rows.py [--epochs 6] [--figure mnist_by_rows.png]
"""

import argparse

import lamina as lm


def main(epochs: int = 6, path: str | None = None) -> float:
    """Train and test; returns the test accuracy."""
    (x_train, y_train), (x_test, y_test) = lm.datasets.mnist.load_data()
    x_train, x_test = x_train / 255.0, x_test / 255.0  # (images, 28 steps, 28 features)

    lm.set_seed(1)
    model = lm.Sequential(
        [
            lm.Input(shape=(28, 28)),
            lm.layers.LSTM(128),
            lm.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    history = model.fit(x_train, y_train, epochs=epochs, validation_split=0.1)
    _, accuracy = model.evaluate(x_test, y_test)
    if path:
        draw(history.history, accuracy, path)
    return accuracy


def draw(history: dict[str, list[float]], accuracy: float, path: str) -> None:
    """The accuracies over the epochs (needs matplotlib)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    epochs = range(1, len(history["accuracy"]) + 1)
    axes.plot(epochs, history["accuracy"], "o-", label="training")
    axes.plot(epochs, history["val_accuracy"], "o-", label="validation")
    axes.axhline(accuracy, color="gray", linestyle=":", label=f"test, at the end: {accuracy:.2%}")
    axes.set(xlabel="epoch", ylabel="accuracy", xticks=epochs)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--figure", help="write a figure of the accuracies here")
    arguments = parser.parse_args()
    main(arguments.epochs, arguments.figure)
