"""Reductions, shapes, creation, products and order against NumPy."""

import math

import numpy as np
import pytest

import lamina as lm
from operands import close, of

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, at infinities


# ---- reductions --------------------------------------------------------------------------------
AXES = [None, 0, -1, (0, 2), (1,), ()]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    "name", ["sum", "prod", "max", "min", "mean", "any", "all", "std", "var", "count_nonzero"]
)
def test_reductions(name, axis, keepdims):
    for dtype in ("float32", "int32", "bool", "uint8"):
        x = of((3, 4, 5), dtype, 0 if dtype == "uint8" else -2, 2)
        theirs = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        ours = getattr(lm, name)(x, axis=axis, keepdims=keepdims)
        assert ours.shape == np.shape(theirs)
        close(ours, theirs, rtol=2e-6, atol=1e-5)
        if name in ("sum", "prod", "max", "min", "any", "all"):
            assert ours.dtype == np.asarray(theirs).dtype


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_positions_of_extremes(axis, keepdims):
    x = of((4, 5, 3), "int32", -3, 3)
    for name in ("argmax", "argmin"):
        theirs = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(getattr(lm, name)(x, axis=axis, keepdims=keepdims), theirs)


def test_statistics():
    x = of((6, 7), "float64")
    close(lm.var(x, 0, correction=1), np.var(x, axis=0, ddof=1))
    close(lm.std(x, correction=1), np.std(x, ddof=1))
    close(lm.median(x, 1), np.median(x, axis=1))
    close(lm.median(x[:, :6], 1, keepdims=True), np.median(x[:, :6], axis=1, keepdims=True))
    close(lm.median(x), np.median(x))
    assert math.isnan(lm.median([1.0, math.nan, 2.0]).item())


def test_logsumexp_does_not_overflow():
    x = np.array([[1000.0, 1000.0], [-1000.0, -999.0], [-np.inf, -np.inf], [np.inf, 0]], "float32")
    theirs = np.logaddexp(x[:, 0], x[:, 1])
    close(lm.logsumexp(x, -1), theirs)
    close(lm.logaddexp(x[:, 0], x[:, 1]), theirs)


def test_reductions_of_nothing():
    empty = np.zeros((0, 3), "float32")
    assert lm.sum(empty, 0).tolist() == [0, 0, 0]
    assert lm.prod(empty).item() == 1
    for name in ("max", "argmin"):
        with pytest.raises(lm.errors.ShapeError, match=f"{name}: no elements"):
            getattr(lm, name)(empty, 0)
    with pytest.raises(IndexError, match="sum: axis 2 is out of bounds"):
        lm.sum(empty, 2)
    with pytest.raises(lm.errors.ShapeError, match="named twice"):
        lm.sum(empty, (0, -2))


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 8, 33])
def test_running_sums(n):
    x = of((3, n), "float64")
    close(lm.cumulative_sum(x, axis=1), np.cumsum(x, axis=1))
    close(lm.cumulative_prod(x, axis=1), np.cumprod(x, axis=1))
    close(lm.cumsum(x), np.cumsum(x))
    with_zero = np.concatenate([np.zeros((3, 1)), np.cumsum(x, axis=1)], axis=1)
    close(lm.cumulative_sum(x, axis=1, include_initial=True), with_zero)
    assert lm.cumsum(of((4,), "bool")).dtype == "int64"
    if n > 2:
        close(lm.diff(x, n=2), np.diff(x, n=2))
        close(lm.diff(x, axis=0, prepend=x[:1]), np.diff(x, axis=0, prepend=x[:1]))


