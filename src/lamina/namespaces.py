"""Public namespaces: `dir` lists `__all__`, names load when first used, unknown names get hints.

A module calls `declare(__name__)` after its `__all__`:

    lm.layers.Desne                      AttributeError: ...; did you mean 'Dense'?
    from lamina.layers import Desne      ImportError: ...; did you mean 'Dense'?
    keras.callbacks.TensorBoard          AttributeError: ...; instead: CSVLogger(...)

A type checker does not see `declare`: for lazy names the module imports the same under `if
TYPE_CHECKING:`, and an unknown name is an error there too.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import FrameType, ModuleType
from typing import Any


def declare(
    name: str, lazy: Mapping[str, str] | None = None, instead: Mapping[str, str] | None = None
) -> None:
    """Make the module of this name a public namespace, whose names are those in its `__all__`.

    Args:
        name: of the module, `__name__` in it.
        lazy: attributes to load when first used, each as "package.module" or "package.module:name".
        instead: for names of other frameworks, what to use in Lamina.
    """
    module, lazy, instead = sys.modules[name], lazy or {}, instead or {}

    def __getattr__(attribute: str) -> Any:
        if attribute not in lazy:
            raise _missing(module, attribute, instead, sys._getframe(1))
        value = _loaded(lazy[attribute])
        setattr(module, attribute, value)
        return value

    def __dir__() -> list[str]:
        return sorted(module.__all__)

    vars(module).update(__getattr__=__getattr__, __dir__=__dir__)


def _loaded(path: str) -> Any:
    source, _, attribute = path.partition(":")
    found = importlib.import_module(source)
    return getattr(found, attribute) if attribute else found


def _missing(
    module: ModuleType, attribute: str, instead: Mapping[str, str], caller: FrameType
) -> AttributeError | ImportError:
    name = module.__name__
    hint = "" if attribute.startswith("_") else _hint(attribute, module.__all__, instead)
    if _is_import(caller) and f"{name}.{attribute}" not in sys.modules:
        message = f"cannot import name {attribute!r} from {name!r}{hint}"
        return ImportError(message, name=name, path=module.__file__)
    # without `name`, so that Python does not add a second hint
    return AttributeError(f"module {name!r} has no attribute {attribute!r}{hint}", obj=module)


def _hint(attribute: str, names: list[str], instead: Mapping[str, str]) -> str:
    import difflib

    if attribute in instead:
        return f"; instead: {instead[attribute]}"
    near = difflib.get_close_matches(attribute, [*names, *instead], n=1, cutoff=0.7)
    if not near:
        return ""
    answer = f" Instead: {instead[near[0]]}" if near[0] in instead else ""
    return f"; did you mean {near[0]!r}?{answer}"


def _is_import(caller: FrameType) -> bool:
    """True if the frame executes `from module import name`: of an AttributeError there, Python
    keeps nothing of the text, and of an ImportError everything."""
    from opcode import opname

    return opname[caller.f_code.co_code[caller.f_lasti]] == "IMPORT_FROM"
