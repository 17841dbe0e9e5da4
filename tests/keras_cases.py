"""Expressions that give the same in Keras and in `lamina.keras`, as text.

`tools/record_keras_answers.py` evaluates them in Keras and writes the answers, which
`test_keras_answers.py` compares with those of Lamina. They use `keras`, `ops`, `np`, `A` (an array
of float32), `I` (of int32), and the arrays below.
"""

from typing import Any

import numpy as np

NAMES: dict[str, Any] = {
    "np": np,
    "A": lambda values: np.array(values, "float32"),
    "I": lambda values: np.array(values, "int32"),
    "M": np.array([[1, 2], [3, 4]], "float32"),
    "W": np.array([[3, -2, 0.5], [1, 4, -1]], "float32"),
    "T": np.arange(24, dtype="float32").reshape(2, 3, 4),
    "N": np.array([3, np.nan, -1, np.inf], "float32"),
    "D": np.array([[0.5, 1.5], [2.0, 4.0]], "float64"),  # float64: Keras makes float32 of it
    "B": np.array([[True, False], [True, True]]),
    "S": np.array([[100, 100]], "int8"),
    "F": np.array([[-1.5, 0.25], [0.75, 2.0]], "float32"),
    "G": np.array([[0.5, -2.0], [3.0, 1.25]], "float32"),
    "J": np.array([[-3, 2], [5, 7]], "int32"),
    "L": np.array([[2, 1], [3, 4]], "int32"),
    "U": np.array([[200, 100]], "uint8"),
    "P": np.array([[4, 2, 0.5], [2, 5, 1], [0.5, 1, 3]], "float32"),  # positive definite
}

