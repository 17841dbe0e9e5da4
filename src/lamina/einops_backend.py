"""Tensors in einops: `einops.rearrange(tensor, "b (h w) c -> b h w c")`, reduce, repeat, einsum.

einops asks the subclasses of its `AbstractBackend` which of them knows a type. `announce` defines
that subclass as soon as the program imports einops, before Lamina or after it; Lamina itself never
imports einops.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from lamina import operations as ops
from lamina.tensor import Tensor
from lamina.variables import Variable

MODULE = "einops._backends"
DEFINED: list[type] = []  # einops finds subclasses, but does not keep them alive


def announce() -> None:
    """Register the backend with einops, now or when the program imports it."""
    if MODULE in sys.modules:
        _define(sys.modules[MODULE])
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds einops' module as all others are found, and defines the backend after it has run. It is
    no subclass of `importlib.abc.MetaPathFinder`, whose import costs a fifth of Lamina's."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        loader.exec_module = _then_define(loader.exec_module)
        return spec


def _then_define(execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def exec_module(module: ModuleType) -> None:
        execute(module)
        _define(module)

    return exec_module


def _define(backends: Any) -> None:
    """Define the subclass that einops looks for; einops keeps it among the subclasses."""

    class LaminaBackend(backends.AbstractBackend):  # type: ignore[misc]
        """The functions that einops needs of a framework, beyond methods of its tensors."""

        framework_name = "lamina"
        types = (Tensor, Variable)

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, self.types)

        def from_numpy(self, x: Any) -> Any:
            return ops.asarray(x)

        def to_numpy(self, x: Any) -> Any:
            return x.numpy()

        def arange(self, start: int, stop: int) -> Any:
            return ops.arange(start, stop)

        def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
            return ops.stack(tensors)

        def add_axis(self, x: Any, new_position: int) -> Any:
            return ops.expand_dims(x, new_position)

        def tile(self, x: Any, repeats: Sequence[int]) -> Any:
            return ops.tile(x, repeats)

        def concat(self, tensors: Sequence[Any], axis: int) -> Any:
            return ops.concat(tensors, axis)

        def is_float_type(self, x: Any) -> bool:
            return bool(x.dtype.kind == "f")

        def einsum(self, pattern: str, *x: Any) -> Any:
            return ops.einsum(pattern, *x)

    DEFINED.append(LaminaBackend)
