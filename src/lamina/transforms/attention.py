"""Scaled dot-product attention that stores no scores for its gradient.

    scores = query key^T;  weights = softmax(scores);  outputs = dropout(weights) value

The value keeps of each query only the largest score and the sum of the exponentials; the gradient
computes the weights again from them (Dao et al., 2022, FlashAttention, section 3.1). Where the
scores of one head are large (`MOST_SCORES`), value and gradient are scans over blocks of queries,
and memory is linear in the length:

    for a block of queries:  weights -> outputs                         (batch, heads, block, keys)
    for a block of queries:  weights -> d query;  d key, d value += ...

Causal attention is computed in `PARTS` parts, each without the keys that all of its queries
exclude. Blocks depend on shapes only, so that bits do not depend on the number of threads. The
random bits of dropout are those of the whole array of weights, by position.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from lamina import operations as ops
from lamina.ir.types import Dim, bool_, is_static, same, uint32, uint64
from lamina.operations import random
from lamina.operations.creation import iota
from lamina.operations.linear_algebra import contract
from lamina.operations.promote import widened
from lamina.operations.random_keys import bits_at
from lamina.tensor import Tensor, as_tensor, bind
from lamina.transforms.gradients import custom_gradient
from lamina.transforms.loops import scan

__all__ = ["attention"]

MOST_SCORES = 1 << 17
"""Scores of one head (512 KiB in float32) that stay in a core's cache between two products. Up to
here all queries are one block."""
BLOCK_SCORES = 1 << 15
"""Scores of one head in a block of queries (128 KiB in float32)."""
LEAST_BLOCK, MOST_BLOCK = 16, 128
"""Queries of a block: fewer do not fill the tiles of a product."""
PARTS = 4
"""Parts of the queries of causal attention: 4 parts compute 5/8 of all scores."""
LEAST_PART = 256
"""Queries of a part of causal attention: fewer are not worth the code of a further part."""
EXCLUDED = -1e30
"""The score of a key that a query excludes."""


@dataclass(frozen=True)
class Dropout:
    """Dropout of attention weights: a fraction in (0, 1) and the key of its random bits."""

    rate: float
    key: Tensor


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    window: int | None = None,
    dropout: Dropout | None = None,
) -> Tensor:
    """Return dropout(softmax(query key^T)) value over the keys that masks leave; 0 without any.

    Args:
        query: scaled queries (batch, queries, heads, features).
        key: keys (batch, keys, heads, features).
        value: values (batch, keys, heads, value features).
        mask: bools that broadcast to (batch, heads, queries, keys); False excludes a key.
        causal: exclude later keys.
        window: exclude keys at least this number of steps away; None for no limit.
        dropout: dropout of the weights; None for none.
    """
    dtype = query.dtype
    q, k, v = (_barrier(ops.swapaxes(widened(x), 1, 2)) for x in (query, key, value))
    batch, heads, queries, _ = q.shape
    keys = k.shape[2]
    whole = _Block(causal, window, dropout, (batch, heads, queries, keys), keys)
    if mask is not None:
        mask = as_tensor(mask, bool_)
        mask = ops.reshape(mask, (1,) * (4 - mask.ndim) + tuple(mask.shape))
        whole = replace(whole, may_be_empty=True)
    elif window is not None and not same(queries, keys):
        whole = replace(whole, may_be_empty=True)
    block = _block_size(queries, keys)
    if block is None:
        means = _whole(whole, mask)(q, k, v)
    else:
        parts = _parts(whole)
        outputs = [_in_blocks(whole, block, part, q, k, v, mask) for part in parts]
        means = outputs[0] if len(outputs) == 1 else ops.concat(outputs, axis=2)
    return as_tensor(ops.swapaxes(means, 1, 2), dtype)


def _block_size(queries: Dim, keys: Dim) -> int | None:
    """Return the queries of a block, None if all of them are one."""
    if not is_static((queries, keys)) or int(queries) * int(keys) <= MOST_SCORES:
        return None
    size = BLOCK_SCORES // int(keys) // LEAST_BLOCK * LEAST_BLOCK
    return min(max(size, LEAST_BLOCK), MOST_BLOCK)


def _parts(whole: _Block) -> list[tuple[int, int]]:
    """Return the first query of each part, and the one after its last."""
    queries = int(whole.shape[2])
    count = min(PARTS, queries // LEAST_PART) if whole.causal else 1
    ends = [queries * (k + 1) // count for k in range(count)] if count > 1 else [queries]
    return list(zip([0, *ends[:-1]], ends, strict=True))


# ---- one block of queries ----------------------------------------------------------------------
@dataclass(frozen=True)
class _Block:
    """Which weights of all, of `shape` (batch, heads, queries, keys), a block computes."""

    causal: bool
    window: int | None
    dropout: Dropout | None
    shape: tuple[Dim, ...]
    keys: Dim
    """Keys that it sees, from the first."""
    may_be_empty: bool = False
    """A query may exclude all keys."""
    first: Tensor | None = None
    """The number of its first query; None: it has all queries."""

    def seen(self, queries: Dim, mask: Tensor | None) -> Tensor | None:
        """Return the mask of its weights, None if all keys are seen."""
        if not self.causal and self.window is None:
            return mask
        row, column = iota((queries, 1), 0), iota((1, self.keys), 1)
        if self.first is not None:
            row = row + self.first
        found = mask
        if self.causal:
            found = row >= column if found is None else ops.logical_and(found, row >= column)
        if self.window is not None:
            near = ops.abs(row - column) < self.window
            found = near if found is None else ops.logical_and(found, near)
        return found

    def kept(self, queries: Dim) -> Tensor | None:
        """Return which weights dropout keeps, None if all."""
        if self.dropout is None:
            return None
        batch, heads, rows, columns = self.shape
        if self.first is None:
            return random.bernoulli(self.shape, 1 - self.dropout.rate, key=self.dropout.key)
        head = iota((batch, heads, 1), 0, dtype=uint64) * heads
        head = head + iota((batch, heads, 1), 1, dtype=uint64)
        row = as_tensor(iota((1, 1, queries), 2) + self.first, uint64)
        start = ops.expand_dims((head * rows + row) * columns, -1)
        offsets = iota((1, 1, 1, self.keys), 3, dtype=uint32)
        below = min(round((1 - self.dropout.rate) * 2.0**32), 2**32 - 1)
        return bits_at(self.dropout.key, start, offsets) < below

    def dropped(self, weights: Tensor, kept: Tensor | None) -> Tensor:
        if kept is None or self.dropout is None:
            return weights
        if self.dropout.rate >= 1:
            return ops.zeros_like(weights)
        return ops.where(kept, weights * (1 / (1 - self.dropout.rate)), 0.0)

    def value(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs, largest scores, and the reciprocals of the sums of exponentials."""
        queries = q.shape[2]
        scores, seen = self._scores(q, k, mask)
        top = ops.max(scores, -1, keepdims=True)
        powers = self._masked(ops.exp(scores - top), seen)
        total = ops.sum(powers, -1, keepdims=True)
        if self.may_be_empty:
            total = ops.where(total == 0, 1.0, total)
        share = 1 / total
        means = _product(self.dropped(powers, self.kept(queries)), v, 3, 2)
        return means * share, top, share

    def gradient(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        mask: Tensor | None,
        top: Tensor,
        share: Tensor,
        slope: Tensor,
        delta: Tensor,
        transposed: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of queries, keys and values.

        Args:
            q: queries of the block.
            k: keys.
            v: values.
            mask: mask of the block.
            top: largest scores.
            share: reciprocals of the sums of exponentials.
            slope: gradient of the outputs.
            delta: inner products of outputs and slope.
            transposed: keys (batch, heads, features, keys) that scores are computed from; None: k.
        """
        scores, seen = self._scores(q, k, mask, transposed)
        weights = self._masked(ops.exp(scores - top), seen) * share
        kept = self.kept(q.shape[2])
        d_value = _product(self.dropped(weights, kept), slope, 2, 2)
        d_weights = self.dropped(_product(slope, v, 3, 3), kept)
        d_scores = weights * (d_weights - delta)
        return _product(d_scores, k, 3, 2), _product(d_scores, q, 2, 2), d_value

    def _scores(
        self, q: Tensor, k: Tensor, mask: Tensor | None, transposed: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the scores, and which keys are seen."""
        seen = self.seen(q.shape[2], mask)
        scores = _product(q, k, 3, 3) if transposed is None else _product(q, transposed, 3, 2)
        return (scores if seen is None else ops.where(seen, scores, EXCLUDED)), seen

    def _masked(self, powers: Tensor, seen: Tensor | None) -> Tensor:
        """Return 0 for excluded keys: the exponentials are 0 unless no key is seen."""
        return ops.where(seen, powers, 0.0) if self.may_be_empty and seen is not None else powers


def _product(x: Tensor, y: Tensor, over_x: int, over_y: int) -> Tensor:
    """Return the products of each head, summed over an axis of x and one of y."""
    return contract(x, y, ((over_x,), (over_y,)), ((0, 1), (0, 1)))


def _barrier(x: Tensor, *after: Tensor) -> Tensor:
    """Return x, stored as its axes are, and computed after some values."""
    return bind("optimization_barrier", x, *after)


def _delta(slope: Tensor, means: Tensor) -> Tensor:
    return ops.sum(slope * means, -1, keepdims=True)


def _whole(block: _Block, mask: Tensor | None) -> Any:
    """Return attention of all queries in one block, with its gradient."""

    @custom_gradient
    def whole(q: Tensor, k: Tensor, v: Tensor) -> Any:
        means, top, share = block.value(q, k, v, mask)
        means = _barrier(means)

        def rule(slope: Tensor) -> tuple[Tensor, ...]:
            slope = _barrier(slope)
            # scores are not kept: these keys make them different ones, computed after the slope
            again = _barrier(ops.swapaxes(k, 2, 3), slope)
            delta = _delta(slope, means)
            return block.gradient(q, k, v, mask, top, share, slope, delta, again)

        return means, rule

    return whole


# ---- several blocks ----------------------------------------------------------------------------
def _in_blocks(
    whole: _Block,
    size: int,
    part: tuple[int, int],
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
) -> Tensor:
    """Return the outputs of the queries of a part, as a scan over blocks of `size` queries."""
    begin, end = part
    keys = min(end, int(whole.keys)) if whole.causal else int(whole.keys)
    block = replace(whole, keys=keys)
    count = -(-(end - begin) // size)
    firsts = ops.arange(begin, end, size, dtype="int32")
    if mask is not None and not same(mask.shape[3], 1):
        mask = mask[..., :keys]
    varies = mask is not None and not same(mask.shape[2], 1)
    masks = _split(mask[:, :, begin:end], count, size) if mask is not None and varies else None
    q, k, v = q[:, :, begin:end], k[:, :, :keys], v[:, :, :keys]

    def rows(x: Tensor) -> Tensor:
        return _split(x, count, size)

    def mask_of(one: Tensor | None) -> Tensor | None:
        return one if varies else mask

    @custom_gradient
    def blocks(q: Tensor, k: Tensor, v: Tensor) -> Any:
        def step(_: None, x: Any) -> tuple[None, tuple[Tensor, ...]]:
            first, q, one = x
            return None, replace(block, first=first).value(q, k, v, mask_of(one))

        _, (means, tops, shares) = scan(step, None, (firsts, rows(q), masks))
        result = _joined(means, end - begin)

        def rule(slope: Tensor) -> tuple[Tensor, ...]:
            def back(sums: Any, x: Any) -> tuple[Any, Tensor]:
                first, q, one, *rest = x
                here = replace(block, first=first)
                d_query, d_key, d_value = here.gradient(q, k, v, mask_of(one), *rest)
                return (sums[0] + d_key, sums[1] + d_value), d_query

            slopes, deltas = rows(slope), rows(_delta(slope, result))
            given = (firsts, rows(q), masks, tops, shares, slopes, deltas)
            (d_key, d_value), d_query = scan(back, (ops.zeros_like(k), ops.zeros_like(v)), given)
            return _joined(d_query, end - begin), d_key, d_value

        return result, rule

    return blocks(q, k, v)


def _split(x: Tensor, count: int, size: int) -> Tensor:
    """(batch, heads, queries, n) -> (blocks, batch, heads, size, n), the last block padded."""
    batch, heads, queries, n = x.shape
    missing = count * size - int(queries)
    if missing:
        x = ops.pad(x, [(0, 0), (0, 0), (0, missing), (0, 0)])
    return ops.moveaxis(ops.reshape(x, (batch, heads, count, size, n)), 2, 0)


def _joined(blocks: Tensor, queries: int) -> Tensor:
    """(blocks, batch, heads, size, n) -> (batch, heads, queries, n)"""
    count, batch, heads, size, n = blocks.shape
    x = ops.reshape(ops.moveaxis(blocks, 0, 2), (batch, heads, count * size, n))
    return x[:, :, :queries]
