"""Basic layers: Input, Dense, Activation, Identity, Lambda."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Unpack

from lamina import activations, constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import (
    ActivationLike,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    RegularizerLike,
)
from lamina.arguments import Checks, OneOf, is_integer
from lamina.configuration import has_name
from lamina.defaults import DEFAULTS
from lamina.dtype_policies import DTypePolicy
from lamina.errors import ArgumentError, ShapeError, describe
from lamina.ir import types
from lamina.layers._base import arguments
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.contracting import MODES, Contracting
from lamina.layers._base.frames import Scope
from lamina.layers._base.layer import Layer
from lamina.layers._base.low_rank import AdaptedWeight
from lamina.layers._base.options import LayerOptions, OwnPenalty
from lamina.layers._base.spec import InputSpec, known_shape
from lamina.layers._base.symbolic import TEXT, Call, SymbolicTensor, symbolic_type
from lamina.quantizers.configs import QuantizationConfig
from lamina.tensor import Tensor
from lamina.variables import Variable

__all__ = ["InputLayer", "Input", "Dense", "Activation", "Identity", "Lambda"]


class InputLayer(Layer):
    """Layer that represents the data of a model; `Input` creates one and returns its tensor.

    Args:
        shape: shape of one sample, without the batch axis; None marks a variable extent.
        batch_size: fixed batch size; None accepts any.
        dtype: dtype of the data; None is that of `keras.config.floatx`, float32.
        sparse: accepted for Keras if it is not True; tensors are dense.
        ragged: accepted for Keras if it is not True; tensors are dense.
        batch_shape: shape with the batch axis first, in place of `shape` and `batch_size`.
        input_tensor: symbolic tensor, whose shape and dtype are taken.
        optional: let the data be None, which the layers are then called with.
        name: name of the input; None is "input" with a number.
        input_shape: the argument `shape` under its older name.

    Shapes:
        (batch, *shape) -> (batch, *shape)

    Example:
        >>> import lamina as lm
        >>> model = lm.Sequential([lm.layers.InputLayer(shape=(3,)), lm.layers.Dense(2)])
        >>> model.output_shape
        (None, 2)
    """

    streams = "each_step"
    argument_checks: ClassVar[Checks] = dict.fromkeys(
        ("ragged", "sparse"), OneOf((None, True, False))
    )

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: SymbolicTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
    ) -> None:
        super().__init__(name=name)
        _refuse_other_tensors(sparse, ragged)
        self.sparse, self.ragged = bool(sparse), bool(ragged)
        self.optional = bool(optional)
        if input_tensor is not None:
            if not isinstance(input_tensor, Tensor):
                raise ArgumentError(
                    f"Input: input_tensor: expected a symbolic tensor, got {describe(input_tensor)}"
                )
            given = {"shape": shape, "batch_size": batch_size, "batch_shape": batch_shape}
            self._refuse_another(input_tensor, given, dtype)
            shape, batch_shape, batch_size = None, known_shape(input_tensor.shape), None
            dtype = dtype if dtype is not None else input_tensor.dtype
        shape = shape if shape is not None else input_shape
        if (shape is None) == (batch_shape is None):
            raise ArgumentError("Input: give shape=(...), of one example, or batch_shape=(...)")
        arguments.refuse_two_shapes(
            "Input", {"batch_shape": batch_shape}, {"batch_size": batch_size}
        )
        if shape is not None:
            batch_shape = (batch_size, *_as_shape(shape))
        self.batch_shape = _as_shape(batch_shape)
        if dtype in ("string", str, TEXT):
            self._dtype = TEXT  # its policy is that of all layers: a string has none
            return
        self._dtype = types.dtype(DEFAULTS.floatx if dtype is None else dtype)
        self._compute_dtype, self._policy = self._dtype, DTypePolicy(self._dtype.name)

    def _refuse_another(self, tensor: Tensor, given: dict[str, Any], dtype: DTypeLike) -> None:
        """Raise for arguments that contradict the symbolic tensor that is given as well."""
        known = known_shape(tensor.shape)
        own = {"shape": known[1:], "batch_size": known[0], "batch_shape": known}
        for name, value in given.items():
            found = tuple(value) if isinstance(value, (list, tuple)) else value
            if value is not None and found != own[name]:
                raise ArgumentError(
                    f"Input: {name} contradicts the tensor (expected {own[name]}, got {value!r})"
                )
        if dtype is not None and types.dtype(dtype) != tensor.dtype:
            raise ArgumentError(
                f"Input: dtype contradicts the tensor (expected {tensor.dtype}, got {dtype!r})"
            )

    def tensor(self, scope: Scope) -> SymbolicTensor:
        """Return a symbolic tensor for the data; layers called on it belong to this scope.

        Args:
            scope: scope of the functional model.
        """
        type_ = symbolic_type(self.batch_shape, self._dtype)
        self._set_built(self.batch_shape)
        self._output_shape = self.batch_shape
        call = Call(self, (), {}, scope)
        tensor: SymbolicTensor = call.finish(Tensor(type_))
        self._calls.add(call)
        return tensor

    @property
    def output(self) -> Any:
        """The symbolic tensor that stands for the data."""
        has_one = self._calls.last(self) is not None
        return super().output if has_one else self.tensor(Scope())

    def call(self, inputs: Any = None) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        shape = list(self.batch_shape)
        config = {"batch_shape": shape, "dtype": self._dtype.name, "name": self.name}
        return {**config, "optional": True} if self.optional else config


def _refuse_other_tensors(sparse: bool | None, ragged: bool | None) -> None:
    if sparse or ragged:
        kind = "sparse" if sparse else "ragged"
        raise ArgumentError(
            f"Input: tensors are dense (expected {kind}=None, got True)",
            hint="keras.utils.pad_sequences makes dense arrays of sequences; a SciPy matrix is "
            "taken by fit as it is",
        )


def _as_shape(shape: Any) -> tuple[int | None, ...]:
    extents = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    for n in extents:
        if n is not None and (not is_integer(n) or n < 0):
            raise ShapeError(
                f"Input: a shape is a tuple of positive integers and None, not {tuple(extents)}",
                hint="shape=(784,) for vectors of 784 numbers; the batch is not part of it",
            )
    return tuple(None if n is None else int(n) for n in extents)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Return a symbolic tensor that represents the data of a functional model.

    Args:
        shape: shape of one sample, without the batch axis; None marks a variable extent.
        batch_size: fixed batch size; None accepts any.
        dtype: dtype of the data; None is that of `keras.config.floatx`, float32. "string" is for
            the data of layers for strings, such as TextVectorization.
        sparse: accepted for Keras if it is not True; tensors are dense.
        ragged: accepted for Keras if it is not True; tensors are dense.
        batch_shape: shape with the batch axis first, in place of `shape` and `batch_size`.
        name: name of the input; None is "input" with a number.
        tensor: symbolic tensor, whose shape and dtype are taken.
        optional: let the data be None, which the layers are then called with.

    Example:
        >>> import lamina as lm
        >>> x = lm.Input(shape=(784,))
        >>> model = lm.Model(x, lm.layers.Dense(10, activation="softmax")(x))
    """
    layer = InputLayer(
        shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name
    )
    return layer.tensor(Scope())


