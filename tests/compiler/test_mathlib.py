"""The vector mathematics stays within its stated errors, is exact at special points, and gives the
same bits at every width."""

import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lamina.engines.llvm.codegen import mathlib
from lamina.engines.llvm.codegen.mathlib import ERROR_BOUNDS
from lamina.engines.llvm.target.target import host, using
from lamina.ir.types import DType, float32, float64
from lamina.reference import special
from llvm_kernel import Kernel

inf, nan = math.inf, math.nan
Wide = np.longdouble
UNARY = [name for name in ERROR_BOUNDS if name not in ("pow", "atan2")]
BINARY = ["pow", "atan2"]
needs_long_double = pytest.mark.skipif(
    np.finfo(Wide).nmant < 60, reason="long double of this platform is as wide as double"
)

# Where an algorithm changes its way: zero, the ends of the denormals, of exp and of the finite
# numbers, one, ln2 / 2, the edges of erf, saturation of tanh, the last angle reduced in-line.
EDGES = (
    0.0, 2.0**-126, 2.0**-25, 0.5, math.log(2) / 2, math.sqrt(0.5), 1.0, math.sqrt(2), 0.9375,
    4.0, 9.01, 17.33, 87.336, 88.7228, 103.28, 103.97, math.pi / 4, math.pi, 2.0**38, 3.4028235e38,
)  # fmt: skip


# ---- numbers to try ----------------------------------------------------------------------------
def float32_sweep() -> np.ndarray:
    """Every 1009th pattern of 32 bits, and 200 neighbors on either side of each edge."""
    grid = np.arange(0, 2**32, 1009, dtype=np.uint64)
    edges = np.array(EDGES, np.float32).view(np.uint32).astype(np.int64)
    near = np.abs(edges[:, None] + np.arange(-200, 201)).ravel()
    patterns = np.concatenate([grid, near, near + 2**31]).astype(np.uint32)
    return whole_vectors(patterns.view(np.float32))


def float64_sweep() -> np.ndarray:
    """Random numbers of every magnitude and near one, and neighbors of the edges."""
    rng = np.random.default_rng(3)
    n = 30_000
    any_size = np.ldexp(rng.uniform(0.5, 1, n), rng.integers(-1073, 1025, n))
    usual = np.ldexp(rng.uniform(0.5, 1, n), rng.integers(-40, 40, n))
    edges = np.array([*EDGES, 708.4, 709.782712893384, 745.13, 6.0, 1.7976931348623157e308])
    near = np.abs(edges.view(np.int64)[:, None] + np.arange(-50, 51)).ravel().view(np.float64)
    positive = np.concatenate([any_size, usual, near, rng.uniform(0, 40, n)])
    return whole_vectors(np.concatenate([positive, -positive]))


def pairs(dtype: DType) -> tuple[np.ndarray, np.ndarray]:
    """Operands of pow and atan2: usual ones, near one with great exponents, of every magnitude."""
    rng = np.random.default_rng(4)
    n, reach = 40_000, 120 if dtype == float32 else 1020
    steep = 8e3 if dtype == float32 else 7e4
    rows = [
        (rng.uniform(0, 10, n), rng.uniform(-30, 30, n)),
        (rng.uniform(0.99, 1.01, n), rng.uniform(-steep, steep, n)),
        (
            np.ldexp(rng.uniform(0.5, 1, n), rng.integers(-reach, reach, n)),
            rng.uniform(-1.2, 1.2, n),
        ),
        (rng.uniform(-10, 10, n), rng.integers(-30, 30, n)),
        (rng.standard_normal(n), rng.standard_normal(n)),
    ]
    xs, ys = (np.concatenate(column).astype(dtype.storage) for column in zip(*rows))
    return whole_vectors(xs), whole_vectors(ys)


