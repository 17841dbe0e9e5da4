"""Loops put in the order of memory, and neighbours that every index steps through as one joined.

for k in 32: for n in 8: x[k + 32*n]    ->   for n in 8: for k in 32: x[k + 32*n]
for i in 32: for j in 10: x[10*i + j]   ->   for i in 320: x[i]

Whether i lies between two numbers is asked of 10 i + j as well.
"""

from __future__ import annotations

from dataclasses import replace

from lamina.engines.llvm.loops.index import Div, Index, Mod, Var
from lamina.engines.llvm.loops.nest import ExprBuilder, Nest, walk
from lamina.engines.llvm.loops.rewrite import Test, rewrite
from lamina.engines.llvm.target.costs import Costs
from lamina.ir.types import evaluate, is_static
from lamina.ir.typical import TYPICAL_SIZES


def coalesce(nest: Nest, exprs: ExprBuilder, costs: Costs) -> Nest:
    """The nest with every pair of loops merged that can be; loops of one turn are dropped."""
    nest = replace(nest, loops=[v for v in nest.loops if v.extent != 1])
    nest.reductions = by_stride(nest, [v for v in nest.reductions if v.extent != 1])
    short = costs.short_loop
    for kind in ("loops", "reductions"):
        position = len(getattr(nest, kind)) - 1
        while position > 0:
            outer, inner = getattr(nest, kind)[position - 1 : position + 1]
            open_ = [t for t in tests(nest) if not _scales(t, outer, inner, short)]
            places = [*indices(nest), *(index for index, _, _ in open_)]
            if not _is_split_part(nest, outer, inner) and all(
                _merges(i, outer, inner) for i in places
            ):
                nest = _merged(nest, exprs, kind, outer, inner, short)
            position -= 1
    return nest


def _is_split_part(nest: Nest, *pair: Var) -> bool:
    """Whether one of these is a loop of the halves of a sum."""
    return nest.split_reduction is not None and bool(
        {*pair} & {nest.split_reduction.part, nest.split_reduction.row}
    )


def by_stride(nest: Nest, loops: list[Var]) -> list[Var]:
    """Reduction loops with the longest steps outermost; argmax counts positions, and keeps them."""
    if any(a.kind.startswith("arg") for a in nest.accumulators):
        return loops
    loads = [e for e in walk([a.expr for a in nest.accumulators]) if e.kind == "load"]

    def stride(var: Var) -> int:
        steps = [e.params["index"].coefficient(var) for e in loads]
        return sum(evaluate(s, TYPICAL_SIZES) for s in steps if s is not None)

    return sorted(loops, key=stride, reverse=True)


def indices(nest: Nest) -> list[Index]:
    """Where the nest reads and writes, and the indices whose value it uses; those inside indices
    are left to `_merges`."""
    found = [s.index for s in nest.stores]
    return found + [e.params["index"] for e in walk(nest.roots()) if "index" in e.params]


def tests(nest: Nest) -> list[Test]:
    """What the nest's guards ask."""
    guards = [e for e in walk(nest.roots()) if e.kind == "guard"]
    return [test for e in guards for test in e.params["tests"]]


def _scales(test: Test, outer: Var, inner: Var, short: int) -> bool:
    """Whether a test asks of the outer loop alone, of which the inner one is a short piece."""
    index, low, high = test
    plain = index.terms == {outer: 1} and is_static((index.offset, low, high, inner.extent))
    return plain and inner.extent < short  # type: ignore[operator]


def _scaled(test: Test, outer: Var, inner: Var, both: Var, short: int) -> Test:
    index, low, high = test
    if not _scales(test, outer, inner, short):
        return _coalesced(index, outer, inner, both), low, high
    size = inner.extent
    return Index({both: 1}, index.offset * size), low * size, high * size


def _merges(index: Index, outer: Var, inner: Var) -> bool:
    c_outer, c_inner = index.terms.get(outer, 0), index.terms.get(inner, 0)
    if c_outer != c_inner * inner.extent:
        return False
    for atom in index.terms:
        if isinstance(atom, (Div, Mod)) and not _merges(atom.index, outer, inner):
            return False
        # what an index reads is an expression of its own, seen by `indices`
    return True


def _merged(nest: Nest, exprs: ExprBuilder, kind: str, outer: Var, inner: Var, short: int) -> Nest:
    both = Var(outer.name, outer.extent * inner.extent)
    loops = [both if v is inner else v for v in getattr(nest, kind) if v is not outer]
    merged = rewrite(
        nest,
        exprs,
        lambda index: _coalesced(index, outer, inner, both),
        change_test=lambda test: _scaled(test, outer, inner, both, short),
    )
    setattr(merged, kind, loops)
    return merged


def _coalesced(index: Index, outer: Var, inner: Var, both: Var) -> Index:
    if outer not in index.vars and inner not in index.vars:
        return index
    terms = {a: c for a, c in index.terms.items() if a is not outer and a is not inner}
    step = index.terms.get(inner, 0)
    result = Index({}, index.offset)
    for atom, coefficient in terms.items():
        if isinstance(atom, (Div, Mod)):
            atom = type(atom)(_coalesced(atom.index, outer, inner, both), atom.by)
        result = result + Index({atom: coefficient})
    return result + Index({both: step})
