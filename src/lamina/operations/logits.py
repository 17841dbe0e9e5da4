"""Logits of probabilities: the argument of the softmax or sigmoid that computed them.

`softmax` and `sigmoid` remember it, so that a cross-entropy of their results is computed from the
logits, however it is written: a loss asks `logits_of`, and `lm.log` of a probability is the
logarithm computed from its logits, which is finite where the probability rounds to 0.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from lamina.tensor import Tensor


class Origin(NamedTuple):
    """`function` of `logits` is the probability, `logarithm` of them its logarithm."""

    function: str
    logits: Tensor
    logarithm: Callable[[Tensor], Tensor]


class _Origins:
    """Results (nodes, or eager tensors) to where they came from; forgets both together.

    Keyed by identity: tensors compare elementwise, so a weak dictionary cannot hold them.
    """

    def __init__(self) -> None:
        self.by_id: dict[int, tuple[weakref.ref[Any], Origin]] = {}

    def remember(self, result: Tensor, origin: Origin) -> None:
        for key in (result, result._node):
            if key is not None:
                mark = id(key)
                reference = weakref.ref(key, functools.partial(self._forget, mark))
                self.by_id[mark] = (reference, origin)

    def _forget(self, mark: int, _: object) -> None:
        self.by_id.pop(mark, None)

    def find(self, tensor: Tensor) -> Origin | None:
        for key in (tensor, tensor._node):
            found = self.by_id.get(id(key)) if key is not None else None
            if found is not None and found[0]() is key:
                return found[1]
        return None


_ORIGINS = _Origins()


def remember(
    result: Tensor, function: str, logits: Tensor, logarithm: Callable[[Tensor], Tensor]
) -> Tensor:
    """The result, of which is known from here on what it was computed from."""
    _ORIGINS.remember(result, Origin(function, logits, logarithm))
    return result


def logits_of(probabilities: Any, /, function: str | None = None) -> Tensor | None:
    """Return the tensor whose softmax or sigmoid this is, or None.

    Results remember their logits while they live, in eager code as well as in traces.

    Args:
        probabilities: tensor, possibly the result of softmax or sigmoid.
        function: "softmax" or "sigmoid" accepts only that function; None accepts both.

    Example:
        >>> import lamina as lm
        >>> lm.logits_of(lm.sigmoid(lm.asarray([0.5]))).tolist()
        [0.5]
    """
    found = _ORIGINS.find(probabilities) if isinstance(probabilities, Tensor) else None
    if found is None or function not in (None, found.function):
        return None
    return found.logits


def logarithm_of(probabilities: Any) -> Tensor | None:
    """The logarithm, computed from the logits; None where these are not known."""
    if not isinstance(probabilities, Tensor) or not _ORIGINS.by_id:
        return None
    found = _ORIGINS.find(probabilities)
    return None if found is None else found.logarithm(found.logits)
