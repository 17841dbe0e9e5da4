"""From many dimensions to two: principal components, and t-SNE."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.errors import RangeError
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import compile, scan

INNER = 30  # dimensions that t-SNE looks at, found by principal components
EXAGGERATED, STEPS = 250, 750  # steps with all neighbors drawn nearer, and all steps
EXAGGERATION = 12.0
EARLY, LATE = 0.5, 0.8  # momentum


def principal_components(x: np.ndarray, count: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """The rows of x (n, d) along the directions of largest variance: (n, count), and the share of
    the variance along each: (count,).

    The right singular vectors of the centered x, found as eigenvectors of the smaller of x xᵀ and
    xᵀ x. Signs are such that the entry farthest from 0 is positive; missing directions are 0.
    """
    centred = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    n, d = centred.shape
    values, vectors = np.linalg.eigh(centred @ centred.T if n < d else centred.T @ centred)
    order = np.argsort(values)[::-1][:count]
    top = np.maximum(values[order], 0.0)
    found = vectors[:, order] * np.sqrt(top) if n < d else centred @ vectors[:, order]
    farthest = np.abs(found).argmax(axis=0)
    found *= np.where(found[farthest, np.arange(found.shape[1])] < 0, -1.0, 1.0)
    missing = count - found.shape[1]
    shares = top / max(float(np.maximum(values, 0.0).sum()), 1e-300)
    return np.pad(found, ((0, 0), (0, missing))), np.pad(shares, (0, missing))


# ---- t-SNE -------------------------------------------------------------------------------------
def tsne(x: np.ndarray, perplexity: float = 30.0) -> np.ndarray:
    """The rows of x (n, d) in two dimensions, with neighbors near each other: (n, 2).

    van der Maaten & Hinton 2008, exact, with its early exaggeration, momentum and gains; begun
    from the principal components, so that the same data give the same figure. Time and memory
    grow with n². Raises RangeError where there are not more than 3 * perplexity rows.
    """
    n = len(x)
    if not 0 < 3 * perplexity < n:
        raise RangeError(
            f"t-SNE: a perplexity of {perplexity:g} needs more than {3 * perplexity:g} rows, and "
            f"there are {n}",
            hint="take more rows, a smaller perplexity, or method='pca'",
        )
    inner, _ = principal_components(x, min(INNER, x.shape[1]))
    near = neighborhood(inner, perplexity).astype(np.float32)
    start = principal_components(inner)[0]
    start = (start / (start[:, 0].std() or 1.0) * 1e-4).astype(np.float32)
    rate = np.float32(max(n / EXAGGERATION / 4, 50))
    return np.asarray(_descend(as_tensor(near), as_tensor(start), as_tensor(rate)))


def neighborhood(x: np.ndarray, perplexity: float) -> np.ndarray:
    """p_ij, how near j is to i (equations 1 and 2): an (n, n) matrix with sum 1.

    Each row is a Gaussian whose width is such that its entropy is log(perplexity), found by
    bisection of all rows at once.
    """
    squares = (x * x).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0.0)
    np.fill_diagonal(distances, np.inf)
    distances -= distances.min(axis=1, keepdims=True)  # changes no p, and keeps exp in range
    scale = distances[np.isfinite(distances)].mean() or 1.0
    low, high = np.full(len(x), 1e-12 / scale), np.full(len(x), 1e12 / scale)
    for _ in range(80):
        precision = np.sqrt(low * high)  # 1 / (2 sigma²)
        rows, entropy = _rows(distances, precision)
        too_wide = entropy > np.log(perplexity)
        low, high = np.where(too_wide, precision, low), np.where(too_wide, high, precision)
    return (rows + rows.T) / (2 * len(x))


def _rows(distances: np.ndarray, precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p_j|i and the entropy of each row."""
    weights = np.exp(-distances * precision[:, None])
    rows = weights / weights.sum(axis=1, keepdims=True)
    logs = np.log(rows, out=np.zeros_like(rows), where=rows > 0)
    return rows, -(rows * logs).sum(axis=1)


@compile
def _descend(near: Tensor, start: Tensor, rate: Tensor) -> Any:
    """All steps of gradient descent from `start`, as one program."""

    def step(carry: Any, number: Tensor) -> tuple[Any, None]:
        y, velocity, gains = carry
        early = number < EXAGGERATED
        g = gradient(near * ops.where(early, EXAGGERATION, 1.0), y)
        gains = ops.where(g * velocity < 0, gains + 0.2, gains * 0.8)
        gains = ops.maximum(gains, 0.01)
        momentum = ops.where(early, EARLY, LATE)
        velocity = momentum * velocity - rate * gains * g
        y = y + velocity
        return (y - ops.mean(y, axis=0), velocity, gains), None

    still = ops.zeros_like(start)
    (y, _, _), _ = scan(step, (start, still, still + 1.0), ops.arange(STEPS))
    return y


def gradient(near: Tensor, y: Tensor) -> Tensor:
    """Of KL(p || q) by the places y (equation 5): 4 sum_j (p_ij - q_ij) w_ij (y_i - y_j), with
    w_ij = 1 / (1 + |y_i - y_j|²) and q = w / sum(w)."""
    apart = y[:, None, :] - y[None, :, :]
    weights = 1.0 / (1.0 + ops.sum(apart * apart, axis=-1))
    weights = weights * (1.0 - ops.eye(y.shape[0]))
    pull = (near - weights / ops.sum(weights)) * weights
    return 4.0 * ops.sum(pull[:, :, None] * apart, axis=1)