def whole_vectors(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(x[: len(x) // 48 * 48])


# ---- what is right -----------------------------------------------------------------------------
def logistic(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def erf_series(x: np.ndarray) -> np.ndarray:
    """erf(x) = 2/sqrt(pi) exp(-x^2) (x + 2x^3/3 + 4x^5/15 + ...), all terms of one sign."""
    a = np.clip(x, -7, 7)
    term = total = a
    for k in range(1, 200):
        term = term * (2 * a * a / (2 * k + 1))
        total = total + term
    return total * np.exp(-a * a) * (2 / np.sqrt(Wide("3.14159265358979323846264338327950288")))


def oracle(name: str, wide: type) -> Callable[..., np.ndarray]:
    erf = special.erf if wide is np.float64 else erf_series
    named = {"erf": erf, "logistic": logistic, "pow": np.power, "atan2": np.arctan2}
    return named.get(name) or getattr(np, name)


def errors(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """|got - want| in units of the last place of want; infinite where NaN, infinity or the sign of
    zero differ."""
    info = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        nearest = want.astype(got.dtype)
        finite = np.isfinite(nearest) & np.isfinite(got)
        _, exponent = np.frexp(np.where(finite, want, 1))
        lowest = info.minexp - info.nmant
        unit = np.ldexp(want.dtype.type(1), np.maximum(exponent - info.nmant - 1, lowest))
        error = np.where(finite, np.abs(got - want) / unit, 0)
        same = (nearest == got) | (np.isnan(nearest) & np.isnan(got))
    signed = (nearest == 0) & (np.signbit(nearest) != np.signbit(got))
    return np.where((finite | same) & ~signed, error, inf)


def kernel(name: str, dtype: DType, lanes: int = 16) -> Kernel:
    count = 2 if name in BINARY else 1
    return Kernel(getattr(mathlib, name), [dtype] * count, dtype, lanes)


def check(name: str, dtype: DType, arguments: tuple[np.ndarray, ...], wide: type) -> None:
    with np.errstate(all="ignore"):
        want = oracle(name, wide)(*(a.astype(wide) for a in arguments))
    error = errors(kernel(name, dtype)(*arguments), want)
    worst = int(np.argmax(error))
    bound = ERROR_BOUNDS[name][dtype.name]
    at = [repr(a[worst]) for a in arguments]
    assert error[worst] <= bound, f"{name}({', '.join(at)}) is {error[worst]} ulp off"
    assert bound < 2 * error[worst] + 0.2, f"the bound of {name} is too loose: {error[worst]} ulp"


# ---- tests -------------------------------------------------------------------------------------
@needs_long_double
@pytest.mark.parametrize("name", [*UNARY, *BINARY])
def test_bounds_hold_without_fused_multiply_add_and_nothing_calls_the_c_library(name: str) -> None:
    without = replace(host(), machine=replace(host().machine, fma=False))
    with using(without):
        for dtype, wide in ((float32, np.float64), (float64, Wide)):
            sweep = float32_sweep if dtype == float32 else float64_sweep
            arguments = pairs(dtype) if name in BINARY else (sweep(),)
            made = kernel(name, dtype)
            assert "llvm.fma." not in made.text
            with np.errstate(all="ignore"):
                want = oracle(name, wide)(*(a.astype(wide) for a in arguments))
            assert errors(made(*arguments), want).max() <= ERROR_BOUNDS[name][dtype.name]


@pytest.mark.parametrize("name", UNARY)
def test_float32_within_bound_over_the_whole_range(name: str) -> None:
    check(name, float32, (float32_sweep(),), np.float64)


@needs_long_double
@pytest.mark.parametrize("name", UNARY)
def test_float64_within_bound(name: str) -> None:
    check(name, float64, (float64_sweep(),), Wide)


@pytest.mark.parametrize("name", BINARY)
def test_float32_of_two_within_bound(name: str) -> None:
    check(name, float32, pairs(float32), np.float64)


@needs_long_double
@pytest.mark.parametrize("name", BINARY)
def test_float64_of_two_within_bound(name: str) -> None:
    check(name, float64, pairs(float64), Wide)


SPECIAL = {
    "exp": [(0.0, 1), (-0.0, 1), (inf, inf), (-inf, 0), (nan, nan), (1e30, inf), (-1e30, 0)],
    "expm1": [
        (0.0, 0),
        (-0.0, -0.0),
        (inf, inf),
        (-inf, -1),
        (nan, nan),
        (1e30, inf),
        (-1e30, -1),
        (1e-45, 1e-45),
    ],
    "log": [
        (0.0, -inf),
        (-0.0, -inf),
        (1.0, 0),
        (inf, inf),
        (-inf, nan),
        (-1.0, nan),
        (nan, nan),
        (-1e-45, nan),
    ],
    "log1p": [
        (0.0, 0),
        (-0.0, -0.0),
        (-1.0, -inf),
        (inf, inf),
        (-inf, nan),
        (-2.0, nan),
        (nan, nan),
    ],
    "tanh": [
        (0.0, 0),
        (-0.0, -0.0),
        (inf, 1),
        (-inf, -1),
        (nan, nan),
        (30.0, 1),
        (-30.0, -1),
        (1e-45, 1e-45),
    ],
    "logistic": [(0.0, 0.5), (inf, 1), (-inf, 0), (nan, nan), (1e30, 1), (-1e30, 0)],
    "erf": [(0.0, 0), (-0.0, -0.0), (inf, 1), (-inf, -1), (nan, nan), (6.0, 1), (-6.0, -1)],
    "sin": [(0.0, 0), (-0.0, -0.0), (inf, nan), (-inf, nan), (nan, nan), (1e-45, 1e-45)],
    "cos": [(0.0, 1), (-0.0, 1), (inf, nan), (-inf, nan), (nan, nan), (1e-45, 1)],
    "cbrt": [(0.0, 0), (-0.0, -0.0), (inf, inf), (-inf, -inf), (nan, nan), (27.0, 3), (-8.0, -2)],
}


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_special_values_are_exact(name: str, dtype: DType) -> None:
    x, want = np.array(SPECIAL[name], dtype.storage).T.copy()
    got = kernel(name, dtype, lanes=0)(x)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got[want == 0]), np.signbit(want[want == 0]))


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_special_pairs_are_as_c99_has_them(name: str, dtype: DType) -> None:
    """NumPy's power and arctan2 are C's; where those give a special value, ours must be it."""
    values = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 2.0**24 + 2, 2.0**23 + 1, 1e-40, 1e30, inf]
    axis = np.array([*values, *(-v for v in values), nan], dtype.storage)
    x, y = (a.ravel() for a in np.meshgrid(axis, axis))
    with np.errstate(all="ignore"):
        want = oracle(name, dtype.storage.type)(x, y)
    got = kernel(name, dtype, lanes=0)(x, y)
    exact = ~np.isfinite(want) | (want == 0) | (np.abs(want) == 1)
    np.testing.assert_array_equal(got[exact], want[exact])
    zero = exact & (want == 0)
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))
    np.testing.assert_allclose(got, want, rtol=8 * np.finfo(want.dtype).eps)


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", list(ERROR_BOUNDS))
def test_every_width_gives_the_same_bits(name: str, dtype: DType) -> None:
    rng = np.random.default_rng(5)
    n = 4800
    x = np.ldexp(rng.uniform(-1, 1, n), rng.integers(-30, 60, n)).astype(dtype.storage)
    x[:4] = 0, inf, -inf, nan
    arguments = (x, rng.permutation(x)) if name in BINARY else (x,)
    first, *others = (kernel(name, dtype, lanes)(*arguments) for lanes in (0, 3, 4, 16))
    patterns = np.dtype(f"u{dtype.itemsize}")
    number = ~np.isnan(first)
    for other in others:
        np.testing.assert_array_equal(np.isnan(other), ~number)
        np.testing.assert_array_equal(first.view(patterns)[number], other.view(patterns)[number])


@pytest.mark.parametrize("name", list(ERROR_BOUNDS))
def test_nothing_calls_the_c_library(name: str) -> None:
    assembly = kernel(name, float32).assembly
    if re.search(r"\bfmaf?\b", assembly):
        pytest.skip("this processor has no fused multiply-add")
    jump = r"^\s+(?:(?:callq?|jmpq?|bl)\s+_?|movabsq\s+\$_?)([A-Za-z][\w.]*)"
    called = re.findall(jump, assembly, re.MULTILINE)
    assert [c for c in called if not c.startswith(("lamina.", "L"))] == []


def test_the_hardest_angle() -> None:
    """Of all doubles the nearest to a multiple of pi/2 (J.-M. Muller, Elementary Functions)."""
    x = np.array([math.ldexp(6381956970095103, 797)])
    assert kernel("cos", float64, lanes=0)(x)[0] == -4.68716592425462761112e-19
    assert kernel("sin", float64, lanes=0)(x)[0] == 1.0


def test_every_bound_is_stated_for_both_precisions() -> None:
    functions = {name for name in mathlib.__all__ if name.islower()}
    assert set(ERROR_BOUNDS) == functions
    assert all(set(row) == {"float32", "float64"} for row in ERROR_BOUNDS.values())
