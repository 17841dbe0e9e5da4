"""Loop nests: what one kernel computes, without its schedule.

    nest    = kind { spatial loop ... ; reduction loop ... ; accumulator ... ; store ... }
    loop    = variable in extent
    acc     = kind over expr                        sum, product, max, min, and, or, argmax, argmin
    store   = buffer [ index ] <- expr              once per iteration of the spatial loops
    expr    = load buffer [ index ] | constant | index | primitive ( expr, ... )
            | acc number | guard ( low <= index < high, ... ) expr else expr

An index is a linear element number (index.py). Tiles, vectors and unrolling are the schedule's
(schedule.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from lamina.distinct import distinct
from lamina.engines.llvm.loops.index import Div, Index, Indirect, Mod, Var, shown
from lamina.ir.types import Dim, DType, bool_, is_static


@dataclass(frozen=True, slots=True)
class Buffer:
    """A kernel argument: memory of elements of one dtype. `number` is its position in the list."""

    number: int
    dtype: DType

    def __repr__(self) -> str:
        return f"b{self.number}"


class Expr:
    """A scalar value at one point of the loops. Equal expressions are one object (ExprBuilder)."""

    __slots__ = ("args", "dtype", "kind", "params", "vars")

    def __init__(
        self,
        kind: str,
        args: tuple[Expr, ...],
        params: Mapping[str, Any],
        dtype: DType,
        vars_: frozenset[Var],
    ) -> None:
        self.kind, self.args, self.params, self.dtype = kind, args, params, dtype
        self.vars: frozenset[Var] = vars_.union(*(a.vars for a in args))

    def __repr__(self) -> str:
        p = self.params
        if self.kind == "load":
            return f"{p['buffer']}[{p['index']}]"
        if self.kind == "constant":
            return f"{self.dtype}({p['value']})"
        if self.kind in ("index", "size"):
            return f"{self.kind}({p['index']})"
        if self.kind == "acc":
            return f"acc{p['number']}"
        if self.kind == "guard":
            tests = ", ".join(f"{shown(lo)} <= {i} < {shown(hi)}" for i, lo, hi in p["tests"])
            return f"guard({tests}; {self.args[0]}; {self.args[1]})"
        extra = "".join(f", {k}={v}" for k, v in p.items() if k != "operand")
        usual = self.dtype == result_dtype(self.kind, p["operand"])
        name = self.kind if usual else f"{self.kind}<{self.dtype}>"
        return f"{name}({', '.join(map(repr, self.args))}{extra})"


def result_dtype(op: str, operand: DType) -> DType:
    """The dtype of an operation's result, unless the text of the operation names another."""
    return bool_ if op in ("compare", "is_finite") else operand


class ExprBuilder:
    """Builds expressions; equal ones are one object (hash consing)."""

    def __init__(self) -> None:
        self._made: dict[Any, Expr] = {}

    def _make(
        self, key: Any, kind: str, args: tuple[Expr, ...], dtype: DType, vars_: Any, **params: Any
    ) -> Expr:
        if key not in self._made:
            self._made[key] = Expr(kind, args, params, dtype, frozenset(vars_))
        return self._made[key]

    def load(self, buffer: Buffer, index: Index) -> Expr:
        key = ("load", buffer, index)
        return self._make(key, "load", (), buffer.dtype, index.vars, buffer=buffer, index=index)

    def constant(self, value: Any, dtype: DType) -> Expr:
        key = ("constant", distinct(value), dtype)
        return self._make(key, "constant", (), dtype, (), value=value)

    def index(self, index: Index, dtype: DType) -> Expr:
        key = ("index", index, dtype)
        return self._make(key, "index", (), dtype, index.vars, index=index)

    def acc(self, number: int, dtype: DType, vars_: frozenset[Var]) -> Expr:
        return self._make(("acc", number, vars_), "acc", (), dtype, vars_, number=number)

    def guard(self, tests: tuple[tuple[Index, Dim, Dim], ...], inside: Expr, other: Expr) -> Expr:
        """`inside` if every low <= index < high, else `other`; loads of `inside` are predicated."""
        key = ("guard", tests, id(inside), id(other))
        vars_ = frozenset(v for i, _, _ in tests for v in i.vars)
        return self._make(key, "guard", (inside, other), inside.dtype, vars_, tests=tests)

    def op(
        self, name: str, args: tuple[Expr, ...], dtype: DType, params: Mapping[str, Any]
    ) -> Expr:
        key = (name, tuple(map(id, args)), dtype, tuple(sorted(params.items(), key=str)))
        return self._make(key, name, args, dtype, (), **params)


class NestKind(Enum):
    """The kinds of nests; the value is the label in texts (of a reduction, the primitive's)."""

    MAP = "map"
    COPY = "copy"
    ZEROS = "zeros"
    REDUCE = "reduce"
    PRODUCT = "dot_general"
    CONVOLUTION = "convolution"
    WINDOW = "reduce_window"

    @property
    def is_map(self) -> bool:
        """True without reductions: every kind of elementwise store."""
        return self in (NestKind.MAP, NestKind.COPY, NestKind.ZEROS)

    @property
    def is_contraction(self) -> bool:
        """True for sums of products of two operands."""
        return self in (NestKind.PRODUCT, NestKind.CONVOLUTION)


