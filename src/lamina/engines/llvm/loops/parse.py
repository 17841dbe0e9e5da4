"""Nest text read back: `parse(str(nest))` is an equal nest.

    nest    = "nest" kind "for" ( loop , ... ) ; buffers ; acc ... ; store ... ; note ...
    expr    = buffer [ index ] | dtype ( value ) | index ( index ) | acc number
            | guard ( low <= index < high , ... ; expr ; expr )
            | primitive < dtype > ( expr , ... , param = value , ... )
    index   = coefficient * atom + ... + offset
    atom    = loop | ( index div extent ) | ( index mod extent ) | data ( expr to extent )
    extent  = integer | { polynomial }

The printer is in nest.py and index.py. A primitive's dtype stands there only where it is not that
of its operands (of a comparison: not bool); a loop's name is its identity.
"""

from __future__ import annotations

import re
from typing import Any

from lamina.engines.llvm.loops.index import Atom, Div, Index, Indirect, Mod, Var
from lamina.engines.llvm.loops.nest import (
    Accumulator,
    Buffer,
    Expr,
    ExprBuilder,
    Nest,
    NestKind,
    SplitReduction,
    Store,
    result_dtype,
)
from lamina.ir.text import parse_extent
from lamina.ir.types import DTYPES, Dim, int64

TOKEN = re.compile(r"\s*(\{[^}]*\}|<=|<-|[A-Za-z_][\w.]*|-?\d+|[-+*/()\[\],;<>=])")
HEAD = re.compile(r"nest (\w+) for \((.*)\)")
ACC = re.compile(r"acc\d+ = (\w+)(?:<(\w+)>)? over \((.*?)\) of (.*)")
STORE = re.compile(r"b(\d+)\[")
SPLIT = re.compile(r"split reduction: (\w+), (\w+) of (.*)")


def parse(text: str) -> Nest:
    """The nest of a text that `str(nest)` has made.

    Raises:
        ValueError: the text is not a nest's; the place is named.
    """
    head, *lines = [line.strip() for line in text.strip().splitlines()]
    try:
        return _Reader(head, lines).nest
    except KeyError as error:
        raise ValueError(f"nest text: unknown loop, buffer or dtype {error}") from error


class _Reader:
    """One nest: its loops and buffers by name."""

    def __init__(self, head: str, lines: list[str]) -> None:
        name, loops = _matched(HEAD, head)
        self.builder = ExprBuilder()
        self.loops: dict[str, Var] = {}
        self.buffers: dict[int, Buffer] = {}
        self.nest = Nest(NestKind(name), self._declared(loops))
        stores = [line for line in lines if STORE.match(line)]
        for line in lines:
            if line not in stores:
                self._line(line)
        self.nest.stores = [_Text(self, line).store() for line in stores]

    def _declared(self, text: str) -> list[Var]:
        found = []
        for part in filter(None, text.split(", ")):
            name, _, extent = part.partition(" in ")
            if name in self.loops:
                raise ValueError(f"nest text: two loops are named {name}")
            self.loops[name] = Var(name, parse_extent(extent))
            found.append(self.loops[name])
        return found

    def _line(self, line: str) -> None:
        nest = self.nest
        if line.startswith("buffers "):
            for part in line.removeprefix("buffers ").split(", "):
                name, dtype = part.split(" ")
                self.buffers[int(name[1:])] = Buffer(int(name[1:]), DTYPES[dtype])
        elif ACC.fullmatch(line):
            kind, dtype, over, expr = _matched(ACC, line)
            if not nest.accumulators:
                nest.reductions = self._declared(over)
            terms = _Text(self, expr).whole_expr()
            nest.accumulators.append(Accumulator(kind, terms, DTYPES[dtype or terms.dtype.name]))
        else:
            self._note(line)

    def _note(self, line: str) -> None:
        nest = self.nest
        if line.startswith("sequential outermost loop: "):
            nest.sequential_outer = self.loops[line.rpartition(" ")[2]]
        else:
            part, row, limit = _matched(SPLIT, line)
            nest.split_reduction = SplitReduction(
                self.loops[part], self.loops[row], parse_extent(limit)
            )

    def acc(self, number: int) -> Expr:
        nest = self.nest
        loops = frozenset(v for v in nest.loops if v is not nest.sequential_outer)
        return self.builder.acc(number, nest.accumulators[number].dtype, loops)


