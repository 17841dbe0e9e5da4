"""Attention over some axes of inputs with more than three: the others join the batch."""

from __future__ import annotations

from typing import Any

from lamina import operations as ops
from lamina.errors import ShapeError
from lamina.tensor import Tensor, as_tensor


class AttentionOverAxes:
    """Query, value and key (batch, ..., features) as `parts` (batch, steps, features).

    The axes that attention runs over become the steps, all others the batch; `restored` undoes it
    for the outputs.
    """

    def __init__(
        self, label: str, axes: tuple[int, ...] | None, query: Tensor, value: Tensor, key: Tensor
    ) -> None:
        rank = query.ndim
        if value.ndim != rank or key.ndim != rank:
            raise ShapeError(
                f"{label}: query, value and key have {rank}, {value.ndim} and {key.ndim} axes; "
                "attention over several axes needs the same number"
            )
        middle = tuple(range(1, rank - 1))
        self.axes = middle if axes is None else tuple(a % rank for a in axes)
        if not set(self.axes) <= set(middle):
            raise ShapeError(
                f"{label}: attention_axes are between batch and features (expected some of "
                f"{middle}, got {axes})"
            )
        self.others = tuple(a for a in middle if a not in self.axes)
        self.query, self.key = query, key
        self.parts = [self._flat(x, (rank - 1,)) for x in (query, value, key)]

    def _flat(self, x: Tensor, last: tuple[int, ...] = ()) -> Tensor:
        """Return (batch * others, steps, features), or a mask without features."""
        moved = ops.permute_dims(x, (0, *self.others, *self.axes, *last))
        return ops.reshape(moved, (self._batch(x), self._steps(x), *(x.shape[a] for a in last)))

    def _batch(self, x: Tensor) -> Any:
        size = x.shape[0]
        for axis in self.others:
            size = size * x.shape[axis]
        return size

    def _steps(self, x: Tensor) -> Any:
        size: Any = 1
        for axis in self.axes:
            size = size * x.shape[axis]
        return size

    def masks(self, query: Any, value: Any, key: Any, attention: Any) -> list[Any]:
        """Return the masks of the parts, and that of pairs of steps."""
        flat = [None if m is None else self._flat(as_tensor(m)) for m in (query, value, key)]
        if attention is None:
            return [*flat, None]
        pairs = as_tensor(attention)
        steps = (self._steps(self.query), self._steps(self.key))
        pairs = ops.reshape(pairs, (pairs.shape[0], *([1] * bool(self.others)), *steps))
        if self.others:
            rest = self._batch(self.query) // self.query.shape[0]
            pairs = ops.broadcast_to(pairs, (self.query.shape[0], rest, *steps))
            pairs = ops.reshape(pairs, (self._batch(self.query), *steps))
        return [*flat, pairs]

    def restored(self, outputs: Any) -> Any:
        """Return outputs, and weights if there are any, with the axes of the query."""
        if isinstance(outputs, tuple):
            output, weights = outputs
            others, steps = (
                tuple(self.query.shape[a] for a in axes) for axes in (self.others, self.axes)
            )
            keys = tuple(self.key.shape[a] for a in self.axes)
            shape = (self.query.shape[0], *others, weights.shape[1], *steps, *keys)
            return self._restored(output), ops.reshape(weights, shape)
        return self._restored(outputs)

    def _restored(self, x: Tensor) -> Tensor:
        order = (0, *self.others, *self.axes)
        rest = x.shape[2:]
        full = ops.reshape(x, (*(self.query.shape[a] for a in order), *rest))
        back = sorted(range(len(order)), key=lambda place: order[place])
        return ops.permute_dims(full, (*back, *range(len(order), full.ndim)))
