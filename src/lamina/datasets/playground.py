"""The four classification problems of the TensorFlow Playground: points in the plane, two classes.

The same definitions as in https://github.com/tensorflow/playground (D. Smilkov, S. Carter), except
that the classes are 0 and 1 (there: -1, drawn orange, and 1, drawn blue).

    circle     class 1 within radius 2.5 of the origin, class 0 between radius 3.5 and 5
    xor        a square of side 10.6, a gap of 0.6 along the axes; class 1 where x1 * x2 >= 0
    gaussian   class 1 around (2, 2), class 0 around (-2, -2); the noise is the variance
    spiral     two arms of 1.75 turns and radius 5

`noise` from 0 to 0.5 is what the playground's slider calls 0 to 50. In `circle` and `xor` it moves
a point only while its class is decided, so that points near the border get the wrong class; in the
others it moves the points themselves.
"""

from collections.abc import Callable

import numpy as np

from lamina.errors import RangeError, unknown_name

Points = tuple[np.ndarray, np.ndarray]


def circle(n_samples: int = 500, noise: float = 0.0, seed: int = 0) -> Points:
    """Return points of a disc inside a ring, and their classes.

    Args:
        n_samples: number of points.
        noise: amount of noise, from 0 to 0.5.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.

    Returns:
        Points float32 (n_samples, 2), and classes int64 (n_samples,), 0 or 1.

    Example:
        >>> import lamina as lm
        >>> x, y = lm.datasets.playground.circle(noise=0.1)
    """
    rng, half = _prepare(n_samples, noise, seed)
    inside = rng.uniform(0, 2.5, half)
    outside = rng.uniform(3.5, 5, n_samples - half)
    radius, angle = np.concatenate([inside, outside]), rng.uniform(0, 2 * np.pi, n_samples)
    points = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    moved = points + rng.uniform(-5, 5, points.shape) * noise
    return _finish(points, np.hypot(*moved.T) < 2.5, rng)


def xor(n_samples: int = 500, noise: float = 0.0, seed: int = 0) -> Points:
    """Return points of four squares colored like a chess board, and their classes.

    Args:
        n_samples: number of points.
        noise: amount of noise, from 0 to 0.5.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.

    Returns:
        Points float32 (n_samples, 2), and classes int64 (n_samples,), 0 or 1.

    Example:
        >>> import lamina as lm
        >>> x, y = lm.datasets.playground.xor(noise=0.1)
    """
    rng, _ = _prepare(n_samples, noise, seed)
    points = rng.uniform(-5, 5, (n_samples, 2))
    points += np.where(points > 0, 0.3, -0.3)
    moved = points + rng.uniform(-5, 5, points.shape) * noise
    return _finish(points, moved[:, 0] * moved[:, 1] >= 0, rng)


def gaussian(n_samples: int = 500, noise: float = 0.0, seed: int = 0) -> Points:
    """Return points of two clouds of variance 0.5 + 7 noise, and their classes.

    Args:
        n_samples: number of points.
        noise: amount of noise, from 0 to 0.5.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.

    Returns:
        Points float32 (n_samples, 2), and classes int64 (n_samples,), 0 or 1.

    Example:
        >>> import lamina as lm
        >>> x, y = lm.datasets.playground.gaussian(noise=0.1)
    """
    rng, half = _prepare(n_samples, noise, seed)
    positive = np.arange(n_samples) < half
    centre = np.where(positive, 2.0, -2.0)[:, None]
    points = centre + rng.normal(0.0, np.sqrt(0.5 + 7 * noise), (n_samples, 2))
    return _finish(points, positive, rng)


def spiral(n_samples: int = 500, noise: float = 0.0, seed: int = 0) -> Points:
    """Return points of two spirals wound into each other, and their classes.

    Args:
        n_samples: number of points.
        noise: amount of noise, from 0 to 0.5.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.

    Returns:
        Points float32 (n_samples, 2), and classes int64 (n_samples,), 0 or 1.

    Example:
        >>> import lamina as lm
        >>> x, y = lm.datasets.playground.spiral(noise=0.1)
    """
    rng, half = _prepare(n_samples, noise, seed)
    positive = np.arange(n_samples) < half
    along = np.concatenate([np.arange(half) / half, np.arange(n_samples - half) / half])
    angle = 3.5 * np.pi * along + np.where(positive, 0.0, np.pi)
    points = 5 * along[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    points += rng.uniform(-1, 1, points.shape) * noise
    return _finish(points, positive, rng)


SHAPES: dict[str, Callable[[int, float, int], Points]] = {
    "circle": circle,
    "xor": xor,
    "gaussian": gaussian,
    "spiral": spiral,
}


def load_data(
    name: str = "circle",
    n_samples: int = 500,
    noise: float = 0.0,
    seed: int = 0,
    test_fraction: float = 0.5,
) -> tuple[Points, Points]:
    """Return ((x_train, y_train), (x_test, y_test)) of one of the four problems.

    Args:
        name: "circle", "xor", "gaussian" or "spiral".
        n_samples: number of points.
        noise: amount of noise, from 0 to 0.5.
        seed: integer that fixes the order; None draws one from the state that `set_seed` sets.
        test_fraction: fraction of the points for testing; half, as in the Playground.

    Returns:
        x float32 (n, 2) and y int64 (n,), 0 or 1, of both parts.

    Raises:
        UnknownNameError: for another name.
        RangeError: if `n_samples` is below 2, `noise` negative, or `test_fraction` not in [0, 1].

    Example:
        >>> import lamina as lm
        >>> (x_train, y_train), (x_test, y_test) = lm.datasets.playground.load_data("spiral")
    """
    if name not in SHAPES:
        raise unknown_name("playground data set", name, SHAPES)
    if not 0 < test_fraction < 1:
        raise RangeError(f"test_fraction is {test_fraction}, expected a fraction between 0 and 1")
    x, y = SHAPES[name](n_samples, noise, seed)
    test = min(max(round(n_samples * test_fraction), 1), n_samples - 1)
    return (x[test:], y[test:]), (x[:test], y[:test])


def _prepare(n_samples: int, noise: float, seed: int) -> tuple[np.random.Generator, int]:
    """The random numbers, and how many of the points are of the first kind."""
    if n_samples < 2:
        raise RangeError(f"n_samples is {n_samples}, expected at least 2")
    if not 0 <= noise < np.inf:
        raise RangeError(f"noise is {noise}, expected 0 (none) to 0.5 (much)")
    return np.random.default_rng(seed), n_samples // 2


def _finish(points: np.ndarray, positive: np.ndarray, rng: np.random.Generator) -> Points:
    order = rng.permutation(len(points))
    return points[order].astype(np.float32), positive[order].astype(np.int64)