class _Text:
    """A line of a nest, token by token."""

    def __init__(self, reader: _Reader, text: str) -> None:
        self.reader, self.text, self.at = reader, text, 0

    # ---- tokens --------------------------------------------------------------------------------
    def peek(self) -> str:
        found = TOKEN.match(self.text, self.at)
        return found.group(1) if found else ""

    def take(self, wanted: str = "") -> str:
        found = TOKEN.match(self.text, self.at)
        if found is None or (wanted and found.group(1) != wanted):
            rest = self.text[self.at : self.at + 20]
            raise ValueError(f"nest text: expected {wanted or 'more'!r}, got {rest!r}")
        self.at = found.end()
        return found.group(1)

    def taken(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.take()
        return True

    def raw(self) -> str:
        """Text up to the next comma or closing parenthesis."""
        found = re.compile(r"[^,)]*").match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return found.group().strip()

    def whole_expr(self) -> Expr:
        expr = self.expr()
        if self.text[self.at :].strip():
            raise ValueError(f"nest text: {self.text[self.at :]!r} follows an expression")
        return expr

    def store(self) -> Store:
        buffer, index = self.element(self.take())
        self.take("<-")
        return Store(buffer, index, self.whole_expr())

    # ---- expressions ---------------------------------------------------------------------------
    def expr(self) -> Expr:
        name, builder = self.take(), self.reader.builder
        if self.peek() == "[":
            return builder.load(*self.element(name))
        if re.fullmatch(r"acc\d+", name) and self.peek() != "(":
            return self.reader.acc(int(name[3:]))
        dtype = DTYPES[self.dtype()] if self.peek() == "<" else None
        self.take("(")
        if name in DTYPES:
            expr = builder.constant(_value(self.raw()), DTYPES[name])
        elif name == "index":
            expr = builder.index(self.index(), dtype or int64)
        elif name == "guard":
            expr = self.guard()
        else:
            args, params = self.arguments()
            operand = args[1 if name == "select" else 0].dtype
            dtype = dtype or result_dtype(name, operand)
            expr = builder.op(name, tuple(args), dtype, {**params, "operand": operand})
        self.take(")")
        return expr

    def dtype(self) -> str:
        self.take("<")
        name = self.take()
        self.take(">")
        return name

    def element(self, name: str) -> tuple[Buffer, Index]:
        self.take("[")
        index = self.index()
        self.take("]")
        return self.reader.buffers[int(name[1:])], index

    def guard(self) -> Expr:
        tests = []
        while True:
            low = self.extent()
            self.take("<=")
            index = self.index()
            self.take("<")
            tests.append((index, low, self.extent()))
            if not self.taken(","):
                break
        self.take(";")
        inside = self.expr()
        self.take(";")
        return self.reader.builder.guard(tuple(tests), inside, self.expr())

    def arguments(self) -> tuple[list[Expr], dict[str, Any]]:
        args: list[Expr] = []
        params: dict[str, Any] = {}
        while self.peek() != ")":
            named = re.compile(r"\s*(\w+)=").match(self.text, self.at)
            if named:
                self.at = named.end()
                params[named.group(1)] = self.raw()
            else:
                args.append(self.expr())
            if not self.taken(","):
                break
        return args, params

    # ---- indices -------------------------------------------------------------------------------
    def index(self) -> Index:
        terms: dict[Atom, Dim] = {}
        offset: Dim = 0
        while True:
            is_number = re.match(r"-?\d|\{", self.peek()) is not None
            number = self.extent() if is_number else 1
            if is_number and not self.taken("*"):
                offset = offset + number
            else:
                terms[self.atom()] = number
            if not self.taken("+"):
                return Index(terms, offset)

    def atom(self) -> Atom:
        name = self.take()
        if name == "data" and self.taken("("):
            expr = self.expr()
            self.take("to")
            atom: Atom = Indirect(expr, self.extent())
        elif name == "(":
            index, kind = self.index(), self.take()
            atom = (Div if kind == "div" else Mod)(index, self.extent())
        else:
            return self.reader.loops[name]
        self.take(")")
        return atom

    def extent(self) -> Dim:
        return parse_extent(self.take().strip("{}"))


def _matched(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"nest text: cannot read {text!r}")
    return found.groups()


def _value(text: str) -> float | int | bool:
    if text in ("True", "False"):
        return text == "True"
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