CASES = """
ops.gelu(A([-1, 1, 2]))
ops.gelu(A([-1, 1, 2]), approximate=False)
keras.activations.gelu(A([-1, 1, 2]))
ops.norm(M)
ops.norm(M, ord=1)
ops.norm(M, ord=-1)
ops.norm(M, ord=2)
ops.norm(M, ord=-2)
ops.norm(M, ord=np.inf)
ops.norm(M, ord=-np.inf)
ops.norm(M, ord="fro")
ops.norm(M, ord="nuc")
ops.norm(M, ord=2, axis=(0, 1), keepdims=True)
ops.norm(T, ord="nuc", axis=(0, 2))
ops.norm(T, ord=1, axis=(2, 0), keepdims=True)
ops.norm(T, ord=-np.inf, axis=(0, -1))
ops.norm(T, axis=(1, 2))
ops.norm(T)
ops.norm(W[0], ord=3)
ops.norm(W, ord=0, axis=1)
ops.norm(W, ord=np.inf, axis=0)
ops.norm(I([[3, 4]]), axis=-1)
ops.normalize(W)
ops.normalize(W, axis=0, order=1)
ops.normalize(A([[0, 0], [3, 4]]), order=3)
ops.normalize(A([[0, 0], [3, 4]]), epsilon=10.0)
ops.binary_crossentropy(A([[0, 1], [1, 1]]), A([[0.1, 0.9], [0.8, 0.2]]))
ops.binary_crossentropy(target=A([[0, 1]]), output=A([[-1, 2]]), from_logits=True)
ops.categorical_crossentropy(target=A([[0, 1]]), output=A([[0.2, 0.6]]))
ops.sparse_categorical_crossentropy(target=I([1, 0]), output=W[:, :2], from_logits=True)
ops.diagonal(T)
ops.diagonal(T, 1, 1, 2)
ops.diagonal(T, offset=-1, axis1=2, axis2=0)
ops.trace(T)
ops.trace(T, offset=1, axis1=1, axis2=2)
ops.trace(np.ones((2, 2), "int8"))
ops.segment_sum(A([1, 2, 3]), I([-1, 0, 1]), num_segments=2)
ops.segment_sum(A([1, 2, 3]), I([0, 5, 1]), num_segments=2)
ops.segment_max(A([1, 2, 3]), I([-1, 0, 1]), num_segments=3)
ops.segment_max(I([1, 2, 3]), I([-1, 0, 0]), num_segments=2)
ops.pad(A([1, 2]), ((1, 2),), constant_values=None)
ops.pad(I([1, 2]), ((1, 2),))
ops.pad(x=M, pad_width=1, mode="reflect")
ops.pad(M, [[1, 0], [0, 1]], constant_values=7)
ops.slice(T, (0, 1, 1), (1, 2, 2))
ops.slice(T[0], (2, 2), (2, 2))
ops.slice(inputs=M, start_indices=I([0, 1]), shape=(2, 1))
ops.round(I([15, 25, -15, 14, 16]), -1)
ops.round(I([15, 25]), 1)
ops.round(A([1.25, -0.35]), decimals=1)
ops.in_top_k(I([0, 1, 0]), A([[np.nan, 1, 2], [np.nan, 1, 2], [3, np.nan, 1]]), 2)
ops.where(B)
ops.where(condition=B, x1=1.0, x2=0)
ops.where(B, M, D)
ops.unique(I([3, 1, 3, 2]))
ops.unique(I([[3, 1], [3, 2]]), return_index=True, return_inverse=True, return_counts=True)
ops.unique(I([[1, 2], [1, 2], [0, 2]]), axis=0, return_counts=True)
ops.unique(I([3, 1, 3]), size=4, return_counts=True, return_index=True)
ops.unique(I([3, 1, 3]), size=4, fill_value=9)
ops.unique(I([3, 1, 2]), size=2)
ops.bincount(I([1, 1, 3]))
ops.bincount(I([1, 1, 3]), weights=A([0.5, 1, 2]), minlength=6)
ops.bincount(I([[1, 1], [0, 1]]))
ops.bincount(I([[1, 1], [0, 1]]), weights=A([[1, 2], [3, 4]]), minlength=3)
ops.max(W, axis=1, initial=3.5)
ops.max(A([]), initial=2)
ops.min(W, initial=-7)
ops.min(np.zeros((2, 0), "float32"), axis=1, initial=5.0)
ops.linspace(0, 1, num=4, endpoint=False)
ops.linspace(0, 10, 3, retstep=True)
ops.linspace(A([0, 1]), A([10, 3]), 3, axis=1)
ops.linspace(0, 10, 3, dtype="int32")
ops.logspace(0, 2, num=3)
ops.logspace(0, 2, 2, endpoint=False, base=2)
ops.logspace(A([0, 1]), 2, 3, axis=-1)
ops.geomspace(1.0, 8.0, 4)
ops.geomspace(A([1, 2]), 8.0, 2, axis=1)
ops.allclose(N, N)
ops.allclose(N, N, equal_nan=True)
ops.isclose(A([1, np.nan]), A([1.1, np.nan]), rtol=0.2, equal_nan=True)
ops.isin(I([1, 2, 3]), I([2, 3]), assume_unique=True)
ops.isin(I([1, 2, 3]), I([2, 3]), invert=True)
ops.top_k(x=A([1, 3, 2]), k=2, sorted=True)
ops.unstack(M, num=2, axis=1)
ops.cross(A([1, 2, 3]), A([4, 5, 6]))
ops.cross(W.T, W.T[::-1], axis=0)
ops.cross(M, M[::-1])
ops.cross(T[:, :, :3], W[:, None], axisa=-1, axisc=0)
ops.take_along_axis(M, I([3, 0]))
ops.take_along_axis(M, I([[1], [0]]), 1)
ops.layer_normalization(W)
ops.layer_normalization(W, A([1, 2]), A([0, 1]), axis=0, epsilon=0.1)
ops.layer_normalization(W, A([1, 2, 3]), rms_scaling=True)
ops.rms_normalization(W, scale=A([1, 2, 3]))
ops.scan(lambda c, x: (c + x, c * x), A(0), xs=A([1, 2, 3]), unroll=2)
ops.scan(lambda c, x: (c + x, c * x), A(0), A([1, 2, 3]), None, True)
ops.average(W, axis=0, weights=A([1, 3]))
ops.average(W, 1, A([1, 2, 3]))
ops.average(B)
ops.average(I([1, 2]), weights=I([1, 3]))
ops.full((2,), 3)
ops.full(shape=(2,), fill_value=3, dtype="int32")
ops.arange(5, dtype="float32")
ops.arange(0.0, 1.0, 0.25)
ops.eye(N=2, M=3, k=1)
ops.tri(2, 3, 1)
ops.one_hot(x=[1], num_classes=3)
ops.one_hot(I([1, -1, 5]), 3, 0, "int32")
ops.multi_hot(I([[0, 2], [1, 1]]), num_classes=3)
ops.multi_hot(I([0, 2]), 3)
ops.multi_hot(I([[[0, 1], [2, 2]]]), 3)
ops.zeros(shape=(2,))
ops.ones((2,), "int32")
ops.sum(W, -1, True)
ops.clip(W, x_min=0, x_max=2)
ops.concatenate(xs=[M, D], axis=1)
ops.stack([M, M], 1)
ops.repeat(M, 2, 0)
ops.flip(M, 0)
ops.roll(M, 1, 1)
ops.tile(x=M, repeats=[1, 2])
ops.reshape(M, newshape=(4,))
ops.tril(M, -1)
ops.argsort(W, 0)
ops.sort(W, 0)
ops.searchsorted(A([1, 2, 3]), A([2, 5]), "right")
ops.digitize(W, bins=A([0, 1, 2]))
ops.tensordot(M, W, 1)
ops.diff(a=A([1, 4, 9]), n=2)
ops.cumsum(M, 1, "int32")
ops.moments(W, [0], True)
ops.rot90(array=M)
ops.unravel_index(I([5, 0]), (2, 3))
ops.scatter_update(ops.zeros(3), I([[2], [0]]), A([1, 2]))
ops.slice_update(M, (0, 1), A([[9], [8]]))
ops.matmul(S, S.T)
ops.einsum("ij,kj->ik", S, S)
ops.dot(I([1, 2]), I([3, 4]))
ops.sum(S), ops.sum(U), ops.sum(B)
ops.sum(S, axis=0)
ops.prod(U, axis=0)
ops.cumsum(B, 1), ops.cumprod(U, 1)
ops.mean(S), ops.mean(U), ops.mean(B)
ops.var(U), ops.std(I([1, 4]))
ops.count_nonzero(W), ops.argmax(W), ops.argmin(W, axis=0)
ops.convert_to_tensor(D), ops.array(D), ops.relu(D), ops.mean(D), ops.add(D, 1)
ops.convert_to_tensor([D[0], 1.0 * D[1]]), ops.multiply(np.float64(2), I([1, 2]))
ops.ones((1,)) * ops.arange(3)
ops.shape(W)[0] / ops.cast(ops.shape(W)[0], "float32")
ops.floor(I([1, 2])), ops.ceil(I([1, 2])), ops.trunc(I([1])), ops.sqrt(I([4]))
ops.divide(I([1]), I([2])), ops.floor_divide(I([5]), I([2])), ops.mod(I([-7]), I([4]))
ops.divide_no_nan(I([1, 2]), I([0, 4]))
ops.divide_no_nan(A([1, 2]), A([0, 4]))
ops.heaviside(I([-1, 0, 2]), 0.5)
ops.nansum(A([1, np.nan])), ops.nanprod(A([2, np.nan])), ops.nanmean(A([2, np.nan]))
ops.nan_to_num(N), ops.nan_to_num(N, nan=1.0, posinf=2.0)
ops.vander(I([1, 2, 3]))
ops.ldexp(A([1, 2]), I([3, 4]))
ops.median(W, axis=1), ops.quantile(W, 0.4), ops.percentile(W, 30.0, axis=0)
ops.select([B, ~B], [M, -M], 9.0)
ops.vdot(M, M), ops.inner(M, M), ops.outer(M, M), ops.kron(M, M)
ops.cholesky(P), ops.cholesky(P, upper=True), ops.cholesky_inverse(ops.cholesky(P))
ops.linalg.cholesky_inverse(ops.cholesky(P, True), True)
ops.det(P), ops.det(M), ops.slogdet(M), ops.logdet(P)
ops.inv(P), ops.inv(ops.stack([M, M + 1]))
ops.lu_factor(P), ops.lu_factor(M)
ops.qr(W), ops.qr(W.T, mode="complete"), ops.qr(M)
ops.eigh(P)[0], (lambda w, v: (v * w) @ ops.transpose(v))(*ops.eigh(P))
ops.svd(W, compute_uv=False), (lambda u, s, v: (u * s) @ v)(*ops.svd(W, full_matrices=False))
ops.solve(P, W.T), ops.solve(P, A([1, 2, 3]))
ops.solve_triangular(P, W.T), ops.solve_triangular(P, A([1, 2, 3]), lower=True)
ops.lstsq(W.T, A([1, 2, 3])), ops.lstsq(W, M), ops.lstsq(M, M, rcond=0.5)
ops.matrix_rank(W), ops.matrix_rank(M, tol=1.0), ops.matrix_rank(np.ones((2, 3, 3), "float32"))
ops.pinv(W), ops.pinv(M, rcond=0.5)
keras.Variable(np.ones(2)).value, keras.Variable(D, dtype="float64").shape
keras.losses.mean_squared_error(D, 2 * D)
keras.losses.MeanAbsoluteError()(D, 2 * D)
keras.losses.CategoricalCrossentropy()(D, D)
keras.losses.SparseCategoricalCrossentropy()(I([0, 1]), D)
keras.losses.Huber()(D, 3 * D), keras.losses.CosineSimilarity()(D, M)
keras.metrics.Precision(top_k=1)(A([[0, 1, 0]]), A([[0.5, 0.5, 0.5]]))
keras.metrics.Recall(top_k=2)(A([[0, 1, 1]]), A([[0.3, 0.3, 0.3]]))
keras.metrics.Precision(top_k=2)(A([[1, 0, 1], [0, 1, 0]]), A([[0.1, 0.7, 0.1], [0.2, 0.2, 0.2]]))
keras.metrics.Recall(top_k=2, class_id=1)(A([[0, 1, 1]]), A([[0.3, 0.3, 0.3]]))
keras.metrics.MeanIoU(2)(A([0, 1, 1, 0]), A([0.2, 1.7, 0.9, 1.2]))
keras.metrics.IoU(3, [0, 2])(A([0, 2, 1, 0]), A([0.9, 2.9, -0.5, 3.0]))
(lambda f: ops.any(f((9,)) == f((9,))))(keras.initializers.HeNormal(keras.random.SeedGenerator(1)))
(lambda i: ops.all(i((9,)) == i((9,))))(keras.initializers.RandomNormal(seed=1))
keras.activations.relu(D), keras.activations.softmax(D), keras.activations.gelu(x=D)
keras.activations.elu(x=W, alpha=2.0), keras.activations.linear(D), keras.activations.tanh(x=D)
"""


def cases() -> list[str]:
    """The expressions, one a line."""
    return [line for line in CASES.split("\n") if line]


# dtypes of one tensor, and of two, for which the dtype of each function's result is recorded
DTYPES = ["bool", "int8", "uint8", "int16", "int32", "uint32", "float16", "bfloat16", "float32"]
PAIRS = [
    *(("bool", "bool"), ("int8", "int8"), ("uint8", "uint8"), ("int32", "int32")),
    *(("bool", "int8"), ("int8", "uint8"), ("uint8", "int16"), ("int8", "int32")),
    *(("bool", "float32"), ("int8", "float16"), ("int32", "float16"), ("uint32", "float32")),
    *(("int32", "float32"), ("float16", "float32"), ("bfloat16", "float16"), ("bool", "bfloat16")),
    *(("float32", "float32"), ("float16", "float16")),
]