# ---- shape -------------------------------------------------------------------------------------
SHAPING = {
    "reshape": (lambda m, x: m.reshape(x, (4, -1))),
    "permute": (lambda m, x: m.permute_dims(x, (2, 0, 1))),
    "transpose": (lambda m, x: m.transpose(x)),
    "matrix_transpose": (lambda m, x: m.matrix_transpose(x)),
    "swapaxes": (lambda m, x: m.swapaxes(x, 0, -1)),
    "moveaxis": (lambda m, x: m.moveaxis(x, (0, 1), (-1, 0))),
    "expand": (lambda m, x: m.expand_dims(x, (0, -1))),
    "squeeze": (lambda m, x: m.squeeze(x[:, :1])),
    "squeeze one": (lambda m, x: m.squeeze(x[:, :1], 1)),
    "broadcast": (lambda m, x: m.broadcast_to(x[:, :1], (2, 3, 4, 5))),
    "concat": (lambda m, x: m.concat([x, x[:, :2]], axis=1)),
    "concat flat": (lambda m, x: m.concat([x, x[:, :2]], axis=None)),
    "stack": (lambda m, x: m.stack([x, x + 1], axis=-1)),
    "hstack": (lambda m, x: m.hstack([x, x])),
    "vstack": (lambda m, x: m.vstack([x[0, 0], x[0, 1]])),
    "flip": (lambda m, x: m.flip(x)),
    "flip one": (lambda m, x: m.flip(x, axis=(0, -1))),
    "roll": (lambda m, x: m.roll(x, 7)),
    "roll one": (lambda m, x: m.roll(x, (1, -2), axis=(0, 2))),
    "repeat": (lambda m, x: m.repeat(x, 3, axis=1)),
    "repeat each": (lambda m, x: m.repeat(x, [1, 0, 2, 3], axis=1)),
    "repeat flat": (lambda m, x: m.repeat(x, 2)),
    "tile": (lambda m, x: m.tile(x, (2, 1, 3))),
    "tile more": (lambda m, x: m.tile(x, (2, 1, 1, 2))),
    "pad": (lambda m, x: m.pad(x, 2)),
    "pad sides": (lambda m, x: m.pad(x, ((0, 1), (2, 0), (1, 1)), constant_values=7)),
    "pad edge": (lambda m, x: m.pad(x, ((1, 2), (0, 3), (2, 0)), mode="edge")),
    "pad reflect": (lambda m, x: m.pad(x, 2, mode="reflect")),
    "pad symmetric": (lambda m, x: m.pad(x, ((5, 4),) * 3, mode="symmetric")),
    "pad wrap": (lambda m, x: m.pad(x, 3, mode="wrap")),
    "split": (lambda m, x: m.stack(m.split(x, 2, 1))),
    "split at": (lambda m, x: m.concat(m.split(x, [1, 3], 2)[::-1], axis=2)),
    "array_split": (lambda m, x: m.concat(m.array_split(x, 3, 2)[::-1], axis=2)),
    "unstack": (lambda m, x: m.unstack(x, axis=1)[2]),
    "tril": (lambda m, x: m.tril(x, k=1)),
    "triu": (lambda m, x: m.triu(x, k=-1)),
    "diagonal": (lambda m, x: m.diagonal(x, offset=1, axis1=1, axis2=2)),
    "take": (lambda m, x: m.take(x, [[0, -1], [2, 1]], axis=1)),
    "take flat": (lambda m, x: m.take(x, [5, -3])),
    "along": (lambda m, x: m.take_along_axis(x, m.argsort(x, axis=1), axis=1)),
    "sort": (lambda m, x: m.sort(x, axis=0)),
    "meshgrid": (lambda m, x: m.stack(m.meshgrid(x[0, 0], x[1, :, 0]))),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPING)
@pytest.mark.parametrize("dtype", ["float32", "int32", "bool"])
def test_rearranging(name, dtype):
    if dtype == "bool" and name == "stack":
        return
    x = of((3, 4, 5), dtype)
    theirs = SHAPING[name](np, x)
    ours = SHAPING[name](lm, lm.asarray(x))
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


def test_shape_errors_say_what_came():
    x = lm.ones((3, 4))
    for call, message in [
        (lambda: lm.reshape(x, (5, -1)), r"shape \(3, 4\) has 12 elements"),
        (lambda: lm.reshape(x, (-1, -1)), "12 elements"),
        (lambda: lm.squeeze(x, 0), "has extent 3, not 1"),
        (lambda: lm.concat([x, lm.ones((3, 3, 1))]), r"concat: shapes \(3, 4\) and \(3, 3, 1\)"),
        (lambda: lm.stack([x, lm.ones((3, 3))]), "stack"),
        (lambda: lm.split(x, 5, 1), "does not divide into 5"),
        (lambda: lm.broadcast_to(x, (3, 5)), "broadcast_to"),
        (lambda: lm.pad(x, 1, mode="mirror"), "'mirror'"),
        (lambda: lm.matmul(x, x), "the inner extents are 4 and 3"),
        (lambda: lm.einsum("ij,jk->ik", x, x), "'j' has extents 4 and 3"),
        (lambda: lm.tensordot(x, x.T), "do not pair up"),
    ]:
        with pytest.raises(lm.LaminaError, match=message):
            call()


