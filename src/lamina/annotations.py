"""Types of arguments, for type checkers and editors.

ArrayLike    a tensor, Variable, array or number, or nested lists of them; also an extent
DTypeLike    a dtype, or its name; None is the default of the function
ShapeLike    an extent, or a sequence of extents
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lamina.ir.types import Dim, DType, Extent

if TYPE_CHECKING:
    import numpy.typing

    ArrayLike: TypeAlias = numpy.typing.ArrayLike | Extent
    DTypeLike: TypeAlias = numpy.typing.DTypeLike | DType | None
    ShapeLike: TypeAlias = Dim | Sequence[Dim]
else:  # nothing checks them when a program runs
    ArrayLike = DTypeLike = ShapeLike = Any
