"""Symbolic tensors, and functions of them, by the names of Keras."""

from __future__ import annotations

from typing import Any

from lamina import tree
from lamina.layers import Input, Layer
from lamina.layers._base import symbolic
from lamina.layers._base.frames import unique
from lamina.layers._base.symbolic import SymbolicTensor
from lamina.models.functional import FunctionalGraph, alone

Operation = Layer

_names: set[str] = set()


class _KindOfSymbolicTensor(type(SymbolicTensor)):  # type: ignore[misc]
    """Lets `isinstance(x, KerasTensor)` be true for every symbolic tensor."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, SymbolicTensor)


class KerasTensor(SymbolicTensor, metaclass=_KindOfSymbolicTensor):
    """A symbolic tensor of a shape and a dtype; `isinstance` is true for Inputs and outputs of
    layers.

    Args:
        shape: shape with the batch axis; None marks an open extent.
        dtype: dtype, or its name.
        sparse: accepted for Keras; tensors are dense.
        ragged: accepted for Keras; tensors are dense.
        record_history: accepted for Keras.
        name: name of the tensor; None derives one.

    Example:
        >>> from lamina import keras
        >>> x = keras.KerasTensor((None, 3))
        >>> isinstance(x, keras.KerasTensor), isinstance(keras.Input((3,)), keras.KerasTensor)
        (True, True)
    """

    def __new__(  # type: ignore[misc]
        cls,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> SymbolicTensor:
        return Input(batch_shape=tuple(shape), dtype=dtype, name=name)


class Function:
    """The computation from symbolic inputs to symbolic outputs, as a function of tensors.

    A Function holds no weights by itself: the layers in it do.

    Args:
        inputs: nest of symbolic tensors.
        outputs: nest of symbolic tensors that layers and operations made of them.
        name: name; None derives one.

    Raises:
        ArgumentError: if the outputs depend on an Input that is not among the inputs.

    Example:
        >>> import lamina as lm
        >>> from lamina import keras
        >>> x = keras.Input((2,))
        >>> double = keras.Function(x, x * 2)
        >>> double(lm.ones((1, 2))).tolist()
        [[2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        self.name = name or unique("function", _names)
        self._graph = FunctionalGraph(inputs, outputs)
        self._graph.calls  # noqa: B018  (raises for an Input that is missing)

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs for tensors, or symbolic ones for symbolic tensors."""
        return self._graph.run(f"Function '{self.name}'", inputs)

    call = __call__

    @property
    def inputs(self) -> list[Any]:
        """The symbolic inputs, as a flat list."""
        return tree.leaves(self._graph.inputs)

    @property
    def outputs(self) -> list[Any]:
        """The symbolic outputs, as a flat list."""
        return tree.leaves(self._graph.outputs)

    @property
    def operations(self) -> list[Any]:
        """The layers between inputs and outputs, the Inputs first."""
        return self._graph.layers()

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return symbolic tensors like the outputs.

        Args:
            inputs: nest of symbolic tensors.
        """
        return self(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs for inputs of these shapes.

        Args:
            input_shape: nest of shapes with the batch axis.
        """
        dtypes = iter([tensor.dtype for tensor in self.inputs])
        inputs = symbolic.map_shapes(
            lambda shape: Input(batch_shape=shape, dtype=next(dtypes)), input_shape
        )
        return symbolic.shapes_of(alone(self(inputs)))

    def __repr__(self) -> str:
        return f"<Function name={self.name}>"
