"""Extents: integers, or polynomials in symbols for unknown sizes.

extent = integer | polynomial            32,  batch,  28*batch + 1,  floor(length / 2)
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeGuard, overload

import numpy as np

Monomial = tuple[str, ...]  # sorted symbols, one entry a power: ("batch", "batch") is batch squared


class Extent:
    """A polynomial in named symbols with integer coefficients: the size of an axis not yet known.

    Symbols stand for integers of at least 0. An inexact division makes an opaque symbol, whose
    meaning `FLOORS` keeps.

    `==` compares polynomials: an extent that is not known is not 3. What programs of users hold is
    a `Size`, whose `==` means the size. A quotient, or a product with a float or a tensor, is a
    traced number, made by `__lamina_tensor__`.
    """

    __slots__ = ("_hash", "terms")
    __array_ufunc__ = None  # NumPy leaves operators to this class
    __lamina_tensor__: ClassVar[Callable[[Extent], Any]]  # set by lamina.tensor, a module above

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = {k: v for k, v in sorted(terms.items()) if v}
        self._hash = hash(tuple(self.terms.items()))

    @classmethod
    def symbol(cls, name: str) -> Self:
        return cls({(name,): 1})

    def __eq__(self, other: object) -> bool:
        return self.terms == other.terms if isinstance(other, Extent) else NotImplemented

    def __hash__(self) -> int:
        return self._hash

    def __add__(self, other: Dim) -> Dim:
        if not isinstance(other, DIM):
            return self._computed(operator.add, other)
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _simplified(terms, type(self))

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        if not isinstance(other, DIM):
            return self._computed(operator.sub, other)
        return self + (-other if isinstance(other, Extent) else -int(other))

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __mul__(self, other: Dim) -> Dim:
        if not isinstance(other, DIM):
            return self._computed(operator.mul, other)
        terms: dict[Monomial, int] = {}
        for m1, c1 in self.terms.items():
            for m2, c2 in _terms(other).items():
                monomial = tuple(sorted(m1 + m2))
                terms[monomial] = terms.get(monomial, 0) + c1 * c2
        return _simplified(terms, type(self))

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, power: int) -> Dim:
        if not isinstance(power, INTEGERS) or power < 0:
            return self._computed(operator.pow, power)
        return math.prod([self] * int(power))

    def __rpow__(self, base: Any) -> Any:
        return self._computed(lambda own, before: before**own, base)

    def __round__(self, digits: int = 0) -> Dim:
        return self

    def __abs__(self) -> Dim:
        return self if self >= 0 else -self

    def __truediv__(self, other: Any) -> Any:
        return self._computed(operator.truediv, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._computed(lambda own, before: before / own, other)

    def __mod__(self, other: Dim) -> Dim:
        if not isinstance(other, DIM):
            return self._computed(operator.mod, other)
        return self - self // other * other

    def __rmod__(self, other: Dim) -> Dim:
        return type(self)(_terms(other)).__mod__(self)

    def __divmod__(self, other: Dim) -> tuple[Dim, Dim]:
        return self // other, self % other

    def __floordiv__(self, other: Dim) -> Dim:
        if not isinstance(other, DIM):
            return self._computed(operator.floordiv, other)
        exact = exact_division(self, other)
        if exact is not None:
            return exact
        name = f"floor({self} / {other})"
        FLOORS[name] = (Extent(self.terms), plain(other))
        return type(self).symbol(name)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return type(self)(_terms(other)).__floordiv__(self)

    def __repr__(self) -> str:
        def term(monomial: Monomial, coefficient: int) -> str:
            factors = ([str(coefficient)] if coefficient != 1 or not monomial else []) + [*monomial]
            return "*".join(factors)

        return " + ".join(term(m, c) for m, c in reversed(self.terms.items())) or "0"

    def __format__(self, spec: str) -> str:
        try:
            return format(repr(self), spec)
        except ValueError:
            raise self._unknown_integer() from None

    def __index__(self) -> int:
        raise self._unknown_integer()

    # ---- what a program asks of a size ---------------------------------------------------------
    def __bool__(self) -> bool:
        low, high = _bounds(self.terms)
        if (low is not None and low > 0) or (high is not None and high < 0):
            return True
        raise self._unknown("!=", 0)

    def __lt__(self, other: Dim) -> bool:
        return self._ordered("<", other)

    def __le__(self, other: Dim) -> bool:
        return self._ordered("<=", other)

    def __gt__(self, other: Dim) -> bool:
        return self._ordered(">", other)

    def __ge__(self, other: Dim) -> bool:
        return self._ordered(">=", other)

    def _ordered(self, sign: str, other: Dim) -> bool:
        """Whether self `sign` other for all sizes, or for none."""
        if not isinstance(other, (float, np.floating, *DIM)):
            return NotImplemented
        compare = _ORDERS[sign]
        if isinstance(other, Extent):
            low, high = _bounds(_terms(self - other))
            other = 0
        else:
            low, high = _bounds(self.terms)
        truths = {
            compare(-math.inf if low is None else low, other),
            compare(math.inf if high is None else high, other),
        }
        if len(truths) == 1:  # the bounds of a polynomial that varies between them
            return truths.pop()
        raise self._unknown(sign, other)

    def _computed(self, function: Callable[[Any, Any], Any], other: Any) -> Any:
        """The function of this size as a traced number; NotImplemented leaves it to the other."""
        if isinstance(other, (float, np.floating, np.ndarray, *DIM)):
            return function(Extent.__lamina_tensor__(self), other)
        return NotImplemented

    def _unknown(self, sign: str, other: object) -> Exception:
        from lamina.errors import TracedValueError

        return TracedValueError(
            f"`{self} {sign} {other}` cannot be decided while a program is recorded (expected a "
            f"comparison that holds for all sizes or for none, got the open extent {self})",
            hint="lm.cond(lm.asarray(x.shape[0]) == n, f, g) decides when the program runs; an "
            "axis other than the batch can be given a size: Input((n, ...))",
        )

    def _unknown_integer(self) -> Exception:
        from lamina.errors import TracedValueError

        return TracedValueError(
            f"the extent {self!r} is symbolic: its size is known only when the program runs "
            "(expected an integer)",
            hint="lm.reshape(x, (-1, ...)), lm.arange and broadcasting accept symbolic extents; "
            "lm.scan instead of a Python loop over range(extent), lm.asarray(extent) for a number "
            "to compute with",
        )


class Size(Extent):
    """An extent as programs of users hold it, in `Tensor.shape`: `==` asks for the size.

    A comparison is decided from what is known for all sizes, or raises TracedValueError. A Size
    equals None, which is what Keras has in its place. Sums, products and quotients of a Size are
    Sizes. The code of Lamina compares with `same`, and types and nodes hold plain Extents.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Extent) and self.terms == other.terms:
            return True
        if isinstance(other, (float, np.floating)):
            if not other.is_integer():
                return False
            other = int(other)
        if other is None:
            return True
        if not isinstance(other, DIM):
            return self._computed(operator.eq, other)
        low, high = _bounds(_terms(self - (other if isinstance(other, Extent) else int(other))))
        if low is not None and low == high:
            return low == 0
        if (low is not None and low > 0) or (high is not None and high < 0):
            return False
        raise self._unknown("==", other)

    __hash__ = Extent.__hash__


