"""Substitution over a nest: every index, load, accumulator or test replaced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lamina.engines.llvm.loops.index import Div, Index, Indirect, Mod, Var, bounds
from lamina.engines.llvm.loops.nest import Accumulator, Buffer, Expr, ExprBuilder, Nest, Store, walk
from lamina.ir.types import Dim, is_static

Test = tuple[Index, Dim, Dim]  # low <= index < high
Load = Callable[[Buffer, Index], Expr]
Total = Callable[[Expr], Expr]
TestChange = Callable[[Test], Test]


def rewrite(
    nest: Nest,
    exprs: ExprBuilder,
    change: Callable[[Index], Index],
    load: Load | None = None,
    total: Total | None = None,
    change_test: TestChange | None = None,
) -> Nest:
    """Return the nest with each index replaced by `change(index)` (a guard's tests by
    `change_test(test)`), loads by `load(buffer, index)`, and accumulators by `total(acc)`."""
    new: dict[int, Expr] = {}
    rebuild = _Rebuild(exprs, new, change, load or exprs.load, total, change_test)
    for expr in walk(nest.roots()):
        new[id(expr)] = rebuild(expr)
    accs = [Accumulator(a.kind, new[id(a.expr)], a.dtype) for a in nest.accumulators]
    stores = [Store(s.buffer, change(s.index), new[id(s.expr)]) for s in nest.stores]
    return replace(nest, accumulators=accs, stores=stores)


@dataclass
class _Rebuild:
    """Rebuilds an expression from new operands (`new`, by identity of the old ones) and new
    indices."""

    exprs: ExprBuilder
    new: Mapping[int, Expr]
    change: Callable[[Index], Index]
    load: Load
    total: Total | None
    change_test: TestChange | None

    def __call__(self, expr: Expr) -> Expr:
        args = tuple(self.new[id(a)] for a in expr.args)
        p, exprs = expr.params, self.exprs
        if expr.kind == "load":
            return self.load(p["buffer"], self._moved(p["index"]))
        if expr.kind == "index":
            return exprs.index(self._moved(p["index"]), expr.dtype)
        if expr.kind == "guard":
            return self._guard([self._changed_test(test) for test in p["tests"]], *args)
        if expr.kind == "constant":
            return exprs.constant(p["value"], expr.dtype)
        if expr.kind == "acc":  # it depends on its loops, also after they were coalesced
            vars_ = frozenset(v for old in expr.vars for v in self.change(Index({old: 1})).vars)
            made = exprs.acc(p["number"], expr.dtype, vars_)
            return self.total(made) if self.total else made
        return exprs.op(expr.kind, args, expr.dtype, p)

    def _guard(self, tests: list[Test], inside: Expr, other: Expr) -> Expr:
        """Return the guard with the tests that are not decided yet."""
        verdicts = [_verdict(*test) for test in tests]
        if False in verdicts:
            return other
        open_ = tuple(t for t, v in zip(tests, verdicts, strict=True) if v is None)
        return self.exprs.guard(open_, inside, other) if open_ else inside

    def _changed_test(self, test: Test) -> Test:
        index, low, high = test
        index = _with_data(index, self.new)
        return (
            self.change_test((index, low, high))
            if self.change_test
            else (self.change(index), low, high)
        )

    def _moved(self, index: Index) -> Index:
        return self.change(_with_data(index, self.new))


def _verdict(index: Index, low: Dim, high: Dim) -> bool | None:
    """Return True if low <= index < high always holds, False if never, None if it depends."""
    least, most = bounds(index)
    if least is None or most is None or not is_static((low, high)):
        return None
    if most < low or least >= high:  # type: ignore[operator]
        return False
    return True if least >= low and most < high else None  # type: ignore[operator]


def _with_data(index: Index, new: Mapping[int, Expr]) -> Index:
    """Return the index with the expressions that it reads replaced."""
    if all(isinstance(a, Var) for a in index.terms):
        return index
    result = Index({}, index.offset)
    for atom, coefficient in index.terms.items():
        if isinstance(atom, Indirect):
            atom = Indirect(new[id(atom.expr)], atom.most)
        elif isinstance(atom, (Div, Mod)):
            atom = type(atom)(_with_data(atom.index, new), atom.by)
        result = result + Index({atom: coefficient})
    return result


def substituted(index: Index, new: Mapping[Var, Index]) -> Index:
    """Return the index with the variables in `new` substituted."""
    if not index.vars & new.keys():
        return index
    result = Index({}, index.offset)
    for atom, coefficient in index.terms.items():
        if isinstance(atom, Var) and atom in new:
            result = result + new[atom] * coefficient
            continue
        if isinstance(atom, (Div, Mod)):
            atom = type(atom)(substituted(atom.index, new), atom.by)
        result = result + Index({atom: coefficient})
    return result
