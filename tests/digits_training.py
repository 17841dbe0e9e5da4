"""A small classifier of digits, its data, and a linear layer, which tests of training share."""

import numpy as np

import lamina as lm

(DIGITS, LABELS), (TEST, TEST_LABELS) = lm.datasets.digits.load_data()
X = (DIGITS[:300] / 16.0).astype(np.float32)
Y = LABELS[:300]


def network(*extra, **compiled):
    """A small classifier of the digits, the same weights each time."""
    lm.set_seed(7)
    model = lm.Sequential(
        [
            lm.layers.Flatten(input_shape=(8, 8)),
            lm.layers.Dense(12, "relu"),
            *extra,
            lm.layers.Dense(10, "softmax"),
        ]
    )
    usual = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    model.compile(**{**usual, "metrics": ["accuracy"], **compiled})
    return model


def same(a, b):
    """True if two models have the same bits as weights."""
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


def linear(weights=None, **compiled):
    """One linear layer of two inputs, with a learning rate of 0 unless said."""
    model = lm.Sequential([lm.layers.Dense(1, input_shape=(2,))])
    if weights is not None:
        model.set_weights([np.array(w, np.float32) for w in weights])
    model.compile(**{"optimizer": lm.optimizers.SGD(0.0), "loss": "mse", **compiled})
    return model
