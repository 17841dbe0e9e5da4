"""Elementwise functions: arithmetic, comparison, logic, rounding, exponentials, trigonometry.

Each takes tensors and anything `as_tensor` takes, promotes and broadcasts as NumPy 2 does;
16-bit floats are computed in float32. Names and meanings are the Array API standard's.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

from lamina.errors import DTypeError
from lamina.ir.types import bool_, float32, float64, int16, int32, int64
from lamina.operations.promote import (
    broadcast,
    floating,
    is_weak,
    like,
    need_kind,
    promoted,
    scalar,
    widened,
)
from lamina.tensor import Tensor, as_tensor, bind

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "abs", "absolute", "acos", "acosh", "add", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and",
    "bitwise_invert", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "cbrt", "ceil", "clip", "copysign", "cos", "cosh", "divide", "divmod", "equal", "erf",
    "exp", "exp2", "expm1", "floor", "floor_divide", "fmod", "greater", "greater_equal",
    "hypot", "isclose", "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log10",
    "log1p", "log2", "logaddexp", "logical_and", "logical_not", "logical_or", "logical_xor",
    "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal", "positive", "pow",
    "power", "reciprocal", "remainder", "round", "rsqrt", "sign", "signbit", "sin", "sinh",
    "sqrt", "square", "subtract", "tan", "tanh", "trunc", "where",
]
# fmt: on


_ON_BOOLS = {"add": "or", "multiply": "and", "maximum": "or", "minimum": "and"}
_SUBTRACT_HINT = "use lm.logical_xor for bools"


# ---- the ways to apply a primitive -------------------------------------------------------------
def _narrowed(result: Tensor, x: Tensor) -> Tensor:
    return as_tensor(result, x.dtype) if x.dtype.is_storage_only else result


def _unary(primitive: str, x: Tensor) -> Tensor:
    """A primitive of one operand; 16-bit floats are computed in float32."""
    if not x._type.dtype.is_storage_only:
        return bind(primitive, x)  # type: ignore[no-any-return]
    return _narrowed(bind(primitive, widened(x)), x)


def _of_float(primitive: str, x: Any) -> Tensor:
    """A primitive of one floating operand; integers become float32."""
    return _unary(primitive, floating(x))


def aligned(function: str, *values: Any, floats: bool = False) -> list[Tensor]:
    """The operands in one dtype and one shape."""
    x = values[0]
    alike = type(x) is Tensor and all(type(v) is Tensor and v._type == x._type for v in values)
    if alike and (x._type.dtype.is_float or not floats):
        return list(values)
    return broadcast(promoted(values, floating=floats), function)


def _binary(function: str, primitive: str, x: Any, y: Any, *, floats: bool = False) -> Tensor:
    """A primitive of two numbers."""
    a, b = aligned(function, x, y, floats=floats)
    dtype = a._type.dtype
    if dtype.kind == "b":
        need_kind(function, a, "b" if primitive in _ON_BOOLS else "", "numbers", _SUBTRACT_HINT)
        primitive = _ON_BOOLS[primitive]
    if dtype.is_storage_only:
        return _narrowed(bind(primitive, widened(a), widened(b)), a)
    return bind(primitive, a, b)  # type: ignore[no-any-return]


def _compare(function: str, direction: str, x: Any, y: Any) -> Tensor:
    x, y = _fitting(x, y), _fitting(y, x)
    a, b = aligned(function, x, y)
    return bind("compare", widened(a), widened(b), direction=direction)  # type: ignore[no-any-return]


def _fitting(value: Any, beside: Any) -> Any:
    """An integer beyond the other operand's dtype keeps its own: 300 is no uint8."""
    if type(value) is not int or is_weak(beside):
        return value
    dtype = as_tensor(beside).dtype
    if not dtype.is_integer:
        return value
    low = -(2 ** (dtype.bits - 1)) if dtype.kind == "i" else 0
    fits = low <= value < low + 2**dtype.bits
    return value if fits else as_tensor(value)


