"""Targets and predictions of each kind, for tests of losses."""

import numpy as np

EPS = 1e-7
rng = np.random.default_rng(7)
N, C = 6, 4


def softmax(z, axis=-1):
    """Return probabilities along an axis."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(labels, classes=C):
    """Return a row of 0 and a 1 for each label."""
    return np.eye(classes)[labels]


NUMBERS = rng.normal(size=(N, C)), rng.normal(size=(N, C))
POSITIVE = rng.uniform(0.1, 3.0, size=(N, C)), rng.uniform(0.1, 3.0, size=(N, C))
LABELS = rng.integers(0, C, size=N)
SHARES = one_hot(LABELS), softmax(rng.normal(size=(N, C)))
YES_NO = rng.integers(0, 2, size=(N, C)).astype(float), rng.uniform(0.05, 0.95, size=(N, C))
SIGNS = 2 * rng.integers(0, 2, size=(N, C)) - 1.0, rng.normal(size=(N, C))
