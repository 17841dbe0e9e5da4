"""Every operation against NumPy: dtypes, shapes, broadcasting, axes; compiled, for any batch."""

import math
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import lamina as lm
from lamina.operations import joining, logits, neural, piecewise, probabilities

RNG = np.random.default_rng(0)


def of(shape, dtype="float32", low=-3.0, high=3.0):
    """Numbers of a shape: away from whole ones, so that rounding is not a matter of luck."""
    if dtype == "bool":
        return RNG.random(shape) < 0.5
    values = RNG.uniform(low, high, shape)
    return np.asarray(values.astype(dtype) if "float" in dtype else np.rint(values).astype(dtype))


def close(ours, theirs, rtol=2e-6, atol=2e-6):
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=rtol, atol=atol)


@pytest.fixture(autouse=True)
def quiet_numpy():
    with np.errstate(all="ignore"):
        yield


# ---- elementwise -------------------------------------------------------------------------------
# name, low and high end of its domain
FLOAT_UNARY = [
    ("acos", -1, 1), ("acosh", 1, 1e5), ("asin", -1, 1), ("asinh", -1e5, 1e5), ("atan", -9, 9),
    ("atanh", -0.99, 0.99), ("cbrt", -8, 8), ("ceil", -5, 5), ("cos", -9, 9), ("cosh", -9, 9),
    ("exp", -9, 9), ("exp2", -9, 9), ("expm1", -1, 1), ("floor", -5, 5), ("log", 1e-3, 1e3),
    ("log10", 1e-3, 1e3), ("log1p", -0.9, 2), ("log2", 1e-3, 1e3), ("negative", -3, 3),
    ("positive", -3, 3), ("reciprocal", 0.1, 3), ("round", -5, 5), ("sign", -3, 3),
    ("sin", -9, 9), ("sinh", -9, 9), ("sqrt", 0, 9), ("square", -3, 3), ("tan", -1.5, 1.5),
    ("tanh", -5, 5), ("trunc", -5, 5), ("abs", -3, 3), ("isfinite", -3, 3), ("isnan", -3, 3),
    ("isinf", -3, 3), ("signbit", -3, 3),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "low", "high"), FLOAT_UNARY)
def test_functions_of_one_float(name, low, high, dtype):
    x = of((3, 17), dtype, low, high)
    theirs = getattr(np, {"positive": "positive"}.get(name, name))(x)
    ours = getattr(lm, name)(x)
    assert ours.dtype == theirs.dtype
    eps = 8 * np.finfo(dtype).eps
    close(ours, theirs, rtol=eps, atol=eps)


@pytest.mark.parametrize("name", [n for n, *_ in FLOAT_UNARY if n not in ("positive",)])
def test_special_values(name):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0], "float32")
    theirs = getattr(np, name)(x)
    close(getattr(lm, name)(x), theirs)


@pytest.mark.parametrize("name", ["sinh", "cosh", "asinh", "expm1", "log1p", "tanh", "atanh"])
def test_exact_near_zero_and_far_out(name):
    small = np.array([1e-30, -1e-20, 1e-7, -1e-4], "float32")
    close(getattr(lm, name)(small), getattr(np, name)(small), rtol=1e-6, atol=0)
    if name in ("sinh", "cosh"):
        close(getattr(lm, name)([89.0, -89.0]), getattr(np, name)(np.float32([89, -89])), rtol=2e-5)
    if name == "asinh":
        close(lm.asinh([1e30, -1e30]), np.arcsinh(np.float32([1e30, -1e30])))


BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "power",
    "atan2",
    "hypot",
    "copysign",
    "fmod",
]
BINARY += [
    "remainder",
    "floor_divide",
    "logaddexp",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
]
BINARY += ["greater_equal", "logical_and", "logical_or", "logical_xor", "nextafter"]


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_floats(name):
    x, y = of((4, 1, 5)), of((3, 5))
    if name == "power":
        x = abs(x)
    theirs = getattr(np, {"atan2": "arctan2"}.get(name, name))(x, y)
    ours = getattr(lm, name)(x, y)
    assert ours.dtype == theirs.dtype
    close(ours, theirs)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint32"])
