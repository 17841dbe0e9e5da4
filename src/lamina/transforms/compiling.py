"""`compile`: a Python function becomes one program, recorded once for each kind of arguments."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

import numpy as np

from lamina import context, engines, tree
from lamina.collecting import uncollected
from lamina.distinct import distinct
from lamina.engines import Executable
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.ir.types import Dim, Extent, TensorType
from lamina.locks import MAKING
from lamina.settings import settings
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.tracing import Recorded, rebuild, record
from lamina.variables import Variable, current_trace, memory_of

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Spec:
    """The type of an argument of a compiled function.

    Args:
        shape: tuple of extents; each is an integer, a name (all axes of that name have the same
            extent, known when the program runs), or None (a separate extent).
        dtype: dtype of the argument, as a name or NumPy dtype.

    Example:
        >>> import lamina as lm
        >>> lm.Spec(("rows", 3)).dtype
        'float32'
    """

    shape: tuple[int | str | None, ...]
    dtype: Any = "float32"

    def type(self, position: int) -> TensorType:
        """Return the TensorType, with a symbolic extent for each name.

        Args:
            position: number of the argument, which names its unnamed extents.
        """

        def extent(axis: int, n: int | str | None) -> Dim:
            name = f"n{position}_{axis}" if n is None else n
            return Extent.symbol(name) if isinstance(name, str) else int(name)

        shape = tuple(extent(axis, n) for axis, n in enumerate(self.shape))
        return TensorType(shape, types.dtype(self.dtype))


@dataclass
class CompileStats:
    """Statistics of compilations: count, reasons and time."""

    count: int = 0
    seconds: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def note(self, reason: str, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds
        self.reasons = [*self.reasons[-999:], reason]


STATS = CompileStats()


def compile_stats() -> CompileStats:
    """Return how many programs this process has compiled, and the reason for each.

    Example:
        >>> import lamina as lm
        >>> lm.compile_stats().count >= 0
        True
    """
    return CompileStats(STATS.count, STATS.seconds, list(STATS.reasons))


def build(
    recorded: Recorded, reason: str, flush_denormals: bool = False, chosen: str | None = None
) -> Executable:
    """Compile a recorded function, and note it in the statistics; on the engine in force, if none
    is chosen."""
    began = time.perf_counter()
    held = range(recorded.inputs, len(recorded.graph.parameters))
    with uncollected():
        executable = engines.engine(chosen).compile(
            recorded.graph, recorded.updates, flush_denormals, held
        )
    STATS.note(reason, time.perf_counter() - began)
    return executable


@overload
def compile(
    f: None = None,
    *,
    signature: Sequence[Spec] | None = ...,
    flush_denormals: bool = ...,
    engine: str | None = ...,
) -> _Decorator: ...
@overload
def compile(
    f: Callable[P, R],
    *,
    signature: Sequence[Spec] | None = ...,
    flush_denormals: bool = ...,
    engine: str | None = ...,
) -> Compiled[P, R]: ...
def compile(
    f: Callable[..., Any] | None = None,
    *,
    signature: Sequence[Spec] | None = None,
    flush_denormals: bool = False,
    engine: str | None = None,
) -> Compiled[..., Any] | Callable[..., Any]:
    """Return f as a compiled program: the first call records and compiles it, later calls run it.

    Tensors, arrays and Variables among the arguments (nests too) are inputs. Every other value
    (number, string, flag) is part of the program, and a new one compiles again. The values of
    tensors are not known while f is recorded. Also a decorator.

    Args:
        f: function of tensors; None returns a decorator.
        signature: a Spec for each argument, whose named or open extents serve every size; None
            compiles once for each combination of shapes and dtypes.
        flush_denormals: replace results below the smallest normal number (1.2e-38 in float32) by
            zero on processors that are slow with them, as `fit` does; right for a training step,
            whose running means decay into such numbers.
        engine: engine that executes the program, such as "xla"; None takes that of the settings at
            each call.

    Raises:
        TracedValueError: if f asks for the value of a tensor.
        UnknownNameError: if the engine does not exist.

    Example:
        >>> import lamina as lm
        >>> f = lm.compile(lambda x: lm.sum(x * x), signature=[lm.Spec(("n",))])
        >>> f(lm.asarray([1.0, 2.0])).item(), f(lm.asarray([1.0, 2.0, 3.0])).item()
        (5.0, 14.0)
    """
    if f is None:
        return functools.partial(
            compile, signature=signature, flush_denormals=flush_denormals, engine=engine
        )
    return Compiled(f, signature, flush_denormals, engine)


class _Decorator(Protocol):
    """The decorator that `compile` without a function returns."""

    def __call__(self, f: Callable[P, R], /) -> Compiled[P, R]: ...


class Compiled(Generic[P, R]):
    """A compiled function, as `compile` returns it; it is called like the function.

    Args:
        f: function of tensors.
        signature: a Spec for each argument; None compiles once for each combination of shapes and
            dtypes.
        flush_denormals: replace results below the smallest normal number by zero.
        engine: engine that executes the program; None takes that of the settings at each call.

    Example:
        >>> import lamina as lm
        >>> f = lm.compile(lambda x: x + 1)
        >>> type(f).__name__, f(lm.asarray([1.0])).tolist()
        ('Compiled', [2.0])
    """

    def __init__(
        self,
        f: Callable[P, R],
        signature: Sequence[Spec] | None = None,
        flush_denormals: bool = False,
        engine: str | None = None,
    ) -> None:
        functools.update_wrapper(self, f)
        self.function: Callable[..., Any] = f
        self.signature = list(signature) if signature is not None else None
        self.flush_denormals = flush_denormals
        self.engine = None if engine is None else engines.engine(engine).name
        self._programs: dict[Any, tuple[Recorded, Executable]] = {}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if current_trace() is not None:
            return self.function(*args, **kwargs)
        leaves, structure = tree.flatten((args, kwargs))
        recording = context.current().record is not None
        if any(isinstance(v, Tensor) and _is_recorded(v, recording) for v in leaves):
            return self.function(*args, **kwargs)
        key, tensors = self._key(leaves, structure)
        if key not in self._programs:
            with MAKING:
                if key not in self._programs:
                    self._programs[key] = self._compile(key, tensors)
        recorded, executable = self._programs[key]
        result: R = rebuild(recorded, executable(_arrays(recorded, tensors)))
        return result

    def recorded(self, *args: Any, **kwargs: Any) -> tuple[Recorded, list[np.ndarray]]:
        """Return the recorded program of a call with these arguments, and its input arrays."""
        key, tensors = self._key(*tree.flatten((args, kwargs)))
        known = self._programs.get(key)
        found = known[0] if known else self.record(key)
        return found, _arrays(found, tensors)

    def _key(self, leaves: Sequence[Any], structure: Any) -> tuple[Any, list[Tensor]]:
        """Return the key of a program, and the arguments that are data."""
        dynamic = [_is_data(v) for v in leaves]
        tensors = [as_tensor(v) for v, d in zip(leaves, dynamic, strict=True) if d]
        static = tuple(v for v, d in zip(leaves, dynamic, strict=True) if not d)
        chosen = self.engine or settings.engine
        key = (structure, tuple(dynamic), _Static(static), chosen, *self._types(tensors))
        return key, tensors

    def _types(self, tensors: Sequence[Tensor]) -> list[TensorType]:
        if self.signature is None:
            return [t._type for t in tensors]
        if len(self.signature) != len(tensors):
            raise ShapeError(
                f"{self._name}: the signature describes {len(self.signature)} arguments, "
                f"the call has {len(tensors)} tensors"
            )
        found = [spec.type(k) for k, spec in enumerate(self.signature)]
        for k, (want, tensor) in enumerate(zip(found, tensors, strict=True)):
            if not _matches(want, tensor._type):
                raise ShapeError(f"{self._name}: argument {k} is {tensor._type}, expected {want}")
        return found

    def _compile(self, key: Any, tensors: Sequence[Tensor]) -> tuple[Recorded, Executable]:
        recorded = self.record(key)
        shapes = ", ".join(map(str, key[4:]))
        reason = "first call" if not self._programs else "new shapes, dtypes or static arguments"
        why = f"{self._name}({shapes}): {reason}"
        return recorded, build(recorded, why, self.flush_denormals, self.engine)

    def record(self, key: tuple[Any, ...]) -> Recorded:
        """Return the recorded program of a key, recording it at the first use.

        Args:
            key: structure, shapes and dtypes of the arguments.
        """
        structure, dynamic, static, _, *types_ = key

        def flat(*tensors: Tensor) -> Any:
            data, rest = iter(tensors), iter(static.values)
            leaves = [next(data) if d else next(rest) for d in dynamic]
            args, kwargs = tree.unflatten(structure, leaves)
            return self.function(*args, **kwargs)

        return record(flat, types_, self._name)

    @property
    def _name(self) -> str:
        name = getattr(self.function, "__name__", "function")
        return "function" if name == "<lambda>" else name


class _Static:
    """Arguments that are part of a program: equal only if their types and bits are, for 0.0 and
    -0.0, or 1, 1.0 and True, are different programs."""

    __slots__ = ("_key", "values")

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values, self._key = values, distinct(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Static) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _arrays(recorded: Recorded, tensors: Sequence[Tensor]) -> list[np.ndarray]:
    arrays = [np.asarray(t._known("compile"), order="C") for t in tensors]
    return [*arrays, *map(memory_of, recorded.state), *recorded.captured]


def _is_data(value: Any) -> bool:
    return isinstance(value, (Tensor, Variable)) or hasattr(value, "__array__")


def _is_recorded(tensor: Tensor, recording: bool) -> bool:
    """True for a tensor without a value, and for one of which a gradient is being taken."""
    return tensor._value is None or (recording and tensor._node is not None)


def _matches(want: TensorType, got: TensorType) -> bool:
    same = len(want.shape) == len(got.shape) and want.dtype == got.dtype
    return same and all(
        isinstance(w, Extent) or w == g for w, g in zip(want.shape, got.shape, strict=True)
    )
