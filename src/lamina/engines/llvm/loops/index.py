"""Index algebra: integer expressions, affine in loop variables wherever possible.

    index = coefficient * atom + ... + offset        coefficients and offset are extents
    atom  = variable                                 a loop's counter
          | index div extent | index mod extent      what a reshape leaves
          | data(expression)                         indirect: an index read from memory

Division and remainder are simplified as far as bounds allow, so that a reshape of a loop's own
index is that index again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lamina.ir.types import Dim, Extent, Shape, exact_division, is_static


@dataclass(frozen=True, eq=False, slots=True)
class Var:
    """A loop's counter, from 0 to extent - 1; equality is identity."""

    name: str
    extent: Dim

    def __repr__(self) -> str:
        return self.name


def shown(extent: Dim) -> str:
    """An extent inside of an index: a polynomial stands in braces."""
    return f"{{{extent}}}" if isinstance(extent, Extent) else str(extent)


@dataclass(frozen=True, slots=True)
class Div:
    """index div by, rounded down; index is never negative."""

    index: Index
    by: Dim

    def __repr__(self) -> str:
        return f"({self.index} div {shown(self.by)})"


@dataclass(frozen=True, slots=True)
class Mod:
    """index mod by; index is never negative."""

    index: Index
    by: Dim

    def __repr__(self) -> str:
        return f"({self.index} mod {shown(self.by)})"


@dataclass(frozen=True, slots=True)
class Indirect:
    """The value of an integer expression as an index, clamped to [0, most]."""

    expr: Any
    most: Dim

    def __repr__(self) -> str:
        return f"data({self.expr} to {shown(self.most)})"


Atom = Var | Div | Mod | Indirect


class Index:
    """An affine combination of atoms; immutable, compared by content."""

    __slots__ = ("_hash", "_vars", "offset", "terms")

    def __init__(self, terms: Mapping[Atom, Dim], offset: Dim = 0) -> None:
        self.terms = {a: c for a, c in terms.items() if c != 0}
        self.offset = offset
        self._hash: int | None = None
        self._vars: frozenset[Var] | None = None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Index) and self.offset == other.offset and self.terms == other.terms
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((frozenset(self.terms.items()), self.offset))
        return self._hash

    def __add__(self, other: Index | Dim) -> Index:
        if not isinstance(other, Index):
            return Index(self.terms, self.offset + other)
        terms = dict(self.terms)
        for atom, coefficient in other.terms.items():
            terms[atom] = terms.get(atom, 0) + coefficient
        return _rejoined(terms, self.offset + other.offset)

    def __mul__(self, factor: Dim) -> Index:
        return Index({a: c * factor for a, c in self.terms.items()}, self.offset * factor)

    def __neg__(self) -> Index:
        return self * -1

    def __sub__(self, other: Index | Dim) -> Index:
        return self + other * -1

    @property
    def vars(self) -> frozenset[Var]:
        """The loop variables that the value depends on."""
        if self._vars is None:
            self._vars = frozenset(v for atom in self.terms for v in atom_vars(atom))
        return self._vars

    def coefficient(self, var: Var) -> Dim | None:
        """Return the stride of the index along `var`; None if it is not constant."""
        for atom in self.terms:
            if not isinstance(atom, Var) and var in atom_vars(atom):
                return None
        return self.terms.get(var, 0)

    def __repr__(self) -> str:
        parts = [f"{shown(c)}*{a}" if c != 1 else str(a) for a, c in self.terms.items()]
        if self.offset != 0 or not parts:
            parts.append(shown(self.offset))
        return " + ".join(parts)


def atom_vars(atom: Atom) -> frozenset[Var]:
    if isinstance(atom, Var):
        return frozenset((atom,))
    if isinstance(atom, Indirect):
        return atom.expr.vars
    return atom.index.vars


def loops_over(extents: Sequence[Dim], name: str = "i") -> list[Var]:
    """Return a loop for each extent: i0, i1, ..."""
    return [Var(f"{name}{k}", extent) for k, extent in enumerate(extents)]


def of(var: Var) -> Index:
    """Return the index of a loop variable; a loop of one iteration is always at 0."""
    return Index({}) if var.extent == 1 else Index({var: 1})


def at(offset: Dim) -> Index:
    return Index({}, offset)


def _rejoined(terms: dict[Atom, Dim], offset: Dim) -> Index:
    """(x div n)*n*c + (x mod n)*c -> x*c"""
    for atom, coefficient in list(terms.items()):
        if isinstance(atom, Div) and atom in terms:
            partner = Mod(atom.index, atom.by)
            inner = terms.get(partner)
            if inner is not None and coefficient == inner * atom.by:
                del terms[atom], terms[partner]
                return Index(terms, offset) + atom.index * inner
    return Index(terms, offset)


# ---- division ----------------------------------------------------------------------------------
def divmod_(index: Index, by: Dim) -> tuple[Index, Index]:
    """Return index div by and index mod by, with exact multiples divided symbolically."""
    if by == 1 or by == 0:  # by == 0: no element exists, so the index is never evaluated
        return index, at(0)
    quotient, rest = _split(index, by)
    if _below(rest, by):
        return quotient, rest
    if not rest.terms and is_static((rest.offset, by)):
        q, r = divmod(rest.offset, by)  # type: ignore[operator]
        return quotient + q, at(r)
    return quotient + Index({Div(rest, by): 1}), Index({Mod(rest, by): 1})


