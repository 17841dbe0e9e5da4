"""Layers that wrap layers: Wrapper, TimeDistributed, Bidirectional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.configuration import deserialize, serialize
from lamina.errors import ArgumentError, ShapeError, unknown_name
from lamina.ir.types import is_static
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, shape_text
from lamina.layers._base.streaming import Streaming, streaming
from lamina.operations import masks
from lamina.tensor import Tensor

__all__ = ["Wrapper", "TimeDistributed", "Bidirectional"]

MERGES = ("concat", "sum", "mul", "ave", None)


class Wrapper(Layer):
    """Base class of layers that contain another layer; a call calls that layer.

    Args:
        layer: layer to wrap.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        those of `layer`

    Example:
        >>> import lamina as lm
        >>> lm.layers.Wrapper(lm.layers.Dense(4))(lm.Input((3,))).shape
        (batch, 4)
    """

    streams = "each_step"

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.layer = _as_layer(type(self).__name__, layer)
        self._data_dtype = self.layer._data_dtype

    def build(self, input_shape: Any) -> None:
        self.layer.build(input_shape)

    def call(self, inputs: Any) -> Any:
        return self.layer(inputs)


def _as_layer(owner: str, layer: Any) -> Any:
    if not isinstance(layer, Layer):
        units = layer if isinstance(layer, int) else 10
        kind = "LSTM" if owner == "Bidirectional" else "Dense"
        raise ArgumentError(
            f"{owner}: needs a layer, not {type(layer).__name__}",
            hint=f"{owner}(lm.layers.{kind}({units}))",
        )
    return layer


class TimeDistributed(Wrapper):
    """Wrapper that applies a layer to each step of a sequence.

    The steps are treated as additional samples, so the layer runs once. If the layer does not
    propagate its mask, a step of the output is masked if all parts of it were masked.

    Args:
        layer: layer for one step.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, ...) -> (batch, steps, ...)
        mask: (batch, steps), or (batch, steps, ...), whose further axes are the mask of the inner
            layer

    Example:
        >>> import lamina as lm
        >>> lm.layers.TimeDistributed(lm.layers.Dense(4))(lm.Input((5, 3))).shape
        (batch, 5, 4)
    """

    input_spec = InputSpec(min_ndim=3, layout="(batch, steps, ...)")
    supports_masking = True

    def build(self, input_shape: Any) -> None:
        self.layer.build((None, *input_shape[2:]))
        if not self.layer.built:
            self.layer._set_built((None, *input_shape[2:]))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return the mask of the outputs, (batch, steps).

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        if mask is None or mask.ndim == 2:
            return mask
        return ops.any(mask, axis=tuple(range(2, mask.ndim)))

    def call(self, inputs: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        self._check_mask(inputs, mask)
        with streaming(None):  # the layer inside is called on steps, whatever it does with each
            return self._on_rows(inputs, mask, training)

    def call_streaming(
        self, stream: Streaming, inputs: Tensor, mask: Tensor | None = None, training: bool = False
    ) -> Tensor:
        """Process one step like any number of steps.

        Args:
            stream: stream in progress.
            inputs: one step of the inputs, (batch, 1, ...).
            mask: mask of the step; None if it counts.
            training: True in training.
        """
        return self.call(inputs, mask, training)

    def _check_mask(self, inputs: Tensor, mask: Any) -> None:
        if mask is None:
            return
        pairs = zip(mask.shape[:2], inputs.shape, strict=False)
        if mask.ndim < 2 or any(is_static(m) and is_static(n) and m != n for m, n in pairs):
            raise ShapeError(
                f"{self._label()}: expected a mask (batch, steps) of inputs of shape "
                f"{shape_text(inputs.shape)}, got one of shape {shape_text(mask.shape)}",
                hint="give one bool for each step: True where the step is there",
            )

    def _on_rows(self, inputs: Tensor, mask: Any, training: bool) -> Tensor:
        def rows(x: Tensor) -> Tensor:
            return ops.reshape(x, (batch * steps, *x.shape[2:]))

        batch, steps = inputs.shape[:2]
        each = rows(inputs)
        if mask is not None and mask.ndim > 2:
            masks.attach(each, rows(mask))
        outputs = self.layer(each, training=training)
        result = ops.reshape(outputs, (batch, steps, *outputs.shape[1:]))
        inner = masks.mask_of(outputs) if masks.mask_of(each) is not None else None
        if inner is None:
            return result
        return masks.attach(result, ops.reshape(inner, (batch, steps, *inner.shape[1:])))


class Bidirectional(Layer):
    """Bidirectional recurrent layer: a layer that reads forwards and one that reads backwards.

    With `return_state` the states of the forward layer precede those of the backward layer, and
    `initial_state` takes them in this order. Masked steps of returned sequences are 0.

    Args:
        layer: recurrent layer that reads forwards.
        merge_mode: combination of the two outputs: "concat", "sum", "mul", "ave", or None for a
            list of both.
        weights: list of initial weights, those of the forward layer first; None uses the
            initializers.
        backward_layer: layer that reads backwards; None is a copy of `layer`.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, 2 units), or (batch, steps, 2 units) with
            return_sequences

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.Bidirectional(lm.layers.LSTM(8, return_sequences=True))
        >>> layer(lm.Input((5, 3))).shape
        (batch, 5, 16)

    Source: Schuster and Paliwal (1997), Bidirectional recurrent neural networks.
    """

    supports_masking = True

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence[ArrayLike] | None = None,
        backward_layer: Layer | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        given = _as_layer("Bidirectional", layer)
        for needed in ("go_backwards", "return_sequences", "return_state", "stateful"):
            if not hasattr(given, needed):
                raise ArgumentError(
                    f"Bidirectional: needs a recurrent layer, not {type(given).__name__}",
                    hint="LSTM, GRU, SimpleRNN or RNN(cell)",
                )
        if merge_mode not in MERGES:
            raise unknown_name("merge_mode", merge_mode, [str(m) for m in MERGES])
        self.merge_mode = merge_mode
        self.forward_layer = _copy(given, "forward", given.go_backwards)
        if backward_layer is None:
            self.backward_layer = _copy(given, "backward", not given.go_backwards)
        else:
            self.backward_layer = _as_layer("Bidirectional", backward_layer)
        self._check_pair()
        self.return_sequences, self.return_state = given.return_sequences, given.return_state
        self.stateful = given.stateful
        for each in (self.forward_layer, self.backward_layer):
            each.zero_output_for_mask = each.return_sequences
        self._first_weights = weights
        self._arguments.pop("weights", None)

    def _check_pair(self) -> None:
        first, second = self.forward_layer, self.backward_layer
        if first.go_backwards == second.go_backwards:
            raise ArgumentError(
                "Bidirectional: both layers go in the same direction",
                hint="give backward_layer go_backwards=True",
            )
        for name in ("return_sequences", "return_state", "stateful"):
            if getattr(first, name) != getattr(second, name):
                raise ArgumentError(f"Bidirectional: the two layers differ in {name}")

    def build(self, input_shape: Any) -> None:
        self.forward_layer.build(input_shape)
        self.backward_layer.build(input_shape)
        if self._first_weights is not None:
            half = len(self._first_weights) // 2
            self.forward_layer.set_weights(self._first_weights[:half])
            self.backward_layer.set_weights(self._first_weights[half:])

    def compute_mask(
        self, inputs: Tensor, mask: Tensor | None = None
    ) -> Tensor | list[Tensor] | None:
        """Return the mask of the inputs if there is an output for every step, otherwise None.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        if not self.return_sequences or mask is None:
            return None
        return [mask, mask] if self.merge_mode is None else mask

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        pair = self._for_both(initial_state)
        results = [
            layer(sequences, initial_state=state, mask=mask, training=training)
            for layer, state in zip((self.forward_layer, self.backward_layer), pair, strict=True)
        ]
        states: list[Any] = []
        if self.return_state:
            states = [s for result in results for s in result[1:]]
            results = [result[0] for result in results]
        if self.return_sequences:
            results[1] = ops.flip(results[1], axis=1)
        outputs = self._merged(*results)
        if not states:
            return outputs
        return (*outputs, *states) if self.merge_mode is None else (outputs, *states)

    def _for_both(self, states: Any) -> tuple[Any, Any]:
        """Return the initial states of the forward layer and of the backward layer."""
        if states is None:
            return None, None
        count = len(states) if isinstance(states, (list, tuple)) else 1
        if count == 1 or count % 2:
            raise ArgumentError(
                f"{self._label()}: initial_state holds {count} state"
                + ("" if count == 1 else "s")
                + "; two directions need an even number",
                hint="first those of the forward layer, then those of the backward one: "
                "[forward_h, backward_h], for LSTM [forward_h, forward_c, backward_h, backward_c]",
            )
        return states[: count // 2], states[count // 2 :]

    def _merged(self, ahead: Tensor, back: Tensor) -> Any:
        if self.merge_mode is None:
            return [ahead, back]
        if self.merge_mode == "concat":
            return ops.concat([ahead, back], axis=-1)
        if self.merge_mode == "mul":
            return ahead * back
        return (ahead + back) * (0.5 if self.merge_mode == "ave" else 1.0)

    def reset_state(self) -> None:
        """Reset the states of both stateful layers to their initial values."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state


def _copy(layer: Any, direction: str, go_backwards: bool) -> Any:
    """Return a new layer with the same arguments and this direction."""
    written = serialize(layer)
    name = f"{direction}_{layer.name.removeprefix(direction + '_')}"
    config = {**written["config"], "go_backwards": go_backwards, "name": name}
    return deserialize({**written, "config": config})
