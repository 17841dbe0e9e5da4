"""Model: a layer that is trained as a whole; functional from inputs to outputs, or subclassed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from lamina import tree
from lamina.annotations import ArrayLike, DataLike, NestLike
from lamina.errors import ArgumentError, UnknownNameError, unknown_name
from lamina.layers import Layer
from lamina.layers._base import frames, propagation, symbolic
from lamina.layers._base.arguments import batched
from lamina.layers._base.facts import (
    is_named_by_user,
    need_weights,
    take_name,
    with_sublayers,
)
from lamina.locks import MAKING
from lamina.models import host_stage
from lamina.models.connected import Connected
from lamina.models.files import Filing
from lamina.models.fitting import on_its_engine
from lamina.models.functional import FunctionalGraph, alone
from lamina.models.host_stage import Split
from lamina.models.older_methods import OlderMethods
from lamina.models.quantizing import Filters, quantize_layers
from lamina.quantizers.configs import QuantizationConfig
from lamina.training.session import Session
from lamina.variables import Variable

if TYPE_CHECKING:
    from lamina.models.streaming import Stream


class Model(Connected, Layer, OlderMethods, Filing):
    """Layers connected to one object that is called, summarized, trained and saved.

    A functional model, `Model(inputs, outputs)`, has outputs that were made by calling layers on
    `Input`s. A subclassed model makes its layers in `__init__` and connects them in `call(self,
    inputs)`.

    Args:
        inputs: nest (list, dictionary) of symbolic inputs, for a functional model.
        outputs: nest of symbolic outputs, for a functional model.

    Example:
        >>> import lamina as lm
        >>> x = lm.Input(shape=(4,))
        >>> model = lm.Model(x, lm.layers.Dense(2)(x))
        >>> model.count_params()
        10
    """

    metrics = OlderMethods.metrics  # in place of those of Layer
    _unseen: ClassVar[frozenset[str]] = Layer._unseen | {"_graph", "_split", "_watched"}

    _graph: FunctionalGraph | None  # of the program
    _split: Split | None  # of models with layers that run on data, before the program
    _watched: dict[Any, Any]  # the programs of `representations`

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls, *args, **kwargs)
        self._graph = self._split = None
        self._watched = {}
        return self

    def __init__(self, inputs: Any = None, outputs: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if (inputs is None) != (outputs is None):
            raise ArgumentError("Model: give both inputs and outputs, or neither and define `call`")
        if inputs is not None:
            self._set_graph(inputs, outputs)

    def _cast(self, tensor: Any) -> Any:
        """Return an input: a graph of layers converts it to the dtype of its Input itself."""
        return tensor if self._graph is not None else super()._cast(tensor)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        whole = FunctionalGraph(inputs, outputs)
        self._split = host_stage.split(whole)
        self._graph = whole if self._split is None else self._split.program
        self._functional_layers = whole.layers()
        self._rename_twins()
        shapes = symbolic.shapes_of(inputs)
        self._set_built(shapes)
        self._output_shape = symbolic.shapes_of(alone(outputs))

    def _rename_twins(self) -> None:
        """Layers of two models that are joined may have one name: made distinct, if the names were
        not given by the user."""
        taken: set[str] = set()
        for layer in self._functional_layers:
            if layer.name in taken:
                if is_named_by_user(layer):
                    raise ArgumentError(
                        f"Model: two layers are called '{layer.name}'",
                        hint="give each layer of a model a unique name",
                    )
                take_name(layer, taken)
            taken.add(layer.name)

    def _class_name(self) -> str:
        is_plain = type(self) is Model and self._graph is not None
        return "functional" if is_plain else super()._class_name()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs; layers for strings are called on data first."""
        if self._split is not None and args:
            args = (self._split.entered(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)

    def _prepared(self, data: Any) -> Any:
        return data if self._split is None else host_stage.prepared(self._split.encode, data)

    def _has_call(self) -> bool:
        """Whether the model computes anything by itself: some only define steps of training."""
        return self._graph is not None or type(self).call is not Model.call

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Return the outputs; a subclass defines this method.

        Args:
            inputs: nest of tensors.
            training: True in training, False in inference; passed only if the subclass takes it.
            mask: nest of masks of the inputs; passed only if the subclass takes it.
        """
        if self._graph is None:
            raise NotImplementedError(
                f"{type(self).__name__} must define call(self, inputs), or be made of inputs and "
                "outputs: Model(inputs=..., outputs=...)"
            )
        return self._graph.run(self._label(), propagation.given(inputs, mask))

    # ---- quantization --------------------------------------------------------------------------
    def quantize(  # type: ignore[override]
        self,
        mode: str | None = None,
        config: QuantizationConfig | None = None,
        filters: Filters = None,
        type_check: bool = True,
        **kwargs: Any,
    ) -> None:
        """Replace the weights of all layers that can by quantized ones. Call it after training.

        Training that follows needs another `compile`: the optimizer's state belongs to the weights
        before.

        Args:
            mode: "int8", "int4" or "float8"; None is the mode of `config`.
            config: quantizers of weights and inputs; None is the default of the mode.
            filters: regular expression that is found in the name of a layer, a list of them, or a
                function of a layer that returns True for those to quantize; None takes all.
            type_check: leave out layers of classes that derive from one of Lamina's.
            **kwargs: not accepted.

        Raises:
            NotBuiltError: a layer has no weights yet.
            ArgumentError: for an unknown mode, or filters of another type.
            NotImplementedError: for "gptq" and "awq", which round weights by what samples show.

        Example:
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((8,)), lm.layers.Dense(4)])
            >>> model.quantize("int8")
            >>> model.layers[0].kernel.dtype.name
            'int8'
        """
        for name in kwargs:
            raise ArgumentError(f"{self._label()}: quantize has no argument {name!r}")
        quantize_layers(self, mode, config, filters, type_check)

    def get_quantization_layer_structure(self, mode: str | None = None) -> Any:
        """Return the layers before the blocks and the blocks that "gptq" and "awq" would round one
        after the other, {"pre_block_layers": [...], "sequential_blocks": [...]}.

        Args:
            mode: "gptq" or "awq".
        """
        return None

    def _weights_changed(self) -> None:
        self._watched, self._own_predictor = {}, None
        if self._session is not None:
            self._session = Session(self._session.compilation)
        super()._weights_changed()

    # ---- one step at a time --------------------------------------------------------------------
    def stream(self, batch_size: int = 1, length: int | None = None) -> Stream:
        """Return the model for sequences that arrive one element at a time.

        Each output equals that for the whole sequence so far.

        Args:
            batch_size: number of sequences side by side.
            length: number of steps that attention can look back on; None is the number of positions
                of the model's PositionEmbedding.

        Raises:
            ArgumentError: for layers that need later steps (Bidirectional, pooling, Flatten), or
                may.

        Example:
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((None, 3)), lm.layers.LSTM(8)])
            >>> stream = model.stream()
            >>> stream.step([0.1, 0.2, 0.3]).shape, stream.position
            ((8,), 1)
        """
        from lamina.models.streaming import Stream

        with on_its_engine(self):
            return Stream(self, batch_size, length)

    def call_streaming(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs of one step of a stream.

        A subclass whose `call` does more than call layers defines this method.

        Args:
            stream: state of the stream.
            *args: inputs of this step.
            **kwargs: keyword arguments of `call`.
        """
        from lamina.models.streaming import check_between

        if self._graph is not None:
            check_between(self, self._graph)
        return self.call(*args, **kwargs)

    # ---- building ------------------------------------------------------------------------------
    def build(self, input_shape: Any = None) -> None:
        """Create all weights.

        Args:
            input_shape: shape of the inputs with None for the batch, or nest of shapes.
        """
        if input_shape is None or self.built or type(self).call is Model.call:
            return
        self._adopt()
        with symbolic.inferring():
            inputs = symbolic.map_shapes(self._traced_input, input_shape)
            self.call(inputs, **({"training": False} if self._takes("training") else {}))

    def _build_for(self, args: Any, kwargs: Any) -> None:
        """A subclassed model's layers are built by its `call`, one after the other."""
        if self._graph is None and type(self).build is Model.build:
            self._set_built(batched(symbolic.shapes_of(args[0])) if len(args) == 1 else None)
        else:
            super()._build_for(args, kwargs)

    def _run(self, frame: frames.Frame, args: Any, kwargs: Any) -> Any:
        was_built = self._built
        try:
            return self._returned(super()._run(frame, args, kwargs))
        except Exception:
            self._built = was_built
            raise

    def _returned(self, outputs: Any) -> Any:
        if outputs is None:
            raise ArgumentError(
                f"{self._label()}: its call returned None (expected a tensor, or a nest of them)",
                hint="end call with `return outputs`",
            )
        return outputs

    def _traced_input(self, shape: tuple[Any, ...]) -> Any:
        return symbolic.traced(symbolic.symbolic_type(shape, self._dtype))

    def build_for(self, inputs: NestLike, **kwargs: Any) -> None:
        """Create all weights for data like these, without computing anything.

        Args:
            inputs: nest of arrays or tensors.
            **kwargs: keyword arguments of `call`.
        """
        if self.built and self._output_shape is not None:  # its first call has ended
            return
        with MAKING:
            if not self.built:
                self._build_like(inputs, kwargs)

    def _build_like(self, inputs: Any, kwargs: dict[str, Any]) -> None:
        leaves, structure = tree.flatten(self._converted((inputs,), {})[0][0])
        types_ = [symbolic.symbolic_type((None, *t.shape[1:]), t.dtype) for t in leaves]
        with symbolic.inferring():
            self(tree.unflatten(structure, [symbolic.traced(t) for t in types_]), **kwargs)

    # ---- layers inside -------------------------------------------------------------------------
    @property
    def layers(self) -> list[Any]:
        """The layers directly inside, in order."""
        if self._graph is not None:
            return list(self._functional_layers)
        self._adopt()
        return self._children()

    def _layers_by_name(self) -> list[Any]:
        return self.layers if self._graph is not None else []

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return a layer by name or position.

        Args:
            name: name of the layer.
            index: position of the layer, instead of the name.

        Raises:
            UnknownNameError: if no layer has this name.
            IndexError: if no layer has this position.
        """
        if (name is None) == (index is None):
            raise ArgumentError("get_layer: give either a name or an index")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise IndexError(f"get_layer: index {index}, but there are {len(layers)} layers")
            return layers[index]
        found = [layer for layer in layers if layer.name == name]
        if not found:
            error: UnknownNameError = unknown_name("layer", name, [x.name for x in layers])
            raise error
        return found[0]

    def representations(
        self,
        x: DataLike,
        layers: Sequence[str | Layer] | None = None,
        batch_size: int | None = None,
    ) -> dict[str, Any]:
        """Return the outputs of layers for data, by name, such as {"conv2d": array}.

        The outputs are NumPy arrays in inference mode, in the order of computation. A layer of an
        inner model is called "inner/dense", the inner model's output "inner", the second call of a
        shared layer "dense:2". One program computes all; it is compiled at the first call for these
        layers.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            layers: names as in the result, or layers; None takes all, which needs memory for all of
                them.
            batch_size: rows that are computed at once; None is 32.

        Raises:
            UnknownNameError: if no layer has a name.
            ArgumentError: if the model does not call a layer, or only inside a loop.

        Example:
            >>> import numpy as np
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.layers.Dense(8, "relu"), lm.layers.Dense(2)])
            >>> outputs = model.representations(np.ones((5, 3), "float32"))
            >>> [output.shape for output in outputs.values()]
            [(5, 8), (5, 2)]
        """
        from lamina.models.representations import representations

        return representations(self, x, layers, batch_size)

    def reset_state(self) -> None:
        """Reset the states of stateful layers."""
        for layer in with_sublayers(self):
            if getattr(layer, "stateful", False):
                layer.reset_state()

    reset_states = reset_state

    # ---- weights -------------------------------------------------------------------------------
    def named_weights(self) -> dict[str, Variable]:
        """Return all weights by path below the model, such as "dense_1/kernel"."""
        need_weights(self, "weights")
        return super().named_weights()

    def count_params(self) -> int:
        """Return the number of elements of all weights."""
        need_weights(self, "count_params()")
        return super().count_params()

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights as NumPy arrays, in the order of `weights`."""
        need_weights(self, "get_weights()")
        return super().get_weights()

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replace all weights.

        Args:
            weights: arrays of the same shapes, in the order of `weights`.

        Raises:
            ShapeError: if number or shapes differ; then no weight is changed.
        """
        need_weights(self, "set_weights()")
        super().set_weights(weights)

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | None = None,
    ) -> None:
        """Print layers, output shapes (None is the batch) and numbers of parameters.

        Before the first input, shapes are "?" and parameters "unbuilt". Output is a box in a
        terminal and plain text elsewhere.

        Args:
            line_length: width in characters; None is that of the terminal.
            positions: relative or absolute positions of the columns; None chooses them.
            print_fn: function that receives the text as one string; None prints.
            expand_nested: show the layers of inner models.
            show_trainable: show a column for trainable layers.
            layer_range: names (first, last) of the layers to show; None shows all.
        """
        from lamina.models.summary import show

        show(self, line_length, print_fn, expand_nested, show_trainable, layer_range)

    # ---- configuration -------------------------------------------------------------------------
    def _repr_html_(self) -> str:
        """The model as notebooks show it: the table of `summary`."""
        from lamina.models.summary import as_html

        return as_html(self)

    def get_config(self) -> dict[str, Any]:
        """Return the model, without its weights, as plain JSON data."""
        if self._graph is None or type(self).__init__ is not Model.__init__:
            return super().get_config()
        from lamina.models.writing import functional_config

        return functional_config(self, self._symbolic("configuration"))

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return the model that `get_config` described, with new weights.

        Args:
            config: dictionary that `get_config` returned.
            custom_objects: dictionary from name to class or function of the caller's own.
        """
        if "calls" not in config:
            return super().from_config(config)
        from lamina.models.writing import functional_from_config

        return functional_from_config(cls, config, custom_objects)