def _bits(function: str, primitive: str, x: Any, y: Any) -> Tensor:
    a, b = aligned(function, x, y)
    need_kind(function, a, "biu", "integers or bools")
    return bind(primitive, a, b)  # type: ignore[no-any-return]


def _as_bool(x: Any) -> Tensor:
    return as_tensor(x, bool_)


# ---- arithmetic --------------------------------------------------------------------------------
def add(x: Any, y: Any, /) -> Tensor:
    """x + y; of bools, x or y."""
    return _binary("add", "add", x, y)


def subtract(x: Any, y: Any, /) -> Tensor:
    """x - y."""
    return _binary("subtract", "subtract", x, y)


def multiply(x: Any, y: Any, /) -> Tensor:
    """x * y; of bools, x and y."""
    return _binary("multiply", "multiply", x, y)


def divide(x: Any, y: Any, /) -> Tensor:
    """x / y; integers become float32 first."""
    return _binary("divide", "divide", x, y, floats=True)


def floor_divide(x: Any, y: Any, /) -> Tensor:
    """The floor of x / y, as Python's `//`; integers by zero give 0."""
    return _floored("floor_divide", x, y)[0]


def remainder(x: Any, y: Any, /) -> Tensor:
    """x - floor(x / y) * y, which has y's sign, as Python's `%`; integers by zero give 0."""
    return _floored("remainder", x, y)[1]


def divmod(x: Any, y: Any, /) -> tuple[Tensor, Tensor]:
    """(x // y, x % y)."""
    return _floored("divmod", x, y)


