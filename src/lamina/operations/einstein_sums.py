"""`einsum`: sums of products that letters describe, as contractions of two operands at a time."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import Dim
from lamina.ir.typical import guess
from lamina.operations import reductions
from lamina.operations.linear_algebra import contract, diagonal
from lamina.operations.promote import promoted
from lamina.operations.shaping import permute_dims, reshape
from lamina.tensor import Tensor, as_tensor

__all__ = ["einsum"]

MOST_TRIED = 5  # operands for which all orders are tried, which takes milliseconds


def einsum(subscripts: str, /, *operands: Any) -> Tensor:
    """Return sums of products that letters describe: "ij,jk->ik" is a matrix product.

    Args:
        subscripts: letters for the axes of each operand, separated by commas, then "->" and the
            letters of the result. A missing letter is summed over; a letter twice in an operand
            takes its diagonal; "..." stands for axes that broadcast. Without "->", letters that
            occur once remain in alphabetical order.
        *operands: tensors or array-likes, one for each group of letters.

    Example:
        >>> import lamina as lm
        >>> lm.einsum("ij,jk->ik", [[1.0, 2.0]], [[3.0], [4.0]]).tolist()
        [[11.0]]
    """
    inputs, output = _parsed(subscripts, len(operands))
    tensors = promoted(operands)
    inputs, output = _without_ellipsis(subscripts, inputs, output, tensors)
    extents = _extents(subscripts, inputs, tensors)
    terms = [_distinct(t, labels) for t, labels in zip(tensors, inputs, strict=True)]
    for first, second in _order([labels for _, labels in terms], output, extents):
        (y, right), (x, left) = terms.pop(second), terms.pop(first)
        needed = set(output).union(*(labels for _, labels in terms))
        terms.append(_pair(x, left, y, right, needed))
    x, labels = _summed(*terms[0], set(output))
    return permute_dims(x, [labels.index(c) for c in output])


def _parsed(subscripts: str, count: int) -> tuple[list[str], str]:
    text = subscripts.replace(" ", "").replace("...", "^")
    before, arrow, after = text.partition("->")
    inputs = before.split(",")
    letters = set(text) - set("^,->")
    if not all(c.isalpha() for c in letters) or any(s.count("^") > 1 for s in [*inputs, after]):
        raise ArgumentError(f"einsum: cannot read the subscripts {subscripts!r}")
    if len(inputs) != count:
        raise ArgumentError(
            f"einsum: {subscripts!r} names {len(inputs)} operands, {count} were given"
        )
    if not arrow:
        joined = "".join(inputs)
        once = sorted(c for c in set(joined) - {"^"} if joined.count(c) == 1)
        after = ("^" if "^" in joined else "") + "".join(once)
    unknown = set(after) - set("".join(inputs))
    if unknown or len(set(after)) != len(after):
        raise ArgumentError(f"einsum: the result's subscripts in {subscripts!r} are not possible")
    return inputs, after


def _without_ellipsis(
    subscripts: str, inputs: list[str], output: str, tensors: list[Tensor]
) -> tuple[list[str], str]:
    """Each `...` as separate letters, the last of which all operands share."""
    for labels, t in zip(inputs, tensors, strict=True):
        named = len(labels.replace("^", ""))
        if named > t.ndim or (named < t.ndim and "^" not in labels):
            raise ShapeError(
                f"einsum {subscripts!r}: subscripts {labels.replace('^', '...')!r} do not fit "
                f"shape {t.shape}"
            )
    spare = [t.ndim - len(s) + 1 for s, t in zip(inputs, tensors, strict=True) if "^" in s]
    most = max(spare, default=0)
    names = "".join(chr(0xE000 + k) for k in range(most))  # private letters, never typed
    full = [
        s.replace("^", names[most - (t.ndim - len(s) + 1) :]) if "^" in s else s
        for s, t in zip(inputs, tensors, strict=True)
    ]
    return full, output.replace("^", names)


def _extents(subscripts: str, inputs: list[str], tensors: list[Tensor]) -> dict[str, Dim]:
    """The extent of each letter; raises ShapeError if operands disagree."""
    extents: dict[str, Dim] = {}
    for labels, t in zip(inputs, tensors, strict=True):
        for c, n in zip(labels, t._type.shape, strict=True):
            before = extents.setdefault(c, n)
            if before == 1:
                extents[c] = n
            elif n not in (before, 1):
                raise ShapeError(
                    f"einsum {subscripts!r}: subscript {c!r} has extents {before} and {n}"
                )
    return extents


def _order(inputs: list[str], output: str, extents: dict[str, Dim]) -> list[tuple[int, int]]:
    """The pairs of terms to contract, first and second position with first < second; the result
    goes to the end of the list. Extents unknown until the program runs count as typical ones.

    `np.einsum_path` finds the order of fewest multiplications: by trying all orders for up to
    `MOST_TRIED` operands, else greedily.
    """
    if len(inputs) <= 2:
        return [(0, 1)] * (len(inputs) - 1)
    letters = dict(zip(extents, string.ascii_letters, strict=False))
    if len(letters) < len(extents):  # more than NumPy can name
        return [(0, 1)] * (len(inputs) - 1)
    named = ["".join(letters[c] for c in labels) for labels in inputs]
    subscripts = ",".join(named) + "->" + "".join(letters[c] for c in output)
    sizes = {c: guess(n) for c, n in extents.items()}
    shapes = [tuple(sizes[c] for c in labels) for labels in inputs]
    dummies = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    how = "optimal" if len(inputs) <= MOST_TRIED else "greedy"
    path, _ = np.einsum_path(subscripts, *dummies, optimize=how)
    return _pairs(path[1:], len(inputs))


def _pairs(path: list[tuple[int, ...]], count: int) -> list[tuple[int, int]]:
    """The steps of a path, each of which takes its terms out and appends their product, as pairs;
    `count`: the number of terms at first."""
    pairs = []
    for step in path:
        first, *others = sorted(step)
        for taken, other in enumerate(others, start=1):
            # after the first pair, the product so far is the last term
            pairs.append((first, other) if taken == 1 else (other - taken, count - 1))
            count -= 1
    return pairs


def _distinct(x: Tensor, labels: str) -> tuple[Tensor, str]:
    """A letter twice in one operand becomes its diagonal: before "iij", after "ij"."""
    for c in labels:
        while labels.count(c) > 1:
            first = labels.index(c)
            second = labels.index(c, first + 1)
            x = diagonal(x, axis1=first, axis2=second)
            labels = labels[:first] + labels[first + 1 : second] + labels[second + 1 :] + c
    return x, labels


def _summed(x: Tensor, labels: str, needed: set[str]) -> tuple[Tensor, str]:
    """x summed over the letters that are not needed any more."""
    axes = tuple(d for d, c in enumerate(labels) if c not in needed)
    if not axes:
        return x, labels
    kept = "".join(c for c in labels if c in needed)
    return as_tensor(reductions.sum(x, axes), x.dtype), kept


def _pair(x: Tensor, left: str, y: Tensor, right: str, needed: set[str]) -> tuple[Tensor, str]:
    """Two operands as one: a contraction over the letters that end here."""
    x, left = _summed(x, left, needed | set(right))
    y, right = _summed(y, right, needed | set(left))
    x, left, y, right = *_without_ones(x, left, y, right), *_without_ones(y, right, x, left)
    shared = [c for c in left if c in right]
    batch = [c for c in shared if c in needed]
    gone = [c for c in shared if c not in needed]

    def places(labels: str, names: list[str]) -> list[int]:
        return [labels.index(c) for c in names]

    result = contract(
        x, y, (places(left, gone), places(right, gone)), (places(left, batch), places(right, batch))
    )
    rest = [c for c in left if c not in shared] + [c for c in right if c not in shared]
    return result, "".join(batch + rest)


def _without_ones(x: Tensor, labels: str, y: Tensor, other: str) -> tuple[Tensor, str]:
    """x without its axes of extent 1 that broadcast against longer ones of y."""
    drop = {
        c
        for c, n in zip(labels, x._type.shape, strict=True)
        if n == 1 and c in other and y._type.shape[other.index(c)] != 1
    }
    if not drop:
        return x, labels
    shape = tuple(n for c, n in zip(labels, x.shape, strict=True) if c not in drop)
    return reshape(x, shape), "".join(c for c in labels if c not in drop)
