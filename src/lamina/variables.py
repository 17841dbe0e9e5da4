"""Variables, the state of a program, and the traces that record what happens to it.

A trace lifts each Variable that it meets to an input, and each that it assigns to an output, of the
program that it records.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import context
from lamina.annotations import ArrayLike, DTypeLike, InitializerLike, ShapeLike
from lamina.arguments import one_of
from lamina.defaults import DEFAULTS
from lamina.engines import residence
from lamina.errors import ArgumentError, ShapeError
from lamina.floatx import AS_THEY_ARE, in_floatx
from lamina.ir import types
from lamina.ir.graph import Node, parameter
from lamina.ir.types import DType

if TYPE_CHECKING:  # operators and methods come from lamina.operations.attach
    from lamina._operators import Operators
else:
    Operators = object
from lamina.tensor import Tensor, as_node, as_tensor, from_node


def memory_of(variable: Variable) -> np.ndarray:
    """Return the array that holds a Variable, for programs to read and write; not a copy, and out
    of date while the newest value is on a device (`engines/residence.py`)."""
    return variable._memory


def contents_of(variable: Variable) -> np.ndarray:
    """Return a copy of the array that holds a Variable, up to date."""
    return variable._copied()


def overwrite(variable: Variable, array: Any) -> None:
    """Write an array into the memory of a Variable, at once, also while a trace is recorded."""
    np.copyto(variable._array, array)


def holder_of(variable: Variable | None) -> Any:
    """Return the layer that made a Variable; None if there is none."""
    holder = None if variable is None else variable._holder
    return None if holder is None else holder()


class Variable(Operators):
    """A mutable cell that holds a tensor: the state of a model or an optimizer.

    In eager code `assign` changes the value at once. In a traced program a read is an input and an
    assignment an output, which the engine writes in place.

    Args:
        initializer: first value, anything that `as_tensor` takes; NumPy's float64 becomes float32
            unless `dtype` is given. Or a function (shape, dtype) of it, an Initializer, or the name
            of one.
        shape: shape of the value, for an initializer; None takes that of the value.
        dtype: dtype of the value; None is that of the value, float32 for an initializer.
        trainable: update it in training.
        autocast: in the calls of a layer that computes in another dtype than it keeps its
            variables in, such as "mixed_bfloat16", read a floating value in that dtype.
        aggregation: accepted for Keras; devices hold the same values.
        synchronization: accepted for Keras.
        name: name in summaries and files; None is "variable".
        layout: accepted for Keras; `lamina.distribution` divides weights.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([1.0, 2.0])
        >>> x.assign_add([1.0, 1.0]).numpy().tolist()
        [2.0, 3.0]
    """

    def __init__(
        self,
        initializer: ArrayLike | InitializerLike,
        shape: ShapeLike | None = None,
        dtype: DTypeLike = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: object = None,
    ) -> None:
        value = _first_value(initializer, shape, dtype)
        # a private copy: compiled programs write into it
        self._memory = _aligned_copy(value._known("Variable(...)"))
        self._type = value._type
        self.trainable = bool(one_of("Variable", "trainable", trainable, (True, False)))
        self.autocast = bool(autocast)
        self.name = name or "variable"
        self.regularizer: Any = None
        self.constraint: Any = None
        self.overwrite_with_gradient = False
        self._holder: weakref.ref[Any] | None = None  # the layer that made it
        self._scope = context.current().name_scope

    @property
    def _array(self) -> np.ndarray:
        """The memory, up to date, to be read or written."""
        return residence.writable(self._memory)

    def _copied(self) -> np.ndarray:
        """A copy of the memory, up to date."""
        return residence.settled(self._memory).copy()

    def __getstate__(self) -> dict[str, Any]:
        residence.settled(self._memory)
        return {**self.__dict__, "_holder": None}

    @property
    def path(self) -> str:
        """The name after those of the layers that hold it ("model/dense/kernel"), or of the
        `keras.name_scope`s that it was made in."""
        holder = self._holder() if self._holder is not None else None
        if holder is not None:
            return f"{holder.path}/{self.name}"
        return "/".join((*self._scope, self.name))

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return self._memory.shape

    @property
    def dtype(self) -> DType:
        """The elements' type, such as lm.float32."""
        return self._type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._memory.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self._memory.size)

    @property
    def value(self) -> Tensor:
        """The value, as `read` returns it."""
        return self.read()

    def __lamina_tensor__(self) -> Tensor:
        return self.read()

    def read(self) -> Tensor:
        """Return the value; in a trace, a traced tensor. In a layer of mixed precision, a floating
        value is converted to the dtype of the layer's computations."""
        dtype = context.current().autocast
        if dtype is None or not self.autocast or not self._type.dtype.is_float:
            return self._read()
        return as_tensor(self._read(), dtype)

    def _read(self) -> Tensor:
        """Return the value in the Variable's own dtype."""
        trace = current_trace()
        if trace is not None:
            return trace.read(self)
        return Tensor(self._type, self._copied())

    def numpy(self) -> np.ndarray:
        """Return a copy of the value as a NumPy array."""
        return Tensor(self._type, self._copied()).numpy().copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(
                "__array__: a Variable changes, so that its array is a copy (expected copy=None or "
                "True, got copy=False)"
            )
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    __hash__ = object.__hash__

    def __float__(self) -> float:
        return float(self.read())

    def __int__(self) -> int:
        return int(self.read())

    def __bool__(self) -> bool:
        return bool(self.read())

    def assign(self, value: ArrayLike) -> Variable:
        """Replace the value, and return this Variable.

        Args:
            value: tensor or array-like of the same shape; its dtype is converted.

        Raises:
            ShapeError: if the shape differs.
        """
        tensor = as_tensor(value, self.dtype)
        if tensor.shape != self._type.shape:
            raise ShapeError(
                f"Variable {self.name!r} has shape {self.shape}; the value assigned has "
                f"shape {tensor.shape}",
                hint="a variable keeps its shape; reshape the value, or make a new variable",
            )
        trace = current_trace()
        if trace is not None:
            trace.assign(self, tensor)
        else:
            np.copyto(self._array, tensor._known("assign"))
        return self

    def assign_add(self, value: ArrayLike) -> Variable:
        """Add to the value, and return this Variable.

        Args:
            value: tensor or array-like that broadcasts to the shape.
        """
        return self.assign(self._read() + as_tensor(value, self.dtype))

    def assign_sub(self, value: ArrayLike) -> Variable:
        """Subtract from the value, and return this Variable.

        Args:
            value: tensor or array-like that broadcasts to the shape.
        """
        return self.assign(self._read() - as_tensor(value, self.dtype))

    def _repr_html_(self) -> str:
        """The Variable as notebooks show it: name, shape, dtype and a table of values."""
        from lamina import notebook

        note, value = f"{self._type}{'' if self.trainable else ', frozen'}", self.read()
        if value.is_traced:
            return notebook.heading(f"Variable {self.name}", f"{note}, traced")
        return notebook.array(f"Variable {self.name}", np.asarray(value), note)

    def __repr__(self) -> str:
        return f"<Variable {self.name!r}: {self._type}{'' if self.trainable else ', frozen'}>"


