"""Types of arguments, for type checkers and editors.

ArrayLike        a tensor, Variable, array or number, or nested lists of them; also an extent
DTypeLike        a dtype, or its name; None is the default of the function
ShapeLike        an extent, or a sequence of extents
PathLike         a path, as text or a `pathlib.Path`
DataLike         data to learn from: tensors, arrays and lists, or a data set, a stream of batches
AxisLike         an axis, several of them, or None for all
NestLike         an ArrayLike, or tuples, lists and dictionaries of them
PaddingLike      "valid", "same" or "causal", or numbers of zeros around: one, or one or two an axis
WindowLike       the name of a window of spectra, its weights, or None for none
ActivationLike   a function or layer, its name or configuration; None for no activation
InitializerLike  an initializer or function (shape, dtype), its name or configuration, or None
RegularizerLike  a regularizer or function of a weight, its name or configuration, or None
ConstraintLike   a constraint or function of a weight, its name or configuration, or None
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lamina.ir.types import Dim, DType, Extent

if TYPE_CHECKING:
    import os

    import numpy.typing

    ArrayLike: TypeAlias = numpy.typing.ArrayLike | Extent
    DTypeLike: TypeAlias = numpy.typing.DTypeLike | DType | None
    ShapeLike: TypeAlias = Dim | Sequence[Dim]
    PathLike: TypeAlias = str | os.PathLike[str]
    DataLike: TypeAlias = ArrayLike | Iterable[Any]
    AxisLike: TypeAlias = int | Sequence[int] | None
    NestLike: TypeAlias = "ArrayLike | Sequence[NestLike] | Mapping[Any, NestLike] | None"
    PaddingLike: TypeAlias = str | int | Sequence[int | Sequence[int]]
    WindowLike: TypeAlias = str | ArrayLike | None
    ActivationLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any] | None
    InitializerLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any] | None
    RegularizerLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any] | None
    ConstraintLike: TypeAlias = str | Callable[..., Any] | Mapping[str, Any] | None
else:  # nothing checks them when a program runs
    ArrayLike = DTypeLike = ShapeLike = PathLike = DataLike = AxisLike = Any
    NestLike = PaddingLike = WindowLike = Any
    ActivationLike = InitializerLike = RegularizerLike = ConstraintLike = Any