@pytest.mark.parametrize(
    "name",
    [
        "add",
        "subtract",
        "multiply",
        "maximum",
        "minimum",
        "floor_divide",
        "remainder",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
        "equal",
        "less",
        "greater_equal",
    ],
)
def test_functions_of_two_integers(name, dtype):
    low = 0 if dtype[0] == "u" else -9
    x, y = of((7, 9), dtype, low, 9), of((9,), dtype, low, 9)
    theirs = getattr(np, name)(x, y)
    ours = getattr(lm, name)(x, y)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["int8", "int32", "uint16"])
def test_shifts(dtype):
    x, y = of((20,), dtype, 0, 9), of((20,), dtype, 0, 5)
    np.testing.assert_array_equal(lm.asarray(x) << y, x << y)
    np.testing.assert_array_equal(lm.asarray(-x) >> y, -x >> y)
    np.testing.assert_array_equal(~lm.asarray(x), ~x)


def test_floor_division_of_floats_as_in_python():
    x = np.array([7.0, -7.0, 7.0, -7.0, 0.0, -0.0, 1e30, 5.5, np.inf], "float64")
    y = np.array([2.0, 2.0, -2.0, -2.0, 3.0, 3.0, 7.0, 0.0, 2.0], "float64")
    close(lm.floor_divide(x, y), np.floor_divide(x, y))
    close(lm.remainder(x, y), np.remainder(x, y))
    for ours, theirs in zip(lm.divmod(x, y), np.divmod(x, y), strict=True):
        close(ours, theirs)
    rest = np.remainder(x, y)
    signs = lm.signbit(lm.remainder(x, y)).numpy()[~np.isnan(rest)]
    np.testing.assert_array_equal(signs, np.signbit(rest[~np.isnan(rest)]))


def test_clip_where_round():
    x = of((5, 6))
    for low, high in ((-1, 1), (None, 0.5), (0, None), (x.min(0), 2.0)):
        close(lm.clip(x, low, high), np.clip(x, low, high))
    close(lm.where(x > 0, x, 0), np.where(x > 0, x, 0))
    close(lm.where([[True], [False], [True], [True], [False]], x, x[0]).shape, (5, 6))
    close(lm.round(x * 100, 1), np.round(x * 100, 1), rtol=1e-5)
    close(lm.round(x * 1000, -2), np.round(x * 1000, -2))


@pytest.mark.parametrize("power", [0, 1, 2, 3, 4, 5, 0.5, -1, -2, 2.5])
def test_powers(power):
    x = of((9,), low=0.1, high=3)
    close(lm.asarray(x) ** power, x**power, rtol=1e-5)


def test_isclose():
    x = np.array([1.0, 1.0, np.nan, np.inf, -np.inf])
    y = np.array([1.0 + 1e-9, 1.1, np.nan, np.inf, np.inf])
    for nan in (False, True):
        np.testing.assert_array_equal(
            lm.isclose(x, y, equal_nan=nan), np.isclose(x, y, equal_nan=nan)
        )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_storage_types_compute_in_float32(dtype):
    x = lm.asarray(of((5, 8)), dtype)
    wide = lm.astype(x, "float32")
    for f in (lm.exp, lm.sin, lm.softmax, lm.sum, lm.std, lm.asinh, lambda v: v @ v.T, lm.cumsum):
        result = f(x)
        assert result.dtype == dtype
        close(result, lm.astype(f(wide), dtype), rtol=0, atol=0)
    assert (x + 1.5).dtype == dtype
    assert lm.argmax(x).item() == lm.argmax(wide).item()
    np.testing.assert_array_equal(lm.sort(x), lm.sort(wide))
    np.testing.assert_array_equal(x > 0, wide > 0)


