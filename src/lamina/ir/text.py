"""Graphs as text, to read, to compare, to key a cache, and, in full, to read back.

    graph  = name { node* return %n, ... }
    node   = %n = primitive operand, ..., param=value, ... : type     followed by its regions
    region = param: graph
    type   = float32[batch, 784]        or of several results (float32[2], int32[])
    value  = 3 | True | sum | (1, batch) | ((0, 1),) | float32 | 1.0 | [1.0, 2.0] | base64:...
           | <hash, stats>

A node's number is its place among the graph's nodes, operands first; each region counts from 0.
Params are in alphabetical order; those that have their default value are left out. Equal graphs
have equal texts, so a text can key a cache.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lamina.errors import FileFormatError
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import DTYPES, Dim, DType, Extent, TensorType

SMALL = 8  # constants of at most this many elements are written out


# ---- printing ----------------------------------------------------------------------------------
def to_text(graph: Graph, full: bool = False) -> str:
    """The graph as text; unless `full`, large constants appear as a hash and statistics only."""
    lines: list[str] = []
    _print_graph(graph, lines, "", "", full)
    return "\n".join(lines) + "\n"


def _print_graph(graph: Graph, lines: list[str], indent: str, before: str, full: bool) -> None:
    numbers = {node: number for number, node in enumerate(graph.nodes())}
    inner = indent + "  "
    lines.append(f"{indent}{before}{json.dumps(graph.name)} {{")
    for node, number in numbers.items():
        operands = [f"%{numbers[arg]}" for arg in node.args]
        found = {name: v for name, v in node.params.items() if isinstance(v, Graph)}
        told = [name for name in sorted(_told(node)) if name not in found]
        operands += [f"{name}={_param(name, node.params[name], full)}" for name in told]
        head = f"{inner}%{number} = {node.op} {', '.join(operands)}".rstrip()
        lines.append(f"{head} : {_type(node.type)}")
        for name in sorted(found):
            _print_graph(found[name], lines, inner + "  ", f"{name}: ", full)
    returned = ", ".join(f"%{numbers[r]}" for r in graph.results)
    lines.append(f"{inner}return {returned}".rstrip())
    lines.append(f"{indent}}}")


def _told(node: Node) -> list[str]:
    """The params that are not what they would be if left out."""
    defaults = PRIMITIVES[node.op].defaults if node.op in PRIMITIVES else {}
    if not defaults:
        return list(node.params)
    return [k for k, v in node.params.items() if k not in defaults or v != defaults[k]]


def _type(type_: Any) -> str:
    return _tensor(type_) if isinstance(type_, TensorType) else _tuple(type_)


@lru_cache(maxsize=4096)
def _tensor(type_: TensorType) -> str:
    return str(type_)


def _tuple(types: Sequence[TensorType]) -> str:
    return f"({', '.join(map(_tensor, types))})"


def _param(name: str, value: Any, full: bool) -> str:
    if isinstance(value, str):
        return json.dumps(value) if name == "name" else value
    if isinstance(value, (tuple, list)):
        items = ", ".join(_param("", v, full) for v in value)
        return f"({items}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.ndarray):
        return _array(value, full)
    if isinstance(value, (bool, DType)):
        return str(value)
    return "<a Python function>" if callable(value) else _dim(value)


def _dims(value: Sequence[Any]) -> str:
    """`(3, batch)`, or of pairs `((1, 1), (0, 2))`."""
    inner = [_dims(each) if isinstance(each, (tuple, list)) else _dim(each) for each in value]
    return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"


def _dim(value: Dim) -> str:
    return repr(value) if isinstance(value, Extent) else str(int(value))


def _array(value: np.ndarray, full: bool) -> str:
    if value.size <= SMALL and not (value.dtype.kind == "f" and np.isnan(value).any()):
        texts = [_number(x) for x in value.ravel()]
        return texts[0] if value.ndim == 0 else f"[{', '.join(texts)}]"
    data = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"), copy=False)).tobytes()
    if full:
        return "base64:" + base64.b64encode(data).decode()
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    with np.errstate(all="ignore"):
        least, most, mean = value.min(), value.max(), value.mean(dtype=np.float64)
    return f"<blake2b {digest}, {least} to {most}, mean {mean:.4g}>"


def _number(x: Any) -> str:
    """The shortest text that reads back as the very number."""
    if x.dtype.kind != "f":
        return str(x)
    short = str(x)
    return short if x.dtype.type(float(short)) == x else repr(float(x))


# ---- reading -----------------------------------------------------------------------------------
_GRAPH = re.compile(r'\s*(?:(\w+): )?("(?:[^"\\]|\\.)*") \{$')
_NODE = re.compile(r"\s*%(\d+) = (\w+)(?: (.*))?$")
_PARAM = re.compile(r"(\w+)=(.*)$", re.DOTALL)
_BREAK = re.compile(r'"(?:[^"\\]|\\.)*"|[(\[<>\]),]')
_TOKEN = re.compile(r"\s*(floor\(|[A-Za-z_][\w.]*|-?\d+|[+*/)])")

_WORDS = {"kind", "direction"}  # params that are words; all others not named below are extents
_SWITCHES = {"descending", "reverse"}


def parse(text: str) -> Graph:
    """The graph that `to_text(graph, full=True)` printed.

    Raises FileFormatError, naming the line, for anything else: types that do not fit, constants
    printed without `full`, and custom gradients, whose rules are Python functions.
    """
    reader = _Reader(text.splitlines())
    graph, _ = reader.graph()
    if reader.at < len(reader.lines):
        raise reader.wrong("nothing was expected after the graph")
    return graph


class _Reader:
    """Lines of text, and how far they are read."""

    def __init__(self, lines: list[str]) -> None:
        self.lines, self.at = lines, 0

    def wrong(self, problem: str) -> FileFormatError:
        line = self.lines[self.at - 1].strip() if 0 < self.at <= len(self.lines) else ""
        return FileFormatError(f"text of a graph, line {self.at}: {problem}: {line[:120]!r}")

    def next(self) -> str:
        self.at += 1
        if self.at > len(self.lines):
            raise self.wrong("it ends in the middle of a graph")
        return self.lines[self.at - 1]

    def graph(self) -> tuple[Graph, str]:
        """A graph, and the name of the param that it is the value of."""
        head = _GRAPH.match(self.next())
        if head is None:
            raise self.wrong("expected the beginning of a graph, as in '\"main\" {'")
        nodes: list[Node] = []
        while not (line := self.next()).lstrip().startswith("return"):
            nodes.append(self.node(line, nodes))
        names = line.strip().removeprefix("return").split(",")
        results = [self.operand(name.strip(), nodes) for name in names if name.strip()]
        if self.next().strip() != "}":
            raise self.wrong("expected '}' after return")
        parameters = [n for n in nodes if n.op == "parameter"]
        return Graph(parameters, results, json.loads(head[2])), head[1] or ""

    def operand(self, text: str, nodes: list[Node]) -> Node:
        if not text[1:].isdecimal() or int(text[1:]) >= len(nodes):
            raise self.wrong(f"{text} is not defined before")
        return nodes[int(text[1:])]

    def node(self, line: str, nodes: list[Node]) -> Node:
        head, _, type_text = line.rpartition(" : ")
        match = _NODE.match(head)
        if match is None or int(match[1]) != len(nodes):
            raise self.wrong(f"expected '%{len(nodes)} = ...'")
        args, texts = [], {}
        for part in _split(match[3] or ""):
            pair = _PARAM.match(part)
            if pair:
                texts[pair[1]] = pair[2]
            else:
                args.append(self.operand(part, nodes))
        try:
            return self.made(match[2], args, texts, _parse_type(type_text))
        except (KeyError, ValueError, TypeError, SyntaxError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise self.wrong(str(error)) from error

    def made(self, op: str, args: list[Node], texts: Mapping[str, str], type_: Any) -> Node:
        if op == "parameter":
            return parameter(type_, json.loads(texts.get("name", '""')))
        if op not in PRIMITIVES:
            raise self.wrong(f"no primitive is named {op!r}")
        line = self.at
        params = {name: _parse_param(name, text, type_) for name, text in texts.items()}
        while self.at < len(self.lines) and _is_region(self.lines[self.at]):
            graph, name = self.graph()
            params[name] = graph
        node = PRIMITIVES[op](*args, **params)
        if node.type != type_:
            self.at = line
            raise self.wrong(f"its type should be {_type(node.type)}")
        return node


def _is_region(line: str) -> bool:
    match = _GRAPH.match(line)
    return match is not None and match[1] is not None


def _split(text: str) -> list[str]:
    """The parts between commas that are outside of brackets and quotes."""
    parts, depth, start = [], 0, 0
    for match in _BREAK.finditer(text):
        depth += (match[0] in "([<") - (match[0] in ")]>")
        if match[0] == "," and depth == 0:
            parts.append(text[start : match.start()].strip())
            start = match.end()
    return [*parts, text[start:].strip()] if text.strip() else []


def _parse_type(text: str) -> Any:
    if text.startswith("("):
        return tuple(map(_parse_type, _split(text[1:-1])))
    name, _, shape = text.partition("[")
    if name not in DTYPES or not shape.endswith("]"):
        raise ValueError(f"{text!r} is not a type, such as float32[batch, 784]")
    return TensorType(tuple(map(parse_extent, _split(shape[:-1]))), DTYPES[name])


def _parse_param(name: str, text: str, type_: Any) -> Any:
    if name == "dtype":
        return DTYPES[text]
    if name == "value":
        return _parse_array(text, type_)
    if name in _SWITCHES:
        return text == "True"
    if name in _WORDS:
        return text
    if name == "rule":
        raise ValueError("the rule of a custom_gradient is a Python function: no text has it")
    return _parse_dims(text)


def _parse_dims(text: str) -> Any:
    if text.startswith("("):
        return tuple(_parse_dims(part) for part in _split(text[1:-1]) if part)
    return parse_extent(text)


def _parse_array(text: str, type_: TensorType) -> np.ndarray:
    storage, shape = type_.dtype.storage, tuple(map(int, type_.shape))
    if text.startswith("<"):
        raise ValueError("a constant is printed as its hash only: print with full=True")
    if text.startswith("base64:"):
        data = base64.b64decode(text.removeprefix("base64:"), validate=True)
        return np.frombuffer(data, storage.newbyteorder("<")).astype(storage).reshape(shape)
    words = _split(text[1:-1]) if text.startswith("[") else [text]
    if storage.kind == "b":
        return np.array([w == "True" for w in words], bool).reshape(shape)
    convert: Any = float if storage.kind == "f" else int
    return np.array([convert(w) for w in words], storage).reshape(shape)


# ---- extents -----------------------------------------------------------------------------------
def parse_extent(text: str) -> Dim:
    """`28*batch + 1`, `floor(length / 2)`."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != text.replace(" ", ""):
        raise ValueError(f"{text!r} is not an extent")
    tokens.reverse()
    value = _sum(tokens)
    if tokens:
        raise ValueError(f"{text!r} is not an extent")
    return value


def _sum(tokens: list[str]) -> Dim:
    total = _product(tokens)
    while tokens and tokens[-1] == "+":
        tokens.pop()
        total = total + _product(tokens)
    return total


def _product(tokens: list[str]) -> Dim:
    product = _factor(tokens)
    while tokens and tokens[-1] == "*":
        tokens.pop()
        product = product * _factor(tokens)
    return product


def _factor(tokens: list[str]) -> Dim:
    token = tokens.pop() if tokens else ""
    if token.lstrip("-").isdecimal():
        return int(token)
    if token != "floor(":
        if not token.isidentifier() and not re.fullmatch(r"[A-Za-z_][\w.]*", token):
            raise ValueError(f"an extent was expected at {token!r}")
        return Extent.symbol(token)
    value = _sum(tokens)
    if not tokens or tokens.pop() != "/":
        raise ValueError("floor(... / ...) was expected in an extent")
    by = _sum(tokens)
    if not tokens or tokens.pop() != ")":
        raise ValueError("a closing parenthesis is missing in an extent")
    return value // by
