"""Sequential: layers one after the other."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from lamina import tree
from lamina.annotations import DataLike, NestLike
from lamina.configuration import plain, restored
from lamina.errors import ArgumentError, LaminaError, ShapeError, deprecated, describe
from lamina.layers import InputLayer, Layer
from lamina.layers._base import building, frames, propagation, symbolic
from lamina.layers._base.facts import (
    adopt,
    data_dtype,
    first_shape,
    has_final_name,
    is_named_by_user,
    need_built,
    take_name,
)
from lamina.layers._base.host import HostLayer
from lamina.layers._base.spec import known_shape
from lamina.locks import MAKING
from lamina.models import host_stage
from lamina.models.fitting import Prediction
from lamina.models.functional import FunctionalGraph
from lamina.models.model import Model
from lamina.models.trainee import graph_of
from lamina.tensor import Tensor, node_of


class Sequential(Model):
    """A stack of layers: the output of each is the input of the next.

    With an `Input(shape=...)` first, or `input_shape=` in the first layer, all shapes are known at
    once and errors appear when a layer is added; otherwise the first data decide. Layers that take
    strings, such as TextVectorization, may come first: they run in Python, and the compiled program
    starts after them.

    Args:
        layers: layers in order; None starts an empty stack for `add`.
        trainable: update the weights in training.
        name: name of the model; None derives one from its class.

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.layers.Dense(512, "relu", input_shape=(784,))])
        >>> model.add(lm.layers.Dense(10, "softmax"))
        >>> model.count_params()
        407050
    """

    streams = "state"
    autocast = False  # an Input converts the data

    _unseen: ClassVar[frozenset[str]] = Model._unseen | {"_stage", "_own_scope", "_by_name"}

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        Layer.__init__(self, trainable=trainable, name=name, **kwargs)
        self._host: list[HostLayer] = []  # work on the data, before the program
        self._layers: list[Layer] = []
        self._own_scope = frames.Scope()
        self._names = frames.Names()
        self._by_name: dict[str, Layer] = {}
        self._stage: list[Any] = []  # the symbolic input, then what each layer makes of it
        self._decided_by_data = False  # what the shapes are: no Input said it
        if layers is not None and not isinstance(layers, (list, tuple)):
            raise ArgumentError(f"Sequential: layers must be a list, got {describe(layers)}")
        for layer in layers or ():
            self.add(layer)

    # ---- putting together ----------------------------------------------------------------------
    def add(self, layer: Layer | Tensor, rebuild: bool = True) -> None:
        """Append a layer.

        Args:
            layer: layer, `Input` or model.
            rebuild: accepted for Keras.

        Raises:
            ShapeError: if the layer cannot take the shape of the output so far.
            ArgumentError: if it is not a layer.
        """
        added = self._as_layer(layer)
        if isinstance(added, InputLayer):
            if added._dtype != symbolic.TEXT:  # a layer for strings needs no Input
                self._begin(added)
            return
        self._refuse_twice(added)
        if isinstance(added, HostLayer):
            self._add_host(added)
            return
        self._layers.append(added)
        self._take_in(added)
        size = len(self._stage)
        try:
            self._continue(added)
        except Exception:
            self._drop(self._layers)
            del self._stage[size:]
            raise

    def _add_host(self, layer: HostLayer) -> None:
        if self._layers or self._stage:
            raise ArgumentError(
                f"{self._label()}: {layer.name} takes strings, so it can only come first, before "
                "what is compiled",
                hint="put it in front, behind no Input but one of strings",
            )
        self._host.append(layer)
        self._take_in(layer)

    def _take_in(self, layer: Layer) -> None:
        """Give a layer a name that no other layer of this model has, and this model as its parent
        if it has none."""
        if self._by_name.get(layer.name) is not layer or not has_final_name(layer):
            take_name(layer, self._names)
            self._by_name[layer.name] = layer
        adopt(self, layer)

    def _drop(self, layers: list[Any]) -> Any:
        """Take the last of these layers off, and give its name free."""
        layer = layers.pop()
        self._by_name = {each.name: each for each in self.layers}
        self._names = frames.Names(self._by_name)
        return layer

    def _continue(self, layer: Layer) -> None:
        is_first = len(self._layers) == 1 and not self._stage
        first = self._first_input(layer) if is_first else None
        if first is not None:
            self._begin(first)
        else:
            self._extend()

    def _as_layer(self, layer: Any) -> Any:
        if isinstance(layer, symbolic.SymbolicTensor):
            node = node_of(layer)
            source = None if node is None else symbolic.source_of(node)
            if source is not None and isinstance(source[0].layer, InputLayer):
                return source[0].layer
        if isinstance(layer, Layer):
            return layer
        if isinstance(layer, type) and issubclass(layer, Layer):
            hint = f"write {layer.__name__}(...), with its arguments"
        else:
            hint = "wrap a function in a Lambda layer, or use Activation for an activation"
        raise ArgumentError(f"{self._label()}: add needs a layer, got {describe(layer)}", hint=hint)

    def _first_input(self, layer: Layer) -> InputLayer | None:
        """The input as the first layer declares it: its `input_shape`, or a model's own Input."""
        if first_shape(layer) is not None:
            return InputLayer(batch_shape=first_shape(layer), dtype=self._input_dtype())
        graph = graph_of(layer)
        if graph is None or len(graph.input_nodes) != 1:
            return None
        node = graph.input_nodes[0]
        return InputLayer(batch_shape=known_shape(node.shape), dtype=node.dtype)

    def _input_dtype(self) -> Any:
        """The dtype that data are converted to without an Input: that of the first layer."""
        first = data_dtype(self._layers[0]) if self._layers else None
        return first or self._dtype

    def _refuse_twice(self, layer: Layer) -> None:
        other = self._by_name.get(layer.name, layer)
        if other is not layer and is_named_by_user(layer) and is_named_by_user(other):
            raise ArgumentError(
                f"{self._label()}: there is already a layer '{layer.name}'",
                hint="give each layer of a model a unique name",
            )

    def _begin(self, layer: InputLayer) -> None:
        if self._stage:
            raise ArgumentError(f"{self._label()}: an Input can only come first")
        if self._layers and self._first_input(self._layers[0]) is None:
            raise ArgumentError(f"{self._label()}: an Input must come before the first layer")
        self._stage = [layer.tensor(self._own_scope)]
        self._extend()

    def _extend(self) -> None:
        """Call the layers that are new on the shape that is known, if one is."""
        while self._stage and len(self._stage) <= len(self._layers):
            self._stage.append(self._layers[len(self._stage) - 1](self._stage[-1]))
        if self._stage:
            self._set_graph(self._stage[0], self._stage[-1])

    def pop(self, rebuild: bool = True) -> Any:
        """Remove the last layer, and return it.

        Args:
            rebuild: accepted for Keras.
        """
        if not self.layers:
            raise ArgumentError(f"{self._label()}: the model has no layer to remove")
        if not self._layers:
            return self._drop(self._host)
        layer = self._drop(self._layers)
        if self._stage:
            self._stage.pop()
            self._extend()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Create all weights.

        Args:
            input_shape: shape of the inputs with the batch, such as (None, 784).
        """
        if self._stage:
            return
        if not self._layers and not self._host:
            raise ArgumentError(f"{self._label()}: has no layers", hint="model.add(layer)")
        if input_shape is None:
            need_built(self, "build() without a shape")
        if not symbolic.is_shape(input_shape):
            raise ShapeError(
                f"{self._label()}: takes one input, but shapes of several came: {input_shape}",
                hint="a functional model, Model(inputs=[a, b], outputs=...), takes several",
            )
        frame = frames.current()
        scope = frame.scope if frame is not None and frame.layer is self else self._own_scope
        layer = InputLayer(batch_shape=tuple(input_shape), dtype=self._input_dtype())
        self._stage, self._decided_by_data = [layer.tensor(scope)], True
        try:
            self._extend()
        except Exception:
            self._stage, self._decided_by_data = [], False
            raise

    def build_for(self, inputs: NestLike, **kwargs: Any) -> None:
        """Create all weights for data like these, and accept data of other extents afterwards.

        Args:
            inputs: nest of arrays or tensors.
            **kwargs: keyword arguments of `call`.
        """
        super().build_for(inputs, **kwargs)
        self._widen(tuple(getattr(inputs, "shape", ())))

    def _widen(self, shape: Sequence[Any]) -> None:
        """If data decided on the shapes of this model, other data may change them: extents that
        differ from those before become open, if the layers can do with that."""
        if not self._decided_by_data or self._graph is None:
            return
        node = self._graph.input_nodes[0]
        known, came = known_shape(node.shape), known_shape(shape)
        if len(came) != len(known) or known[1:] == came[1:]:
            return
        with MAKING:
            self._open(self._graph.input_nodes[0], came)

    def _open(self, node: Any, came: Sequence[Any]) -> None:
        known = known_shape(node.shape)
        wider = (n if n == size else None for n, size in zip(known[1:], came[1:], strict=True))
        layer = InputLayer(batch_shape=(known[0], *wider), dtype=node.dtype)
        if layer.batch_shape == known:
            return
        stage = self._stage
        with building.outside_traces():
            self._stage = [layer.tensor(symbolic.source_of(node)[0].scope)]  # type: ignore[index]
            try:
                self._extend()
            except (LaminaError, TypeError):  # a layer needs this extent: the shape is refused
                self._stage = stage
                self._set_graph(stage[0], stage[-1])

    # ---- being a model -------------------------------------------------------------------------
    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        """The outputs for these inputs: tensors as they are, data gone through the layers for
        strings first."""
        if self._host and not any(isinstance(leaf, Tensor) for leaf in tree.leaves(inputs)):
            inputs = host_stage.through(self._host, inputs)
        return super().__call__(inputs, *args, **kwargs)

    def _prepared(self, data: Any) -> Any:
        if not self._host:
            return data
        return host_stage.prepared(functools.partial(host_stage.through, self._host), data)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        if self._graph is not None:
            self._widen(getattr(inputs, "shape", ()))
            found = self._graph.matched(self._label(), inputs)
            (inputs,) = found if self._host else self._graph.converted(found)
        inputs = propagation.given(inputs, mask)
        for layer in self._layers:
            inputs = layer(inputs)
        return inputs

    @property
    def layers(self) -> list[Any]:
        """The layers in order, without the Input."""
        return [*self._host, *self._layers]

    def _layers_by_name(self) -> list[Any]:
        return self.layers

    def _set_graph(self, inputs: Any, outputs: Any) -> None:
        """As for any model, in a time that does not depend on the number of layers: `add` calls
        this for each of them."""
        self._graph = FunctionalGraph(inputs, outputs)
        self._built, self._build_shape = True, symbolic.shapes_of(inputs)
        self._output_shape = symbolic.shapes_of(outputs)

    def predict_classes(
        self, x: DataLike, batch_size: int | None = None, verbose: str | int = 0
    ) -> np.ndarray:
        """Return the class of each row, int64: a method of programs before Keras 3.

        Args:
            x: inputs, as `predict` takes them.
            batch_size: rows of one batch; None is 32.
            verbose: 0 prints nothing, 1 a live line.

        Shapes:
            One output: (rows, 1), 1 where it is above 0.5. Several: (rows,), the largest one.
        """
        found = np.asarray(self.predict(x, batch_size=batch_size, verbose=verbose))
        is_one = found.shape[-1] == 1
        forms = "(model.predict(x) > 0.5).astype(int)", "model.predict(x).argmax(axis=-1)"
        deprecated("Sequential.predict_classes", forms[not is_one])
        return (found > 0.5).astype(np.int64) if is_one else found.argmax(axis=-1)

    def predict_proba(
        self, x: DataLike, batch_size: int | None = None, verbose: str | int = 0
    ) -> Prediction:
        """Return the outputs: `predict`, by a second name that it had before Keras 3.

        Args:
            x: inputs, as `predict` takes them.
            batch_size: rows of one batch; None is 32.
            verbose: 0 prints nothing, 1 a live line.
        """
        deprecated("Sequential.predict_proba", "model.predict(x)")
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def get_config(self) -> dict[str, Any]:
        if type(self).__init__ is not Sequential.__init__:
            return Layer.get_config(self)
        layers: list[Any] = list(self._layers)
        if self._graph is not None and not self._decided_by_data:
            layers.insert(0, symbolic.source_of(self._graph.input_nodes[0])[0].layer)  # type: ignore[index]
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": plain(self.dtype_policy),
            "layers": [plain(layer) for layer in [*self._host, *layers]],
        }
        if self._decided_by_data and self._graph is not None:
            config["build_shape"] = list(self.input_shape)
        return config

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        layers = [restored(each, custom_objects) for each in config.get("layers", [])]
        model = cls(
            layers, **{k: v for k, v in config.items() if k in ("name", "trainable", "dtype")}
        )
        if config.get("build_shape") is not None:
            model.build(config["build_shape"])
        return model
