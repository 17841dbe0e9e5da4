"""`keras.ops`: functions mapped over axes, derivatives along a direction, patterns of axes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from lamina import operations as ops
from lamina import transforms, tree
from lamina.annotations import ArrayLike, DTypeLike, NestLike
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.ir import types
from lamina.ir.types import Dim
from lamina.keras.ops.arguments import operation, tensor
from lamina.tensor import Tensor, as_tensor, bind

__all__ = ["jvp", "rearrange", "vectorize", "vectorized_map", "view"]

R = TypeVar("R")


# ---- maps ----------------------------------------------------------------------------------------
@operation
def vectorized_map(function: Callable[[Any], R], elements: NestLike) -> R:
    """function of each element along the first axis, the results stacked; of several tensors it
    takes a list of their elements."""
    return transforms.scan(lambda carry, x: (carry, function(x)), ops.zeros(()), elements)[1]


_SIGNATURE = re.compile(r"\s*((?:\([^)]*\)\s*,?\s*)*)->\s*((?:\([^)]*\)\s*,?\s*)+)$")


def _ranks(signature: str) -> list[int]:
    """Return the number of axes of each argument that the function itself takes."""
    match = _SIGNATURE.match(signature)
    if match is None:
        raise ArgumentError(
            f"vectorize: signature is {signature!r}, expected one such as '(n),(m)->(k)'"
        )
    return [len(re.findall(r"\w+", part)) for part in re.findall(r"\(([^)]*)\)", match.group(1))]


def vectorize(
    pyfunc: Callable[..., Any],
    *,
    excluded: Iterable[int | str] | None = None,
    signature: str | None = None,
) -> Callable[..., Any]:
    """Return a function that calls pyfunc for each element of its arguments, which are broadcast.

    `signature` gives each argument axes that pyfunc takes as a whole, "(n),(n)->()"; arguments in
    `excluded` (positions and names) are passed as they are.
    """
    left_out = set(excluded or ())

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        places = [k for k in range(len(args)) if k not in left_out]
        names = [name for name in kwargs if name not in left_out]
        given = [tensor(args[k]) for k in places] + [tensor(kwargs[name]) for name in names]
        ranks = [0] * len(given) if signature is None else _ranks(signature)
        if len(ranks) != len(given):
            raise ArgumentError(f"vectorize: {signature!r} has {len(ranks)} arguments, got "
                                f"{len(given)}")  # fmt: skip
        cut = [x.ndim - rank for x, rank in zip(given, ranks, strict=True)]
        batch = ops.broadcast_shapes(*(x._type.shape[:n] for x, n in zip(given, cut, strict=True)))
        count = math.prod(batch)
        flat = []
        for x, n in zip(given, cut, strict=True):
            core = x._type.shape[n:]
            flat.append(ops.reshape(ops.broadcast_to(x, (*batch, *core)), (count, *core)))

        def one(elements: list[Tensor]) -> Any:
            inner = list(args)
            for k, element in zip(places, elements, strict=False):
                inner[k] = element
            named = dict(zip(names, elements[len(places) :], strict=True))
            return pyfunc(*inner, **{**kwargs, **named})

        results = vectorized_map(one, flat)
        return tree.map_structure(lambda y: ops.reshape(y, (*batch, *y._type.shape[1:])), results)

    return vectorized


@operation
def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """fun(*primals), and the derivative of it along the tangents; then what `fun` returns next to
    its value, if `has_aux`.

    It is computed as the gradient of a gradient, which is linear in the cotangent.
    """
    points = [as_tensor(p) for p in primals]
    directions = [as_tensor(t) for t in tangents]
    answer = fun(*points)
    value, aux = answer if has_aux else (answer, None)
    leaves, structure = tree.flatten(value)
    count = tuple(range(len(points)))

    def along(weights: list[Tensor]) -> Tensor:
        def weighted(*inner: Tensor) -> Tensor:
            found = fun(*inner)
            parts = tree.flatten(found[0] if has_aux else found)[0]
            terms = [ops.sum(part * w) for part, w in zip(parts, weights, strict=True)]
            return ops.sum(ops.stack(terms))

        gradients = transforms.grad(weighted, count)(*points)
        terms = [ops.sum(g * t) for g, t in zip(gradients, directions, strict=True)]
        return ops.sum(ops.stack(terms))

    derivatives = transforms.grad(along)([ops.zeros_like(as_tensor(leaf)) for leaf in leaves])
    result = value, tree.unflatten(structure, derivatives)
    return (*result, aux) if has_aux else result


# ---- axes ----------------------------------------------------------------------------------------
def _groups(side: str) -> list[list[str]]:
    """ "b (h w) c" as [["b"], ["h", "w"], ["c"]]."""
    parts = re.findall(r"\([^)]*\)|\w+", side)
    return [re.findall(r"\w+", part) for part in parts]


@operation
def rearrange(tensor: ArrayLike, pattern: str, **axes_lengths: int) -> Tensor:
    """Axes divided, moved and joined as in einops: "b (h p) c -> b h (p c)" with p=2."""
    x = as_tensor(tensor)
    left, arrow, right = pattern.partition("->")
    before, after = _groups(left), _groups(right)
    names = [name for group in before for name in group]
    wanted = [name for group in after for name in group]
    if not arrow or sorted(names) != sorted(wanted) or len(before) != x.ndim:
        raise ArgumentError(
            f"rearrange: {pattern!r} does not fit {x.ndim} axes (expected each name on both sides)"
        )
    lengths: dict[str, Dim] = dict(axes_lengths)
    for group, extent in zip(before, x._type.shape, strict=True):
        unknown = [name for name in group if name not in lengths]
        known = math.prod(lengths[name] for name in group if name in lengths)
        if len(unknown) > 1 or (isinstance(extent, int) and not unknown and known != extent):
            raise ShapeError(
                f"rearrange: ({' '.join(group)}) is not known from an axis of {extent}"
            )
        for name in unknown:
            lengths[name] = extent // known
    apart = ops.reshape(x, tuple(lengths[name] for name in names))
    moved = ops.permute_dims(apart, [names.index(name) for name in wanted])
    return ops.reshape(moved, tuple(math.prod(lengths[name] for name in g) for g in after))


# ---- bits ----------------------------------------------------------------------------------------
_WORDS = {8: types.uint8, 16: types.uint16, 32: types.uint32, 64: types.uint64}


@operation
def view(x: ArrayLike, dtype: DTypeLike = None) -> Tensor:
    """The same bits as another dtype; a width that differs changes the last axis."""
    value = tensor(x)
    found = value.dtype if dtype is None else types.dtype(dtype)
    if found == value.dtype:
        return value
    if "b" in (found.kind, value.dtype.kind):
        raise DTypeError(f"view: bool has no defined bits, got {value.dtype} and {found}")
    if found.bits == value.dtype.bits:
        return bind("bitcast_convert", value, dtype=found)  # type: ignore[no-any-return]
    words = bind("bitcast_convert", value, dtype=_WORDS[value.dtype.bits])
    narrow, wide = (
        _WORDS[min(found.bits, words.dtype.bits)],
        _WORDS[max(found.bits, words.dtype.bits)],
    )
    count = wide.bits // narrow.bits
    shifts = ops.asarray([narrow.bits * k for k in range(count)], dtype=wide)
    if found.bits < words.dtype.bits:
        parts = ops.bitwise_right_shift(ops.expand_dims(words, axis=-1), shifts)
        parts = ops.bitwise_and(parts, ops.asarray(2**narrow.bits - 1, dtype=wide))
        flat = ops.reshape(parts, (*value._type.shape[:-1], value._type.shape[-1] * count))
        words = ops.cast(flat, narrow)
    else:
        shape = value._type.shape
        parts = ops.cast(ops.reshape(words, (*shape[:-1], shape[-1] // count, count)), wide)
        words = ops.sum(ops.bitwise_left_shift(parts, shifts), axis=-1, dtype=wide)
    return words if found == words.dtype else bind("bitcast_convert", words, dtype=found)
