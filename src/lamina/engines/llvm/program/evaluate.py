"""Nests evaluated with NumPy: every loop is an axis of arrays, which broadcast.

index       an int64 array over the loops that the index depends on
load        a gather at such an index; under a guard, only where the guard holds
acc         a reduction over the axes of the nest's reductions
primitive   its row of the reference (reference/meaning.py)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from lamina.engines.llvm.loops.index import Div, Index, Indirect, Var
from lamina.engines.llvm.loops.nest import Accumulator, Buffer, Expr, Nest
from lamina.errors import VerifyError
from lamina.ir.types import Dim
from lamina.reference.interpreter import apply
from lamina.reference.meaning import REDUCE
from lamina.reference.threefry import threefry2x32

Array = np.ndarray


class Active(NamedTuple):
    """The positions of an evaluation: the tests around it, by identity, and a boolean array."""

    key: tuple[int, ...]
    where: Array


ALWAYS = Active((), np.ones((), bool))
Load = Callable[[Buffer, Array, Array], Array]  # buffer, index, where it is active -> values


class Evaluation:
    """The values of a nest's expressions at some points of its loops.

    `points` gives the values of each spatial loop, in any order; a reduction takes all of them.
    `load` reads memory.
    """

    def __init__(
        self, nest: Nest, points: Mapping[Var, Array], dim: Callable[[Dim], int], load: Load
    ) -> None:
        self.nest, self.dim, self.load = nest, dim, load
        variables = [*nest.loops, *nest.reductions]
        values = [
            points[v] if v in points else np.arange(dim(v.extent), dtype=np.int64)
            for v in variables
        ]
        self.shape = tuple(len(v) for v in values)
        self.at = {
            v: x.reshape([-1 if k == axis else 1 for k in range(len(variables))])
            for axis, (v, x) in enumerate(zip(variables, values, strict=True))
        }
        self._known: dict[tuple[int, tuple[int, ...]], Array] = {}
        self._totals: list[Array] = []
        self._kept: list[Any] = []  # what is known by its identity stays alive

    @property
    def spatial(self) -> tuple[int, ...]:
        """The shape of what is stored: reductions are axes of one."""
        return (*self.shape[: len(self.nest.loops)], *(1 for _ in self.nest.reductions))

    @np.errstate(all="ignore")
    def stored(self) -> list[tuple[Buffer, Array, Array]]:
        """Buffer, index and value of each store, over the spatial loops."""
        if math.prod(self.spatial) == 0:
            return []
        for acc in self.nest.accumulators:
            self._totals.append(self._total(acc))
        found = [(s.buffer, self.index(s.index), self.value(s.expr)) for s in self.nest.stores]
        return [
            (b, np.broadcast_to(index, self.spatial), np.broadcast_to(value, self.spatial))
            for b, index, value in found
        ]

    # ---- reductions ----------------------------------------------------------------------------
    def _total(self, acc: Accumulator) -> Array:
        count = len(self.nest.loops)
        active = self._in_part()
        terms = self.value(acc.expr, active)
        if active is not ALWAYS:
            terms = np.where(active.where, terms, terms.dtype.type(0))
        terms = np.broadcast_to(terms, (*terms.shape[:count], *self.shape[count:]))
        flat = (*terms.shape[:count], math.prod(terms.shape[count:]))
        total = REDUCE[acc.kind](terms.reshape(flat), (count,))
        return np.asarray(total).reshape((*flat[:-1], *(1 for _ in self.nest.reductions)))

    def _in_part(self) -> Active:
        """Return where the row of a split reduction is one of the `limit` rows."""
        split = self.nest.split_reduction
        if split is None:
            return ALWAYS
        row = self.at[split.part] * self.dim(split.row.extent) + self.at[split.row]
        return Active((id(split),), row < self.dim(split.limit))

    # ---- expressions ---------------------------------------------------------------------------
    def value(self, expr: Expr, active: Active = ALWAYS) -> Array:
        key = (id(expr), active.key)
        if key not in self._known:
            self._known[key] = self._computed(expr, active)
        return self._known[key]

    def _computed(self, expr: Expr, active: Active) -> Array:
        p, storage = expr.params, expr.dtype.storage
        if expr.kind == "constant":
            constant = np.asarray(p["value"]).astype(storage)
            return constant.reshape([1] * len(self.shape))
        if expr.kind == "acc":
            if p["number"] >= len(self._totals):
                raise VerifyError(f"{expr} is used in an accumulator that is reduced before it")
            return self._totals[p["number"]]
        if expr.kind == "load":
            return self.load(p["buffer"], self.index(p["index"], active), active.where)
        if expr.kind == "index":
            return self.index(p["index"], active).astype(storage)
        if expr.kind == "guard":
            return self._guard(expr, active)
        args = [self.value(a, active) for a in expr.args]
        if expr.kind == "random_bits":
            return _random_bits(*args)
        params = {k: v for k, v in p.items() if k != "operand"}
        if expr.kind in ("convert", "bitcast_convert"):
            params["dtype"] = expr.dtype
        return np.asarray(apply(expr.kind, args, params, p["operand"]))

    def _guard(self, expr: Expr, active: Active) -> Array:
        tests, (inside, other) = expr.params["tests"], expr.args
        holds = np.ones((), bool)
        for index, low, high in tests:
            at = self.index(index, active)
            holds = holds & (at >= self.dim(low)) & (at < self.dim(high))
        self._kept.append(tests)
        within = Active((*active.key, id(tests)), active.where & holds)
        outside = self.value(other, active)
        if not within.where.any():
            return outside
        return np.where(holds, self.value(inside, within), outside)

    # ---- indices -------------------------------------------------------------------------------
    def index(self, index: Index, active: Active = ALWAYS) -> Array:
        total = np.full([1] * len(self.shape), self.dim(index.offset), np.int64)
        for atom, coefficient in index.terms.items():
            total = total + self._atom(atom, active) * self.dim(coefficient)
        return total

    def _atom(self, atom: Any, active: Active) -> Array:
        if isinstance(atom, Var):
            return self.at[atom]
        if isinstance(atom, Indirect):
            value = self.value(atom.expr, active).astype(np.int64)
            return np.clip(value, 0, max(self.dim(atom.most), 0))
        inner, by = self.index(atom.index, active), max(self.dim(atom.by), 1)
        return inner // by if isinstance(atom, Div) else inner % by


def _random_bits(key0: Array, key1: Array, counter: Array) -> Array:
    """Random bits of counters under one key (reference/threefry.py)."""
    key = np.array([key0.item(), key1.item()], np.uint32)
    number = counter.astype(np.uint64)
    high, low = (number >> np.uint64(32)).astype(np.uint32), number.astype(np.uint32)
    x0, x1 = threefry2x32(key, high, low)
    return x0 ^ x1
