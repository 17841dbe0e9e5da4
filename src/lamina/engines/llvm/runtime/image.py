"""The result of a compilation, which the cache keeps: a manifest, object files, constant tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lamina.engines.llvm.runtime import cache
from lamina.engines.llvm.runtime.manifest import Plan


@dataclass(frozen=True)
class Image:
    """A compiled program as data: link the objects, and it runs."""

    plan: Plan
    objects: Sequence[bytes]
    tables: Sequence[np.ndarray]

    def packed(self) -> bytes:
        """The bytes that the cache stores."""
        described = [[t.dtype.str, list(t.shape)] for t in self.tables]
        data = {
            "plan": self.plan.to_json(),
            "objects": len(self.objects),
            "tables": described,
        }
        return cache.pack(data, [*self.objects, *(t.tobytes() for t in self.tables)])

    @staticmethod
    def unpacked(payload: bytes) -> Image:
        """The image that `packed` wrote."""
        data, parts = cache.unpack(payload)
        count = data["objects"]
        rows = zip(data["tables"], parts[count:], strict=True)
        tables = [np.frombuffer(raw, np.dtype(d)).reshape(shape) for (d, shape), raw in rows]
        return Image(Plan.from_json(data["plan"]), parts[:count], tables)
