"""Layer, the base class of functions with weights: a subclass defines `call`, and `build` for
weights.

The first call builds the layer for the shape of its inputs. A call on an `Input` makes the layer
part of a functional model; tracing `call` determines the types of the outputs.

A layer with `supports_masking = True` propagates masks: the mask of its outputs is the result of
`compute_mask`, by default the mask of the inputs. A class that defines `compute_mask` supports
masking unless it sets the attribute to False.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self, Unpack

import numpy as np

from lamina import activations, constraints, initializers, regularizers, restoring, tree
from lamina.annotations import (
    ArrayLike,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    RegularizerLike,
)
from lamina.arguments import Checks, older_names, one_of
from lamina.configuration import plain, restored, signature_of
from lamina.dtype_policies import DTypePolicy, DTypePolicyMap
from lamina.errors import ArgumentError, LaminaError, ShapeError
from lamina.ir import types
from lamina.layers._base import arguments, building, frames, propagation, spec, streaming, symbolic
from lamina.layers._base.options import FirstShape
from lamina.layers._base.precision import Precise
from lamina.layers._base.stateless import Stateless
from lamina.locks import MAKING
from lamina.operations import elementwise, reductions
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


class Layer(Stateless, Precise):
    """Base class of layers: a function from tensors to tensors with weights.

    A subclass creates its weights in `build(input_shape)` with `add_weight` and computes in
    `call(inputs)`. The first call builds the layer. A call on an `Input` records the layer for a
    functional model.

    Args:
        name: name of the layer; None is the class name in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs, and weights that are read, to the dtype of the
            computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `batch_size`, `batch_shape`, `input_dim` and `batch_input_shape`, other ways to
            state the shape of the inputs.

    Shapes:
        inputs -> outputs, as `call` defines

    Example:
        >>> import lamina as lm
        >>> class Scale(lm.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=input_shape[-1:], initializer="ones")
        ...
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> Scale()(lm.zeros((2, 3))).shape
        (2, 3)
    """

    family = "lamina.layers"
    argument_checks: ClassVar[Checks] = arguments.CHECKS
    _takes_keywords_of = staticmethod(arguments.first_shape)
    input_spec: spec.InputSpec | Sequence[spec.InputSpec] | None = None
    supports_masking: bool = False
    _data_dtype: types.DType | None = None  # of a Sequential's data without Input; None: floats
    needs_samples: bool = False  # training says which samples of the data set a batch holds
    trains_unless_told: bool = False  # what `training` is where no caller says it
    streams: ClassVar[str] = "no"  # what `call` does with the steps of a sequence
    activity_regularizer: Callable[..., Any] | None
    _call_parameters: ClassVar[tuple[str, ...]]
    _call_positions: ClassVar[tuple[str, ...]]
    _calls: symbolic.Calls
    _losses: list[Tensor]
    _built: bool
    _needs_no_build: ClassVar[bool] = False  # a class of Lamina without `build`
    _build_shape: Any
    _output_shape: Any
    _first_shape: tuple[int | None, ...] | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls, *args, **kwargs)
        self._name, self._parent = None, None
        self._is_named, self._is_given = False, False
        self._weights, self._calls = [], symbolic.Calls()
        self._trainable, self._built = True, False
        self._settle_dtype(None, type(self).__name__)
        self._build_shape, self._output_shape, self._first_shape = None, None, None
        self._losses, self.activity_regularizer = [], None
        return self

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: DTypeLike | DTypePolicy | Mapping[str, Any] = None,
        autocast: bool = True,
        input_shape: Sequence[int | None] | None = None,
        activity_regularizer: RegularizerLike = None,
        **kwargs: Unpack[FirstShape],
    ) -> None:
        arguments.refuse_unknown(type(self), kwargs)
        if name is not None:
            self.name = name
        self._trainable = bool(one_of(type(self).__name__, "trainable", trainable, (True, False)))
        self._settle_dtype(dtype, type(self).__name__)
        self.autocast = self.autocast and bool(autocast)  # some classes convert by themselves
        self._first_shape = arguments.first_shape(type(self).__name__, input_shape, **kwargs)
        self.activity_regularizer = regularizers.get(activity_regularizer)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = building.wrapped(cls.build)  # type: ignore[method-assign]
        is_own = cls.__module__.partition(".")[0] == "lamina"
        cls._needs_no_build = cls.build is Layer.build and (is_own or cls._needs_no_build)
        if "compute_mask" in vars(cls) and "supports_masking" not in vars(cls):
            cls.supports_masking = True
        streaming.settle(cls)

    # ---- to be defined by subclasses -----------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of this shape, with None for variable extents.

        Args:
            input_shape: shape of the inputs with the batch axis.
        """
        frame = frames.current()
        if frame is None or frame.layer is not self:  # not by the `build` of a subclass
            self._set_built(input_shape)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs. `training` and `mask` are passed only to a method with these
        arguments."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, inputs)")

    def check_data(self, values: np.ndarray, first: int = 0) -> None:
        """Raise for an array of inputs that the layer cannot process and that a compiled program
        could not reject; error positions count rows from `first`.

        Args:
            values: array of inputs, the samples first.
            first: row of the data set that the first row of `values` is.
        """

    # ---- weights -------------------------------------------------------------------------------
    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: InitializerLike = None,
        dtype: DTypeLike = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a Variable of the layer. The default initializer is "glorot_uniform" for floating
        dtypes and "zeros" for all others.

        Args:
            shape: shape of the Variable; None or () for a scalar.
            initializer: name or Initializer of the initial values; None is the default above.
            dtype: dtype of the Variable; None is that of the layer.
            trainable: False excludes the Variable from training.
            autocast: read a floating Variable in the dtype of the layer's computations.
            regularizer: name or function of the penalty that is added to the loss.
            constraint: name or function applied after each update.
            aggregation: accepted for Keras; devices hold the same values.
            overwrite_with_gradient: assign the gradient in place of an update.
            name: name of the Variable; None is "variable" with a number if needed.
        """
        if isinstance(shape, str):  # add_weight("kernel", (3, 4)), as older programs write it
            shape, name = initializer, shape
            initializer = None
        shape = (int(shape),) if isinstance(shape, int) else tuple(shape or ())
        name = name or frames.unique("variable", {v.name for v in self._weights})
        building.need_known(self, name, shape)
        building.need_holder(trainable)
        dtype = types.dtype(dtype) if dtype is not None else self._dtype
        default = "glorot_uniform" if dtype.is_float else "zeros"
        make = initializers.get(initializer if initializer is not None else default)
        variable = building.weight(self, name, shape, dtype, trainable, make)
        if variable.shape != shape:
            raise ShapeError(
                f"{self._label()}: the initializer of {name!r} gave shape {variable.shape} for a "
                f"weight of shape {shape}"
            )
        variable.autocast = bool(autocast)
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable._holder = weakref.ref(self)
        variable.overwrite_with_gradient = bool(overwrite_with_gradient)
        self._weights.append(variable)
        return variable

    add_variable = add_weight

    def _scope(self) -> frames.Scope:
        frame = frames.current()
        return frame.scope if frame is not None and frame.layer is self else frames.Scope()

    # ---- calling -------------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return the outputs for these inputs; symbolic outputs for symbolic inputs. All arguments
        may be passed by the names of the parameters of `call`."""
        args, kwargs = arguments.arranged(self._placed(), args, kwargs)
        args, kwargs = self._converted(args, kwargs)
        scope = symbolic.functional_scope((args, kwargs))
        if scope is not None:
            return self._record(scope, args, kwargs)
        if self._built:
            return self._called(args, kwargs)
        with MAKING:  # of several threads, one makes the weights; the others then find them
            return self._called(args, kwargs)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the layer with converted arguments."""
        training = kwargs.pop("training", None)
        is_outermost = frames.current() is None
        holder = None if self._built else self._settle_name()
        with frames.entered(self, training) as frame, self._errors_named():
            frame.stray_in = holder
            outputs = self._run(frame, args, kwargs)
            frames.told(self, outputs)
            if is_outermost:
                self._losses = frame.losses
        return outputs

    def _run(self, frame: frames.Frame, args: Any, kwargs: Any) -> Any:
        """Run a call inside its frame: build on the first call, check, compute, regularize."""
        restoring.count_call(self.name)
        first = args[0] if args else next(filter(arguments.has_tensor, kwargs.values()), ())
        spec.check(self._label(), self.input_spec, first)
        if not self._built:
            self._build_for(args, kwargs)
            spec.check(self._label(), self.input_spec, first)
            if not self._built:  # no class between Layer and this one defines `build`
                self._set_built(None)
        kwargs = propagation.with_masks(self._taken(), args, kwargs)
        outputs = streaming.call_of(self)(*args, **self._accepted(frame, kwargs))
        if self.supports_masking:
            outputs = propagation.passed_on(self, first, kwargs.get("mask"), outputs)
        if self._output_shape is None:
            self._output_shape = arguments.batched(
                symbolic.shapes_of(tree.map_structure(as_tensor, outputs))
            )
        if self.activity_regularizer is not None:
            frame.losses.extend(self._activity_loss(as_tensor(o)) for o in tree.leaves(outputs))
        return outputs

    def _activity_loss(self, output: Tensor) -> Any:
        """Return the penalty of an output per sample, which is independent of the batch size."""
        loss = self.activity_regularizer(output)  # type: ignore[misc]
        if output.ndim == 0:
            return loss
        return loss / elementwise.maximum(reductions.as_number(output.shape[0]), 1)

    def _accepted(self, frame: frames.Frame, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments, with `training` and `mask` only if `call` takes them."""
        kwargs = {k: v for k, v in kwargs.items() if k != "mask" or self._takes("mask")}
        if not self._takes("training"):
            return kwargs
        said = frame.training
        return {**kwargs, "training": self.trains_unless_told if said is None else said}

    def _takes(self, argument: str) -> bool:
        return argument in self._taken()

    def _taken(self) -> tuple[str, ...]:
        """The names of the arguments of `call`."""
        cls = type(self)
        if "_call_parameters" not in vars(cls):
            cls._call_positions = tuple(arguments.positional_parameters(cls.call))[1:]
            cls._call_parameters = tuple(arguments.parameters(cls.call))[1:]  # last: both are known
        return cls._call_parameters

    def _placed(self) -> tuple[str, ...]:
        """The names of the arguments that `call` takes by position."""
        self._taken()
        return type(self)._call_positions

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the outputs (or a list of masks) for the inputs and their mask, by
        default that of the inputs. It is called only if `supports_masking` is True.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        return mask

    def output_range(self) -> str | None:
        """Return the range of the outputs, by which losses are checked: "distribution",
        "probabilities" or "any", by default that of `self.activation`; None if it is unknown."""
        return activations.output_range(getattr(self, "activation", None))

    def _converted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Convert arrays to tensors, floating ones to the dtype of the layer."""

        def leaf(value: Any) -> Any:
            if isinstance(value, (Tensor, Variable)) or hasattr(value, "__array__"):
                return self._cast(as_tensor(value))
            return value

        if args and arguments.is_numbers(args[0]):
            args = (as_tensor(args[0]), *args[1:])
        return tree.map_structure(leaf, args), tree.map_structure(leaf, kwargs)

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        """Prefix an error from inside the call with the path of the layer, once."""
        try:
            yield
        except LaminaError as error:
            if not getattr(error, "layer", None):
                error.layer = self.path  # type: ignore[attr-defined]
                if self._label() not in error.message:
                    error.message = f"{self._label()}: {error.message}"
            raise

    # ---- building ------------------------------------------------------------------------------
    def _settle_name(self) -> Any:
        """Choose a name before weights are created, if the calling layer has not chosen one. Return
        the calling layer if it does not hold this layer."""
        outer = frames.current()
        if outer is None or outer.layer is self or self._parent is not None:
            return None
        outer.layer._adopt()
        is_stray = self._parent is None and not outer.is_build
        if not self._is_named:
            self._take_name(outer.scope.root.names)
        return outer.layer if is_stray else None

    def _build_for(self, args: Any, kwargs: Any) -> None:
        """Call `build` with the shapes of the tensors among the arguments."""
        shapes, named = arguments.build_arguments(type(self).build, self._placed(), args, kwargs)
        self.build(*shapes, **named)

    @property
    def built(self) -> bool:
        """Whether the weights exist; true from the begin for a layer without weights."""
        return self._built or (self._needs_no_build and not self._children())

    @built.setter
    def built(self, value: bool) -> None:
        self._built = bool(value)

    def _set_built(self, input_shape: Any) -> None:
        self._built = True
        self._build_shape = input_shape
        self._adopt()

    # ---- in functional models ------------------------------------------------------------------
    def _record(self, scope: frames.Scope, args: Any, kwargs: Any) -> Any:
        """Record the call in the functional model of the arguments."""
        if self._parent is None and not self._is_named:
            self._take_name(scope.root.names)
        call = symbolic.Call(self, args, dict(kwargs), scope)
        training = kwargs.pop("training", None)
        with (
            frames.entered(self, bool(training), scope.child(self.name)) as frame,
            self._errors_named(),
            symbolic.inferring(),
        ):
            args, kwargs = self._converted(*tree.map_structure(arguments.as_traced, (args, kwargs)))
            outputs = tree.map_structure(as_tensor, self._run(frame, args, kwargs))
            if outputs is None:
                raise ArgumentError(
                    "call returned None, and a functional model needs a tensor, or a nest of them",
                    hint="end call with `return outputs`",
                )
        self._output_shape = symbolic.shapes_of(outputs)
        made = call.finish(outputs)
        self._calls.add(call)
        return made

    @property
    def input(self) -> Any:
        """The symbolic input of the last call in a functional or Sequential model."""
        call = symbolic.last_call(self, "input")
        if not call.args:  # an Input
            return call.outputs
        return call.args[0] if len(call.args) == 1 else list(call.args)

    @property
    def output(self) -> Any:
        """The symbolic output of the last call in a functional or Sequential model."""
        return symbolic.last_call(self, "output").outputs

    # ---- losses --------------------------------------------------------------------------------
    @older_names(inputs=None)
    def add_loss(self, loss: ArrayLike | Callable[[], Any] | Sequence[Any]) -> None:
        """Add scalar tensors to the losses of the outermost model; for use in `call`.

        Args:
            loss: scalar tensor, or a sequence of scalar tensors.
        """
        frame = frames.current()
        into = frame.losses if frame is not None else self._losses
        into.extend(as_tensor(each) for each in tree.leaves(loss))

    @property
    def losses(self) -> list[Tensor]:
        """Scalars to add to the loss: those added during the last outermost call of this layer,
        then the penalties of all trainable weights."""
        weights = self.trainable_weights if self.built else []
        return [*self._losses, *(v.regularizer(v.read()) for v in weights if v.regularizer)]

    def reset_losses(self) -> None:
        """Remove the losses that the last call added."""
        self._losses = []

    # ---- configuration -------------------------------------------------------------------------
    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal layer (without its weights) as JSON data."""
        config = {k: plain(v, f"{self._label()}, argument {k}") for k, v in self._arguments.items()}
        if config.get("activity_regularizer") is None:
            config.pop("activity_regularizer", None)
        return {
            **config,
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self._written_policy(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the layer that `get_config` described, also if `__init__` takes no `name`.

        Args:
            config: what `get_config` returned.
        """
        arguments = {name: restored(value) for name, value in config.items()}
        taken = signature_of(cls.__init__).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in taken):
            return cls(**arguments)
        common = {k: arguments.pop(k, None) for k in ("name", "trainable", "dtype")}
        names = {p.name for p in taken}
        given = {k: v for k, v in common.items() if k in names}
        layer = cls(**arguments, **given)
        layer._name, layer._is_named = common["name"], common["name"] is not None
        layer._is_given = layer._is_named
        layer._trainable = common["trainable"] is not False
        if isinstance(common["dtype"], DTypePolicyMap):
            layer._settle_dtype(common["dtype"], cls.__name__)
        return layer

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
