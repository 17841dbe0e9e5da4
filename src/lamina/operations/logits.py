"""Logits of probabilities: the argument of the softmax or sigmoid that computed them.

`softmax` and `sigmoid` remember it, so that a cross-entropy of their results is computed from the
logits, however it is written: a loss asks `logits_of`, and `lm.log` of a probability is the
logarithm computed from its logits, which is finite where the probability rounds to 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lamina.annotations import ArrayLike
from lamina.tensor import Tensor


class Origin(NamedTuple):
    """`function` of `logits` is the probability, `logarithm` of them its logarithm."""

    function: str
    logits: Tensor
    logarithm: Callable[[Tensor], Tensor]


def remember(
    result: Tensor, function: str, logits: Tensor, logarithm: Callable[[Tensor], Tensor]
) -> Tensor:
    """The result, of which is known from here on what it was computed from."""
    result._origin = Origin(function, logits, logarithm)
    return result


def logits_of(probabilities: ArrayLike, /, function: str | None = None) -> Tensor | None:
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
    found = _origin_of(probabilities)
    if found is None or function not in (None, found.function):
        return None
    return found.logits


def logarithm_of(probabilities: ArrayLike) -> Tensor | None:
    """The logarithm, computed from the logits; None where these are not known."""
    found = _origin_of(probabilities)
    return None if found is None else found.logarithm(found.logits)


def _origin_of(tensor: Any) -> Origin | None:
    return getattr(tensor, "_origin", None) if isinstance(tensor, Tensor) else None