def _floored(function: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    a, b = aligned(function, x, y)
    need_kind(function, a, "iuf", "numbers")
    wide = (widened(a), widened(b))
    quotient, rest = _floored_floats(*wide) if a.dtype.is_float else _floored_integers(a, b)
    return _narrowed(quotient, a), _narrowed(rest, a)


def _floored_integers(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    zero = like(0, y)
    by_zero = bind("compare", y, zero, direction="EQ")
    quotient, rest = bind("divide", x, y), bind("remainder", x, y)
    if x.dtype.kind == "i":
        below = logical_and(not_equal(rest, zero), not_equal(less(rest, zero), less(y, zero)))
        quotient = where(below, subtract(quotient, 1), quotient)
        rest = where(below, add(rest, y), rest)
    return where(by_zero, zero, quotient), where(by_zero, zero, rest)


def _floored_floats(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """As CPython's float_divmod: exact remainder first, then a quotient without rounding error."""
    zero = like(0, y)
    rest = bind("remainder", x, y)
    quotient = divide(subtract(x, rest), y)
    below = logical_and(not_equal(rest, zero), not_equal(less(rest, zero), less(y, zero)))
    rest = where(below, add(rest, y), rest)
    quotient = where(below, subtract(quotient, 1), quotient)
    whole = floor(quotient)
    whole = where(greater(subtract(quotient, whole), 0.5), add(whole, 1), whole)
    whole = where(equal(quotient, zero), copysign(zero, divide(x, y)), whole)
    rest = where(equal(rest, zero), copysign(zero, y), rest)
    by_zero = equal(y, zero)
    nan = like(math.nan, y)
    return where(by_zero, divide(x, y), whole), where(by_zero, nan, rest)


def fmod(x: Any, y: Any, /) -> Tensor:
    """The remainder that has x's sign, as C's fmod."""
    return _binary("fmod", "remainder", x, y)


def power(x: Any, y: Any, /) -> Tensor:
    """x to the power y. Small whole exponents known in Python become products."""
    if is_weak(y) and type(y) is not bool and not is_weak(x):
        base = as_tensor(x)
        if y in _PRODUCTS and (base.dtype.is_float or (type(y) is int and base.dtype.is_integer)):
            return _PRODUCTS[y](base)
        if y == 0.5 and base.dtype.is_float:
            return sqrt(base)
        if type(y) is int and y < 0 and not base.dtype.is_float:
            base, y = floating(base), float(y)
        if y == -1 and base.dtype.is_float:
            return reciprocal(base)
        x = base
    return _binary("power", "power", x, y)


pow = power


_PRODUCTS = {
    1: lambda x: x,
    2: lambda x: multiply(x, x),
    3: lambda x: multiply(multiply(x, x), x),
    4: lambda x: square(multiply(x, x)),
}


def square(x: Any, /) -> Tensor:
    """x * x."""
    tensor = as_tensor(x)
    return multiply(tensor, tensor)


def reciprocal(x: Any, /) -> Tensor:
    """1 / x."""
    return divide(1, floating(x))


def negative(x: Any, /) -> Tensor:
    """-x."""
    tensor = as_tensor(x)
    need_kind("negative", tensor, "iuf", "numbers", "use lm.logical_not for bools")
    return _unary("negate", tensor)


def positive(x: Any, /) -> Tensor:
    """+x."""
    tensor = as_tensor(x)
    need_kind("positive", tensor, "iuf", "numbers")
    return tensor


def abs(x: Any, /) -> Tensor:
    """The magnitude of x."""
    tensor = as_tensor(x)
    return tensor if tensor.dtype.kind in "bu" else _unary("abs", tensor)


absolute = abs


def sign(x: Any, /) -> Tensor:
    """-1, 0 or 1; NaN stays NaN."""
    tensor = as_tensor(x)
    need_kind("sign", tensor, "iuf", "numbers")
    return _unary("sign", tensor)


def maximum(x: Any, y: Any, /) -> Tensor:
    """The larger of x and y; NaN where either is."""
    return _binary("maximum", "maximum", x, y)


def minimum(x: Any, y: Any, /) -> Tensor:
    """The smaller of x and y; NaN where either is."""
    return _binary("minimum", "minimum", x, y)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Tensor:
    """minimum(maximum(x, min), max); a bound of None is no bound."""
    if min is None or max is None:
        low = as_tensor(x) if min is None else maximum(x, min)
        return low if max is None else minimum(low, max)
    a, low, high = aligned("clip", x, min, max)
    if a.dtype.kind == "b":
        return minimum(maximum(a, low), high)
    return _narrowed(bind("clamp", widened(low), widened(a), widened(high)), a)


def hypot(x: Any, y: Any, /) -> Tensor:
    """sqrt(x^2 + y^2), without overflow on the way."""
    a, b = (abs(v) for v in aligned("hypot", x, y, floats=True))
    large, small = maximum(a, b), minimum(a, b)
    nothing = equal(large, 0)
    ratio = divide(small, where(nothing, 1.0, large))
    finite = multiply(large, sqrt(add(square(ratio), 1)))
    return where(logical_or(isinf(a), isinf(b)), math.inf, where(nothing, large, finite))


def copysign(x: Any, y: Any, /) -> Tensor:
    """x's magnitude with y's sign, that of a zero or NaN included."""
    a, b = aligned("copysign", x, y, floats=True)
    magnitude = abs(a)
    return where(signbit(b), negative(magnitude), magnitude)


_SAME_BITS = {16: int16, 32: int32, 64: int64}


def signbit(x: Any, /) -> Tensor:
    """True where x's sign is minus, -0.0 included."""
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return less(tensor, 0) if tensor.dtype.kind == "i" else as_tensor(like(0, tensor), bool_)
    bits = bind("bitcast_convert", tensor, dtype=_SAME_BITS[tensor.dtype.bits])
    return less(bits, 0)


def nextafter(x: Any, y: Any, /) -> Tensor:
    """The float next to x on the way to y; float32 and float64."""
    a, b = aligned("nextafter", x, y, floats=True)
    if a.dtype.is_storage_only:
        raise DTypeError(f"nextafter: needs float32 or float64; got {a.dtype}")
    integer = int64 if a.dtype == float64 else int32
    bits = bind("bitcast_convert", a, dtype=integer)
    away = equal(greater(b, a), greater(a, 0))  # away from zero means one more bit
    step = where(away, scalar(1, integer), scalar(-1, integer))
    tiny = 5e-324 if integer == int64 else 1.401298464324817e-45
    moved = bind("bitcast_convert", add(bits, step), dtype=a.dtype)
    moved = where(equal(a, 0), copysign(like(tiny, a), b), moved)
    moved = where(equal(a, b), b, moved)
    return where(logical_or(isnan(a), isnan(b)), math.nan, moved)


# ---- comparison --------------------------------------------------------------------------------
def equal(x: Any, y: Any, /) -> Tensor:
    """x == y, elementwise."""
    return _compare("equal", "EQ", x, y)


def not_equal(x: Any, y: Any, /) -> Tensor:
    """x != y, elementwise."""
    return _compare("not_equal", "NE", x, y)


def less(x: Any, y: Any, /) -> Tensor:
    """x < y, elementwise."""
    return _compare("less", "LT", x, y)


def less_equal(x: Any, y: Any, /) -> Tensor:
    """x <= y, elementwise."""
    return _compare("less_equal", "LE", x, y)


def greater(x: Any, y: Any, /) -> Tensor:
    """x > y, elementwise."""
    return _compare("greater", "GT", x, y)


def greater_equal(x: Any, y: Any, /) -> Tensor:
    """x >= y, elementwise."""
    return _compare("greater_equal", "GE", x, y)


def isclose(
    x: Any, y: Any, /, rtol: float = 1e-5, atol: float = 1e-8, *, equal_nan: bool = False
) -> Tensor:
    """True where |x - y| <= atol + rtol * |y|, or both are equal (infinities, too)."""
    a, b = aligned("isclose", x, y, floats=True)
    near = less_equal(abs(subtract(a, b)), add(multiply(abs(b), rtol), atol))
    result = logical_or(equal(a, b), logical_and(near, isfinite(b)))
    return logical_or(result, logical_and(isnan(a), isnan(b))) if equal_nan else result


def isfinite(x: Any, /) -> Tensor:
    """True where x is neither infinite nor NaN."""
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return equal(tensor, tensor)
    return bind("is_finite", widened(tensor))  # type: ignore[no-any-return]


def isinf(x: Any, /) -> Tensor:
    """True where x is infinite."""
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return not_equal(tensor, tensor)
    return equal(abs(tensor), math.inf)


def isnan(x: Any, /) -> Tensor:
    """True where x is NaN."""
    tensor = as_tensor(x)
    return not_equal(tensor, tensor)


# ---- logic and bits ----------------------------------------------------------------------------
def logical_and(x: Any, y: Any, /) -> Tensor:
    """x and y, each true where not zero."""
    return _bits("logical_and", "and", _as_bool(x), _as_bool(y))


def logical_or(x: Any, y: Any, /) -> Tensor:
    """x or y, each true where not zero."""
    return _bits("logical_or", "or", _as_bool(x), _as_bool(y))


def logical_xor(x: Any, y: Any, /) -> Tensor:
    """Either x or y, each true where not zero."""
    return _bits("logical_xor", "xor", _as_bool(x), _as_bool(y))


def logical_not(x: Any, /) -> Tensor:
    """True where x is zero."""
    return bind("not", _as_bool(x))  # type: ignore[no-any-return]


def bitwise_and(x: Any, y: Any, /) -> Tensor:
    """The bits set in both."""
    return _bits("bitwise_and", "and", x, y)


def bitwise_or(x: Any, y: Any, /) -> Tensor:
    """The bits set in either."""
    return _bits("bitwise_or", "or", x, y)


def bitwise_xor(x: Any, y: Any, /) -> Tensor:
    """The bits set in one of both."""
    return _bits("bitwise_xor", "xor", x, y)


def bitwise_invert(x: Any, /) -> Tensor:
    """Every bit turned over; of bools, not x."""
    tensor = as_tensor(x)
    need_kind("bitwise_invert", tensor, "biu", "integers or bools")
    return bind("not", tensor)  # type: ignore[no-any-return]


def bitwise_left_shift(x: Any, y: Any, /) -> Tensor:
    """x * 2^y by moving bits."""
    a, b = aligned("bitwise_left_shift", x, y)
    need_kind("bitwise_left_shift", a, "iu", "integers")
    return bind("shift_left", a, b)  # type: ignore[no-any-return]


def bitwise_right_shift(x: Any, y: Any, /) -> Tensor:
    """floor(x / 2^y) by moving bits."""
    a, b = aligned("bitwise_right_shift", x, y)
    need_kind("bitwise_right_shift", a, "iu", "integers")
    kind = "arithmetic" if a.dtype.kind == "i" else "logical"
    return bind(f"shift_right_{kind}", a, b)  # type: ignore[no-any-return]


def where(condition: Any, x: Any, y: Any, /) -> Tensor:
    """x where the condition holds, else y. Both are computed; gradients flow to the chosen."""
    test = as_tensor(condition, bool_)
    a, b = promoted((x, y))
    test, a, b = broadcast((test, a, b), "where")
    return bind("select", test, a, b)  # type: ignore[no-any-return]


# ---- rounding ----------------------------------------------------------------------------------
def _rounding(primitive: str, x: Any) -> Tensor:
    tensor = as_tensor(x)
    return _unary(primitive, tensor) if tensor.dtype.is_float else tensor


def floor(x: Any, /) -> Tensor:
    """The largest whole number <= x; integers stay as they are."""
    return _rounding("floor", x)


def ceil(x: Any, /) -> Tensor:
    """The smallest whole number >= x; integers stay as they are."""
    return _rounding("ceil", x)


def trunc(x: Any, /) -> Tensor:
    """x without its fraction; integers stay as they are."""
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        return tensor
    return where(less(tensor, 0), ceil(tensor), floor(tensor))


def round(x: Any, /, decimals: int = 0) -> Tensor:
    """The nearest whole number, halves to the even one; with `decimals`, that many digits."""
    tensor = as_tensor(x)
    if not decimals or not tensor.dtype.is_float:
        return _rounding("round_nearest_even", tensor)
    scale = 10.0 ** builtins.abs(decimals)
    if decimals > 0:
        return divide(_rounding("round_nearest_even", multiply(tensor, scale)), scale)
    return multiply(_rounding("round_nearest_even", divide(tensor, scale)), scale)


# ---- exponentials and roots --------------------------------------------------------------------
def exp(x: Any, /) -> Tensor:
    """e to the power x."""
    return _of_float("exponential", x)


def expm1(x: Any, /) -> Tensor:
    """exp(x) - 1, exact near 0."""
    return _of_float("exponential_minus_one", x)


def exp2(x: Any, /) -> Tensor:
    """2 to the power x."""
    return exp(multiply(floating(x), math.log(2.0)))


def log(x: Any, /) -> Tensor:
    """The natural logarithm."""
    return _of_float("log", x)


def log1p(x: Any, /) -> Tensor:
    """log(1 + x), exact near 0."""
    return _of_float("log_plus_one", x)


def log2(x: Any, /) -> Tensor:
    """The logarithm to base 2."""
    return multiply(log(x), 1.0 / math.log(2.0))


def log10(x: Any, /) -> Tensor:
    """The logarithm to base 10."""
    return multiply(log(x), 1.0 / math.log(10.0))


def logaddexp(x: Any, y: Any, /) -> Tensor:
    """log(exp(x) + exp(y)), without overflow on the way."""
    a, b = aligned("logaddexp", x, y, floats=True)
    both_infinite = logical_and(equal(a, b), isinf(a))  # inf - inf would be NaN
    apart = where(both_infinite, 0.0, subtract(a, b))
    return add(maximum(a, b), log1p(exp(negative(abs(apart)))))


def sqrt(x: Any, /) -> Tensor:
    """The square root; NaN below 0."""
    return _of_float("sqrt", x)


def rsqrt(x: Any, /) -> Tensor:
    """1 / sqrt(x)."""
    return _of_float("rsqrt", x)


def cbrt(x: Any, /) -> Tensor:
    """The cube root, of negative numbers too."""
    return _of_float("cbrt", x)


def erf(x: Any, /) -> Tensor:
    """The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    return _of_float("erf", x)


# ---- trigonometry and hyperbolic functions -----------------------------------------------------
def sin(x: Any, /) -> Tensor:
    """The sine of x radians."""
    return _of_float("sine", x)


def cos(x: Any, /) -> Tensor:
    """The cosine of x radians."""
    return _of_float("cosine", x)


def tan(x: Any, /) -> Tensor:
    """sin(x) / cos(x)."""
    tensor = floating(x)
    wide = widened(tensor)
    return _narrowed(divide(sin(wide), cos(wide)), tensor)


def atan2(y: Any, x: Any, /) -> Tensor:
    """The angle of the point (x, y), in [-pi, pi]."""
    return _binary("atan2", "atan2", y, x, floats=True)


def atan(x: Any, /) -> Tensor:
    """The angle whose tangent is x, in [-pi/2, pi/2]."""
    return atan2(floating(x), 1.0)


def asin(x: Any, /) -> Tensor:
    """The angle whose sine is x, in [-pi/2, pi/2]; NaN outside [-1, 1]."""
    tensor = floating(x)
    wide = widened(tensor)
    return _narrowed(atan2(wide, _leg(wide)), tensor)


def acos(x: Any, /) -> Tensor:
    """The angle whose cosine is x, in [0, pi]; NaN outside [-1, 1]."""
    tensor = floating(x)
    wide = widened(tensor)
    return _narrowed(atan2(_leg(wide), wide), tensor)


def _leg(x: Tensor) -> Tensor:
    """sqrt(1 - x^2), exact near 1."""
    return sqrt(multiply(subtract(1, x), add(1, x)))


def sinh(x: Any, /) -> Tensor:
    """(exp(x) - exp(-x)) / 2, exact near 0, as 2 sinh(x/2) cosh(x/2), which overflows last."""
    tensor = floating(x)
    half = multiply(widened(tensor), 0.5)
    twice_sinh = subtract(expm1(half), expm1(negative(half)))
    twice_cosh = add(exp(half), exp(negative(half)))
    return _narrowed(multiply(multiply(twice_sinh, 0.5), twice_cosh), tensor)


def cosh(x: Any, /) -> Tensor:
    """(exp(x) + exp(-x)) / 2; each term is the square of its root, which overflows last."""
    tensor = floating(x)
    half = multiply(widened(tensor), 0.5)
    up, down = exp(half), exp(negative(half))
    total = add(multiply(multiply(up, 0.5), up), multiply(multiply(down, 0.5), down))
    return _narrowed(total, tensor)


def tanh(x: Any, /) -> Tensor:
    """sinh(x) / cosh(x)."""
    return _of_float("tanh", x)


def asinh(x: Any, /) -> Tensor:
    """log(x + sqrt(x^2 + 1)), exact near 0, odd, and without overflow on the way."""
    tensor = floating(x)
    wide = widened(tensor)
    turn = where(less(wide, 0), like(-1, wide), like(1, wide))  # |x| with a gradient of 1 at 0
    a = multiply(turn, wide)
    large = _large(wide)
    b = minimum(a, large)
    near = log1p(add(b, divide(square(b), add(1, sqrt(add(square(b), 1))))))
    far = add(log(maximum(a, large)), math.log(2.0))
    return _narrowed(multiply(turn, where(greater(a, large), far, near)), tensor)


def acosh(x: Any, /) -> Tensor:
    """log(x + sqrt(x^2 - 1)), exact near 1; NaN below 1."""
    tensor = floating(x)
    wide = widened(tensor)
    large = _large(wide)
    t = subtract(minimum(wide, large), 1)
    near = log1p(add(t, sqrt(multiply(t, add(t, 2)))))
    far = add(log(maximum(wide, large)), math.log(2.0))
    return _narrowed(where(greater(wide, large), far, near), tensor)


def _large(x: Tensor) -> float:
    """From here on x^2 + 1 is x^2."""
    return 1e4 if x.dtype == float32 else 1e9


def atanh(x: Any, /) -> Tensor:
    """Half of log((1 + x) / (1 - x)); NaN outside [-1, 1]."""
    tensor = floating(x)
    wide = widened(tensor)
    return _narrowed(multiply(subtract(log1p(wide), log1p(negative(wide))), 0.5), tensor)


arccos, arccosh, arcsin, arcsinh = acos, acosh, asin, asinh
arctan, arctan2, arctanh = atan, atan2, atanh
