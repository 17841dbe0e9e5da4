"""Loop-invariant code motion: emit early what depends only on the loops that are open."""

from __future__ import annotations

from lamina.engines.llvm.codegen.expressions import Expressions
from lamina.engines.llvm.loops.index import Index, atom_vars
from lamina.engines.llvm.loops.nest import Buffer, Expr, index_exprs, walk


class Hoisting:
    """Emits the invariant expressions and address steps of a nest."""

    def __init__(self, values: Expressions) -> None:
        self.values, self.scope, self.memory = values, values.scope, values.memory
        self.nest, self.vector = values.scope.nest, values.scope.vector
        roots = self.nest.roots()
        self.in_epilogue = {id(e) for e in walk(roots) if e.kind == "acc"}
        for e in walk(roots):
            if any(id(a) in self.in_epilogue for a in e.args):
                self.in_epilogue.add(id(e))

    def hoist(self, *, reductions_only: bool = False) -> None:
        """Emit what depends only on open loops, and the outer steps of every address."""
        roots = [a.expr for a in self.nest.accumulators]
        if not reductions_only:
            roots += [s.expr for s in self.nest.stores]
        seen: set[int] = set()
        for root in roots:
            self._hoist(root, seen, reductions_only)
        for store in self.nest.stores if not reductions_only else ():
            self._hoist_address(store.buffer, store.index)

    def _hoist(self, expr: Expr, seen: set[int], lanes_too: bool) -> None:
        if id(expr) in seen or expr.kind in ("constant", "acc"):
            return
        seen.add(id(expr))
        ready = expr.vars <= self.scope.first.keys() and id(expr) not in self.in_epilogue
        if ready and (lanes_too or self.vector not in expr.vars):
            for point in self.scope.points(expr.vars):
                value = self.values.value(expr, point)
                if not expr.vars:
                    self.values.lanes.wide(value)
            return
        if expr.kind == "guard":
            self._hoist(expr.args[1], seen, lanes_too)
            return
        for inner in (*expr.args, *index_exprs(expr)):
            self._hoist(inner, seen, lanes_too)
        if expr.kind == "load":
            self._hoist_address(expr.params["buffer"], expr.params["index"])

    def _hoist_address(self, buffer: Buffer, index: Index) -> None:
        if self.vector is not None and index.coefficient(self.vector) not in (0, 1):
            return
        open_ = self.scope.first.keys()
        if any(atom_vars(a) & open_ and not atom_vars(a) <= open_ for a in index.terms):
            return  # an atom of open and of inner loops can be emitted only inside
        known = {a: c for a, c in index.terms.items() if atom_vars(a) <= self.scope.first.keys()}
        partial = Index(known, index.offset)
        for point in self.scope.points(partial.vars):
            _, steps = self.memory.steps(partial, point)
            self.memory.stepped(buffer, steps)
