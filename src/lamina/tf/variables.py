"""`tf.Variable` and `tf.Module`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from lamina.errors import ArgumentError, ShapeError
from lamina.operations.indexing import getitem
from lamina.specs import TensorShape
from lamina.string_tensor import StringTensor
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.converting import convert_to_tensor


class _AnyVariable(type(lm.Variable)):  # type: ignore[misc]
    def __instancecheck__(cls, value: Any) -> bool:
        return type.__instancecheck__(lm.Variable, value)


class Variable(lm.Variable, metaclass=_AnyVariable):
    """A Variable with TensorFlow's arguments, parts of which can be assigned.

    Args:
        initial_value: value, or function that returns it.
        trainable: update it in training.
        name: name in summaries and files.
        dtype: dtype of the value.
        shape: shape that the value must have.

    Example:
        >>> import lamina.tf as tf
        >>> v = tf.Variable([1.0, 2.0, 3.0])
        >>> v[1].assign(10.0).numpy().tolist()
        [1.0, 10.0, 3.0]
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        value = initial_value() if callable(initial_value) else initial_value
        if value is None:
            raise ArgumentError("tf.Variable: expected an initial value, got None")
        tensor = convert_to_tensor(value, dtype)
        if isinstance(tensor, StringTensor):
            raise ArgumentError(
                "tf.Variable: a Variable holds numbers", hint="a Python list holds strings"
            )
        if shape is not None and not TensorShape(shape).is_compatible_with(tensor.shape):
            raise ShapeError(f"tf.Variable: expected shape {tuple(shape)}, got {tensor.shape}")
        is_trained = trainable is not False
        super().__init__(tensor, trainable=is_trained, dtype=tensor.dtype, name=name or "Variable")
        self.constraint = constraint

    def read_value(self) -> Tensor:
        """Return the value."""
        return self.read()

    def __getitem__(self, index: Any) -> _Part:
        return _Part(self, index)

    def assign(
        self, value: Any, use_locking: bool = False, name: Any = None, read_value: bool = True
    ) -> Any:
        """Replace the value, and return this Variable."""
        return super().assign(value)

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: Any = None, read_value: bool = True
    ) -> Any:
        """Add to the value, and return this Variable."""
        self._need_shape("assign_add", delta)
        return super().assign_add(delta)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: Any = None, read_value: bool = True
    ) -> Any:
        """Subtract from the value, and return this Variable."""
        self._need_shape("assign_sub", delta)
        return super().assign_sub(delta)

    def _need_shape(self, method: str, value: Any) -> None:
        shape = as_tensor(value).shape
        if shape != self.shape:
            raise ShapeError(
                f"Variable {self.name!r}: {method} of another shape (expected {self.shape}, got "
                f"{shape})"
            )

    def _at(self, indices: Any, updates: Any, how: str) -> Variable:
        places = as_tensor(indices)
        index = tuple(places[..., k] for k in range(int(places.shape[-1])))
        self.assign(getattr(self.read().at[index], how)(as_tensor(updates, self.dtype)))
        return self

    def scatter_nd_update(self, indices: Any, updates: Any, name: Any = None) -> Variable:
        """Replace the values at index vectors."""
        return self._at(indices, updates, "set")

    def scatter_nd_add(self, indices: Any, updates: Any, name: Any = None) -> Variable:
        """Add to the values at index vectors."""
        return self._at(indices, updates, "add")

    def scatter_nd_sub(self, indices: Any, updates: Any, name: Any = None) -> Variable:
        """Subtract from the values at index vectors."""
        return self._at(indices, updates, "subtract")

    def scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Replace the rows of an IndexedSlices."""
        self.assign(self.read().at[as_tensor(sparse_delta.indices)].set(sparse_delta.values))
        return self

    def scatter_add(
        self, sparse_delta: Any, use_locking: bool = False, name: Any = None
    ) -> Variable:
        """Add to the rows of an IndexedSlices."""
        self.assign(self.read().at[as_tensor(sparse_delta.indices)].add(sparse_delta.values))
        return self

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return TensorShape(self.shape)


class _Part(Tensor):
    """A part of a Variable: a tensor whose assignment changes the Variable."""

    __slots__ = ("index", "variable")

    def __init__(self, variable: Variable, index: Any) -> None:
        found = getitem(variable.read(), index)
        super().__init__(found._type, found._value, found._node)
        self.variable, self.index = variable, index

    def _changed(self, value: Any, how: str) -> Variable:
        new = as_tensor(value, self.variable.dtype)
        self.variable.assign(getattr(self.variable.read().at[self.index], how)(new))
        return self.variable

    def assign(self, value: Any, name: Any = None) -> Variable:
        """Replace this part of the Variable, and return the Variable."""
        return self._changed(value, "set")

    def assign_add(self, value: Any, name: Any = None) -> Variable:
        """Add to this part of the Variable, and return the Variable."""
        return self._changed(value, "add")

    def assign_sub(self, value: Any, name: Any = None) -> Variable:
        """Subtract from this part of the Variable, and return the Variable."""
        return self._changed(value, "subtract")


class IndexedSlices:
    """Rows of a tensor and their numbers.

    Args:
        values: the rows.
        indices: their numbers.
        dense_shape: shape of the tensor.
    """

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices, self.dense_shape = (
            as_tensor(values),
            as_tensor(indices),
            dense_shape,
        )


class Module:
    """An object whose Variables are found through its attributes.

    Args:
        name: name of the module.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name or type(self).__name__.lower()

    @property
    def name(self) -> str:
        """The name of the module."""
        return getattr(self, "_name", type(self).__name__.lower())

    @property
    def variables(self) -> tuple[Any, ...]:
        """The Variables of the module and of those in it."""
        return tuple(dict.fromkeys(_found(vars(self), lambda v: isinstance(v, lm.Variable))))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The Variables that training updates."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """The Variables that training leaves as they are."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules in this one."""
        return tuple(dict.fromkeys(_found(vars(self), lambda v: isinstance(v, Module))))

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method; names of Variables are those that they were given."""
        return method


def _found(value: Any, wanted: Callable[[Any], bool]) -> Iterator[Any]:
    """The wanted objects in a nest of attributes, modules, layers, lists and dictionaries."""
    if isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _found(value[key], wanted)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _found(each, wanted)
    else:
        if wanted(value):
            yield value
        if isinstance(value, Module):
            yield from _found(vars(value), wanted)
        elif isinstance(value, lm.Layer):
            yield from _found(list(value.weights), wanted)
