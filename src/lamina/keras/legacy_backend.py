"""The functions of `keras.backend` in Keras 2, each a form of today with a DeprecationWarning.

A row is the name, what to write today, and the function. The warning appears once for each name.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina import activations, keras
from lamina.defaults import DEFAULTS
from lamina.keras import ops
from lamina.keras.scopes import name_scope
from lamina.losses.regression import unit_vectors
from lamina.tensor import as_tensor
from lamina.variables import Variable

Function = Callable[..., Any]


def _reduced(name: str) -> tuple[str, Function]:
    function = getattr(ops, name)
    return (
        f"keras.ops.{name}(x, axis, keepdims)",
        lambda x, axis=None, keepdims=False: function(x, axis=axis, keepdims=keepdims),
    )


def _same(name: str, today: str = "") -> tuple[str, Function]:
    return f"keras.ops.{today or name}", getattr(ops, today or name)


# ---- functions that need more than a line ------------------------------------------------------
def _batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    x, y = as_tensor(x), as_tensor(y)
    if axes is None:
        axes = 1 if y.ndim == 2 else (x.ndim - 1, y.ndim - 2)
    return keras.layers.Dot(axes)([x, y])


def _clip(x: Any, min_value: Any, max_value: Any) -> Any:
    low = -np.inf if min_value is None else min_value
    return ops.clip(x, low, np.inf if max_value is None else max_value)


def _constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Any:
    tensor = ops.convert_to_tensor(value, dtype or DEFAULTS.floatx)
    return tensor if shape is None else ops.broadcast_to(tensor, shape)


def _dot(x: Any, y: Any) -> Any:
    return ops.dot(x, y)


def _dropout(x: Any, level: float, noise_shape: Any = None, seed: Any = None) -> Any:
    return keras.random.dropout(x, level, noise_shape, seed)


def _flatten(x: Any) -> Any:
    return ops.reshape(x, (-1,))


def _batch_flatten(x: Any) -> Any:
    return ops.reshape(x, (ops.shape(x)[0], -1))


def _foldl(fn: Function, elems: Any, initializer: Any = None, name: Any = None) -> Any:
    first, rest = (elems[0], elems[1:]) if initializer is None else (initializer, elems)
    return ops.scan(lambda carry, x: (fn(carry, x), None), first, rest)[0]


def _foldr(fn: Function, elems: Any, initializer: Any = None, name: Any = None) -> Any:
    return _foldl(fn, ops.flip(elems, 0), initializer)


def _get_value(x: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(x))


def _set_value(x: Variable, value: Any) -> None:
    x.assign(value)


def _set_values(tuples: Any) -> None:
    for variable, value in tuples:
        variable.assign(value)


def _in_top_k(predictions: Any, targets: Any, k: int) -> Any:
    return ops.in_top_k(targets, predictions, k)


def _int_shape(x: Any) -> tuple[int | None, ...]:
    return tuple(n if isinstance(n, int) else None for n in as_tensor(x).shape)


def _l2_normalize(x: Any, axis: Any = None) -> Any:
    return unit_vectors(ops.convert_to_tensor(x), axis)


def _map_fn(fn: Function, elems: Any, name: Any = None, dtype: Any = None) -> Any:
    return ops.map(fn, elems)


def _moving_average_update(x: Variable, value: Any, momentum: float) -> Variable:
    return x.assign(x * momentum + value * (1.0 - momentum))


def _random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    drawn = keras.random.uniform(shape, seed=seed)
    return ops.cast(drawn <= p, dtype or DEFAULTS.floatx)


def _relu(
    x: Any, alpha: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    return activations.relu(x, negative_slope=alpha, max_value=max_value, threshold=threshold)


def _repeat(x: Any, n: int) -> Any:
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def _resize_images(
    x: Any,
    height_factor: int,
    width_factor: int,
    data_format: str | None = None,
    interpolation: str = "nearest",
) -> Any:
    factors = (height_factor, width_factor)
    return keras.layers.UpSampling2D(factors, data_format, interpolation)(x)


def _spatial_2d_padding(x: Any, padding: Any = ((1, 1), (1, 1)), data_format: Any = None) -> Any:
    return keras.layers.ZeroPadding2D(padding, data_format)(x)


def _std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return ops.std(ops.cast(x, DEFAULTS.floatx), axis=axis, keepdims=keepdims)


def _switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    if callable(then_expression):
        return ops.cond(condition, then_expression, else_expression)
    condition = as_tensor(condition)
    extra = as_tensor(then_expression).ndim - condition.ndim
    wide = ops.reshape(condition, (*condition.shape, *(1,) * extra)) if extra > 0 else condition
    return ops.where(wide, then_expression, else_expression)


def _variable(value: Any, dtype: Any = None, name: Any = None, constraint: Any = None) -> Variable:
    made = Variable(value, dtype=dtype or DEFAULTS.floatx, name=name)
    made.constraint = constraint
    return made


def _of_shape(make: Function) -> Function:
    return lambda shape, dtype=None, name=None: Variable(make(shape, dtype or DEFAULTS.floatx))


def _crossentropy(name: str) -> Function:
    return lambda target, output, from_logits=False: getattr(ops, name)(
        target, output, from_logits=from_logits
    )


# ---- the table ---------------------------------------------------------------------------------
_ELEMENTWISE = (
    "abs cos elu equal exp greater greater_equal hard_sigmoid less less_equal log maximum minimum "
    "not_equal round sigmoid sign sin softmax softplus softsign sqrt square tanh zeros_like "
    "ones_like stop_gradient shape squeeze transpose tile cast"
)
ROWS: dict[str, tuple[str, Function]] = {
    **{name: _same(name) for name in _ELEMENTWISE.split()},
    **{name: _reduced(name) for name in ("all", "any", "max", "mean", "min", "prod", "sum", "var")},
    "arange": (
        "keras.ops.arange",
        lambda start, stop=None, step=1, dtype="int32": ops.arange(start, stop, step, dtype),
    ),
    "argmax": ("keras.ops.argmax(x, axis)", lambda x, axis=-1: ops.argmax(x, axis=axis)),
    "argmin": ("keras.ops.argmin(x, axis)", lambda x, axis=-1: ops.argmin(x, axis=axis)),
    "batch_dot": ("keras.layers.Dot(axes)([x, y])", _batch_dot),
    "batch_flatten": ("keras.layers.Flatten()(x)", _batch_flatten),
    "batch_get_value": ("[v.numpy() for v in variables]", lambda xs: [_get_value(x) for x in xs]),
    "batch_set_value": (
        "v.assign(value) for each pair",
        _set_values,
    ),
    "bias_add": (
        "x + bias",
        lambda x, bias, data_format=None: (
            x + (ops.reshape(bias, (-1, *(1,) * (as_tensor(x).ndim - 2))) if data_format ==
                 "channels_first" else bias)
        ),
    ),
    "binary_crossentropy": (
        "keras.ops.binary_crossentropy", _crossentropy("binary_crossentropy"),
    ),
    "cast_to_floatx": (
        "keras.ops.cast(x, keras.config.floatx())", lambda x: ops.cast(x, DEFAULTS.floatx),
    ),
    "categorical_crossentropy": (
        "keras.ops.categorical_crossentropy", _crossentropy("categorical_crossentropy"),
    ),
    "clip": ("keras.ops.clip(x, low, high)", _clip),
    "concatenate": (
        "keras.ops.concatenate(xs, axis)", lambda tensors, axis=-1: ops.concatenate(tensors, axis),
    ),
    "constant": ("keras.ops.convert_to_tensor(value)", _constant),
    "count_params": ("x.size", lambda x: as_tensor(x).size),
    "cumprod": ("keras.ops.cumprod(x, axis)", lambda x, axis=0: ops.cumprod(x, axis=axis)),
    "cumsum": ("keras.ops.cumsum(x, axis)", lambda x, axis=0: ops.cumsum(x, axis=axis)),
    "dot": ("keras.ops.dot(x, y)", _dot),
    "dropout": ("keras.random.dropout(x, rate)", _dropout),
    "dtype": ("x.dtype", lambda x: str(as_tensor(x).dtype)),
    "eval": ("keras.ops.convert_to_numpy(x)", _get_value),
    "expand_dims": (
        "keras.ops.expand_dims(x, axis)", lambda x, axis=-1: ops.expand_dims(x, axis),
    ),
    "eye": (
        "keras.ops.eye(n)",
        lambda size, dtype=None, name=None: ops.eye(size, dtype=dtype or DEFAULTS.floatx),
    ),
    "flatten": ("keras.ops.reshape(x, (-1,))", _flatten),
    "foldl": ("keras.ops.scan", _foldl),
    "foldr": ("keras.ops.scan of keras.ops.flip(x, 0)", _foldr),
    "gather": (
        "keras.ops.take(x, indices, axis=0)",
        lambda reference, indices: ops.take(reference, indices, axis=0),
    ),
    "get_value": ("variable.numpy()", _get_value),
    "in_top_k": ("keras.ops.in_top_k(targets, predictions, k)", _in_top_k),
    "int_shape": ("x.shape", _int_shape),
    "is_sparse": ("False: tensors are dense", lambda tensor: False),
    "l2_normalize": ("keras.ops.normalize(x, axis)", _l2_normalize),
    "learning_phase": ("the argument training of call", lambda: 0),
    "manual_variable_initialization": ("nothing", lambda value: None),
    "map_fn": ("keras.ops.map(f, xs)", _map_fn),
    "moving_average_update": ("v.assign(v * momentum + x * (1 - m))", _moving_average_update),
    "name_scope": ("keras.name_scope(name)", name_scope),
    "ndim": ("x.ndim", lambda x: as_tensor(x).ndim),
    "one_hot": ("keras.ops.one_hot", ops.one_hot),
    "ones": ("keras.Variable(keras.ops.ones(shape))", _of_shape(ops.ones)),
    "permute_dimensions": (
        "keras.ops.transpose(x, axes)", lambda x, pattern: ops.transpose(x, pattern),
    ),
    "pow": ("x ** a", lambda x, a: ops.power(x, a)),
    "random_bernoulli": ("keras.random.uniform(shape) <= p", _random_bernoulli),
    "random_normal": ("keras.random.normal", keras.random.normal),
    "random_uniform": ("keras.random.uniform", keras.random.uniform),
    "relu": ("keras.activations.relu", _relu),
    "repeat": ("keras.layers.RepeatVector(n)(x)", _repeat),
    "repeat_elements": (
        "keras.ops.repeat(x, n, axis)", lambda x, rep, axis: ops.repeat(x, rep, axis=axis),
    ),
    "reshape": ("keras.ops.reshape(x, shape)", lambda x, shape: ops.reshape(x, shape)),
    "resize_images": ("keras.layers.UpSampling2D", _resize_images),
    "reverse": ("keras.ops.flip(x, axes)", lambda x, axes: ops.flip(x, axes)),
    "set_learning_phase": ("the argument training of call", lambda value: None),
    "set_value": ("variable.assign(value)", _set_value),
    "sparse_categorical_crossentropy": (
        "keras.ops.sparse_categorical_crossentropy",
        _crossentropy("sparse_categorical_crossentropy"),
    ),
    "spatial_2d_padding": ("keras.layers.ZeroPadding2D", _spatial_2d_padding),
    "stack": ("keras.ops.stack(xs, axis)", lambda x, axis=0: ops.stack(x, axis)),
    "std": ("keras.ops.std(x, axis)", _std),
    "switch": ("keras.ops.where or keras.ops.cond", _switch),
    "temporal_padding": (
        "keras.layers.ZeroPadding1D",
        lambda x, padding=(1, 1): keras.layers.ZeroPadding1D(padding)(x),
    ),
    "to_dense": ("x: tensors are dense", lambda tensor: tensor),
    "truncated_normal": ("keras.random.truncated_normal", keras.random.truncated_normal),
    "update": ("variable.assign(value)", lambda x, new_x: x.assign(new_x)),
    "update_add": ("variable.assign_add(value)", lambda x, increment: x.assign_add(increment)),
    "update_sub": ("variable.assign_sub(value)", lambda x, decrement: x.assign_sub(decrement)),
    "variable": ("keras.Variable(value)", _variable),
    "zeros": ("keras.Variable(keras.ops.zeros(shape))", _of_shape(ops.zeros)),
}  # fmt: skip

# names of Keras 2 that no function can replace -> what to write
WITHOUT: dict[str, str] = {
    "function": "lamina.compile(f), or keras.Model(inputs, outputs)",
    "get_session": "nothing: operations run at once",
    "gradients": "lamina.grad(f) and lamina.value_and_grad(f) take the function itself",
    "placeholder": "keras.Input(shape)",
    "rnn": "keras.layers.RNN(cell)",
    "set_session": "nothing: operations run at once",
}

_said: set[str] = set()


def _deprecated(name: str, today: str, function: Function) -> Function:
    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if name not in _said:
            _said.add(name)
            warnings.warn(
                f"keras.backend.{name} is of Keras 2; write {today}",
                DeprecationWarning,
                stacklevel=2,
            )
        return function(*args, **kwargs)

    called.__name__ = called.__qualname__ = name
    return called


LEGACY: dict[str, Function] = {name: _deprecated(name, *row) for name, row in ROWS.items()}
