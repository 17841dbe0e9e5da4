"""Decompositions of matrices: values as in NumPy, gradients as of differences, on every engine."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, GradientError, RangeError, ShapeError

linalg = lm.linalg
RNG = np.random.default_rng(0)
ENGINES = [None, "numpy", "llvm", "xla"]
SHAPES = [(4, 4), (1, 1), (2, 3, 3), (5, 3), (3, 5), (2, 1, 4), (7, 2)]


def of(shape, dtype="float64"):
    return RNG.normal(size=shape).astype(dtype)


def positive(x):
    return x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1], dtype=x.dtype)


def symmetric(x):
    return x + np.swapaxes(x, -1, -2)


def run(f, engine):
    """f eagerly, or compiled by an engine."""
    if engine == "xla":
        pytest.importorskip("jax")
    return f if engine is None else lm.compile(f, engine=engine)


def product(parts):
    """The matrix that parts of a decomposition make."""
    u, s, vh = map(np.asarray, parts)
    count = s.shape[-1]
    return (u[..., :count] * s[..., None, :]) @ vh[..., :count, :]


def from_lu(x):
    """L U, with the rows in the order of x."""
    lu, pivots = map(np.asarray, linalg.lu_factor(x))
    count = min(lu.shape[-2:])
    lower = np.tril(lu[..., :count], -1) + np.eye(lu.shape[-2], count)
    found = lower @ np.triu(lu[..., :count, :])
    for place in np.ndindex(found.shape[:-2]):
        for i in reversed(range(count)):
            rows = [i, pivots[place][i]]
            found[place][rows] = found[place][rows[::-1]]
    return found


# name -> how x is made, what Lamina computes, what NumPy computes
VALUES = {
    "cholesky": (positive, linalg.cholesky, np.linalg.cholesky),
    "upper cholesky": (
        positive,
        lambda x: linalg.cholesky(x, upper=True),
        lambda x: np.swapaxes(np.linalg.cholesky(x), -1, -2),
    ),
    "inverse of a factor": (
        positive, lambda x: linalg.cholesky_inverse(linalg.cholesky(x)), np.linalg.inv,
    ),
    "lower system": (
        positive,
        lambda x: linalg.solve_triangular(x, x + 1.0, lower=True),
        lambda x: np.linalg.solve(np.tril(x), x + 1.0),
    ),
    "upper system": (
        positive,
        lambda x: linalg.solve_triangular(x, x + 1.0),
        lambda x: np.linalg.solve(np.triu(x), x + 1.0),
    ),
    "system": (
        positive, lambda x: linalg.solve(x, x + 1.0), lambda x: np.linalg.solve(x, x + 1.0),
    ),
    "inverse": (positive, linalg.inv, np.linalg.inv),
    "determinant": (symmetric, linalg.det, np.linalg.det),
    "sign of it": (symmetric, lambda x: linalg.slogdet(x).sign, lambda x: np.linalg.slogdet(x)[0]),
    "logarithm of it": (
        symmetric, lambda x: linalg.slogdet(x).logabsdet, lambda x: np.linalg.slogdet(x)[1],
    ),
    "logdet": (positive, linalg.logdet, lambda x: np.linalg.slogdet(x)[1]),
    "eigenvalues": (symmetric, linalg.eigvalsh, np.linalg.eigvalsh),
    "matrix of its eigenvectors": (
        symmetric,
        lambda x: [linalg.eigh(x)[1], linalg.eigh(x)[0], lm.matrix_transpose(linalg.eigh(x)[1])],
        lambda x: x,
    ),
    "power": (positive, lambda x: linalg.matrix_power(x, -2),
              lambda x: np.linalg.matrix_power(x, -2)),
}  # fmt: skip
ANY_SHAPE = {
    "Q": (np.array, lambda x: linalg.qr(x).Q, lambda x: np.linalg.qr(x)[0]),
    "R": (np.array, lambda x: linalg.qr(x).R, lambda x: np.linalg.qr(x)[1]),
    "complete Q": (np.array, lambda x: linalg.qr(x, "complete")[0],
                   lambda x: np.linalg.qr(x, mode="complete")[0]),
    "complete R": (np.array, lambda x: linalg.qr(x, "complete")[1],
                   lambda x: np.linalg.qr(x, mode="complete")[1]),
    "singular values": (np.array, linalg.svdvals, lambda x: np.linalg.svd(x, compute_uv=False)),
    "matrix of its singular vectors": (np.array, lambda x: list(linalg.svd(x)), lambda x: x),
    "pseudo-inverse": (np.array, linalg.pinv, np.linalg.pinv),
    "least squares": (
        np.array,
        lambda x: linalg.lstsq(x, x[..., :1] + 1.0).x,
        lambda x: np.linalg.pinv(x) @ (x[..., :1] + 1.0),
    ),
    "rank": (np.array, linalg.matrix_rank, np.linalg.matrix_rank),
    "condition": (np.array, linalg.cond, np.linalg.cond),
    "nuclear norm": (
        np.array,
        lambda x: linalg.matrix_norm(x, ord="nuc"),
        lambda x: np.linalg.svd(x, compute_uv=False).sum(-1),
    ),
}  # fmt: skip
ROWS = {**VALUES, **ANY_SHAPE}
COMPILED = [(2, 3, 3), (5, 3), (3, 5)]


def shapes_of(name, engine):
    """The shapes for a row: all of them eagerly, a few where each has to be compiled."""
    shapes = SHAPES if engine is None else COMPILED
    return [s for s in shapes if name in ANY_SHAPE or s[-1] == s[-2]]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ROWS)
def test_values_are_those_of_numpy_on_every_engine(name, engine):
    make, ours, theirs = ROWS[name]
    for shape in shapes_of(name, engine):
        x = make(of(shape))
        found = run(ours, engine)(lm.asarray(x))
        found = product(found) if isinstance(found, list) else np.asarray(found)
        expected = theirs(x)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ROWS)
def test_float32_is_as_exact_as_its_digits(name):
    make, ours, theirs = ROWS[name]
    x = make(np.float32(np.linalg.qr(of((8, 8)))[0] * np.linspace(1, 3, 8)))
    found = run(ours, "llvm")(lm.asarray(x))
    found = product(found) if isinstance(found, list) else np.asarray(found)
    expected = theirs(x.astype("float64"))
    assert found.dtype == "int32" or found.dtype == "float32"
    assert np.abs(found - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("engine", [None, "llvm"])
def test_lu_factors_make_the_matrix(shape, engine):
    x = of(shape)
    np.testing.assert_allclose(from_lu(lm.asarray(x)), x, atol=1e-12)
    for a, b in zip(run(linalg.lu_factor, engine)(lm.asarray(x)), linalg.lu_factor(x), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


MATRICES = [np.zeros((3, 2)), np.ones((4, 4)), np.diag([1.0, 0, 0]), np.eye(5), np.eye(6)[:, :3]]


@pytest.mark.parametrize("engine", [None, "llvm"])
@pytest.mark.parametrize("x", MATRICES, ids=range(len(MATRICES)))
def test_singular_vectors_are_orthonormal_for_matrices_of_any_rank(x, engine):
    u, s, vh = (np.asarray(a) for a in run(linalg.svd, engine)(lm.asarray(x)))
    np.testing.assert_allclose(product((u, s, vh)), x, atol=1e-14)
    np.testing.assert_allclose(u.T @ u, np.eye(x.shape[0]), atol=1e-14)
    np.testing.assert_allclose(vh @ vh.T, np.eye(x.shape[1]), atol=1e-14)
    np.testing.assert_allclose(
        run(linalg.pinv, engine)(lm.asarray(x)), np.linalg.pinv(x), atol=1e-9
    )


@pytest.mark.parametrize("x", [np.zeros((3, 3)), np.eye(4), np.ones((5, 5)), np.diag([1.0, -1, 1])])
def test_equal_eigenvalues_have_orthonormal_vectors(x):
    values, vectors = map(np.asarray, lm.compile(linalg.eigh)(lm.asarray(x)))
    np.testing.assert_allclose(values, np.linalg.eigvalsh(x), atol=1e-14)
    np.testing.assert_allclose(vectors * values @ vectors.T, x, atol=1e-14)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(x)), atol=1e-14)


def test_singular_values_do_not_overflow_or_vanish():
    x = of((4, 3))
    for scale in (1e200, 1e-200):
        found = lm.compile(linalg.svdvals)(lm.asarray(x * scale))
        np.testing.assert_allclose(found, np.linalg.svd(x * scale, compute_uv=False), rtol=1e-12)


# ---- gradients -----------------------------------------------------------------------------------
def slopes(f, x, engine):
    """The slope of a weighted sum of all results along a direction, by the gradient and by
    differences."""

    def total(x):
        results = f(x)
        results = results if isinstance(results, (tuple, list)) else [results]
        weights = np.random.default_rng(1)
        return sum(lm.sum(r * weights.normal(size=r.shape)) for r in results if r.dtype.is_float)

    direction = RNG.normal(size=x.shape)
    gradient = run(lm.grad(total), engine)(lm.asarray(x))
    step = 1e-6 * direction
    ahead, back = total(lm.asarray(x + step)), total(lm.asarray(x - step))
    return np.sum(np.asarray(gradient) * direction), (ahead - back).item() / 2e-6


GRADIENTS = {
    **{name: row[:2] for name, row in ROWS.items() if name not in ("rank", "sign of it")},
    "eigenvectors": (symmetric, linalg.eigh),
    "singular vectors": (np.array, lambda x: linalg.svd(x, full_matrices=False)),
    "lu": (np.array, lambda x: linalg.lu_factor(x)[0]),
    "qr": (np.array, linalg.qr),
    "tall lu": (np.array, lambda x: linalg.lu_factor(lm.concat([x, 2.0 * x], -2))[0]),
    "wide qr": (np.array, lambda x: linalg.qr(lm.concat([x, x**2], -1))),
}  # fmt: skip
WITHOUT = {"complete Q", "complete R", "matrix of its singular vectors"}


@pytest.mark.parametrize("engine", [None, "llvm"])
@pytest.mark.parametrize("name", [name for name in GRADIENTS if name not in WITHOUT])
def test_gradients_are_those_of_differences(name, engine):
    make, f = GRADIENTS[name]
    for shape in shapes_of(name, engine)[:2]:
        found, expected = slopes(f, make(of(shape)), engine)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["cholesky", "inverse", "singular values", "eigenvectors", "Q"])
def test_gradients_have_gradients(name):
    make, f = GRADIENTS[name]

    def slope(x):
        return lm.grad(lambda x: sum(lm.sum(lm.sin(r)) for r in tuples(f(x))))(x)

    found, expected = slopes(slope, make(of((3, 3))), "llvm")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def tuples(x):
    return x if isinstance(x, tuple) else (x,)


def test_a_layer_of_decompositions_runs_for_any_batch():
    class Volume(lm.layers.Layer):
        def call(self, x):
            s, w = linalg.svdvals(x), linalg.eigh(x)[0]
            half = lm.sum(linalg.solve(x, linalg.cholesky(x)), (-2, -1))
            return lm.stack([linalg.det(x), s[..., 0] + w[..., -1], half], -1)

    inputs = lm.Input((3, 3))
    model = lm.Model(inputs, Volume()(inputs))
    for batch in (1, 5):
        x = positive(of((batch, 3, 3), "float32"))
        np.testing.assert_allclose(model.predict(x, verbose=0), Volume()(lm.asarray(x)), rtol=2e-4)


def test_chains_of_products_are_those_of_numpy():
    xs = [of((2, 5)), of((5, 3)), of((3, 7)), of((7, 1))]
    np.testing.assert_allclose(linalg.multi_dot(xs), np.linalg.multi_dot(xs))
    np.testing.assert_allclose(linalg.multi_dot([xs[0][0], xs[1], xs[2][:, 0]]),
                               np.linalg.multi_dot([xs[0][0], xs[1], xs[2][:, 0]]))  # fmt: skip


def test_the_compiled_cholesky_of_an_indefinite_matrix_is_nan():
    assert np.isnan(lm.compile(linalg.cholesky)(lm.asarray([[1.0, 2.0], [2.0, 1.0]])).numpy()[1, 1])


ERRORS = [
    (lambda: linalg.cholesky(-np.eye(2)), RangeError, "positive definite"),
    (lambda: linalg.inv(np.ones((2, 2))), RangeError, "singular"),
    (lambda: linalg.solve(np.ones((2, 2)), np.ones(2)), RangeError, "lstsq"),
    (lambda: linalg.solve(np.eye(2), np.ones(3)), ShapeError, "2 rows of b"),
    (lambda: linalg.det(np.ones((2, 3))), ShapeError, "square"),
    (lambda: linalg.svd(np.ones(3)), ShapeError, "matrices"),
    (lambda: linalg.qr(np.eye(2), "raw"), ArgumentError, "'complete'"),
    (lambda: linalg.lstsq(np.eye(2), np.ones(3)), ShapeError, "2 rows of b"),
    (lambda: lm.grad(lambda x: lm.sum(linalg.svd(x)[0]))(lm.ones((3, 2))), GradientError, "full"),
    (lambda: lm.grad(lambda x: lm.sum(linalg.qr(x, "complete")[0]))(lm.ones((3, 2))),
     GradientError, "reduced"),
    (lambda: linalg.eig, AttributeError, "eigh"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS, ids=range(len(ERRORS)))
def test_mistakes_are_named(call, kind, text):
    with pytest.raises(kind, match=text):
        call()