# ---- promotion ---------------------------------------------------------------------------------
DTYPES = ["bool", "int8", "uint8", "int32", "uint32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", DTYPES)
def test_a_float_keeps_its_dtype_with_integers_and_all_else_promotes_as_in_numpy(left, right):
    floats = [name for name in (left, right) if "float" in name]
    expected = floats[0] if len(floats) == 1 else np.result_type(left, right)
    x, y = np.ones(2, left), np.ones(2, right)
    assert lm.result_type(left, right) == lm.result_type(x, right) == expected
    for function in (lm.multiply, lm.maximum, lm.matmul, lambda x, y: lm.where(True, x, y)):
        assert function(x, y).dtype == expected
    assert lm.concat([x, y]).dtype == lm.asarray([lm.asarray(x), lm.asarray(y)]).dtype == expected
    assert (x / lm.asarray(y)).dtype == (expected if floats else "float32")


def test_a_loop_over_integers_and_floats_is_computed_in_float32():
    x, n = lm.ones(3), lm.asarray([1, 2, 3])
    compiled = lm.compile(lambda x, n: lm.sum(x * n + n) / lm.mean(n))
    assert compiled(x, n).dtype == "float32" and compiled(x, n).item() == 6.0
    assert lm.grad(lambda x: lm.sum(x * n))(x).dtype == "float32"


@pytest.mark.parametrize(
    ("source", "target", "kept"),
    [
        *(("int32", "float32", False), ("int16", "float32", True), ("int64", "float64", True)),
        *(("bool", "bfloat16", True), ("uint8", "bfloat16", True), ("int16", "bfloat16", False)),
        *(("bfloat16", "float32", True), ("bfloat16", "float16", False), ("int8", "int8", True)),
        ("float16", "bfloat16", False),
    ],
)
def test_can_cast_is_numpys_rule_of_safe_casts_and_knows_bfloat16(source, target, kept):
    assert lm.can_cast(source, target) is kept


@pytest.mark.parametrize("dtype", DTYPES)
def test_python_numbers_are_weak(dtype):
    x = lm.asarray(np.ones(2, dtype))
    assert (x * True).dtype == dtype
    assert (x + 1).dtype == ("int32" if dtype == "bool" else dtype)
    assert (x + 1.5).dtype == (dtype if "float" in dtype else "float32")
    assert (2 / x).dtype == (dtype if "float" in dtype else "float32")


def test_numbers_beyond_the_dtype_raise():
    x = lm.asarray(np.array([1, 200], "uint8"))
    with pytest.raises(lm.errors.RangeError, match="300 does not fit uint8"):
        x + 300
    assert (x < 300).tolist() == [True, True]
    assert (x > -1).tolist() == [True, True]
    assert (lm.asarray([1.0]) * 1e300).tolist() == [math.inf]


def test_bools():
    x, y = of(9, "bool"), of(9, "bool")
    np.testing.assert_array_equal(lm.add(x, y), np.add(x, y))
    np.testing.assert_array_equal(lm.multiply(x, y), np.multiply(x, y))
    np.testing.assert_array_equal(~lm.asarray(x), ~x)
    with pytest.raises(lm.errors.DTypeError, match=r"subtract.*\n.*logical_xor"):
        lm.subtract(x, y)
    with pytest.raises(lm.errors.DTypeError, match="negative"):
        lm.negative(x)


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(lm.errors.ShapeError, match=r"add: shapes \(2, 3\) and \(4,\)"):
        lm.add(np.ones((2, 3)), np.ones(4))


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