@dataclass
class Accumulator:
    kind: str
    expr: Expr
    dtype: DType


@dataclass
class Store:
    buffer: Buffer
    index: Index
    expr: Expr


@dataclass(frozen=True)
class SplitReduction:
    """One part of a reduction over `row`, split in two: `part` is the loop over the parts, `limit`
    the extent before the split (loopopt/split_reduction.py)."""

    part: Var
    row: Var
    limit: Dim


@dataclass
class Nest:
    """A kernel's computation: the values that it stores in each iteration of its spatial loops.

    sequential_outer   a loop whose iterations run in order: each may read what the last one stored
    split_reduction    the reduction is one part of a split one (split_reduction.py)
    """

    kind: NestKind
    loops: list[Var]
    reductions: list[Var] = field(default_factory=list)
    accumulators: list[Accumulator] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    sequential_outer: Var | None = None
    split_reduction: SplitReduction | None = None

    @property
    def name(self) -> str:
        """The label of its kind, for people."""
        return self.kind.value

    def roots(self) -> list[Expr]:
        return [a.expr for a in self.accumulators] + [s.expr for s in self.stores]

    def loads(self) -> list[Expr]:
        """Return every distinct load of the nest."""
        return loads_under(self.roots())

    def accumulator_loads(self) -> list[Expr]:
        """Return the loads of the reductions."""
        return loads_under([a.expr for a in self.accumulators])

    def epilogue_loads(self) -> list[Expr]:
        """Return the loads after the reductions, one for each result."""
        summed = {id(e) for e in walk([a.expr for a in self.accumulators])}
        after = loads_under([s.expr for s in self.stores])
        return [e for e in after if id(e) not in summed and set(self.loops) <= e.vars]

    def divides(self, step: int, var: Var) -> bool:
        """True if tiles of `step` iterations fill a loop; if it is cut into parts, each."""
        lengths, split = [var.extent], self.split_reduction
        if split is not None and var is split.row:
            lengths.append(split.limit - var.extent)
        return step == 1 or all(is_static(n) and int(n) % step == 0 for n in lengths)

    @property
    def buffers(self) -> list[Buffer]:
        """The buffers that the nest reads and writes, by number."""
        loads = {e.params["buffer"] for e in self.loads()}
        return sorted(loads | {s.buffer for s in self.stores}, key=lambda b: b.number)

    def __str__(self) -> str:
        """Return the nest as text, which parse.py reads back."""
        lines = [f"nest {self.name} for ({_heads(self.loops)})"]
        lines.append("  buffers " + ", ".join(f"{b} {b.dtype}" for b in self.buffers))
        for k, a in enumerate(self.accumulators):
            kind = a.kind if a.dtype == a.expr.dtype else f"{a.kind}<{a.dtype}>"
            lines.append(f"  acc{k} = {kind} over ({_heads(self.reductions)}) of {a.expr}")
        lines += [f"  {s.buffer}[{s.index}] <- {s.expr}" for s in self.stores]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes())])

    def notes(self) -> Iterator[str]:
        """Yield what passes have noted on the nest, a line each."""
        if self.sequential_outer is not None:
            yield f"sequential outermost loop: {self.sequential_outer.name}"
        if self.split_reduction is not None:
            split = self.split_reduction
            yield f"split reduction: {split.part.name}, {split.row.name} of {split.limit}"


def _heads(loops: list[Var]) -> str:
    return ", ".join(f"{v.name} in {v.extent}" for v in loops)


def walk(roots: list[Expr]) -> Iterator[Expr]:
    """Yield every distinct expression under the roots, operands first, including those in
    indices."""
    seen: set[int] = set()
    stack = [(r, False) for r in reversed(roots)]
    while stack:
        expr, ready = stack.pop()
        if ready:
            yield expr
        elif id(expr) not in seen:
            seen.add(id(expr))
            stack.append((expr, True))
            stack += [(e, False) for e in (*expr.args, *index_exprs(expr)) if id(e) not in seen]


def loads_under(roots: list[Expr]) -> list[Expr]:
    """Return every distinct load under the roots, including those in indices."""
    return [e for e in walk(roots) if e.kind == "load"]


def index_exprs(expr: Expr) -> list[Expr]:
    """Return the expressions that an expression's indices read."""
    indices = []
    if "index" in expr.params:
        indices.append(expr.params["index"])
    if expr.kind == "guard":
        indices += [i for i, _, _ in expr.params["tests"]]
    return [e for i in indices for e in _data(i)]


def _data(index: Index) -> list[Expr]:
    found: list[Expr] = []
    for atom in index.terms:
        if isinstance(atom, Indirect):
            found.append(atom.expr)
        elif isinstance(atom, (Div, Mod)):
            found += _data(atom.index)
    return found
