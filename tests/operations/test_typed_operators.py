"""The stub that tells type checkers of operators and methods says what is attached, and no more."""

import ast
import importlib
from pathlib import Path

import lamina as lm

attach = importlib.import_module("lamina.operations.attach")
STUB = Path(lm.__file__).with_name("_operators.pyi")


def stubbed(name):
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    raise AssertionError(name)


def test_the_stub_is_what_is_attached():
    binary = {f"__{side}{name}__" for name in attach.BINARY for side in ("", "r")}
    others = {f"__{n}__" for n in (*attach.COMPARISONS, *attach.EQUALITY, *attach.UNARY)}
    named = {*attach.PROPERTIES, *attach.METHODS, *attach.PROTOCOLS}
    assert stubbed("Operators") == binary | others | named
    for name in stubbed("Operators"):
        assert getattr(lm.Tensor, name, None) is not None
        assert getattr(lm.Variable, name, None) is not None