named_initializers: list[Callable[[Any], Any]] = []  # `lamina.initializers` adds its `get`


def _first_value(initializer: Any, shape: Any, dtype: Any) -> Tensor:
    """Return the first value of a Variable: a value, or what an initializer makes."""
    if isinstance(initializer, str):
        if not named_initializers:
            raise ArgumentError(
                f"Variable: the name of an initializer, {initializer!r}, before lamina.initializers"
                " is loaded",
                hint="import lamina.initializers first",
            )
        initializer = named_initializers[0](initializer)
    if callable(initializer) and not hasattr(initializer, "__array__"):
        if shape is None:
            raise ArgumentError(
                "Variable: an initializer needs a shape (expected shape=(...), got None)"
            )
        shape = (int(shape),) if hasattr(shape, "__index__") else tuple(shape)
        initializer = initializer(shape, dtype=dtype or DEFAULTS.floatx)
    if dtype is not None:
        value = as_tensor(initializer, types.dtype(dtype))
    else:
        value = as_tensor(in_floatx(initializer))
    if shape is not None and value.shape != tuple(np.atleast_1d(shape).tolist()):
        raise ShapeError(f"Variable: expected a value of shape {shape}, got shape {value.shape}")
    return value


def _aligned_copy(array: np.ndarray) -> np.ndarray:
    """A contiguous copy that begins on a cache line, as wide vector loads like it."""
    raw = np.empty(array.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    np.copyto(copy, array)
    return copy


class Trace:
    """A program being recorded: which variables it has read, and what they hold by now."""

    is_for_types = False  # it will not run: only the types of its results are of interest

    def __init__(self) -> None:
        self.inputs: dict[Variable, Node] = {}
        self.current: dict[Variable, Tensor] = {}

    def read(self, variable: Variable) -> Tensor:
        if variable not in self.current:
            node = parameter(variable._type, variable.name)
            self.inputs[variable] = node
            self.current[variable] = from_node(node)
        return self.current[variable]

    def assign(self, variable: Variable, value: Tensor) -> None:
        self.read(variable)
        self.current[variable] = value

    def assigned(self) -> dict[Variable, Tensor]:
        """The variables whose value the program changes, with what it gives them."""
        return {v: value for v, value in self.current.items() if value._node is not self.inputs[v]}


class Record:
    """A gradient that is being taken: while it is, nodes are kept with values."""

    def __init__(self, made: list[weakref.ref[Tensor]] | None = None) -> None:
        self.outer: Record | None = context.current().record
        self.taken_out: str | None = None  # what made a Python or NumPy value of a recorded tensor
        self.made = made  # the tensors that have nodes, where they give them up at the end

    def keep(self, result: Any) -> Any:
        """Return the result of an operation under this record, and note its tensors."""
        if self.made is not None:
            self.made += map(weakref.ref, result if isinstance(result, tuple) else (result,))
        return result


def current_trace() -> Trace | None:
    traces = context.current().traces
    return traces[-1] if traces else None


@contextmanager
def tracing() -> Iterator[Trace]:
    """Within: reads and assignments of variables are recorded in the trace."""
    trace = Trace()
    with context.entered(traces=(*context.current().traces, trace)):
        yield trace


class Overlay(Trace):
    """A trace in which some variables read as given tensors; the others are read from around."""

    def __init__(self, variables: Mapping[Variable, Tensor], outer: Trace | None) -> None:
        super().__init__()
        self.outer = outer
        for variable, tensor in variables.items():
            self._enter(variable, tensor)

    def _enter(self, variable: Variable, tensor: Tensor) -> None:
        self.inputs[variable] = node = as_node(tensor)
        self.current[variable] = Tensor(tensor._type, tensor._value, node)

    def read(self, variable: Variable) -> Tensor:
        if variable not in self.current:
            outer = self.outer
            if outer is None:
                self._enter(variable, Tensor(variable._type, variable._copied()))
            else:
                self._enter(variable, outer.read(variable))
        return self.current[variable]


@contextmanager
def bound(variables: Mapping[Variable, Tensor], *, propagate: bool = True) -> Iterator[Trace]:
    """Within: these variables read as the given tensors. At the end assignments are passed on to
    whatever is around (a trace, or the variables themselves), unless `propagate` is False: then the
    trace that is yielded is all that knows of them."""
    outer = current_trace()
    trace = Overlay(variables, outer)
    with context.entered(traces=(*context.current().traces, trace)):
        yield trace
    for variable, value in trace.assigned().items() if propagate else ():
        if outer is not None:
            outer.assign(variable, value)
        else:
            np.copyto(variable._array, value._known("assign"))


AS_THEY_ARE.add(Variable)
