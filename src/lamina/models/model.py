"""Model: a layer that is trained as a whole; functional from inputs to outputs, or subclassed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from lamina import tree
from lamina.errors import ArgumentError, NotBuiltError, UnknownNameError, unknown_name
from lamina.layers import Layer, frames, propagation, symbolic
from lamina.layers.arguments import batched
from lamina.layers.streaming import refused
from lamina.locks import MAKING
from lamina.models.functional import FunctionalGraph, alone
from lamina.tensor import Variable
from lamina.training.attributes import replaceable
from lamina.training.outputs import shapes_and_names
from lamina.training.trainer import Trainer

if TYPE_CHECKING:
    from lamina.models.streaming import Stream


class Model(Layer, Trainer):
    """Layers put together: called, summarized, trained and saved as one.

    Functional: `Model(inputs, outputs)`, where outputs were made by calling layers on `Input`s;
    both may be nests (lists, dicts) of symbolic tensors. Subclassed: make the layers in `__init__`
    and put them together in `call(self, inputs)`.

        >>> import lamina as lm
        >>> x = lm.Input(shape=(4,))
        >>> model = lm.Model(x, lm.layers.Dense(2)(x))
        >>> model.count_params()
        10
    """

    _unseen: ClassVar[frozenset[str]] = Layer._unseen | {"_graph", "_watched"}

    _graph: FunctionalGraph | None
    _watched: dict[Any, Any]  # the programs of `representations`

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls, *args, **kwargs)
        self._graph = None
        self._watched = {}
        return self

    def __init__(self, inputs: Any = None, outputs: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if (inputs is None) != (outputs is None):
            raise ArgumentError("Model: give both inputs and outputs, or neither and define `call`")
        if inputs is not None:
            self._set_graph(inputs, outputs)

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        self._graph = FunctionalGraph(inputs, outputs)
        self._functional_layers = self._graph.layers()
        self._rename_twins()
        shapes = symbolic.shapes_of(inputs)
        self._set_built(shapes)
        self._output_shape = symbolic.shapes_of(alone(outputs))

    def _rename_twins(self) -> None:
        """Layers of two models that are joined may have one name: told apart, if the names were not
        given by the user."""
        taken: set[str] = set()
        for layer in self._functional_layers:
            if layer.name in taken:
                if layer._is_given:
                    raise ArgumentError(
                        f"Model: two layers are called '{layer.name}'",
                        hint="give each layer of a model a name of its own",
                    )
                layer._is_named = False
                layer._take_name(taken)
            taken.add(layer.name)

    def _class_name(self) -> str:
        is_plain = type(self) is Model and self._graph is not None
        return "functional" if is_plain else super()._class_name()

    def _has_call(self) -> bool:
        """Whether the model computes anything by itself: some only define steps of training."""
        return self._graph is not None or type(self).call is not Model.call

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        if self._graph is None:
            raise TypeError(
                f"{type(self).__name__} must define call(self, inputs), or be made of inputs and "
                "outputs: Model(inputs=..., outputs=...)"
            )
        return self._graph.run(self._label(), propagation.given(inputs, mask))

    # ---- one step at a time --------------------------------------------------------------------
    def stream(self, batch_size: int = 1, length: int | None = None) -> Stream:
        """The model for sequences that are revealed one element at a time, (batch, steps, ...).

        `length` is how many steps attention can look back on: by default as many as the model's
        PositionEmbedding has positions.

            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((None, 3)), lm.layers.LSTM(8)])
            >>> stream = model.stream()
            >>> stream.step([0.1, 0.2, 0.3]).shape, stream.position
            ((8,), 1)

        Each output equals that of the whole sequence so far. Layers that need later steps
        (Bidirectional, pooling, Flatten), or may, raise ArgumentError, with their name.
        """
        from lamina.models.streaming import Stream

        return Stream(self, batch_size, length)

    def call_streaming(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
        """One step of its layers; what a subclass does between them nobody can know."""
        from lamina.models.streaming import check_between

        own = next(c for c in type(self).__mro__ if "call" in vars(c))
        if not self.streams and not own.__module__.startswith("lamina.models."):
            raise refused(self, f"what {own.__name__}.call does with several steps is not known")
        if self._graph is not None:
            check_between(self, self._graph)
        return self.call(*args, **kwargs)

    # ---- building ------------------------------------------------------------------------------
    def build(self, input_shape: Any = None) -> None:
        """Make all weights, for inputs of this shape (None for the batch) or nest of shapes."""
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
        was_built = self.built
        try:
            return self._returned(super()._run(frame, args, kwargs))
        except Exception:
            self.built = was_built
            raise

    def _returned(self, outputs: Any) -> Any:
        if outputs is None:
            raise ArgumentError(
                f"{self._label()}: its call returned None (expected a tensor, or a nest of them)",
                hint="end call with `return outputs`",
            )
        return outputs

    def _traced_input(self, shape: tuple[Any, ...]) -> Any:
        return symbolic.traced(symbolic.symbolic_type(shape, self.dtype))

    def build_for(self, inputs: Any, **kwargs: Any) -> None:
        """Make all weights for data like these (arrays or tensors), without computing anything."""
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

    def _need_built(self, what: str) -> None:
        if not self.built:
            raise NotBuiltError(
                f"{self._label()}: {what} needs weights, and they are not there before the model "
                "knows the shape of its input",
                hint="begin with Input(shape=...) (or input_shape=... in the first layer), call "
                f"{self.name}.build((None, features)), or call the model on a batch once",
            )

    # ---- what is inside ------------------------------------------------------------------------
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
        """The layer of that name, or at that position. Raises UnknownNameError, IndexError."""
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

    @replaceable
    def inputs(self) -> list[Any]:
        """The symbolic inputs, as a flat list."""
        return tree.leaves(self._symbolic("inputs").inputs)

    @replaceable
    def outputs(self) -> list[Any]:
        """The symbolic outputs, as a flat list."""
        return tree.leaves(self._symbolic("outputs").outputs)

    @property
    def input(self) -> Any:
        return self._symbolic("input").inputs

    @property
    def output(self) -> Any:
        return self._symbolic("output").outputs

    def _symbolic(self, what: str) -> FunctionalGraph:
        if self._graph is None:
            raise AttributeError(
                f"{self._label()} has no symbolic {what}: it is neither made of Inputs and "
                "outputs, nor a Sequential model that knows its input's shape"
            )
        return self._graph

    @replaceable
    def input_shape(self) -> Any:
        """The shape of the inputs, None where an extent is open; a nest where there are several."""
        return symbolic.shapes_of(self._symbolic("input_shape").inputs)

    @replaceable
    def output_shape(self) -> Any:
        """The shape of the outputs, as the inputs have it."""
        self._need_built("output_shape")
        return self._output_shape

    @replaceable
    def input_names(self) -> list[str]:
        """The names of the Inputs, in order."""
        return list(self._symbolic("input_names").input_names)

    @replaceable
    def output_names(self) -> list[str]:
        """The names of the outputs, in order: the keys of a dict of outputs, else the layers'."""
        self._symbolic("output_names")
        return shapes_and_names(self, self._output_shape)[1]

    def representations(
        self, x: Any, layers: Any = None, batch_size: int | None = None
    ) -> dict[str, Any]:
        """What every layer makes of x, by name: {"conv2d": array (rows, 32, 32, 32), ...}.

        Each layer's output is another way to represent the data; this shows all of them, in the
        order in which they are computed, as NumPy arrays in inference mode (dropout passes all).
        A layer inside a model inside this one is called "inner/dense", and the inner model's own
        output "inner"; the second call of a shared layer "dense:2", and so on. A layer with several
        outputs has a list (or whatever nest it returns).

        x: as for `predict`, arrays or batches. layers: names, as in the result, or layers; all by
        default, which takes memory for all of them, so name those you need where the data are
        many. batch_size: rows that are computed at once, 32 by default. One program computes them
        all; it is compiled at the first call for these layers.

        Raises UnknownNameError for a name that no layer has, and ArgumentError for a layer that
        the model does not call, or calls only inside a loop.

            >>> import numpy as np, lamina as lm
            >>> model = lm.Sequential([lm.layers.Dense(8, "relu"), lm.layers.Dense(2)])
            >>> {k: v.shape for k, v in model.representations(np.ones((5, 3), "float32")).items()}
            {'dense': (5, 8), 'dense_1': (5, 2)}
        """
        from lamina.models.representations import representations

        return representations(self, x, layers, batch_size)

    def reset_state(self) -> None:
        """Let the stateful layers inside begin anew."""
        for layer in self._flatten_layers():
            if getattr(layer, "stateful", False):
                layer.reset_state()

    reset_states = reset_state

    # ---- weights -------------------------------------------------------------------------------
    def named_weights(self) -> dict[str, Variable]:
        """All weights by path below the model, such as "dense_1/kernel"."""
        self._need_built("weights")
        return super().named_weights()

    def count_params(self) -> int:
        self._need_built("count_params()")
        return super().count_params()

    def get_weights(self) -> list[np.ndarray]:
        self._need_built("get_weights()")
        return super().get_weights()

    def set_weights(self, weights: Any) -> None:
        self._need_built("set_weights()")
        super().set_weights(weights)

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | None = None,
    ) -> None:
        """Print layers, output shapes (None is the batch) and parameter counts; "?" and "unbuilt"
        where no input was seen yet.

        A box in a terminal, plain text elsewhere; `print_fn` gets the text as one string instead.
        """
        from lamina.models.summary import show

        show(self, line_length, print_fn, expand_nested, show_trainable, layer_range)

    # ---- configuration -------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """The model (without its weights) as plain JSON data."""
        if self._graph is None or type(self).__init__ is not Model.__init__:
            return super().get_config()
        from lamina.models.writing import functional_config

        return functional_config(self, self._graph)

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """The model that `get_config` described, with new weights."""
        if "calls" not in config:
            return super().from_config(config)
        from lamina.models.writing import functional_from_config

        return functional_from_config(cls, config, custom_objects)

    def __reduce__(self) -> Any:
        """For pickle: the content of the model's file, and the user's classes that it names."""
        from lamina.saving.pickled import reduced

        return reduced(self)

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The same model with weights and state of its own, compiled programs included."""
        twin = memo[id(self)] = object.__new__(type(self))
        for name, value in self.__dict__.items():
            twin.__dict__[name] = copy.deepcopy(value, memo)
        return twin

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON text; `model_from_json` reads it."""
        import json

        from lamina.configuration import serialize

        return json.dumps(serialize(self), **kwargs)