# ---- creation ----------------------------------------------------------------------------------
def test_creation():
    assert lm.zeros((2, 3)).dtype == lm.float32
    assert lm.arange(3).dtype == lm.int32
    assert lm.asarray(1.5).dtype == lm.float32
    assert lm.asarray([1, 2**40]).dtype == lm.int64
    np.testing.assert_array_equal(lm.arange(2, 11, 3), np.arange(2, 11, 3))
    close(lm.arange(0.0, 1.0, 0.25), np.arange(0.0, 1.0, 0.25))
    np.testing.assert_array_equal(lm.arange(-3), np.arange(-3))
    close(lm.linspace(0, 1, 7), np.linspace(0, 1, 7))
    close(lm.linspace(0, 1, 4, endpoint=False), np.linspace(0, 1, 4, endpoint=False))
    np.testing.assert_array_equal(lm.eye(3, 5, k=-1), np.eye(3, 5, k=-1))
    np.testing.assert_array_equal(lm.full((2,), 7), [7, 7])
    assert lm.full((2,), 7).dtype == lm.int32
    assert lm.ones_like(of((2,), "int8")).dtype == lm.int8
    np.testing.assert_array_equal(lm.one_hot([0, 2, 5], 3), [[1, 0, 0], [0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(lm.one_hot([0, 2], 3, axis=0), np.eye(3)[:, [0, 2]])
    with pytest.raises(lm.errors.DTypeError, match="one_hot"):
        lm.one_hot([0.0], 3)


def test_questions_about_dtypes():
    assert lm.finfo("float32").eps == np.finfo("float32").eps
    assert lm.finfo(lm.bfloat16).max == pytest.approx(3.3895e38, rel=1e-3)
    assert lm.iinfo(lm.int8).min == -128
    assert lm.isdtype(lm.int8, "signed integer")
    assert lm.isdtype(lm.float32, ("integral", "real floating"))
    assert not lm.isdtype(lm.bool, "numeric")
    assert lm.can_cast("int8", "int32")
    assert not lm.can_cast("int32", "int8")
    assert lm.result_type(lm.ones(2), 3.0) == lm.float32
    with pytest.raises(lm.errors.DTypeError, match="unknown dtype 'float33'"):
        lm.zeros(2, dtype="float33")
    with pytest.raises(ValueError, match="no device 'cuda'"):
        lm.zeros(2, device="cuda")


# ---- products ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 4)), ((2, 0), (0, 3)),
        ((7, 2, 3), (3,)),
    ],
)  # fmt: skip
def test_matmul(left, right):
    for dtype in ("float32", "int32", "bool"):
        x, y = of(left, dtype), of(right, dtype)
        close(lm.matmul(x, y), np.matmul(x, y))
        assert lm.matmul(x, y).dtype == np.matmul(x, y).dtype


@pytest.mark.parametrize(
    ("left", "right"), [((), (3,)), ((3,), (3,)), ((2, 3), (3, 4)), ((2, 5, 3), (4, 3, 6))]
)
def test_dot(left, right):
    x, y = of(left), of(right)
    close(lm.dot(x, y), np.dot(x, y))


def test_vecdot_inner_and_outer_agree_with_numpy():
    x, y = of((4, 5, 3)), of((5, 3))
    close(lm.vecdot(x, y), np.vecdot(x, y))
    close(lm.vecdot(x, of((4, 1, 1)), axis=0).shape, (5, 3))
    close(lm.inner(x, y), np.inner(x, y))
    close(lm.outer(y, x), np.outer(y, x))
    close(lm.tensordot(x, y), np.tensordot(x, y))
    close(lm.tensordot(x, y, axes=((1,), (0,))), np.tensordot(x, y, axes=((1,), (0,))))
    close(lm.tensordot(x, y, axes=0), np.tensordot(x, y, axes=0))
    close(lm.cross(x, y), np.cross(x, y))
    close(lm.linalg.matrix_power(x[:3, :3, 0], 5), np.linalg.matrix_power(x[:3, :3, 0], 5), 1e-4)
    close(lm.trace(x), np.trace(x))
    close(lm.linalg.trace(x), np.linalg.trace(x))
    close(lm.diag(x[0, 0], 1), np.diag(x[0, 0], 1))
    close(lm.diag(y, -1), np.diag(y, -1))


@pytest.mark.parametrize("ord", [None, 1, 2, 3, 0, math.inf, -math.inf])
def test_norms(ord):
    x = of((4, 5), "float64")
    close(lm.linalg.norm(x[0], ord), np.linalg.norm(x[0], ord))
    close(lm.linalg.norm(x, ord, axis=1), np.linalg.norm(x, ord, axis=1))
    if ord in (None, 1, math.inf, -math.inf):
        close(lm.linalg.norm(x, ord), np.linalg.norm(x, ord))
    if ord is not None:
        close(lm.linalg.vector_norm(x, ord=ord), np.linalg.vector_norm(x, ord=ord))


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ii->i", (3, 3)), ("ii", (3, 3)),
    ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ba", (2, 3)), ("i,j->ij", (2,), (3,)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)), ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("i...->...", (2, 3, 4)), ("...i,...i", (4, 3), (3,)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)), ("ij,ij->ij", (2, 3), (2, 3)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)), ("iij,jk->ik", (3, 3, 2), (2, 4)),
    (",ij->ji", (), (2, 3)), ("i,i->", (3,), (3,)), ("...->...", (2, 3)),
    ("...ij->...ji", (2, 3, 4)),
    ("ij,jk->ik", (2, 1), (3, 4)), ("...j,...j->...", (1, 4, 3), (5, 1, 3)),
]  # fmt: skip


