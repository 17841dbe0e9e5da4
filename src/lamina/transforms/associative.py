"""`associative_scan`: what an associative function makes of the first 1, 2, 3... elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lamina import tree
from lamina.annotations import NestLike
from lamina.errors import ShapeError
from lamina.ir.types import Extent, same
from lamina.operations import creation, elementwise, joining, shaping
from lamina.operations.creation import iota
from lamina.operations.promote import axis_of
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.closing import tensors
from lamina.transforms.loops import scan

R = TypeVar("R")
Combine = Callable[[list[Tensor], list[Tensor]], list[Tensor]]


def associative_scan(
    f: Callable[[Any, Any], R], elems: NestLike, reverse: bool = False, axis: int = 0
) -> R:
    """Return [x0, f(x0, x1), f(f(x0, x1), x2), ...] along an axis, for an associative f.

    If the length is known, about 2 log2(length) calls of f on shorter and shorter parts suffice;
    otherwise elements are combined one after the other. Gradients flow through it. As in JAX and
    Keras.

    Args:
        f: associative function of two nests like `elems`, each with some of the elements; it
            combines them elementwise.
        elems: nest of tensors of equal length along the axis.
        reverse: start at the end of the axis.
        axis: axis to scan.

    Raises:
        ShapeError: lengths differ, or f gives other shapes or dtypes than it takes.

    Example:
        >>> import lamina as lm
        >>> lm.associative_scan(lm.add, lm.asarray([1.0, 2.0, 3.0])).tolist()
        [1.0, 3.0, 6.0]

    Source: Blelloch (1990), Prefix sums and their applications.
    """
    flat, structure = tensors(elems)
    axes = [axis_of("associative_scan", axis, t.ndim) for t in flat]
    lengths = [t.shape[a] for t, a in zip(flat, axes, strict=True)]
    if not flat or any(not same(n, lengths[0]) for n in lengths):
        raise ShapeError(
            f"associative_scan: the lengths along axis {axis} differ: {[str(n) for n in lengths]}"
            if flat
            else "associative_scan: needs at least one tensor"
        )
    first = [shaping.moveaxis(t, a, 0) for t, a in zip(flat, axes, strict=True)]

    def combine(one: list[Tensor], other: list[Tensor]) -> list[Tensor]:
        """f, on tensors whose first axis is the one along which it goes."""
        back = [
            tree.unflatten(
                structure, [shaping.moveaxis(t, 0, a) for t, a in zip(each, axes, strict=True)]
            )
            for each in (one, other)
        ]
        found, made = tensors(f(*back))
        _check(structure, tree.leaves(back[0]), made, found)
        return [shaping.moveaxis(as_tensor(t), a, 0) for t, a in zip(found, axes, strict=True)]

    if reverse:
        first = [shaping.flip(t, axis=0) for t in first]
        combined = _scanned(combine, first)
        combined = [shaping.flip(t, axis=0) for t in combined]
    else:
        combined = _scanned(combine, first)
    pairs = zip(combined, axes, strict=True)
    return tree.unflatten(structure, [shaping.moveaxis(t, 0, a) for t, a in pairs])


def _scanned(combine: Combine, xs: list[Tensor]) -> list[Tensor]:
    return (_one_by_one if isinstance(xs[0].shape[0], Extent) else _by_halves)(combine, xs)


def _by_halves(combine: Combine, xs: list[Tensor]) -> list[Tensor]:
    """Neighbors are combined, and the half as many results scanned: these are the odd places; the
    even ones are one element further."""
    length = int(xs[0].shape[0])
    if length < 2:
        return xs
    pairs = combine([x[: length - 1 : 2] for x in xs], [x[1::2] for x in xs])
    odd = _by_halves(combine, pairs)
    even = [x[:1] for x in xs]
    if length > 2:
        before = [y[: (length - 1) // 2] for y in odd]
        after = combine(before, [x[2::2] for x in xs])
        even = [joining.concat([e, a], axis=0) for e, a in zip(even, after, strict=True)]
    return [_interleaved(e, o) for e, o in zip(even, odd, strict=True)]


def _interleaved(even: Tensor, odd: Tensor) -> Tensor:
    """even[0], odd[0], even[1], ...; of even there may be one more."""
    count = int(odd.shape[0])
    both = joining.stack([even[:count], odd], axis=1)
    joined = shaping.reshape(both, (2 * count, *odd.shape[1:]))
    return joined if even.shape[0] == count else joining.concat([joined, even[count:]], axis=0)


def _one_by_one(combine: Combine, xs: list[Tensor]) -> list[Tensor]:
    """The first iteration combines the first element with itself, and takes the element instead: so
    no neutral element is needed, and no value comes to f that it may not take."""
    begin = [_first(x) for x in xs]
    is_first = iota((xs[0].shape[0],), 0) == 0

    def turn(carry: list[Tensor], this: Any) -> tuple[list[Tensor], list[Tensor]]:
        new, here = this
        both = combine([c[None] for c in carry], [x[None] for x in new])
        chosen = [elementwise.where(here, x, y[0]) for x, y in zip(new, both, strict=True)]
        return chosen, chosen

    return scan(turn, begin, (xs, is_first))[1]


def _first(x: Tensor) -> Tensor:
    """The first element; where there is none, zeros."""
    end = creation.zeros((1, *x.shape[1:]), dtype=x.dtype)
    return joining.concat([x, end], axis=0)[0]


def _check(structure: Any, given: list[Tensor], made: Any, found: list[Tensor]) -> None:
    was, now = [t._type for t in given], [t._type for t in found]
    if structure != made or was != now:
        raise ShapeError(
            "associative_scan: f must give what it takes, in structure, shapes and dtypes; it took "
            f"({', '.join(map(str, was))}) and gave ({', '.join(map(str, now))})"
        )