class Dense(Contracting):
    """Fully connected layer on the last axis.

        activation(inputs @ kernel + bias)

    Weights: kernel (features, units), bias (units,).

    Args:
        units: number of output features, a positive integer.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        bias_regularizer: regularizer of the bias.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        kernel_constraint: constraint applied to the kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        lora_rank: rank of the product that adapts the frozen kernel, see `enable_lora`; None adapts
            nothing.
        lora_alpha: numerator of the factor of the product, alpha / rank; None is `lora_rank`.
        quantization_config: quantizers of a layer with a quantized `dtype`, such as
            "int8_from_float32"; None takes the default.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ..., features) -> (batch, ..., units)

    Raises:
        ShapeError: the number of features differs from that of the first call.

    Example:
        >>> import lamina as lm
        >>> lm.layers.Dense(4, activation="relu")(lm.Input((3,))).shape
        (batch, 4)
    """

    streams = "each_step"
    activation = activations.ActivationAttribute()
    supports_masking = True
    input_spec = InputSpec(min_ndim=2)
    quantization_modes = MODES
    kernel = AdaptedWeight()

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: QuantizationConfig | None = None,
        **kwargs: Unpack[OwnPenalty],
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_integer("Dense", "units", units)
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.lora_rank, self.lora_alpha = lora_rank, lora_alpha
        self.quantization_config = quantization_config
        self.bias: Variable | None = None

    def build(self, input_shape: Any) -> None:
        features = input_shape[-1]
        self._kernel_shape = (features, self.units)
        if not self._quantized_in_build():
            self.kernel = self.add_weight(
                name="kernel",
                shape=self._kernel_shape,
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self._adapt_if_asked()

    def call(self, inputs: Tensor) -> Tensor:
        x = self._product(inputs)
        return self.activation(x if self.bias is None else x + self.bias)

    # ---- the product, for quantization ---------------------------------------------------------
    def _contract(self, inputs: Any, kernel: Any) -> Tensor:
        return ops.matmul(inputs, kernel)

    def _contract_low_rank(self, inputs: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return ops.matmul(ops.matmul(inputs, a), b)

    def _inputs_gradient(self, g: Tensor, kernel: Tensor) -> Tensor:
        return ops.matmul(g, ops.matrix_transpose(kernel))

    def _summed_rows(self) -> tuple[int, ...]:
        return (0,)

    def _summed_inputs(self) -> tuple[int, ...]:
        return (-1,)

    def _kernel_scale_as_output(self, columns: Tensor) -> Tensor:
        return columns

    def _inputs_scale_as_output(self, scale: Tensor) -> Tensor:
        return scale

    def _stored_scale_shape(self) -> tuple[int, ...]:
        return (self.units,)


class Activation(Layer):
    """Activation function as a layer.

    Args:
        activation: name of an activation or function of a tensor.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Activation("relu")(lm.asarray([[-1.0, 2.0]])).tolist()
        [[0.0, 2.0]]
    """

    streams = "each_step"
    activation = activations.ActivationAttribute()
    supports_masking = True

    def __init__(self, activation: ActivationLike, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.activation = activation

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)


class Identity(Layer):
    """Identity: returns its inputs.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        trainable: False excludes the weights from training and runs the layer in inference mode.
        dtype: dtype of the weights and of the computation, or a policy such as "mixed_bfloat16",
            which computes in bfloat16 and keeps weights in float32; None is the global policy.
        autocast: convert floating inputs to the dtype of the computation.
        input_shape: shape of one sample, without the batch axis, for the first layer of a
            Sequential model.
        activity_regularizer: regularizer of the outputs, a penalty added to the loss.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Identity()(lm.asarray([[1.0, 2.0]])).tolist()
        [[1.0, 2.0]]
    """

    streams = "each_step"
    supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


class Lambda(Layer):
    """Function of tensors as a layer.

    The function receives `mask` and `training` if it has parameters of these names. A saved file
    contains only the name of the function: `load_model` takes the function in `custom_objects`, and
    a lambda expression cannot be saved.

    Args:
        function: function of one tensor, or of a list of tensors.
        output_shape: accepted for compatibility with Keras; the shape is inferred by tracing.
        mask: mask of the output, or a function mask(inputs, inputs_mask) that computes it; None is
            no mask.
        arguments: dictionary of keyword arguments of the function.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        as the function defines

    Example:
        >>> import lamina as lm
        >>> lm.layers.Lambda(lambda x: x * 2)(lm.asarray([[1.0, 2.0]])).tolist()
        [[2.0, 4.0]]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Sequence[int | None] | Callable[..., Any] | None = None,
        mask: Tensor | Callable[..., Any] | None = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentError(f"Lambda: needs a function, not {function!r}")
        if arguments is not None and not isinstance(arguments, dict):
            raise ArgumentError(
                f"Lambda: invalid arguments (expected a dict of keyword arguments, got "
                f"{describe(arguments)})"
            )
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask, self.supports_masking = mask, mask is not None
        self._wanted = _parameters(function) & {"mask", "training"}

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        known = {"mask": mask, "training": training}
        own = {name: known[name] for name in self._wanted}
        return self.function(inputs, **{**own, **self.arguments})

    def get_config(self) -> dict[str, Any]:
        if has_name(self.function):
            return super().get_config()
        raise ArgumentError(
            f"{self._label()}: a Lambda layer of a lambda cannot be saved: it is code, and files "
            "never hold code",
            hint="give the function a name with def, and load_model the function in "
            "custom_objects; or write a Layer whose call does the same",
        )


def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a function of C code without a signature
        return frozenset()
