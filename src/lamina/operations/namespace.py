"""The Array API standard's `__array_namespace_info__` of this library."""

from __future__ import annotations

from typing import Any

from lamina.ir import types
from lamina.ir.types import DTYPES, DType
from lamina.operations.creation import need_cpu
from lamina.operations.dtypes import isdtype


class NamespaceInfo:
    """Devices, dtypes and capabilities, as the standard asks for them."""

    def capabilities(self) -> dict[str, Any]:
        """Masks as indices and shapes that depend on values work on known values, not in traces."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": None}

    def default_device(self) -> str:
        """The only one."""
        return "cpu"

    def devices(self) -> list[str]:
        """All devices."""
        return ["cpu"]

    def default_dtypes(self, *, device: str | None = None) -> dict[str, DType]:
        """The dtypes of Python numbers, and of positions."""
        need_cpu("default_dtypes", device)
        return {"real floating": types.float32, "integral": types.int32, "indexing": types.int32}

    def dtypes(self, *, device: str | None = None, kind: Any = None) -> dict[str, DType]:
        """The dtypes of a kind that the standard knows, by name: float16 and bfloat16 are none."""
        need_cpu("dtypes", device)
        standard = {n: d for n, d in DTYPES.items() if not d.is_storage_only}
        return {n: d for n, d in standard.items() if kind is None or isdtype(d, kind)}


def array_namespace_info() -> NamespaceInfo:
    """Return the `__array_namespace_info__` of the Array API standard: devices and dtypes.

    Example:
        >>> import lamina as lm
        >>> lm.__array_namespace_info__().default_device()
        'cpu'
    """
    return NamespaceInfo()
