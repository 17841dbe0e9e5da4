"""Loops put in the order of memory, and neighbours that every index steps through as one joined.

for k in 32: for n in 8: x[k + 32*n]    ->   for n in 8: for k in 32: x[k + 32*n]
for i in 32: for j in 10: x[10*i + j]   ->   for i in 320: x[i]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lamina.engines.llvm.index import Data, Div, Index, Mod, Var
from lamina.engines.llvm.nest import Accumulator, Buffer, Expr, Maker, Nest, Store, walk
from lamina.ir.types import FLOORS, evaluate


def collapse(nest: Nest, maker: Maker) -> Nest:
    """The nest with every pair of loops merged that can be; loops of one turn are dropped."""
    nest.loops = [v for v in nest.loops if v.extent != 1]
    nest.reductions = _by_stride(nest, [v for v in nest.reductions if v.extent != 1])
    for kind in ("loops", "reductions"):
        position = len(getattr(nest, kind)) - 1
        while position > 0:
            outer, inner = getattr(nest, kind)[position - 1 : position + 1]
            if all(_merges(i, outer, inner) for i in indices(nest)):
                nest = _merged(nest, maker, kind, outer, inner)
            position -= 1
    return nest


def _by_stride(nest: Nest, loops: list[Var]) -> list[Var]:
    """Reduction loops with the longest steps outermost; argmax counts positions, and keeps them."""
    if any(a.kind.startswith("arg") for a in nest.accumulators):
        return loops
    loads = [e for e in walk([a.expr for a in nest.accumulators]) if e.kind == "load"]

    def stride(var: Var) -> int:
        steps = [e.params["index"].coefficient(var) for e in loads]
        return sum(evaluate(s, _Typical()) for s in steps if s is not None)

    return sorted(loops, key=stride, reverse=True)


class _Typical(dict[str, int]):
    """Every symbolic size, before it is known."""

    def __contains__(self, symbol: object) -> bool:
        return symbol not in FLOORS

    def __missing__(self, symbol: str) -> int:
        return 32


def indices(nest: Nest) -> list[Index]:
    """Every index in the nest, those inside indices left to `_merges`."""
    found = [s.index for s in nest.stores]
    for expr in walk(nest.roots()):
        if "index" in expr.params:
            found.append(expr.params["index"])
        if expr.kind == "guard":
            found += [i for i, _, _ in expr.params["tests"]]
    return found


def _merges(index: Index, outer: Var, inner: Var) -> bool:
    c_outer, c_inner = index.terms.get(outer, 0), index.terms.get(inner, 0)
    if c_outer != c_inner * inner.extent:
        return False
    for atom in index.terms:
        if isinstance(atom, (Div, Mod)) and not _merges(atom.index, outer, inner):
            return False
        # what an index reads is an expression of its own, seen by `indices`
    return True


def _merged(nest: Nest, maker: Maker, kind: str, outer: Var, inner: Var) -> Nest:
    both = Var(outer.name, outer.extent * inner.extent)
    loops = [both if v is inner else v for v in getattr(nest, kind) if v is not outer]
    renamed = rewrite(nest, maker, lambda index: _joined(index, outer, inner, both))
    setattr(renamed, kind, loops)
    return renamed


def _joined(index: Index, outer: Var, inner: Var, both: Var) -> Index:
    if outer not in index.vars and inner not in index.vars:
        return index
    terms = {a: c for a, c in index.terms.items() if a is not outer and a is not inner}
    step = index.terms.get(inner, 0)
    result = Index({}, index.offset)
    for atom, coefficient in terms.items():
        if isinstance(atom, (Div, Mod)):
            atom = type(atom)(_joined(atom.index, outer, inner, both), atom.by)
        result = result + Index({atom: coefficient})
    return result + Index({both: step})


# ---- rewriting every index of a nest -----------------------------------------------------------
def rewrite(
    nest: Nest,
    maker: Maker,
    change: Callable[[Index], Index],
    buffers: Mapping[Buffer, Buffer] | None = None,
) -> Nest:
    """The nest with each index replaced by what `change` makes of it, and buffers by others."""
    renamed: Mapping[Buffer, Buffer] = buffers or {}
    new: dict[int, Expr] = {}
    numbered = {id(e): e for e in walk(nest.roots())}
    for key, expr in numbered.items():
        new[key] = _rebuilt(expr, maker, new, change, renamed)
    accs = [Accumulator(a.kind, new[id(a.expr)], a.dtype) for a in nest.accumulators]
    stores = [
        Store(renamed.get(s.buffer, s.buffer), change(s.index), new[id(s.expr)])
        for s in nest.stores
    ]
    return Nest(nest.name, nest.loops, nest.reductions, accs, stores, nest.outermost)


def _rebuilt(
    expr: Expr,
    maker: Maker,
    new: Mapping[int, Expr],
    change: Callable[[Index], Index],
    buffers: Mapping[Buffer, Buffer],
) -> Expr:
    args = tuple(new[id(a)] for a in expr.args)
    p = expr.params

    def moved(index: Index) -> Index:
        return change(_with_data(index, new))

    if expr.kind == "load":
        return maker.load(buffers.get(p["buffer"], p["buffer"]), moved(p["index"]))
    if expr.kind == "index":
        return maker.index(moved(p["index"]), expr.dtype)
    if expr.kind == "guard":
        tests = tuple((moved(i), low, high) for i, low, high in p["tests"])
        return maker.guard(tests, *args)
    if expr.kind == "constant":
        return expr
    if expr.kind == "acc":  # it depends on the loops, also on those that have just become one
        vars_ = frozenset(v for old in expr.vars for v in change(Index({old: 1})).vars)
        return maker.acc(p["number"], expr.dtype, vars_)
    return maker.op(expr.kind, args, expr.dtype, p)


def _with_data(index: Index, new: Mapping[int, Expr]) -> Index:
    """The index with the expressions it reads replaced."""
    if all(isinstance(a, Var) for a in index.terms):
        return index
    result = Index({}, index.offset)
    for atom, coefficient in index.terms.items():
        if isinstance(atom, Data):
            atom = Data(new[id(atom.expr)], atom.most)
        elif isinstance(atom, (Div, Mod)):
            atom = type(atom)(_with_data(atom.index, new), atom.by)
        result = result + Index({atom: coefficient})
    return result
