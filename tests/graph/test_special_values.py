"""Signed zeros, infinities and NaN go through every elementwise function as through NumPy's.

Each row is compared in both engines and eagerly, in float32 and float64; zeros by their sign.
"""

import math

import numpy as np
import pytest

import lamina as lm

VALUES = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 2.5, -2.5, 3.0, -3.0, 1e-30, -1e-30]
VALUES += [200.0, -200.0, 1e30, -1e30, math.inf, -math.inf, math.nan]


def erf(x):
    return np.array([math.erf(v) for v in x.astype(float)], x.dtype)


def erfc(x):
    return np.array([math.erfc(v) for v in x.astype(float)], x.dtype)


def sign(x):
    """As NumPy's, but a zero keeps its sign, as in JAX, StableHLO and C."""
    return np.where(x == 0, x, np.sign(x))


def named(names):
    return {name: getattr(np, name) for name in names.split()}


# the functions of lamina, and of lamina.keras.ops those that only Keras has, and NumPy's
ONE = named(
    """abs acos acosh asin asinh atan atanh cbrt ceil cos cosh deg2rad exp exp2 expm1 floor isfinite
    isinf isnan isneginf isposinf log log10 log1p log2 logical_not nan_to_num negative positive
    rad2deg reciprocal round signbit sin sinc sinh sqrt square tan tanh trunc"""
) | {"erf": erf, "erfc": erfc, "rsqrt": lambda x: 1 / np.sqrt(x), "sign": sign}
TWO = named(
    """add atan2 copysign divide equal floor_divide fmax fmin fmod greater greater_equal heaviside
    hypot less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum
    mod multiply nextafter not_equal power remainder subtract"""
)


ABSOLUTE = {"erfc": 1e-7}  # computed as 1 - erf


def ways(name, *arrays):
    """The result eagerly, on the reference engine and compiled."""
    function = getattr(lm, name, None) or getattr(lm.keras.ops, name)
    yield "eager", np.asarray(function(*map(lm.asarray, arrays)))
    for engine in ("numpy", "llvm"):
        with lm.settings(engine=engine):
            compiled = lm.compile(lambda *xs: function(*xs))
            yield engine, np.asarray(compiled(*map(lm.asarray, arrays)))


def differences(name, expected, arrays, found):
    """Describe the differences."""
    tolerance = 2e-5 if expected.dtype == np.float32 else 1e-11
    with np.errstate(all="ignore"):
        close = np.isclose(
            found, expected, rtol=tolerance, atol=ABSOLUTE.get(name, 0), equal_nan=True
        )
    if expected.dtype.kind == "f":
        zero = (expected == 0) | (found == 0)
        close &= ~zero | (np.signbit(expected) == np.signbit(found)) & (expected == found)
    return [
        f"{name}({', '.join(str(a[k]) for a in arrays)}) = {found[k]}, expected {expected[k]}"
        for k in np.flatnonzero(~close)
    ]


def check(name, reference, arrays):
    with np.errstate(all="ignore"):
        expected = reference(*arrays)
    wrong = []
    for way, found in ways(name, *arrays):
        wrong += [f"{way}: {line}" for line in differences(name, expected, arrays, found)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ONE)
def test_special_values_of_one_argument(name, dtype):
    check(name, ONE[name], [np.array(VALUES, dtype)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TWO)
def test_special_values_of_two_arguments(name, dtype):
    x = np.array(VALUES, dtype)
    check(name, TWO[name], [np.repeat(x, len(x)), np.tile(x, len(x))])


@pytest.mark.parametrize("name", ["asinh", "sinh", "tan", "atan", "atanh", "expm1", "log1p", "erf"])
def test_odd_functions_keep_the_slope_at_both_zeros(name):
    slope = 2 / math.sqrt(math.pi) if name == "erf" else 1.0
    found = lm.grad(lambda x: lm.sum(getattr(lm, name)(x)))(lm.asarray([0.0, -0.0]))
    np.testing.assert_allclose(found, [slope, slope], rtol=1e-6)


MOVES = {
    "diagonal": lambda m, x: m.diagonal(x, offset=1, axis1=0, axis2=1),
    "diag": lambda m, x: m.diag(x),
    "diag of a vector": lambda m, x: m.diag(x[0], -1),
    "einsum": lambda m, x: m.einsum("ii->i", x),
    "triu": lambda m, x: m.triu(x),
    "roll": lambda m, x: m.roll(x, 1, axis=0),
    "take_along_axis": lambda m, x: m.take_along_axis(x, m.argsort(x, axis=1), axis=1),
    "repeat": lambda m, x: m.repeat(x, 2, axis=1),
    "sort": lambda m, x: m.sort(x, axis=1),
    "flip": lambda m, x: m.flip(x),
}


@pytest.mark.parametrize("name", MOVES)
def test_functions_that_move_elements_keep_their_bits(name):
    x = np.array([[-0.0, 2.0, -1.0], [-math.inf, -0.0, 0.5], [3.0, math.nan, -0.0]], "float32")
    expected = MOVES[name](np, x)
    assert np.asarray(MOVES[name](lm, lm.asarray(x))).tobytes() == expected.tobytes()
    compiled = lm.compile(lambda x: MOVES[name](lm, x))
    assert np.asarray(compiled(lm.asarray(x))).tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bool", "int8"])
@pytest.mark.parametrize("offset", [-4, -3, -2, 0, 1, 3, 4, 9])
def test_diagonals_of_any_offset_and_dtype(offset, dtype):
    x = (np.arange(24).reshape(2, 3, 4) % 5).astype(dtype)
    expected = np.diagonal(x, offset, -2, 0)

    def diagonal(x):
        return lm.diagonal(x, offset=offset, axis1=-2, axis2=0)

    for f in (diagonal, lm.compile(diagonal)):
        found = f(x)
        assert found.dtype == dtype
        np.testing.assert_array_equal(np.asarray(found), expected)