# ---- activations -------------------------------------------------------------------------------
def numpy_softmax(x, axis=-1):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
    ),
    "celu": lambda x: np.maximum(x, 0) + np.minimum(0, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + abs(x)),
    "softmax": numpy_softmax,
    "log_softmax": lambda x: np.log(numpy_softmax(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "log_sigmoid": lambda x: -np.logaddexp(-x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(abs(x) > 0.5, x, 0),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "exponential": np.exp,
    "linear": lambda x: x,
}


def activation(name):
    return next(vars(m)[name] for m in (neural, piecewise, probabilities) if name in vars(m))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = of((6, 8), "float64", -6, 6)
    close(activation(name)(x), ACTIVATIONS[name](x), rtol=1e-12, atol=1e-12)
    extremes = activation(name)(lm.asarray([[-1e4, 0.0, 50.0]]))
    assert np.isfinite(extremes.numpy()).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_activations_are_finite_far_out(name):
    def total(x):
        return lm.sum(activation(name)(x))

    gradient = lm.grad(total)(lm.asarray([[-1e4, -1.0, 0.0, 1.0, 50.0]]))
    assert np.isfinite(gradient.numpy()).all()


def test_sparsemax():
    ours = probabilities.sparsemax(lm.asarray([[3.0, 1.0, 0.2], [0.1, 0.2, 0.3]]))
    close(ours, [[1.0, 0.0, 0.0], [0.7 / 3, 1 / 3, 1.3 / 3]])


def test_glu_threshold_and_l2_normalize():
    x = of((4, 6), "float64")
    close(neural.glu(x), x[:, :3] / (1 + np.exp(-x[:, 3:])))
    close(neural.threshold(x, 0.5, -1.0), np.where(x > 0.5, x, -1.0))
    close(neural.l2_normalize(x), x / np.linalg.norm(x, axis=-1, keepdims=True))
    with pytest.raises(lm.errors.ShapeError, match="glu"):
        neural.glu(x[:, :5])
    exact = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x[0]]
    close(neural.gelu(x[0], approximate=False), exact)


def test_softmax_remembers_its_logits():
    x = lm.asarray(of((2, 3)))
    assert logits.logits_of(lm.softmax(x)) is x
    assert logits.logits_of(lm.softmax(x), "sigmoid") is None
    assert logits.logits_of(lm.sigmoid(x), "sigmoid") is x
    assert logits.logits_of(x) is None
    assert logits.logits_of(lm.softmax(x, axis=0), "softmax") is None
    kept = lm.softmax(x + 0.0)
    logits_of_kept = weakref.ref(logits.logits_of(kept))
    assert logits_of_kept() is not None
    del kept
    assert logits_of_kept() is None

    seen = []

    def traced(x):
        y = lm.softmax(x)
        seen.append(logits.logits_of(y) is not None)
        return y

    with lm.settings(engine="numpy"):
        lm.compile(traced)(x)
    assert seen == [True]


# ---- compiled, and for every batch size --------------------------------------------------------
SAMPLE = {
    "affine": lambda x: lm.softmax(x @ lm.ones((4, 3)) + 0.5),
    "statistics": lambda x: (x - lm.mean(x, 0)) / lm.std(x, 0, correction=0.5),
    "mean of all": lambda x: lm.mean(x),
    "flatten": lambda x: lm.reshape(x, (-1, 2, 2)),
    "ravel": lambda x: lm.ravel(x) * 2,
    "slice": lambda x: x[:, 1:-1],
    "backwards": lambda x: x[::-1, ::2],
    "tail": lambda x: x[1:] - x[:-1],
    "last": lambda x: x[-1],
    "columns": lambda x: x[:, [2, 0]],
    "rows": lambda x: x[lm.argsort(x[:, 0])],
    "transpose": lambda x: x.T @ x,
    "concat": lambda x: lm.concat([x, x * 2], axis=0),
    "stack": lambda x: lm.stack([x, x], axis=1),
    "cumsum": lambda x: lm.cumulative_sum(x, axis=0),
    "cumsum rows": lambda x: lm.cumulative_sum(x, axis=1),
    "argmax": lambda x: lm.argmax(x, 1),
    "sort": lambda x: lm.sort(x, axis=0),
    "top": lambda x: lm.top_k(x, 2).values,
    "one hot": lambda x: lm.one_hot(lm.argmin(x, 1), 4),
    "where": lambda x: lm.where(x > 0, x, -1.0),
    "pad": lambda x: lm.pad(x, ((1, 1), (0, 2))),
    "roll": lambda x: lm.roll(x, 1, axis=0),
    "tile": lambda x: lm.tile(x, (2, 1)),
    "repeat": lambda x: lm.repeat(x, 2, axis=0),
    "broadcast": lambda x: lm.broadcast_to(lm.asarray(1.0), x.shape) + x,
    "zeros like": lambda x: lm.zeros_like(x) + lm.ones(x.shape) * x,
    "positions": lambda x: x * lm.astype(lm.arange(x.shape[0]), "float32")[:, None],
    "expand": lambda x: x[:, None, :] - x[None, :, :],
    "einsum": lambda x: lm.einsum("bi,ci->bc", x, x),
    "update": lambda x: x.at[:, 1].set(0.0),
    "update rows": lambda x: x.at[lm.asarray([0, 0])].add(1.0),
    "update some": lambda x: x.at[::2, 0].multiply(3.0),
    "along": lambda x: lm.take_along_axis(x, lm.argsort(x, axis=1), axis=1),
    "logsumexp": lambda x: lm.logsumexp(x, 1, keepdims=True),
    "flip": lambda x: lm.flip(x),
    "moveaxis": lambda x: lm.moveaxis(x, 0, 1),
    "squeeze": lambda x: lm.squeeze(lm.expand_dims(x, 1), 1),
    "floor_divide": lambda x: x // 0.7 + x % 0.7,
    "asinh": lambda x: lm.asinh(x) + lm.hypot(x, 1.0) + lm.logaddexp(x, 0.0),
    "scatter": lambda x: lm.bincount(lm.argmax(x, 1), length=4),
    "eye": lambda x: x @ lm.eye(4),
}


@pytest.mark.parametrize("name", SAMPLE)
def test_compiled_is_eager_for_every_batch_size(name):
    f = SAMPLE[name]
    x = of((5, 4))
    with lm.settings(engine="numpy"):
        close(lm.compile(f)(lm.asarray(x)), f(lm.asarray(x)), rtol=1e-6)
        symbolic = lm.compile(f, signature=[lm.Spec(("batch", 4))])
        count = lm.compile_stats().count
        for rows in (5, 2, 8):
            x = of((rows, 4))
            ours, theirs = symbolic(lm.asarray(x)), f(lm.asarray(x))
            assert ours.shape == theirs.shape
            assert ours.dtype == theirs.dtype
            close(ours, theirs, rtol=1e-6)
        assert lm.compile_stats().count == count + 1


def test_constants_in_a_program_stay_small():
    """A repeated number is a number and a broadcast, not a large array."""

    def f(x):
        return lm.relu(x * 2.0) + lm.zeros(x.shape) + lm.ones((64, 64)) + lm.eye(64)

    recorded, _ = lm.compile(f).recorded(lm.ones((64, 64)))
    assert recorded.captured == []
    sizes = [n.params["value"].size for n in recorded.graph.nodes() if n.op == "constant"]
    assert max(sizes) == 1


# ---- random shapes -----------------------------------------------------------------------------
EXTENTS = st.sampled_from([0, 1, 2, 3, 7])


@st.composite
def broadcasting(draw):
    full = draw(st.lists(EXTENTS, max_size=4))

    def part():
        kept = full[draw(st.integers(0, len(full))) :]
        return tuple(1 if draw(st.booleans()) else n for n in kept)

    return part(), part()


@examples(max_examples=40, deadline=None)
@given(broadcasting(), st.sampled_from(["add", "maximum", "less", "divide", "logaddexp"]))
def test_broadcasting_of_random_shapes(shapes, name):
    x, y = of(shapes[0]), of(shapes[1])
    with np.errstate(all="ignore"):
        close(getattr(lm, name)(x, y), getattr(np, name)(x, y), rtol=1e-5, atol=1e-5)


@examples(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4), st.data())
def test_reductions_of_random_shapes(shape, data):
    x = of(tuple(shape), "float64")
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1)))
    keepdims = data.draw(st.booleans())
    for name in ("sum", "max", "mean", "std"):
        theirs = getattr(np, name)(x, axis=tuple(axes), keepdims=keepdims)
        close(getattr(lm, name)(x, axis=tuple(axes), keepdims=keepdims), theirs)


