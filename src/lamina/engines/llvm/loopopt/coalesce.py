"""Loop interchange and coalescing.

for k in 32: for n in 8: x[k + 32*n]    ->   for n in 8: for k in 32: x[k + 32*n] for i in 32: for j
in 10: x[10*i + j]   ->   for i in 320: x[i]

A test of i alone becomes a test of 10 i + j. Legality: every index depends on the pair only through
their combination; loops of a split reduction and argmax over several axes keep their order.
Profitability: always; short loops leave vectors part empty. Changes bits: the order of reductions.
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
    """Return the nest with all loops coalesced that can be; loops of one iteration are dropped, but
    for those of a split reduction."""
    nest = replace(nest, loops=[v for v in nest.loops if v.extent != 1])
    nest.reductions = by_stride(
        nest, [v for v in nest.reductions if v.extent != 1 or _is_split_part(nest, v)]
    )
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
    """True if one of these is the loop over the parts of a split reduction."""
    return nest.split_reduction is not None and bool(
        {*pair} & {nest.split_reduction.part, nest.split_reduction.row}
    )


def by_stride(nest: Nest, loops: list[Var]) -> list[Var]:
    """Return the reduction loops, largest strides outermost; argmax counts positions and keeps
    them."""
    if any(a.kind.startswith("arg") for a in nest.accumulators):
        return loops
    loads = nest.accumulator_loads()

    def stride(var: Var) -> int:
        steps = [e.params["index"].coefficient(var) for e in loads]
        return sum(evaluate(s, TYPICAL_SIZES) for s in steps if s is not None)

    return sorted(loops, key=stride, reverse=True)


def indices(nest: Nest) -> list[Index]:
    """Return the indices of loads and stores, and those whose value is used; `_merges` handles the
    indices inside of others."""
    found = [s.index for s in nest.stores]
    return found + [e.params["index"] for e in walk(nest.roots()) if "index" in e.params]


def tests(nest: Nest) -> list[Test]:
    """Return the tests of the nest's guards."""
    guards = [e for e in walk(nest.roots()) if e.kind == "guard"]
    return [test for e in guards for test in e.params["tests"]]


def _scales(test: Test, outer: Var, inner: Var, short: int) -> bool:
    """True if a test restricts the outer loop alone and the inner one is short."""
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
        # an index in memory is a separate expression, which `indices` yields
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
