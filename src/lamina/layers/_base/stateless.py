"""Layers as functions of their variables, and further methods that programs for Keras call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from lamina import tree
from lamina.ir.graph import parameter
from lamina.layers._base import arguments, frames, symbolic
from lamina.layers._base.attributes import replaceable
from lamina.layers._base.facts import attribute_values
from lamina.layers._base.tracking import Tracked
from lamina.metrics import Metric
from lamina.stateless import StatelessScope, paired
from lamina.tensor import as_tensor

if TYPE_CHECKING:
    from lamina.layers._base.layer import Layer


class Stateless(Tracked):
    """The methods of Layer that take variables as arguments, and those that describe a call."""

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Return the outputs for other values of the variables, and the values after the call; the
        layer itself does not change.

        Args:
            trainable_variables: values in the order of `trainable_variables`.
            non_trainable_variables: values in the order of `non_trainable_variables`.
            *args: arguments of the call.
            return_losses: return the losses of the call as a third value.
            **kwargs: keyword arguments of the call.

        Returns:
            The outputs, and the list of the values of non-trainable variables after the call.

        Raises:
            NotBuiltError: if the layer has no variables yet.

        Example:
            >>> import lamina as lm
            >>> layer = lm.layers.Dense(2, use_bias=False)
            >>> layer.build((None, 3))
            >>> kernel = lm.ones((3, 2))
            >>> outputs, state = layer.stateless_call([kernel], [], lm.ones((1, 3)))
            >>> outputs.tolist(), state
            ([[3.0, 3.0]], [])
        """
        from lamina.layers._base.facts import need_built

        need_built(self, "stateless_call")
        owner, others = f"{self._label()}: stateless_call", self.non_trainable_variables
        pairs = [
            *paired(owner, self.trainable_variables, trainable_variables),
            *paired(owner, others, non_trainable_variables),
        ]
        with StatelessScope(pairs) as scope:
            outputs = self._layer(*args, **kwargs)
            losses = list(self._layer.losses) if return_losses else []
        found = (outputs, scope.values(others))
        return (*found, losses) if return_losses else found

    # ---- shapes --------------------------------------------------------------------------------
    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the output (or a nest of shapes) for inputs of this shape (or nest),
        with None for variable extents. Builds the layer.

        Args:
            input_shape: shape of the inputs with the batch axis, or a nest of shapes.
            *args: shapes of further arguments of the call, in order.
            **kwargs: shapes of further arguments, as `value_shape` of the argument `value`.
        """
        layer = self._layer

        def tensors(shape: Any) -> Any:
            return symbolic.map_shapes(
                lambda one: symbolic.traced(symbolic.symbolic_type(one, layer._compute_dtype)),
                shape,
            )

        inputs = [tensors(shape) for shape in (input_shape, *args)]
        named = {key.removesuffix("_shape"): tensors(shape) for key, shape in kwargs.items()}
        with frames.entered(layer) as frame, layer._errors_named(), symbolic.inferring():
            outputs = layer._run(frame, tuple(inputs), named)
        return symbolic.shapes_of(outputs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic tensors of the shapes and dtypes of the outputs, without a record of the
        call.

        Args:
            *args: arguments of the call, symbolic tensors or arrays.
            **kwargs: keyword arguments of the call.
        """
        layer = self._layer
        training = kwargs.pop("training", None)
        with frames.entered(layer, training) as frame, layer._errors_named(), symbolic.inferring():
            given = tree.map_structure(arguments.as_traced, (args, kwargs))
            args, kwargs = layer._converted(*given)
            outputs = tree.map_structure(as_tensor, layer._run(frame, args, kwargs))
        return tree.map_structure(
            lambda t: symbolic.SymbolicTensor(t._type, None, parameter(t._type, self.name)), outputs
        )

    @property
    def _layer(self) -> Layer:
        return cast("Layer", self)

    @replaceable
    def metrics(self) -> list[Metric]:
        """The metrics that attributes of this layer and of its sublayers hold."""
        found = [v for v in attribute_values(self) if isinstance(v, Metric)]
        return found + [metric for child in self._children() for metric in child.metrics]

    # ---- building ------------------------------------------------------------------------------
    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shape that the layer was built for, as JSON data for `build_from_config`;
        None before it is built."""
        shape = self._layer._build_shape
        return None if not self.built or shape is None else {"input_shape": shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Create the weights for the shape that `get_build_config` returned.

        Args:
            config: dictionary that `get_build_config` returned.
        """
        if config and "input_shape" in config:
            self._layer.build(config["input_shape"])