def _split(index: Index, by: Dim) -> tuple[Index, Index]:
    """Return quotient and nonnegative rest with index = quotient * by + rest, the rest minimal."""
    quotient, rest = Index({}), Index({})
    for atom, coefficient in index.terms.items():
        exact = exact_division(coefficient, by)
        if exact is None:
            rest = rest + Index({atom: coefficient})
        else:
            quotient = quotient + Index({atom: exact})
    whole, left = _split_offset(index.offset, by)
    if not rest.terms or _is_natural(rest + left):
        return quotient + whole, rest + left
    if _is_natural(rest + index.offset):  # as of -i + 30: the offset keeps the rest nonnegative
        return quotient, rest + index.offset
    return Index({}), index


def _split_offset(offset: Dim, by: Dim) -> tuple[Dim, Dim]:
    if is_static((offset, by)):
        return divmod(offset, by)  # type: ignore[operator]
    exact = exact_division(offset, by)
    return (exact, 0) if exact is not None else (0, offset)


def _is_natural(index: Index) -> bool:
    """True if the index is certainly at least 0, given its loops' extents."""
    least = bounds(index)[0]
    if least is not None:
        return least >= 0
    return all(_is_sum(c) for c in (index.offset, *index.terms.values()))


def _is_sum(extent: Dim) -> bool:
    """True if no coefficient of an extent is negative."""
    if isinstance(extent, Extent):
        return all(c >= 0 for c in extent.terms.values())
    return extent >= 0


def _below(index: Index, limit: Dim) -> bool:
    """True if 0 <= index < limit certainly holds."""
    if len(index.terms) == 1 and index.offset == 0:
        ((atom, coefficient),) = index.terms.items()
        if coefficient == 1 and (
            (isinstance(atom, Var) and atom.extent == limit)
            or (isinstance(atom, Mod) and atom.by == limit)
        ):
            return True
    low, high = bounds(index)
    return low is not None and low >= 0 and high is not None and is_static(limit) and high < limit


Position = tuple[Index, ...]  # the index along each axis


def bounds(index: Index) -> tuple[int | None, int | None]:
    """Return the least and the greatest value, None if unknown at compile time."""
    if not is_static(index.offset):
        return None, None
    low: int | None = int(index.offset)
    high: int | None = low
    for atom, coefficient in index.terms.items():
        most = _most(atom)
        if not is_static(coefficient):
            return None, None
        if most is None:
            positive = coefficient > 0
            low, high = (low, None) if positive else (None, high)
        elif coefficient > 0:
            high = None if high is None else high + int(coefficient) * most
        else:
            low = None if low is None else low + int(coefficient) * most
    return low, high


def _most(atom: Atom) -> int | None:
    """Return the greatest value of an atom, None if unknown; all atoms start at 0."""
    if isinstance(atom, Mod):
        inner = bounds(atom.index)[1]
        most = atom.by - 1 if is_static(atom.by) else None
        known = [int(m) for m in (inner, most) if m is not None]
        return min(known) if known else None
    if isinstance(atom, Div):
        inner = bounds(atom.index)[1]
        return inner // int(atom.by) if inner is not None and is_static(atom.by) else None
    extent = atom.extent - 1 if isinstance(atom, Var) else atom.most
    return max(int(extent), 0) if is_static(extent) else None


# ---- shapes ------------------------------------------------------------------------------------
def strides_of(shape: Shape) -> list[Dim]:
    """C-order strides in elements."""
    strides: list[Dim] = []
    total: Dim = 1
    for extent in reversed(shape):
        strides.append(total)
        total = total * extent
    return strides[::-1]


def linear(position: Sequence[Index], shape: Shape) -> Index:
    """Return the C-order number of the element at `position`."""
    total = at(0)
    for index, stride, extent in zip(position, strides_of(shape), shape, strict=True):
        if extent != 1:
            total = total + index * stride
    return total


def delinear(number: Index, shape: Shape) -> list[Index]:
    """Return the position of element `number` in a shape; the inverse of `linear`."""
    position: list[Index] = []
    for extent in reversed(shape[1:]):
        if extent == 1:
            position.append(at(0))
            continue
        number, inside = divmod_(number, extent)
        position.append(inside)
    if shape:
        position.append(at(0) if shape[0] == 1 else number)
    return position[::-1]


def reshaped(position: Sequence[Index], source: Shape, target: Shape) -> list[Index]:
    """Return the position in `target` of the element at `position` in `source`, group by group, so
    that axes which the reshape does not touch keep their index."""
    result: list[Index] = []
    for (a0, a1), (b0, b1) in _groups(tuple(source), tuple(target)):
        number = linear(position[a0:a1], source[a0:a1])
        result += delinear(number, target[b0:b1])
    return result


@lru_cache(maxsize=4096)
def _groups(source: Shape, target: Shape) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Runs of axes of equal size, as short as possible."""
    found = []
    i = j = 0
    while i < len(source) or j < len(target):
        a, b = i, j
        if i < len(source) and j < len(target) and source[i] == target[j]:
            i, j = i + 1, j + 1
        else:
            i, j = _grow(source, target, i, j)
        found.append(((a, i), (b, j)))
    return found


def _grow(source: Shape, target: Shape, a: int, b: int) -> tuple[int, int]:
    """The shortest runs from a and b that hold the same number of elements."""
    for i in range(a, len(source) + 1):
        for j in range(b, len(target) + 1):
            if (i, j) != (a, b) and math.prod(source[a:i]) == math.prod(target[b:j]):
                rest_equal = math.prod(source[i:]) == math.prod(target[j:])
                if rest_equal:
                    return i, j
    return len(source), len(target)
