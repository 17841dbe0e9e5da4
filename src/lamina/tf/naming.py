"""The ways in which a name of TensorFlow is made: by a thin wrapper, or in a table of modules."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from lamina import namespaces


def thin(function: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """Return the function with TensorFlow's argument names and an ignored `name`.

    Args:
        function: function of Lamina whose first arguments are positional.
        *names: TensorFlow's names of these arguments, in order.
    """

    @functools.wraps(function)
    def called(*args: Any, name: str | None = None, **kwargs: Any) -> Any:
        rest = [kwargs.pop(each) for each in names[len(args) :] if each in kwargs]
        return function(*args, *rest, **kwargs)

    return called


def public(
    module: str,
    functions: Mapping[str, Any] | None = None,
    elsewhere: Mapping[str, str] | None = None,
    instead: Mapping[str, str] | None = None,
) -> None:
    """Make a module a namespace of the functions in it, of a table of functions, and of names that
    other modules define.

    Args:
        module: `__name__` of the module.
        functions: values by name.
        elsewhere: "module" -> "name name name": names that are loaded when they are used.
        instead: for names that are missing, today's form.
    """
    found = sys.modules[module]
    own = [
        name
        for name, value in vars(found).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    ]
    vars(found).update(functions or {})
    lazy = {
        name: f"{source}:{name}"
        for source, names in (elsewhere or {}).items()
        for name in names.split()
    }
    listed = list(getattr(found, "__all__", own))
    vars(found)["__all__"] = [*dict.fromkeys([*listed, *(functions or {}), *lazy])]
    namespaces.declare(module, lazy, instead)


def root(
    module: str,
    names: Mapping[str, str],
    modules: str,
    aliases: Mapping[str, str],
    instead: Mapping[str, str],
) -> None:
    """Make the root a namespace: of names in modules, of modules, and of names that Python or a
    module of this package has already.

    Args:
        module: `__name__` of the root.
        names: "module" -> "name name name".
        modules: "name name name" of modules in the root.
        aliases: name -> "module:name".
        instead: for names that are missing, today's form.
    """
    lazy = {name: f"{source}:{name}" for source, some in names.items() for name in some.split()}
    lazy |= {name: f"{module}.{name}" for name in modules.split()} | dict(aliases)
    found = vars(sys.modules[module])
    for name in lazy:  # a submodule that was imported may hide a function of its name
        found.pop(name, None)
    found["__all__"] = [*dict.fromkeys([*found["__all__"], *lazy])]
    namespaces.declare(module, lazy, instead)
