"""Structure of a nest: a key that is equal for nests from which the same code follows.

Loops and expressions are compared by identity elsewhere, so that two layers of the same shape have
different nests. In the key, each is a number: that of its first use.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from lamina.distinct import distinct
from lamina.engines.llvm.loops.index import Atom, Div, Index, Indirect, Var
from lamina.engines.llvm.loops.nest import Expr, Nest, walk


def structure(nest: Nest) -> Hashable:
    """Return a key that is equal for nests that differ only in the identity of their parts."""
    return _Structure(nest).key


class _Structure:
    """The key under construction."""

    def __init__(self, nest: Nest) -> None:
        self.loops: dict[Var, int] = {}
        self.exprs: dict[int, int] = {}  # by id
        split = nest.split_reduction
        heads = [*nest.loops, *nest.reductions]
        heads += [nest.sequential_outer] if nest.sequential_outer is not None else []
        heads += [split.part, split.row] if split is not None else []
        order = tuple(map(self._loop, heads))
        exprs = tuple(map(self._expr, walk(nest.roots())))
        self.key: Hashable = (
            nest.kind,
            (len(nest.loops), len(nest.reductions), nest.sequential_outer is None),
            split.limit if split is not None else None,
            order,
            exprs,
            tuple((a.kind, self.exprs[id(a.expr)], a.dtype) for a in nest.accumulators),
            tuple((s.buffer, self._index(s.index), self.exprs[id(s.expr)]) for s in nest.stores),
            tuple((v.name, v.extent) for v in self.loops),
        )

    def _loop(self, var: Var) -> int:
        return self.loops.setdefault(var, len(self.loops))

    def _expr(self, expr: Expr) -> Hashable:
        """Number the expression, whose operands have numbers."""
        self.exprs[id(expr)] = len(self.exprs)
        args = tuple(self.exprs[id(e)] for e in expr.args)
        return (expr.kind, args, expr.dtype, self._params(expr))

    def _params(self, expr: Expr) -> Hashable:
        params: Any = expr.params
        if expr.kind == "load":
            return params["buffer"], self._index(params["index"])
        if expr.kind == "constant":
            return distinct(params["value"])
        if expr.kind == "index":
            return self._index(params["index"])
        if expr.kind == "acc":
            return params["number"], frozenset(map(self._loop, expr.vars))
        if expr.kind == "guard":
            return tuple((self._index(i), low, high) for i, low, high in params["tests"])
        return tuple(params.items())

    def _index(self, index: Index) -> Hashable:
        return tuple((self._atom(a), c) for a, c in index.terms.items()), index.offset

    def _atom(self, atom: Atom) -> Hashable:
        if isinstance(atom, Var):
            return self._loop(atom)
        if isinstance(atom, Indirect):
            return "data", self.exprs[id(atom.expr)], atom.most
        kind = "div" if isinstance(atom, Div) else "mod"
        return kind, self._index(atom.index), atom.by