@examples(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=4), st.data())
def test_permutations_of_random_shapes(shape, data):
    x = of(tuple(shape))
    order = data.draw(st.permutations(range(len(shape))))
    np.testing.assert_array_equal(lm.permute_dims(x, order), np.permute_dims(x, order))
    shift = data.draw(st.integers(-5, 5))
    axis = data.draw(st.integers(0, len(shape) - 1))
    np.testing.assert_array_equal(joining.roll(x, shift, axis=axis), np.roll(x, shift, axis=axis))


# ---- gradients of what is composed here --------------------------------------------------------
COMPOSED = {
    "sinh": (lm.sinh, np.cosh), "cosh": (lm.cosh, np.sinh),
    "asinh": (lm.asinh, lambda x: 1 / np.sqrt(x * x + 1)),
    "atan": (lm.atan, lambda x: 1 / (x * x + 1)), "tan": (lm.tan, lambda x: 1 / np.cos(x) ** 2),
    "log2": (lm.log2, lambda x: 1 / (x * np.log(2))), "cube": (lambda x: x**3, lambda x: 3 * x * x),
    "softplus": (probabilities.softplus, lambda x: 1 / (1 + np.exp(-x))),
    "logsumexp": (lambda x: lm.logsumexp(x), numpy_softmax),
    "hypot": (lambda x: lm.hypot(x, 0.0), np.sign),
    "cumsum": (lm.cumsum, lambda x: np.arange(len(x), 0.0, -1.0)),
    "std": (lm.std, lambda x: (x - x.mean()) / (len(x) * x.std())),
    "norm": (lm.linalg.norm, lambda x: x / np.linalg.norm(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
def test_gradients(name):
    f, derivative = COMPOSED[name]
    x = np.array([0.3, 1.2, 0.7, 2.1])
    close(lm.grad(lambda v: lm.sum(f(v)))(lm.asarray(x)), derivative(x), rtol=1e-9)


def test_gradients_at_zero():
    zero = lm.asarray(0.0)
    for f in (lm.sinh, lm.asinh, lm.atan, lm.asin, lm.atanh, lm.tan):
        assert lm.grad(f)(zero).item() == pytest.approx(1.0)
    assert lm.grad(lm.cosh)(zero).item() == 0.0


# ---- nn ----------------------------------------------------------------------------------------
def test_cross_entropies_on_logits():
    x = of((4, 3), "float64", -50, 50)
    labels = np.array([0, 2, 1, 1])
    expected = np.array([np.logaddexp.reduce(row) - row[k] for row, k in zip(x, labels)])
    close(lm.nn.sparse_softmax_cross_entropy_with_logits(labels, x), expected)
    close(lm.nn.softmax_cross_entropy_with_logits(np.eye(3)[labels], x), expected)
    y = of((4, 3), "bool").astype("float64")
    close(
        lm.nn.sigmoid_cross_entropy_with_logits(y, x),
        np.logaddexp(x, 0) - x * y,
    )
    with pytest.raises(lm.errors.ShapeError, match="sparse_softmax"):
        lm.nn.softmax_cross_entropy_with_logits(labels, x)


def test_dropout_keeps_the_mean():
    x = lm.ones((100, 100))
    y = lm.nn.dropout(x, 0.25, key=1).numpy()
    assert set(np.unique(y).tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert abs(y.mean() - 1) < 0.02
