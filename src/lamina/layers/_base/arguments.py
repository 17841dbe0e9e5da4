"""The arguments of all layers, and the conversion of the inputs of a call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lamina import tree
from lamina.arguments import FLAG, Checks, Integer, Integers, Number, Numbers, Text, seed
from lamina.configuration import signature_of
from lamina.errors import ArgumentError, ArgumentTypeError, RangeError, unknown_argument
from lamina.layers._base import symbolic
from lamina.tensor import Tensor

# fmt: off
KEYWORDS = (
    "name", "trainable", "dtype", "input_shape", "input_dim", "batch_input_shape", "batch_shape",
    "batch_size", "activity_regularizer", "autocast",
)
# fmt: on


Shape = Sequence[int | None] | None
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


# what the arguments of layers may be, by their names; the classes say more about some of them
# fmt: off
_FLAGS = (
    "antialias", "center", "crop_to_aspect_ratio", "go_backwards", "invert", "keepdims",
    "mask_zero", "normalize", "normalize_first", "pad_to_aspect_ratio", "pad_to_max_tokens",
    "ragged", "reset_after", "return_sequences", "return_state", "sparse", "stateful", "trainable",
    "unit_forget_bias", "unroll", "use_bias", "use_scale", "zero_output_for_mask",
)
_SHAPES = ("batch_input_shape", "batch_shape", "input_shape")
# fmt: on
CHECKS: Checks = {
    **dict.fromkeys(_FLAGS, FLAG),
    **dict.fromkeys(_SHAPES, Integers(alone=True, optional=True)),
    **dict.fromkeys(("target_shape", "dims"), Integers()),
    **dict.fromkeys(("axis", "shared_axes"), Integers(alone=True, optional=True)),
    **dict.fromkeys(("encoding", "equation", "fill_mode", "interpolation"), Text()),
    **dict.fromkeys(("epsilon", "layer_norm_epsilon"), Number(0)),
    **dict.fromkeys(("dropout", "momentum", "recurrent_dropout"), Number(0, 1)),
    **dict.fromkeys(("alpha", "fill_value", "negative_slope", "threshold"), Number()),
    **dict.fromkeys(("l1", "l2", "stddev"), Number(0)),
    **dict.fromkeys(("factor", "height_factor"), Numbers(alone=True)),
    **dict.fromkeys(("input_length", "output_sequence_length"), Integer(1, optional=True)),
    "axes": Integers(alone=True),
    "bin_boundaries": Numbers(optional=True),
    "groups": Integer(),
    "max_tokens": Integer(optional=True),
    "max_value": Number(optional=True),
    "max_wavelength": Number(above=0),
    "ngrams": Integers(alone=True, optional=True, most=1_000),
    "noise_shape": Integers(optional=True),
    "num_oov_indices": Integer(),
    "output_mode": Text(),
    "rate": Number(),
    "seed": seed,
    "value_range": Numbers(),
    "width_factor": Numbers(alone=True, optional=True),
}


def parameters(f: Callable[..., Any]) -> list[str]:
    """The names of a function's parameters."""
    return list(signature_of(f).parameters)


def positional_parameters(f: Callable[..., Any]) -> list[str]:
    """The names of the parameters that a function takes by position."""
    return [p.name for p in inspect.signature(f).parameters.values() if p.kind in _BY_PLACE]


# ---- of the constructor ------------------------------------------------------------------------
def refuse_unknown(cls: type, names: Iterable[str]) -> None:
    """Raise UnknownArgumentError for a keyword argument that neither Layer nor the class takes."""
    for name in names:
        if name not in KEYWORDS:
            own = set(parameters(cls.__init__)) - {"self", "args", "kwargs"}  # type: ignore[misc]
            raise unknown_argument(cls.__name__, name, own | {*KEYWORDS})


def refuse_two_shapes(
    owner: str, with_batch: Mapping[str, Any], without_batch: Mapping[str, Any]
) -> None:
    """Raise ArgumentError if a shape that includes the batch is given next to another shape, or
    next to the size of the batch."""
    whole = [name for name, value in with_batch.items() if value is not None]
    parts = [name for name, value in without_batch.items() if value is not None]
    if whole and len(whole + parts) > 1:
        raise ArgumentError(
            f"{owner}: got both {whole[0]} and {(whole[1:] + parts)[0]}",
            hint=f"give {whole[0]} alone: it includes the batch; or the shape of one example and "
            "batch_size",
        )


