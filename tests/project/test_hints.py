"""Names of Lamina in messages, hints and docstrings exist."""

import ast
import importlib
import re

import pytest

import lamina as lm
from paths import ROOT

FILES = sorted((ROOT / "src" / "lamina").rglob("*.py"))
NAME = re.compile(r"(?<![\w./'-])(lm|lamina)\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
WRONG_ON_PURPOSE = {"layers.Desne"}  # an example of a misspelled name
OF_CODE = {"huge_angle", "two_over_pi"}  # names in LLVM's text


def exists(path, as_module):
    """True if an attribute of Lamina has this path; of classes any attribute may follow."""
    value = lm
    for part in path.split("."):
        if isinstance(value, type):
            return True
        try:
            value = getattr(value, part)
        except AttributeError:
            return as_module and is_module(f"lamina.{path}")
    return True


def is_module(path):
    """True for a module, or for a name in one."""
    try:
        importlib.import_module(path)
    except ModuleNotFoundError:
        before, _, name = path.rpartition(".")
        return before != "lamina" and hasattr(importlib.import_module(before), name)
    return True


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of names older than Keras 3
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT / "src")))
def test_every_name_of_lamina_in_a_text_exists(path):
    missing = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for prefix, name in NAME.findall(node.value):
                known = name in WRONG_ON_PURPOSE | OF_CODE
                if not known and not exists(name, as_module=prefix == "lamina"):
                    missing.append(f"line {node.lineno}: {prefix}.{name}")
    assert not missing
