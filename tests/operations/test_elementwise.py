"""Elementwise operations against NumPy, and the dtypes that operands are promoted to."""

import math

import numpy as np
import pytest

import lamina as lm
from operands import close, of

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, at infinities


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