def first_shape(
    owner: str,
    input_shape: Shape = None,
    *,
    input_dim: int | None = None,
    batch_input_shape: Shape = None,
    batch_shape: Shape = None,
    batch_size: int | None = None,
) -> tuple[int | None, ...] | None:
    """Return the shape of the first input with the batch axis, from any of its arguments."""
    refuse_two_shapes(
        owner,
        {"batch_shape": batch_shape, "batch_input_shape": batch_input_shape},
        {"input_shape": input_shape, "input_dim": input_dim, "batch_size": batch_size},
    )
    if batch_input_shape is not None or batch_shape is not None:
        return tuple(batch_input_shape if batch_input_shape is not None else batch_shape or ())
    if input_dim is not None:
        input_shape = (input_dim,)
    if input_shape is None:
        return None
    return (batch_size, *((input_shape,) if isinstance(input_shape, int) else input_shape))


def positive_integer(owner: str, name: str, value: Any) -> int:
    """Return the value if it is a positive integer; otherwise raise a RangeError."""
    is_integer = hasattr(value, "__index__") and not isinstance(value, bool)
    if not is_integer or int(value) <= 0:
        kind = RangeError if is_integer else ArgumentTypeError
        raise kind(f"{owner}: {name} must be a positive integer, not {value!r}")
    return int(value)


# ---- of calls ----------------------------------------------------------------------------------
def arranged(
    names: Sequence[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a call in canonical form: the first by position, and `mask`,
    `training` and all following ones by name. `names` are those that the function takes by
    position."""
    if not args and names and names[0] in kwargs:
        return (kwargs[names[0]],), {k: v for k, v in kwargs.items() if k != names[0]}
    if len(args) > len(names):
        return args, kwargs
    for place, name in enumerate(names[1 : len(args)], start=1):
        if name in ("mask", "training"):
            named = dict(zip(names[place:], args[place:], strict=False))
            if not named.keys() & kwargs.keys():  # else the call itself raises TypeError
                return args[:place], {**named, **kwargs}
    return args, kwargs


def build_arguments(
    build: Callable[..., Any], names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of `build`: the shapes of the tensors of a call, by name if `build`
    takes `x_shape` for the argument `x` of the call, otherwise by position."""
    extra = (f"argument_{k}" for k in range(len(names), len(args)))  # those of *args
    given = {**dict(zip([*names, *extra], args, strict=False)), **kwargs}
    given.pop("mask", None)
    shapes = {
        f"{k}_shape": batched(symbolic.shapes_of(v)) for k, v in given.items() if has_tensor(v)
    }
    wanted = parameters(build)[1:]
    first = next(iter(shapes.values()), None)
    if first is None:
        return [], {}
    named = {k: shape for k, shape in shapes.items() if k in wanted[1:]}
    if len(wanted) > 1 and named:
        return [shapes.get(wanted[0], first)], named
    return list(shapes.values())[: max(1, len(wanted))], {}


def has_tensor(value: Any) -> bool:
    return any(isinstance(t, Tensor) for t in tree.leaves(value))


def as_traced(value: Any) -> Any:
    """Return a symbolic tensor as an ordinary tensor of the program that is being recorded."""
    if isinstance(value, symbolic.SymbolicTensor):
        traced = Tensor(value._type, None, value._node)
        for name in ("_mask", "_origin"):
            if hasattr(value, name):
                setattr(traced, name, getattr(value, name))
        return traced
    return value


def is_numbers(value: Any) -> bool:
    """True for [[1, 2], [3, 4]]: a nest of Python numbers, which is one tensor."""
    leaves = tree.leaves(value)
    is_nest = isinstance(value, (list, tuple, int, float)) and bool(leaves)
    return is_nest and all(isinstance(v, (bool, int, float)) for v in leaves)


def batched(shapes: Any) -> Any:
    """Return shapes with None for the batch, for which a layer is built."""
    return symbolic.map_shapes(lambda shape: (None, *shape[1:]) if shape else (), shapes)