@pytest.mark.parametrize("case", EINSUMS, ids=str)
def test_einsum(case):
    subscripts, *shapes = case
    arrays = [of(s) for s in shapes]
    close(lm.einsum(subscripts, *arrays), np.einsum(subscripts, *arrays), rtol=1e-5, atol=1e-5)


# ---- order -------------------------------------------------------------------------------------
def test_sorting():
    x = of((5, 9), "int32", -4, 4)
    np.testing.assert_array_equal(lm.argsort(x, axis=0), np.argsort(x, axis=0, kind="stable"))
    np.testing.assert_array_equal(lm.sort(x, descending=True), -np.sort(-x))
    np.testing.assert_array_equal(lm.sort(x, axis=None), np.sort(x, axis=None))
    with_nan = np.array([2.0, np.nan, 1.0], "float32")
    np.testing.assert_array_equal(lm.sort(with_nan), np.sort(with_nan))
    values, places = lm.top_k(x, 3)
    np.testing.assert_array_equal(values, -np.sort(-x)[:, :3])
    np.testing.assert_array_equal(np.take_along_axis(x, places.numpy(), 1), values)
    with pytest.raises(lm.errors.RangeError, match="top_k"):
        lm.top_k(x, 10)


def test_searching():
    line, x = np.sort(of((20,), "int32", -5, 5)), of((3, 4), "int32", -7, 7)
    for side in ("left", "right"):
        theirs = np.searchsorted(line, x, side=side)
        np.testing.assert_array_equal(lm.searchsorted(line, x, side=side), theirs)
    np.testing.assert_array_equal(lm.isin(x, line[:3]), np.isin(x, line[:3]))
    np.testing.assert_array_equal(lm.bincount([0, 2, 2]), [1, 0, 2])


def test_distinct_values():
    x = of((4, 5), "int32", -3, 3)
    for ours, theirs in zip(lm.unique_all(x), np.unique_all(x), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(lm.unique_values(x), np.unique(x))
    assert lm.unique_counts(x).counts.tolist() == np.unique_counts(x).counts.tolist()
    inverse = lm.unique_inverse(x)
    np.testing.assert_array_equal(inverse.values.numpy()[inverse.inverse_indices.numpy()], x)
