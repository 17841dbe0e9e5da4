"""An engine turns a graph into something that runs (protocol.py): the choice of one by name."""

from __future__ import annotations

import sys

from lamina.engines.protocol import Engine, Executable
from lamina.errors import need_extra, unknown_name
from lamina.settings import settings

__all__ = ["Engine", "Executable", "engine"]

_ENGINES: dict[str, Engine] = {}


def engine(name: str | None = None) -> Engine:
    """The engine of that name, or the one the settings choose.

    Without llvmlite the llvm engine is the numpy engine, and prints one line about it on stderr.
    Under `settings.compare` its programs are compared with those of the engine named there.
    """
    name = name or settings.engine
    other = settings.compare
    if other and other != name:
        from lamina.engines.comparison import ComparedEngine

        return ComparedEngine(_known(name), _known(other))
    return _known(name)


def _known(name: str) -> Engine:
    if name not in _ENGINES:
        _ENGINES[name] = _load(name)
    return _ENGINES[name]


def _load(name: str) -> Engine:
    if name == "numpy":
        from lamina.engines.interpreted import NumpyEngine

        return NumpyEngine()
    if name == "llvm":
        try:
            import llvmlite  # noqa: F401  (found out here, once, whether it is installed)
        except ImportError:
            print(
                "lamina: llvmlite is missing, so the numpy engine runs everything", file=sys.stderr
            )
            return _load("numpy")
        from lamina.engines.llvm.engine import LlvmEngine

        return LlvmEngine()
    if name == "xla":
        need_extra("jax", "xla", "the xla engine")
        from lamina.engines.xla.engine import XlaEngine

        return XlaEngine()
    raise unknown_name("engine", name, ["llvm", "numpy", "xla"])