Dim = int | Extent
INTEGERS = (int, np.integer)
DIM = (*INTEGERS, Extent)
_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
FLOORS: dict[str, tuple[Dim, Dim]] = {}


def _terms(value: Dim) -> dict[Monomial, int]:
    return value.terms if isinstance(value, Extent) else {(): int(value)}


def _simplified(terms: Mapping[Monomial, int], kind: type[Extent]) -> Dim:
    """The polynomial, as an integer if no symbol is left."""
    extent = kind(terms)
    if all(m == () for m in extent.terms):
        return extent.terms.get((), 0)
    return extent


@overload
def plain(value: Dim) -> Dim: ...
@overload
def plain(value: tuple[Dim, ...]) -> tuple[Dim, ...]: ...
@overload
def plain(value: Any) -> Any: ...
def plain(value: Any) -> Any:
    """An extent or a tuple of them, with an Extent in place of each Size; anything else as is."""
    kind = value.__class__
    if kind is Size:
        return Extent(value.terms)
    if kind is tuple:
        for each in value:
            if each.__class__ is Size or each.__class__ is tuple:
                return tuple(map(plain, value))
    return value


def sizes(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """A shape as users see it, with a Size in place of each Extent."""
    for extent in shape:
        if extent.__class__ is Extent:
            return tuple(Size(n.terms) if isinstance(n, Extent) else n for n in shape)
    return shape


def same(a: Any, b: Any) -> bool:
    """True if two extents, or two shapes, are equal for all sizes."""
    return a is b or plain(a) == plain(b)


def _bounds(terms: Mapping[Monomial, int]) -> tuple[int | None, int | None]:
    """The least and the greatest value of a polynomial for symbols from 0; None for no bound."""
    constant = terms.get((), 0)
    if any(not _is_natural(symbol) for monomial in terms for symbol in monomial):
        return None, None
    signs = {coefficient > 0 for monomial, coefficient in terms.items() if monomial}
    return (constant if False not in signs else None), (constant if True not in signs else None)


def _is_natural(symbol: str) -> bool:
    """True for a symbol that is at least 0: all but floors of what may be negative."""
    if symbol not in FLOORS:
        return True
    value, by = (_bounds(_terms(each))[0] for each in FLOORS[symbol])
    return value is not None and value >= 0 and by is not None and by >= 0


@overload
def is_static(value: Dim) -> TypeGuard[int]: ...
@overload
def is_static(value: Sequence[Dim]) -> TypeGuard[tuple[int, ...]]: ...
def is_static(value: Dim | Sequence[Dim]) -> bool:
    """True where an extent, or every extent of a shape, is an integer."""
    if isinstance(value, Extent):
        return False
    return isinstance(value, (int, np.integer)) or all(is_static(v) for v in value)


def is_nonnegative(value: Dim) -> bool:
    """True if an extent is certainly at least 0 for all sizes of at least 1: no coefficient of its
    polynomial is negative once each symbol s is written as 1 + t."""
    if not isinstance(value, Extent):
        return value >= 0
    expanded: dict[Monomial, int] = {}
    for monomial, coefficient in value.terms.items():
        for count in range(len(monomial) + 1):
            for kept in itertools.combinations(monomial, count):
                expanded[kept] = expanded.get(kept, 0) + coefficient
    return all(coefficient >= 0 for coefficient in expanded.values())


def exact_division(value: Dim, by: Dim) -> Dim | None:
    """value / by where the division leaves nothing over, else None."""
    if is_static(value) and is_static(by):
        return int(value) // int(by) if by and int(value) % int(by) == 0 else None
    divisor = _terms(by)
    if len(divisor) != 1:
        return 1 if _terms(value) == divisor else None
    ((monomial, coefficient),) = divisor.items()
    quotient: dict[Monomial, int] = {}
    for m, c in _terms(value).items():
        rest = list(m)
        for symbol in monomial:
            if symbol not in rest:
                return None
            rest.remove(symbol)
        if c % coefficient:
            return None
        quotient[tuple(rest)] = c // coefficient
    return _simplified(quotient, type(value) if isinstance(value, Extent) else Extent)


def evaluate(value: Dim, sizes: Mapping[str, int]) -> int:
    """The integer that an extent is when its symbols have the given sizes."""
    if not isinstance(value, Extent):
        return int(value)
    total = 0
    for monomial, coefficient in value.terms.items():
        for symbol in monomial:
            coefficient *= _size(symbol, sizes)
        total += coefficient
    return total


def _size(symbol: str, sizes: Mapping[str, int]) -> int:
    if symbol in sizes:
        return sizes[symbol]
    value, by = FLOORS[symbol]
    return evaluate(value, sizes) // evaluate(by, sizes)


def symbols(shape: Iterable[Dim]) -> set[str]:
    """The free symbols in a shape; those inside a floor division included."""
    found: set[str] = set()
    for extent in shape:
        for symbol in {s for m in _terms(extent) for s in m}:
            found |= symbols(FLOORS[symbol]) if symbol in FLOORS else {symbol}
    return found
