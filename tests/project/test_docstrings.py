"""Public docstrings describe all arguments, state shapes, and hold examples that run."""

import doctest
import importlib
import inspect
import sys

import pytest

import lamina as lm
from paths import TOOLS

sys.path.insert(0, str(TOOLS))

from write_arguments import arguments, documented, methods, missing, public

OBJECTS = list(public())
METHODS = list(methods())
MODULES = sorted({inspect.unwrap(found).__module__ for _, found in OBJECTS})


def name_of(namespace, found):
    return f"{namespace}.{found.__qualname__}"


def described(found):
    """The names in the "Args:" section."""
    entries = documented(inspect.getdoc(found) or "")
    return [name.strip("* ") for key in entries for name in key.split(",")]


def is_open(found):
    """True if the signature has *args or **kwargs, whose names a docstring may list."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    maker = found.__init__ if inspect.isclass(found) else inspect.unwrap(found)
    return any(p.kind in kinds for p in inspect.signature(maker).parameters.values())


def test_docstrings_describe_every_argument():
    gaps = {name_of(ns, found): missing(ns, found) for ns, found in [*OBJECTS, *METHODS]}
    assert not {name: gap for name, gap in gaps.items() if gap}


def test_docstrings_describe_only_arguments_that_exist_in_the_order_of_the_signature():
    wrong = {}
    for namespace, found in [*OBJECTS, *METHODS]:
        names = [name for name in described(found) if name in arguments(found)]
        others = [name for name in described(found) if name not in arguments(found)]
        if names != arguments(found) or (others and not is_open(found)):
            wrong[name_of(namespace, found)] = described(found)
    assert not wrong


def test_docstrings_of_layers_and_losses_state_their_shapes():
    kinds = (lm.layers.Layer, lm.losses.Loss)
    classes = [
        (namespace, found)
        for namespace, found in OBJECTS
        if namespace in ("layers", "losses") and inspect.isclass(found) and issubclass(found, kinds)
    ]
    assert not [name_of(*row) for row in classes if "\nShapes:\n" not in inspect.getdoc(row[1])]


def test_docstrings_have_an_example():
    assert not [name_of(*row) for row in OBJECTS if ">>> " not in inspect.getdoc(row[1])]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert not result.failed
