"""Small networks of each kind, and a training of each that every engine must repeat."""

import numpy as np

import lamina as lm
from lamina import layers


def perceptron():
    """Dense layers with dropout and batch normalization."""
    return (784,), [
        layers.Dense(32, activation="relu"),
        layers.Dropout(0.3),
        layers.BatchNormalization(),
        layers.Dense(10, activation="softmax"),
    ]


def convolutional():
    """A convolution, maximum pooling and dropout."""
    return (8, 8, 1), [
        layers.Conv2D(4, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ]


def recurrent():
    """An LSTM."""
    return (5, 3), [layers.LSTM(8), layers.Dense(10, activation="softmax")]


def transformer():
    """A block of attention."""
    return (6, 8), [
        layers.TransformerEncoder(16, 2),
        layers.GlobalAveragePooling1D(),
        layers.Dense(10, activation="softmax"),
    ]


KINDS = {f.__name__: f for f in (perceptron, convolutional, recurrent, transformer)}


def made(kind, rows=64):
    """A compiled model, and data for it."""
    lm.set_seed(1)
    shape, parts = KINDS[kind]()
    model = lm.Sequential([lm.Input(shape), *parts])
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, *shape)).astype("f")
    return model, x, rng.integers(0, 10, rows)


def trained(kind, epochs=2, rows=64, batch_size=32):
    """The losses of a training, the model, and inputs for it."""
    model, x, y = made(kind, rows)
    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, seed=3)
    return history.history["loss"], model, x


def continued(kind, state, epochs=2, rows=64, batch_size=32):
    """The losses of a training that continues from a state to as many epochs."""
    model, x, y = made(kind, rows)
    model.restore_training_state(state)
    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0)
    return history.history["loss"]


def trained_on_a_dataset(kind, read=lambda rows: None, rows=76, batch_size=16):
    """The losses of a training on a Dataset whose last batch is short, and of an evaluation; `read`
    is called with the numbers of the rows that are read."""
    model, x, y = made(kind, rows)

    def batch(chosen):
        read(chosen.tolist())
        return x[chosen], y[chosen]

    data = lm.data.Dataset.of_rows(batch, rows, batch_size, seed=5, workers=1)
    history = model.fit(data, epochs=2, verbose=0, seed=3)
    samples = lm.data.Dataset.from_tensor_slices((x[:64], y[:64])).batch(batch_size).cache()
    return [*history.history["loss"], model.evaluate(samples, verbose=0)]
